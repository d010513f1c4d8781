//! One value of an envelope field, whatever the format: how it reads as a name, a time, a column.
//!
//! Both decoders bring their values into this one form, so that a model `7`, a time
//! `1700000000.123` or a score `0.5` mean the same in JSON and in Avro. Nothing here fails: what is
//! no name is `None`, what is no time says so.

use super::Value;
use crate::words::Time;
use std::borrow::Cow;

/// A value as the format wrote it, exact.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    /// Kept whole: ids and epoch nanoseconds do not fit a double.
    Integer(i128),
    Number(f64),
    /// Apart from [`Scalar::Number`] because 1.1 as a name is `1.1`, and its double is not.
    Single(f32),
    Text(Cow<'a, str>),
    /// A logical type that is a point in time.
    Instant(Time),
    Other,
}

/// What an envelope's time field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeRead {
    Missing,
    Unreadable,
    At(Time),
}

impl<'a> Scalar<'a> {
    /// The value as a column has it; instants are milliseconds since the epoch.
    pub(super) fn into_value(self) -> Value<'a> {
        match self {
            Scalar::Null => Value::Missing,
            Scalar::Bool(truth) => Value::Bool(truth),
            Scalar::Integer(number) => Value::Number(number as f64),
            Scalar::Number(number) => Value::Number(number),
            Scalar::Single(number) => Value::Number(f64::from(number)),
            Scalar::Text(text) => Value::Text(text),
            Scalar::Instant(time) => Value::Number(time.ms() as f64),
            Scalar::Other => Value::Other,
        }
    }

    /// The value as a name: text as it is, a number as its shortest decimal text.
    pub(super) fn into_name(self) -> Option<Cow<'a, str>> {
        match self {
            Scalar::Text(text) => Some(text),
            Scalar::Bool(truth) => Some(Cow::Borrowed(if truth { "true" } else { "false" })),
            Scalar::Integer(number) => Some(Cow::Owned(number.to_string())),
            Scalar::Number(number) if number.is_finite() => Some(Cow::Owned((number + 0.0).to_string())),
            Scalar::Single(number) if number.is_finite() => Some(Cow::Owned((number + 0.0).to_string())),
            Scalar::Instant(time) => Some(Cow::Owned(time.to_string())),
            Scalar::Null | Scalar::Number(_) | Scalar::Single(_) | Scalar::Other => None,
        }
    }

    /// The value as a point in time.
    pub(super) fn time(&self) -> TimeRead {
        let time = match self {
            Scalar::Null => return TimeRead::Missing,
            Scalar::Instant(time) => Some(*time),
            Scalar::Integer(number) => epoch_integer(*number),
            Scalar::Number(number) => epoch_decimal(&number.to_string()),
            Scalar::Single(number) => Time::from_epoch_number(f64::from(*number)),
            Scalar::Text(text) => time_text(text.trim()),
            Scalar::Bool(_) | Scalar::Other => None,
        };
        time.map_or(TimeRead::Unreadable, TimeRead::At)
    }
}

/// The point in time that a text, which is UTF-8, says.
#[inline]
pub(super) fn time_of_text(text: &[u8]) -> TimeRead {
    let time = rfc_3339(text).or_else(|| time_text(std::str::from_utf8(text).ok()?.trim()));
    time.map_or(TimeRead::Unreadable, TimeRead::At)
}

/// RFC 3339, or a number of epoch units written as text.
fn time_text(text: &str) -> Option<Time> {
    rfc_3339(text.as_bytes()).or_else(|| epoch_decimal(text)).or_else(|| Time::parse(text))
}

/// As [`Time::from_epoch_number`], without its rounding: a nanosecond before a pane's end is inside.
fn epoch_integer(number: i128) -> Option<Time> {
    scaled(number, number.unsigned_abs(), 0)
}

/// As [`epoch_integer`] for `digits.digits`, so that `1700000000.123` is exactly that millisecond.
/// Other forms of a number go by its double.
fn epoch_decimal(text: &str) -> Option<Time> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|digit| digit.is_ascii_digit()) {
        let number: f64 = text.parse().ok()?;
        return Time::from_epoch_number(number);
    }
    let places = fraction.len().min(9);
    let whole_number: u128 = whole.parse().ok().filter(|whole| *whole < 10u128.pow(20))?;
    let fraction_number: u128 = if places == 0 { 0 } else { fraction[..places].parse().ok()? };
    let number = i128::try_from(whole_number * 10u128.pow(places as u32) + fraction_number).ok()?;
    scaled(if negative { -number } else { number }, whole_number, places as u32)
}

/// `number / 10^places` epoch units, whose size `magnitude` tells the unit, in whole milliseconds.
fn scaled(number: i128, magnitude: u128, places: u32) -> Option<Time> {
    let (times, divisor) = match magnitude {
        n if n < 100_000_000_000 => (1000, 1),
        n if n < 100_000_000_000_000 => (1, 1),
        n if n < 100_000_000_000_000_000 => (1, 1000),
        n if n < 100_000_000_000_000_000_000 => (1, 1_000_000),
        _ => return None,
    };
    let ms = (number * times).div_euclid(divisor * 10i128.pow(places));
    i64::try_from(ms).ok().map(Time::from_ms)
}

/// `2026-03-04T10:00:00.25+01:00`, years 0000 to 9999 to their last millisecond.
///
/// [`Time::parse`] ends a day before the year 9999 does, which is a common "never", and it takes
/// several times as long.
fn rfc_3339(text: &[u8]) -> Option<Time> {
    let (head, mut rest) = text.split_first_chunk::<19>()?;
    let mut are_digits = true;
    let mut two = |at: usize| -> i64 {
        let (tens, ones) = (head[at].wrapping_sub(b'0'), head[at + 1].wrapping_sub(b'0'));
        are_digits &= tens < 10 && ones < 10;
        i64::from(tens) * 10 + i64::from(ones)
    };
    let (year, month, day) = (two(0) * 100 + two(2), two(5), two(8));
    let (hour, minute, second) = (two(11), two(14), two(17));
    let is_punctuated =
        [head[4], head[7], head[13], head[16]] == *b"--::" && matches!(head[10], b'T' | b't' | b' ');
    let month_days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    let is_date = (1..=month_days).contains(&day);
    if !are_digits || !is_punctuated || !is_date || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut ms = 0;
    if let [b'.', fraction @ ..] = rest {
        let places = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let kept = places.min(3);
        ms = fraction[..kept].iter().fold(0, |ms, digit| ms * 10 + i64::from(digit - b'0'))
            * [0, 100, 10, 1][kept];
        rest = &fraction[places..];
        (places > 0).then_some(())?;
    }
    let offset_minutes = match rest {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), a, b, b':', c, d] => {
            let digits = [a, b, c, d].map(|byte| i64::from(byte.wrapping_sub(b'0')));
            let (hours, minutes) = (digits[0] * 10 + digits[1], digits[2] * 10 + digits[3]);
            if digits.iter().any(|digit| *digit > 9) || hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    // A leap second counts as the second before it: the epoch has no room for it.
    let minutes = (days_since_epoch(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
    Some(Time::from_ms((minutes * 60 + second.min(59)) * 1000 + ms))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that
/// a leap day ends a year; 400 years are 146,097 days.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let march_year = if month <= 2 { year - 1 } else { year };
    let era = march_year.div_euclid(400);
    let year_of_era = march_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> Option<i64> {
        match Scalar::Text(text.into()).time() {
            TimeRead::At(time) => Some(time.ms()),
            TimeRead::Missing | TimeRead::Unreadable => None,
        }
    }

    #[test]
    fn a_number_used_as_a_name_is_its_shortest_decimal_text() {
        let name = |scalar: Scalar<'static>| scalar.into_name().unwrap().into_owned();
        assert_eq!(name(Scalar::Integer(7)), "7");
        assert_eq!(name(Scalar::Integer(u64::MAX.into())), "18446744073709551615");
        assert_eq!(name(Scalar::Number(1.0)), "1");
        assert_eq!(name(Scalar::Number(-0.0)), "0");
        assert_eq!(name(Scalar::Single(1.1)), "1.1");
        assert_eq!(Scalar::Number(f64::INFINITY).into_name(), None);
        assert_eq!(Scalar::Null.into_name(), None);
    }

    #[test]
    fn a_part_of_a_millisecond_never_moves_a_time_forward() {
        assert_eq!(ms("1969-12-31T23:59:59.9999Z"), Some(-1));
        assert_eq!(ms("1970-01-01T00:00:00.9999Z"), Some(999));
    }

    #[test]
    fn a_leap_second_is_the_second_before_it() {
        assert_eq!(ms("2016-12-31T23:59:60.5Z"), ms("2016-12-31T23:59:59.5Z"));
    }

    #[test]
    fn the_first_and_the_last_year_are_times() {
        assert_eq!(ms("0001-01-01T00:00:00Z"), Some(-62_135_596_800_000));
        assert_eq!(ms("9999-12-31T23:59:59.999Z"), Some(253_402_300_799_999));
    }

    #[test]
    fn rfc_3339_is_read_as_the_library_reads_it() {
        for text in [
            "2026-03-04T11:00:00.25+01:00",
            "1600-02-29t23:59:59.250000000-23:59",
            "1969-12-31 23:59:59.5z",
            "2000-01-01T00:00:00Z",
            "1900-03-01T00:00:00+00:00",
        ] {
            assert!(rfc_3339(text.as_bytes()).is_some(), "{text}");
            assert_eq!(ms(text), Time::parse(text).map(Time::ms), "{text}");
        }
        for text in
            ["2026-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00.Z"]
        {
            assert_eq!(ms(text), None, "{text}");
        }
    }

    #[test]
    fn an_epoch_number_is_the_same_as_number_text_and_double() {
        assert_eq!(ms("1700000000"), Some(1_700_000_000_000));
        assert_eq!(ms("1700000000.123"), Some(1_700_000_000_123));
        assert_eq!(ms("-0.0001"), Some(-1));
        assert_eq!(ms("1.7e9"), Some(1_700_000_000_000));
        assert_eq!(Scalar::Number(1_700_000_000.123).time(), TimeRead::At(Time::from_ms(1_700_000_000_123)));
        assert_eq!(
            Scalar::Integer(1_700_000_000_000_999_999).time(),
            TimeRead::At(Time::from_ms(1_700_000_000_000))
        );
    }

    #[test]
    fn the_unit_of_an_integer_is_told_by_the_same_sizes_as_that_of_a_double() {
        for power in 0..16u32 {
            for number in [10i128.pow(power), 1 - 10i128.pow(power), 3 * 10i128.pow(power)] {
                // Beyond this a double is not the integer any more, and may be of the next unit.
                if number.unsigned_abs() < 1 << f64::MANTISSA_DIGITS {
                    assert_eq!(epoch_integer(number), Time::from_epoch_number(number as f64), "{number}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_time_says_so() {
        for text in ["", "yesterday", "NaN", "inf", "1e30", "100000000000000000000", "2026-03-04", "12:00"] {
            assert_eq!(ms(text), None, "{text}");
        }
        assert_eq!(Scalar::Null.time(), TimeRead::Missing);
        assert_eq!(Scalar::Bool(true).time(), TimeRead::Unreadable);
        assert_eq!(Scalar::Number(f64::NAN).time(), TimeRead::Unreadable);
    }
}
