//! What it costs to compare a feature of a window with its reference: all measures and all tests, and
//! the merging of 24 panes beside it. Run with `cargo bench --bench measure`.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use driftline::event::Value;
use driftline::measure::{Bins, Dependence, compare};
use driftline::reference::{BuildOptions, FeatureProfile, ProfileBuilder};
use driftline::sketch::{Accumulator, FeatureSketch};
use driftline::words::{Kind, Name};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Zipf};
use std::hint::black_box;

const REFERENCE_ROWS: usize = 50_000;
const PANES: usize = 24;
const PANE_ROWS: usize = 1000;

/// A column by name: its kind, and how its rows are drawn.
type Column = (&'static str, Kind, fn(&mut ChaCha8Rng) -> Value<'static>);

const COLUMNS: [Column; 5] = [
    ("continuous", Kind::Continuous, |dice| {
        Value::Number(Normal::new(0.0, 1.0).expect("a law").sample(dice))
    }),
    ("with_ties", Kind::Continuous, |dice| {
        let value: f64 = Normal::new(2.0, 5.0).expect("a law").sample(dice);
        Value::Number(value.round().max(0.0))
    }),
    ("discrete", Kind::Discrete, |dice| Value::Number(f64::from(dice.random_range(0..40u32)))),
    ("categorical", Kind::Categorical, |dice| {
        let rank: f64 = Zipf::new(200.0, 1.0).expect("a law").sample(dice);
        Value::Text(format!("category {rank}").into())
    }),
    ("boolean", Kind::Boolean, |dice| Value::Bool(dice.random_bool(0.3))),
];

fn sides(column: &Column) -> (FeatureProfile, Vec<FeatureSketch>) {
    let (_, kind, draw) = *column;
    let mut dice = ChaCha8Rng::seed_from_u64(7);
    let name = Name::from("x");
    let kinds = [(name.clone(), kind)].into();
    let mut builder = ProfileBuilder::new(BuildOptions { kinds, ..BuildOptions::default() });
    (0..REFERENCE_ROWS).for_each(|_| builder.push([(&name, &draw(&mut dice))]));
    let reference = builder.finish().expect("rows of one column").features()[0].clone();
    let panes = (0..PANES).map(|_| {
        let mut accumulator = Accumulator::new(kind, reference.basis.clone(), 1000);
        (0..PANE_ROWS).for_each(|_| accumulator.push(&draw(&mut dice)));
        accumulator.finish()
    });
    let panes = panes.collect();
    (reference, panes)
}

fn merged(panes: &[FeatureSketch]) -> FeatureSketch {
    let mut window = FeatureSketch::default();
    panes.iter().for_each(|pane| window.merge(pane));
    window
}

fn measure(criterion: &mut Criterion) {
    for column in &COLUMNS {
        let (reference, panes) = sides(column);
        let window = merged(&panes);
        let mut group = criterion.benchmark_group("measure");
        group.bench_function(format!("compare/{}", column.0), |bench| {
            bench.iter(|| black_box(compare(black_box(&reference), black_box(&window), Dependence::NONE)));
        });
        group.bench_function(format!("top_bins/{}", column.0), |bench| {
            let top = || Bins::of(black_box(&reference), black_box(&window)).map(|bins| bins.top());
            bench.iter(|| black_box(top()));
        });
        group.bench_function(format!("merge_24_panes/{}", column.0), |bench| {
            bench.iter_batched(|| &panes, |panes| black_box(merged(panes)), BatchSize::SmallInput);
        });
        group.finish();
    }
}

criterion_group!(benches, measure);
criterion_main!(benches);
