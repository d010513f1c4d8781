//! Events in Avro are judged as the same events in JSON are, whichever way their schema is named and
//! whichever of a subject's schemas they were written with; and what is written in Avro says what it
//! says in JSON.

use crate::bad_input::{Sent, agent, framed, publish_reference, register, send};
use crate::deployment::Deployment;
use crate::support::{Driftline, Record, consume_all, registry, unique};
use apache_avro::Schema;
use apache_avro::rabin::Rabin;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use driftline::words::Time;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const WINDOWS: usize = 4;
const ROWS_OF_A_WINDOW: usize = 400;

/// Windows of 100 s and a policy that acts at once.
fn settings(input: &str) -> String {
    format!(
        "[input]\ntopics = ['@INPUT@']\nstart = 'earliest'\n{input}\n\
         [window]\nsize = '100s'\nslide = '100s'\nlook = '10s'\nallowed_lateness = '0s'\nidle_timeout = '1h'\n\
         [commit]\ninterval = '100ms'\n\
         [policy]\nmin_rows = 100\nwarmup = '0s'\nevent_cooldown = '0s'\n\
         retrain.settle = '0s'\nretrain.cooldown = '0s'\nretrain.min_rows_since_onset = 100\nretrain.block_on = []\n\
         [[model]]\nname = 'm'\nsegments = ['/region']\n"
    )
}

/// A row of the stream, and by which of the two schemas it is written.
struct Row {
    time_ms: i64,
    amount: f64,
    country: Option<&'static str>,
    newer: bool,
}

/// Four windows, the last two shifted, and the row that closes them. Rows of both schemas mix.
fn rows() -> Vec<Row> {
    let start = crate::bad_input::START * 1000;
    let row = |n: usize| {
        let shifted = n >= WINDOWS / 2 * ROWS_OF_A_WINDOW;
        let country = if shifted { "it" } else { ["de", "fr"][n % 2] };
        Row {
            time_ms: start + (n * 100_000 / ROWS_OF_A_WINDOW) as i64,
            amount: (n * 37 % 1000) as f64 + if shifted { 600.0 } else { 0.0 },
            country: (!n.is_multiple_of(10)).then_some(country),
            newer: n.is_multiple_of(3),
        }
    };
    (0..WINDOWS * ROWS_OF_A_WINDOW).chain([2 * WINDOWS * ROWS_OF_A_WINDOW]).map(row).collect()
}

impl Row {
    fn json(&self) -> Value {
        let (of_one, value) = if self.newer { ("fresh", json!(0.5)) } else { ("old", json!(1)) };
        let mut event = json!({"model": "m", "version": "1", "time": self.time_ms,
            "features": {"amount": self.amount, "country": self.country, of_one: value}});
        if self.newer {
            event["region"] = json!("north");
        }
        event
    }

    fn avro(&self, schema: &Schema) -> Vec<u8> {
        let text = |text: &str| Avro::String(text.into());
        let country = match self.country {
            Some(country) => Avro::Union(1, Box::new(text(country))),
            None => Avro::Union(0, Box::new(Avro::Null)),
        };
        let (amount, country) = (("amount".into(), Avro::Double(self.amount)), ("country".into(), country));
        let features = if self.newer {
            vec![country, amount, ("fresh".into(), Avro::Double(0.5))]
        } else {
            vec![amount, country, ("old".into(), Avro::Int(1))]
        };
        let mut event = vec![
            ("model".into(), text("m")),
            ("version".into(), text("1")),
            ("time".into(), Avro::TimestampMillis(self.time_ms)),
            ("features".into(), Avro::Record(features)),
        ];
        if self.newer {
            event.insert(0, ("region".into(), text("north")));
        }
        let writer = GenericDatumWriter::builder(schema).build().expect("a writer");
        writer.write_value_to_vec(Avro::Record(event)).expect("the row fits its schema")
    }
}

/// Two versions of one schema: the newer has a field more at the top and among the features, one
/// less there, and another order.
fn schemas() -> [String; 2] {
    let name = unique("Event").replace('-', "_");
    let (amount, country) = (
        json!({"name": "amount", "type": "double"}),
        json!({"name": "country", "type": ["null", "string"], "default": null}),
    );
    let schema = |region: &[Value], features: Value| {
        let mut fields = region.to_vec();
        fields.extend([
            json!({"name": "model", "type": "string"}),
            json!({"name": "version", "type": "string"}),
            json!({"name": "time", "type": {"type": "long", "logicalType": "timestamp-millis"}}),
            json!({"name": "features", "type": {"type": "record", "name": format!("{name}_features"), "fields": features}}),
        ]);
        json!({"type": "record", "name": name, "fields": fields}).to_string()
    };
    let region = [json!({"name": "region", "type": "string", "default": ""})];
    let fresh = json!({"name": "fresh", "type": "double", "default": 0.0});
    [
        schema(&[], json!([amount, country, {"name": "old", "type": "int"}])),
        schema(&region, json!([country, amount, fresh])),
    ]
}

fn parsed(schemas: &[String; 2]) -> [Schema; 2] {
    schemas.each_ref().map(|text| Schema::parse_str(text).expect("a schema"))
}

/// What an application decided of `records`: reports, events and triggers by kind, model, time and
/// place, without what carries the application's name.
fn decided(deployment: &Deployment, records: &[Sent], output: &str) -> BTreeMap<String, Value> {
    publish_reference(deployment, "m");
    send(&deployment.input, records);
    let config = deployment.config("one", "");
    let toml = std::fs::read_to_string(&config).expect("the configuration");
    std::fs::write(&config, toml.replace("[output]\n", &format!("[output]\n{output}\n"))).expect("written");
    let mut instance = Driftline::start(&config);
    // All traffic and two segments at each window's end.
    crate::support::wait_until(std::time::Duration::from_secs(60), "all windows are reported", || {
        consume_all(&deployment.topic("reports")).len() >= 3 * WINDOWS
    });
    assert!(instance.stop().success());
    let mut found = BTreeMap::new();
    for topic in ["reports", "events", "triggers"] {
        for record in consume_all(&deployment.topic(topic)) {
            let mut value = read(&record);
            let field = |name: &str| value[name].to_string();
            let key =
                ["type", "decided_at", "segment", "feature", "category", "transition"].map(field).join(" ");
            without_names(&mut value);
            assert!(found.insert(key.clone(), value).is_none(), "{key} came twice");
        }
    }
    found
}

fn without_names(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_names),
        Value::Object(fields) => {
            for name in [
                "id",
                "application_id",
                "event_id",
                "incident_id",
                "parent_id",
                "topic",
                "effective_from",
                "cluster_id",
            ] {
                fields.remove(name);
            }
            fields.values_mut().for_each(without_names);
        }
        _ => {}
    }
}

/// A record as JSON, whichever way it is written.
fn read(record: &Record) -> Value {
    let payload = record.payload.as_deref().expect("a value");
    if payload[0] == b'{' {
        return serde_json::from_slice(payload).expect("JSON");
    }
    assert_eq!(payload[0], 0, "a registry's id stands before the value");
    let id = u32::from_be_bytes(payload[1..5].try_into().expect("four bytes"));
    let schema = Schema::parse_str(&registered(&format!("schemas/ids/{id}"))).expect("a schema");
    let mut datum = &payload[5..];
    let reader = GenericDatumReader::builder(&schema).build().expect("a reader");
    let value = reader.read_value(&mut datum).expect("the value fits the registered schema");
    assert!(datum.is_empty(), "nothing follows the value");
    to_json(value)
}

/// The schema that the registry has at `path`.
fn registered(path: &str) -> String {
    let mut answer = agent().get(format!("{}/{path}", registry())).call().expect("the registry answers");
    let text = answer.body_mut().read_to_string().expect("with a text");
    let answer: Value = serde_json::from_str(&text).expect("that is JSON");
    answer["schema"].as_str().unwrap_or_else(|| panic!("{path}: {answer}")).to_owned()
}

fn to_json(value: Avro) -> Value {
    match value {
        Avro::Null => Value::Null,
        Avro::Boolean(truth) => json!(truth),
        Avro::Int(number) => json!(number),
        Avro::Long(number) => json!(number),
        Avro::Double(number) => json!(number),
        Avro::String(text) => json!(text),
        Avro::TimestampMillis(ms) => json!(Time::from_ms(ms)),
        Avro::Union(_, inner) => to_json(*inner),
        Avro::Array(items) => items.into_iter().map(to_json).collect(),
        Avro::Map(fields) => fields.into_iter().map(|(name, value)| (name, to_json(value))).collect(),
        Avro::Record(fields) => fields.into_iter().map(|(name, value)| (name, to_json(value))).collect(),
        other => panic!("not expected in an output: {other:?}"),
    }
}

#[track_caller]
fn assert_same(found: &BTreeMap<String, Value>, expected: &BTreeMap<String, Value>) {
    let keys = |map: &BTreeMap<String, Value>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(found), keys(expected));
    for (key, expected) in expected {
        let Some((at, one, other)) = difference("", &found[key], expected) else { continue };
        panic!("{key} differs at {at}: {one} and {other}");
    }
}

/// The first place where two values differ. Volatile fields hold what digests say: they agree within
/// their error, or hang on one that does.
fn difference(at: &str, one: &Value, other: &Value) -> Option<(String, String, String)> {
    let estimates = ["/ks/value", "/wasserstein/value", "/z_score/value", "/p_value"];
    let is_estimate = estimates.iter().any(|field| at.ends_with(field));
    match (one, other) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            let is_text = |(name, _): &(&String, &Value)| *name == "summary" || *name == "explanation";
            let mut fields = one.iter().filter(|field| !is_text(field));
            fields.find_map(|(name, value)| difference(&format!("{at}/{name}"), value, &other[name]))
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let pairs = one.iter().zip(other).enumerate();
            pairs.into_iter().find_map(|(n, (one, other))| difference(&format!("{at}/{n}"), one, other))
        }
        (Value::Number(one), Value::Number(other)) if is_estimate => {
            let apart = one.as_f64().zip(other.as_f64()).map(|(one, other)| (one - other).abs());
            let is_near = apart.is_some_and(|apart| apart < 0.01);
            (!is_near).then(|| (at.to_owned(), one.to_string(), other.to_string()))
        }
        _ => (one != other).then(|| (at.to_owned(), one.to_string(), other.to_string())),
    }
}

/// What is decided of the rows in JSON, and something is.
fn decided_in_json() -> BTreeMap<String, Value> {
    let records: Vec<Sent> = rows().iter().map(|row| row.json().to_string().into_bytes().into()).collect();
    let decided = decided(&Deployment::new(1, &settings("")), &records, "");
    for kind in ["window_report", "drift_event", "retraining_trigger"] {
        assert!(decided.keys().any(|key| key.contains(kind)), "there is a {kind}");
    }
    decided
}

#[test]
fn avro_of_two_schema_versions_in_and_avro_out_say_the_same_as_json() {
    let url = registry();
    let deployment =
        Deployment::new(1, &settings(&format!("format = 'avro'\n[schema_registry]\nurl = '{url}'")));
    let texts = schemas();
    let subject = format!("{}-value", deployment.input);
    set_compatibility(&subject);
    let ids = texts.each_ref().map(|text| register(&url, &subject, text));
    assert_ne!(ids[0], ids[1]);
    let schemas = parsed(&texts);
    let record = |(n, row): (usize, &Row)| {
        let (id, datum) = (ids[usize::from(row.newer)], row.avro(&schemas[usize::from(row.newer)]));
        if n % 2 == 0 {
            return Sent::from(framed(id, &datum));
        }
        Sent { headers: vec![("__value_schema_id", framed(id, &[]))], ..Sent::from(datum) }
    };
    let records: Vec<Sent> = rows().iter().enumerate().map(record).collect();
    assert_same(&decided(&deployment, &records, "format = 'avro'"), &decided_in_json());
    assert_eq!(consume_all(&deployment.topic("dead")).len(), 0);

    for (topic, kind) in
        [("events", "io.driftline.drift.detected.v1"), ("triggers", "io.driftline.retraining.requested.v1")]
    {
        let topic = deployment.topic(topic);
        let records = consume_all(&topic);
        assert!(records.iter().any(|record| record.header("ce_type") == Some(kind)), "there is a {kind}");
        let latest = registered(&format!("subjects/{topic}-value/versions/latest"));
        for record in &records {
            let payload = record.payload.as_deref().expect("a value");
            let id = u32::from_be_bytes(payload[1..5].try_into().expect("four bytes"));
            assert_eq!(registered(&format!("schemas/ids/{id}")), latest, "the schema of {topic}-value");
            let value = read(record);
            let text = |name: &str| value[name].as_str().expect("a text").to_owned();
            for (header, expected) in [
                ("ce_specversion", "1.0".into()),
                ("ce_id", text("id")),
                ("ce_source", format!("/driftline/{}", deployment.id)),
                ("ce_subject", "m/1".into()),
                ("ce_time", text("decided_at")),
                ("content-type", "application/avro".into()),
                ("ce_dataschema", format!("{url}/schemas/ids/{id}")),
            ] {
                assert_eq!(record.header(header), Some(&*expected), "{header}");
            }
            assert!(record.header("driftline_emitted_at").is_some_and(|time| Time::parse(time).is_some()));
            assert_eq!(record.key_text(), "m");
        }
    }
}

#[test]
fn avro_that_names_a_fingerprint_is_read_by_the_schemas_of_given_files() {
    let texts = schemas();
    let mut deployment = Deployment::new(1, &settings(""));
    for (name, text) in ["old.avsc", "new.avsc"].iter().zip(&texts) {
        std::fs::write(deployment.dir.path().join(name), text).expect("the schema is written");
    }
    let input = "format = 'avro'\nschemas = ['old.avsc', 'new.avsc']";
    deployment.settings = settings(input);
    let schemas = parsed(&texts);
    let record = |row: &Row| {
        let schema = &schemas[usize::from(row.newer)];
        // By the specification, and as the Rust library names a schema with a logical type.
        let canonical = Schema::parse_str(&schema.canonical_form()).expect("a schema");
        let print = if row.newer { canonical } else { schema.clone() }.fingerprint::<Rabin>().bytes;
        Sent::from([&[0xC3, 0x01][..], &print, &row.avro(schema)].concat())
    };
    let mut records: Vec<Sent> = rows().iter().map(record).collect();
    records.insert(records.len() - 1, Sent::from(vec![0xC3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0]));
    assert_same(&decided(&deployment, &records, ""), &decided_in_json());
    let dead = consume_all(&deployment.topic("dead"));
    let said: Vec<_> = dead.iter().map(|letter| letter.header("__driftline.errors.message")).collect();
    assert_eq!(said, [Some("the schema fingerprint 0807060504030201 is not known")]);
}

/// A consumer of the older schema must be able to read what the newer one wrote, and the other way
/// round; the registry holds the two schemas of the test to it.
fn set_compatibility(subject: &str) {
    let answer = agent()
        .put(format!("{}/config/{subject}", registry()))
        .header("Content-Type", "application/vnd.schemaregistry.v1+json")
        .send(r#"{"compatibility":"BACKWARD"}"#);
    assert!(answer.is_ok_and(|answer| answer.status().is_success()));
}
