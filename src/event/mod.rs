//! Bytes of an inference event to named values, or the reason why not.
//!
//! A decoder knows the envelope (where model, version, time and features stand) and nothing of
//! references, windows or Kafka. What it cannot read is returned as data, a `BadRecord`; the only
//! other outcome is that a schema can't be had now (`DecodeError::Unavailable`).

mod avro;
mod draft;
mod envelope;
mod guess;
mod json;
mod member;
mod reader;
mod row;
mod scalar;
pub(crate) use avro::{Input, Shape};
pub use avro::{SchemaError, SchemaSource, WriterSchema};
pub use draft::is_prediction;
pub use envelope::{Envelope, Fields, NameFrom, TimeFrom};
pub use guess::guess;
pub use reader::Reader;
pub use row::{Cell, Columns, Row, RowBuffer, Text};

use crate::words::Time;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// One value of a column, as it was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Null, or not there.
    Missing,
    /// A number; may be NaN or infinite (an overflowing literal), which the sketch counts as invalid.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// Text.
    Text(Cow<'a, str>),
    /// Text of a source without types (CSV): a number where a number is wanted, else a category.
    Literal(Cow<'a, str>),
    /// Something that no feature can be: an array, an object, bytes, text that is no Unicode.
    Other,
}

impl Value<'_> {
    /// The same value, borrowing nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Missing => Value::Missing,
            Value::Number(number) => Value::Number(number),
            Value::Bool(truth) => Value::Bool(truth),
            Value::Text(text) => Value::Text(own(text)),
            Value::Literal(text) => Value::Literal(own(text)),
            Value::Other => Value::Other,
        }
    }
}

/// An inference event, decoded but not yet judged: borrowed from the record's bytes and the decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// The event's or prediction's id, where it has one.
    pub id: Option<Cow<'a, str>>,
    /// The model; never empty.
    pub model: Cow<'a, str>,
    /// The model's version, `""` where the event names none.
    pub version: Cow<'a, str>,
    /// The values of the configured segment pointers, in their order; `""` where one is missing.
    pub segment: Vec<Cow<'a, str>>,
    /// Event time.
    pub time: Time,
    /// The columns by name, each once: features in the order written, then the prediction under
    /// `prediction` or its outputs under `prediction.<name>`.
    pub columns: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl Event<'_> {
    /// The same event, borrowing nothing.
    pub fn into_owned(self) -> Event<'static> {
        Event {
            id: self.id.map(own),
            model: own(self.model),
            version: own(self.version),
            segment: self.segment.into_iter().map(own).collect(),
            time: self.time,
            columns: self.columns.into_iter().map(|(name, value)| (own(name), value.into_owned())).collect(),
        }
    }
}

fn own(text: Cow<str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

/// Why a record is bad. The names are the `reason` of metrics and the class in dead letter headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BadReason {
    /// The record has no value (a tombstone).
    Empty,
    /// The bytes are not what the configured format says.
    Undecodable,
    /// The registry does not know the schema that the record names.
    UnknownSchema,
    /// No model is named.
    NoModel,
    /// No event time, or not a time.
    NoTime,
    /// No features.
    NoFeatures,
    /// The event time is further ahead of the record's own timestamp than is believed.
    FutureTime,
    /// The model is not monitored, and the configuration sends such events to the dead letters.
    UnknownModel,
    /// A model, version or segment has a name that is too long to be one.
    LongName,
    /// A record of the control topic is no command.
    BadCommand,
}

impl BadReason {
    /// All reasons.
    pub const ALL: [BadReason; 10] = [
        BadReason::Empty,
        BadReason::Undecodable,
        BadReason::UnknownSchema,
        BadReason::NoModel,
        BadReason::NoTime,
        BadReason::NoFeatures,
        BadReason::FutureTime,
        BadReason::UnknownModel,
        BadReason::LongName,
        BadReason::BadCommand,
    ];

    /// The name in metrics and headers, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            BadReason::Empty => "empty",
            BadReason::Undecodable => "undecodable",
            BadReason::UnknownSchema => "unknown_schema",
            BadReason::NoModel => "no_model",
            BadReason::NoTime => "no_time",
            BadReason::NoFeatures => "no_features",
            BadReason::FutureTime => "future_time",
            BadReason::UnknownModel => "unknown_model",
            BadReason::LongName => "long_name",
            BadReason::BadCommand => "bad_command",
        }
    }
}

impl fmt::Display for BadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A record that could not be taken, and why. It goes to the dead letters, whole, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRecord {
    /// The class of the reason.
    pub reason: BadReason,
    /// What exactly, with the place (byte, line, pointer) where known; never quotes the payload.
    pub message: String,
}

impl BadRecord {
    /// A bad record of this reason; `message` must not quote the payload.
    pub fn new(reason: BadReason, message: impl Into<String>) -> Self {
        BadRecord { reason, message: message.into() }
    }
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
}

/// Why no event came of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// It is the record: trying again gives the same.
    Bad(BadRecord),
    /// The schema can't be had now, and the record may be good: the caller pauses and tries again.
    Unavailable(String),
}

impl From<BadRecord> for DecodeError {
    fn from(bad: BadRecord) -> Self {
        DecodeError::Bad(bad)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Bad(bad) => bad.fmt(f),
            DecodeError::Unavailable(why) => write!(f, "the writer's schema is not available: {why}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// How events are written.
#[derive(Clone)]
pub enum Format {
    /// A JSON object a record.
    Json,
    /// Avro in the framing of a schema registry (the id as prefix or in the record's header) or in
    /// the single-object encoding.
    Avro {
        /// Where writers' schemas come from.
        schemas: Arc<dyn SchemaSource>,
    },
}

/// Reads events of one format and envelope. Shared by threads as it is.
pub struct Decoder {
    envelope: Envelope,
    format: FormatDecoder,
}

enum FormatDecoder {
    Json,
    Avro(avro::SchemaCache),
}

impl Decoder {
    /// A decoder of `format` by `envelope`.
    pub fn new(format: Format, envelope: Envelope) -> Decoder {
        let format = match format {
            Format::Json => FormatDecoder::Json,
            Format::Avro { schemas } => FormatDecoder::Avro(avro::SchemaCache::new(schemas)),
        };
        Decoder { envelope, format }
    }

    /// Reads a record's value: its bytes (`None` for a tombstone), the value of its header
    /// `__value_schema_id` (Avro only) and its own timestamp (used only where the envelope says so).
    pub fn decode<'a>(
        &'a self,
        payload: Option<&'a [u8]>,
        header_schema_id: Option<&[u8]>,
        record_time: Option<Time>,
    ) -> Result<Event<'a>, DecodeError> {
        let payload = payload
            .filter(|payload| !payload.is_empty())
            .ok_or_else(|| BadRecord::new(BadReason::Empty, "the record has no value"))?;
        match &self.format {
            FormatDecoder::Json => Ok(json::decode(payload, &self.envelope, record_time)?),
            FormatDecoder::Avro(schemas) => {
                avro::decode(payload, header_schema_id, schemas, &self.envelope, record_time)
            }
        }
    }
}

#[cfg(test)]
mod tests;
