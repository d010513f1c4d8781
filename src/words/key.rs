//! Names and the key of what a window belongs to.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A name: of a model, version, segment value, feature or category. Cheap to clone.
pub type Name = Arc<str>;

/// What a window belongs to: a model, one of its versions, and a segment of its traffic (a tuple of
/// the values of the configured fields; empty for all traffic).
///
/// Its text form is a compact JSON array, so that no name can collide with another:
/// `["fraud","7",["eu"]]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(Name, Name, Vec<Name>)", into = "(Name, Name, Vec<Name>)")]
pub struct ModelKey {
    /// The model.
    pub model: Name,
    /// Its version, `""` when the event names none.
    pub version: Name,
    /// The segment, empty for all traffic.
    pub segment: Vec<Name>,
}

impl ModelKey {
    /// The key of all traffic of a version.
    pub fn whole(model: impl Into<Name>, version: impl Into<Name>) -> Self {
        ModelKey { model: model.into(), version: version.into(), segment: Vec::new() }
    }
}

impl From<(Name, Name, Vec<Name>)> for ModelKey {
    fn from((model, version, segment): (Name, Name, Vec<Name>)) -> Self {
        ModelKey { model, version, segment }
    }
}

impl From<ModelKey> for (Name, Name, Vec<Name>) {
    fn from(key: ModelKey) -> Self {
        (key.model, key.version, key.segment)
    }
}

impl fmt::Display for ModelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_json_array_and_comes_back_from_it() {
        let key = ModelKey { model: "a\"b".into(), version: "7".into(), segment: vec!["eu".into()] };
        assert_eq!(key.to_string(), r#"["a\"b","7",["eu"]]"#);
        assert_eq!(serde_json::from_str::<ModelKey>(&key.to_string()).unwrap(), key);
    }
}
