//! The keys of records on internal topics: compact JSON arrays, so that no name can collide with
//! another, and equal keys are equal bytes.
//!
//! Events, triggers and reports have the model's name as key, as it is.

use crate::error::{Error, Result};
use crate::reference::ReferenceId;
use crate::words::{ModelKey, Name, Time};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A key of the deltas' topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DeltaKey {
    /// `["fraud","7",["eu"]]`, with the chunk's number last where there are several.
    Delta {
        /// Model, version and segment.
        key: ModelKey,
        /// The chunk's number; `None` for the only one.
        chunk: Option<u32>,
    },
    /// `["watermark"]`.
    Watermark,
}

impl DeltaKey {
    /// The key's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            DeltaKey::Delta { key: ModelKey { model, version, segment }, chunk: None } => {
                json(&(model, version, segment))
            }
            DeltaKey::Delta { key: ModelKey { model, version, segment }, chunk: Some(chunk) } => {
                json(&(model, version, segment, chunk))
            }
            DeltaKey::Watermark => json(&("watermark",)),
        }
    }

    /// The key that `bytes` are.
    pub fn parse(bytes: &[u8]) -> Result<DeltaKey> {
        let parts = parts(bytes)?;
        let key = match &parts[..] {
            [Value::String(kind)] if kind == "watermark" => Some(DeltaKey::Watermark),
            [model, version, segment] => {
                model_key(model, version, segment).map(|key| DeltaKey::Delta { key, chunk: None })
            }
            [model, version, segment, chunk] => model_key(model, version, segment)
                .zip(part(chunk))
                .map(|(key, chunk)| DeltaKey::Delta { key, chunk: Some(chunk) }),
            _ => None,
        };
        key.ok_or_else(|| no_key(bytes, "deltas"))
    }
}

/// A key of the references' topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReferenceKey {
    /// `["profile","fraud","ref_…",0]`.
    Profile {
        /// The model that it was published for.
        model: Name,
        /// The profile.
        id: ReferenceId,
        /// The chunk's number.
        chunk: u32,
    },
    /// `["activation","fraud","7","2026-03-04T11:00:00.000Z","ref_…"]`.
    Activation {
        /// The model.
        model: Name,
        /// Its version.
        version: Name,
        /// From when it holds.
        effective_from: Time,
        /// The profile.
        reference_id: ReferenceId,
    },
}

impl ReferenceKey {
    /// The key's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            ReferenceKey::Profile { model, id, chunk } => json(&("profile", model, id, chunk)),
            ReferenceKey::Activation { model, version, effective_from, reference_id } => {
                json(&("activation", model, version, effective_from, reference_id))
            }
        }
    }

    /// The key that `bytes` are.
    pub fn parse(bytes: &[u8]) -> Result<ReferenceKey> {
        let parts = parts(bytes)?;
        let (kind, rest) = kind(&parts);
        let key = match (kind, rest) {
            ("profile", [model, id, chunk]) => profile_key(model, id, chunk),
            ("activation", [model, version, from, id]) => activation_key(model, version, from, id),
            _ => None,
        };
        key.ok_or_else(|| no_key(bytes, "references"))
    }
}

fn profile_key(model: &Value, id: &Value, chunk: &Value) -> Option<ReferenceKey> {
    Some(ReferenceKey::Profile { model: part(model)?, id: part(id)?, chunk: part(chunk)? })
}

fn activation_key(model: &Value, version: &Value, from: &Value, id: &Value) -> Option<ReferenceKey> {
    Some(ReferenceKey::Activation {
        model: part(model)?,
        version: part(version)?,
        effective_from: part(from)?,
        reference_id: part(id)?,
    })
}

/// A key of the changelog.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StateKey {
    /// `["pane","fraud","7",["eu"],"2026-03-04T11:00:00.000Z",0]`.
    Pane {
        /// Model, version and segment.
        key: ModelKey,
        /// Where the pane starts.
        pane_start: Time,
        /// The chunk's number.
        chunk: u32,
    },
    /// `["incident","fraud","7",["eu"]]`.
    Incident(ModelKey),
    /// `["sequential","fraud","7",["eu"],"amount"]`.
    Sequential(ModelKey, Name),
    /// `["model","fraud"]`.
    Model(Name),
    /// `["watermark"]`.
    Watermark,
    /// `["layout"]`.
    Layout,
}

impl StateKey {
    /// The key's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            StateKey::Pane { key: ModelKey { model, version, segment }, pane_start, chunk } => {
                json(&("pane", model, version, segment, pane_start, chunk))
            }
            StateKey::Incident(ModelKey { model, version, segment }) => {
                json(&("incident", model, version, segment))
            }
            StateKey::Sequential(ModelKey { model, version, segment }, feature) => {
                json(&("sequential", model, version, segment, feature))
            }
            StateKey::Model(model) => json(&("model", model)),
            StateKey::Watermark => json(&("watermark",)),
            StateKey::Layout => json(&("layout",)),
        }
    }

    /// The key that `bytes` are.
    pub fn parse(bytes: &[u8]) -> Result<StateKey> {
        let parts = parts(bytes)?;
        let (kind, rest) = kind(&parts);
        let key = match (kind, rest) {
            ("pane", [model, version, segment, start, chunk]) => {
                pane_key(model, version, segment, start, chunk)
            }
            ("incident", [model, version, segment]) => {
                model_key(model, version, segment).map(StateKey::Incident)
            }
            ("sequential", [model, version, segment, feature]) => model_key(model, version, segment)
                .zip(part(feature))
                .map(|(key, name)| StateKey::Sequential(key, name)),
            ("model", [model]) => part(model).map(StateKey::Model),
            ("watermark", []) => Some(StateKey::Watermark),
            ("layout", []) => Some(StateKey::Layout),
            _ => None,
        };
        key.ok_or_else(|| no_key(bytes, "the changelog"))
    }
}

fn pane_key(
    model: &Value,
    version: &Value,
    segment: &Value,
    start: &Value,
    chunk: &Value,
) -> Option<StateKey> {
    let key = model_key(model, version, segment)?;
    Some(StateKey::Pane { key, pane_start: part(start)?, chunk: part(chunk)? })
}

fn json(parts: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(parts).expect("texts, numbers and times are always JSON")
}

fn parts(bytes: &[u8]) -> Result<Vec<Value>> {
    serde_json::from_slice(bytes).map_err(|_| no_key(bytes, "an internal topic"))
}

/// The first part, where it is text, and the others.
fn kind(parts: &[Value]) -> (&str, &[Value]) {
    match parts {
        [Value::String(kind), rest @ ..] => (kind, rest),
        _ => ("", parts),
    }
}

fn part<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

fn model_key(model: &Value, version: &Value, segment: &Value) -> Option<ModelKey> {
    Some(ModelKey { model: part(model)?, version: part(version)?, segment: part(segment)? })
}

fn no_key(bytes: &[u8], of: &str) -> Error {
    const SHOWN: usize = 120;
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]);
    Error::input(format!("not a key of {of}: {shown:?}"))
}
