//! JSON to an event, in one pass that reads what the envelope names and skips the rest.
//!
//! Values are taken as the text they were written in (`RawValue`), so that a literal beyond a
//! double's range is a value that can be counted and not an unreadable record. What is skipped is
//! checked for its syntax without recursion, and what is read is no deeper than a pointer, so
//! nesting can't exhaust the stack. Of like names in an object the last wins. Messages name line
//! and column and never quote the payload.

mod follower;
mod habit;
mod number;
mod reading;
mod token;

pub(super) use habit::Habit;

use super::draft::Draft;
use super::envelope::{Envelope, Members, Place};
use super::scalar::Scalar;
use super::{BadReason, BadRecord, Event, Value};
use crate::words::Time;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Reads the JSON object `payload` as `envelope` says.
pub(super) fn decode<'a>(
    payload: &'a [u8],
    envelope: &'a Envelope,
    record_time: Option<Time>,
) -> Result<Event<'a>, BadRecord> {
    let text = std::str::from_utf8(payload).map_err(|error| {
        let before = &payload[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        undecodable(format!("not UTF-8 at line {line} column {column}"))
    })?;
    let mut draft = Draft::new(envelope);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    At { draft: &mut draft, envelope, place: 0 }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| undecodable(message(&error)))?;
    // The syntax is checked; what is left is that an event has members to point to.
    let root_has_elements = envelope.places[0].children.iter().any(|child| child.index.is_some());
    match text.trim_start().as_bytes().first() {
        Some(b'{') => {}
        Some(b'[') if root_has_elements => {}
        _ => return Err(undecodable("an event is a JSON object, and this is another value".into())),
    }
    draft.finish(record_time)
}

fn undecodable(message: String) -> BadRecord {
    BadRecord::new(BadReason::Undecodable, message)
}

/// What the parser says. Its syntax messages are fixed texts; of others only the place is told,
/// since they may quote.
fn message(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Syntax | Category::Eof => format!("not JSON: {error}"),
        Category::Data | Category::Io => {
            format!("not the JSON of an event at line {} column {}", error.line(), error.column())
        }
    }
}

/// A place of the envelope's tree, to be read from where the parser stands.
struct At<'w, 'a> {
    draft: &'w mut Draft<'a>,
    envelope: &'a Envelope,
    place: usize,
}

impl<'a> At<'_, 'a> {
    fn place(&self) -> &'a Place {
        &self.envelope.places[self.place]
    }

    /// Goes down to a member or an element.
    fn down(&mut self, place: usize) -> At<'_, 'a> {
        At { draft: self.draft, envelope: self.envelope, place }
    }

    /// A prediction: an object of outputs, or one value.
    fn prediction<E: serde::de::Error>(&mut self, raw: &'a str) -> Result<(), E> {
        self.draft.fill(&self.place().slots, &scalar(raw));
        if !raw.starts_with('{') {
            self.draft.scalar_prediction(value(raw));
            return Ok(());
        }
        // The text was checked once already; only a name that is no Unicode can stop it now.
        let mut deserializer = serde_json::Deserializer::from_str(raw);
        let members = Inside(At { draft: self.draft, envelope: self.envelope, place: self.place });
        deserializer.deserialize_map(members).map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for At<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        let place = self.place();
        if place.is_leaf() {
            let raw = raw(deserializer)?;
            self.draft.fill(&place.slots, &scalar(raw));
            return Ok(());
        }
        self.draft.clear(place);
        if place.members == Members::Prediction {
            return self.prediction(raw(deserializer)?);
        }
        deserializer.deserialize_any(Inside(self))
    }
}

/// Walks the members of an object or the elements of an array; at any other value nothing is found.
struct Inside<'w, 'a>(At<'w, 'a>);

impl<'de> Visitor<'de> for Inside<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let place = self.0.place();
        while let Some(Key(name)) = members.next_key_seed(KeySeed)? {
            match place.child(&name) {
                Some(child) if child.column => {
                    let raw: &'de RawValue = members.next_value()?;
                    let slots = &self.0.envelope.places[child.place].slots;
                    self.0.draft.fill(slots, &scalar(raw.get()));
                    self.0.draft.feature(name, value(raw.get()));
                }
                Some(child) => members.next_value_seed(self.0.down(child.place))?,
                None => match place.members {
                    Members::Skipped => {
                        members.next_value::<IgnoredAny>()?;
                    }
                    Members::Features => {
                        let raw: &'de RawValue = members.next_value()?;
                        self.0.draft.feature(name, value(raw.get()));
                    }
                    Members::Prediction => {
                        let raw: &'de RawValue = members.next_value()?;
                        self.0.draft.output(&name, value(raw.get()));
                    }
                },
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        let place = self.0.place();
        for index in 0.. {
            let more = match place.element(index) {
                Some(child) => elements.next_element_seed(self.0.down(child.place))?.is_some(),
                None => elements.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

/// A member's name, borrowed unless it was written with escapes.
struct Key<'a>(Cow<'a, str>);

struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(name)))
    }

    fn visit_str<E>(self, name: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(name.to_owned())))
    }
}

/// The text of the next value, checked for its syntax only.
fn raw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'de str, D::Error> {
    <&RawValue as serde::Deserialize>::deserialize(deserializer).map(RawValue::get)
}

/// A column's value. A number is the nearest double, infinite beyond the range.
fn value(raw: &str) -> Value<'_> {
    match raw.as_bytes().first() {
        Some(b'"') => text(raw).map_or(Value::Other, Value::Text),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') => Value::Missing,
        Some(b'-' | b'0'..=b'9') => raw.parse().map_or(Value::Other, Value::Number),
        _ => Value::Other,
    }
}

/// An envelope field's value.
fn scalar(raw: &str) -> Scalar<'_> {
    match value(raw) {
        Value::Missing => Scalar::Null,
        Value::Bool(truth) => Scalar::Bool(truth),
        Value::Number(number) => raw.parse().map_or(Scalar::Number(number), Scalar::Integer),
        Value::Text(text) | Value::Literal(text) => Scalar::Text(text),
        Value::Other => Scalar::Other,
    }
}

/// The text that a JSON string says; `None` for half a surrogate pair, which is no text.
fn text(raw: &str) -> Option<Cow<'_, str>> {
    let inner = &raw[1..raw.len() - 1];
    if inner.as_bytes().contains(&b'\\') {
        serde_json::from_str(raw).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}
