//! Records of older and newer writers stay readable.

use super::*;
use apache_avro::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use serde_json::{Value, json};

fn is_compatible(old: &str, new: &str) -> bool {
    let (old, new) = (Schema::parse_str(old).unwrap(), Schema::parse_str(new).unwrap());
    SchemaCompatibility::mutual_read(&old, &new) == Ok(Compatibility::Full)
}

/// The drift event's schema with its fields changed.
fn changed(change: impl FnOnce(&mut Vec<Value>)) -> String {
    let mut schema: Value = serde_json::from_str(SchemaName::DriftEvent.text()).unwrap();
    change(schema["fields"].as_array_mut().unwrap());
    schema.to_string()
}

fn position(fields: &[Value], name: &str) -> usize {
    fields.iter().position(|field| field["name"] == name).unwrap()
}

#[test]
fn every_form_ever_released_and_the_present_one_read_each_other() {
    for schema in SchemaName::ALL {
        for old in schema.history() {
            assert!(is_compatible(old, schema.text()), "{} has changed incompatibly", schema.name());
        }
    }
}

#[test]
fn the_present_form_is_kept_in_the_history() {
    for schema in SchemaName::ALL {
        let now = schema.form().fingerprint();
        let kept = schema.history().iter().any(|old| WriterSchema::parse(old).unwrap().fingerprint() == now);
        assert!(kept, "add the new form of {} to schemas/history", schema.name());
    }
}

#[test]
fn a_field_may_be_added_where_it_may_be_null_and_none_taken_away() {
    let now = SchemaName::DriftEvent.text();
    let new = json!({"name": "new", "type": ["null", "long"], "default": null});
    assert!(is_compatible(now, &changed(|fields| fields.push(new))));
    assert!(!is_compatible(now, &changed(|fields| fields.push(json!({"name": "new", "type": "long"})))));
    assert!(!is_compatible(now, &changed(|fields| drop(fields.remove(position(fields, "muted"))))));
}

/// The event of the samples, written with another schema by another writer.
fn written_with(schema: &str, change: impl FnOnce(&mut Vec<(String, apache_avro::types::Value)>)) -> Vec<u8> {
    use apache_avro::types::Value as Avro;
    let ours = Schema::parse_str(SchemaName::DriftEvent.text()).unwrap();
    let bytes = encode(&event(), Encoding::SingleObject).unwrap();
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(&ours).build().unwrap();
    let Avro::Record(mut fields) = reader.read_value(&mut &bytes[10..]).unwrap() else { panic!("a record") };
    change(&mut fields);
    let theirs = Schema::parse_str(schema).unwrap();
    let writer = apache_avro::writer::datum::GenericDatumWriter::builder(&theirs).build().unwrap();
    let mut framed = vec![0, 0, 0, 0, 7];
    framed.extend(writer.write_value_to_vec(Avro::Record(fields)).unwrap());
    framed
}

#[test]
fn fields_that_a_newer_writer_added_are_passed_over() {
    use apache_avro::types::Value as Avro;
    let inner = json!({"type": "record", "name": "New", "fields": [
        {"name": "how", "type": {"type": "enum", "name": "How", "symbols": ["A", "B"]}},
        {"name": "raw", "type": ["null", "bytes"]},
        {"name": "nothing", "type": {"type": "array", "items": "null"}}]});
    let added =
        json!({"name": "added", "type": {"type": "map", "values": {"type": "array", "items": inner}}});
    let schema = changed(|fields| fields.insert(3, added));
    let item = Avro::Record(vec![
        ("how".into(), Avro::Enum(1, "B".into())),
        ("raw".into(), Avro::Union(1, Box::new(Avro::Bytes(vec![1, 2, 3])))),
        ("nothing".into(), Avro::Array(vec![Avro::Null; 5])),
    ]);
    let value = Avro::Map([("k".to_owned(), Avro::Array(vec![item.clone(), item]))].into());
    let bytes = written_with(&schema, |fields| fields.insert(3, ("added".into(), value)));
    assert_eq!(decode::<DriftEvent>(&bytes, &Registry::of(&schema)).unwrap(), event());
    let json = String::from_utf8(testdata("drift-event", "json")).unwrap();
    let json = json.replacen('{', r#"{"added":[{"a":1}],"#, 1);
    assert_eq!(decode::<DriftEvent>(json.as_bytes(), &NoRegistry).unwrap(), event());
}

#[test]
fn fields_that_an_older_writer_did_not_have_are_null() {
    let without = |name: &'static str| {
        let schema = changed(|fields| drop(fields.remove(position(fields, name))));
        let bytes = written_with(&schema, |fields| fields.retain(|(field, _)| field != name));
        decode::<DriftEvent>(&bytes, &Registry::of(&schema))
    };
    assert_eq!(without("runbook_url").unwrap(), DriftEvent { runbook_url: None, ..event() });
    assert!(without("severity").unwrap_err().to_string().contains("missing field `severity`"));
}

#[test]
fn a_schema_that_is_not_known_is_named_and_one_that_can_not_be_had_may_be_asked_again() {
    struct Away;
    impl SchemaSource for Away {
        fn by_id(&self, _: u32) -> Result<Arc<WriterSchema>, SchemaError> {
            Err(SchemaError::Unavailable("connection refused".into()))
        }
        fn by_fingerprint(&self, _: u64) -> Result<Arc<WriterSchema>, SchemaError> {
            Err(SchemaError::Unavailable("connection refused".into()))
        }
    }
    let framed = encode(&event(), Encoding::Registry(9)).unwrap();
    let unknown = decode::<DriftEvent>(&framed, &NoRegistry).unwrap_err();
    assert!(unknown.to_string().contains("id 9") && !unknown.is_retriable());
    assert!(decode::<DriftEvent>(&framed, &Away).unwrap_err().is_retriable());
}

#[test]
fn a_record_of_a_later_version_is_refused() {
    for name in ["drift-event", "delta", "pane", "reference-profile"] {
        let json = String::from_utf8(testdata(name, "json")).unwrap();
        let json = json.replacen(r#"{"schema_version":1"#, r#"{"schema_version":2"#, 1);
        let refused = match name {
            "drift-event" => decode::<DriftEvent>(json.as_bytes(), &NoRegistry).map(drop),
            "delta" => decode::<DeltaMessage>(json.as_bytes(), &NoRegistry).map(drop),
            "pane" => decode::<StateMessage>(json.as_bytes(), &NoRegistry).map(drop),
            _ => decode::<ReferenceMessage>(json.as_bytes(), &NoRegistry).map(drop),
        };
        assert!(refused.unwrap_err().to_string().contains("version 2"), "{name}");
    }
}

#[test]
fn a_message_whose_type_names_no_branch_is_refused() {
    let json = br#"{"schema_version":1,"type":"delta","delta":null,"watermark":null}"#;
    let refused = decode::<DeltaMessage>(json, &NoRegistry).unwrap_err().to_string();
    assert!(refused.contains("type `delta` without that branch"), "{refused}");
    for name in ["delta", "delta-watermark", "pane", "reference-profile", "reference-activation"] {
        let mut json: Value = serde_json::from_slice(&testdata(name, "json")).unwrap();
        json["type"] = "of_tomorrow".into();
        let bytes = json.to_string().into_bytes();
        let refused = match name {
            "pane" => decode::<StateMessage>(&bytes, &NoRegistry).map(drop),
            "delta" | "delta-watermark" => decode::<DeltaMessage>(&bytes, &NoRegistry).map(drop),
            _ => decode::<ReferenceMessage>(&bytes, &NoRegistry).map(drop),
        };
        assert!(refused.unwrap_err().to_string().contains("`of_tomorrow`"), "{name}");
    }
}
