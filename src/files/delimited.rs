//! CSV and TSV as in RFC 4180: a header line, quotes where wanted, any line ends.
//!
//! An empty field is missing, all else is a literal: nothing is guessed from the text.

use super::row::{Row, set_literal};
use super::source::Source;
use super::{Name, Progress};
use crate::error::{Error, Result};
use crate::event::Value;
use csv::{ErrorKind, StringRecord};

/// A delimited file being read.
pub(super) struct Delimited {
    reader: csv::Reader<Source>,
    columns: Vec<Name>,
    record: StringRecord,
    /// Whether lines end with a carriage return, so that a record is read before its line is counted.
    returns: bool,
    /// Lines from the end of the record before the last one to the end of the last one.
    lines: u64,
}

impl Delimited {
    /// Reads the header of `source`.
    pub(super) fn new(source: Source, delimiter: u8) -> Result<Delimited> {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .delimiter(delimiter)
            .buffer_capacity(64 << 10)
            .from_reader(source);
        let mut table =
            Delimited { reader, columns: Vec::new(), record: StringRecord::new(), returns: false, lines: 0 };
        if !table.read()? {
            return Err(Error::input("the file is empty")
                .at(table.place())
                .hint("the first line must name the columns"));
        }
        table.returns = table.reader.position().line() == 1 + lines_in(&table.record);
        if table.returns {
            table.reader.get_mut().ends_lines_with_return();
        }
        table.columns = columns_of(&table.record).map_err(|error| error.at(table.place()))?;
        Ok(table)
    }

    pub(super) fn columns(&self) -> &[Name] {
        &self.columns
    }

    /// The line on which the last record starts, counted from 1.
    pub(super) fn line(&self) -> u64 {
        // Counted back from where it ends: blank lines before it belong to no record.
        let after = self.reader.position().line() + u64::from(self.returns);
        after.saturating_sub(1 + lines_in(&self.record)).max(1)
    }

    pub(super) fn progress(&self) -> Progress {
        self.reader.get_ref().progress()
    }

    pub(super) fn next_row(&mut self, row: &mut Row) -> Result<bool> {
        if !self.read()? {
            return Ok(false);
        }
        row.set_columns(&self.columns);
        for ((_, value), field) in row.fields.iter_mut().zip(&self.record) {
            if field.is_empty() {
                *value = Value::Missing;
            } else {
                set_literal(value, field);
            }
        }
        Ok(true)
    }

    pub(super) fn skip(&mut self, rows: u64) -> Result<u64> {
        for row in 0..rows {
            if !self.read()? {
                return Ok(row);
            }
        }
        Ok(rows)
    }

    fn read(&mut self) -> Result<bool> {
        self.reader.get_mut().start_record();
        let before = self.reader.position().line();
        let found = self.reader.read_record(&mut self.record).map_err(|error| self.explain(&error))?;
        let after = self.reader.position().line();
        if found {
            self.lines = after - before;
        } else if self.lines > 1 && self.reader.get_ref().quotes() % 2 == 1 {
            // The library takes the end of the file for the closing quote.
            let line = after - self.lines;
            return Err(Error::input("a quote is never closed: all lines from here on are one field")
                .at(format!("{}:{line}", self.reader.get_ref().name()))
                .hint("close it; a quote that is part of a quoted field is written twice"));
        }
        Ok(found)
    }

    fn place(&self) -> String {
        format!("{}:{}", self.reader.get_ref().name(), self.line())
    }

    fn explain(&self, error: &csv::Error) -> Error {
        match error.kind() {
            ErrorKind::Io(error) => self.reader.get_ref().explain(error, self.place()),
            ErrorKind::UnequalLengths { expected_len, len, .. } => {
                let fields = if *len == 1 { "field" } else { "fields" };
                Error::input(format!("{len} {fields} where the header names {expected_len} columns"))
                    .at(self.place())
                    .hint("a field that holds a delimiter or a line end must stand in double quotes")
            }
            ErrorKind::Utf8 { err, .. } => {
                let column = self.columns.get(err.field()).map(|name| format!(" of column `{name}`"));
                Error::input(format!("the text{} is not UTF-8", column.unwrap_or_default()))
                    .at(self.place())
                    .hint("write the file again with the encoding UTF-8")
            }
            _ => Error::input(error.to_string()).at(self.place()),
        }
    }
}

/// Line ends inside the fields of a record.
fn lines_in(record: &StringRecord) -> u64 {
    record.iter().map(|field| field.bytes().filter(|byte| *byte == b'\n').count() as u64).sum()
}

/// The columns that a header names.
fn columns_of(header: &StringRecord) -> Result<Vec<Name>> {
    let mut columns: Vec<Name> = Vec::with_capacity(header.len());
    let mut seen = std::collections::HashSet::new();
    for (position, name) in header.iter().enumerate() {
        if name.trim().is_empty() {
            return Err(Error::input(format!("column {} has no name", position + 1))
                .hint("the first line must name every column"));
        }
        if !seen.insert(name) {
            return Err(Error::input(format!("two columns are named `{name}`")).hint("rename one of them"));
        }
        columns.push(Name::from(name));
    }
    Ok(columns)
}
