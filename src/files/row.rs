//! One row of a table, in buffers that are used again.

use crate::event::Value;
use crate::words::Name;
use std::borrow::Cow;

/// A row: its number, and its fields in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// The number of the row in its file, counted from 0, the header not counted.
    pub number: u64,
    /// The fields, each name at most once.
    pub fields: Vec<(Name, Value<'static>)>,
}

impl Row {
    /// A row to read into.
    pub fn new() -> Row {
        Row::default()
    }

    /// The value of the field `name`; `None` where the row has no such field.
    pub fn get(&self, name: &str) -> Option<&Value<'static>> {
        self.fields.iter().find(|(field, _)| &**field == name).map(|(_, value)| value)
    }

    /// Gives the row exactly these columns; values that were there stay as buffers.
    pub(super) fn set_columns(&mut self, columns: &[Name]) {
        self.fields.truncate(columns.len());
        for ((field, _), column) in self.fields.iter_mut().zip(columns) {
            if !Name::ptr_eq(field, column) {
                *field = Name::clone(column);
            }
        }
        for column in &columns[self.fields.len()..] {
            self.fields.push((Name::clone(column), Value::Missing));
        }
    }
}

/// Makes `value` the text, in the text's old buffer where it has one.
pub(super) fn set_text(value: &mut Value<'static>, text: &str) {
    let buffer = refilled(value, text);
    *value = Value::Text(Cow::Owned(buffer));
}

/// Makes `value` the literal, in the literal's old buffer where it has one.
pub(super) fn set_literal(value: &mut Value<'static>, text: &str) {
    let buffer = refilled(value, text);
    *value = Value::Literal(Cow::Owned(buffer));
}

fn refilled(value: &mut Value<'static>, text: &str) -> String {
    let mut buffer = match std::mem::replace(value, Value::Missing) {
        Value::Text(Cow::Owned(buffer)) | Value::Literal(Cow::Owned(buffer)) => buffer,
        _ => String::new(),
    };
    buffer.clear();
    buffer.push_str(text);
    buffer
}
