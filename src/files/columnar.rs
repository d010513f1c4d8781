//! Parquet: row group by row group, each column in batches of [`BATCH_ROWS`] rows.
//!
//! Columns are read by themselves and laid side by side, so that nested columns, which no feature
//! can be, cost nothing. What a stored value means is in [`cell`]. The whole file is never in memory.

mod cell;

use super::row::Row;
use super::{Progress, source};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Value;
use crate::words::Name;
use cell::Meaning;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::SchemaDescriptor;
use std::collections::HashSet;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Rows of each column that are decoded at a time.
const BATCH_ROWS: usize = 1024;

/// A Parquet file being read.
pub(super) struct Columnar {
    name: String,
    file: SerializedFileReader<File>,
    names: Vec<Name>,
    columns: Vec<Column>,
    next_group: usize,
    /// Rows of the open row group that are not yet in the batch.
    left_in_group: usize,
    batch_rows: usize,
    next_in_batch: usize,
    rows_read: u64,
    rows_total: u64,
    bytes_total: Option<u64>,
}

/// A column at the top of the schema, and its part of the batch.
struct Column {
    /// What to read and what it means; `None` for a nested column.
    leaf: Option<(usize, Meaning)>,
    reader: Option<ColumnReader>,
    batch: Vec<Value<'static>>,
}

impl Columnar {
    /// Opens the file and reads its schema; `name` is what errors call it.
    pub(super) fn open(path: &Path, name: &str) -> Result<Columnar> {
        let (file, bytes_total) = source::open_file(path, name)?;
        let file = SerializedFileReader::new(file).map_err(|error| {
            explain(&error).at(name).hint("is it a Parquet file, and all of it? its index is at the end")
        })?;
        let schema = file.metadata().file_metadata().schema_descr();
        let names: Vec<Name> =
            schema.root_schema().get_fields().iter().map(|f| Name::from(f.name())).collect();
        let mut seen = HashSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
            let what = format!("two columns are named `{twice}`");
            return Err(Error::input(what).at(name).hint("rename one of them"));
        }
        let columns = columns_of(schema, names.len());
        let rows_total = u64::try_from(file.metadata().file_metadata().num_rows()).unwrap_or(0);
        Ok(Columnar {
            name: name.to_owned(),
            names,
            columns,
            file,
            next_group: 0,
            left_in_group: 0,
            batch_rows: 0,
            next_in_batch: 0,
            rows_read: 0,
            rows_total,
            bytes_total,
        })
    }

    pub(super) fn columns(&self) -> &[Name] {
        &self.names
    }

    /// Whether the file itself says that the column holds points in time, read as epoch milliseconds.
    pub(super) fn is_timestamp(&self, column: usize) -> bool {
        let leaf = self.columns.get(column).and_then(|column| column.leaf.as_ref());
        leaf.is_some_and(|(_, meaning)| meaning.is_timestamp())
    }

    pub(super) fn progress(&self) -> Progress {
        let share = self.rows_read as f64 / self.rows_total.max(1) as f64;
        let bytes_read = self.bytes_total.map_or(0, |bytes| (bytes as f64 * share) as u64);
        Progress { bytes_read, bytes_total: self.bytes_total }
    }

    pub(super) fn next_row(&mut self, row: &mut Row) -> Result<bool> {
        if !self.fill_batch()? {
            return Ok(false);
        }
        row.set_columns(&self.names);
        for ((_, value), column) in row.fields.iter_mut().zip(&mut self.columns) {
            // The row's old value becomes the batch's buffer.
            std::mem::swap(value, &mut column.batch[self.next_in_batch]);
        }
        self.next_in_batch += 1;
        self.rows_read += 1;
        Ok(true)
    }

    pub(super) fn skip(&mut self, rows: u64) -> Result<u64> {
        let mut left = rows;
        while left > 0 {
            if self.next_in_batch == self.batch_rows && self.left_in_group == 0 {
                let Some(group) = self.file.metadata().row_groups().get(self.next_group) else { break };
                let group_rows = u64::try_from(group.num_rows()).unwrap_or(0);
                if group_rows <= left {
                    self.next_group += 1;
                    self.rows_read += group_rows;
                    left -= group_rows;
                    continue;
                }
            }
            if !self.fill_batch()? {
                break;
            }
            let in_batch = (self.batch_rows - self.next_in_batch) as u64;
            let passed = in_batch.min(left);
            self.next_in_batch += passed as usize;
            self.rows_read += passed;
            left -= passed;
        }
        Ok(rows - left)
    }

    /// Sees to it that the batch has a row; `false` at the end of the file.
    fn fill_batch(&mut self) -> Result<bool> {
        if self.next_in_batch < self.batch_rows {
            return Ok(true);
        }
        while self.left_in_group == 0 {
            if self.next_group == self.file.num_row_groups() {
                return Ok(false);
            }
            self.open_group(self.next_group).map_err(|error| self.place(explain(&error)))?;
            self.next_group += 1;
        }
        let rows = self.left_in_group.min(BATCH_ROWS);
        for column in 0..self.columns.len() {
            self.columns[column].fill(rows).map_err(|error| {
                self.place(error).hint(format!("column `{}` can't be read to its end", self.names[column]))
            })?;
        }
        self.left_in_group -= rows;
        self.batch_rows = rows;
        self.next_in_batch = 0;
        Ok(true)
    }

    fn open_group(&mut self, number: usize) -> Result<(), ParquetError> {
        let group = self.file.get_row_group(number)?;
        for column in &mut self.columns {
            if let Some((leaf, _)) = column.leaf {
                column.reader = Some(group.get_column_reader(leaf)?);
            }
        }
        self.left_in_group = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        Ok(())
    }

    fn place(&self, error: Error) -> Error {
        error.at(format!("{}: row {}", self.name, self.rows_read))
    }
}

/// The columns at the top of the schema, with the leaf to read for those that are one.
fn columns_of(schema: &SchemaDescriptor, count: usize) -> Vec<Column> {
    let empty = || Column { leaf: None, reader: None, batch: vec![Value::Other; BATCH_ROWS] };
    let mut columns: Vec<Column> = (0..count).map(|_| empty()).collect();
    for leaf in 0..schema.num_columns() {
        let description = schema.column(leaf);
        let is_flat = schema.get_column_root(leaf).is_primitive() && description.max_rep_level() == 0;
        if let Some(meaning) = is_flat.then(|| Meaning::of(&description)).flatten() {
            columns[schema.get_column_root_idx(leaf)].leaf = Some((leaf, meaning));
        }
    }
    columns
}

impl Column {
    /// Reads the next `rows` values into the batch.
    fn fill(&mut self, rows: usize) -> Result<()> {
        let batch = &mut self.batch[..rows];
        let (Some((_, meaning)), Some(reader)) = (&self.leaf, &mut self.reader) else {
            batch.fill(Value::Other);
            return Ok(());
        };
        match reader {
            ColumnReader::BoolColumnReader(reader) => fill(reader, batch, |stored, value| {
                *value = Value::Bool(*stored);
                Ok(())
            }),
            ColumnReader::Int32ColumnReader(reader) => fill(reader, batch, |stored, value| {
                *value = meaning.of_int32(*stored);
                Ok(())
            }),
            ColumnReader::Int64ColumnReader(reader) => fill(reader, batch, |stored, value| {
                *value = meaning.of_int64(*stored);
                Ok(())
            }),
            ColumnReader::Int96ColumnReader(reader) => fill(reader, batch, |stored, value| {
                *value = Value::Number(stored.to_millis() as f64);
                Ok(())
            }),
            ColumnReader::FloatColumnReader(reader) => fill(reader, batch, |stored, value| {
                *value = Value::Number(f64::from(*stored));
                Ok(())
            }),
            ColumnReader::DoubleColumnReader(reader) => fill(reader, batch, |stored, value| {
                *value = Value::Number(*stored);
                Ok(())
            }),
            ColumnReader::ByteArrayColumnReader(reader) => {
                fill(reader, batch, |stored, value| meaning.set_bytes(stored.data(), value))
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                fill(reader, batch, |stored, value| meaning.set_bytes(stored.data(), value))
            }
        }
    }
}

/// Reads a value for each place of `batch`, which all belong to one row group.
fn fill<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    batch: &mut [Value<'static>],
    set: impl Fn(&T::T, &mut Value<'static>) -> Result<()>,
) -> Result<()> {
    let mut levels = Vec::with_capacity(batch.len());
    let mut stored = Vec::with_capacity(batch.len());
    // The library panics at some damaged pages. Nothing of the reader is used after an error.
    let read = AssertUnwindSafe(|| reader.read_records(batch.len(), Some(&mut levels), None, &mut stored));
    let (records, _, _) = catch_unwind(read)
        .map_err(|_| Error::input("cannot read Parquet: a page is damaged"))?
        .map_err(|error| explain(&error))?;
    if records != batch.len() {
        return Err(Error::input(format!("{} values are missing from a row group", batch.len() - records)));
    }
    let mut stored = stored.iter();
    for (row, value) in batch.iter_mut().enumerate() {
        // A required column has no levels; of an optional one at the top, level 1 is a value.
        if levels.get(row).is_some_and(|level| *level == 0) {
            *value = Value::Missing;
        } else if let Some(stored) = stored.next() {
            set(stored, value)?;
        }
    }
    Ok(())
}

/// What a failure of the Parquet reader means: the file system's, or the file's own.
fn explain(error: &ParquetError) -> Error {
    let kind = if matches!(error, ParquetError::External(_)) { ErrorKind::File } else { ErrorKind::Input };
    Error::new(kind, format!("cannot read Parquet: {error}"))
}

#[cfg(test)]
mod tests;
