//! What it costs to sketch numbers from columns in memory, to compare the sketch with its reference,
//! to merge digests and to encode a delta, beside the digest crate's own ways.
//! Run with `cargo bench --bench sketch`.

mod support;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use driftline::engine::Delta;
use driftline::event::Value;
use driftline::measure::{Dependence, compare};
use driftline::reference::Profile;
use driftline::sketch::{Accumulator, Digest};
use driftline::window::PaneData;
use driftline::wire::{DeltaRecord, Encoding};
use driftline::words::{Grid, ModelKey, Pane};
use std::hint::black_box;
use support::WIDE;
use tdigest::TDigest;

const ROWS: usize = 20_000;

/// Numeric columns by name, in the order of the profile, moved by `shift` of their size.
fn columns(profile: &Profile, shift: f64) -> Vec<(usize, Vec<f64>)> {
    let events: Vec<_> = WIDE.events(2, ROWS).collect();
    let column = |i: usize| {
        let at = profile.position(&format!("number_{i:02}")).expect("the reference has the column");
        (at, events.iter().map(|event| event.numbers[i] * (1.0 + shift) + shift).collect())
    };
    (0..WIDE.numbers).map(column).collect()
}

fn accumulator(profile: &Profile, at: usize) -> Accumulator {
    let feature = &profile.features()[at];
    Accumulator::new(feature.kind, feature.basis.clone(), 1000)
}

fn numbers(criterion: &mut Criterion) {
    let profile = WIDE.reference();
    let mut group = criterion.benchmark_group("sketch_numbers");
    group.throughput(Throughput::Elements((ROWS * WIDE.numbers) as u64));
    for (name, shift) in [("as_the_reference", 0.0), ("moved_by_a_half", 0.5), ("moved_away", 50.0)] {
        let columns = columns(&profile, shift);
        group.bench_function(name, |bench| {
            bench.iter(|| {
                for (at, column) in &columns {
                    let mut accumulator = accumulator(&profile, *at);
                    column.iter().for_each(|number| accumulator.push(&Value::Number(*number)));
                    let sketch = accumulator.finish();
                    black_box(compare(&profile.features()[*at], &sketch, Dependence::NONE));
                }
            });
        });
        group.bench_function(format!("{name}/tdigest_alone"), |bench| {
            bench.iter(|| {
                for (_, column) in &columns {
                    let mut digest = TDigest::new_with_size(200);
                    digest.extend_values(column.iter().copied());
                    digest.flush();
                    black_box(digest);
                }
            });
        });
    }
    group.finish();
}

fn merges(criterion: &mut Criterion) {
    let columns = columns(&WIDE.reference(), 0.0);
    let mut sorted: Vec<Vec<f64>> = columns[0].1.chunks(2000).map(<[f64]>::to_vec).collect();
    sorted.iter_mut().for_each(|part| part.sort_by(f64::total_cmp));
    let digest = |part: &Vec<f64>| {
        let mut digest = Digest::default();
        digest.add_sorted(part);
        digest
    };
    let digests: Vec<Digest> = sorted.iter().cycle().take(60).map(digest).collect();
    let native: Vec<TDigest> = sorted
        .iter()
        .cycle()
        .take(60)
        .map(|part| TDigest::new_with_size(200).merge_sorted(part.clone()))
        .collect();
    let mut group = criterion.benchmark_group("merge_60_digests");
    group.bench_function("one_by_one", |bench| {
        bench.iter(|| {
            let mut all = Digest::default();
            digests.iter().for_each(|digest| all.merge(digest));
            black_box(all)
        });
    });
    group.bench_function("tdigest_at_once", |bench| {
        bench.iter_batched(
            || native.clone(),
            |native| black_box(TDigest::merge_digests(native)),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn deltas(criterion: &mut Criterion) {
    let profile = WIDE.reference();
    let columns = columns(&profile, 0.0);
    let mut data = PaneData::default();
    data.flow.events = ROWS as u64;
    data.features = (0..profile.features().len())
        .map(|at| {
            let mut accumulator = accumulator(&profile, at);
            let column = columns.iter().find(|(of, _)| *of == at);
            column
                .into_iter()
                .flat_map(|(_, column)| column)
                .for_each(|n| accumulator.push(&Value::Number(*n)));
            accumulator.push_missing(ROWS as u64 - accumulator.rows());
            accumulator.finish()
        })
        .collect();
    let (key, reference) = (ModelKey::whole("fraud", "7"), Some(profile.id().clone()));
    let delta = Delta { key, pane: Pane(5), reference, data };
    let grid = Grid::new(600_000, 60_000, 10_000).expect("a grid");
    let mut group = criterion.benchmark_group("encode_delta");
    for (name, encoding) in [("avro", Encoding::SingleObject), ("json", Encoding::Json)] {
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let chunks = DeltaRecord::chunks(&delta, Some(&profile), &grid, 1_000_000, encoding);
                black_box(chunks.is_ok())
            });
        });
    }
    let chunks = DeltaRecord::chunks(&delta, Some(&profile), &grid, 1_000_000, Encoding::Json);
    let chunks = chunks.expect("it fits its schema");
    let records: Vec<&DeltaRecord> = chunks.iter().map(|chunk| &chunk.record).collect();
    group.bench_function("serde_json_of_the_record", |bench| {
        bench.iter(|| black_box(serde_json::to_vec(&records).is_ok()));
    });
    group.finish();
}

criterion_group!(benches, numbers, merges, deltas);
criterion_main!(benches);
