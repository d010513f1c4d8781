//! `[input]`: which topics are read, from where on, and what an event looks like.

use super::section::Section;
use super::tree::{Node, Value};
use super::values::{self, Read, choice, list, refuse, refuse_with};
use crate::event::WriterSchema;
use crate::words::{Time, fits_pattern, parse_duration_ms};
use std::path::PathBuf;

/// Threads of an instance, at most: beyond, another instance serves better.
const WORKERS_MAX: u32 = 256;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON text.
    Json,
    /// Avro, with a schema registry or given schemas.
    Avro,
}

/// The names of the formats.
pub(super) const FORMATS: &[(&str, Format)] = &[("json", Format::Json), ("avro", Format::Avro)];

/// `[input]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputConfig {
    /// Topics with inference events; at least one, each once.
    pub topics: Vec<String>,
    /// How they are written.
    pub format: Format,
    /// Avro schemas of records that name their schema by its fingerprint.
    pub schemas: Vec<SchemaFile>,
    /// Where reading starts when nothing is committed.
    pub start: Start,
    /// What to do when the log no longer has what comes next.
    pub on_lost_offsets: OnLostOffsets,
    /// How far an event's time may be ahead of its record's own timestamp.
    pub max_future_skew_ms: i64,
    /// How far a partition may run ahead of the slowest.
    pub max_ahead_ms: i64,
    /// Threads that read and count.
    pub workers: u32,
    /// What to do with events of models that are not listed.
    pub unknown_models: UnknownModels,
    /// With [`UnknownModels::Monitor`]: which; see [`InputConfig::allows`].
    pub allow: Vec<String>,
    /// What to do with features that the reference does not have.
    pub unknown_features: UnknownFeatures,
    /// Where an event's parts are.
    pub fields: FieldsConfig,
}

impl InputConfig {
    /// Whether a model that is not listed may be monitored: its name fits one of `allow`, in which
    /// `*` stands for any text.
    pub fn allows(&self, model: &str) -> bool {
        self.allow.iter().any(|pattern| fits_pattern(pattern, model))
    }
}

/// A file of `input.schemas`, which holds an Avro schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFile {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// `input.start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record.
    Earliest,
    /// At what comes next.
    Latest,
    /// At the first record with this timestamp or a later one.
    At(Time),
}

/// `input.on_lost_offsets`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLostOffsets {
    /// Stop, and name the range.
    Stop,
    /// Go on, and mark the panes incomplete.
    Continue,
}

/// `input.unknown_models`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownModels {
    /// Count them.
    Count,
    /// Monitor them as if they were listed, with the defaults.
    Monitor,
    /// Their records go to the dead letters.
    DeadLetter,
}

/// `input.unknown_features`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownFeatures {
    /// Say that they are there.
    Report,
    /// Say nothing.
    Ignore,
}

/// `[input.fields]`: JSON Pointers into an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldsConfig {
    /// The event's id, if it has one.
    pub id: Option<String>,
    /// The model's name.
    pub model: NameSource,
    /// The model's version, if events have one.
    pub version: Option<NameSource>,
    /// The event's time.
    pub time: TimeSource,
    /// The object of features.
    pub features: String,
    /// The prediction, if events have one.
    pub prediction: Option<String>,
}

/// Where a model's name or version comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameSource {
    /// A JSON Pointer.
    Pointer(String),
    /// The same for all events (`"=name"`).
    Constant(String),
}

/// Where an event's time comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeSource {
    /// A JSON Pointer.
    Pointer(String),
    /// The record's own timestamp (`"record"`).
    Record,
}

/// Reads `[input]`; `slide_ms` is the window's, when that could be read.
pub(super) fn read(mut section: Section, slide_ms: Option<i64>) -> Option<InputConfig> {
    let topics = section.read("topics", topics);
    let format = section.read("format", choice(FORMATS, &[]));
    let schemas = section.read("schemas", list(schema_file));
    let preset = section.read(
        "preset",
        choice(&[("driftline", ())], &["kserve", "seldon", "open-inference", "bentoml", "mlrun", "mlflow"]),
    );
    let start = section.read("start", start);
    let on_lost_offsets = section.read(
        "on_lost_offsets",
        choice(&[("stop", OnLostOffsets::Stop), ("continue", OnLostOffsets::Continue)], &[]),
    );
    let max_future_skew_ms = section.read("max_future_skew", values::duration);
    // A slide that could not be read was complained of; any other stands in for it.
    let max_ahead_ms = section.read("max_ahead", |node| ahead(node, slide_ms.unwrap_or(1)));
    let workers = section.read("workers", values::small_count(1..=WORKERS_MAX));
    let unknown_models = section.read(
        "unknown_models",
        choice(
            &[
                ("count", UnknownModels::Count),
                ("monitor", UnknownModels::Monitor),
                ("dead_letter", UnknownModels::DeadLetter),
            ],
            &[],
        ),
    );
    let allow = section.read("allow", list(values::some_text));
    let unknown_features = section.read(
        "unknown_features",
        choice(&[("report", UnknownFeatures::Report), ("ignore", UnknownFeatures::Ignore)], &["monitor"]),
    );
    let fields = read_fields(section.section("fields"));
    section.close();
    preset?;
    Some(InputConfig {
        topics: topics?,
        format: format?,
        schemas: schemas?,
        start: start?,
        on_lost_offsets: on_lost_offsets?,
        max_future_skew_ms: max_future_skew_ms?,
        max_ahead_ms: max_ahead_ms?,
        workers: workers?,
        unknown_models: unknown_models?,
        allow: allow?,
        unknown_features: unknown_features?,
        fields: fields?,
    })
}

fn read_fields(mut section: Section) -> Option<FieldsConfig> {
    let id = section.read("id", optional_pointer);
    let model = section.read("model", |node| match name_source(node)? {
        Some(source) => Ok(source),
        None => refuse("must not be empty"),
    });
    let version = section.read("version", name_source);
    let time = section.read("time", |node| match values::text(node)?.as_str() {
        "record" => Ok(TimeSource::Record),
        _ => values::pointer(node).map(TimeSource::Pointer),
    });
    let features = section.read("features", values::pointer);
    let prediction = section.read("prediction", optional_pointer);
    section.close();
    Some(FieldsConfig {
        id: id?,
        model: model?,
        version: version?,
        time: time?,
        features: features?,
        prediction: prediction?,
    })
}

fn optional_pointer(node: &Node) -> Read<Option<String>> {
    match values::text(node)?.as_str() {
        "" => Ok(None),
        _ => values::pointer(node).map(Some),
    }
}

fn name_source(node: &Node) -> Read<Option<NameSource>> {
    let text = values::text(node)?;
    match text.strip_prefix('=') {
        Some("") => refuse_with("names nothing", "write the name after the `=`"),
        Some(name) => Ok(Some(NameSource::Constant(name.into()))),
        None => Ok(optional_pointer(node)?.map(NameSource::Pointer)),
    }
}

/// A file with an Avro schema that can be read.
fn schema_file(node: &Node) -> Read<SchemaFile> {
    let written = values::some_text(node)?;
    let path = node.place.as_ref().map_or_else(|| PathBuf::from(&written), |place| place.beside(&written));
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => return refuse(format!("names a file that can't be read: {}: {error}", path.display())),
    };
    match WriterSchema::parse(&text) {
        Ok(_) => Ok(SchemaFile { path, text }),
        Err(error) => refuse_with(
            format!("names a file that can't be used: {}: {error}", path.display()),
            "it must hold one Avro schema, whole, as JSON",
        ),
    }
}

/// A list of topics, at least one, each once.
fn topics(node: &Node) -> Read<Vec<String>> {
    let topics = list(values::topic)(node)?;
    if topics.is_empty() {
        return refuse("must name a topic");
    }
    match (1..topics.len()).find(|index| topics[..*index].contains(&topics[*index])) {
        Some(index) => refuse(format!("names {:?} twice", topics[index])),
        None => Ok(topics),
    }
}

fn start(node: &Node) -> Read<Start> {
    let text = match &node.value {
        Value::Datetime(time) => time.clone(),
        _ => values::text(node)?,
    };
    match text.as_str() {
        "earliest" => Ok(Start::Earliest),
        "latest" => Ok(Start::Latest),
        _ => Time::parse(&text).map(Start::At).map_or_else(
            || {
                refuse_with(
                    format!("can't be {text:?}"),
                    "write \"earliest\", \"latest\", or a time with its zone: \"2026-03-01T00:00:00Z\"",
                )
            },
            Ok,
        ),
    }
}

/// `"2 slides"` or a duration.
fn ahead(node: &Node, slide_ms: i64) -> Read<i64> {
    let text = values::text(node)?;
    let slides = text.strip_suffix("slides").or_else(|| text.strip_suffix("slide"));
    let ms = match slides.map(|number| number.trim().parse::<u32>().ok()) {
        Some(number) => number.filter(|n| *n > 0).and_then(|n| slide_ms.checked_mul(n.into())),
        None => parse_duration_ms(&text).ok().filter(|ms| *ms > 0),
    };
    ms.map_or_else(
        || {
            refuse_with(
                format!("must be a number of slides or a duration, not {text:?}"),
                "write \"2 slides\" or \"3h\"",
            )
        },
        Ok,
    )
}
