//! What the input lost before it could be read is told in the windows of whoever it may have been of.

use crate::world::{self, Row, SLIDE_MS};
use driftline::engine::{Drained, Evaluator, Output, Position, Sketcher, SourceState, Taken};
use driftline::event::{BadReason, BadRecord, RowBuffer};
use driftline::policy::record::{WindowInfo, WindowState};
use driftline::reference::References;
use driftline::window::Source;
use driftline::words::Time;
use std::collections::BTreeMap;

fn source() -> Source {
    ("in".into(), 0)
}

fn row(version: &'static str, time_ms: i64) -> Row {
    Row { model: "fraud", version, country: "de", time_ms, x: Some(time_ms as f64), c: "a" }
}

/// Stage 1 of a single partition, from a position.
fn sketcher(next_offset: i64, state: SourceState) -> Sketcher {
    let mut sketcher = Sketcher::new(world::sketcher_settings());
    sketcher.assign(Position { source: source(), next_offset, state });
    sketcher.set_topics(vec![("in".into(), 1)]);
    sketcher
}

fn take(sketcher: &mut Sketcher, offset: i64, row: &Row) -> Taken {
    let mut buffer = RowBuffer::default();
    sketcher.take(0, offset, None, Ok(buffer.of(&row.event())), &References::default())
}

/// Lost records by version and pane.
fn lost(drained: Drained) -> BTreeMap<(String, i64), u64> {
    let deltas = drained.deltas.into_iter().map(|gathered| gathered.into_delta());
    let lost = deltas.map(|delta| ((delta.key.version.to_string(), delta.pane.0), delta.data.flow.lost));
    lost.filter(|(_, lost)| *lost > 0).collect()
}

#[test]
fn whoever_is_read_next_has_a_share_of_what_was_lost_and_the_shares_add_up() {
    let mut sketcher = sketcher(0, SourceState::default());
    (0..10).for_each(|i| _ = take(&mut sketcher, i, &row("1", i)));
    sketcher.lose(&source(), 10, 110);
    for (i, version) in ["1", "1", "2", "1"].into_iter().enumerate() {
        let pane = if i == 0 { 0 } else { SLIDE_MS };
        take(&mut sketcher, 110 + i as i64, &row(version, pane + i as i64));
    }
    // What nobody can read is one of the five, and may have been of anyone.
    let bad = BadRecord { reason: BadReason::Undecodable, message: "not JSON".into() };
    sketcher.take(0, 114, None, Err(bad), &References::default());
    let expected = [(("1".to_owned(), 0), 20), (("1".to_owned(), 1), 40), (("2".to_owned(), 1), 20)];
    assert_eq!(lost(sketcher.drain()), BTreeMap::from(expected));
    // It is told once.
    take(&mut sketcher, 115, &row("1", SLIDE_MS));
    assert_eq!(lost(sketcher.drain()), BTreeMap::new());
}

#[test]
fn until_there_are_rows_what_was_lost_travels_with_the_committed_offset() {
    let mut before = sketcher(5, SourceState::default());
    before.lose(&source(), 5, 12);
    let drained = before.drain();
    assert_eq!(drained.positions.len(), 1, "the skip is worth a commit");
    let Position { next_offset, state, .. } = drained.positions[0].clone();
    assert_eq!(next_offset, 12);
    let mut after = sketcher(next_offset, SourceState::from_metadata(&state.to_metadata()));
    take(&mut after, 12, &row("1", 0));
    assert_eq!(lost(after.drain()), BTreeMap::from([(("1".to_owned(), 0), 7)]));
    // Metadata of before there was such a count are read as they were.
    assert_eq!(SourceState::from_metadata(r#"{"max_time_ms":3,"unrouted":4}"#).lost, 0);
}

#[test]
fn a_log_that_was_cut_back_is_read_from_its_start_and_nobody_knows_what_it_had() {
    let mut sketcher = sketcher(100, SourceState::default());
    sketcher.lose(&source(), 100, 0);
    assert_eq!(take(&mut sketcher, 0, &row("1", 0)), Taken::Counted);
    assert_eq!(lost(sketcher.drain()), BTreeMap::new());
}

#[test]
fn windows_say_how_much_they_lost_and_one_that_lost_too_much_is_not_judged() {
    let (mut sketcher, references) = (sketcher(0, SourceState::default()), world::references());
    let (mut evaluator, mut buffer) = (Evaluator::new(world::evaluator_settings()), RowBuffer::default());
    let mut windows: Vec<WindowInfo> = Vec::new();
    for i in 0..12_000 {
        if i == 4500 {
            sketcher.lose(&source(), i, i + 1000);
        }
        let offset = if i < 4500 { i } else { i + 1000 };
        sketcher.take(0, offset, None, Ok(buffer.of(&row("1", i).event())), &references);
        if i % 500 < 499 {
            continue;
        }
        let drained = sketcher.drain();
        for delta in drained.deltas {
            evaluator.merge(evaluator.next_offset(), Time::EPOCH, delta.into_delta(), &references);
        }
        if let Some(progress) = drained.progress {
            evaluator.hear(evaluator.next_offset(), Time::EPOCH, &progress, &references);
        }
        windows.extend(evaluator.take_outputs().into_iter().filter_map(|output| match output {
            Output::Report(report) if report.segment.is_empty() => Some(report.window),
            _ => None,
        }));
    }
    for window in &windows {
        let has_lost = (5..=8).contains(&(window.end.ms() / SLIDE_MS));
        assert_eq!(window.lost, if has_lost { 1000 } else { 0 }, "{window:?}");
        let completeness = window.events as f64 / (window.events + window.lost) as f64;
        assert_eq!(window.completeness, completeness);
        // Four thousand of five are less than nine tenths.
        assert_eq!(window.state == WindowState::Insufficient, has_lost, "{window:?}");
    }
    assert!(windows.len() > 9, "{}", windows.len());
}
