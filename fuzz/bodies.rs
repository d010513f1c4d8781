//! What must hold for any bytes that are given to the decoders.
//!
//! The fuzz targets call these functions, and so does the test `fuzz_bodies` with seeded mutations
//! of [`SEEDS`]. Each takes what was decoded, writes it anew by other means and wants the same event
//! back; no crash, no hang and no quoted payload is the least of it.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use driftline::event::{
    BadRecord, Cell, DecodeError, Decoder, Envelope, Event, Fields, Format, Reader, Row, SchemaError,
    SchemaSource, Value, WriterSchema,
};
use driftline::words::Time;
use std::sync::{Arc, LazyLock, Mutex};

/// JSON texts to start from.
pub const SEEDS: [&str; 6] = [
    r#"{"id":"a","model":"m","version":"1","time":"2026-03-04T10:00:00.250Z","features":{"x":1.5,"y":"a","z":null,"w":true},"prediction":0.5}"#,
    r#"{"model":7,"time":1700000000123,"features":{"x":1e400,"y":[1,{"a":2}],"x":2},"prediction":{"a":1,"b":"c"}}"#,
    r#"{"model":"m","time":"9999-12-31T23:59:59Z","x":-0.0,"y":"\u00e9\ud83d\ude00","features":{"\u0061":1}}"#,
    r#"[{"model":"m"},{"time":0}]"#,
    r#"{"model":"m","time":"0001-01-01T00:00:00+23:59","features":{"a b":1E-7,"":"",".":12345678901234567890}}"#,
    r#"{"meta":{"model":"m","meta":{}},"time":-1.5e9,"model":"é","features":{"x":{"x":{"x":[]}}}}"#,
];

/// A schema with every way that bytes can nest, repeat and vary.
pub const SCHEMA: &str = r#"{"type":"record","name":"Event","fields":[
    {"name":"id","type":["null","string"]},
    {"name":"model","type":"string"},
    {"name":"version","type":["null","long","string"]},
    {"name":"rows","type":{"type":"array","items":{"type":"map","values":["null","bytes","double"]}}},
    {"name":"tree","type":["null",{"type":"record","name":"Tree","fields":[{"name":"next","type":["null","Tree"]}]}]},
    {"name":"time","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"features","type":{"type":"map","values":["null","double","boolean","string","bytes"]}},
    {"name":"prediction","type":["null","float"]}]}"#;

static PARSED: LazyLock<Schema> = LazyLock::new(|| Schema::parse_str(SCHEMA).expect("SCHEMA is well-formed"));

struct OneSchema(Arc<WriterSchema>);

impl SchemaSource for OneSchema {
    fn by_id(&self, _: u32) -> Result<Arc<WriterSchema>, SchemaError> {
        Ok(self.0.clone())
    }

    fn by_fingerprint(&self, _: u64) -> Result<Arc<WriterSchema>, SchemaError> {
        Ok(self.0.clone())
    }
}

/// A JSON event, by the preset and as a flat record: the library agrees that it is JSON, and the
/// event survives being written in the preset's form.
pub fn json_event(data: &[u8]) {
    static PRESET: LazyLock<Pair> = LazyLock::new(|| Pair::of(Format::Json, Fields::default()));
    static FLAT: LazyLock<Pair> =
        LazyLock::new(|| Pair::of(Format::Json, Fields { features: String::new(), ..Fields::default() }));
    for Pair { decoder, reader } in [&*PRESET, &*FLAT] {
        assert_read_as_decoded(decoder, reader, data);
        let event = match decoder.decode(Some(data), None, None) {
            Ok(event) => event,
            Err(error) => return check_message(error, data),
        };
        let whole = serde_json::from_slice::<&serde_json::value::RawValue>(data);
        assert!(whole.is_ok(), "decoded what is not JSON");
        let Some(text) = as_json(&event) else { return };
        let again = PRESET.decoder.decode(Some(text.as_bytes()), None, None);
        assert_eq!(format!("{event:?}"), format!("{:?}", again.expect("what was written is read")));
    }
}

/// Avro data of [`SCHEMA`]: the library reads the same from it, and the event survives being written
/// by the library.
pub fn avro_event(data: &[u8]) {
    static PAIR: LazyLock<Pair> = LazyLock::new(|| {
        let schema = WriterSchema::parse(SCHEMA).expect("SCHEMA is well-formed");
        Pair::of(Format::Avro { schemas: Arc::new(OneSchema(Arc::new(schema))) }, Fields::default())
    });
    let Pair { decoder, reader } = &*PAIR;
    let payload = [&[0; 5], data].concat();
    assert_read_as_decoded(decoder, reader, &payload);
    let event = match decoder.decode(Some(&payload), None, None) {
        Ok(event) => event,
        Err(error) => return check_message(error, data),
    };
    let reader = GenericDatumReader::builder(&PARSED).build().expect("SCHEMA resolves");
    // The library also judges text that no pointer names, and so may refuse where the decoder does not.
    if let Ok(value) = reader.read_value(&mut &*data) {
        assert_eq!(said_by_library(&value), said_by_event(&event));
    }
    let writer = GenericDatumWriter::builder(&PARSED).build().expect("SCHEMA resolves");
    let datum = writer.write_value_to_vec(as_avro(&event)).expect("the value is of SCHEMA");
    let payload = [&[0; 5][..], &datum].concat();
    let again = decoder.decode(Some(&payload), None, None).expect("what was written is read");
    assert_eq!(said_by_event(&event), said_by_event(&again));
}

/// A decoder, and a reader that has read whatever was tried before.
struct Pair {
    decoder: Decoder,
    reader: Mutex<Reader>,
}

impl Pair {
    fn of(format: Format, fields: Fields) -> Pair {
        let envelope = Envelope::new(fields).expect("the pointers are distinct");
        let decoder = || Decoder::new(format.clone(), envelope.clone());
        Pair { decoder: decoder(), reader: Mutex::new(Reader::new(decoder())) }
    }
}

/// A reader takes what its decoder decodes, and refuses the rest for the same reason.
fn assert_read_as_decoded(decoder: &Decoder, reader: &Mutex<Reader>, payload: &[u8]) {
    let mut reader = reader.lock().expect("no earlier try failed");
    match (decoder.decode(Some(payload), None, None), reader.read(Some(payload), None, None)) {
        (Ok(event), Ok(row)) => assert_eq!(said_by_row(&row), counted(&event)),
        (Err(decoded), Err(read)) => assert_eq!(read, decoded),
        (Ok(event), Err(error)) => panic!("{event:?} was refused: {error}"),
        (Err(error), Ok(row)) => panic!("{:?} was read, but: {error}", said_by_row(&row)),
    }
}

/// What of an event is counted, in a form that compares and leaves the columns' order out.
fn counted(event: &Event) -> Vec<String> {
    let mut said: Vec<String> =
        event.columns.iter().map(|(name, value)| format!("{name} {value:?}")).collect();
    said.sort();
    said.push(format!("{} {} {}", event.model, event.version, event.time.ms()));
    said
}

fn said_by_row(row: &Row) -> Vec<String> {
    let column =
        |(number, cell): &(u32, Cell)| format!("{} {:?}", row.columns().name(*number), row.value(*cell));
    let mut said: Vec<String> = row.cells().iter().map(column).collect();
    said.sort();
    said.push(format!("{} {} {}", row.model(), row.version(), row.time().ms()));
    said
}

/// A message says something, in one line, and nothing of the payload's longer words.
fn check_message(error: DecodeError, data: &[u8]) {
    let DecodeError::Bad(BadRecord { message, .. }) = error else { panic!("the schema is at hand") };
    assert!(!message.is_empty() && !message.contains('\n'));
    for word in data.split(|byte| !byte.is_ascii_digit()).filter(|word| word.len() > 6) {
        let word = std::str::from_utf8(word).expect("digits are ASCII");
        assert!(!message.contains(word), "{message}");
    }
}

/// The event in the preset's form; `None` where its time has no text form.
fn as_json(event: &Event) -> Option<String> {
    let time = event.time.to_string();
    Time::parse(&time)?;
    let text = |text: &str| serde_json::to_string(text).expect("text is JSON");
    let value = |value: &Value| match value {
        Value::Missing => "null".to_owned(),
        Value::Number(number) if number.is_finite() => format!("{number:?}"),
        Value::Number(number) => if *number > 0.0 { "1e999" } else { "-1e999" }.to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Text(value) | Value::Literal(value) => text(value),
        Value::Other => "[]".to_owned(),
    };
    let columns: Vec<String> =
        event.columns.iter().map(|(name, column)| format!("{}:{}", text(name), value(column))).collect();
    Some(format!(
        r#"{{"id":{},"model":{},"version":{},"time":{},"features":{{{}}}}}"#,
        event.id.as_deref().map_or("null".to_owned(), text),
        text(&event.model),
        text(&event.version),
        text(&time),
        columns.join(",")
    ))
}

/// The event as a value of [`SCHEMA`].
fn as_avro(event: &Event) -> Avro {
    let some = |branch, value| Avro::Union(branch, Box::new(value));
    let feature = |value: &Value| match value {
        Value::Missing => some(0, Avro::Null),
        Value::Number(number) => some(1, Avro::Double(*number)),
        Value::Bool(truth) => some(2, Avro::Boolean(*truth)),
        Value::Text(text) | Value::Literal(text) => some(3, Avro::String(text.to_string())),
        Value::Other => some(4, Avro::Bytes(Vec::new())),
    };
    let (prediction, features) = event.columns.split_last().expect("a prediction is always written");
    let prediction = match prediction.1 {
        Value::Number(number) => some(1, Avro::Float(number as f32)),
        _ => some(0, Avro::Null),
    };
    let features = features.iter().map(|(name, value)| (name.to_string(), feature(value))).collect();
    let fields = [
        ("id", event.id.as_ref().map_or(some(0, Avro::Null), |id| some(1, Avro::String(id.to_string())))),
        ("model", Avro::String(event.model.to_string())),
        ("version", some(2, Avro::String(event.version.to_string()))),
        ("rows", Avro::Array(Vec::new())),
        ("tree", some(0, Avro::Null)),
        ("time", Avro::TimestampMillis(event.time.ms())),
        ("features", Avro::Map(features)),
        ("prediction", prediction),
    ];
    Avro::Record(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// What an event says, in a form that compares (NaN included) and leaves the order of a map out.
fn said_by_event(event: &Event) -> Vec<String> {
    let mut said: Vec<String> = event.columns.iter().map(|column| format!("{column:?}")).collect();
    said.sort();
    said.push(format!("{:?} {} {} {}", event.id, event.model, event.version, event.time.ms()));
    said
}

/// What [`said_by_event`] should be, from what the library reads.
fn said_by_library(value: &Avro) -> Vec<String> {
    let Avro::Record(fields) = value else { panic!("SCHEMA is a record") };
    let field = |name: &str| {
        let field = fields.iter().find(|field| field.0 == name);
        inside(&field.expect("SCHEMA has the field").1)
    };
    let text = |value: &Avro| match value {
        Avro::String(text) => Some(text.clone()),
        Avro::Long(number) => Some(number.to_string()),
        _ => None,
    };
    let column = |value: &Avro| match inside(value) {
        Avro::Null => Value::Missing,
        Avro::Double(number) => Value::Number(*number),
        Avro::Float(number) => Value::Number(f64::from(*number)),
        Avro::Boolean(truth) => Value::Bool(*truth),
        Avro::String(text) => Value::Text(text.clone().into()),
        _ => Value::Other,
    };
    let (Avro::Map(features), Avro::TimestampMillis(ms)) = (field("features"), field("time")) else {
        panic!("the fields' types are those of SCHEMA")
    };
    let features = features.iter().filter(|(name, _)| *name != "prediction");
    let columns = features.map(|(name, value)| (name.clone(), column(value)));
    let prediction = ("prediction".to_owned(), column(field("prediction")));
    let mut said: Vec<String> = columns.chain([prediction]).map(|column| format!("{column:?}")).collect();
    said.sort();
    let (id, model) = (text(field("id")), text(field("model")).unwrap_or_default());
    said.push(format!("{id:?} {model} {} {ms}", text(field("version")).unwrap_or_default()));
    said
}

fn inside(value: &Avro) -> &Avro {
    if let Avro::Union(_, value) = value { value } else { value }
}
