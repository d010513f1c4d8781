//! One record to bytes and back.
//!
//! What bytes are is told by how they start: JSON text, Avro behind a registry's schema id, or Avro
//! behind a schema's fingerprint. So readers follow a change of encoding without being told.

use super::avro;
use super::schemas::SchemaName;
use crate::error::{Error, Result};
use crate::event::{SchemaError, SchemaSource, WriterSchema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// How a record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Compact JSON.
    Json,
    /// Avro behind its schema's fingerprint (single-object encoding).
    SingleObject,
    /// Avro behind the id that a registry gave the schema.
    Registry(u32),
}

impl Encoding {
    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Encoding::Json => "application/json",
            Encoding::SingleObject | Encoding::Registry(_) => "application/avro",
        }
    }
}

/// What is written to a topic.
pub trait Record: Serialize + DeserializeOwned {
    /// Its schema.
    const SCHEMA: SchemaName;
    /// The highest `schema_version` that this version of driftline reads, and the one it writes.
    const VERSION: u32;

    /// The record's `schema_version`.
    fn schema_version(&self) -> u32;
}

/// No registry: schema ids are unknown, while records that name a schema by its fingerprint, and
/// JSON, can be read.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRegistry;

impl SchemaSource for NoRegistry {
    fn by_id(&self, _: u32) -> Result<Arc<WriterSchema>, SchemaError> {
        Err(SchemaError::Unknown)
    }

    fn by_fingerprint(&self, _: u64) -> Result<Arc<WriterSchema>, SchemaError> {
        Err(SchemaError::Unknown)
    }
}

/// The bytes of a record. Fails where the record does not fit its schema: a count of more than 63
/// bits is all that a record of ours can get wrong.
pub fn encode<R: Record>(record: &R, encoding: Encoding) -> Result<Vec<u8>> {
    encode_as(R::SCHEMA, record, encoding)
}

/// The bytes of what looks like a record of `schema`.
pub(super) fn encode_as<T: Serialize>(schema: SchemaName, record: &T, encoding: Encoding) -> Result<Vec<u8>> {
    let refused =
        |why: String| Error::input(format!("a record does not fit the schema `{}`: {why}", schema.name()));
    let mut out = Vec::new();
    match encoding {
        Encoding::Json => {
            serde_json::to_writer(&mut out, record).map_err(|error| refused(error.to_string()))?;
            return Ok(out);
        }
        Encoding::SingleObject => {
            out.extend([0xC3, 0x01]);
            out.extend(schema.form().fingerprint().to_le_bytes());
        }
        Encoding::Registry(id) => {
            out.push(0);
            out.extend(id.to_be_bytes());
        }
    }
    avro::write(schema.form(), record, &mut out).map_err(|misfit| refused(misfit.to_string()))?;
    Ok(out)
}

/// The record that `bytes` hold; `registry` gives the schemas that are named by an id. Where the
/// bytes came from is the caller's to add. An error is retriable where the registry did not answer.
pub fn decode<R: Record>(bytes: &[u8], registry: &dyn SchemaSource) -> Result<R> {
    let name = R::SCHEMA.name();
    let refused = |why: String| Error::input(format!("not a record of the schema `{name}`: {why}"));
    let record: R = match bytes {
        [b'{' | b' ' | b'\t' | b'\r' | b'\n', ..] => {
            serde_json::from_slice(bytes).map_err(|error| refused(error.to_string()))?
        }
        [0, a, b, c, d, datum @ ..] => {
            let id = u32::from_be_bytes([*a, *b, *c, *d]);
            let schema = registry.by_id(id).map_err(|error| unknown(&format!("id {id}"), error))?;
            avro::read(&schema, datum).map_err(|misfit| refused(misfit.to_string()))?
        }
        [0xC3, 0x01, rest @ ..] if rest.len() >= 8 => {
            let (print, datum) = rest.split_at(8);
            let print = u64::from_le_bytes(*print.first_chunk().expect("eight bytes were split off"));
            match R::SCHEMA.form_of(print) {
                Some(schema) => avro::read(schema, datum),
                None => {
                    let schema = registry.by_fingerprint(print);
                    avro::read(&*schema.map_err(|e| unknown(&format!("fingerprint {print:016x}"), e))?, datum)
                }
            }
            .map_err(|misfit| refused(misfit.to_string()))?
        }
        _ => return Err(refused(format!("it starts with {:02x?}", &bytes[..bytes.len().min(2)]))),
    };
    if record.schema_version() > R::VERSION {
        let what = format!(
            "a record of the schema `{name}` in version {}; this reads up to {}",
            record.schema_version(),
            R::VERSION
        );
        return Err(Error::input(what).hint("run the version of driftline that wrote it, or a later one"));
    }
    Ok(record)
}

fn unknown(schema: &str, error: SchemaError) -> Error {
    match error {
        SchemaError::Unknown => Error::input(format!("the schema of {schema} is not known"))
            .hint("a newer version of driftline may have written the record; check the registry's address"),
        SchemaError::Unusable(why) => Error::input(format!("the schema of {schema} can't be used: {why}")),
        SchemaError::Unavailable(why) => {
            Error::registry(format!("the schema of {schema} can't be had now: {why}")).retriable()
        }
    }
}
