//! What counts as found, and what as raised without cause.

use super::*;
use crate::policy::record::FeatureBrief;
use crate::simulate::{Change, Drift};
use crate::words::Severity;

const HOUR_MS: i64 = 3_600_000;
const START: Time = Time::from_ms(1_772_409_600_000);

/// `amount` drifts in all versions from 4:00 on, `income` in version 8 from 8:00 to 10:00.
fn score() -> Score {
    let drifts = vec![
        Drift::sudden("amount", Change::MeanShift { sigmas: 0.5 }, 4 * HOUR_MS),
        Drift::sudden("income", Change::AllNull, 8 * HOUR_MS).lasting(2 * HOUR_MS).only("8"),
    ];
    Score::new(&Scenario { drifts, ..Scenario::quiet(START) })
}

/// A detection in the window of an hour that ends so many hours after the start.
fn event(version: &str, feature: &str, hours: f64) -> DriftEvent {
    let example = include_str!("../../../wire/testdata/drift-event.json");
    let mut event: DriftEvent = serde_json::from_str(example).expect("the example is a drift event");
    let end = START.plus_ms((hours * HOUR_MS as f64) as i64);
    event.version = version.into();
    event.feature = Some(feature.into());
    event.transition = Transition::Detected;
    event.decided_at = end;
    if let Some(window) = &mut event.window {
        (window.start, window.end) = (end.plus_ms(-HOUR_MS), end);
    }
    event
}

fn delays(score: &Score) -> Vec<Option<f64>> {
    let delay = |row: &Row| row.found.0.as_ref().map(|first| first.delay_seconds);
    score.injected.iter().map(delay).collect()
}

#[test]
fn the_first_event_of_a_drifted_feature_finds_the_drift() {
    let mut score = score();
    score.take(&event("7", "amount", 4.5));
    score.take(&event("8", "amount", 5.0));
    assert_eq!(delays(&score), [Some(1800.0), None]);
    assert_eq!((score.found(), score.unexpected.len()), (1, 0));
    let first = score.injected[0].found.0.as_ref().expect("it was found");
    assert_eq!((&*first.version, first.measure), ("7", "psi"));
}

#[test]
fn an_event_that_no_drift_explains_is_unexpected_and_finds_nothing() {
    let mut score = score();
    score.take(&event("7", "amount", 4.0));
    score.take(&event("7", "country", 9.0));
    score.take(&event("7", "income", 9.0));
    score.take(&event("8", "income", 11.0));
    assert_eq!(delays(&score), [None, None]);
    assert_eq!(score.unexpected.len(), 4);
    score.take(&event("8", "income", 10.5));
    assert_eq!((delays(&score), score.unexpected.len()), (vec![None, Some(9000.0)], 4));
}

#[test]
fn the_end_of_an_incident_raises_nothing() {
    let mut score = score();
    let resolved = DriftEvent { transition: Transition::Resolved, ..event("7", "country", 9.0) };
    score.take(&resolved);
    assert_eq!((score.found(), score.unexpected.len()), (0, 0));
}

#[test]
fn an_event_of_the_whole_model_counts_for_each_feature_that_it_names() {
    let brief = |feature: &str| FeatureBrief {
        feature: feature.into(),
        category: Category::Distribution,
        severity: Severity::Drift,
        incident_id: String::new(),
        psi: None,
    };
    let of_model = |features: &[&str]| DriftEvent {
        feature: None,
        features: features.iter().map(|feature| brief(feature)).collect(),
        ..event("8", "", 8.5)
    };
    let mut score = score();
    score.take(&of_model(&["amount", "income"]));
    assert_eq!((score.found(), score.unexpected.len()), (2, 0));
    score.take(&of_model(&["amount", "country"]));
    assert_eq!(score.unexpected.len(), 1);
}

#[test]
fn in_json_what_was_not_found_is_null() {
    let mut score = score();
    score.take(&event("7", "amount", 4.5));
    let json = serde_json::to_value(&score).expect("it has a JSON form");
    assert_eq!(json["injected"][0]["detected_at"], "2026-03-02T04:30:00.000Z");
    assert_eq!(json["injected"][0]["measure"], "psi");
    let missed = json["injected"][1].as_object().expect("a row");
    assert_eq!(
        (missed["feature"].as_str(), missed["kind"].as_str()),
        (Some("income"), Some("broken_pipeline"))
    );
    for key in ["detected_at", "version", "measure", "value", "delay_seconds"] {
        assert!(missed[key].is_null(), "{key}");
    }
    assert_eq!(json["unexpected"], serde_json::json!([]));
}
