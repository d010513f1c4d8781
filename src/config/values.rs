//! Readers of single values: a node in, a typed value or what is wrong with it out.
//!
//! What they say continues a sentence that begins with the key: "`window.size` must be …".

use super::section::nearest;
use super::tree::{Node, Place, Value};
use crate::words::parse_duration_ms;
use std::ops::RangeInclusive;

/// What is wrong with a value. An empty list: it was complained of already.
pub(super) type Read<T> = Result<T, Vec<Problem>>;

/// One thing that is wrong with a value.
#[derive(Debug)]
pub(super) struct Problem {
    pub what: String,
    pub hint: Option<String>,
    /// Where, if it is a part of the value.
    pub place: Option<Place>,
}

/// A refusal.
pub(super) fn refuse<T>(what: impl Into<String>) -> Read<T> {
    Err(vec![Problem { what: what.into(), hint: None, place: None }])
}

/// A refusal with advice.
pub(super) fn refuse_with<T>(what: impl Into<String>, hint: impl Into<String>) -> Read<T> {
    Err(vec![Problem { what: what.into(), hint: Some(hint.into()), place: None }])
}

fn wrong_type<T>(expected: &str, node: &Node) -> Read<T> {
    match node.value {
        Value::Broken => Err(Vec::new()),
        _ => refuse(format!("must be {expected}, not {}", node.value.kind())),
    }
}

/// A text, maybe empty.
pub(super) fn text(node: &Node) -> Read<String> {
    match &node.value {
        Value::Text { text, .. } => Ok(text.clone()),
        _ => wrong_type("a text", node),
    }
}

/// A text; the empty one stands for none.
pub(super) fn optional_text(node: &Node) -> Read<Option<String>> {
    text(node).map(|text| (!text.is_empty()).then_some(text))
}

/// A text that is not empty.
pub(super) fn some_text(node: &Node) -> Read<String> {
    optional_text(node)?.map_or_else(|| refuse("must not be empty"), Ok)
}

/// `true` or `false`.
pub(super) fn flag(node: &Node) -> Read<bool> {
    match &node.value {
        Value::Flag(flag) => Ok(*flag),
        Value::Text { text, replaced: true } => {
            text.parse().or_else(|_| refuse(format!("must be true or false, not {text:?}")))
        }
        _ => wrong_type("true or false", node),
    }
}

/// Longest duration that is taken, so that sums of a few cannot overflow.
const LONGEST_MS: i64 = 100 * 366 * 24 * 3_600_000;

/// A duration in milliseconds, maybe none at all.
pub(super) fn duration(node: &Node) -> Read<i64> {
    let text = match &node.value {
        Value::Text { text, .. } => text,
        _ => return wrong_type("a duration such as \"30s\"", node),
    };
    match parse_duration_ms(text) {
        Ok(ms) if ms <= LONGEST_MS => Ok(ms),
        Ok(_) => refuse(format!("must be at most 100 years, not {text:?}")),
        Err(_) => refuse_with(
            format!("must be a duration, not {text:?}"),
            "write \"500ms\", \"30s\", \"5m\", \"24h\" or \"30d\"",
        ),
    }
}

/// A duration of at least a millisecond.
pub(super) fn some_duration(node: &Node) -> Read<i64> {
    match duration(node)? {
        0 => refuse("must be longer than nothing"),
        ms => Ok(ms),
    }
}

/// A duration of at least a millisecond; the empty text stands for none.
pub(super) fn optional_duration(node: &Node) -> Read<Option<i64>> {
    match &node.value {
        Value::Text { text, .. } if text.is_empty() => Ok(None),
        _ => some_duration(node).map(Some),
    }
}

/// A whole number in `range`.
pub(super) fn count(range: RangeInclusive<u64>) -> impl Fn(&Node) -> Read<u64> {
    move |node| {
        let number: Option<i128> = match &node.value {
            Value::Integer(number) => Some((*number).into()),
            Value::Text { text, replaced: true } => text.parse().ok(),
            _ => return wrong_type("a whole number", node),
        };
        let (from, to) = (range.start(), range.end());
        match number.and_then(|number| u64::try_from(number).ok()).filter(|n| range.contains(n)) {
            Some(number) => Ok(number),
            None if *to == u64::MAX => refuse(format!("must be {from} or more, not {}", written(node))),
            None => refuse(format!("must be from {from} to {to}, not {}", written(node))),
        }
    }
}

/// As [`count`], for settings that fit 32 bits.
pub(super) fn small_count(range: RangeInclusive<u32>) -> impl Fn(&Node) -> Read<u32> {
    let wide = count((*range.start()).into()..=(*range.end()).into());
    move |node| wide(node).map(|number| u32::try_from(number).expect("its range fits 32 bits"))
}

/// A number for which `fits` holds; `expected` says so in words.
pub(super) fn number(expected: &'static str, fits: impl Fn(f64) -> bool) -> impl Fn(&Node) -> Read<f64> {
    move |node| {
        let number = match &node.value {
            Value::Integer(number) => *number as f64,
            Value::Float(number) => *number,
            Value::Text { text, replaced: true } => text.parse().unwrap_or(f64::NAN),
            _ => return wrong_type(&format!("a number {expected}"), node),
        };
        if number.is_finite() && fits(number) {
            Ok(number)
        } else {
            refuse(format!("must be a number {expected}, not {}", written(node)))
        }
    }
}

/// A number from 0 to 1.
pub(super) fn fraction(node: &Node) -> Read<f64> {
    number("from 0 to 1", |n| (0.0..=1.0).contains(&n))(node)
}

/// A number above 0, at most 1.
pub(super) fn some_fraction(node: &Node) -> Read<f64> {
    number("above 0, at most 1", |n| n > 0.0 && n <= 1.0)(node)
}

/// A number above 0.
pub(super) fn positive(node: &Node) -> Read<f64> {
    number("above 0", |n| n > 0.0)(node)
}

/// A percentage such as `"25%"`, as a fraction.
pub(super) fn percent(node: &Node) -> Read<f64> {
    let text = text(node)?;
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match number.filter(|number| (0.0..=100.0).contains(number)) {
        Some(number) => Ok(number / 100.0),
        None => refuse(format!("must be from \"0%\" to \"100%\", not {text:?}")),
    }
}

const UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// A size in bytes, at least one: `"64MiB"`, `"8MB"`, or a whole number.
pub(super) fn size(node: &Node) -> Read<u64> {
    let bytes = match &node.value {
        Value::Integer(bytes) => u64::try_from(*bytes).ok(),
        Value::Text { text, .. } => parse_size(text),
        _ => return wrong_type("a size such as \"64MiB\"", node),
    };
    match bytes.filter(|bytes| *bytes > 0) {
        Some(bytes) => Ok(bytes),
        None => refuse_with(
            format!("must be a size, not {}", written(node)),
            "write \"64MiB\", \"8MB\", or a number of bytes",
        ),
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// One of `options`, by name; `not_built` are names that will be.
pub(super) fn choice<T: Copy>(
    options: &'static [(&'static str, T)],
    not_built: &'static [&'static str],
) -> impl Fn(&Node) -> Read<T> {
    move |node| {
        let text = text(node)?;
        if let Some((_, value)) = options.iter().find(|(name, _)| *name == text) {
            return Ok(*value);
        }
        let names: Vec<&str> =
            options.iter().map(|(name, _)| *name).filter(|name| !name.is_empty()).collect();
        if not_built.contains(&text.as_str()) {
            return refuse_with(
                format!("can't be {text:?}: this is not built yet"),
                format!("what is built: {}", names.join(", ")),
            );
        }
        match names[..] {
            [name] => refuse(format!("must be {name:?}, not {text:?}")),
            _ => refuse_with(format!("can't be {text:?}"), nearest(&text, &names)),
        }
    }
}

/// An array of what `item` reads.
pub(super) fn list<T>(item: impl Fn(&Node) -> Read<T>) -> impl Fn(&Node) -> Read<Vec<T>> {
    move |node| {
        let Value::Array(nodes) = &node.value else { return wrong_type("an array", node) };
        let mut problems = Vec::new();
        let mut values = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            match item(node) {
                Ok(value) => values.push(value),
                Err(found) => problems.extend(found.into_iter().map(|problem| Problem {
                    what: format!("(item {}) {}", index + 1, problem.what),
                    place: problem.place.or_else(|| node.place.clone()),
                    ..problem
                })),
            }
        }
        if values.len() == nodes.len() { Ok(values) } else { Err(problems) }
    }
}

/// A JSON Pointer into an event: `/`, then names; `~0` and `~1` stand for `~` and `/`.
pub(super) fn pointer(node: &Node) -> Read<String> {
    let text = text(node)?;
    check_pointer(&text)?;
    Ok(text)
}

/// Whether `text` is a JSON Pointer.
pub(super) fn check_pointer(text: &str) -> Read<()> {
    if !text.starts_with('/') {
        return refuse_with(
            format!("must be a JSON Pointer, not {text:?}"),
            format!("it starts with a slash: \"/{text}\""),
        );
    }
    if text.split('~').skip(1).any(|after| !after.starts_with(['0', '1'])) {
        return refuse_with(
            format!("must be a JSON Pointer, not {text:?}"),
            "in a JSON Pointer `~` is written `~0`, and `/` in a name `~1`",
        );
    }
    Ok(())
}

/// The name of a topic, as Kafka allows them.
pub(super) fn topic(node: &Node) -> Read<String> {
    let text = some_text(node)?;
    let legal = text.len() <= 249
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        && text != "."
        && text != "..";
    if legal {
        return Ok(text);
    }
    refuse_with(
        format!("can't be {text:?}"),
        "Kafka's names are at most 249 of a-z, A-Z, 0-9, dot, underscore and hyphen",
    )
}

fn written(node: &Node) -> String {
    match &node.value {
        Value::Text { text, .. } => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        value => value.kind().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_decimal_and_binary_units() {
        for (text, bytes) in
            [("64MiB", Some(64 << 20)), ("8MB", Some(8_000_000)), ("1 kB", Some(1000)), ("512", Some(512))]
        {
            assert_eq!(parse_size(text), bytes, "{text}");
        }
        for text in ["", "MiB", "-1", "1.5GiB", "8 boxes", "99999999999GiB"] {
            assert!(parse_size(text).is_none_or(|bytes| bytes == 0), "{text}");
        }
    }

    #[test]
    fn a_json_pointer_starts_with_a_slash_and_escapes_tildes() {
        for good in ["/a", "/a/b", "/a~1b/~0c", "/"] {
            assert!(check_pointer(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "a/b", "/a~", "/a~2"] {
            assert!(check_pointer(bad).is_err(), "{bad}");
        }
    }
}
