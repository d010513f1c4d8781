//! What it costs to decode an event of 25 columns (20 numbers, 5 texts), beside a parser's own tree
//! of values. Run with `cargo bench --bench decode`.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use driftline::event::{Decoder, Envelope, Format, SchemaError, SchemaSource, WriterSchema};
use std::hint::black_box;
use std::sync::Arc;

struct OneSchema(Arc<WriterSchema>);

impl SchemaSource for OneSchema {
    fn by_id(&self, _: u32) -> Result<Arc<WriterSchema>, SchemaError> {
        Ok(self.0.clone())
    }

    fn by_fingerprint(&self, _: u64) -> Result<Arc<WriterSchema>, SchemaError> {
        Ok(self.0.clone())
    }
}

fn number(column: usize) -> f64 {
    (column as f64 + 0.123_456_789) * 10f64.powi(column as i32 % 5 - 1)
}

fn json_payload() -> String {
    let numbers = (0..20).map(|i| format!(r#""number_{i:02}":{}"#, number(i)));
    let texts = (0..5).map(|i| format!(r#""category_{i}":"value-{i}""#));
    let features: Vec<String> = numbers.chain(texts).collect();
    format!(
        r#"{{"id":"0123456789abcdef","model":"fraud","version":"7","time":"2026-03-04T10:00:00.250Z","features":{{{}}},"prediction":0.25}}"#,
        features.join(",")
    )
}

fn avro_schema() -> String {
    let numbers = (0..20).map(|i| format!(r#"{{"name":"number_{i:02}","type":"double"}}"#));
    let texts = (0..5).map(|i| format!(r#"{{"name":"category_{i}","type":"string"}}"#));
    let features: Vec<String> = numbers.chain(texts).collect();
    format!(
        r#"{{"type":"record","name":"Event","fields":[{{"name":"id","type":"string"}},
        {{"name":"model","type":"string"}},{{"name":"version","type":"string"}},
        {{"name":"time","type":{{"type":"long","logicalType":"timestamp-millis"}}}},
        {{"name":"features","type":{{"type":"record","name":"Features","fields":[{}]}}}},
        {{"name":"prediction","type":"double"}}]}}"#,
        features.join(",")
    )
}

fn avro_value() -> Avro {
    let numbers = (0..20).map(|i| (format!("number_{i:02}"), Avro::Double(number(i))));
    let texts = (0..5).map(|i| (format!("category_{i}"), Avro::String(format!("value-{i}"))));
    Avro::Record(vec![
        ("id".into(), Avro::String("0123456789abcdef".into())),
        ("model".into(), Avro::String("fraud".into())),
        ("version".into(), Avro::String("7".into())),
        ("time".into(), Avro::TimestampMillis(1_772_618_400_250)),
        ("features".into(), Avro::Record(numbers.chain(texts).collect())),
        ("prediction".into(), Avro::Double(0.25)),
    ])
}

fn decode(criterion: &mut Criterion) {
    let json = json_payload();
    let mut group = criterion.benchmark_group("decode_json");
    group.throughput(Throughput::Bytes(json.len() as u64));
    let decoder = Decoder::new(Format::Json, Envelope::driftline());
    group.bench_function("event", |bench| {
        bench.iter(|| black_box(decoder.decode(Some(black_box(json.as_bytes())), None, None).is_ok()));
    });
    group.bench_function("serde_json_value", |bench| {
        bench.iter(|| {
            black_box(serde_json::from_slice::<serde_json::Value>(black_box(json.as_bytes())).is_ok())
        });
    });
    group.finish();

    let schema = Schema::parse_str(&avro_schema()).expect("the schema is well-formed");
    let writer = GenericDatumWriter::builder(&schema).build().expect("the schema resolves");
    let datum = writer.write_value_to_vec(avro_value()).expect("the value is of the schema");
    let payload = [&[0; 5][..], &datum].concat();
    let mut group = criterion.benchmark_group("decode_avro");
    group.throughput(Throughput::Bytes(payload.len() as u64));
    let source = OneSchema(Arc::new(WriterSchema::parse(&avro_schema()).expect("the schema is well-formed")));
    let decoder = Decoder::new(Format::Avro { schemas: Arc::new(source) }, Envelope::driftline());
    group.bench_function("event", |bench| {
        bench.iter(|| black_box(decoder.decode(Some(black_box(&payload)), None, None).is_ok()));
    });
    let reader = GenericDatumReader::builder(&schema).build().expect("the schema resolves");
    group.bench_function("apache_avro_value", |bench| {
        bench.iter(|| black_box(reader.read_value(&mut black_box(&payload[5..])).is_ok()));
    });
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
