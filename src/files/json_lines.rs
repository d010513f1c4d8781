//! JSON lines: a flat object on each line, blank lines passed over.
//!
//! Keys need not be the same on each line. Arrays and objects inside are [`Value::Other`]. A number
//! too large for 64 bits is infinite, which is for the sketch to count as invalid.

use super::Progress;
use super::row::{Row, set_text};
use super::source::Source;
use crate::error::{Error, Result};
use crate::event::Value;
use crate::words::Name;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, BufReader};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// A file of JSON lines being read.
pub(super) struct JsonLines {
    reader: BufReader<Source>,
    text: Vec<u8>,
    line: u64,
}

impl JsonLines {
    pub(super) fn new(source: Source) -> JsonLines {
        JsonLines { reader: BufReader::with_capacity(64 << 10, source), text: Vec::new(), line: 0 }
    }

    /// The line read last, counted from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn progress(&self) -> Progress {
        self.reader.get_ref().progress()
    }

    pub(super) fn next_row(&mut self, row: &mut Row) -> Result<bool> {
        if !self.read_line()? {
            return Ok(false);
        }
        let mut json = serde_json::Deserializer::from_slice(self.text.trim_ascii_end());
        let filled = (&mut json).deserialize_map(Fields { row });
        filled.and_then(|()| json.end()).map_err(|error| self.explain(&error))?;
        Ok(true)
    }

    pub(super) fn skip(&mut self, rows: u64) -> Result<u64> {
        for row in 0..rows {
            if !self.read_line()? {
                return Ok(row);
            }
        }
        Ok(rows)
    }

    /// Reads the next line that is not blank.
    fn read_line(&mut self) -> Result<bool> {
        loop {
            self.text.clear();
            self.reader.get_mut().start_record();
            let read = self.reader.read_until(b'\n', &mut self.text);
            self.line += 1;
            let read = read.map_err(|error| {
                self.reader
                    .get_ref()
                    .explain(&error, format!("{}:{}", self.reader.get_ref().name(), self.line))
            })?;
            if read == 0 {
                return Ok(false);
            }
            if self.line == 1 && self.text.starts_with(BOM) {
                self.text.drain(..BOM.len());
            }
            if !self.text.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    fn explain(&self, error: &serde_json::Error) -> Error {
        let message = error.to_string();
        let position = format!(" at line {} column {}", error.line(), error.column());
        let message = message.strip_suffix(&position).unwrap_or(&message);
        let column = error.column().max(1);
        Error::input(format!("not a row of JSON lines: {message}"))
            .at(format!("{}:{}:{column}", self.reader.get_ref().name(), self.line))
            .hint("each line must be one whole JSON object, each name in it once")
    }
}

/// Puts the members of an object into a row.
struct Fields<'r> {
    row: &'r mut Row,
}

/// A key, borrowed from the line where it holds no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let fields = &mut self.row.fields;
        let mut count = 0;
        // While the names are those of the row before, in its order, none can come twice.
        let mut as_before = true;
        while let Some((Key(key), json)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
            if fields.get(count).is_none_or(|(name, _)| **name != *key) {
                as_before = false;
                let name = Name::from(key.as_ref());
                match fields.get_mut(count) {
                    Some(field) => field.0 = name,
                    None => fields.push((name, Value::Missing)),
                }
            }
            if !as_before && fields[..count].iter().any(|(name, _)| **name == *key) {
                return Err(A::Error::custom(format_args!("the name `{key}` comes twice")));
            }
            set_json(&mut fields[count].1, json.get()).map_err(A::Error::custom)?;
            count += 1;
        }
        fields.truncate(count);
        Ok(())
    }
}

/// Makes `value` what the JSON text says.
fn set_json(value: &mut Value<'static>, json: &str) -> serde_json::Result<()> {
    match json.as_bytes().first() {
        Some(b'n') => *value = Value::Missing,
        Some(b't') => *value = Value::Bool(true),
        Some(b'f') => *value = Value::Bool(false),
        Some(b'{' | b'[') => *value = Value::Other,
        Some(b'"') if !json.contains('\\') => set_text(value, &json[1..json.len() - 1]),
        Some(b'"') => set_text(value, &String::deserialize(&mut serde_json::Deserializer::from_str(json))?),
        _ => *value = Value::Number(json.parse().unwrap_or(f64::NAN)),
    }
    Ok(())
}
