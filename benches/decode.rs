//! What it costs to decode an event of 25 columns (20 numbers, 5 texts) or of 5: by the reader that
//! learns, by the strict decoder, and to a parser's own tree of values. Run with
//! `cargo bench --bench decode`.

mod support;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use driftline::event::{Decoder, Envelope, Format, Reader};
use std::hint::black_box;
use support::{NARROW, OneSchema, Shape, WIDE};

/// Events in turn, so that no branch is foreseen that is not in a stream.
const EVENTS: usize = 1000;

fn run(criterion: &mut Criterion, name: &str, payloads: &[Vec<u8>], mut work: impl FnMut(&[u8]) -> bool) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(payloads.len() as u64));
    group.bench_function(name, |bench| {
        bench.iter(|| payloads.iter().filter(|payload| work(black_box(payload))).count());
    });
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    for (shape, columns) in [(WIDE, 25), (NARROW, 5)] {
        let payloads: Vec<Vec<u8>> = shape.json(2, EVENTS).into_iter().map(String::into_bytes).collect();
        let decoder = || Decoder::new(Format::Json, Envelope::driftline());
        let mut reader = Reader::new(decoder());
        run(criterion, &format!("json_{columns}"), &payloads, |payload| {
            reader.read(Some(payload), None, None).is_ok()
        });
        let decoder = decoder();
        run(criterion, &format!("json_{columns}/strict"), &payloads, |payload| {
            decoder.decode(Some(payload), None, None).is_ok()
        });
        run(criterion, &format!("json_{columns}/serde_json_value"), &payloads, |payload| {
            serde_json::from_slice::<serde_json::Value>(payload).is_ok()
        });
        avro(criterion, shape, columns);
    }
}

fn avro(criterion: &mut Criterion, shape: Shape, columns: usize) {
    let payloads = shape.avro(2, EVENTS);
    let decoder = || Decoder::new(Format::Avro { schemas: OneSchema::of(shape) }, Envelope::driftline());
    let mut reader = Reader::new(decoder());
    run(criterion, &format!("avro_{columns}"), &payloads, |payload| {
        reader.read(Some(payload), None, None).is_ok()
    });
    let decoder = decoder();
    run(criterion, &format!("avro_{columns}/strict"), &payloads, |payload| {
        decoder.decode(Some(payload), None, None).is_ok()
    });
    let schema = Schema::parse_str(&shape.avro_schema()).expect("the schema is well-formed");
    let library = GenericDatumReader::builder(&schema).build().expect("the schema resolves");
    run(criterion, &format!("avro_{columns}/apache_avro_value"), &payloads, |payload| {
        library.read_value(&mut &payload[5..]).is_ok()
    });
}

criterion_group!(benches, decode);
criterion_main!(benches);
