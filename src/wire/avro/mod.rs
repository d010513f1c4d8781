//! Records to and from Avro's binary encoding, through serde and a schema made flat.
//!
//! The writer is strict: fields stand in the schema's order, what may be null in Rust may be null in
//! the schema and the other way round, so a record that can be written at all fits its schema. The
//! reader follows the writer's schema and matches fields by name, as with JSON: an unknown field is
//! passed over, and one that is not there is an error unless it may be null or has a default in serde.
//!
//! Unlike the Avro crate's own serde forms it writes counts as `long` and enums as strings, and its
//! work and memory are bounded by the record's bytes, whatever lengths they claim.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::write;

use std::fmt;

/// Why a value and a schema, or a schema and some bytes, do not fit; the fields on the way first.
#[derive(Debug)]
pub(super) struct Misfit(String);

impl Misfit {
    fn within(self, field: &str) -> Misfit {
        let separator = if self.0.starts_with('`') { "." } else { ": " };
        Misfit(format!("`{field}`{separator}{}", self.0))
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misfit {}

impl serde::ser::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Misfit(message.to_string())
    }
}

impl serde::de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Misfit(message.to_string())
    }
}
