//! Rows from CSV, TSV, JSON lines and Parquet files, plain or gzipped, one after the other.
//!
//! A `Table` reads any of them in memory that does not grow with the file: one record (at most
//! `MAX_RECORD_BYTES`) or one batch of rows at a time. What a file holds becomes `Value`s; what
//! they mean (kinds, features, events) is for others to say. Nothing here writes a file.

mod columnar;
mod delimited;
mod format;
mod json_lines;
mod range;
mod row;
mod source;
mod time;

pub use format::Format;
pub use range::parse_row_range;
pub use row::Row;
pub use source::MAX_RECORD_BYTES;
pub use time::TimeColumn;

use crate::error::{Error, Result};
use crate::words::{Name, Time};
use columnar::Columnar;
use delimited::Delimited;
use json_lines::JsonLines;
use source::Source;
use std::ops::Range;
use std::path::Path;

/// Opens the table at `path` and reads as far as its columns are known.
///
/// The name tells the format (see [`Format::of_path`]) unless `format` is given; `-` is standard
/// input and needs one. Gzip is recognised by its first bytes.
///
/// # Errors
/// `Usage` where the format is not known, `File` where the file can't be read, `Input` where its
/// header or footer is not what the format wants.
pub fn open(path: impl AsRef<Path>, format: Option<Format>) -> Result<Table> {
    let path = path.as_ref();
    let stdin = path.as_os_str() == "-";
    let name = if stdin { "standard input".to_owned() } else { path.display().to_string() };
    let format = match format {
        Some(format) => format,
        None if stdin => {
            return Err(Error::usage("the format of standard input is not known")
                .hint("say it with --input-format csv, tsv or jsonl"));
        }
        None => Format::of_path(path)?,
    };
    let reader = match format {
        Format::Parquet if stdin => {
            return Err(Error::usage("Parquet can't be read from standard input: its index is at the end")
                .hint("give a file"));
        }
        Format::Parquet => Reader::Columnar(Box::new(Columnar::open(path, &name)?)),
        _ => {
            let source = if stdin { Source::stdin(&name)? } else { Source::file(path, &name)? };
            match format.delimiter() {
                Some(delimiter) => Reader::Delimited(Delimited::new(source, delimiter)?),
                None => Reader::JsonLines(JsonLines::new(source)),
            }
        }
    };
    Ok(Table { name, reader, rows: 0..u64::MAX, next: 0 })
}

/// How far a table has been read, in bytes as they stand in the file (compressed, where it is).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read so far; for Parquet, the file's bytes in proportion to the rows read.
    pub bytes_read: u64,
    /// Bytes of the file; `None` where nobody knows (standard input, pipes).
    pub bytes_total: Option<u64>,
}

/// A table being read, row by row.
pub struct Table {
    name: String,
    reader: Reader,
    rows: Range<u64>,
    next: u64,
}

enum Reader {
    Delimited(Delimited),
    JsonLines(JsonLines),
    Columnar(Box<Columnar>),
}

impl Table {
    /// Narrows the table to the rows `rows` (0-based, end excluded); to be said before the first row
    /// is read. See [`parse_row_range`].
    #[must_use]
    pub fn take(mut self, rows: Range<u64>) -> Table {
        self.rows = rows;
        self
    }

    /// The columns, where they are known before the rows: not for JSON lines.
    pub fn columns(&self) -> Option<&[Name]> {
        match &self.reader {
            Reader::Delimited(reader) => Some(reader.columns()),
            Reader::JsonLines(_) => None,
            Reader::Columnar(reader) => Some(reader.columns()),
        }
    }

    /// Reads the next row into `row`, whose buffers are used again; `false` at the end.
    ///
    /// # Errors
    /// `File` where the file can't be read to its end, `Input` where a row is not what the format
    /// wants or the range starts behind the last row. The table is of no use after an error.
    pub fn next_row(&mut self, row: &mut Row) -> Result<bool> {
        if self.rows.is_empty() || self.next >= self.rows.end {
            return Ok(false);
        }
        if self.next < self.rows.start {
            self.next += self.reader.skip(self.rows.start)?;
            if self.next < self.rows.start {
                let what =
                    format!("rows from {} are wanted but there are only {}", self.rows.start, self.next);
                return Err(Error::input(what).at(&self.name).hint("rows are counted from 0"));
            }
        }
        let found = match &mut self.reader {
            Reader::Delimited(reader) => reader.next_row(row)?,
            Reader::JsonLines(reader) => reader.next_row(row)?,
            Reader::Columnar(reader) => reader.next_row(row)?,
        };
        if found {
            row.number = self.next;
            self.next += 1;
        }
        Ok(found)
    }

    /// Where the row read last stands: the file with the line, or with the row for Parquet.
    pub fn place(&self) -> String {
        match &self.reader {
            Reader::Delimited(reader) => format!("{}:{}", self.name, reader.line()),
            Reader::JsonLines(reader) => format!("{}:{}", self.name, reader.line()),
            Reader::Columnar(_) => format!("{}: row {}", self.name, self.next.saturating_sub(1)),
        }
    }

    /// The event time of `row`, which was the last one read from this table.
    ///
    /// # Errors
    /// `Input` where the row has no such column, or something in it that is not a time.
    pub fn time_of(&self, row: &Row, column: &TimeColumn) -> Result<Time> {
        let field = match column {
            TimeColumn::RowNumber => return Ok(time::of_row(row.number - self.rows.start)),
            TimeColumn::Field(field) => field,
        };
        let Some(position) = row.fields.iter().position(|(name, _)| name == field) else {
            return Err(time::no_column(field, row, self.columns()).at(self.place()));
        };
        let value = &row.fields[position].1;
        let is_timestamp = match &self.reader {
            Reader::Columnar(reader) => reader.is_timestamp(position),
            _ => false,
        };
        time::of_value(value, is_timestamp).ok_or_else(|| {
            let what = format!("row {}: column `{field}` is not a time: {}", row.number, time::shown(value));
            Error::input(what).at(self.place()).hint(time::HINT)
        })
    }

    /// How far the table has been read.
    pub fn progress(&self) -> Progress {
        match &self.reader {
            Reader::Delimited(reader) => reader.progress(),
            Reader::JsonLines(reader) => reader.progress(),
            Reader::Columnar(reader) => reader.progress(),
        }
    }
}

impl Reader {
    /// Passes over up to `rows` rows without looking into them, and says how many there were.
    fn skip(&mut self, rows: u64) -> Result<u64> {
        match self {
            Reader::Delimited(reader) => reader.skip(rows),
            Reader::JsonLines(reader) => reader.skip(rows),
            Reader::Columnar(reader) => reader.skip(rows),
        }
    }
}

#[cfg(test)]
mod tests;
