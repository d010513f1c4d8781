//! A simulated event, and its JSON form.

use crate::event::Value;
use crate::words::{Name, Time};
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use std::borrow::Cow;

/// One scored payment.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedEvent {
    /// Its number in the stream, from 0.
    pub number: u64,
    /// The model that scored it.
    pub model: Name,
    /// The model's version.
    pub version: Name,
    /// Event time.
    pub time: Time,
    /// The features, always all of them in the same order; some [`Value::Missing`].
    pub features: Vec<(Name, Value<'static>)>,
    /// The probability of fraud that the model gave, rounded to six decimals.
    pub prediction: f64,
    /// The segment: the payment's country, `None` where that is missing.
    pub country: Option<Cow<'static, str>>,
}

impl SimulatedEvent {
    /// The payment's id, also good as a record's key: different for each event of a stream.
    pub fn id(&self) -> String {
        format!("pay-{:010}", self.number)
    }

    /// The value of the feature `name`.
    pub fn get(&self, name: &str) -> Option<&Value<'static>> {
        self.features.iter().find(|(feature, _)| &**feature == name).map(|(_, value)| value)
    }

    /// The event in the envelope that `preset = "driftline"` reads: one line of JSON without its end.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names and finite numbers always have a JSON form")
    }
}

impl Serialize for SimulatedEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut event = serializer.serialize_struct("SimulatedEvent", 7)?;
        event.serialize_field("id", &self.id())?;
        event.serialize_field("model", &self.model)?;
        event.serialize_field("version", &self.version)?;
        event.serialize_field("time", &self.time)?;
        event.serialize_field("features", &Features(&self.features))?;
        event.serialize_field("prediction", &self.prediction)?;
        event.serialize_field("segment", &Segment { country: self.country.as_deref() })?;
        event.end()
    }
}

#[derive(serde::Serialize)]
struct Segment<'a> {
    country: Option<&'a str>,
}

struct Features<'a>(&'a [(Name, Value<'static>)]);

impl Serialize for Features<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            match value {
                Value::Missing | Value::Other => map.serialize_entry(name, &())?,
                Value::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
                    map.serialize_entry(name, &(*number as i64))?;
                }
                Value::Number(number) => map.serialize_entry(name, number)?,
                Value::Bool(value) => map.serialize_entry(name, value)?,
                Value::Text(text) | Value::Literal(text) => map.serialize_entry(name, text)?,
            }
        }
        map.end()
    }
}
