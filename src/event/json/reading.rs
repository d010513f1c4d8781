//! Values of one event, token by token, into a row.

use super::number::{integer, number};
use super::token::{literal, string, value};
use super::{scalar, text};
use crate::event::envelope::Envelope;
use crate::event::row::{Cell, RowBuffer, Text};
use crate::event::scalar::Scalar;

/// One event while it is read.
pub(super) struct Reading<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) envelope: &'a Envelope,
    pub(super) row: &'a mut RowBuffer,
}

impl<'a> Reading<'a> {
    /// What stands from `start` to before `end`, which was found to be a token.
    pub(super) fn text(&self, start: usize, end: usize) -> Option<&'a str> {
        std::str::from_utf8(&self.bytes[start..end]).ok()
    }

    /// The value at `at` as a column has it, and where it ends.
    #[inline(always)]
    pub(super) fn cell(&mut self, at: usize) -> Option<(Cell, usize)> {
        match self.bytes.get(at)? {
            b'-' | b'0'..=b'9' => number(self.bytes, at).map(|(number, end)| (Cell::Number(number), end)),
            b'"' => match string(self.bytes, at + 1)? {
                (end, false) => Some((Cell::Text(Text::written(at + 1, end)), end + 1)),
                (end, true) => self.escaped(at, end + 1),
            },
            _ => self.constant(at),
        }
    }

    /// A string with escapes, from quote to quote.
    #[cold]
    fn escaped(&mut self, start: usize, end: usize) -> Option<(Cell, usize)> {
        let said = text(self.text(start, end)?);
        Some((said.map_or(Cell::Other, |said| Cell::Text(self.row.keep(&said))), end))
    }

    fn constant(&self, at: usize) -> Option<(Cell, usize)> {
        match self.bytes.get(at)? {
            b't' => Some((Cell::Bool(true), literal(self.bytes, at, b"true")?)),
            b'f' => Some((Cell::Bool(false), literal(self.bytes, at, b"false")?)),
            b'n' => Some((Cell::Missing, literal(self.bytes, at, b"null")?)),
            b'{' | b'[' => Some((Cell::Other, value(self.bytes, at)?)),
            _ => None,
        }
    }

    /// Takes the value at `at` for what `place` is for, and says where it ends.
    pub(super) fn fill(&mut self, place: usize, at: usize) -> Option<usize> {
        let slots = &self.envelope.places[place].slots;
        if self.bytes.get(at) == Some(&b'"')
            && let (end, false) = string(self.bytes, at + 1)?
        {
            self.row.fill_text(slots, &self.bytes[at + 1..end], at + 1);
            return Some(end + 1);
        }
        if let Some((number, end)) = integer(self.bytes, at) {
            self.row.fill(slots, &Scalar::Integer(number.into()));
            return Some(end);
        }
        let end = value(self.bytes, at)?;
        self.row.fill(slots, &scalar(self.text(at, end)?));
        Some(end)
    }
}
