//! Bytes of an inference event to named values, or the reason why not.
//!
//! A decoder knows the envelope (where model, version, time and features stand) and nothing of
//! references, windows or Kafka. What it cannot read is returned as data, a [`BadRecord`].

use crate::words::Time;
use std::borrow::Cow;

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
    /// Something that no feature can be: an array, an object, bytes.
    Other,
}

/// An inference event, decoded but not yet judged: borrowed from the record's bytes.
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
    /// The columns by name, in the order written: features, and the prediction under its own name.
    pub columns: Vec<(Cow<'a, str>, Value<'a>)>,
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
}

/// A record that could not be taken, and why. It goes to the dead letters, whole, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRecord {
    /// The class of the reason.
    pub reason: BadReason,
    /// What exactly, with the place (byte, line, pointer) where known; never quotes the payload.
    pub message: String,
}
