//! What the Avro decoder promises: framing, names, types, and what it refuses.

use super::*;
use crate::event::reader::tests::assert_reads_as_it_decodes;
use crate::event::{Decoder, Fields, Format, NameFrom, Reader, TimeFrom, Value};
use apache_avro::Schema;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Schemas by number; counts how often it is asked; can be away.
#[derive(Default)]
struct Registry {
    schemas: Mutex<HashMap<u32, Arc<WriterSchema>>>,
    asked: AtomicUsize,
    away: Mutex<bool>,
}

impl SchemaSource for Registry {
    fn by_id(&self, id: u32) -> Result<Arc<WriterSchema>, SchemaError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if *self.away.lock().unwrap() {
            return Err(SchemaError::Unavailable("connection refused".into()));
        }
        self.schemas.lock().unwrap().get(&id).cloned().ok_or(SchemaError::Unknown)
    }

    fn by_fingerprint(&self, fingerprint: u64) -> Result<Arc<WriterSchema>, SchemaError> {
        let schemas = self.schemas.lock().unwrap();
        schemas
            .values()
            .find(|schema| schema.fingerprint() == fingerprint)
            .cloned()
            .ok_or(SchemaError::Unknown)
    }
}

struct Fixture {
    registry: Arc<Registry>,
    decoder: Decoder,
}

fn fixture(fields: Fields, schemas: &[&str]) -> Fixture {
    let registry = Arc::new(Registry::default());
    for (id, schema) in schemas.iter().enumerate() {
        let schema = Arc::new(WriterSchema::parse(schema).unwrap());
        registry.schemas.lock().unwrap().insert(id as u32, schema);
    }
    let decoder = Decoder::new(Format::Avro { schemas: registry.clone() }, Envelope::new(fields).unwrap());
    Fixture { registry, decoder }
}

fn confluent(id: u32, datum: &[u8]) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), datum].concat()
}

impl Fixture {
    #[track_caller]
    fn read(&self, payload: &[u8]) -> Event<'static> {
        self.assert_read_quickly_too(payload);
        self.decoder.decode(Some(payload), None, None).unwrap().into_owned()
    }

    #[track_caller]
    fn bad(&self, payload: &[u8]) -> BadRecord {
        self.assert_read_quickly_too(payload);
        match self.decoder.decode(Some(payload), None, None) {
            Err(DecodeError::Bad(bad)) => bad,
            other => panic!("a bad record, not {other:?}"),
        }
    }
}

impl Fixture {
    /// A reader says the same, to which the schema is new and which knows it.
    #[track_caller]
    fn assert_read_quickly_too(&self, payload: &[u8]) {
        // What is asked is counted by another registry than the test's.
        let schemas = Mutex::new(self.registry.schemas.lock().unwrap().clone());
        let away = Mutex::new(*self.registry.away.lock().unwrap());
        let format = Format::Avro { schemas: Arc::new(Registry { schemas, away, ..Registry::default() }) };
        let mut reader = Reader::new(Decoder::new(format, self.decoder.envelope.clone()));
        let is_quick = assert_reads_as_it_decodes(&mut reader, payload);
        assert_eq!(assert_reads_as_it_decodes(&mut reader, payload), is_quick);
    }
}

/// The schema of an event whose features have these fields.
fn schema(features: &str) -> String {
    format!(
        r#"{{"type":"record","name":"Event","fields":[{{"name":"model","type":"string"}},
            {{"name":"time","type":{{"type":"long","logicalType":"timestamp-millis"}}}},
            {{"name":"features","type":{features}}}]}}"#
    )
}

fn record_of(fields: &str) -> String {
    schema(&format!(r#"{{"type":"record","name":"Features","fields":[{fields}]}}"#))
}

fn record(fields: Vec<(&str, Avro)>) -> Avro {
    Avro::Record(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn event_of(features: Avro) -> Avro {
    record(vec![
        ("model", Avro::String("m".into())),
        ("time", Avro::TimestampMillis(5)),
        ("features", features),
    ])
}

fn write(schema: &str, value: Avro) -> Vec<u8> {
    datum(&Schema::parse_str(schema).unwrap(), value)
}

fn datum(schema: &Schema, value: impl Into<Avro>) -> Vec<u8> {
    GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(value).unwrap()
}

const ONE: &str = r#"{"name":"x","type":"double"}"#;

fn one(x: f64) -> Avro {
    event_of(record(vec![("x", Avro::Double(x))]))
}

#[test]
fn the_schema_is_named_by_a_prefix_a_header_or_a_fingerprint() {
    let schema = record_of(ONE);
    let fixture = fixture(Fields::default(), &[&schema]);
    let datum = write(&schema, one(1.5));
    let expected = fixture.read(&confluent(0, &datum));
    assert_eq!(expected.columns, [("x".into(), Value::Number(1.5))]);
    let by_header = fixture.decoder.decode(Some(&datum), Some(&[0, 0, 0, 0, 0]), None).unwrap();
    assert_eq!(by_header, expected);
    let fingerprint = WriterSchema::parse(&schema).unwrap().fingerprint().to_le_bytes();
    assert_eq!(fixture.read(&[&[0xC3, 0x01][..], &fingerprint, &datum].concat()), expected);
}

#[test]
fn a_schema_with_a_logical_type_is_known_by_both_fingerprints_in_use() {
    let text = r#"{"type":"record","name":"E","fields":[{"name":"t","type":{"type":"long","logicalType":"timestamp-millis"}}]}"#;
    let schema = WriterSchema::parse(text).unwrap();
    let plain =
        WriterSchema::parse(r#"{"type":"record","name":"E","fields":[{"name":"t","type":"long"}]}"#).unwrap();
    assert_eq!(schema.fingerprint(), plain.fingerprint(), "the specification strips logical types");
    let of_library = Schema::parse_str(text).unwrap().fingerprint::<apache_avro::rabin::Rabin>();
    let of_library = u64::from_le_bytes(of_library.bytes.try_into().unwrap());
    assert_ne!(of_library, schema.fingerprint());
    assert!(schema.is_named_by(of_library) && schema.is_named_by(plain.fingerprint()));
    assert!(!schema.is_named_by(1));
}

#[test]
fn a_fingerprint_is_that_of_the_canonical_form() {
    let schema = r#"{"type":"record","name":"test","doc":"left out",
        "fields":[{"name":"a","type":"long","default":42},{"name":"b","type":"string"}]}"#;
    let bytes = WriterSchema::parse(schema).unwrap().fingerprint().to_le_bytes();
    assert_eq!(bytes, [232, 198, 194, 12, 97, 95, 44, 71]);
    // The specification's fingerprint of "null".
    assert_eq!(WriterSchema::parse("\"null\"").unwrap().fingerprint(), 0x63dd_24e7_cc25_8f8a);
}

#[test]
fn a_record_that_names_no_schema_is_undecodable() {
    let fixture = fixture(Fields::default(), &[&record_of(ONE)]);
    for payload in [&b"{}"[..], &[0], &[0, 0, 0, 0], &[0xC3, 0x01, 1, 2], &[0xC3, 0x02], &[1, 2, 3]] {
        assert_eq!(fixture.bad(payload).reason, BadReason::Undecodable);
    }
    for header in [&b""[..], b"7", &[0, 0, 0, 0], &[0, 0, 0, 0, 0, 0]] {
        let Err(DecodeError::Bad(bad)) = fixture.decoder.decode(Some(&[0]), Some(header), None) else {
            panic!("bad")
        };
        assert_eq!(bad.message, "the header `__value_schema_id` is no schema id");
    }
}

#[test]
fn an_unknown_schema_makes_a_bad_record_and_an_absent_registry_does_not() {
    let schema = record_of(ONE);
    let fixture = fixture(Fields::default(), &[&schema]);
    let datum = write(&schema, one(1.0));
    let unknown = fixture.bad(&confluent(9, &datum));
    assert_eq!(unknown, BadRecord::new(BadReason::UnknownSchema, "the schema id 9 is not known"));
    let guid = [&[1][..], &[0xab; 16], &datum].concat();
    assert_eq!(fixture.bad(&guid).reason, BadReason::UnknownSchema);
    *fixture.registry.away.lock().unwrap() = true;
    let payload = confluent(0, &datum);
    let away = fixture.decoder.decode(Some(&payload), None, None);
    assert_eq!(away, Err(DecodeError::Unavailable("connection refused".into())));
    *fixture.registry.away.lock().unwrap() = false;
    fixture.read(&payload);
}

#[test]
fn a_schema_is_asked_for_once_and_then_needs_no_registry() {
    let schema = record_of(ONE);
    let fixture = fixture(Fields::default(), &[&schema]);
    let payload = confluent(0, &write(&schema, one(1.0)));
    fixture.read(&payload);
    *fixture.registry.away.lock().unwrap() = true;
    fixture.read(&payload);
    assert_eq!(fixture.registry.asked.load(Ordering::Relaxed), 1);
}

#[test]
fn more_schemas_than_are_kept_decode_all_the_same() {
    let schema = record_of(ONE);
    let fixture = fixture(Fields::default(), &vec![schema.as_str(); 300]);
    let datum = write(&schema, one(1.0));
    for id in (0..300).chain(0..300) {
        assert_eq!(fixture.read(&confluent(id, &datum)).columns.len(), 1);
    }
    assert_eq!(fixture.registry.asked.load(Ordering::Relaxed), 300 + 44);
}

#[test]
fn records_of_different_writers_decode_by_field_name() {
    let old = record_of(r#"{"name":"x","type":"int"},{"name":"y","type":"string"}"#);
    let new = record_of(r#"{"name":"y","type":["null","string"]},{"name":"z","type":"boolean"}"#);
    let fixture = fixture(Fields::default(), &[&old, &new]);
    let features = record(vec![("x", Avro::Int(3)), ("y", Avro::String("a".into()))]);
    let event = fixture.read(&confluent(0, &write(&old, event_of(features))));
    assert_eq!(event.columns, [("x".into(), Value::Number(3.0)), ("y".into(), Value::Text("a".into()))]);
    let features = record(vec![("y", Avro::Union(0, Box::new(Avro::Null))), ("z", Avro::Boolean(true))]);
    let event = fixture.read(&confluent(1, &write(&new, event_of(features))));
    assert_eq!(event.columns, [("y".into(), Value::Missing), ("z".into(), Value::Bool(true))]);
}

#[test]
fn every_type_has_its_value() {
    let fields: Vec<String> = [
        ("float", r#""float""#),
        ("long", r#""long""#),
        ("bytes", r#""bytes""#),
        ("fixed", r#"{"type":"fixed","name":"Two","size":2}"#),
        ("enum", r#"{"type":"enum","name":"Colour","symbols":["RED","BLUE"]}"#),
        ("array", r#"{"type":"array","items":"int"}"#),
        ("date", r#"{"type":"int","logicalType":"date"}"#),
        ("clock", r#"{"type":"long","logicalType":"time-micros"}"#),
        ("micros", r#"{"type":"long","logicalType":"timestamp-micros"}"#),
        ("nanos", r#"{"type":"long","logicalType":"timestamp-nanos"}"#),
        ("money", r#"{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}"#),
        ("uuid", r#"{"type":"string","logicalType":"uuid"}"#),
    ]
    .iter()
    .map(|(name, kind)| format!(r#"{{"name":"{name}","type":{kind}}}"#))
    .collect();
    let schema = record_of(&fields.join(","));
    let uuid = "6f1c1c1e-2d3a-4a5b-8c7d-0123456789ab";
    let value = event_of(record(vec![
        ("float", Avro::Float(0.5)),
        ("long", Avro::Long(-9)),
        ("bytes", Avro::Bytes(vec![1])),
        ("fixed", Avro::Fixed(2, vec![1, 2])),
        ("enum", Avro::Enum(1, "BLUE".into())),
        ("array", Avro::Array(vec![Avro::Int(1)])),
        ("date", Avro::Date(-1)),
        ("clock", Avro::TimeMicros(1500)),
        ("micros", Avro::TimestampMicros(-1)),
        ("nanos", Avro::TimestampNanos(1_999_999)),
        ("money", Avro::Decimal((-12345i32).to_be_bytes().to_vec().into())),
        ("uuid", Avro::Uuid(uuid.parse().unwrap())),
    ]));
    let fixture = fixture(Fields::default(), &[&schema]);
    let event = fixture.read(&confluent(0, &write(&schema, value)));
    let number = Value::Number;
    let expected = [
        number(0.5),
        number(-9.0),
        Value::Other,
        Value::Other,
        Value::Text("BLUE".into()),
        Value::Other,
        number(-86_400_000.0),
        number(1.5),
        number(-1.0),
        number(1.0),
        number(-123.45),
        Value::Text(uuid.into()),
    ];
    for ((name, value), expected) in event.columns.iter().zip(expected) {
        assert_eq!(*value, expected, "{name}");
    }
    assert_eq!(event.columns.len(), 12);
}

#[test]
fn logical_timestamps_are_exact_event_times_in_the_first_and_last_year() {
    for (logical, units) in
        [("timestamp-millis", 1), ("timestamp-micros", 1000), ("local-timestamp-millis", 1)]
    {
        let schema = record_of(ONE).replace("timestamp-millis", logical);
        let fixture = fixture(Fields::default(), &[&schema]);
        for ms in [-62_135_596_800_000, 253_402_300_799_999, 0, -1] {
            let units = ms * units;
            let time = match logical {
                "timestamp-millis" => Avro::TimestampMillis(units),
                "timestamp-micros" => Avro::TimestampMicros(units),
                _ => Avro::LocalTimestampMillis(units),
            };
            let features = record(vec![("x", Avro::Double(1.0))]);
            let value =
                record(vec![("model", Avro::String("m".into())), ("time", time), ("features", features)]);
            assert_eq!(fixture.read(&confluent(0, &write(&schema, value))).time.ms(), ms);
        }
    }
}

#[test]
fn pointers_reach_into_records_maps_unions_and_arrays() {
    let schema = r#"{"type":"record","name":"E","namespace":"a.b","fields":[
        {"name":"skipped","type":["null",{"type":"record","name":"T","fields":[{"name":"next","type":["null","T"]}]}]},
        {"name":"meta","type":["null",{"type":"map","values":"string"}]},
        {"name":"rows","type":{"type":"array","items":{"type":"map","values":["null","double"]}}},
        {"name":"again","type":["null","a.b.T"]},
        {"name":"version","type":"float"},
        {"name":"out","type":["double",{"type":"record","name":"O","fields":[{"name":"p","type":"double"}]}]}]}"#;
    let fields = Fields {
        id: None,
        model: NameFrom::Pointer("/meta/model".into()),
        version: NameFrom::Pointer("/version".into()),
        time: TimeFrom::Pointer("/meta/ts".into()),
        features: "/rows/1".into(),
        prediction: Some("/out".into()),
        segments: vec!["/meta/country".into(), "/rows/1/z".into()],
    };
    let double = |number: f64| Avro::Union(1, Box::new(Avro::Double(number)));
    let map = |entries: Vec<(&str, Avro)>| {
        Avro::Map(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    };
    let text = |text: &str| Avro::String(text.into());
    let leaf = || Avro::Union(1, Box::new(record(vec![("next", Avro::Union(0, Box::new(Avro::Null)))])));
    let value = |out: Avro| {
        record(vec![
            ("skipped", Avro::Union(1, Box::new(record(vec![("next", leaf())])))),
            ("meta", Avro::Union(1, Box::new(map(vec![("model", text("m")), ("ts", text("1700000000.5"))])))),
            ("rows", Avro::Array(vec![map(vec![("x", double(1.0))]), map(vec![("z", double(2.0))])])),
            ("again", leaf()),
            ("version", Avro::Float(1.1)),
            ("out", out),
        ])
    };
    let fixture = fixture(fields, &[schema]);
    let event =
        fixture.read(&confluent(0, &write(schema, value(Avro::Union(0, Box::new(Avro::Double(0.5)))))));
    assert_eq!((&*event.model, &*event.version, event.time.ms()), ("m", "1.1", 1_700_000_000_500));
    assert_eq!(event.segment, ["", "2"]);
    assert_eq!(event.columns, [("z".into(), Value::Number(2.0)), ("prediction".into(), Value::Number(0.5))]);
    let out = Avro::Union(1, Box::new(record(vec![("p", Avro::Double(0.25))])));
    let event = fixture.read(&confluent(0, &write(schema, value(out))));
    assert_eq!(event.columns[1], ("prediction.p".into(), Value::Number(0.25)));
}

#[test]
fn every_proper_part_of_a_record_and_every_longer_one_is_undecodable() {
    let schema = record_of(r#"{"name":"x","type":"double"},{"name":"s","type":"string"}"#);
    let fixture = fixture(Fields::default(), &[&schema]);
    let features = record(vec![("x", Avro::Double(1.0)), ("s", Avro::String("secret".into()))]);
    let whole = confluent(0, &write(&schema, event_of(features)));
    fixture.read(&whole);
    for end in 1..whole.len() {
        let bad = fixture.bad(&whole[..end]);
        assert_eq!(bad.reason, BadReason::Undecodable);
        assert!(bad.message.contains(" byte ") && !bad.message.contains("secret"), "{}", bad.message);
    }
    assert!(fixture.bad(&[&whole[..], &[0]].concat()).message.contains("ends before its bytes do"));
}

#[test]
fn lengths_counts_and_depths_are_held_against_the_bytes() {
    let long = |number: i64| datum(&Schema::Long, number);
    let start = [&[2, b'm'][..], &[0]].concat(); // model "m", time 0
    let none = Vec::new();
    for (features, tail, what) in [
        (r#"{"type":"map","values":"double"}"#, long(1 << 40), "more items than there are bytes"),
        (
            r#"{"type":"map","values":"double"}"#,
            [long(i64::MIN), long(1)].concat(),
            "more items than there are bytes",
        ),
        (r#"{"type":"array","items":"int"}"#, long(i64::MAX), "more items than there are bytes"),
        (r#"{"type":"array","items":"null"}"#, long(i64::MAX), "the bytes end"),
        (r#""string""#, long(1 << 40), "the bytes end"),
        (r#""bytes""#, long(-1), "a negative length"),
        (r#""long""#, vec![0xff; 10], "more than 64 bits"),
        (r#""long""#, [vec![0xff; 9], vec![2]].concat(), "more than 64 bits"),
        (r#"["null","long"]"#, long(2), "a union's branch"),
        (
            r#"{"type":"record","name":"E","fields":[{"name":"e","type":{"type":"enum","name":"C","symbols":["A"]}}]}"#,
            long(1),
            "an enum's symbol",
        ),
        (r#"{"type":"fixed","name":"F","size":4000000000}"#, none.clone(), "the bytes end"),
        (
            r#"{"type":"record","name":"T","fields":[{"name":"n","type":["null","T"]}]}"#,
            vec![2; 100_000],
            "levels deep",
        ),
        (
            r#"{"type":"record","name":"B","fields":[{"name":"b","type":"boolean"}]}"#,
            vec![2],
            "neither 0 nor 1",
        ),
        (
            r#"{"type":"record","name":"S","fields":[{"name":"s","type":"string"}]}"#,
            vec![2, 0xff],
            "not UTF-8",
        ),
    ] {
        let schema = schema(features);
        let bad = fixture(Fields::default(), &[&schema]).bad(&confluent(0, &[&start[..], &tail].concat()));
        assert_eq!(bad.reason, BadReason::Undecodable, "{features}");
        assert!(bad.message.contains(what), "{features}: {}", bad.message);
    }
}

#[test]
fn a_great_many_items_without_bytes_take_no_time() {
    let schema = schema(
        r#"{"type":"record","name":"F","fields":[{"name":"n","type":{"type":"array","items":
        {"type":"record","name":"Nothing","fields":[{"name":"a","type":"null"}]}}}]}"#,
    );
    let count = datum(&Schema::Long, i64::MAX);
    let event = fixture(Fields::default(), &[&schema])
        .read(&confluent(0, &[&[2, b'm', 0][..], &count, &[0]].concat()));
    assert_eq!(event.columns, [("n".into(), Value::Other)]);
}

#[test]
fn a_schema_may_use_types_of_others_and_says_which_it_lacks() {
    let main = r#"{"type":"record","name":"E","fields":[{"name":"features","type":"x.F"}]}"#;
    let other = r#"{"type":"record","name":"x.F","fields":[{"name":"a","type":"int"}]}"#;
    assert!(WriterSchema::parse_with_references(main, &[other]).is_ok());
    assert!(WriterSchema::parse(main).unwrap_err().to_string().contains("x.F"));
    assert!(WriterSchema::parse("{}").is_err());
}

#[test]
fn a_decimal_is_the_nearest_double() {
    assert_eq!(input::decimal(&[], 2), 0.0);
    assert_eq!(input::decimal(&[0x30, 0x39], 2), 123.45);
    assert_eq!(input::decimal(&[0xff], 1), -0.1);
    let huge = input::decimal(&[&[1][..], &[0; 20]].concat(), 0);
    assert_eq!(huge, 2f64.powi(160));
    assert_eq!(input::decimal(&[&[0xff][..], &[0; 20]].concat(), 0), -huge);
}

proptest! {
    #[test]
    fn what_the_library_writes_is_read_back(
        model in "[a-z]{1,9}",
        version in prop::option::of(any::<i64>()),
        ms in any::<i64>(),
        features in prop::collection::btree_map(any::<String>(), prop::option::of(prop::num::f64::NORMAL), 1..30),
        segment in any::<String>(),
    ) {
        let schema = r#"{"type":"record","name":"E","fields":[
            {"name":"features","type":{"type":"map","values":["null","double"]}},
            {"name":"segment","type":"string"},{"name":"version","type":["long","null"]},
            {"name":"time","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"model","type":"string"}]}"#;
        let union = |value: &Option<f64>| match value {
            None => Avro::Union(0, Box::new(Avro::Null)),
            Some(number) => Avro::Union(1, Box::new(Avro::Double(*number))),
        };
        let value = record(vec![
            ("features", Avro::Map(features.iter().map(|(name, value)| (name.clone(), union(value))).collect())),
            ("segment", Avro::String(segment.clone())),
            ("version", version.map_or(Avro::Union(1, Box::new(Avro::Null)), |n| Avro::Union(0, Box::new(Avro::Long(n))))),
            ("time", Avro::TimestampMillis(ms)),
            ("model", Avro::String(model.clone())),
        ]);
        let fixture = fixture(Fields { segments: vec!["/segment".into()], ..Fields::default() }, &[schema]);
        let mut event = fixture.read(&confluent(0, &write(schema, value)));
        event.columns.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = Event {
            id: None,
            model: model.into(),
            version: version.map(|number| number.to_string()).unwrap_or_default().into(),
            segment: vec![segment.into()],
            time: Time::from_ms(ms),
            columns: features.into_iter()
                .map(|(name, value)| (name.into(), value.map_or(Value::Missing, Value::Number))).collect(),
        };
        prop_assert_eq!(event, expected);
    }
}
