//! What the facts say, to the metrics and to the log.

mod contract;

use super::restraint::{LINES_PER_MINUTE, NAMES_SAID_MAX};
use super::*;
use crate::words::{Severity, Time};
use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

thread_local! {
    static HEARD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes into [`HEARD`] of the thread that logs, so that tests beside each other don't mix.
struct Ear;

impl io::Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        HEARD.with_borrow_mut(|heard| heard.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that `act` logs, without times.
fn heard(act: impl FnOnce()) -> Vec<String> {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(|| {
        let log = tracing_subscriber::fmt().without_time().with_target(false).with_ansi(false);
        log.with_max_level(tracing::Level::DEBUG).with_writer(|| Ear).init();
        // Places met by other tests before the log was there are asked again.
        tracing::callsite::rebuild_interest_cache();
    });
    HEARD.take();
    act();
    let text = String::from_utf8(HEARD.take()).unwrap();
    text.lines().map(|line| line.trim().to_owned()).collect()
}

/// Metrics whose log limits run on a clock that stands until it is set, in seconds.
fn metrics() -> (Metrics, Arc<AtomicU64>) {
    let seconds = Arc::new(AtomicU64::new(0));
    let hand = seconds.clone();
    let clock = Clock::by(move || Duration::from_secs(hand.load(Ordering::Relaxed)));
    (Metrics::with_clock("0.0.0", clock), seconds)
}

/// The series of a family with their values, as rendered.
fn series(metrics: &Metrics, family: &str) -> Vec<String> {
    let start = format!("driftline_{family}");
    let is_of_family =
        |line: &&str| line.strip_prefix(&start).is_some_and(|rest| rest.starts_with([' ', '{']));
    let text = metrics.render();
    text.lines().filter(is_of_family).map(|line| line.trim_start_matches(&start).to_owned()).collect()
}

#[test]
fn dead_letters_are_all_counted_and_logged_a_few_times_a_minute_and_reason() {
    let (metrics, seconds) = metrics();
    let lose = |reason| {
        RecordDeadLettered { topic: "events", partition: 0, offset: 1, reason, message: "" }.emit(&metrics);
    };
    let lines = heard(|| {
        (0..100).for_each(|_| lose("no_time"));
        lose("no_model");
    });
    assert_eq!(lines.len() as u64, LINES_PER_MINUTE + 1);
    assert!(lines.iter().all(|line| line.ends_with("left_out=0")), "{lines:?}");
    seconds.store(59, Ordering::Relaxed);
    assert!(heard(|| lose("no_time")).is_empty());
    seconds.store(60, Ordering::Relaxed);
    let lines = heard(|| (0..2).for_each(|_| lose("no_time")));
    assert!(lines[0].ends_with("left_out=96") && lines[1].ends_with("left_out=0"), "{lines:?}");
    assert_eq!(
        series(&metrics, "dead_letters_total"),
        [r#"{reason="no_model"} 1"#, r#"{reason="no_time"} 103"#]
    );
}

#[test]
fn a_missing_reference_is_said_once_and_again_after_there_was_one() {
    let (metrics, _) = metrics();
    let missing = |version| NoReference { model: "fraud", version }.emit(&metrics);
    assert_eq!(heard(|| (0..3).for_each(|_| missing("7"))).len(), 1);
    assert_eq!(heard(|| missing("8")).len(), 1);
    ReferenceActivated { model: "fraud", version: "7", reference: "ref_1", effective_from: Time::EPOCH }
        .emit(&metrics);
    assert_eq!(heard(|| missing("7")).len(), 1);
    assert_eq!(heard(|| missing("8")).len(), 0);
    ModelReleased { model: "fraud" }.emit(&metrics);
    assert_eq!(heard(|| missing("8")).len(), 1);
}

#[test]
fn unknown_models_are_said_once_a_name_and_up_to_a_cap() {
    let (metrics, _) = metrics();
    let lines = heard(|| {
        for number in 0..2 * NAMES_SAID_MAX {
            let model = format!("m{number}");
            UnknownModel { model: &model }.emit(&metrics);
            UnknownModel { model: &model }.emit(&metrics);
        }
    });
    assert_eq!(lines.len(), NAMES_SAID_MAX);
}

#[test]
fn revoked_partitions_take_their_own_figures_with_them() {
    let (metrics, _) = metrics();
    for (topic, partition) in [("events", 0), ("events", 1), ("deltas", 0)] {
        ConsumerLagged { topic, partition, records: 5 }.emit(&metrics);
    }
    WatermarkMoved { topic: "events", partition: 0, lag_seconds: 1.0 }.emit(&metrics);
    RowsUnrouted { topic: "events", partition: 0, rows: 1 }.emit(&metrics);
    RestoreStarted { partition: 0, records: 10 }.emit(&metrics);
    RestoreStarted { partition: 1, records: 10 }.emit(&metrics);

    PartitionsRevoked { stage: Stage::Sketch, partitions: &[("events", 0)], lost: false }.emit(&metrics);
    let lag = series(&metrics, "consumer_lag");
    assert_eq!(lag, [r#"{partition="0",topic="deltas"} 5"#, r#"{partition="1",topic="events"} 5"#]);
    assert!(series(&metrics, "watermark_lag_seconds").is_empty());
    assert!(series(&metrics, "unrouted_rows").is_empty());
    assert_eq!(series(&metrics, "restore_records_remaining").len(), 2);

    PartitionsRevoked { stage: Stage::Evaluate, partitions: &[("deltas", 0)], lost: false }.emit(&metrics);
    assert_eq!(series(&metrics, "consumer_lag"), [r#"{partition="1",topic="events"} 5"#]);
    assert_eq!(series(&metrics, "restore_records_remaining"), [r#"{partition="1"} 10"#]);
}

#[test]
fn incidents_not_named_any_more_are_zero_and_other_versions_stay() {
    let (metrics, _) = metrics();
    let count = |version, open: &[_]| IncidentsCounted { model: "fraud", version, open }.emit(&metrics);
    count("7", &[(Severity::Warning, "quality", 1), (Severity::Drift, "distribution", 2)]);
    count("8", &[(Severity::Drift, "distribution", 4)]);
    count("7", &[(Severity::Drift, "distribution", 1)]);
    assert_eq!(
        series(&metrics, "incident_open"),
        [
            r#"{category="distribution",model="fraud",severity="drift",version="7"} 1"#,
            r#"{category="distribution",model="fraud",severity="drift",version="8"} 4"#,
            r#"{category="quality",model="fraud",severity="warning",version="7"} 0"#,
        ]
    );
}

#[test]
fn a_reason_to_withhold_is_logged_when_it_begins_and_zero_when_it_ends() {
    let (metrics, _) = metrics();
    let count = |withheld: &[_]| TriggersCounted { model: "fraud", open: 0, withheld }.emit(&metrics);
    assert_eq!(heard(|| count(&[("settle", 1)])).len(), 1);
    assert_eq!(heard(|| count(&[("settle", 2)])).len(), 0);
    count(&[]);
    assert_eq!(series(&metrics, "triggers_withheld"), [r#"{model="fraud",reason="settle"} 0"#]);
    assert_eq!(heard(|| count(&[("settle", 1)])).len(), 1);
}

#[test]
fn a_window_that_says_nothing_takes_the_old_share_away() {
    let (metrics, _) = metrics();
    let judge = |drift_share| {
        WindowJudged { model: "fraud", version: "7", end: Time::EPOCH, drift_share }.emit(&metrics);
    };
    judge(Some(0.5));
    judge(None);
    assert!(series(&metrics, "drift_share").is_empty());
    assert_eq!(series(&metrics, "model_insufficient_windows_total"), [r#"{model="fraud"} 1"#]);
}

#[test]
fn a_retired_version_and_a_released_model_take_their_gauges_with_them() {
    let (metrics, _) = metrics();
    for (model, version) in [("fraud", "7"), ("fraud", "8"), ("churn", "7")] {
        WindowJudged { model, version, end: Time::EPOCH, drift_share: Some(0.5) }.emit(&metrics);
        IncidentsCounted { model, version, open: &[(Severity::Drift, "quality", 1)] }.emit(&metrics);
        TriggersCounted { model, open: 1, withheld: &[("settle", 1)] }.emit(&metrics);
        ModelHeard { model, last_event: Time::EPOCH }.emit(&metrics);
    }
    VersionRetired { model: "fraud", version: "7" }.emit(&metrics);
    let shares = series(&metrics, "drift_share");
    assert_eq!(shares, [r#"{model="churn",version="7"} 0.5"#, r#"{model="fraud",version="8"} 0.5"#]);
    assert_eq!(series(&metrics, "trigger_open").len(), 2);
    ModelReleased { model: "fraud" }.emit(&metrics);
    for family in [
        "drift_share",
        "incident_open",
        "trigger_open",
        "triggers_withheld",
        "model_last_event_timestamp_seconds",
    ] {
        let left = series(&metrics, family);
        assert!(left.len() == 1 && left[0].contains(r#"model="churn""#), "{family}: {left:?}");
    }
}

#[test]
fn holdback_is_told_whole() {
    let (metrics, _) = metrics();
    WatermarksCompared { holdback_seconds: &[("events", 0, 1.0), ("events", 1, 2.0)] }.emit(&metrics);
    WatermarksCompared { holdback_seconds: &[("events", 1, 0.5)] }.emit(&metrics);
    let left = series(&metrics, "watermark_holdback_seconds");
    assert_eq!(left, [r#"{partition="1",topic="events"} 0.5"#]);
}
