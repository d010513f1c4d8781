//! What a stored value of a Parquet column means.
//!
//! Points in time become milliseconds since the epoch; a time of day stays a number in its own unit.

use crate::error::{Error, Result};
use crate::event::Value;
use crate::files::row::set_text;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::schema::types::ColumnDescriptor;

const MS_PER_DAY: f64 = 86_400_000.0;

/// How to read the stored values of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Meaning {
    /// As they are.
    Plain,
    /// Integers without a sign.
    Unsigned,
    /// Integers, to be divided.
    Decimal { divisor: f64 },
    /// Days since the epoch.
    Days,
    /// Counts since the epoch; so many of them make a millisecond.
    Timestamp { per_ms: f64 },
    /// UTF-8.
    Text,
    /// Floating point numbers of 16 bits.
    Half,
}

impl Meaning {
    /// What a column holds; `None` where it is nothing that a feature can be.
    pub(super) fn of(column: &ColumnDescriptor) -> Option<Meaning> {
        let by_logical = column.logical_type_ref().and_then(of_logical);
        let meaning = by_logical.unwrap_or_else(|| match column.converted_type() {
            ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON => Meaning::Text,
            ConvertedType::DECIMAL => Meaning::Decimal { divisor: 10f64.powi(column.type_scale()) },
            ConvertedType::DATE => Meaning::Days,
            ConvertedType::TIMESTAMP_MILLIS => Meaning::Timestamp { per_ms: 1.0 },
            ConvertedType::TIMESTAMP_MICROS => Meaning::Timestamp { per_ms: 1e3 },
            ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64 => Meaning::Unsigned,
            _ => Meaning::Plain,
        });
        match column.physical_type() {
            Type::INT96 => Some(Meaning::Timestamp { per_ms: 1.0 }),
            Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY => {
                matches!(meaning, Meaning::Text | Meaning::Decimal { .. } | Meaning::Half).then_some(meaning)
            }
            _ => Some(meaning),
        }
    }

    /// Whether the values are points in time.
    pub(super) fn is_timestamp(self) -> bool {
        matches!(self, Meaning::Days | Meaning::Timestamp { .. })
    }

    pub(super) fn of_int32(self, stored: i32) -> Value<'static> {
        match self {
            Meaning::Unsigned => Value::Number(f64::from(stored.cast_unsigned())),
            _ => self.of_int64(i64::from(stored)),
        }
    }

    pub(super) fn of_int64(self, stored: i64) -> Value<'static> {
        Value::Number(match self {
            Meaning::Unsigned => stored.cast_unsigned() as f64,
            Meaning::Decimal { divisor } => stored as f64 / divisor,
            Meaning::Days => stored as f64 * MS_PER_DAY,
            Meaning::Timestamp { per_ms } => stored as f64 / per_ms,
            Meaning::Plain | Meaning::Text | Meaning::Half => stored as f64,
        })
    }

    /// Makes `value` what the bytes mean.
    pub(super) fn set_bytes(self, stored: &[u8], value: &mut Value<'static>) -> Result<()> {
        match self {
            Meaning::Text => match std::str::from_utf8(stored) {
                Ok(text) => set_text(value, text),
                Err(_) => return Err(Error::input("text that is not UTF-8")),
            },
            Meaning::Decimal { divisor } => {
                *value = integer(stored).map_or(Value::Other, |integer| Value::Number(integer / divisor));
            }
            Meaning::Half => *value = half(stored).map_or(Value::Other, Value::Number),
            _ => *value = Value::Other,
        }
        Ok(())
    }
}

fn of_logical(logical: &LogicalType) -> Option<Meaning> {
    Some(match logical {
        LogicalType::String | LogicalType::Enum | LogicalType::Json => Meaning::Text,
        LogicalType::Decimal { scale, .. } => Meaning::Decimal { divisor: 10f64.powi(*scale) },
        LogicalType::Date => Meaning::Days,
        LogicalType::Timestamp { unit, .. } => Meaning::Timestamp {
            per_ms: match unit {
                TimeUnit::MILLIS => 1.0,
                TimeUnit::MICROS => 1e3,
                TimeUnit::NANOS => 1e6,
            },
        },
        LogicalType::Integer { is_signed: false, .. } => Meaning::Unsigned,
        LogicalType::Float16 => Meaning::Half,
        _ => return None,
    })
}

/// An integer in two's complement, most significant byte first; `None` above 128 bits.
fn integer(bytes: &[u8]) -> Option<f64> {
    let (first, _) = bytes.split_first()?;
    let mut wide = if first & 0x80 == 0 { [0; 16] } else { [0xff; 16] };
    let start = wide.len().checked_sub(bytes.len())?;
    wide[start..].copy_from_slice(bytes);
    Some(i128::from_be_bytes(wide) as f64)
}

/// An IEEE 754 binary16, least significant byte first.
fn half(bytes: &[u8]) -> Option<f64> {
    let bits = u16::from_le_bytes(bytes.try_into().ok()?);
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    Some(sign * magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_in_bytes_are_twos_complement() {
        assert_eq!(integer(&[0x04, 0xd2]), Some(1234.0));
        assert_eq!(integer(&[0xfb, 0x2e]), Some(-1234.0));
        assert_eq!(integer(&[0; 17]), None);
        assert_eq!(integer(&[]), None);
    }

    #[test]
    fn half_floats_are_read_exactly() {
        for (bits, number) in [
            (0x3c00u16, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_953_125),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x7bff, 65504.0),
            (0x7c00, f64::INFINITY),
        ] {
            assert_eq!(half(&bits.to_le_bytes()), Some(number), "{bits:x}");
        }
        assert!(half(&0x7e00u16.to_le_bytes()).is_some_and(f64::is_nan));
    }
}
