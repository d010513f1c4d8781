//! Schemas, types and samples say the same.

use super::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The records that a schema defines, by name.
fn records<'a>(schema: &'a Value, into: &mut BTreeMap<&'a str, &'a Value>) {
    match schema {
        Value::Array(branches) => branches.iter().for_each(|branch| records(branch, into)),
        Value::Object(object) => {
            if object["type"] == "record" {
                into.insert(object["name"].as_str().unwrap(), schema);
            }
            for inner in ["items", "values"].iter().filter_map(|name| object.get(*name)) {
                records(inner, into);
            }
            for field in object.get("fields").and_then(Value::as_array).into_iter().flatten() {
                records(&field["type"], into);
            }
        }
        _ => {}
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn is_doc(value: &Value) -> bool {
    value["doc"].as_str().is_some_and(|doc| doc.ends_with(['.', '?']))
}

#[test]
fn every_record_and_field_is_documented_and_what_may_be_null_is_by_default() {
    for (name, text) in schemas() {
        WriterSchema::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let schema = parsed(text);
        assert_eq!(schema["namespace"], "io.driftline", "{name}");
        let mut all = BTreeMap::new();
        records(&schema, &mut all);
        for (record, schema) in all {
            assert!(is_doc(schema), "{name}: {record}");
            for field in schema["fields"].as_array().unwrap() {
                assert!(is_doc(field), "{name}: {record}.{}", field["name"]);
                let nullable = field["type"].as_array().is_some_and(|branches| branches[0] == "null");
                assert_eq!(
                    nullable,
                    field.get("default") == Some(&Value::Null),
                    "{record}.{}",
                    field["name"]
                );
            }
        }
    }
}

/// A type with the definitions in it replaced by their names.
fn shallow(schema: &Value) -> Value {
    match schema {
        Value::Object(object) if object.get("type").is_some_and(|t| t == "record") => object["name"].clone(),
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), shallow(value))).collect(),
        Value::Array(items) => items.iter().map(shallow).collect(),
        other => other.clone(),
    }
}

#[test]
fn a_type_is_the_same_in_every_schema() {
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    for (name, text) in schemas() {
        let schema = parsed(text);
        let mut all = BTreeMap::new();
        records(&schema, &mut all);
        for (record, schema) in all {
            let fields = shallow(&schema["fields"]);
            let first = known.entry(record.into()).or_insert_with(|| fields.clone());
            assert_eq!(*first, fields, "{name}: {record}");
        }
    }
}

/// Walks samples beside their schema: every field must be there and no other, and notes which
/// lists had items and which values were null.
#[derive(Default)]
struct Coverage {
    seen: BTreeSet<String>,
    wanted: BTreeSet<String>,
}

impl EachSample for Coverage {
    fn sample<R: Record + PartialEq + std::fmt::Debug>(&mut self, _: &str, json: &[u8]) {
        let schema = parsed(R::SCHEMA.text());
        let mut all = BTreeMap::new();
        records(&schema, &mut all);
        for (record, schema) in &all {
            for field in schema["fields"].as_array().unwrap() {
                let label = format!("{record}.{}", field["name"].as_str().unwrap());
                match &field["type"] {
                    Value::Array(_) => {
                        self.wanted.insert(format!("{label} null"));
                        self.wanted.insert(format!("{label} set"));
                    }
                    Value::Object(object) if object["type"] == "array" || object["type"] == "map" => {
                        self.wanted.insert(format!("{label} with items"));
                        self.wanted.insert(format!("{label} without items"));
                    }
                    _ => {}
                }
            }
        }
        let sample: Value = serde_json::from_slice(json).unwrap();
        self.walk(&schema, &sample, &all, "");
    }
}

impl Coverage {
    fn walk(&mut self, schema: &Value, sample: &Value, all: &BTreeMap<&str, &Value>, label: &str) {
        match schema {
            Value::String(name) => {
                if let Some(record) = all.get(name.as_str()) {
                    self.walk(record, sample, all, label);
                }
            }
            Value::Array(branches) => {
                let set = if sample.is_null() { "null" } else { "set" };
                self.seen.insert(format!("{label} {set}"));
                if !sample.is_null() {
                    self.walk(&branches[1], sample, all, label);
                }
            }
            Value::Object(object) if object["type"] == "record" => {
                let fields = object["fields"].as_array().unwrap();
                let names: BTreeSet<&str> = fields.iter().map(|f| f["name"].as_str().unwrap()).collect();
                let there: BTreeSet<&str> = sample.as_object().unwrap().keys().map(String::as_str).collect();
                assert_eq!(there, names, "{label}");
                for field in fields {
                    let name = field["name"].as_str().unwrap();
                    let label = format!("{}.{name}", object["name"].as_str().unwrap());
                    self.walk(&field["type"], &sample[name], all, &label);
                }
            }
            Value::Object(object) if object["type"] == "array" || object["type"] == "map" => {
                let inner = object.get("items").or(object.get("values")).unwrap();
                let items: Vec<&Value> = match sample {
                    Value::Array(items) => items.iter().collect(),
                    Value::Object(items) => items.values().collect(),
                    other => panic!("{label}: {other}"),
                };
                let with = if items.is_empty() { "without" } else { "with" };
                self.seen.insert(format!("{label} {with} items"));
                items.iter().for_each(|item| self.walk(inner, item, all, label));
            }
            _ => {}
        }
    }
}

#[test]
fn samples_have_every_field_of_every_schema_set_and_null_filled_and_empty() {
    let mut coverage = Coverage::default();
    each_sample(&mut coverage);
    let missing: Vec<&String> = coverage.wanted.difference(&coverage.seen).collect();
    // What has no sense empty or, of a trigger's segment, filled.
    let never = [
        "DataFilter.versions without items",
        "LookCounts.cells without items",
        "LookCounts.counts without items",
        "ProfileRecord.features without items",
        "ProgressRecord.partitions without items",
        "ProgressRecord.topics without items",
        "RetrainingTrigger.segment with items",
    ];
    assert_eq!(missing, never);
}

/// The values at a path; `*` stands for every element or member.
fn at<'v>(value: &'v Value, path: &[&str]) -> Vec<&'v Value> {
    let [first, rest @ ..] = path else { return vec![value] };
    let inner: Vec<&Value> = match (value, *first) {
        (Value::Object(members), "*") => members.values().collect(),
        (Value::Array(items), "*") => items.iter().collect(),
        (Value::Object(members), name) => members.get(name).into_iter().collect(),
        _ => Vec::new(),
    };
    inner.into_iter().flat_map(|value| at(value, rest)).collect()
}

#[test]
fn volatile_fields_are_fields() {
    for (schema, paths) in VOLATILE {
        let sample: Value = serde_json::from_slice(&testdata(schema.name(), "json")).unwrap();
        for path in paths {
            let path: Vec<&str> = path.split('.').collect();
            assert!(at(&sample, &path).iter().any(|value| !value.is_null()), "{}: {path:?}", schema.name());
        }
    }
}

#[test]
fn what_does_not_fit_the_schema_is_refused_and_says_where() {
    let mut event = event();
    event.rows = Some(u64::MAX);
    let refused = encode(&event, Encoding::SingleObject).unwrap_err().to_string();
    assert!(refused.contains("`drift-event`") && refused.contains("`rows`: a number of more than 63 bits"));
}
