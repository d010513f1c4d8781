//! Events one after the other, by one thread: as [`Decoder`] reads them, and several times as fast.
//!
//! What a quick reader takes is what the decoder would have taken, so that which of them reads an
//! event is never seen.

use super::avro::Plans;
use super::json::Habit;
use super::row::{Row, RowBuffer};
use super::{DecodeError, Decoder, FormatDecoder};
use crate::words::Time;

/// A decoder that learns from the events it reads.
pub struct Reader {
    decoder: Decoder,
    row: RowBuffer,
    habit: Habit,
    plans: Plans,
}

impl Reader {
    /// A reader of what `decoder` decodes.
    pub fn new(decoder: Decoder) -> Self {
        let habit = Habit::new(&decoder.envelope);
        Reader { decoder, row: RowBuffer::default(), habit, plans: Plans::default() }
    }

    /// Whether a header may name the schema of a record, so that it must be looked for.
    pub fn reads_schema_ids(&self) -> bool {
        matches!(self.decoder.format, FormatDecoder::Avro(_))
    }

    /// Reads a record's value, as [`Decoder::decode`] does.
    pub fn read<'r>(
        &'r mut self,
        payload: Option<&'r [u8]>,
        header_schema_id: Option<&[u8]>,
        record_time: Option<Time>,
    ) -> Result<Row<'r>, DecodeError> {
        let Reader { decoder: Decoder { envelope, format }, row, habit, plans } = self;
        let is_read = match (&*format, payload) {
            (FormatDecoder::Json, Some(payload)) => habit.read(payload, envelope, record_time, row),
            (FormatDecoder::Avro(schemas), Some(payload)) => {
                plans.read(payload, header_schema_id, schemas, envelope, record_time, row)
            }
            (_, None) => None,
        };
        match (is_read, payload) {
            (Some(()), Some(payload)) => Ok(row.row(payload)),
            _ => Ok(row.of(&self.decoder.decode(payload, header_schema_id, record_time)?)),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
