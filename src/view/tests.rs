//! A view of records as they come: in any order, in chunks, again, and more than it keeps.

use super::*;
use crate::policy::record::{Chunk, Transition, TriggerInfo, WindowReport};
use crate::reference::{Activation, Origin, ReferenceId};
use crate::words::{Name, Severity, Time, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

fn sample<T: serde::de::DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap()
}

/// The report of the window that ends at this hour, with these features and their verdicts.
fn report(hour: i64, features: &[(&str, Verdict)]) -> WindowReport {
    let whole: WindowReport = sample(include_str!("../wire/testdata/window-report.json"));
    let end = Time::from_ms(hour * 3_600_000);
    let mut report = WindowReport { decided_at: end, ..whole };
    (report.window.start, report.window.end) = (end.plus_ms(-7_200_000), end);
    let like = report.features[0].clone();
    report.features = features
        .iter()
        .map(|(name, verdict)| {
            let mut feature = like.clone();
            (feature.feature, feature.verdict) = ((*name).into(), *verdict);
            let psi = feature.measures.psi.as_mut().unwrap();
            psi.value = hour as f64 / 100.0;
            feature
        })
        .collect();
    report
}

/// The parts of a report with a feature each.
fn chunks(report: &WindowReport) -> Vec<WindowReport> {
    let total = report.features.len() as u32;
    let part = |(index, feature): (usize, &crate::policy::record::FeatureReport)| {
        let mut part = report.clone();
        part.chunk = Chunk { index: index as u32, total };
        part.features = vec![feature.clone()];
        if index > 0 {
            part.triggers_withheld.clear();
            part.mutes.clear();
            part.unknown_features.clear();
        }
        part
    };
    report.features.iter().enumerate().map(part).collect()
}

fn event(id: &str, hour: i64, transition: Transition, sequence: u32) -> DriftEvent {
    let whole: DriftEvent = sample(include_str!("../wire/testdata/drift-event.json"));
    let mut event = DriftEvent { transition, trigger: None, segment: Vec::new(), ..whole };
    event.id = format!("evt_{id}_{sequence}");
    event.decided_at = Time::from_ms(hour * 3_600_000);
    event.incident.id = format!("inc_{id}");
    event.incident.sequence = sequence;
    event.incident.opened_at = Time::EPOCH;
    event.incident.closed_at = (transition == Transition::Resolved).then_some(event.decided_at);
    event
}

fn key() -> ModelKey {
    let report = report(1, &[]);
    ModelKey { model: report.model, version: report.version, segment: report.segment }
}

fn said(answer: impl serde::Serialize) -> Value {
    serde_json::to_value(answer).unwrap()
}

/// All that a view answers, but for how often it changed.
fn everything(view: &View) -> Value {
    let mut features = Vec::new();
    for name in view.features(&key()) {
        features.push(said(view.feature(&key(), name)));
    }
    let mut all = json!([view.models(None), view.heat_map(&key()), view.latest(&key()), features]);
    all[0]["revision"].take();
    all[0]["models"][0]["revision"].take();
    all[1]["revision"].take();
    all
}

#[test]
fn a_window_shows_in_the_glance_the_heat_map_and_its_features() {
    let mut view = View::default();
    view.report(report(10, &[("amount", Verdict::Ok), ("country", Verdict::Critical)]));
    view.report(report(11, &[("amount", Verdict::Warning), ("country", Verdict::Insufficient)]));
    let glance = said(view.models(None));
    assert_eq!(glance["models"][0]["events_per_second"], json!(482_103.0 / 7200.0));
    assert_eq!(glance["models"][0]["mutes"].as_array().map(Vec::len), Some(3));
    assert_eq!((&glance["models"][0]["windows"], &glance["models"][0]["features"]), (&json!(2), &json!(2)));
    let heat = said(view.heat_map(&key()));
    assert_eq!(heat["windows"]["ends"], json!(["1970-01-01T10:00:00.000Z", "1970-01-01T11:00:00.000Z"]));
    let verdicts: Vec<&str> =
        heat["features"].as_array().unwrap().iter().map(|row| row["verdicts"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["ow", "ci"]);
    let amount = said(view.feature(&key(), "amount"));
    assert_eq!(amount["columns"]["psi"], json!([0.1_f32, 0.11_f32]));
    assert_eq!(amount["latest"]["verdict"], "warning");
    assert!(view.feature(&key(), "other").is_none() && view.heat_map(&ModelKey::whole("x", "")).is_none());
}

#[test]
fn the_size_of_a_change_is_told_in_fifths_of_its_threshold_and_never_below_the_verdict() {
    let mut calm = report(10, &[("amount", Verdict::Ok)]);
    for info in &crate::measure::MEASURES {
        if let Some(measure) = calm.features[0].measures.get_mut(info.measure) {
            (measure.corrected, measure.threshold) = (0.0, None);
        }
    }
    let mut close = calm.clone();
    let psi = close.features[0].measures.psi.as_mut().unwrap();
    (psi.corrected, psi.threshold) = (0.09, Some(0.1));
    close.window.end = Time::from_ms(11 * 3_600_000);
    let mut missing = calm.clone();
    missing.features[0].verdict = Verdict::Drift;
    missing.window.end = Time::from_ms(12 * 3_600_000);
    let mut view = View::default();
    [calm, close, missing].into_iter().for_each(|report| view.report(report));
    assert_eq!(said(view.heat_map(&key()))["features"][0]["sizes"], ".45");
}

#[test]
fn the_oldest_windows_go_first_and_are_counted() {
    let mut view = View::new(Limits { windows: 3, ..Limits::default() });
    (0..5).for_each(|hour| view.report(report(hour, &[("a", Verdict::Ok)])));
    assert_eq!((view.windows(&key()), view.dropped.windows), (3, 2));
    let mut view = View::new(Limits { cells: 7, ..Limits::default() });
    (0..5).for_each(|hour| view.report(report(hour, &[("a", Verdict::Ok), ("b", Verdict::Ok)])));
    assert_eq!((view.windows(&key()), view.dropped.windows), (3, 2));
    let mut other = report(9, &[("a", Verdict::Ok), ("b", Verdict::Ok)]);
    other.version = "later".into();
    view.report(other);
    assert_eq!((view.windows(&key()), view.dropped.windows), (2, 3), "the oldest over all keys");
}

#[test]
fn models_beyond_the_limit_are_counted_and_not_kept() {
    let mut view = View::new(Limits { keys: 1, ..Limits::default() });
    let mut other = report(2, &[("a", Verdict::Ok)]);
    other.model = "other".into();
    view.report(report(1, &[("a", Verdict::Ok)]));
    view.report(other);
    assert_eq!((view.keys().count(), view.dropped.reports), (1, 1));
}

#[test]
fn a_feature_that_no_kept_window_has_is_forgotten() {
    let mut view = View::new(Limits { windows: 1, ..Limits::default() });
    view.report(report(1, &[("gone", Verdict::Ok)]));
    view.report(report(2, &[("here", Verdict::Ok)]));
    assert_eq!(view.features(&key()), [&Name::from("here")]);
}

#[test]
fn an_incident_is_open_until_it_is_resolved_whatever_came_first() {
    let (opened, closed) = (event("a", 1, Transition::Detected, 1), event("a", 2, Transition::Resolved, 2));
    for order in [[&opened, &closed], [&closed, &opened]] {
        let mut view = View::default();
        view.event(order[0].clone());
        view.event(order[1].clone());
        view.event(event("b", 1, Transition::Detected, 1));
        let ids = |state| -> Vec<String> {
            view.incidents(state).map(|answer| answer.event.incident.id.clone()).collect()
        };
        assert_eq!(
            (ids(Some(State::Open)), ids(Some(State::Closed))),
            (vec!["inc_b".into()], vec!["inc_a".into()])
        );
        let newest = view.events(None, 1).events[0];
        assert_eq!(newest.transition, Transition::Resolved);
    }
}

#[test]
fn closed_incidents_make_room_for_open_ones() {
    let mut view = View::new(Limits { events: 2, ..Limits::default() });
    view.event(event("open", 1, Transition::Detected, 1));
    view.event(event("shut", 2, Transition::Resolved, 2));
    view.event(event("new", 3, Transition::Detected, 1));
    let kept: Vec<String> = view.incidents(None).map(|answer| answer.event.incident.id.clone()).collect();
    assert_eq!(kept, ["inc_open", "inc_new"]);
    assert_eq!(view.dropped.events, 1);
}

#[test]
fn open_incidents_count_for_their_own_version_and_segment() {
    let mut view = View::default();
    view.report(report(3, &[("a", Verdict::Ok)]));
    let mut ours = event("a", 1, Transition::Detected, 1);
    (ours.model, ours.version, ours.segment) = (key().model, key().version, key().segment);
    ours.severity = Severity::Drift;
    let mut theirs = ours.clone();
    (theirs.incident.id, theirs.version) = ("inc_b".into(), "another".into());
    view.event(ours);
    view.event(theirs);
    let glance = view.models(Some(&key().model)).models.remove(0);
    assert_eq!((glance.open_incidents, glance.worst_open), (1, Some(Severity::Drift)));
}

#[test]
fn a_trigger_is_open_until_its_life_is_over() {
    let trigger: RetrainingTrigger = sample(include_str!("../wire/testdata/retraining-trigger.json"));
    let mut view = View::default();
    view.trigger(trigger.clone());
    let life = |state: &str, hour| {
        let info = TriggerInfo { id: trigger.id.clone(), state: state.into(), outcome: None, run_url: None };
        DriftEvent { trigger: Some(info), ..event(state, hour, Transition::Expired, 1) }
    };
    let open = |view: &View| view.triggers(Some(State::Open)).count();
    assert_eq!(open(&view), 1);
    view.event(life("acknowledged", 1));
    assert_eq!(open(&view), 1);
    view.event(life("expired", 2));
    let over: Vec<_> =
        view.triggers(Some(State::Closed)).map(|answer| answer.life.unwrap().state.clone()).collect();
    assert_eq!((open(&view), over), (0, vec!["expired".to_owned()]));
    assert_eq!(view.incidents(None).count(), 0, "a trigger's life is no incident");
}

#[test]
fn references_are_told_with_their_activations_and_forgotten_when_retired() {
    let activation = Activation {
        schema_version: 1,
        r#type: "reference_activation".into(),
        model: "fraud".into(),
        version: "7".into(),
        effective_from: Time::EPOCH,
        reference_id: ReferenceId::from("ref_1"),
        origin: Origin::Training,
        trigger_id: None,
        actor: "me".into(),
        reason: None,
        published_at: Time::EPOCH,
    };
    let mut view = View::default();
    view.activation(activation.clone());
    view.activation(activation.clone());
    assert_eq!(view.references(Some("fraud")).activations, [&activation]);
    assert!(view.references(Some("other")).activations.is_empty());
    view.remove_activation(&activation.model, &activation.version, Time::EPOCH, &activation.reference_id);
    assert!(view.references(None).activations.is_empty());
}

proptest! {
    #[test]
    fn any_order_chunking_and_repetition_of_reports_gives_the_same_answers(
        picks in prop::collection::vec((0_i64..6, 0_usize..8), 1..12),
        shuffled in any::<prop::sample::Index>(),
    ) {
        let verdicts = [Verdict::Ok, Verdict::Warning, Verdict::Drift, Verdict::Critical];
        let windows: std::collections::BTreeMap<i64, WindowReport> = picks
            .iter()
            .map(|(hour, mask)| {
                let features: Vec<(&str, Verdict)> = ["a", "b", "c"]
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| mask & (1 << at) != 0)
                    .map(|(at, name)| (*name, verdicts[(*hour as usize + at) % 4]))
                    .collect();
                (*hour, report(*hour, &features))
            })
            .collect();
        let mut plain = View::default();
        windows.values().for_each(|report| plain.report(report.clone()));

        let parts = |report: &WindowReport| match report.features.len() {
            0 => vec![report.clone()],
            _ => chunks(report),
        };
        let mut pieces: Vec<WindowReport> = windows.values().flat_map(parts).collect();
        pieces.extend(windows.values().cloned());
        let turn = shuffled.index(pieces.len());
        pieces.rotate_left(turn);
        if turn % 2 == 0 {
            pieces.reverse();
        }
        let mut other = View::default();
        pieces.into_iter().for_each(|piece| other.report(piece));
        let mut expected = everything(&plain);
        let mut found = everything(&other);
        // Which part of a report came last is all that may differ.
        expected[2]["chunk"].take();
        found[2]["chunk"].take();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn who_looks_at_an_incident_is_known_from_its_command_and_that_someone_does_from_its_events() {
    let mut view = View::default();
    let mut opened = event("a", 1, Transition::Detected, 1);
    opened.incident.acknowledged_at = None;
    view.event(opened.clone());
    let of = |view: &View| said(view.incidents(None).next().unwrap())["acknowledged"].clone();
    assert_eq!(of(&view), Value::Null);
    let at = Time::from_ms(7_200_000);
    let command = Command::new("cmd_1".into(), "incident.acknowledge", "fraud".into(), "ann", Time::EPOCH);
    let command = Command { target: Some("inc_a".into()), ..command };
    view.command(command.clone());
    view.command(command.clone().answered(Err("no".into()), Some(at)));
    assert_eq!(of(&view), Value::Null, "sent, or refused");
    let mut later = event("a", 3, Transition::Escalated, 2);
    later.incident.acknowledged_at = Some(at);
    view.event(later);
    assert_eq!(of(&view), json!({"at": at, "actor": null}));
    view.command(command.answered(Ok(()), Some(at)));
    view.event(opened);
    assert_eq!(of(&view), json!({"at": at, "actor": "ann"}));
}

#[test]
fn an_incident_is_muted_while_a_mute_of_the_last_window_covers_it() {
    let mut view = View::default();
    let event = DriftEvent { segment: key().segment, ..event("a", 1, Transition::Detected, 1) };
    let muted = |hours: i64| {
        let mute = json!({"id": "cmd_1", "scope": {"version": null, "segment": null, "feature": event.feature},
            "until": Time::from_ms(hours * 3_600_000), "actor": "ann", "reason": null});
        vec![serde_json::from_value(mute).unwrap()]
    };
    view.event(event.clone());
    view.report(WindowReport { mutes: muted(9), ..report(1, &[]) });
    let is_muted = |view: &View| view.incidents(None).next().unwrap().muted;
    assert!(is_muted(&view));
    view.report(WindowReport { mutes: vec![], ..report(2, &[]) });
    assert!(!is_muted(&view));
}
