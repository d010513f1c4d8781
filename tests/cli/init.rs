//! `init`: from a sample to a configuration and a reference that work.

use super::Place;

/// Events of two models, in an envelope of its own.
fn events(rows: usize) -> String {
    let event = |row: usize| {
        let model = if row.is_multiple_of(4) { "churn" } else { "fraud" };
        let amount = (row * 7919 % 10_007) as f64 / 100.07;
        let channel = if row.is_multiple_of(3) { "app" } else { "web" };
        format!(
            "{{\"meta\":{{\"requestId\":\"r{row}\",\"model\":{{\"name\":\"{model}\",\"version\":3}},\"createdAt\":{}}},\
             \"inputs\":{{\"amount\":{amount},\"channel\":\"{channel}\",\"session\":\"s{row}\",\"visits\":{}}},\"score\":{}}}\n",
            1_772_409_600 + row * 10,
            row % 5,
            (row % 10) as f64 / 10.0,
        )
    };
    (0..rows).map(event).collect()
}

#[test]
fn events_become_a_configuration_that_replays_them() {
    let place = Place::new();
    place.write("events.jsonl", &events(8000));
    let said = place.run("init events.jsonl --brokers kafka:9092").fine();
    insta::assert_snapshot!(said, @r"
    churn.reference.json  2000 rows, 4 features of model churn
    fraud.reference.json  6000 rows, 4 features of model fraud
    driftline.toml  look at it, above all at what its comments ask

    Next:
      driftline validate --config driftline.toml
      driftline topics create --config driftline.toml --dev
      driftline run --config driftline.toml
    or on the sample itself, without Kafka:
      driftline replay events.jsonl --config driftline.toml --close --format table
    ");
    insta::assert_snapshot!(place.read("driftline.toml"), @r###"
    # Proposed by `driftline init`. Every other setting has its default: `driftline validate` shows them.

    [kafka]
    brokers = "kafka:9092"

    [input]
    topics = ["inference-events"]

    # Where the parts of an event are; empty: it has none.
    [input.fields]
    id = "/meta/requestId"
    model = "/meta/model/name"
    version = "/meta/model/version"
    time = "/meta/createdAt"
    features = "/inputs"
    prediction = "/score"

    [window]
    size = "168h"
    slide = "24h"

    [[model]]
    name = "churn"
    # Made of the sample: better build one of the training data
    # (`driftline reference build train.csv --time COLUMN --config … --output …`).
    reference = "churn.reference.json"
    # Not watched, since most of their values come once: session.

    # Kinds as found; is a number rather a code? Then make it categorical.
    [model.features]
    "amount" = { kind = "continuous" }
    "channel" = { kind = "categorical" }
    "prediction" = { role = "prediction", kind = "discrete" }
    "visits" = { kind = "discrete" }

    [[model]]
    name = "fraud"
    # Made of the sample: better build one of the training data
    # (`driftline reference build train.csv --time COLUMN --config … --output …`).
    reference = "fraud.reference.json"
    # Not watched, since most of their values come once: session.

    # Kinds as found; is a number rather a code? Then make it categorical.
    [model.features]
    "amount" = { kind = "continuous" }
    "channel" = { kind = "categorical" }
    "prediction" = { role = "prediction", kind = "discrete" }
    "visits" = { kind = "discrete" }
    "###);
    let replayed = place.run("replay events.jsonl --config driftline.toml --close");
    let summary = replayed.lines().pop().unwrap();
    assert_eq!((&summary["rows"], &summary["events"]), (&8000.into(), &8000.into()));
    // What is there is not written over.
    let again = place.run("init events.jsonl");
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("--force"), "{}", again.stderr);
    assert_eq!(place.run("init events.jsonl --force").code, 0);
}

#[test]
fn training_data_become_a_reference_and_a_model() {
    let place = Place::new();
    place.write("train.csv", &super::payments(3000, 0.0));
    place.run("init train.csv --time ts --model fraud --output new.toml").fine();
    let text = place.read("new.toml");
    assert!(
        text.contains("name = \"fraud\"") && text.contains("\"amount\" = { kind = \"continuous\" }"),
        "{text}"
    );
    assert!(!text.contains("[input.fields]\n"), "no event was seen: {text}");
    let replayed = place.run("replay train.csv --time ts --config new.toml --model fraud --close");
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
}

#[test]
fn a_sample_without_events_is_refused() {
    let place = Place::new();
    place.write("no.jsonl", "3\n[1]\n");
    let ran = place.run("init no.jsonl");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("no event in the sample"), "{}", ran.stderr);
}
