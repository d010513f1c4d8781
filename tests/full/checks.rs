//! Reports held to what they should say, and to each other. Whatever is amiss becomes one short line.

use crate::dataset::{Answers, milliseconds};
use crate::deployment::Decided;
use serde_json::Value;
use std::collections::BTreeMap;

const PSI_TOLERANCE: f64 = 1e-9;
const KS_TOLERANCE: f64 = 0.005;
/// What an interval of counts may miss of a value that was added up in floating point.
const ROUNDING: f64 = 1e-12;

/// How many values were compared, and the largest differences.
#[derive(Default)]
pub struct Compared {
    pub windows: usize,
    pub values: usize,
    pub psi: f64,
    pub ks: f64,
    /// The widest interval of ks.
    pub width: f64,
}

/// Compares the answers with the reports, adding a line for each difference.
pub fn compare(answers: &Answers, reports: &[Value], failures: &mut Vec<String>) -> Compared {
    let end = |report: &&Value| milliseconds(report["window"]["end"].as_str().expect("a time"));
    let by_end: BTreeMap<i64, &Value> = reports.iter().map(|report| (end(&report), report)).collect();
    let mut compared = Compared::default();
    for (end, features) in answers {
        let Some(report) = by_end.get(end) else {
            failures.push(format!("no report of the window that ends at {end} ms"));
            continue;
        };
        compared.windows += 1;
        let found = report["features"].as_array().expect("features");
        if found.len() != features.len() {
            failures.push(format!("window to {end} ms: {} features, not {}", found.len(), features.len()));
        }
        for (name, expected) in features {
            let Some(found) = found.iter().find(|feature| feature["feature"] == name.as_str()) else {
                failures.push(format!("window to {end} ms: no {name}"));
                continue;
            };
            let mut fail = |text: String| failures.push(format!("window to {end} ms: {name}: {text}"));
            let count = |field: &str| found[field].as_u64().expect("a count");
            compared.values += 2;
            if count("rows") != expected.rows {
                fail(format!("rows are {}, not {}", count("rows"), expected.rows));
            }
            let absent = (count("missing") + count("invalid")) as f64;
            let null_rate = absent / (absent + count("rows") as f64).max(1.0);
            if (null_rate - expected.null_rate).abs() > ROUNDING {
                fail(format!("null rate is {null_rate}, not {}", expected.null_rate));
            }
            let measures = &found["measures"];
            if let Some(psi) = expected.psi {
                compared.values += 1;
                let value = measures["psi"]["value"].as_f64().unwrap_or(f64::INFINITY);
                compared.psi = compared.psi.max((value - psi).abs());
                if (value - psi).abs() > PSI_TOLERANCE {
                    fail(format!("psi is {}, not {psi}", measures["psi"]));
                }
            }
            if let Some(ks) = expected.ks {
                compared.values += 1;
                let of = |field: &str| measures["ks"][field].as_f64().unwrap_or(f64::INFINITY);
                let (value, low, high) = (of("value"), of("low"), of("high"));
                compared.ks = compared.ks.max((value - ks).abs());
                compared.width = compared.width.max(high - low);
                let holds = low <= ks + ROUNDING && high >= ks - ROUNDING;
                if !holds || (value - ks).abs() > KS_TOLERANCE {
                    fail(format!("ks is {value} in {low}..{high}, not {ks}"));
                }
            }
        }
    }
    compared
}

/// The first difference between two runs of the same deployment, ids included.
pub fn difference(one: &Decided, other: &Decided) -> Option<String> {
    for (id, record) in &one.records {
        match other.records.get(id) {
            None => return Some(format!("only the first has {}", named(record))),
            Some(found) => {
                if let Some(place) = differing(record, found, "") {
                    return Some(format!("{}: {place}", named(record)));
                }
            }
        }
    }
    let surplus = other.records.iter().find(|(id, _)| !one.records.contains_key(*id));
    surplus.map(|(_, record)| format!("only the second has {}", named(record)))
}

/// Records without what carries the name of the application, in an order of their own.
pub fn without_names(decided: &Decided) -> Vec<Value> {
    let stripped = |record: &Value| {
        let mut record = record.clone();
        strip_names(&mut record);
        (named(&record), record.to_string(), record)
    };
    let mut records: Vec<(String, String, Value)> = decided.records.values().map(stripped).collect();
    records.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    records.into_iter().map(|(_, _, record)| record).collect()
}

/// Takes out what holds the name of the application, or is hashed from it, and nothing else.
fn strip_names(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(strip_names),
        Value::Object(fields) => {
            for field in
                ["id", "application_id", "config_id", "incident_id", "event_id", "parent_id", "supersedes"]
            {
                fields.remove(field);
            }
            fields.values_mut().for_each(strip_names);
        }
        _ => {}
    }
}

/// The first difference between what two deployments said.
pub fn difference_without_names(one: &[Value], other: &[Value]) -> Option<String> {
    let differ = |(a, b): (&Value, &Value)| differing(a, b, "").map(|place| format!("{}: {place}", named(a)));
    let first = one.iter().zip(other).find_map(differ);
    let counts = (one.len() != other.len()).then(|| format!("{} records, not {}", other.len(), one.len()));
    first.or(counts)
}

/// Type, time and feature of a record.
fn named(record: &Value) -> String {
    let end = record["window"]["end"].as_str().or(record["decided_at"].as_str()).unwrap_or_default();
    let text = |field: &str| record[field].as_str().unwrap_or_default().to_owned();
    format!("{} {end} {} {}", text("type"), text("feature"), text("category"))
}

/// Where two values differ first, and how.
fn differing(one: &Value, other: &Value, path: &str) -> Option<String> {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => a.iter().find_map(|(key, value)| {
            let path = format!("{path}/{key}");
            b.get(key)
                .map_or_else(|| Some(format!("{path} is not there")), |found| differing(value, found, &path))
        }),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs.into_iter().find_map(|(n, (a, b))| differing(a, b, &format!("{path}/{n}")))
        }
        _ if one == other => None,
        _ => Some(format!("{path}: {} and {}", short(one), short(other))),
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}
