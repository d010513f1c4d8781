//! What comes out of a stream: counts that add up, and a drift that is found, told and acted on.

use crate::world::{self, Row, comparable};
use driftline::engine::{EvaluatorSettings, Output, Pipeline, Taken};
use driftline::policy::record::{Category, Transition, WindowState};
use driftline::policy::{Early, Suffixes};
use driftline::words::Verdict;
use std::sync::Arc;

fn run(rows: &[Row], partitions: i32, commit_every: usize) -> (Vec<Output>, Pipeline, [u64; 2]) {
    run_with(world::evaluator_settings(), rows, partitions, commit_every)
}

pub fn run_with(
    evaluator: Arc<EvaluatorSettings>,
    rows: &[Row],
    partitions: i32,
    commit_every: usize,
) -> (Vec<Output>, Pipeline, [u64; 2]) {
    let topics = vec![("in".into(), partitions)];
    let sketcher = world::sketcher_settings();
    let mut pipeline = Pipeline::new(sketcher, evaluator, world::references(), topics);
    let mut offsets = vec![0; partitions as usize];
    let mut outputs = Vec::new();
    let (mut counted, mut late) = (0, 0);
    for (i, row) in rows.iter().enumerate() {
        let partition = i % partitions as usize;
        match pipeline.take("in", partition as i32, offsets[partition], None, Ok(row.event())) {
            Taken::Counted => counted += 1,
            Taken::Late { .. } => late += 1,
            other => panic!("{other:?}"),
        }
        offsets[partition] += 1;
        if i % commit_every == commit_every - 1 {
            outputs.extend(pipeline.commit());
        }
    }
    outputs.extend(pipeline.commit());
    (outputs, pipeline, [counted, late])
}

fn reports(outputs: &[Output]) -> impl Iterator<Item = &driftline::policy::record::WindowReport> {
    outputs.iter().filter_map(|output| match output {
        Output::Report(report) => Some(&**report),
        _ => None,
    })
}

#[test]
fn every_row_is_in_exactly_one_pane_or_late_or_open() {
    let rows = world::stream(1, 20_000, 1500);
    let (outputs, pipeline, [counted, late]) = run(&rows, 3, 777);
    assert!(late > 0, "the stream has late rows");
    // Windows of four panes count each closed pane four times, but for the first and last ones:
    // the pane's own rows are what a window has more than the one before it has left of it.
    let mut closed = 0;
    let mut told_late = 0;
    for (model, version) in [("fraud", "1"), ("fraud", "2"), ("churn", "")] {
        let whole: Vec<_> = reports(&outputs)
            .filter(|report| {
                (&*report.model, &*report.version) == (model, version) && report.segment.is_empty()
            })
            .collect();
        // Ends of full windows four panes apart, and what the last one left over.
        let last = whole.len() - 1;
        let ends: Vec<usize> = (0..=last).rev().step_by(4).collect();
        closed += ends.iter().map(|at| whole[*at].window.events).sum::<u64>();
        told_late += ends.iter().map(|at| whole[*at].window.late).sum::<u64>();
    }
    assert_eq!(closed + pipeline.evaluator().open_rows(), counted);
    assert!(told_late <= late);
    assert_eq!(counted + late, rows.len() as u64);
}

#[test]
fn segments_add_up_to_the_whole() {
    let (outputs, ..) = run(&world::stream(2, 12_000, 200), 2, 1000);
    for whole in reports(&outputs).filter(|report| &*report.model == "fraud" && report.segment.is_empty()) {
        let parts = reports(&outputs).filter(|report| {
            report.decided_at == whole.decided_at
                && report.version == whole.version
                && report.segment.len() == 1
        });
        assert_eq!(parts.map(|part| part.window.events).sum::<u64>(), whole.window.events);
    }
}

#[test]
fn a_shift_is_detected_told_once_and_asks_for_retraining() {
    let (outputs, ..) = run(&world::stream(3, 20_000, 200), 3, 500);
    let events = world::events(&outputs);
    let detected: Vec<_> = events.iter().filter(|event| event.transition == Transition::Detected).collect();
    assert!(
        detected.iter().all(|event| &*event.version == "1" && event.decided_at.ms() > 10_000),
        "{detected:#?}"
    );
    let whole: Vec<_> = detected.iter().filter(|event| event.segment.is_empty()).collect();
    assert_eq!(whole.len(), 1);
    assert_eq!((whole[0].feature.as_deref(), whole[0].category), (Some("x"), Category::Distribution));
    assert!(whole[0].decided_at.ms() <= 13_000);
    let triggers: Vec<_> = outputs.iter().filter(|output| matches!(output, Output::Trigger(_))).collect();
    assert!(!triggers.is_empty(), "half of the weight drifted");
    let expired = events.iter().filter(|event| event.transition == Transition::Expired).count();
    assert!(expired >= 1, "nobody acted on the trigger within its time");
    let ids: std::collections::BTreeSet<_> = events.iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), events.len(), "an id is told once");
}

#[test]
fn with_suffixes_a_change_is_found_in_the_last_pane_and_dated_whatever_the_commits() {
    let mut settings = EvaluatorSettings::clone(&world::evaluator_settings());
    for (model, _) in settings.models.values_mut() {
        (model.policy.suffixes, model.policy.early) = (Suffixes::All, Early::Off);
    }
    let settings = Arc::new(settings);
    let rows = world::stream(3, 20_000, 200);
    let (outputs, ..) = run_with(settings.clone(), &rows, 3, 500);
    let detected = outputs.iter().find_map(|output| match output {
        Output::Event(event) if event.transition == Transition::Detected => Some(&**event),
        _ => None,
    });
    let event = detected.expect("the shift is found");
    // It begins at 10,000 ms, with the first row of a pane.
    let suffix = event.suffix.expect("in a part of the window");
    assert_eq!((event.decided_at.ms(), suffix.panes), (11_000, 1));
    assert_eq!((suffix.start.ms(), event.incident.onset_estimate), (10_000, suffix.start));
    let (window, tests) = (event.window.expect("a window"), event.tests.expect("tests"));
    assert!(suffix.rows < window.events && tests.shape.expect("a test").suffix == event.suffix);
    let of_part = event.measures.expect("measures").psi.expect("psi").value;
    let of_whole = reports(&outputs)
        .filter(|report| report.decided_at == event.decided_at && report.version == event.version)
        .find(|report| report.segment == event.segment)
        .and_then(|report| {
            report.features.iter().find(|feature| Some(&feature.feature) == event.feature.as_ref())
        })
        .and_then(|feature| feature.measures.psi);
    assert!(of_part > 2.0 * of_whole.expect("psi").value, "the whole window thins it");

    let (other, ..) = run_with(settings, &rows, 3, 37);
    let (one, other) = (comparable(&outputs), comparable(&other));
    for (model, decided) in &one {
        let both = decided.len().min(other[model].len());
        assert_eq!(decided[..both], other[model][..both], "{model}");
    }
}

#[test]
fn windows_are_partial_first_and_judged_by_their_rows() {
    let (outputs, ..) = run(&world::stream(4, 9_000, 100), 1, 300);
    let whole: Vec<_> =
        reports(&outputs).filter(|report| &*report.version == "1" && report.segment.is_empty()).collect();
    assert_eq!(whole[0].window.state, WindowState::Partial);
    assert_eq!(whole[3].window.state, WindowState::Complete);
    assert!(whole.iter().all(|report| report.verdict != Verdict::NoReference));
}

#[test]
fn a_thin_window_reaches_back_pane_by_pane_until_it_has_its_rows_and_says_since_when() {
    let rows = world::stream(6, 14_000, 0);
    let (outputs, ..) = run_with(world::reaching_back(), &rows, 1, 300);
    let panes_of = |version: &str, first: i64, end: i64| {
        let inside =
            |row: &&Row| row.model == "fraud" && (first..end).contains(&(row.time_ms / world::SLIDE_MS));
        rows.iter().filter(inside).filter(|row| row.version == version).count() as u64
    };
    let mut lengths = std::collections::BTreeSet::new();
    for report in reports(&outputs).filter(|report| &*report.model == "fraud" && report.segment.is_empty()) {
        let end = report.window.end.ms() / world::SLIDE_MS;
        let rows_of = |length: &i64| panes_of(&report.version, end - length, end);
        let enough = (4..=8).find(|length| rows_of(length) >= 1000);
        let length = enough.unwrap_or(4);
        assert_eq!(report.window.start.ms(), (end - length) * world::SLIDE_MS);
        assert_eq!(report.window.events, rows_of(&length));
        let is_grown = length > 4;
        assert_eq!(report.window.state == WindowState::Grown, is_grown, "{:?}", report.window);
        assert_eq!(report.window.state == WindowState::Insufficient, enough.is_none());
        for feature in report.features.iter().filter(|_| is_grown) {
            assert_eq!(feature.rows + feature.missing + feature.invalid, report.window.events);
            assert_ne!(feature.verdict, Verdict::Insufficient);
            let mean = feature.summary.current.mean.map(|mean| (mean - 0.5).abs() < 0.05);
            assert_ne!(mean, Some(false), "its values are those of all its panes");
        }
        lengths.insert(length);
    }
    assert!(lengths.len() > 2, "{lengths:?}");
}

#[test]
fn the_same_rows_over_any_number_of_partitions_and_commits_give_the_same() {
    let rows = world::stream(5, 15_000, 250);
    let (one, ..) = run(&rows, 1, 1000);
    for (partitions, commit_every) in [(1, 37), (3, 1000), (3, 5000), (12, 411)] {
        let (other, ..) = run(&rows, partitions, commit_every);
        let (one, other) = (comparable(&one), comparable(&other));
        for (model, decided) in &one {
            // More partitions hold the watermark back: what both have decided must be the same.
            let both = decided.len().min(other[model].len());
            assert!(both > 10);
            assert_eq!(decided[..both], other[model][..both], "{model}, {partitions} partitions");
        }
    }
}

#[test]
fn one_row_of_the_year_1_costs_no_closing_of_all_the_panes_since() {
    let mut rows = world::stream(3, 3000, 0);
    let year_1 = -62_135_596_800_000;
    rows.insert(0, Row { time_ms: year_1, ..rows[0].clone() });
    let started = std::time::Instant::now();
    let (outputs, pipeline, [counted, late]) = run(&rows, 1, 100);
    // The panes between are 62 billion.
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
    assert_eq!((counted, late), (3001, 0));
    let whole = |outputs: &[Output]| -> Vec<u64> {
        let of_fraud = reports(outputs).filter(|report| {
            (&*report.model, &*report.version) == ("fraud", "1") && report.segment.is_empty()
        });
        of_fraud.map(|report| report.window.events).collect()
    };
    let found = whole(&outputs);
    assert_eq!(found[..4], [1, 1, 1, 1], "the old row is in four windows of its own");
    let (without, ..) = run(&rows[1..], 1, 100);
    assert_eq!(found[4..], whole(&without));
    assert!(pipeline.evaluator().open_rows() > 0);
}

#[test]
fn a_feature_that_is_gone_is_a_fault_of_the_schema_told_once_and_holds_back_retraining() {
    let rows: Vec<Row> = (0..20_000_u16)
        .map(|i| Row {
            model: "fraud",
            version: "1",
            country: "de",
            time_ms: i.into(),
            x: Some(f64::from(i) * 0.618_034 % 1.0).filter(|_| !(6000..10_000).contains(&i) && i % 50 > 0),
            c: ["a", "b", "c"][usize::from(i % 3)],
        })
        .collect();
    let mut settings = EvaluatorSettings::clone(&world::evaluator_settings());
    settings.models.values_mut().for_each(|(model, _)| model.policy.early = Early::Off);
    let (outputs, ..) = run_with(Arc::new(settings), &rows, 2, 500);
    let told: Vec<_> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::Event(event) if event.feature.as_deref() == Some("x") && event.segment.is_empty() => {
                let told = " is gone: none of the last 1,000 rows has a value, since about";
                assert!(event.transition == Transition::Resolved || event.explanation.contains(told));
                Some((event.transition, event.category, event.decided_at.ms()))
            }
            _ => None,
        })
        .collect();
    // It is over when the last window with a gap is.
    let expected = [
        (Transition::Detected, Category::Schema, 7 * world::SLIDE_MS),
        (Transition::Escalated, Category::Schema, 9 * world::SLIDE_MS),
        (Transition::Resolved, Category::Schema, 14 * world::SLIDE_MS),
    ];
    assert_eq!(told, expected);
    let withheld =
        reports(&outputs).any(|report| report.triggers_withheld.iter().any(|why| why == "block_on"));
    assert!(withheld && !outputs.iter().any(|output| matches!(output, Output::Trigger(_))));
}
