//! Settings that have a place and a meaning but are not built yet: each with the reason why it is
//! refused, and the value that it may have since it asks for nothing.

use super::errors::Mistakes;
use super::tree::{Entry, Node, Value};

/// A setting, or a table of them: its path, the value that asks for nothing, and what is missing.
type NotBuilt = (&'static str, Option<&'static str>, &'static str);

const NOT_BUILT: [NotBuilt; 8] = [
    ("input.max_watermark_step", Some(""), "a bound on how far one event may move the watermark"),
    ("model.features.*.sensitive", Some("false"), "hashed categories"),
    ("privacy", None, "hashed categories and dead letters without their payload"),
    ("privacy.categories", Some("plain"), "hashed categories"),
    ("privacy.dead_letters", Some("whole"), "dead letters without their payload"),
    ("privacy.key_file", None, "hashed categories"),
    ("labels", None, "labels, and performance by them"),
    ("input.labels", None, "labels, and performance by them"),
];

/// Whether `known_as` is a setting that is not built; complains unless its value asks for nothing.
/// `path` is what the message calls it.
pub(super) fn refuse(known_as: &str, path: &str, entry: &Entry, mistakes: &Mistakes) -> bool {
    let Some((_, neutral, reason)) = NOT_BUILT.iter().find(|(known, _, _)| *known == known_as) else {
        return false;
    };
    if let Value::Table(table) = &entry.node.value
        && neutral.is_none()
        && !table.is_empty()
    {
        for (key, inner) in table {
            let path = format!("{path}.{key}");
            if !refuse(&format!("{known_as}.{key}"), &path, inner, mistakes) {
                complain(&path, None, reason, inner, mistakes);
            }
        }
        return true;
    }
    if neutral.is_none_or(|neutral| !says(&entry.node, neutral)) {
        complain(path, *neutral, reason, entry, mistakes);
    }
    true
}

fn complain(path: &str, neutral: Option<&str>, reason: &str, entry: &Entry, mistakes: &Mistakes) {
    if matches!(entry.node.value, Value::Broken) {
        return;
    }
    let hint = match neutral {
        Some(neutral) => format!("leave it out: it is as if it were {}", quoted(neutral)),
        None => "leave it out".to_owned(),
    };
    let what = format!("`{path}` is not built yet: {reason}");
    mistakes.add(entry.key_place.as_ref(), what, Some(hint));
}

fn quoted(neutral: &str) -> String {
    if neutral == "false" { neutral.to_owned() } else { format!("{neutral:?}") }
}

fn says(node: &Node, expected: &str) -> bool {
    match &node.value {
        Value::Text { text, .. } => text == expected,
        Value::Flag(flag) => flag.to_string() == expected,
        _ => false,
    }
}
