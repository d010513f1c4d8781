//! What a quick reader takes is what the strict one takes, whatever came before.

use super::*;
use crate::event::{Cell, Envelope, Event, Fields, Format, TimeFrom};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What an event says that is counted, in a form that compares; the order of columns says nothing.
fn said(event: &Event<'_>) -> Vec<String> {
    let columns = event.columns.iter().map(|(name, value)| format!("{name}={value:?}"));
    let segment = event.segment.iter().map(|value| value.to_string()).collect();
    sorted(&event.model, &event.version, segment, event.time, columns)
}

fn said_by_row(row: &Row<'_>, segments: usize) -> Vec<String> {
    let column =
        |(number, cell): &(u32, Cell)| format!("{}={:?}", row.columns().name(*number), row.value(*cell));
    let columns = row.cells().iter().map(column);
    let segment = (0..segments).map(|at| row.segment(at).to_owned()).collect();
    sorted(row.model(), row.version(), segment, row.time(), columns)
}

fn sorted(
    model: &str,
    version: &str,
    segment: Vec<String>,
    time: Time,
    columns: impl Iterator<Item = String>,
) -> Vec<String> {
    let mut said: Vec<String> = columns.collect();
    said.sort();
    said.push(format!("{model:?} {version:?} {segment:?} {time:?}"));
    said
}

/// Panics where the reader and its decoder differ about a payload; says whether a quick one took it.
#[track_caller]
pub(in crate::event) fn assert_reads_as_it_decodes(reader: &mut Reader, payload: &[u8]) -> bool {
    let record_time = Some(Time::from_ms(77));
    let strict = reader.decoder.decode(Some(payload), None, record_time).map(|event| said(&event));
    let segments = reader.decoder.envelope.fields.segments.len();
    let read = reader.read(Some(payload), None, record_time).map(|row| said_by_row(&row, segments));
    assert_eq!(read, strict, "{:?}", String::from_utf8_lossy(payload));
    let Reader { decoder: Decoder { envelope, format }, row, habit, plans } = reader;
    let is_quick = match format {
        FormatDecoder::Json => habit.read(payload, envelope, record_time, row),
        FormatDecoder::Avro(schemas) => plans.read(payload, None, schemas, envelope, record_time, row),
    };
    is_quick.is_some()
}

fn envelopes() -> Vec<Fields> {
    let segments = || vec!["/segment/country".to_owned(), "/features/x".to_owned(), "/prediction".to_owned()];
    vec![
        Fields::default(),
        Fields { segments: segments(), ..Fields::default() },
        Fields {
            features: String::new(),
            segments: vec!["/x".into(), "/segment/country".into()],
            ..Fields::default()
        },
        Fields { time: TimeFrom::Record, prediction: Some("/features/y".into()), ..Fields::default() },
        Fields { features: "/segment".into(), id: Some("/features/0".into()), ..Fields::default() },
    ]
}

/// Values as they may be written, some of which are none.
const VALUES: [&str; 30] = [
    "1",
    "-0",
    "0.5",
    "1.5e3",
    "1e400",
    "12345678901234567890",
    "0.30000000000000004",
    "01",
    "-",
    "1.",
    "NaN",
    "tru",
    "null",
    "true",
    "false",
    r#""a""#,
    r#""""#,
    r#""é""#,
    r#""\u00e9\n""#,
    r#""\ud800""#,
    r#""\x""#,
    "\"a\nb\"",
    r#""2026-03-04T10:00:00.25Z""#,
    "1700000000123",
    "[]",
    "[1,{\"a\":[]}]",
    "{}",
    r#"{"a":1,"b":{"c":null}}"#,
    r#"{"country":"de"}"#,
    "[1,]",
];
const NAMES: [&str; 14] = [
    "id",
    "model",
    "version",
    "time",
    "features",
    "prediction",
    "segment",
    "x",
    "y",
    "",
    "é",
    r"\u0078",
    r#"a\"b"#,
    "0",
];

/// Events as a stream has them, with what else can happen to one.
struct Writer(ChaCha8Rng);

impl Writer {
    fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.0.random_range(0..of.len())]
    }

    fn chance(&mut self, of: u32) -> bool {
        self.0.random_ratio(1, of)
    }

    fn space(&mut self) -> &'static str {
        if self.chance(40) { self.one_of(&[" ", "\n\t", "  "]) } else { "" }
    }

    fn value(&mut self, usual: &str) -> String {
        let value = if self.chance(20) { self.one_of(&VALUES) } else { usual };
        format!("{}{value}{}", self.space(), self.space())
    }

    fn object(&mut self, mut members: Vec<(&str, String)>) -> String {
        if self.chance(10) {
            members.remove(self.0.random_range(0..members.len()));
        }
        if self.chance(15) {
            let more = (self.one_of(&NAMES), self.one_of(&VALUES).to_owned());
            members.insert(self.0.random_range(0..=members.len()), more);
        }
        if self.chance(15) && members.len() > 1 {
            let at = self.0.random_range(1..members.len());
            members.swap(at - 1, at);
        }
        let members: Vec<String> =
            members.iter().map(|(name, value)| format!("{}\"{name}\":{value}", self.space())).collect();
        format!("{}{{{}{}}}", self.space(), members.join(","), self.space())
    }

    fn event(&mut self) -> Vec<u8> {
        let number = format!("{:?}", self.0.random::<f64>() * 1000.0);
        let features = vec![
            ("x", self.value(r#""eu""#)),
            ("y", self.value(&number)),
            ("z", self.value("12")),
            ("w", self.value("null")),
        ];
        let features = self.object(features);
        let prediction = match self.chance(4) {
            true => self.object(vec![("score", "0.5".to_owned()), ("y", "1".to_owned())]),
            false => self.value("0.25"),
        };
        let segment = vec![("country", self.value(r#""de""#)), ("other", self.value("[1]"))];
        let segment = self.object(segment);
        let members = vec![
            ("id", self.value(r#""i""#)),
            ("model", self.value(r#""m""#)),
            ("version", self.value("7")),
            ("time", self.value(r#""2026-03-04T10:00:00.250Z""#)),
            ("features", features),
            ("prediction", prediction),
            ("segment", segment),
            ("x", self.value("3")),
        ];
        let mut event = self.object(members).into_bytes();
        if self.chance(20) {
            let at = self.0.random_range(0..event.len());
            match self.0.random_range(0..3) {
                0 => event[at] = *b"{}[]\",:\\ 0\x01\xff".get(self.0.random_range(0..12)).unwrap_or(&0),
                1 => drop(event.remove(at)),
                _ => event.truncate(at),
            }
        }
        event
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn json_is_read_as_it_is_decoded_whatever_came_before(seed in any::<u64>()) {
        for fields in envelopes() {
            let mut reader = Reader::new(Decoder::new(Format::Json, Envelope::new(fields).unwrap()));
            let mut writer = Writer(ChaCha8Rng::seed_from_u64(seed));
            for _ in 0..60 {
                assert_reads_as_it_decodes(&mut reader, &writer.event());
            }
        }
    }
}

fn json_reader() -> Reader {
    Reader::new(Decoder::new(Format::Json, Envelope::driftline()))
}

#[test]
fn a_quick_reader_takes_what_events_usually_are() {
    let mut reader = json_reader();
    for payload in [
        r#"{"id":"1","model":"m","version":"7","time":"2026-03-04T10:00:00Z","features":{"x":1.5,"y":"a"},"prediction":0.5}"#,
        r#"{"id":"2","model":"m","version":"8","time":"2026-03-04T10:00:01Z","features":{"x":-2,"y":"b"},"prediction":0.25}"#,
        r#" {"features": {"y": "b", "x": null, "new": true}, "time": 1772618400, "model": "m", "meta": {"a": [1, {}]}} "#,
        r#"{"model":"m","time":1772618400,"features":{"na\u006de":"\u00e9","list":[1]},"prediction":{"a":1,"b":null}}"#,
        "{\n  \"model\": \"m\",\n  \"time\": 1772618400.5,\n  \"features\": {\n    \"x\": 1e3\n  }\n}\n",
    ] {
        assert!(assert_reads_as_it_decodes(&mut reader, payload.as_bytes()), "{payload}");
    }
}

#[test]
fn what_is_out_of_the_ordinary_is_left_to_the_strict_reader() {
    let mut reader = json_reader();
    for payload in [
        r#"{"model":"m","model":"n","time":1,"features":{"x":1}}"#,
        r#"{"model":"m","time":1,"features":{"x":1,"x":2}}"#,
        r#"{"model":"m","time":1,"features":{"prediction":1},"prediction":2}"#,
        r#"{"model":"m","time":1,"features":{"x":1},"features":{"y":1}}"#,
        r#"{"model":"m","time":1,"features":{"x":01}}"#,
        r#"{"model":"m","time":1,"features":{"x":1}}}"#,
        r#"{"model":"m","time":1,"features":{"x":1},}"#,
        r#"{"model":"m","time":1,"features":{}}"#,
        r#"{"model":"","time":1,"features":{"x":1}}"#,
        r#"{"model":"m","time":"soon","features":{"x":1}}"#,
        r#"[{"model":"m","time":1,"features":{"x":1}}]"#,
        "",
    ] {
        assert!(!assert_reads_as_it_decodes(&mut reader, payload.as_bytes()), "{payload}");
    }
    assert!(!assert_reads_as_it_decodes(
        &mut reader,
        b"{\"model\":\"m\xff\",\"time\":1,\"features\":{\"x\":1}}"
    ));
}

#[test]
fn a_stream_of_ever_new_names_is_read_and_forgotten() {
    let mut reader = json_reader();
    for number in 0..400 {
        let names = (0..100).map(|name| format!(r#""{number}-{name}":{name}"#)).collect::<Vec<_>>().join(",");
        let payload = format!(r#"{{"model":"m","time":1,"features":{{{names}}},"skipped-{number}":0}}"#);
        assert!(assert_reads_as_it_decodes(&mut reader, payload.as_bytes()));
        let kept = reader.row.columns.name(0);
        assert!(
            kept.len() < 10 && number - kept.split('-').next().unwrap().parse::<i32>().unwrap() < 200,
            "{kept}"
        );
    }
}
