//! Ranges of rows as they are written on the command line.

use std::ops::Range;

/// Reads a range of rows such as `0..11328`: 0-based, end excluded. Either side may be left out:
/// `100..` goes to the last row, `..100` starts at the first.
///
/// # Errors
/// A sentence that says what is wrong, where the text is not a range or the range is empty.
pub fn parse_row_range(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("not a range of rows: {text:?} (write A..B, counted from 0, B not included)");
    let (start, end) = text.split_once("..").ok_or_else(wrong)?;
    let side = |side: &str, when_empty: u64| match side.trim() {
        "" => Ok(when_empty),
        number => number.replace('_', "").parse::<u64>().map_err(|_| wrong()),
    };
    let range = side(start, 0)?..side(end, u64::MAX)?;
    if range.is_empty() {
        return Err(format!("an empty range of rows: {text:?}"));
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_rows_may_be_open_on_either_side() {
        assert_eq!(parse_row_range("0..11328"), Ok(0..11328));
        assert_eq!(parse_row_range("10_000 .. 20_000"), Ok(10_000..20_000));
        assert_eq!(parse_row_range("5.."), Ok(5..u64::MAX));
        assert_eq!(parse_row_range("..5"), Ok(0..5));
        assert_eq!(parse_row_range(".."), Ok(0..u64::MAX));
        for wrong in ["", "5", "a..b", "-1..5", "1.5..3", "0...5", "7..7", "9..3"] {
            assert!(parse_row_range(wrong).is_err(), "{wrong}");
        }
    }
}
