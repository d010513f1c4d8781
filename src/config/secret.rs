//! Values that must not show in logs, messages or dumps.

use super::tree::Place;
use std::fmt;

/// A text that prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The trimmed text of the file `path`, which was written at `place`.
pub(super) fn of_file(path: &str, place: Option<&Place>) -> Result<String, String> {
    let file = place.map_or_else(|| path.into(), |place| place.beside(path));
    match std::fs::read_to_string(&file) {
        Ok(text) if text.trim().is_empty() => Err(format!("names an empty file: {}", file.display())),
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => Err(format!("names a file that can't be read: {}: {error}", file.display())),
    }
}
