//! A file of expectations: TOML to bounds on figures, every mistake at once.

use super::errors::{ConfigErrors, Mistakes};
use super::section::nearest;
use super::tree::{self, Entry, Node, Value};
use super::values::{self, Read, refuse, refuse_with};
use crate::policy::{Bounds, Expectations, Figure, Total};
use std::path::Path;

/// The table of the columns.
const COLUMNS: &str = "columns";

/// Reads the file at `path`.
///
/// ```toml
/// rows = { min = 1000 }
/// [columns."*"]
/// missing_rate = { max = 0.05 }
/// [columns.amount]
/// mean = { within = 0.1 }
/// ```
///
/// # Errors
/// All mistakes in it at once, with line and column.
pub fn load_expectations(path: &Path) -> Result<Expectations, ConfigErrors> {
    let (name, mistakes) = (path.display().to_string(), Mistakes::default());
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            mistakes.add(None, format!("can't read the expectations {name}: {error}"), None);
            return mistakes.finish(None);
        }
    };
    let read = expectations(&text, &name, &mistakes);
    mistakes.finish(read)
}

fn expectations(text: &str, name: &str, mistakes: &Mistakes) -> Option<Expectations> {
    let root = tree::parse(text, name, Some(0), &|name| std::env::var(name).ok(), mistakes)?;
    let mut read = Expectations::default();
    for (key, entry) in root.table()? {
        if key != COLUMNS {
            let names: Vec<&str> = Total::ALL.iter().map(|(name, _)| *name).chain([COLUMNS]).collect();
            let total = Total::ALL.iter().find(|(name, _)| name == key).map(|(_, total)| *total);
            let total = known(key, total, &names, entry, mistakes);
            let bounds = understood(key, entry, bounds(&entry.node, false), mistakes);
            read.totals.extend(total.zip(bounds));
            continue;
        }
        let Some(columns) = table(COLUMNS, &entry.node, mistakes) else { continue };
        for (pattern, entry) in columns {
            let path = format!("{COLUMNS}.{pattern}");
            let Some(figures) = table(&path, &entry.node, mistakes) else { continue };
            let mut expected = Vec::new();
            for (name, entry) in figures {
                let path = format!("{path}.{name}");
                let names: Vec<&str> = Figure::all().map(|(name, _)| name).collect();
                let figure = Figure::all().find(|(known, _)| known == name).map(|(_, figure)| figure);
                let figure = known(&path, figure, &names, entry, mistakes);
                let has_reference = figure.is_none_or(Figure::has_reference);
                let bounds = understood(&path, entry, bounds(&entry.node, has_reference), mistakes);
                expected.extend(figure.zip(bounds));
            }
            read.columns.push((pattern.clone(), expected));
        }
    }
    if read == Expectations::default() {
        let hint = "write for example [columns.\"*\"] and below it missing_rate = { max = 0.05 }";
        mistakes.add(root.place.as_ref(), "nothing is expected", Some(hint.to_owned()));
    }
    Some(read)
}

fn table<'a>(path: &str, node: &'a Node, mistakes: &Mistakes) -> Option<&'a tree::Table> {
    let table = node.table();
    if table.is_none() && !matches!(node.value, Value::Broken) {
        let what = format!("`{path}` must be a table, not {}", node.value.kind());
        mistakes.add(node.place.as_ref(), what, None);
    }
    table
}

/// `found`, or a complaint that `path` names nothing that is known.
fn known<T>(path: &str, found: Option<T>, names: &[&str], entry: &Entry, mistakes: &Mistakes) -> Option<T> {
    if found.is_none() {
        let word = path.rsplit('.').next().unwrap_or(path);
        let hint = nearest(word, names);
        mistakes.add(entry.key_place.as_ref(), format!("unknown figure `{path}`"), Some(hint));
    }
    found
}

fn understood(path: &str, entry: &Entry, read: Read<Bounds>, mistakes: &Mistakes) -> Option<Bounds> {
    let problems = match read {
        Ok(bounds) => return Some(bounds),
        Err(problems) => problems,
    };
    for problem in problems {
        let place = problem.place.as_ref().or(entry.node.place.as_ref());
        mistakes.add(place, format!("`{path}` {}", problem.what), problem.hint);
    }
    None
}

/// `{ min, max, within }`, of which at least one is there.
fn bounds(node: &Node, has_reference: bool) -> Read<Bounds> {
    const WRITE: &str = "write { max = 0.05 }, { min = 0 } or both";
    let Some(table) = node.table() else {
        return refuse_with(format!("must be bounds, not {}", node.value.kind()), WRITE);
    };
    let mut bounds = Bounds::default();
    for (key, entry) in table {
        let number = |node: &Node| values::number("that is finite", |_| true)(node);
        match key.as_str() {
            "min" => bounds.min = Some(number(&entry.node)?),
            "max" => bounds.max = Some(number(&entry.node)?),
            "within" if has_reference => {
                bounds.within = Some(values::number("of 0 or more", |n| n >= 0.0)(&entry.node)?);
            }
            "within" => return refuse("has no figure of the reference to be within a share of"),
            other => {
                return refuse_with(
                    format!("has no bound {other:?}"),
                    nearest(other, &["min", "max", "within"]),
                );
            }
        }
    }
    match bounds {
        Bounds { min: None, max: None, within: None } => refuse_with("has no bound", WRITE),
        Bounds { min: Some(min), max: Some(max), .. } if min > max => {
            refuse(format!("can't be at least {min} and at most {max}"))
        }
        bounds => Ok(bounds),
    }
}
