//! More versions than there is room for: who is monitored does not depend on who comes first.

use crate::world::{self, Row, comparable};
use driftline::engine::{EvaluatorSettings, Output, Pipeline};
use driftline::words::Name;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;
use std::sync::Arc;

const VERSIONS: [&str; 6] = ["1", "2", "3", "4", "5", "6"];

fn row(version: &'static str, time_ms: i64, x: f64) -> Row {
    Row { model: "fraud", version, country: "de", time_ms, x: Some(x), c: "a" }
}

/// Rows of the first second in any order, of `late` from the second on, and one that closes all panes.
fn rows(rng: &mut ChaCha8Rng, first: &[&'static str], late: &'static str) -> Vec<Row> {
    let mut rows: Vec<Row> =
        (0..1200).map(|n| row(first[n % first.len()], (n % 1000) as i64, rng.random())).collect();
    rows.extend((0..1200).map(|n| row([late, first[0]][n % 2], 1000 + (n % 1000) as i64, rng.random())));
    rows[..1200].shuffle(rng);
    rows.push(Row { model: "churn", version: "", time_ms: 10_000, ..rows[0].clone() });
    rows
}

/// What is decided of `rows` where there is room for three versions and one segment.
fn decided(rows: &[Row], commit_every: usize) -> Vec<Output> {
    let settings = EvaluatorSettings {
        max_versions: 3,
        max_segments: 1,
        ..EvaluatorSettings::clone(&world::evaluator_settings())
    };
    let topics = vec![("in".into(), 1)];
    let mut pipeline =
        Pipeline::new(world::sketcher_settings(), Arc::new(settings), world::references(), topics);
    let mut outputs = Vec::new();
    for (offset, row) in rows.iter().enumerate() {
        pipeline.take("in", 0, offset as i64, None, Ok(row.event()));
        if offset % commit_every == commit_every - 1 {
            outputs.extend(pipeline.commit());
        }
    }
    outputs.extend(pipeline.commit());
    outputs
}

fn reported(outputs: &[Output]) -> BTreeSet<Name> {
    let version = |output: &Output| match output {
        Output::Report(report) if &*report.model == "fraud" => Some(report.version.clone()),
        _ => None,
    };
    outputs.iter().filter_map(version).collect()
}

/// Rows that no window has because their version had no room.
fn left_out(outputs: &[Output]) -> u64 {
    let rows = |output: &Output| match output {
        Output::Limited { limit: "live_versions", rows, .. } => *rows,
        _ => 0,
    };
    outputs.iter().map(rows).sum()
}

#[test]
fn of_versions_that_come_together_the_smallest_names_are_monitored_whoever_comes_first() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let rows_of = |rng: &mut ChaCha8Rng| rows(rng, &VERSIONS, "2");
    let first = decided(&rows_of(&mut rng.clone()), 100);
    assert_eq!(reported(&first), ["1", "2", "3"].map(Name::from).into());
    assert_eq!(left_out(&first), 600, "every row of the three others is told");
    let mut rows = rows_of(&mut rng.clone());
    for commit_every in [1, 50, 400, 5000] {
        rows[..1200].shuffle(&mut rng);
        let other = decided(&rows, commit_every);
        assert_eq!(comparable(&first), comparable(&other), "commits every {commit_every} rows");
        assert_eq!(left_out(&other), 600);
    }
}

#[test]
fn a_version_that_is_monitored_stays_when_one_before_it_comes_later() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let rows = rows(&mut rng, &["4", "5", "6"], "1");
    for commit_every in [50, 5000] {
        let outputs = decided(&rows, commit_every);
        assert_eq!(reported(&outputs), ["4", "5", "6"].map(Name::from).into());
        assert_eq!(left_out(&outputs), 600);
    }
}

#[test]
fn a_segment_without_room_counts_in_all_traffic() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut rows = rows(&mut rng, &["1"], "1");
    rows.iter_mut().step_by(3).for_each(|row| row.country = "at");
    let outputs = decided(&rows, 100);
    let reports = |segment: &[&str]| {
        let wanted: Vec<Name> = segment.iter().map(|value| Name::from(*value)).collect();
        let events = |output: &Output| match output {
            Output::Report(report) if report.segment == wanted && &*report.model == "fraud" => {
                Some(report.window.events)
            }
            _ => None,
        };
        outputs.iter().filter_map(events).max()
    };
    assert_eq!((reports(&[]), reports(&["at"]), reports(&["de"])), (Some(2400), Some(800), None));
}
