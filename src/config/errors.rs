//! All mistakes of a configuration, collected so that they are shown at once.
//!
//! A mistake found twice (a global policy is read for each model) is kept once.

use super::tree::Place;
use crate::error::Error;
use std::cell::RefCell;
use std::fmt;

/// Everything that is wrong with a configuration, in the order in which it stands in the files.
///
/// `Display` prints each in the many-line form of [`Error`], one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<Error>);

impl ConfigErrors {
    /// The mistakes; at least one.
    pub fn errors(&self) -> &[Error] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error:#}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// One error of kind `Config` whose text is that of all of them.
impl From<ConfigErrors> for Error {
    fn from(errors: ConfigErrors) -> Self {
        match <[Error; 1]>::try_from(errors.0) {
            Ok([error]) => error,
            Err(errors) => Error::config(ConfigErrors(errors).to_string()),
        }
    }
}

/// Where mistakes are gathered while a configuration is read.
#[derive(Debug, Default)]
pub(super) struct Mistakes(RefCell<Vec<(Option<Place>, Error)>>);

impl Mistakes {
    /// Adds a mistake at `place` (`None`: in nothing that the user wrote).
    pub fn add(&self, place: Option<&Place>, what: impl Into<String>, hint: Option<String>) {
        let mut error = Error::config(what);
        if let Some(place) = place {
            error = error.at(place);
        }
        if let Some(hint) = hint {
            error = error.hint(hint);
        }
        let mut all = self.0.borrow_mut();
        if !all.iter().any(|(_, known)| *known == error) {
            all.push((place.cloned(), error));
        }
    }

    /// What was gathered, or `value` when there was nothing.
    ///
    /// # Panics
    /// When there is neither: whoever gives up on a value says why.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, ConfigErrors> {
        let mut all = self.0.into_inner();
        if all.is_empty() {
            return Ok(value.expect("a value is only missing where a mistake was added"));
        }
        all.sort_by(|(a, _), (b, _)| (a.is_none(), a).cmp(&(b.is_none(), b)));
        Err(ConfigErrors(all.into_iter().map(|(_, error)| error).collect()))
    }
}
