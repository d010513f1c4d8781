//! A table of the configuration, read key by key.
//!
//! Each key is asked for once; [`Section::close`] complains of those that nobody asked for. A key with
//! a mistake reads as `None` and was complained of, so a caller reads all keys before it gives up.

use super::errors::Mistakes;
use super::not_built;
use super::tree::{Node, Place, Table, Value};
use super::values::Read;

pub(super) struct Section<'a> {
    /// As a person would write it; empty at the root.
    path: String,
    /// The path by which [`not_built`] knows it.
    known_as: String,
    table: Option<&'a Table>,
    place: Option<Place>,
    asked: Vec<&'static str>,
    mistakes: &'a Mistakes,
}

impl<'a> Section<'a> {
    /// The table at `node`, called `path`. Complains when it is none; then all keys read as `None`.
    pub fn new(path: &str, node: &'a Node, mistakes: &'a Mistakes) -> Self {
        let table = node.table();
        if table.is_none() && !matches!(node.value, Value::Broken) {
            let what = format!("`{path}` must be a table, not {}", node.value.kind());
            mistakes.add(node.place.as_ref(), what, None);
        }
        let place = node.place.clone();
        Section { path: path.into(), known_as: path.into(), table, place, asked: Vec::new(), mistakes }
    }

    /// Sets the path by which [`not_built`] knows this table, where it is another than its own.
    #[must_use]
    pub fn known_as(mut self, path: &str) -> Self {
        self.known_as = path.into();
        self
    }

    /// Where mistakes go.
    pub fn mistakes(&self) -> &'a Mistakes {
        self.mistakes
    }

    /// The value of `key` by `read`. A key that is not there is a mistake too: keys with a default
    /// have it in the tree.
    pub fn read<T>(&mut self, key: &'static str, read: impl FnOnce(&Node) -> Read<T>) -> Option<T> {
        let Some(node) = self.optional(key) else {
            if self.table.is_some() {
                let what = format!("`{}` is missing", self.path_of(key));
                self.mistakes.add(self.place.as_ref(), what, None);
            }
            return None;
        };
        match read(node) {
            Ok(value) => Some(value),
            Err(problems) => {
                for problem in problems {
                    let place = problem.place.as_ref().or(node.place.as_ref());
                    let what = format!("`{}` {}", self.path_of(key), problem.what);
                    self.mistakes.add(place, what, problem.hint);
                }
                None
            }
        }
    }

    /// The node of `key`, if it is there.
    pub fn optional(&mut self, key: &'static str) -> Option<&'a Node> {
        self.asked.push(key);
        self.table?.get(key).map(|entry| &entry.node)
    }

    /// The table of `key`; empty, and complained of, when it is not there.
    pub fn section(&mut self, key: &'static str) -> Section<'a> {
        self.section_called(key, &self.path_of(key))
    }

    /// As [`Section::section`], by another path in messages.
    pub fn section_called(&mut self, key: &'static str, path: &str) -> Section<'a> {
        match self.optional(key) {
            Some(node) => Section::new(path, node, self.mistakes),
            None => Section {
                path: path.into(),
                known_as: path.into(),
                table: None,
                place: None,
                asked: Vec::new(),
                mistakes: self.mistakes,
            },
        }
    }

    /// Says that values which are fine by themselves do not fit. Blames the first of `keys` that the
    /// user wrote.
    pub fn complain(&self, keys: &[&str], what: impl Into<String>, hint: Option<String>) {
        self.mistakes.add(self.place_of(keys).as_ref(), what, hint);
    }

    /// Where the first of `keys` that the user wrote stands.
    pub fn place_of(&self, keys: &[&str]) -> Option<Place> {
        let table = self.table?;
        keys.iter().find_map(|key| table.get(*key)?.node.place.clone())
    }

    /// Complains of all keys that nobody asked for.
    pub fn close(self) {
        for (key, entry) in self.table.into_iter().flatten() {
            if self.asked.contains(&key.as_str()) {
                continue;
            }
            let path = self.path_of(key);
            let known_as = join(&self.known_as, key);
            let refused = not_built::refuse(&known_as, &path, entry, self.mistakes);
            if !refused {
                let hint = nearest(key, &self.asked);
                self.mistakes.add(entry.key_place.as_ref(), format!("unknown key `{path}`"), Some(hint));
            }
        }
    }

    fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// What to say when `word` is none of `known`: the nearest, or all where none is near.
pub(super) fn nearest(word: &str, known: &[&str]) -> String {
    let distance = |known: &&&str| strsim::damerau_levenshtein(word, known);
    let near = known.iter().min_by_key(distance);
    match near {
        Some(near) if distance(&near) <= 1 + word.chars().count() / 4 => {
            format!("did you mean `{near}`?")
        }
        Some(_) => format!("known: {}", known.join(", ")),
        None => "nothing is known".into(),
    }
}
