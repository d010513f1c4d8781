//! JSON tokens: where they end, and that they are well-formed.
//!
//! What is accepted here is JSON as the strict reader takes it; what is not may still be.

use super::number::number;

/// Deepest nesting that is followed.
const MAX_DEPTH: usize = 32;

/// Where the white space from `at` on ends.
#[inline]
pub(super) fn spaces(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Where the string ends whose first character stands at `at`: the place of the closing quote; and
/// whether there are escapes in it. It is UTF-8.
#[inline(always)]
pub(super) fn string(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    let end = plain(bytes, at);
    match bytes.get(end) {
        Some(b'"') => Some((end, false)),
        _ => any_string(bytes, at),
    }
}

/// The same for a string that is not plain ASCII.
fn any_string(bytes: &[u8], start: usize) -> Option<(usize, bool)> {
    let (mut at, mut has_escapes) = (start, false);
    loop {
        match bytes.get(at)? {
            b'"' => break,
            b'\\' => (at, has_escapes) = (escape(bytes, at + 1)?, true),
            0..0x20 => return None,
            _ => at += 1,
        }
    }
    std::str::from_utf8(&bytes[start..at]).is_ok().then_some((at, has_escapes))
}

/// Where the first byte from `at` on stands that is a quote, a backslash, a control character or not
/// ASCII, or the end.
#[inline(always)]
fn plain(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    // Sets the highest bit of bytes less than `n`; true of the first one, beyond it a borrow may lie.
    let less = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word;
    while let Some(chunk) = bytes[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let quote = less(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = less(word ^ (ONES * u64::from(b'\\')), 1);
        let special = (less(word, 0x20) | quote | backslash | word) & ONES << 7;
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let is_plain = |byte: &&u8| !matches!(byte, 0..0x20 | b'"' | b'\\' | 0x80..);
    at + bytes[at..].iter().take_while(is_plain).count()
}

/// Where the escape ends whose letter stands at `at`.
#[cold]
fn escape(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        b'u' => bytes.get(at + 1..at + 5)?.iter().all(u8::is_ascii_hexdigit).then_some(at + 5),
        _ => None,
    }
}

/// Where the value ends that starts at `at`, of whatever kind.
pub(super) fn value(bytes: &[u8], at: usize) -> Option<usize> {
    nested(bytes, at, 0)
}

fn nested(bytes: &[u8], at: usize, depth: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => Some(string(bytes, at + 1)?.0 + 1),
        b't' => literal(bytes, at, b"true"),
        b'f' => literal(bytes, at, b"false"),
        b'n' => literal(bytes, at, b"null"),
        b'{' if depth < MAX_DEPTH => items(bytes, at, b'}', |at| {
            let name = (bytes.get(at) == Some(&b'"')).then(|| string(bytes, at + 1))?;
            let colon = spaces(bytes, name?.0 + 1);
            let value = (bytes.get(colon) == Some(&b':')).then(|| spaces(bytes, colon + 1))?;
            nested(bytes, value, depth + 1)
        }),
        b'[' if depth < MAX_DEPTH => items(bytes, at, b']', |at| nested(bytes, at, depth + 1)),
        _ => number(bytes, at).map(|(_, end)| end),
    }
}

/// Where the list of items ends that opens at `at`.
fn items(bytes: &[u8], at: usize, close: u8, item: impl Fn(usize) -> Option<usize>) -> Option<usize> {
    let mut at = spaces(bytes, at + 1);
    if bytes.get(at) == Some(&close) {
        return Some(at + 1);
    }
    loop {
        at = spaces(bytes, item(at)?);
        match bytes.get(at)? {
            b',' => at = spaces(bytes, at + 1),
            byte if *byte == close => return Some(at + 1),
            _ => return None,
        }
    }
}

/// Where `word` ends, if it stands at `at`.
#[inline]
pub(super) fn literal(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    bytes[at..].starts_with(word).then_some(at + word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_accepted_is_json_to_its_end() {
        for text in [
            "null",
            "true",
            "-1.5e3",
            r#""a\"b\\c\u00e9\ud800 é""#,
            "[]",
            "[ ]",
            "{}",
            r#"{ "a" : [ 1 , {"b":null} ] , "c" : "" }"#,
            r#""long enough to fill more than a word""#,
            "[[[[1]]]]",
        ] {
            assert!(serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok(), "{text}");
            assert_eq!(value(text.as_bytes(), 0), Some(text.len()), "{text}");
            assert_eq!(value(format!("{text}     ,     ").as_bytes(), 0), Some(text.len()), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_not_accepted() {
        for text in [
            "",
            "nul",
            "tru",
            "[1,]",
            "[1 2]",
            "[,1]",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a" 1}"#,
            r#"{a:1}"#,
            r#"{"a":1,}"#,
            r#""a"#,
            r#""\x""#,
            r#""\u00g0""#,
            r#""\u12"#,
            "\"a\nb\"",
            "\"0123456789\u{1f}\"",
            "[1",
            "{",
            "]",
            "01x",
        ] {
            assert!(value(text.as_bytes(), 0).is_none_or(|end| end < text.len()), "{text}");
        }
    }

    #[test]
    fn nesting_is_followed_so_far_and_no_further() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(value(nested(MAX_DEPTH).as_bytes(), 0), Some(2 * MAX_DEPTH));
        assert_eq!(value(nested(MAX_DEPTH + 1).as_bytes(), 0), None);
    }
}
