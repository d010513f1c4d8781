//! The records of a replay: rows of a table, or events in an envelope, of files or topics.

use super::topics::Partition;
use super::{ReplayArgs, TOPIC};
use crate::cli::columns::{ColumnArgs, of_row};
use crate::cli::raw_lines::RawLines;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::event::{BadReason, BadRecord, DecodeError, Decoder, Event};
use crate::files::{self, Format, Progress, Row, Table, TimeColumn};
use crate::words::Time;
use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

/// What the records of the inputs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Rows of tables: fields are columns.
    Rows,
    /// JSON lines in an envelope.
    Events,
    /// Records of the input topics.
    Topics,
}

/// Whether the inputs are rows or events: rows where a time column is said.
pub(super) fn mode(args: &ReplayArgs) -> Result<Mode> {
    if args.from_topics {
        return Ok(Mode::Topics);
    }
    if args.columns.time.is_some() {
        return Ok(Mode::Rows);
    }
    for path in &args.inputs {
        let format = match args.columns.input_format {
            Some(format) => format,
            None if path.as_os_str() == "-" => Format::JsonLines,
            None => Format::of_path(path)?,
        };
        if format != Format::JsonLines {
            return Err(Error::usage("the rows of the input need a time")
                .at(path.display())
                .hint("say --time COLUMN, or --time row to count rows as seconds"));
        }
    }
    Ok(Mode::Events)
}

/// The records of one file, one after the other.
pub(super) enum Source<'a> {
    Rows(Box<Rows<'a>>),
    Events(Events<'a>),
    Partition(Partition<'a>),
}

/// Rows of a table, all of one model and version.
pub(super) struct Rows<'a> {
    table: Table,
    row: Row,
    time: &'a TimeColumn,
    columns: &'a ColumnArgs,
    model: &'a str,
    version: &'a str,
}

/// Lines of JSON.
pub(super) struct Events<'a> {
    lines: RawLines,
    decoder: &'a Decoder,
    rows: Range<u64>,
    /// The number of the next record, blank lines not counted.
    next: u64,
}

impl<'a> Source<'a> {
    /// Opens the file at `path`.
    pub(super) fn open(
        path: &Path,
        args: &'a ReplayArgs,
        config: &'a Config,
        decoder: &'a Decoder,
    ) -> Result<Source<'a>> {
        let rows = args.rows.clone().unwrap_or(0..u64::MAX);
        let Some(time) = &args.columns.time else {
            return Events::open(path, rows, decoder).map(Source::Events);
        };
        let table = files::open(path, args.columns.input_format)?.take(rows);
        if let (TimeColumn::Field(field), Some(columns)) = (time, table.columns())
            && !columns.contains(field)
        {
            return Err(Error::usage(format!("there is no column `{field}` to read the time from"))
                .at(path.display())
                .hint(format!("the columns are {}", columns.join(", "))));
        }
        let model = config.models.first().map_or("", |model| &model.name);
        let (columns, version) = (&args.columns, &*args.version);
        Ok(Source::Rows(Box::new(Rows { table, row: Row::new(), time, columns, model, version })))
    }

    /// Goes to the next record; `false` at the end.
    pub(super) fn advance(&mut self) -> Result<bool> {
        match self {
            Source::Rows(rows) => rows.table.next_row(&mut rows.row),
            Source::Events(events) => events.advance(),
            Source::Partition(partition) => partition.advance(),
        }
    }

    /// The record, decoded, or why it can't be.
    pub(super) fn decoded(&self) -> Result<Event<'_>, BadRecord> {
        match self {
            Source::Rows(rows) => rows.event(),
            Source::Events(events) => decode(events.decoder, Some(events.lines.line()), None, None),
            Source::Partition(partition) => partition.decoded(),
        }
    }

    /// The record's event time where it matters (among `several` sources) and can be read.
    pub(super) fn time(&self, several: bool) -> Option<Time> {
        if several { self.decoded().ok().map(|event| event.time) } else { None }
    }

    /// The record's own time; files have none.
    pub(super) fn record_time(&self) -> Option<Time> {
        match self {
            Source::Rows(_) | Source::Events(_) => None,
            Source::Partition(partition) => partition.record_time(),
        }
    }

    /// The topic and number of the partition that it is; of files the `at`th of one topic.
    pub(super) fn partition(&self, at: usize) -> (&str, i32) {
        match self {
            Source::Rows(_) | Source::Events(_) => {
                (TOPIC, i32::try_from(at).expect("fewer files than fit a command line"))
            }
            Source::Partition(partition) => (&partition.place().topic, partition.place().partition),
        }
    }

    /// The record's offset, or its number in the file, from 0.
    pub(super) fn offset(&self) -> i64 {
        let number = match self {
            Source::Rows(rows) => rows.row.number,
            Source::Events(events) => events.next - 1,
            Source::Partition(partition) => return partition.offset(),
        };
        i64::try_from(number).expect("no file has so many records")
    }

    /// Where the record stands: the file and line, or the partition and offset.
    pub(super) fn place(&self) -> String {
        match self {
            Source::Rows(rows) => rows.table.place(),
            Source::Events(events) => events.lines.place(),
            Source::Partition(partition) => format!("{} offset {}", partition.place(), partition.offset()),
        }
    }

    /// How far the file has been read.
    pub(super) fn progress(&self) -> Progress {
        match self {
            Source::Rows(rows) => rows.table.progress(),
            Source::Events(events) => events.lines.progress(),
            Source::Partition(partition) => partition.progress(),
        }
    }
}

/// Decodes a record; one whose schema can't be had is bad here.
pub(super) fn decode<'a>(
    decoder: &'a Decoder,
    payload: Option<&'a [u8]>,
    schema_id: Option<&[u8]>,
    record_time: Option<Time>,
) -> Result<Event<'a>, BadRecord> {
    decoder.decode(payload, schema_id, record_time).map_err(|error| match error {
        DecodeError::Bad(bad) => bad,
        DecodeError::Unavailable(why) => {
            BadRecord { reason: BadReason::UnknownSchema, message: why.to_string() }
        }
    })
}

impl Rows<'_> {
    fn event(&self) -> Result<Event<'_>, BadRecord> {
        let time = self
            .table
            .time_of(&self.row, self.time)
            .map_err(|error| BadRecord { reason: BadReason::NoTime, message: error.to_string() })?;
        let columns = of_row(&self.row, |name| self.columns.wants(name));
        Ok(Event {
            id: None,
            model: Cow::Borrowed(self.model),
            version: Cow::Borrowed(self.version),
            segment: Vec::new(),
            time,
            columns: columns.map(|(name, value)| (Cow::Borrowed(&**name), value)).collect(),
        })
    }
}

impl<'a> Events<'a> {
    fn open(path: &Path, rows: Range<u64>, decoder: &'a Decoder) -> Result<Events<'a>> {
        Ok(Events { lines: RawLines::open(path)?, decoder, rows, next: 0 })
    }

    fn advance(&mut self) -> Result<bool> {
        while self.next < self.rows.end && self.lines.advance()? {
            self.next += 1;
            if self.next > self.rows.start {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
