//! The event time of a row.

use super::Row;
use crate::error::Error;
use crate::event::Value;
use crate::words::{Name, Time};
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// Where the event time of a row stands: `--time FIELD|row`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeColumn {
    /// In the column of this name.
    Field(Name),
    /// Nowhere: rows are seconds, counted from the first row read, which is at 1970-01-01T00:00:00Z.
    RowNumber,
}

/// `row` is the row number (also where a column is named so), all else the name of a column.
impl FromStr for TimeColumn {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "row" { TimeColumn::RowNumber } else { TimeColumn::Field(text.into()) })
    }
}

impl fmt::Display for TimeColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimeColumn::Field(name) => name,
            TimeColumn::RowNumber => "row",
        })
    }
}

/// What a column of times may hold.
pub(super) const HINT: &str = "times are RFC 3339 (2026-03-04T10:00:00Z), 2026-03-04 10:00[:00] (taken as UTC), \
                               or a count since 1970 in s, ms, us or ns";

/// The time of the row that comes `rows` rows after the first.
pub(super) fn of_row(rows: u64) -> Time {
    Time::from_ms(i64::try_from(rows).unwrap_or(i64::MAX).saturating_mul(1000))
}

/// Reads a time; `is_timestamp` says that numbers are milliseconds since the epoch by the file's own
/// word, whatever their size.
pub(super) fn of_value(value: &Value<'_>, is_timestamp: bool) -> Option<Time> {
    match value {
        Value::Number(ms) if is_timestamp => ms.is_finite().then_some(Time::from_ms(ms.floor() as i64)),
        Value::Number(number) => Time::from_epoch_number(*number),
        Value::Text(text) | Value::Literal(text) => of_text(text.trim()),
        Value::Missing | Value::Bool(_) | Value::Other => None,
    }
}

fn of_text(text: &str) -> Option<Time> {
    if let Ok(number) = text.parse::<f64>() {
        return Time::from_epoch_number(number);
    }
    Time::parse(text).or_else(|| of_civil(text))
}

/// A date, or a date and a time of day, without a time zone: taken as UTC.
fn of_civil(text: &str) -> Option<Time> {
    // The library also takes forms that could mean something else: a basic date (a number, as far as
    // anyone can tell) and a time zone in brackets, which it would pass over.
    if text.as_bytes().get(4) != Some(&b'-') || text.contains('[') {
        return None;
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let utc = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Time::from_ms(utc.timestamp().as_millisecond()))
}

/// A value that is not a time, as a person would want to see it.
pub(super) fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Missing => "it is empty".into(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Text(text) | Value::Literal(text) => {
            let mut start: String = text.chars().take(40).collect();
            if start.len() < text.len() {
                start.push('…');
            }
            format!("{start:?}")
        }
        Value::Other => "an array, an object or bytes".into(),
    }
}

/// The error for a row without the column; the nearest column is offered.
pub(super) fn no_column(field: &str, row: &Row, columns: Option<&[Name]>) -> Error {
    let names = row.fields.iter().map(|(name, _)| name);
    let nearest = names
        .map(|name| (strsim::damerau_levenshtein(name, field), name))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    let error = Error::input(format!("row {}: no column `{field}`", row.number));
    match (nearest, columns) {
        (Some((_, name)), _) => error.hint(format!("did you mean `{name}`?")),
        (None, Some(columns)) => error.hint(format!("the columns are {}", columns.join(", "))),
        (None, None) => error.hint("every row needs its time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> Option<i64> {
        of_text(text).map(Time::ms)
    }

    #[test]
    fn a_time_without_a_zone_is_utc() {
        let ten = Some(1_772_618_400_000);
        for text in [
            "2026-03-04T10:00:00Z",
            "2026-03-04T11:00:00+01:00",
            "2026-03-04 10:00",
            "2026-03-04T10:00",
            "2026-03-04 10:00:00",
            "2026-03-04 10:00:00.000",
            "1772618400",
            "1772618400000",
            "1.7726184e9",
        ] {
            assert_eq!(ms(text), ten, "{text}");
        }
        assert_eq!(ms("2026-03-04"), Some(1_772_582_400_000));
        assert_eq!(ms("2026-03-04 10:00:00.25"), Some(1_772_618_400_250));
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "04/03/2026",
            "2026-13-01",
            "10:00",
            "2026-03-04T10:00[Europe/Berlin]",
            "NaN",
            "inf",
        ] {
            assert_eq!(ms(text), None, "{text}");
        }
        assert_eq!(of_value(&Value::Missing, false), None);
        assert_eq!(of_value(&Value::Bool(true), false), None);
    }

    #[test]
    fn a_number_that_the_file_calls_a_timestamp_is_milliseconds_however_small() {
        assert_eq!(of_value(&Value::Number(86_400_000.0), true), Some(Time::from_ms(86_400_000)));
        assert_eq!(of_value(&Value::Number(86_400.0), false), Some(Time::from_ms(86_400_000)));
    }
}
