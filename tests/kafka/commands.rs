//! The commands around the service, on a real broker: topics checked, a stream published, events followed.

use crate::deployment::{Deployment, driftline, driftline_ok, text};
use crate::support::{Producer, brokers, consume_all, unique};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SETTINGS: &str = "[input]\ntopics = ['@INPUT@']\n[[model]]\nname = 'fraud'\n";

#[test]
fn topics_are_checked_on_the_brokers_when_asked_for() {
    let deployment = Deployment::new(2, SETTINGS);
    let config = deployment.config("validate", "");
    driftline_ok(&["validate", "--config", text(&config), "--connect", "--dev"]);

    let strict = driftline(&["validate", "--config", text(&config), "--connect"]);
    let says = String::from_utf8_lossy(&strict.stderr).into_owned();
    assert_eq!(strict.status.code(), Some(2), "{says}");
    let events = deployment.topic("events");
    assert!(says.contains(&format!("topic {events} has 1 replicas; it needs 3")), "{says}");

    let other = std::fs::read_to_string(&config).expect("the configuration is there");
    std::fs::write(&config, other.replace(&deployment.input, "not-there")).expect("it is written");
    let missing = driftline(&["validate", "--config", text(&config), "--connect", "--dev"]);
    let says = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(missing.status.code() == Some(2) && says.contains("not-there"), "{says}");
}

#[test]
fn a_published_stream_is_on_all_partitions_keeps_its_pace_and_is_never_ahead_of_the_clock() {
    let deployment = Deployment::new(3, SETTINGS);
    let config = deployment.config("simulate", "");
    let args = "--publish --events 300 --rate 100 --speed 2 --drift none";
    let mut args: Vec<&str> = args.split(' ').collect();
    args.extend(["--config", text(&config)]);
    args.insert(0, "simulate");
    let started = Instant::now();
    let says = driftline_ok(&args);
    assert!(started.elapsed() >= Duration::from_millis(1400), "three seconds at twice the clock");
    assert!(says.starts_with("300 events published"), "{says}");

    let records = consume_all(&deployment.input);
    assert_eq!(records.len(), 300);
    for partition in 0..3 {
        assert!(records.iter().filter(|record| record.partition == partition).count() > 60);
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    for record in &records {
        assert!(record.timestamp <= now.as_millis() as i64);
        let event: Value = serde_json::from_str(record.text()).expect("an event");
        assert_eq!(event["model"], "fraud");
    }

    let absent = std::fs::read_to_string(&config).expect("the configuration is there");
    std::fs::write(&config, absent.replace(&deployment.input, "not-there")).expect("it is written");
    let refused = driftline(&args);
    assert_eq!(refused.status.code(), Some(3), "{}", String::from_utf8_lossy(&refused.stderr));
}

#[test]
fn tail_shows_committed_events_and_triggers_of_the_models_asked_for() {
    let deployment = Deployment::new(1, SETTINGS);
    let config = deployment.config("tail", "");
    let example = |name: &str| -> Value {
        let path = format!("{}/src/wire/testdata/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("the record is there");
        serde_json::from_str(&text).expect("it is JSON")
    };
    let put = |producer: &Producer, topic: &str, mut record: Value, model: &str, id: &str| {
        (record["model"], record["id"]) = (json!(model), json!(id));
        let payload = record.to_string();
        let topic = deployment.topic(topic);
        producer.produce(&topic, 0, Some(model.as_bytes()), Some(payload.as_bytes()), 0);
    };
    let producer = Producer::transactional(&unique("tail"));
    producer.begin();
    put(&producer, "events", example("drift-event"), "fraud", "evt_aborted");
    producer.flush();
    producer.abort();
    producer.begin();
    put(&producer, "events", example("drift-event"), "fraud", "evt_1");
    producer.produce(&deployment.topic("events"), 0, None, Some(b"no record"), 0);
    put(&producer, "events", example("drift-event"), "churn", "evt_2");
    put(&producer, "triggers", example("retraining-trigger"), "fraud", "trg_1");
    producer.commit();

    let tail = |more: &str| {
        let mut args = vec!["tail", "--from", "earliest", "--config", text(&config)];
        args.extend(more.split(' '));
        driftline_ok(&args)
    };
    let ids = |more: &str| -> Vec<String> {
        let lines = tail(&format!("{more} --format json"));
        let id = |line: &str| serde_json::from_str::<Value>(line).expect("a line of JSON")["id"].clone();
        lines.lines().map(|line| id(line).as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(ids("--max 3"), ["evt_1", "evt_2", "trg_1"]);
    assert_eq!(ids("--max 2 --model fraud"), ["evt_1", "trg_1"]);
    assert_eq!(ids("--max 1 --triggers"), ["trg_1"]);
    let shown = tail("--max 1 --events");
    assert!(shown.starts_with("2026-03-04T11:00:00.000Z  resolved   drift"), "{shown}");
}

#[test]
fn a_configuration_is_proposed_from_the_last_records_of_a_topic() {
    let deployment = Deployment::new(3, SETTINGS);
    let config = deployment.config("simulate", "");
    let publish = "simulate --publish --events 3000 --rate 100 --drift none --config";
    driftline_ok(&publish.split(' ').chain([text(&config)]).collect::<Vec<_>>());
    let proposed = deployment.dir.path().join("proposed.toml");
    let brokers = brokers();
    let says = driftline_ok(&[
        "init",
        "--topic",
        &deployment.input,
        "--brokers",
        &brokers,
        "--rows",
        "1500",
        "--output",
        text(&proposed),
    ]);
    // As many of each of the three partitions.
    assert!(says.contains("fraud.reference.json  1503 rows, 31 features"), "{says}");
    let written = std::fs::read_to_string(&proposed).expect("the configuration is written");
    assert!(written.contains(&format!("topics = [\"{}\"]", deployment.input)), "{written}");
    driftline_ok(&["validate", "--config", text(&proposed)]);
}
