//! Where writers' schemas come from, and the ones that were already asked for.

use super::WriterSchema;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Schemas kept by a decoder. A topic sees a handful in its life; beyond, the source is asked again.
const KEPT_MAX: usize = 256;

/// Why a schema can't be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaError {
    /// There is none of that id: the record is bad.
    Unknown,
    /// There is one, and it is no Avro schema that can be read: the record is bad.
    Unusable(String),
    /// It can't be told now: the record is to be tried again later.
    Unavailable(String),
}

/// Gives writers' schemas by what records say of them.
///
/// Each schema is asked for about once a decoder; a source should remember for a short while what
/// it does not know, since every record that names it asks.
pub trait SchemaSource: Send + Sync {
    /// The schema of a registry's id.
    fn by_id(&self, id: u32) -> Result<Arc<WriterSchema>, SchemaError>;

    /// The schema whose canonical form has this CRC-64-AVRO fingerprint.
    fn by_fingerprint(&self, fingerprint: u64) -> Result<Arc<WriterSchema>, SchemaError>;

    /// The schema of a registry's GUID. A source without GUIDs knows none.
    fn by_guid(&self, _guid: [u8; 16]) -> Result<Arc<WriterSchema>, SchemaError> {
        Err(SchemaError::Unknown)
    }
}

/// How a record names its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SchemaKey {
    Id(u32),
    Guid([u8; 16]),
    Fingerprint(u64),
}

impl fmt::Display for SchemaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SchemaKey::Id(id) => write!(f, "the schema id {id}"),
            SchemaKey::Guid(guid) => write!(f, "the schema GUID {:032x}", u128::from_be_bytes(*guid)),
            SchemaKey::Fingerprint(print) => write!(f, "the schema fingerprint {print:016x}"),
        }
    }
}

/// The schemas already seen: a list that only grows, so that events may borrow names from it.
pub(in crate::event) struct SchemaCache {
    source: Arc<dyn SchemaSource>,
    first: Link,
}

type Link = OnceLock<Box<Kept>>;

struct Kept {
    key: SchemaKey,
    schema: Arc<WriterSchema>,
    next: Link,
}

/// A schema, kept for the decoder's life or not.
pub(super) enum Found<'a> {
    Kept(&'a WriterSchema),
    Passing(Arc<WriterSchema>),
}

impl SchemaCache {
    pub(in crate::event) fn new(source: Arc<dyn SchemaSource>) -> Self {
        SchemaCache { source, first: Link::new() }
    }

    pub(super) fn find(&self, key: SchemaKey) -> Result<Found<'_>, SchemaError> {
        let mut link = &self.first;
        let mut kept = 0;
        while let Some(entry) = link.get() {
            if entry.key == key {
                return Ok(Found::Kept(&entry.schema));
            }
            link = &entry.next;
            kept += 1;
        }
        let schema = match key {
            SchemaKey::Id(id) => self.source.by_id(id)?,
            SchemaKey::Guid(guid) => self.source.by_guid(guid)?,
            SchemaKey::Fingerprint(print) => self.source.by_fingerprint(print)?,
        };
        if kept >= KEPT_MAX {
            return Ok(Found::Passing(schema));
        }
        // Another thread may have added one meanwhile: then this one goes behind it.
        loop {
            let entry =
                link.get_or_init(|| Box::new(Kept { key, schema: schema.clone(), next: Link::new() }));
            if entry.key == key {
                return Ok(Found::Kept(&entry.schema));
            }
            link = &entry.next;
        }
    }
}
