//! Avro data beside their schema, one value after the other: read or passed over.
//!
//! Text is borrowed from the bytes, so no length that a record claims is ever allocated; a block's
//! count is held against the bytes that are left, and nesting against [`MAX_DEPTH`]. So the work is
//! bounded by the record's size, whatever it says. What is skipped is not judged.

use super::WriterSchema;
use super::schema::Shape;
use super::undecodable;
use crate::event::BadRecord;
use crate::event::scalar::Scalar;
use crate::words::Time;
use std::borrow::Cow;

/// Deepest nesting that is followed; a schema that contains itself allows any.
const MAX_DEPTH: usize = 128;

const MS_PER_DAY: i64 = 86_400_000;

pub(crate) type Read<T> = Result<T, BadRecord>;

/// Data that are read from `at` on.
pub(crate) struct Input<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
    pub(crate) schema: &'a WriterSchema,
}

impl<'a> Input<'a> {
    /// Reads one value; what is no scalar is skipped and said to be something else.
    pub(super) fn scalar(&mut self, shape: usize, depth: usize) -> Read<Scalar<'a>> {
        self.check_depth(depth)?;
        let schema = self.schema;
        Ok(match &schema.shapes[shape] {
            Shape::Null => Scalar::Null,
            Shape::Boolean => Scalar::Bool(self.boolean()?),
            Shape::Integer => Scalar::Integer(self.long()?.into()),
            Shape::Float => Scalar::Single(f32::from_le_bytes(self.array()?)),
            Shape::Double => Scalar::Number(f64::from_le_bytes(self.array()?)),
            Shape::Text => Scalar::Text(Cow::Borrowed(self.text()?)),
            Shape::Enum(symbols) => Scalar::Text(Cow::Borrowed(self.symbol(symbols)?)),
            Shape::Union(branches) => {
                let branch = self.branch(branches)?;
                self.scalar(branch, depth + 1)?
            }
            Shape::Date => Scalar::Instant(Time::from_ms(self.long()?.saturating_mul(MS_PER_DAY))),
            Shape::Instant { units } => Scalar::Instant(Time::from_ms(self.long()?.div_euclid(*units))),
            Shape::TimeOfDay { units } => Scalar::Number(self.long()? as f64 / *units as f64),
            Shape::Decimal { size, scale } => {
                let bytes = self.sized(*size)?;
                Scalar::Number(decimal(bytes, *scale as i64))
            }
            Shape::BigDecimal => self.big_decimal()?,
            Shape::Uuid { size } => {
                let bytes = self.sized(*size)?;
                uuid(bytes).map_or(Scalar::Other, |text| Scalar::Text(Cow::Owned(text)))
            }
            Shape::Bytes | Shape::Fixed(_) | Shape::Array(_) | Shape::Map(_) | Shape::Record { .. } => {
                self.skip(shape, depth)?;
                Scalar::Other
            }
        })
    }

    /// Passes over a value.
    pub(crate) fn skip(&mut self, shape: usize, depth: usize) -> Read<()> {
        self.check_depth(depth)?;
        let schema = self.schema;
        match &schema.shapes[shape] {
            Shape::Null | Shape::Record { no_bytes: true, .. } => {}
            Shape::Boolean => drop(self.take(1)?),
            Shape::Float => drop(self.take(4)?),
            Shape::Double => drop(self.take(8)?),
            Shape::Integer
            | Shape::Enum(_)
            | Shape::Date
            | Shape::Instant { .. }
            | Shape::TimeOfDay { .. } => drop(self.long()?),
            Shape::Bytes | Shape::Text | Shape::BigDecimal => drop(self.sized(None)?),
            Shape::Fixed(size) => drop(self.take(*size)?),
            Shape::Decimal { size, .. } | Shape::Uuid { size } => drop(self.sized(*size)?),
            Shape::Union(branches) => {
                let branch = self.branch(branches)?;
                self.skip(branch, depth + 1)?;
            }
            Shape::Record { fields, .. } => {
                for (_, field) in fields {
                    self.skip(*field, depth + 1)?;
                }
            }
            Shape::Array(items) => {
                self.blocks(schema.has_no_bytes(*items), |input, _| input.skip(*items, depth + 1))?;
            }
            Shape::Map(values) => self.blocks(false, |input, _| {
                input.sized(None)?;
                input.skip(*values, depth + 1)
            })?,
        }
        Ok(())
    }

    /// Reads the blocks of an array or map. Items without bytes are not visited one by one: a few
    /// bytes can claim as many as there are numbers.
    pub(super) fn blocks(
        &mut self,
        no_bytes: bool,
        mut item: impl FnMut(&mut Self, usize) -> Read<()>,
    ) -> Read<()> {
        let mut index = 0;
        loop {
            match self.block(no_bytes)? {
                0 => return Ok(()),
                _ if no_bytes => {}
                count => {
                    for _ in 0..count {
                        item(self, index)?;
                        index += 1;
                    }
                }
            }
        }
    }

    /// The number of items of the next block of an array or map; 0 is the end. Items without bytes
    /// may be any number.
    pub(crate) fn block(&mut self, no_bytes: bool) -> Read<u64> {
        let count = self.long()?;
        if count < 0 {
            self.long()?; // the block's length in bytes, for readers that jump over it
        }
        let count = count.unsigned_abs();
        if !no_bytes && count > (self.bytes.len() - self.at) as u64 {
            return Err(self.wrong("a block of more items than there are bytes"));
        }
        Ok(count)
    }

    pub(crate) fn boolean(&mut self) -> Read<bool> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(self.wrong("a boolean that is neither 0 nor 1")),
        }
    }

    pub(crate) fn symbol<'s>(&mut self, symbols: &'s [String]) -> Read<&'s str> {
        let index = self.long()?;
        let symbol = usize::try_from(index).ok().and_then(|index| symbols.get(index));
        symbol.map(String::as_str).ok_or_else(|| self.wrong("an enum's symbol that its schema does not have"))
    }

    /// The branch of a union that was written.
    pub(crate) fn branch(&mut self, branches: &[usize]) -> Read<usize> {
        let index = self.long()?;
        let branch = usize::try_from(index).ok().and_then(|index| branches.get(index));
        branch.copied().ok_or_else(|| self.wrong("a union's branch that its schema does not have"))
    }

    /// A decimal that carries its own scale: unscaled bytes, then the scale, all within bytes.
    fn big_decimal(&mut self) -> Read<Scalar<'a>> {
        let outer = self.sized(None)?;
        let end = self.at;
        self.at = end - outer.len();
        let unscaled = self.sized(None)?;
        let scale = self.long()?;
        if self.at != end {
            return Err(self.wrong("a decimal that is shorter or longer than it says"));
        }
        Ok(Scalar::Number(decimal(unscaled, scale)))
    }

    pub(crate) fn text(&mut self) -> Read<&'a str> {
        let bytes = self.sized(None)?;
        std::str::from_utf8(bytes).map_err(|_| self.wrong("a string that is not UTF-8, which ends"))
    }

    /// The bytes of a value of fixed size, or with its length before it.
    pub(crate) fn sized(&mut self, size: Option<usize>) -> Read<&'a [u8]> {
        match size {
            Some(size) => self.take(size),
            None => {
                let length = self.long()?;
                let length = usize::try_from(length).map_err(|_| self.wrong("a negative length"))?;
                self.take(length)
            }
        }
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let bytes = self.take(N)?;
        Ok(*bytes.first_chunk().expect("as many bytes were taken"))
    }

    #[inline]
    pub(super) fn take(&mut self, length: usize) -> Read<&'a [u8]> {
        match self.bytes[self.at..].get(..length) {
            Some(bytes) => {
                self.at += length;
                Ok(bytes)
            }
            None => Err(self.ends()),
        }
    }

    /// A zig-zag variable-length integer of at most 64 bits.
    #[inline]
    pub(crate) fn long(&mut self) -> Read<i64> {
        match self.bytes.get(self.at) {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(signed(u64::from(*byte)))
            }
            _ => self.long_of_more(),
        }
    }

    /// The same of more than one byte.
    fn long_of_more(&mut self) -> Read<i64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let Some(byte) = self.bytes.get(self.at) else { return Err(self.ends()) };
            self.at += 1;
            if shift == 63 && *byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Ok(signed(number));
            }
        }
        Err(self.wrong("an integer of more than 64 bits"))
    }

    pub(super) fn check_depth(&self, depth: usize) -> Read<()> {
        if depth > MAX_DEPTH {
            return Err(self.wrong(&format!("more than {MAX_DEPTH} levels deep")));
        }
        Ok(())
    }

    #[cold]
    fn ends(&self) -> BadRecord {
        self.wrong("the bytes end inside a value")
    }

    #[cold]
    pub(super) fn wrong(&self, what: &str) -> BadRecord {
        undecodable(format!("not the Avro data of its schema: {what} at byte {}", self.at))
    }
}

/// The number that the zig-zag one is.
#[inline]
fn signed(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// The double nearest to `bytes / 10^scale`; beyond 38 digits, near it.
pub(super) fn decimal(bytes: &[u8], scale: i64) -> f64 {
    let negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    if bytes.len() <= 16 {
        let mut whole = [if negative { 0xff } else { 0 }; 16];
        whole[16 - bytes.len()..].copy_from_slice(bytes);
        let text = format!("{}e{}", i128::from_be_bytes(whole), -i128::from(scale));
        return text.parse().unwrap_or(f64::NAN);
    }
    let first = if negative { -1.0 } else { 0.0 };
    let unscaled = bytes.iter().fold(first, |number: f64, byte| number * 256.0 + f64::from(*byte));
    let scale = i32::try_from(scale).unwrap_or(i32::MAX);
    unscaled / 10f64.powi(scale)
}

/// The usual text of a UUID's sixteen bytes.
fn uuid(bytes: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    Some([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}
