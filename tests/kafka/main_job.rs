//! The main job on a real broker and real data: every row is accounted for, the measures are those of
//! an independent implementation, and `replay` says the same.

use crate::deployment::{Deployment, driftline_ok, text};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const WINDOW: &str = "[input]\ntopics = ['@INPUT@']\nstart = 'earliest'\nmax_future_skew = '36500d'\n\
    [window]\nsize = '1000s'\nslide = '1000s'\nlook = '100s'\nallowed_lateness = '0s'\nidle_timeout = '1h'\n\
    [commit]\ninterval = '100ms'\n\
    [policy]\nmin_rows = 100\nwarmup = '0s'\nevent_cooldown = '0s'\n\
    retrain.settle = '0s'\nretrain.cooldown = '0s'\nretrain.min_rows_since_onset = 100\n\
    [[model]]\nname = 'weather'\n";

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn golden() -> Value {
    let bytes = std::fs::read(data("noaa_weather.values.json")).expect("the reference answers are there");
    serde_json::from_slice(&bytes).expect("they are JSON")
}

fn names(golden: &Value, kind: &str) -> Vec<String> {
    let names = golden["features"][kind].as_array().expect("a list of features");
    names.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
}

/// `--kind` arguments: numbers are continuous, the others categories.
fn kinds(golden: &Value) -> Vec<String> {
    let of = |kind: &str, as_kind: &str| -> Vec<String> {
        names(golden, kind).iter().flat_map(|name| ["--kind".into(), format!("{name}={as_kind}")]).collect()
    };
    [of("numeric", "continuous"), of("categorical", "categorical")].concat()
}

/// The rows after the reference as events, a second apart, and a closing row for each partition.
fn events(golden: &Value, partitions: usize) -> Vec<String> {
    let numeric = names(golden, "numeric");
    let first = golden["reference"]["end"].as_u64().expect("a row number") as usize;
    let file = std::fs::File::open(data("noaa_weather.csv.gz")).expect("the data are there");
    let mut reader = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    let header = reader.headers().expect("a header").clone();
    let rows = reader.records().skip(first).map(|row| row.expect("a row"));
    let event = |time: usize, features: Value| {
        json!({"id": time.to_string(), "model": "weather", "version": "1", "time": time, "features": features}).to_string()
    };
    let mut events: Vec<String> = rows
        .enumerate()
        .map(|(n, row)| {
            let value = |(name, value): (&str, &str)| {
                let is_number = numeric.iter().any(|numeric| numeric == name);
                let value = match value {
                    "" => Value::Null,
                    _ if is_number => serde_json::from_str(value).expect("a number"),
                    _ => Value::String(value.to_owned()),
                };
                (name.to_owned(), value)
            };
            event(n, header.iter().zip(row.iter()).map(value).collect())
        })
        .collect();
    // One after another they fall into different partitions: each has one.
    let last = events.len();
    (0..partitions).for_each(|_| events.push(event(last + 5000, json!({"temperature": null}))));
    events
}

fn published(partitions: i32) -> (Deployment, Value, Vec<String>) {
    let golden = golden();
    let deployment = Deployment::new(partitions, WINDOW);
    let reference = golden["reference"]["end"].to_string();
    let mut build = vec!["--rows".to_owned(), format!("0..{reference}")];
    build.extend(kinds(&golden));
    let build: Vec<&str> = build.iter().map(String::as_str).collect();
    deployment.publish(&data("noaa_weather.csv.gz"), &build, "weather", "1");
    let events = events(&golden, partitions as usize);
    deployment.produce(&events);
    (deployment, golden, events)
}

#[test]
fn real_data_come_out_as_an_independent_implementation_says_and_every_row_is_accounted_for() {
    let (deployment, golden, events) = published(3);
    let mut instance = deployment.start("one");
    let (windows, closing) = ((events.len() - 3) / 1000, 3);
    let reports = deployment.wait_for_reports(windows);
    assert!(instance.stop().success(), "a stop is a success: {}", instance.log());

    let counted: u64 =
        reports.iter().map(|report| report["window"]["events"].as_u64().expect("a count")).sum();
    let late: u64 = reports.iter().map(|report| report["window"]["late"].as_u64().expect("a count")).sum();
    assert_eq!((counted + closing, late), (events.len() as u64, 0));
    assert_eq!(deployment.output("dead").len(), 0);

    let columns = golden["columns"].as_array().expect("columns");
    assert_eq!(
        columns.iter().map(|c| c.as_str().unwrap_or_default()).collect::<Vec<_>>(),
        ["window", "feature", "metric", "value"]
    );
    let mut compared = 0;
    for row in golden["values"].as_array().expect("rows") {
        let Some(window) = golden["windows"].as_array().expect("windows").iter().find(|w| w["id"] == row[0])
        else {
            panic!("no window {}", row[0]);
        };
        if !row[0].as_str().is_some_and(|id| id.starts_with("t1000s")) {
            continue;
        }
        let start_ms = (window["start"].as_i64().expect("a row")
            - golden["reference"]["end"].as_i64().expect("a row"))
            * 1000;
        let start = driftline::words::Time::from_ms(start_ms).to_string();
        let report =
            reports.iter().find(|report| report["window"]["start"] == start.as_str()).expect("its report");
        let features = report["features"].as_array().expect("features");
        let feature = features.iter().find(|feature| feature["feature"] == row[1]).expect("its feature");
        let expected = row[3].as_f64().expect("a number");
        let psi = &feature["measures"]["psi"];
        let ks = &feature["measures"]["ks"];
        let close = |found: &Value, within: f64| {
            let found = found.as_f64().expect("a number");
            assert!((found - expected).abs() <= within, "{row}: {found}");
        };
        match row[2].as_str().expect("a metric") {
            "psi_decile10" | "psi_categories_floor1e4" => close(&psi["value"], 1e-9),
            "ks_stat" => {
                close(&ks["value"], 0.005);
                assert!(
                    ks["low"].as_f64() <= Some(expected + 1e-12)
                        && ks["high"].as_f64() >= Some(expected - 1e-12),
                    "{row}: {ks}"
                );
            }
            "n_valid" => close(&feature["rows"], 0.0),
            _ => continue,
        }
        compared += 1;
    }
    assert!(compared >= 60, "{compared} values were compared");
}

#[test]
fn replay_of_the_same_records_says_the_same_with_any_number_of_partitions_and_instances() {
    let mut said = Vec::new();
    for (partitions, instances) in [(1, 1), (3, 3), (12, 1)] {
        let (deployment, _, events) = published(partitions);
        let expected = deployment.replay(&events);
        assert!(expected.count("drift_event") > 0, "the weather drifts");
        let running: Vec<_> = (0..instances).map(|n| deployment.start(&format!("i{n}"))).collect();
        deployment.wait_for_reports(expected.count("window_report"));
        drop(running.into_iter().map(|mut instance| instance.stop()).collect::<Vec<_>>());
        let found = deployment.decided();
        found.assert_once();
        expected.assert_same(&found);
        // From the topic itself, with what was published on the references topic.
        found.assert_same(&deployment.replay_from_topics());
        let mut records: Vec<String> = expected.records.values().map(without_names).collect();
        records.sort();
        said.push(records);
    }
    for other in &said[1..] {
        let differing = said[0].iter().zip(other).find(|(one, other)| one != other);
        assert!(differing.is_none() && said[0].len() == other.len(), "{differing:#?}");
    }
}

/// A record without what carries the name of the application.
fn without_names(record: &Value) -> String {
    let mut record = record.clone();
    for field in ["id", "application_id", "incident", "config_id", "reasons"] {
        if let Some(fields) = record.as_object_mut() {
            fields.remove(field);
        }
    }
    record.to_string()
}

#[test]
fn references_are_listed_and_rolled_back() {
    let deployment = Deployment::new(1, WINDOW);
    let table = data("noaa_weather.csv.gz");
    deployment.publish(&table, &["--rows", "0..1000"], "weather", "1");
    deployment.publish(&table, &["--rows", "1000..3000"], "weather", "1");
    let config = deployment.config("list", "");
    let list = || -> Vec<Value> {
        let text = driftline_ok(&["reference", "list", "--config", text(&config), "--format", "json"]);
        serde_json::from_str(&text).expect("a list")
    };
    let before = list();
    assert_eq!(before.len(), 2);
    driftline_ok(&[
        "reference",
        "rollback",
        "--config",
        text(&config),
        "--model",
        "weather",
        "--version",
        "1",
    ]);
    let after = list();
    assert_eq!(after.iter().filter(|activation| activation["origin"] == "rollback").count(), 1);
}
