//! What went wrong, where, and what a person can do about it.
//!
//! One opaque type with a kind, for the whole library. A bad *record* is not an error but data
//! (see [`crate::event::BadRecord`]); a broken invariant is a panic. What is left is here: a
//! mistake of the caller, or a bus, registry or file that did not do its part.

use std::fmt;

/// Whose fault an [`Error`] is, and whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The command line was used wrongly.
    Usage,
    /// The configuration is wrong.
    Config,
    /// Data that was given (a reference, a table, a record) is not what it should be.
    Input,
    /// A file could not be read or written.
    File,
    /// Kafka refused or failed.
    Bus,
    /// The schema registry refused or failed.
    Registry,
    /// Stored state does not fit this configuration or this version.
    State,
}

impl ErrorKind {
    /// The process exit code: 2 for what the caller can mend, 3 for what failed around us.
    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::Usage | ErrorKind::Config | ErrorKind::Input | ErrorKind::State => 2,
            ErrorKind::File | ErrorKind::Bus | ErrorKind::Registry => 3,
        }
    }
}

/// Result of what can fail with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong (`what`), where (`place`: a file with line and column, a topic with partition
/// and offset), what to do (`hint`), and whether trying again may help (`retriable`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    what: String,
    place: Option<String>,
    hint: Option<String>,
    retriable: bool,
}

impl Error {
    /// An error of `kind` that says `what` went wrong.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Error { kind, what: what.into(), place: None, hint: None, retriable: false }
    }

    /// [`ErrorKind::Usage`].
    pub fn usage(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Usage, what)
    }

    /// [`ErrorKind::Config`].
    pub fn config(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Config, what)
    }

    /// [`ErrorKind::Input`].
    pub fn input(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Input, what)
    }

    /// [`ErrorKind::File`].
    pub fn file(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::File, what)
    }

    /// [`ErrorKind::Bus`].
    pub fn bus(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Bus, what)
    }

    /// [`ErrorKind::Registry`].
    pub fn registry(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Registry, what)
    }

    /// [`ErrorKind::State`].
    pub fn state(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::State, what)
    }

    /// Adds where it went wrong.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.place = Some(place.to_string());
        self
    }

    /// Adds what a person can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Marks that trying the same again may help.
    #[must_use]
    pub fn retriable(mut self) -> Self {
        self.retriable = true;
        self
    }

    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether trying the same again may help.
    pub fn is_retriable(&self) -> bool {
        self.retriable
    }
}

/// `what`, then ` (place)`, then `; hint`: one line, for logs.
/// The alternate form (`{:#}`) takes a line for each, for a terminal.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        let (before_place, after_place, before_hint) =
            if f.alternate() { ("\n  --> ", "", "\n  help: ") } else { (" (", ")", "; ") };
        if let Some(place) = &self.place {
            write!(f, "{before_place}{place}{after_place}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "{before_hint}{hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_where_and_what_to_do() {
        let error = Error::config("unknown key `sise`").at("a.toml:3:1").hint("did you mean `size`?");
        assert_eq!(error.to_string(), "unknown key `sise` (a.toml:3:1); did you mean `size`?");
        assert_eq!(
            format!("{error:#}"),
            "unknown key `sise`\n  --> a.toml:3:1\n  help: did you mean `size`?"
        );
    }
}
