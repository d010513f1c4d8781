//! What a simulated stream promises: the same from the same seed, and drifts when they are due.

use super::*;
use crate::event::Value;
use crate::words::Time;
use std::collections::HashSet;

const START: Time = Time::from_ms(1_772_409_600_000);
const HOUR_MS: i64 = 3_600_000;

fn simulator(drifts: Vec<Drift>) -> Simulator {
    Simulator::new(Scenario { rate: 2.0, drifts, ..Scenario::quiet(START) }, 7).unwrap()
}

/// The first four hours of a stream with these drifts: 28,800 events.
fn events(drifts: Vec<Drift>) -> Vec<SimulatedEvent> {
    simulator(drifts).take(28_800).collect()
}

fn between(events: &[SimulatedEvent], hours: std::ops::Range<f64>) -> Vec<&SimulatedEvent> {
    let at = |hours: f64| START.plus_ms((hours * HOUR_MS as f64) as i64);
    events.iter().filter(|event| (at(hours.start)..at(hours.end)).contains(&event.time)).collect()
}

fn mean(events: &[&SimulatedEvent], feature: &str) -> f64 {
    let numbers: Vec<f64> = events
        .iter()
        .filter_map(|event| match event.get(feature) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        })
        .collect();
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn share(events: &[&SimulatedEvent], is: impl Fn(&SimulatedEvent) -> bool) -> f64 {
    events.iter().filter(|event| is(event)).count() as f64 / events.len() as f64
}

fn is_missing<'a>(feature: &'a str) -> impl Fn(&SimulatedEvent) -> bool + 'a {
    move |event| event.get(feature) == Some(&Value::Missing)
}

fn is_text<'a>(feature: &'a str, text: &'a str) -> impl Fn(&SimulatedEvent) -> bool + 'a {
    move |event| event.get(feature) == Some(&Value::Text(text.into()))
}

fn json(seed: u64, scenario: Scenario) -> Vec<u8> {
    Simulator::new(scenario, seed).unwrap().take(2000).flat_map(|event| event.to_json()).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    assert_eq!(json(1, Scenario::demo()), json(1, Scenario::demo()));
    assert_ne!(json(1, Scenario::demo()), json(2, Scenario::demo()));
}

#[test]
fn the_bytes_of_a_seed_are_the_same_on_every_machine() {
    let first = Simulator::new(Scenario::demo(), 1).unwrap().next().unwrap();
    insta::assert_snapshot!(String::from_utf8(first.to_json()).unwrap());
    let sum = xxhash_rust::xxh3::xxh3_64(&json(1, Scenario::demo()));
    insta::assert_snapshot!(format!("{sum:016x}"));
}

#[test]
fn an_event_is_json_in_the_envelope_of_the_preset() {
    for event in simulator(vec![]).take(500) {
        let json: serde_json::Value = serde_json::from_slice(&event.to_json()).unwrap();
        assert_eq!(json["id"], event.id());
        assert_eq!(json["model"], "fraud");
        assert_eq!(json["version"], *event.version);
        assert_eq!(Time::parse(json["time"].as_str().unwrap()), Some(event.time));
        assert_eq!(json["prediction"], event.prediction);
        assert_eq!(json["segment"]["country"].as_str(), event.country.as_deref());
        let features = json["features"].as_object().unwrap();
        assert_eq!(features.len(), event.features.len());
        for (name, value) in &event.features {
            match value {
                Value::Missing => assert!(features[&**name].is_null()),
                Value::Number(number) => assert_eq!(features[&**name].as_f64(), Some(*number)),
                Value::Bool(value) => assert_eq!(features[&**name], *value),
                Value::Text(text) => assert_eq!(features[&**name], **text),
                other => panic!("{name} is {other:?}"),
            }
        }
    }
}

#[test]
fn there_are_at_least_twenty_features_of_every_kind_and_two_versions() {
    let names: HashSet<_> = feature_names().collect();
    assert!(names.len() >= 20 && names.len() == feature_names().count());
    let events = events(vec![]);
    let all: Vec<_> = events.iter().collect();
    assert!((share(&all, |event| &*event.version == "7") - 0.8).abs() < 0.02);
    assert!((share(&all, |event| &*event.version == "8") - 0.2).abs() < 0.02);
    assert!((share(&all, is_missing("typing_speed")) - 0.08).abs() < 0.01);
    let fraud = all.iter().map(|event| event.prediction).sum::<f64>() / all.len() as f64;
    assert!((0.03..0.3).contains(&fraud), "{fraud}");
    assert!(all.iter().all(|event| (0.0..=1.0).contains(&event.prediction)));
    let kinds: HashSet<_> =
        events[0].features.iter().map(|(_, value)| std::mem::discriminant(value)).collect();
    assert!(kinds.len() >= 3, "numbers, text, booleans");
}

#[test]
fn events_come_at_their_rate_a_little_out_of_order_until_the_end() {
    let scenario = Scenario { rate: 10.0, duration_ms: Some(60_000), ..Scenario::quiet(START) };
    let events: Vec<_> = Simulator::new(scenario, 3).unwrap().collect();
    assert_eq!(events.len(), 600);
    let mut latest = START;
    let mut disorder = 0;
    for (turn, event) in events.iter().enumerate() {
        let late = START.plus_ms(turn as i64 * 100).since_ms(event.time);
        assert!((0..=2000).contains(&late) && event.time >= START && event.number == turn as u64);
        disorder += usize::from(event.time < latest);
        latest = latest.max(event.time);
    }
    assert!(disorder > 300, "{disorder}");
}

#[test]
fn a_drift_leaves_all_else_as_it_was_and_nothing_happens_before_its_time() {
    let quiet = events(vec![]);
    let shift = Drift::sudden("amount", Change::MeanShift { sigmas: 1.0 }, 2 * HOUR_MS);
    let drifted = events(vec![shift]);
    for (quiet, drifted) in quiet.iter().zip(&drifted) {
        if drifted.time < START.plus_ms(2 * HOUR_MS) {
            assert_eq!(quiet, drifted);
        } else {
            let all_else = |event: &SimulatedEvent| event.features[1..].to_vec();
            assert_eq!(all_else(quiet), all_else(drifted));
            assert_ne!(quiet.get("amount"), drifted.get("amount"));
            assert!(drifted.prediction >= quiet.prediction);
        }
    }
}

#[test]
fn a_mean_moves_by_its_sigmas_and_a_scale_widens_around_it() {
    let quiet = events(vec![]);
    let drifted = events(vec![
        Drift::sudden("credit_score", Change::MeanShift { sigmas: -1.0 }, 2 * HOUR_MS),
        Drift::sudden("payments_24h", Change::MeanShift { sigmas: 0.5 }, 2 * HOUR_MS),
        Drift::sudden("debt_to_income", Change::Scale { factor: 1.8 }, 2 * HOUR_MS),
    ]);
    let (quiet, drifted) = (between(&quiet, 2.0..4.0), between(&drifted, 2.0..4.0));
    let moved = |feature| mean(&drifted, feature) - mean(&quiet, feature);
    let spread = |events: &[&SimulatedEvent], feature: &str| {
        let mean = mean(events, feature);
        let squares: f64 = events
            .iter()
            .map(|event| match event.get(feature) {
                Some(Value::Number(number)) => (number - mean).powi(2),
                _ => 0.0,
            })
            .sum();
        (squares / events.len() as f64).sqrt()
    };
    assert!((moved("credit_score") / spread(&quiet, "credit_score") + 1.0).abs() < 0.1);
    assert!((moved("payments_24h") / spread(&quiet, "payments_24h") - 0.5).abs() < 0.1);
    assert!(moved("debt_to_income").abs() < 0.02);
    let widened = spread(&drifted, "debt_to_income") / spread(&quiet, "debt_to_income");
    assert!((1.5..1.9).contains(&widened), "{widened}");
    let is_whole = |event: &SimulatedEvent| matches!(event.get("payments_24h"), Some(Value::Number(x)) if x.fract() == 0.0);
    assert!(drifted.iter().all(|event| is_whole(event)), "counts stay whole");
}

#[test]
fn categories_mix_and_new_ones_come_in_their_share() {
    let events = events(vec![
        Drift::sudden("merchant_category", Change::CategoryMix { share: 0.4 }, 2 * HOUR_MS),
        Drift::sudden("address_matches", Change::CategoryMix { share: 0.5 }, 2 * HOUR_MS),
        Drift::sudden("country", Change::NewCategory { name: "AQ".into(), share: 0.1 }, 2 * HOUR_MS),
    ]);
    let (before, after) = (between(&events, 0.0..2.0), between(&events, 2.0..4.0));
    assert!(share(&before, is_text("merchant_category", "freight")) < 0.02);
    assert!(share(&after, is_text("merchant_category", "freight")) > 0.08);
    let matches = |event: &SimulatedEvent| event.get("address_matches") == Some(&Value::Bool(true));
    assert!(share(&before, matches) > 0.9 && (share(&after, matches) - 0.5).abs() < 0.03);
    assert_eq!(share(&before, is_text("country", "AQ")), 0.0);
    assert!((share(&after, is_text("country", "AQ")) - 0.1).abs() < 0.01);
    let segment = |event: &SimulatedEvent| event.country.as_deref() == Some("AQ");
    assert!((share(&after, segment) - 0.1).abs() < 0.01);
}

#[test]
fn values_go_missing_stick_or_break_and_come_back_when_it_is_over() {
    let events = events(vec![
        Drift::sudden("ip_risk", Change::Missing { points: 20.0 }, HOUR_MS).lasting(HOUR_MS),
        Drift::sudden("session_seconds", Change::AllNull, HOUR_MS).lasting(HOUR_MS),
        Drift::sudden("typing_speed", Change::Constant, HOUR_MS).lasting(HOUR_MS),
        Drift::sudden("income", Change::UnitChange { factor: 1000.0 }, HOUR_MS).lasting(HOUR_MS),
    ]);
    let hours = [between(&events, 0.0..1.0), between(&events, 1.0..2.0), between(&events, 2.0..4.0)];
    let by_hour = |figure: &dyn Fn(&[&SimulatedEvent]) -> f64| hours.each_ref().map(|events| figure(events));
    let close = |found: [f64; 3], expected: [f64; 3]| {
        found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 0.02)
    };
    assert!(close(by_hour(&|events| share(events, is_missing("ip_risk"))), [0.01, 0.21, 0.01]));
    assert!(close(by_hour(&|events| share(events, is_missing("session_seconds"))), [0.02, 1.0, 0.02]));
    let incomes = by_hour(&|events| mean(events, "income"));
    assert!(incomes[1] > 900.0 * incomes[0] && incomes[2] < 1.1 * incomes[0]);
    let speeds: HashSet<String> =
        hours[1].iter().map(|event| format!("{:?}", event.get("typing_speed"))).collect();
    assert_eq!(speeds.len(), 1, "{speeds:?}");
    assert!(hours[1].iter().all(|event| event.prediction.is_finite()));
}

#[test]
fn a_gradual_drift_grows_and_a_drift_of_a_version_is_in_that_version_only() {
    let events = events(vec![
        Drift::sudden("credit_score", Change::MeanShift { sigmas: 2.0 }, HOUR_MS).gradual(2 * HOUR_MS),
        Drift::sudden("income", Change::AllNull, HOUR_MS).only("8"),
    ]);
    let means =
        [0.0..1.0, 1.0..2.0, 2.0..3.0, 3.0..4.0].map(|hours| mean(&between(&events, hours), "credit_score"));
    assert!(means.windows(2).all(|pair| pair[1] > pair[0] + 15.0), "{means:?}");
    for event in between(&events, 1.0..4.0) {
        assert!(&*event.version == "7" || event.get("income") == Some(&Value::Missing));
    }
    let seven: Vec<_> =
        between(&events, 1.0..4.0).into_iter().filter(|event| &*event.version == "7").collect();
    assert!(share(&seven, is_missing("income")) < 0.05);
}

#[test]
fn reference_rows_are_undrifted_come_before_the_start_and_are_the_same_each_time() {
    let drifting = simulator(vec![Drift::sudden("income", Change::AllNull, 0)]);
    let reference: Vec<_> = drifting.reference_rows(5000).collect();
    assert!(reference.iter().eq(&drifting.reference_rows(5000).collect::<Vec<_>>()));
    assert!(
        reference.is_sorted_by_key(|event| event.time) && reference.iter().all(|event| event.time < START)
    );
    let quiet = events(vec![]);
    let (reference, quiet): (Vec<_>, Vec<_>) = (reference.iter().collect(), quiet.iter().collect());
    assert!(share(&reference, is_missing("income")) < 0.05);
    for feature in feature_names().filter(|name| !mean(&quiet, name).is_nan()) {
        let (a, b) = (mean(&reference, feature), mean(&quiet, feature));
        assert!((a - b).abs() < 0.2 * b.abs().max(0.1), "{feature}: {a} and {b}");
    }
}

#[test]
fn the_schedule_lists_what_it_injects_and_explains_what_follows() {
    let scenario = Scenario::demo();
    let injected = scenario.injected();
    assert_eq!(injected.len(), scenario.drifts.len());
    let kinds: HashSet<_> = injected.iter().map(|drift| drift.kind).collect();
    assert_eq!(kinds.len(), 7, "every kind: {kinds:?}");
    assert_eq!((&*injected[0].feature, injected[0].at), ("amount", scenario.start.plus_ms(4 * HOUR_MS)));
    assert!(Simulator::new(scenario.clone(), 1).is_ok());

    let window =
        |from: i64, to: i64| scenario.start.plus_ms(from * HOUR_MS)..scenario.start.plus_ms(to * HOUR_MS);
    assert!(!scenario.explains("7", "amount", window(0, 4)));
    assert!(scenario.explains("7", "amount", window(3, 5)));
    assert!(!scenario.explains("7", PREDICTION, window(0, 4)));
    assert!(scenario.explains("7", PREDICTION, window(3, 5)), "computed from the amount");
    assert!(!scenario.explains("7", "income", window(8, 9)), "only version 8 breaks");
    assert!(scenario.explains("8", "income", window(8, 9)));
    assert!(!scenario.explains("8", "income", window(10, 12)), "mended after two hours");
    assert!(!scenario.explains("7", "local_hour", window(0, 24)));
    let income = Drift::sudden("income", Change::AllNull, 0);
    let scenario = Scenario { drifts: vec![income], ..Scenario::quiet(START) };
    assert!(!scenario.explains("7", PREDICTION, START..START.plus_ms(1)), "the model does not look at it");
}

#[test]
fn a_scenario_that_can_not_be_is_refused() {
    let refused = |change: &dyn Fn(&mut Scenario)| {
        let mut scenario = Scenario::quiet(START);
        change(&mut scenario);
        Simulator::new(scenario, 1).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let drift = |feature: &'static str, change: Change| {
        refused(&|scenario| scenario.drifts = vec![Drift::sudden(feature, change.clone(), 0)])
    };
    assert!(drift("amounts", Change::AllNull).starts_with("no feature is named `amounts`"));
    assert!(drift("country", Change::Scale { factor: 2.0 }).starts_with("a scale can't happen to `country`"));
    assert!(drift("amount", Change::Missing { points: 120.0 }).contains("out of range"));
    assert!(refused(&|scenario| scenario.rate = 0.0).contains("rate"));
    assert!(refused(&|scenario| scenario.versions.clear()).contains("versions"));
    assert!(
        refused(&|scenario| {
            scenario.drifts = vec![Drift::sudden("amount", Change::Constant, 5).lasting(0)];
        })
        .contains("ends before it starts")
    );
}
