//! Samples on disk: the same bytes back, in every encoding.

use super::*;
use crate::words::Time;
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use serde_json::{Value, json};

struct SameBytes;

impl EachSample for SameBytes {
    fn sample<R: Record + PartialEq + std::fmt::Debug>(&mut self, name: &str, json: &[u8]) {
        let record: R = decode(json, &NoRegistry).unwrap_or_else(|error| panic!("{name}: {error}"));
        let written = String::from_utf8(encode(&record, Encoding::Json).unwrap()).unwrap();
        assert_eq!(written, String::from_utf8_lossy(json), "{name}");

        let avro = encode(&record, Encoding::SingleObject).unwrap_or_else(|error| panic!("{name}: {error}"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path(name, "avro"), &avro).unwrap();
        }
        assert!(avro == testdata(name, "avro"), "{name}: other bytes than the sample");
        assert_eq!(decode::<R>(&avro, &NoRegistry).unwrap(), record, "{name}");

        let framed = encode(&record, Encoding::Registry(7)).unwrap();
        assert_eq!(framed[..5], [0, 0, 0, 0, 7]);
        assert_eq!(decode::<R>(&framed, &Registry::of(R::SCHEMA.text())).unwrap(), record, "{name}");
    }
}

#[test]
fn a_record_is_written_as_the_bytes_it_was_read_from() {
    each_sample(&mut SameBytes);
}

struct AsTheAvroCrateDoes;

impl EachSample for AsTheAvroCrateDoes {
    fn sample<R: Record + PartialEq + std::fmt::Debug>(&mut self, name: &str, json: &[u8]) {
        let schema = Schema::parse_str(R::SCHEMA.text()).unwrap();
        let record: R = decode(json, &NoRegistry).unwrap();
        let avro = encode(&record, Encoding::SingleObject).unwrap();
        let mut datum = &avro[10..];
        let value = GenericDatumReader::builder(&schema).build().unwrap().read_value(&mut datum).unwrap();
        assert!(datum.is_empty(), "{name}: {} bytes left", datum.len());
        assert_eq!(json_of(&value), serde_json::from_slice::<Value>(json).unwrap(), "{name}");
        let writer = GenericDatumWriter::builder(&schema).build().unwrap();
        let theirs = [&avro[..10], &writer.write_value_to_vec(value).unwrap()].concat();
        assert_eq!(theirs.len(), avro.len(), "{name}");
        assert_eq!(decode::<R>(&theirs, &NoRegistry).unwrap(), record, "{name}");
    }
}

fn json_of(value: &Avro) -> Value {
    match value {
        Avro::Null => Value::Null,
        Avro::Boolean(truth) => json!(truth),
        Avro::Int(number) => json!(number),
        Avro::Long(number) => json!(number),
        Avro::Double(number) => json!(number),
        Avro::String(text) => json!(text),
        Avro::TimestampMillis(ms) => json!(Time::from_ms(*ms)),
        Avro::Union(_, inner) => json_of(inner),
        Avro::Array(items) => items.iter().map(json_of).collect(),
        Avro::Map(items) => items.iter().map(|(name, value)| (name.clone(), json_of(value))).collect(),
        Avro::Record(fields) => fields.iter().map(|(name, value)| (name.clone(), json_of(value))).collect(),
        other => panic!("no field of ours is {other:?}"),
    }
}

#[test]
fn the_avro_crate_reads_our_bytes_and_we_read_its() {
    each_sample(&mut AsTheAvroCrateDoes);
}

#[test]
fn json_may_be_laid_out_for_people() {
    let pretty = serde_json::to_string_pretty(&event()).unwrap();
    assert_eq!(decode::<DriftEvent>(format!("\n{pretty}\n").as_bytes(), &NoRegistry).unwrap(), event());
}

#[test]
fn headers_are_those_of_a_cloud_event() {
    let headers = |encoding| {
        let headers = event().headers(encoding, "http://user:secret@registry:8081/");
        headers.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(
        headers(Encoding::Json),
        [
            "ce_specversion=1.0",
            "ce_id=evt_11111111111111111111111111111111",
            "ce_type=io.driftline.drift.resolved.v1",
            "ce_source=/driftline/driftline",
            "ce_subject=fraud/7",
            "ce_time=2026-03-04T11:00:00.000Z",
            "content-type=application/json",
        ]
    );
    let avro = headers(Encoding::Registry(7));
    assert_eq!(
        avro[6..],
        ["content-type=application/avro", "ce_dataschema=http://registry:8081/schemas/ids/7"]
    );
    assert!(headers(Encoding::SingleObject)[7].starts_with("ce_dataschema=urn:driftline:drift-event:"));
    let trigger: RetrainingTrigger = decode(&testdata("retraining-trigger", "json"), &NoRegistry).unwrap();
    assert_eq!(trigger.ce_type(), "io.driftline.retraining.requested.v1");
}

/// Every field that the documented example has is in the sample; objects inside it likewise.
fn has_all(example: &Value, sample: &Value, path: &str) {
    match (example, sample) {
        (Value::Object(example), Value::Object(sample)) => {
            for (name, value) in example {
                let path = format!("{path}.{name}");
                has_all(value, sample.get(name).unwrap_or_else(|| panic!("no field {path}")), &path);
            }
        }
        (Value::Array(example), Value::Array(sample)) => {
            for (example, sample) in example.iter().zip(sample) {
                has_all(example, sample, path);
            }
        }
        _ => {}
    }
}

#[test]
fn events_and_triggers_have_every_documented_field_in_the_documented_order() {
    for name in ["drift-event", "retraining-trigger"] {
        let example = String::from_utf8(testdata(&format!("example-{name}"), "json")).unwrap();
        let sample = String::from_utf8(testdata(name, "json")).unwrap();
        let value = serde_json::from_str(&example).unwrap();
        has_all(&value, &serde_json::from_str(&sample).unwrap(), name);
        let mut at = 0;
        let Value::Object(fields) = value else { panic!("{name} is an object") };
        let mut fields: Vec<usize> =
            fields.keys().map(|field| example.find(&format!("\"{field}\":")).unwrap()).collect();
        fields.sort_unstable();
        for field in fields.iter().map(|start| example[*start..].split(':').next().unwrap()) {
            let found = sample[at..].find(&format!("{field}:"));
            at += found.unwrap_or_else(|| panic!("{name}: {field} stands earlier than documented"));
        }
    }
}
