//! A parsed file as a tree whose every part knows where it stands.
//!
//! Texts in it have their variables replaced; one that could not be is [`Value::Broken`] and was
//! complained of. What comes from the built-in defaults has no place.

use super::errors::Mistakes;
use super::interpolate::{Env, interpolate};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml_edit::{Document, Item, TableLike};

/// A position in a file. Orders as the files are read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    file_number: usize,
    line: usize,
    column: usize,
    file: Arc<str>,
}

impl Place {
    /// `path` as seen from the directory of this place's file.
    pub fn beside(&self, path: &str) -> PathBuf {
        Path::new(&*self.file).parent().unwrap_or(Path::new("")).join(path)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub place: Option<Place>,
    pub value: Value,
}

/// The tables and values of TOML.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// `replaced`: a variable was, so that it may stand for a number.
    Text {
        text: String,
        replaced: bool,
    },
    Integer(i64),
    Float(f64),
    Flag(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(Table),
    /// Complained of already.
    Broken,
}

impl Value {
    /// What a person calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Text { .. } | Value::Broken => "a text",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Flag(_) => "a boolean",
            Value::Datetime(_) => "a date",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }
}

/// Keys and what they hold.
pub(super) type Table = BTreeMap<String, Entry>;

/// What a key holds, and where the key stands.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key_place: Option<Place>,
    pub node: Node,
}

impl Node {
    /// A table of the built-in defaults.
    pub fn built_in(table: Table) -> Node {
        Node { place: None, value: Value::Table(table) }
    }

    /// The table, if it is one.
    pub fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The value of `key`, if this is a table that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        Some(&self.table()?.get(key)?.node)
    }

    /// Takes `key` out, if this is a table that has it.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        match &mut self.value {
            Value::Table(table) => Some(table.remove(key)?.node),
            _ => None,
        }
    }

    /// This with `over` laid over it: tables key by key, all else as a whole.
    #[must_use]
    pub fn overlaid(&self, over: &Node) -> Node {
        let (Value::Table(below), Value::Table(above)) = (&self.value, &over.value) else {
            return over.clone();
        };
        let mut table = below.clone();
        for (key, entry) in above {
            let node = match below.get(key) {
                Some(base) => base.node.overlaid(&entry.node),
                None => entry.node.clone(),
            };
            table.insert(key.clone(), Entry { key_place: entry.key_place.clone(), node });
        }
        Node { place: over.place.clone(), value: Value::Table(table) }
    }
}

/// Reads a file's text. `file_number` is its rank among the files read, `None` for the defaults.
/// Mistakes go to `mistakes`; `None` when it is no TOML at all.
pub(super) fn parse(
    text: &str,
    file: &str,
    file_number: Option<usize>,
    env: Env,
    mistakes: &Mistakes,
) -> Option<Node> {
    let reader = Reader { text, file: file.into(), file_number, env, mistakes };
    match Document::parse(text) {
        Ok(document) => {
            let place = reader.place(Some(0..0));
            Some(Node { place, value: reader.table(document.as_table()) })
        }
        Err(error) => {
            let span = error.span().unwrap_or(text.len()..text.len());
            // The parser stops at the brace, one after the dollar sign.
            let from = text.get(span.start.saturating_sub(1)..).unwrap_or_default();
            let hint = from.starts_with("${").then(|| "put quotes around `${…}`".to_owned());
            // The parser lists what it expected on further lines; the first says what is wrong.
            let what = error.message().lines().next().unwrap_or_default().to_owned();
            mistakes.add(reader.place(Some(span)).as_ref(), format!("not TOML: {what}"), hint);
            None
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    file: Arc<str>,
    file_number: Option<usize>,
    env: Env<'a>,
    mistakes: &'a Mistakes,
}

impl Reader<'_> {
    fn place(&self, span: Option<Range<usize>>) -> Option<Place> {
        let file_number = self.file_number?;
        let before = self.text.get(..span?.start)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Some(Place { file_number, line, column, file: self.file.clone() })
    }

    fn table(&self, table: &dyn TableLike) -> Value {
        let entries = table.iter().filter(|(_, item)| !item.is_none()).map(|(key, item)| {
            let key_place = self.place(table.key(key).and_then(|key| key.span()));
            let mut node = self.item(item);
            node.place = node.place.or_else(|| key_place.clone());
            (key.to_owned(), Entry { key_place, node })
        });
        Value::Table(entries.collect())
    }

    fn item(&self, item: &Item) -> Node {
        let value = match item {
            Item::None => Value::Broken,
            Item::Value(value) => return self.value(value),
            Item::Table(table) => self.table(table),
            Item::ArrayOfTables(tables) => Value::Array(
                tables
                    .iter()
                    .map(|table| Node { place: self.place(table.span()), value: self.table(table) })
                    .collect(),
            ),
        };
        Node { place: self.place(item.span()), value }
    }

    fn value(&self, value: &toml_edit::Value) -> Node {
        let read = match value {
            toml_edit::Value::String(text) => self.text(text.value(), value.span()),
            toml_edit::Value::Integer(number) => Value::Integer(*number.value()),
            toml_edit::Value::Float(number) => Value::Float(*number.value()),
            toml_edit::Value::Boolean(flag) => Value::Flag(*flag.value()),
            toml_edit::Value::Datetime(time) => Value::Datetime(time.value().to_string()),
            toml_edit::Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.value(item)).collect())
            }
            toml_edit::Value::InlineTable(table) => self.table(table),
        };
        Node { place: self.place(value.span()), value: read }
    }

    fn text(&self, text: &str, span: Option<Range<usize>>) -> Value {
        match interpolate(text, self.env) {
            Ok(replaced) => Value::Text { replaced: replaced != text, text: replaced },
            Err(refused) => {
                for problem in refused {
                    let place = self.place(self.find(&problem.token, span.clone()));
                    self.mistakes.add(place.as_ref(), problem.what, problem.hint);
                }
                Value::Broken
            }
        }
    }

    /// Where `token` stands in the source of a value; the value itself where escapes hide it.
    fn find(&self, token: &str, span: Option<Range<usize>>) -> Option<Range<usize>> {
        let span = span?;
        let start = self.text.get(span.clone()).and_then(|raw| raw.find(token));
        Some(start.map_or(span.clone(), |at| span.start + at..span.end))
    }
}
