//! References that are made of first rows: the same under crashes, rebalances and whoever hears when,
//! and what the raw rows say.

use crate::faults::{Bus, InDeltas, PARTITIONS, topics, with_faults};
use crate::world::{self, Row, SLIDE_MS, comparable};
use driftline::engine::{
    Evaluator, EvaluatorSettings, MadeReference, Output, Pipeline, Position, Sketcher, SketcherSettings,
    SourceState,
};
use driftline::event::RowBuffer;
use driftline::policy::record::WindowReport;
use driftline::policy::{BootstrapSettings, ModelSettings, OnMissingReference};
use driftline::reference::{Origin, Profile, References};
use driftline::sketch::Basis;
use driftline::words::{Time, Verdict};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

const LEAD_MS: i64 = 1200;

fn bootstrapping(bootstrap: BootstrapSettings) -> (SketcherSettings, Arc<EvaluatorSettings>) {
    let (mut one, mut two) =
        (world::sketcher_settings(), EvaluatorSettings::clone(&world::evaluator_settings()));
    let bootstraps = |model: &mut ModelSettings| model.on_missing_reference = OnMissingReference::Bootstrap;
    one.models.values_mut().for_each(bootstraps);
    two.models.values_mut().for_each(|(model, _)| bootstraps(model));
    (two.bootstrap, two.lead_ms, two.season) = (bootstrap, LEAD_MS, None);
    (one, Arc::new(two))
}

fn settings(trust_bootstrap: bool) -> BootstrapSettings {
    let (min_duration_ms, max_duration_ms) = (4 * SLIDE_MS, 12 * SLIDE_MS);
    BootstrapSettings { min_rows: 1000, min_duration_ms, max_duration_ms, trust_bootstrap }
}

fn without_faults(rows: &[Row], bootstrap: BootstrapSettings) -> Vec<Output> {
    let (one, two) = bootstrapping(bootstrap);
    let mut pipeline = Pipeline::new(one, two, References::default(), topics());
    let mut outputs = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let (partition, offset) = (i % PARTITIONS, i / PARTITIONS);
        pipeline.take("in", partition as i32, offset as i64, None, Ok(row.event()));
        if i % 700 == 699 {
            outputs.extend(pipeline.commit());
        }
    }
    outputs.extend(pipeline.commit());
    outputs
}

fn made<'o>(outputs: &'o [Output], version: &str) -> Option<&'o MadeReference> {
    outputs.iter().find_map(|output| match output {
        Output::Reference(made) if &*made.model == "fraud" && &*made.version == version => Some(&**made),
        _ => None,
    })
}

fn reports<'o>(outputs: &'o [Output], version: &'o str) -> impl Iterator<Item = &'o WindowReport> {
    outputs.iter().filter_map(move |output| match output {
        Output::Report(report) if &*report.version == version && report.segment.is_empty() => Some(&**report),
        _ => None,
    })
}

#[test]
fn it_is_the_same_whatever_fails_and_whoever_hears_of_it_when() {
    let (mut late_news, mut all_made) = (0, 0);
    for seed in 0..16 {
        let rows = world::stream(seed, 14_000, 900);
        let expected = without_faults(&rows, settings(true));
        let (one, two) = bootstrapping(settings(true));
        let bus = with_faults(Bus::with(&rows, one, &two, References::default()), seed);
        let (wanted, found) = (comparable(&expected), comparable(&bus.outputs));
        for (model, decided) in &wanted {
            for (wanted, found) in decided.iter().zip(&found[model]) {
                assert_eq!(wanted, found, "seed {seed}, model {model}");
            }
            assert_eq!(decided.len(), found[model].len(), "seed {seed}, model {model}");
        }
        assert!(reports(&bus.outputs, "1").all(|report| report.window.conflict == 0), "seed {seed}");
        for version in ["1", "2"] {
            let Some(made) = made(&expected, version) else { continue };
            all_made += 1;
            let from = world::grid().pane_of(made.effective_from);
            let is_late = |delta: &&InDeltas| match delta {
                InDeltas::Delta(delta) => {
                    &*delta.key.version == version && delta.pane >= from && delta.reference.is_none()
                }
                InDeltas::Progress(_) => false,
            };
            late_news += bus.deltas.iter().filter(is_late).count();
        }
    }
    assert!(all_made > 16, "{all_made} references");
    assert!(late_news > 50, "{late_news} deltas were gathered in panes that had a reference");
}

/// Rows of one version in its panes from `start` to before `end`.
pub fn raw<'r>(rows: &'r [Row], version: &'r str, start: Time, end: Time) -> impl Iterator<Item = &'r Row> {
    let is_in = move |row: &&Row| {
        row.model == "fraud" && row.version == version && start.ms() <= row.time_ms && row.time_ms < end.ms()
    };
    rows.iter().filter(is_in)
}

/// Counts of `x` in the bins of the profile, from the rows themselves.
pub fn binned<'r>(profile: &Profile, rows: impl Iterator<Item = &'r Row>) -> Vec<f64> {
    let Basis::Ordered(cells) = &*profile.features()[profile.position("x").unwrap()].basis else {
        panic!("x")
    };
    let ends: Vec<f64> = cells.bin_ends().iter().map(|at| cells.edges()[*at as usize]).collect();
    let mut counts = vec![0.0; ends.len() + 1];
    rows.filter_map(|row| row.x).for_each(|x| counts[ends.iter().filter(|end| **end < x).count()] += 1.0);
    counts
}

#[test]
fn its_counts_and_what_is_measured_by_it_are_those_of_the_raw_rows() {
    let rows = world::stream(5, 20_000, 200);
    let outputs = without_faults(&rows, settings(true));
    let made = made(&outputs, "1").expect("a reference of fraud/1");
    let gathered = || raw(&rows, "1", made.start, made.decided_at);
    assert_eq!((made.start, made.rows), (Time::EPOCH, gathered().count() as u64));
    assert_eq!(made.decided_at, Time::from_ms(4 * SLIDE_MS));
    assert_eq!((made.stable, made.origin, made.features), (Some(true), Origin::Bootstrap, 2));
    assert_eq!(made.effective_from, Time::from_ms(6 * SLIDE_MS));
    let x = &made.profile.features()[made.profile.position("x").unwrap()];
    let Basis::Ordered(cells) = &*x.basis else { panic!("x is a number") };
    let mut counts = vec![0; cells.len()];
    gathered()
        .filter_map(|row| row.x)
        .for_each(|x| counts[cells.edges().iter().filter(|e| **e < x).count()] += 1);
    assert_eq!(x.sketch.tally.cells, counts);
    assert_eq!(x.sketch.tally.missing, gathered().filter(|row| row.x.is_none()).count() as u64);
    let c = &made.profile.features()[made.profile.position("c").unwrap()];
    let Basis::Categories(categories) = &*c.basis else { panic!("c is a category") };
    for (at, name) in categories.names().iter().enumerate() {
        let rows = gathered().filter(|row| row.c == &**name).count() as u64;
        assert_eq!(c.sketch.tally.cells[at], rows, "{name}");
    }

    let before = binned(&made.profile, gathered());
    let judged: Vec<&WindowReport> =
        reports(&outputs, "1").filter(|report| report.reference_id.is_some()).collect();
    assert_eq!(judged[0].window.end, Time::from_ms(7 * SLIDE_MS));
    for report in judged {
        assert_eq!(report.reference_id.as_ref(), Some(&made.reference_id));
        // What it is made of, and what came until it held, is in no window.
        let start = report.window.start.max(made.effective_from);
        let now = binned(&made.profile, raw(&rows, "1", start, report.window.end));
        let (m, n): (f64, f64) = (before.iter().sum(), now.iter().sum());
        let share = |count: f64, all: f64| (count / all).max(1e-4);
        let bins = before.iter().zip(&now).map(|(r, c)| (share(*r, m), share(*c, n)));
        let psi: f64 = bins.map(|(p, q)| (q - p) * (q / p).ln()).sum();
        let feature = report.features.iter().find(|feature| &*feature.feature == "x").unwrap();
        assert_eq!(feature.rows, n as u64);
        let found = feature.measures.psi.unwrap().value;
        assert!((found - psi).abs() < 1e-12, "{}: {found}, {psi} by hand", report.window.end);
    }
    // Until then there is none.
    let waiting = reports(&outputs, "1").filter(|report| report.verdict == Verdict::NoReference);
    assert_eq!(waiting.last().unwrap().window.end, made.effective_from);
}

#[test]
fn drift_from_it_is_told_and_triggers_only_where_it_is_trusted() {
    let rows = world::stream(5, 20_000, 200);
    for trust in [false, true] {
        let outputs = without_faults(&rows, settings(trust));
        let events = outputs.iter().filter_map(|output| match output {
            Output::Event(event) if &*event.version == "1" => Some(event),
            _ => None,
        });
        let origins: Vec<Origin> =
            events.filter_map(|event| Some(event.reference.as_ref()?.origin)).collect();
        assert!(!origins.is_empty() && origins.iter().all(|origin| *origin == Origin::Bootstrap));
        let triggers = outputs.iter().filter(|output| matches!(output, Output::Trigger(_))).count();
        assert_eq!(triggers > 0, trust, "trusted: {trust}, {triggers} triggers");
        let withheld =
            |report: &WindowReport| report.triggers_withheld.iter().any(|why| why == "bootstrap_reference");
        assert_eq!(reports(&outputs, "1").any(withheld), !trust);
    }
}

/// Rows of fraud/1 whose `x` is what `of` makes of a uniform number and the time.
fn rows_of(seed: u64, count: usize, of: impl Fn(f64, i64) -> f64) -> Vec<Row> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let row = |i: usize| Row {
        model: "fraud",
        version: "1",
        country: "de",
        time_ms: i as i64,
        x: Some(of(rng.random(), i as i64)),
        c: "a",
    };
    (0..count).map(row).collect()
}

#[test]
fn halves_that_differ_extend_it_until_they_agree_or_no_longer() {
    // A step in the first half of the first span: over two spans the halves still differ, and so on.
    let step =
        without_faults(&rows_of(1, 25_000, |x, at| if at < 1500 { x + 0.5 } else { x }), settings(true));
    let made_of = made(&step, "1").expect("a reference all the same");
    assert_eq!((made_of.stable, &*made_of.unstable), (Some(false), &["x".into()][..]));
    assert_eq!(made_of.decided_at.ms(), 12 * SLIDE_MS, "the longest time, which is under four spans");
    let reason = made_of.activation(Time::EPOCH).reason.unwrap();
    assert!(reason.ends_with("its halves differ in x"), "{reason}");
    // A cycle of one span: from two spans on the halves agree.
    let cycle = |x: f64, at: i64| if at % (8 * SLIDE_MS) < 4 * SLIDE_MS { x } else { x + 0.3 };
    let longer =
        BootstrapSettings { min_duration_ms: 8 * SLIDE_MS, max_duration_ms: 40 * SLIDE_MS, ..settings(true) };
    let made_of = without_faults(&rows_of(2, 45_000, cycle), longer);
    let made_of = made(&made_of, "1").expect("a reference");
    assert_eq!((made_of.stable, made_of.decided_at.ms()), (Some(true), 16 * SLIDE_MS));
}

#[test]
fn it_takes_rows_enough_and_time_enough_and_none_from_too_far_back() {
    let few = |every: usize| -> Vec<Row> {
        let rows = rows_of(3, 40_000, |x, _| x);
        rows.into_iter().step_by(every).collect()
    };
    let at = |rows: &[Row]| {
        made(&without_faults(rows, settings(true)), "1").map(|made| (made.decided_at.ms(), made.rows))
    };
    assert_eq!(at(&few(1)), Some((4000, 4000)));
    assert_eq!(at(&few(6)), Some((6000, 1000)));
    // A thousandth row comes only after the longest time, whatever is gathered.
    assert_eq!(at(&few(20)), None);
}

#[test]
fn rows_that_a_rolling_change_left_uncounted_are_in_conflict_or_left_out_and_never_missing() {
    let rows = rows_of(4, 9_000, |x, _| x);
    let (gathers, two) = bootstrapping(settings(true));
    // The first pane has rows of an instance that waits alone, the second and third some of them.
    let waits = |i: usize| i < 1000 || (i < 3000 && i.is_multiple_of(4));
    let alone = |from: usize| (from..3000).filter(|i| waits(*i)).count() as u64;
    for is_first in [true, false] {
        let mut instances = [Sketcher::new(world::sketcher_settings()), Sketcher::new(gathers.clone())];
        for (sketcher, partition) in instances.iter_mut().zip(0..) {
            let source = ("in".into(), partition);
            sketcher.assign(Position { source, next_offset: 0, state: SourceState::default() });
            sketcher.set_topics(vec![("in".into(), 2)]);
        }
        let (mut evaluator, mut references) = (Evaluator::new(two.clone()), References::default());
        let (mut buffer, mut outputs) = (RowBuffer::default(), Vec::new());
        for (i, row) in rows.iter().enumerate() {
            let by = usize::from(!waits(i));
            let source = instances[by].source("in", by as i32);
            instances[by].take(source, i as i64, None, Ok(buffer.of(&row.event())), &references);
            if i % 500 < 499 {
                continue;
            }
            // From here on nobody writes to the partition of the one that waits.
            let idle = ("in".into(), 0);
            instances[0].set_idle(&idle, i > 3000);
            let order = if is_first { [0, 1] } else { [1, 0] };
            let drained = order.map(|at| instances[at].drain());
            let (deltas, progress): (Vec<_>, Vec<_>) =
                drained.into_iter().map(|drained| (drained.deltas, drained.progress)).unzip();
            for delta in deltas.into_iter().flatten() {
                let offset = evaluator.next_offset();
                evaluator.merge(offset, Time::EPOCH, delta.into_delta(), &references);
            }
            for progress in progress.into_iter().flatten() {
                evaluator.hear(evaluator.next_offset(), Time::EPOCH, &progress, &references);
            }
            for output in evaluator.take_outputs() {
                if let Output::Reference(made) = &output {
                    references.add_profile(made.profile.clone());
                    references.activate(made.activation(Time::EPOCH));
                }
                outputs.push(output);
            }
        }
        let made = made(&outputs, "1").expect("a reference");
        assert_eq!((made.start.ms(), made.decided_at.ms()), (SLIDE_MS, 5 * SLIDE_MS));
        assert_eq!(made.rows, 4000 - alone(1000));
        let x = &made.profile.features()[made.profile.position("x").unwrap()].sketch.tally;
        assert_eq!((x.missing, x.rows()), (0, made.rows));
        let before = reports(&outputs, "1").find(|report| report.window.end.ms() == 4 * SLIDE_MS).unwrap();
        assert_eq!((before.window.events, before.window.conflict), (4000 - alone(1000), alone(1000)));
    }
}
