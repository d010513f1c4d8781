//! Columns that the reference does not have: those that come are a fault of the schema, and those that were
//! there from the start are not.

use crate::faults::{PARTITIONS, topics};
use crate::world::{self, SLIDE_MS, comparable};
use driftline::engine::{Output, Pipeline, SketcherSettings};
use driftline::event::Value;
use driftline::policy::record::{Category, Command, DriftEvent, ResolveReason, Scope, Transition};
use driftline::words::{Severity, Time};

/// The stream before its drift, with a column `y` in the rows of fraud/1 that `has` says, by number.
fn decided(sketcher: SketcherSettings, commit: usize, has: impl Fn(usize) -> bool) -> Vec<Output> {
    let settings = world::evaluator_settings();
    decided_in(Pipeline::new(sketcher, settings, world::references(), topics()), commit, has)
}

fn decided_in(mut pipeline: Pipeline, commit: usize, has: impl Fn(usize) -> bool) -> Vec<Output> {
    let rows = &world::stream(7, 40_000, 0)[..18_000];
    let mut outputs = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let mut event = row.event();
        if row.version == "1" && has(at) {
            event.columns.push(("y".into(), Value::Number(at as f64)));
        }
        let (partition, offset) = (at % PARTITIONS, at / PARTITIONS);
        pipeline.take("in", partition as i32, offset as i64, None, Ok(event));
        if at % commit == commit - 1 {
            outputs.extend(pipeline.commit());
        }
    }
    outputs.extend(pipeline.commit());
    outputs
}

fn told(outputs: &[Output]) -> Vec<&DriftEvent> {
    world::events(outputs).into_iter().filter(|event| event.category == Category::Schema).collect()
}

#[test]
fn a_column_that_comes_is_told_once_and_is_over_when_it_goes() {
    let comes = |at: usize| (6_500..12_000).contains(&at);
    let outputs = decided(world::sketcher_settings(), 100, comes);
    let told = told(&outputs);
    let [detected, resolved] = &told[..] else { panic!("{told:#?}") };
    assert_eq!(detected.decided_at.ms(), 7 * SLIDE_MS, "in the first pane that has it, of half of its rows");
    assert_eq!((detected.transition, detected.severity), (Transition::Detected, Severity::Warning));
    assert_eq!((detected.scope, detected.feature.as_deref()), (Scope::Feature, Some("y")));
    assert!(detected.segment.is_empty() && detected.kind.is_none() && detected.tests.is_none());
    assert_eq!(detected.incident.onset_estimate.ms(), 6 * SLIDE_MS);
    let explained = &detected.explanation;
    assert!(explained.starts_with("y of fraud/1 is new: ") && explained.contains("reference does not"));
    assert_eq!(resolved.decided_at.ms(), 13 * SLIDE_MS, "in the first pane without it");
    assert_eq!(resolved.reason, Some(ResolveReason::Recovered));
    assert_eq!(resolved.incident.id, detected.incident.id);

    let other_commits = decided(world::sketcher_settings(), 700, comes);
    assert_eq!(comparable(&outputs), comparable(&other_commits));
}

#[test]
fn one_that_stays_stays_a_warning_until_someone_acts() {
    let outputs = decided(world::sketcher_settings(), 100, |at| at >= 6_000);
    assert_eq!(told(&outputs).len(), 1, "also when the whole window has it");
}

#[test]
fn one_that_was_there_from_the_start_or_has_few_rows_is_no_news() {
    let always = decided(world::sketcher_settings(), 100, |_| true);
    assert!(told(&always).is_empty());
    let is_reported = |output: &Output| matches!(output, Output::Report(report) if report.unknown_features.contains_key("y"));
    assert!(always.iter().any(is_reported), "reports name it");
    let sparse = decided(world::sketcher_settings(), 100, |at| at >= 6_000 && at % 20 == 0);
    assert!(told(&sparse).is_empty(), "thirty rows of a pane");
    let late = decided(world::sketcher_settings(), 100, |at| !(500..6_000).contains(&at));
    assert_eq!(told(&late).len(), 1, "one that was there before the window began comes again");
    let bursts = decided(world::sketcher_settings(), 100, |at| (at / 1_000) % 4 != 2);
    assert!(told(&bursts).is_empty(), "a pane without it, in windows that had it");

    let ignored = SketcherSettings { report_unknown_features: false, ..world::sketcher_settings() };
    assert!(told(&decided(ignored, 100, |at| at >= 6_000)).is_empty());
}

#[test]
fn an_accepted_window_leaves_out_what_the_reference_before_does_not_have_and_says_so() {
    let settings = world::evaluator_settings();
    let mut pipeline = Pipeline::new(world::sketcher_settings(), settings, world::references(), topics());
    let accept = "reference.accept_window";
    let command = Command::new("cmd_1".into(), accept, "fraud".into(), "ann", Time::EPOCH);
    pipeline.command(Command { version: Some("1".into()), ..command }, Time::from_ms(9_000));
    let outputs = decided_in(pipeline, 100, |at| at >= 6_000);
    let made = outputs.iter().find_map(|output| match output {
        Output::Reference(made) => Some(&**made),
        _ => None,
    });
    let made = made.expect("it is accepted");
    assert_eq!((made.features, &*made.left_out), (2, &["y".into()][..]));
}
