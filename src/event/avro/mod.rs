//! Avro to an event: which schema a record was written with, and the walk of its bytes.
//!
//! Values are matched by name, so records of different writers' schemas mix and a field that one
//! does not have is missing. There is no reader's schema and no default is filled in: what a record
//! did not say is not known.

mod input;
mod plan;
mod schema;
mod source;
mod walk;

pub(crate) use input::Input;
pub(crate) use schema::Shape;
pub use schema::WriterSchema;
pub(super) use source::SchemaCache;
pub use source::{SchemaError, SchemaSource};

use super::envelope::Envelope;
use super::row::RowBuffer;
use super::{BadReason, BadRecord, DecodeError, Event};
use crate::words::Time;
use source::{Found, SchemaKey};

/// Reads `payload`, whose schema the header names, or else its first bytes.
pub(super) fn decode<'a>(
    payload: &'a [u8],
    header_schema_id: Option<&[u8]>,
    schemas: &'a SchemaCache,
    envelope: &'a Envelope,
    record_time: Option<Time>,
) -> Result<Event<'a>, DecodeError> {
    let (key, start) = schema_of(payload, header_schema_id)?;
    match schemas.find(key) {
        Ok(Found::Kept(schema)) => Ok(walk::event(payload, start, schema, envelope, record_time)?),
        Ok(Found::Passing(schema)) => {
            Ok(walk::event(payload, start, &schema, envelope, record_time)?.into_owned())
        }
        Err(SchemaError::Unavailable(why)) => Err(DecodeError::Unavailable(why)),
        Err(SchemaError::Unknown) => {
            Err(BadRecord::new(BadReason::UnknownSchema, format!("{key} is not known")).into())
        }
        Err(SchemaError::Unusable(why)) => {
            Err(BadRecord::new(BadReason::UnknownSchema, format!("{key} can't be used: {why}")).into())
        }
    }
}

/// Plans for the schemas that records were written with.
#[derive(Default)]
pub(super) struct Plans {
    plans: Vec<(SchemaKey, plan::Plan)>,
    last: usize,
}

impl Plans {
    /// Reads `payload` into `row`. `None` where that is for [`decode`] to do.
    pub(super) fn read(
        &mut self,
        payload: &[u8],
        header_schema_id: Option<&[u8]>,
        schemas: &SchemaCache,
        envelope: &Envelope,
        record_time: Option<Time>,
        row: &mut RowBuffer,
    ) -> Option<()> {
        let (key, start) = schema_of(payload, header_schema_id).ok()?;
        let Ok(Found::Kept(schema)) = schemas.find(key) else { return None };
        row.begin(envelope.fields.segments.len());
        let numbering = row.columns.numbering();
        if self
            .plans
            .get(self.last)
            .is_none_or(|(known, plan)| *known != key || plan.numbering() != numbering)
        {
            self.plans.retain(|(_, plan)| plan.numbering() == numbering);
            self.last = self.plans.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
                self.plans.push((key, plan::Plan::new(schema, envelope, &mut row.columns)));
                self.plans.len() - 1
            });
        }
        self.plans[self.last].1.read(payload, start, schema, envelope, record_time, row)
    }
}

/// The schema that a record was written with, and where its data start.
fn schema_of(payload: &[u8], header_schema_id: Option<&[u8]>) -> Result<(SchemaKey, usize), BadRecord> {
    match header_schema_id {
        Some(header) => match schema_key(header) {
            Some((key, end)) if end == header.len() && !matches!(key, SchemaKey::Fingerprint(_)) => {
                Ok((key, 0))
            }
            _ => Err(undecodable("the header `__value_schema_id` is no schema id")),
        },
        None => schema_key(payload)
            .ok_or_else(|| undecodable("no schema id and no fingerprint before the Avro data at byte 0")),
    }
}

/// The schema that `bytes` start by naming, and where the naming ends.
fn schema_key(bytes: &[u8]) -> Option<(SchemaKey, usize)> {
    match bytes {
        [0, id @ ..] => Some((SchemaKey::Id(u32::from_be_bytes(*id.first_chunk()?)), 5)),
        [1, guid @ ..] => Some((SchemaKey::Guid(*guid.first_chunk()?), 17)),
        [0xC3, 0x01, print @ ..] => {
            Some((SchemaKey::Fingerprint(u64::from_le_bytes(*print.first_chunk()?)), 10))
        }
        _ => None,
    }
}

fn undecodable(message: impl Into<String>) -> BadRecord {
    BadRecord::new(BadReason::Undecodable, message)
}

#[cfg(test)]
mod tests;
