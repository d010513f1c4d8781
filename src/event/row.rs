//! A row: an event as it is counted, by numbered columns, in storage that is used again.
//!
//! The quick readers and the strict one all end here. A name is looked up once, when it is first
//! met; from then on its column is a number, and an event takes no memory of its own.

use super::envelope::{Envelope, NameFrom, Slot, TimeFrom};
use super::scalar::{Scalar, TimeRead, time_of_text};
use super::{Event, Value, draft};
use crate::words::{Name, Time};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names that are remembered; where there are more, the numbering begins anew.
const NAMES_MAX: usize = 8192;

/// The names of columns, numbered in the order in which they were met.
#[derive(Debug)]
pub struct Columns {
    names: Vec<Name>,
    numbers: HashMap<Name, u32>,
    numbering: u64,
    /// The round in which each was last filled.
    filled: Vec<u64>,
}

impl Columns {
    fn new() -> Self {
        static NUMBERINGS: AtomicU64 = AtomicU64::new(0);
        let numbering = NUMBERINGS.fetch_add(1, Ordering::Relaxed);
        Columns { names: Vec::new(), numbers: HashMap::new(), numbering, filled: Vec::new() }
    }

    /// Which numbering this is: whoever keeps something by number begins anew when it differs.
    pub fn numbering(&self) -> u64 {
        self.numbering
    }

    /// The name of column `number`.
    pub fn name(&self, number: u32) -> &Name {
        &self.names[number as usize]
    }

    /// The number of the column `name`.
    pub(super) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let (number, name) = (self.names.len() as u32, Name::from(name));
        self.names.push(name.clone());
        self.filled.push(0);
        self.numbers.insert(name, number);
        number
    }
}

/// Where a text of a row stands, from its first byte to before its last.
#[derive(Debug, Clone, Copy)]
pub struct Text(Place);

#[derive(Debug, Clone, Copy)]
enum Place {
    /// In the record.
    Written(u32, u32),
    /// Kept beside it.
    Kept(u32, u32),
}

impl Text {
    /// The bytes of the record from `start` to before `end`, which must be UTF-8.
    pub(super) fn written(start: usize, end: usize) -> Text {
        Text(Place::Written(start as u32, end as u32))
    }

    fn length(self) -> usize {
        let (Place::Written(start, end) | Place::Kept(start, end)) = self.0;
        (end - start) as usize
    }
}

/// A value of a row: a [`Value`] whose text stands elsewhere.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "they are those of `Value`")]
pub enum Cell {
    Missing,
    Number(f64),
    Bool(bool),
    Text(Text),
    Literal(Text),
    Other,
}

/// Where a row is gathered: made once, filled for each event.
#[derive(Debug)]
pub struct RowBuffer {
    pub(super) columns: Columns,
    round: u64,
    cells: Vec<(u32, Cell)>,
    /// Texts that do not stand in the record as they are.
    kept: String,
    model: Option<Text>,
    version: Option<Text>,
    segment: Vec<Option<Text>>,
    time: TimeRead,
    event_time: Time,
    has_features: bool,
}

/// An event by numbered columns, each at most once.
#[derive(Debug, Clone, Copy)]
pub struct Row<'r> {
    buffer: &'r RowBuffer,
    record: &'r [u8],
}

impl Default for RowBuffer {
    fn default() -> Self {
        RowBuffer {
            columns: Columns::new(),
            round: 0,
            cells: Vec::new(),
            kept: String::new(),
            model: None,
            version: None,
            segment: Vec::new(),
            time: TimeRead::Missing,
            event_time: Time::EPOCH,
            has_features: false,
        }
    }
}

impl RowBuffer {
    /// The row of `event`.
    pub fn of<'r>(&'r mut self, event: &Event<'_>) -> Row<'r> {
        self.begin(event.segment.len());
        self.model = Some(self.keep(&event.model));
        self.version = Some(self.keep(&event.version));
        for (at, value) in event.segment.iter().enumerate() {
            self.segment[at] = Some(self.keep(value));
        }
        self.event_time = event.time;
        for (name, value) in &event.columns {
            let cell = self.cell(value);
            let number = self.columns.number(name);
            self.push(number, cell);
        }
        self.row(&[])
    }

    /// Forgets the last row.
    pub(super) fn begin(&mut self, segments: usize) {
        if self.columns.names.len() > NAMES_MAX {
            self.columns = Columns::new();
        }
        self.round += 1;
        self.cells.clear();
        self.kept.clear();
        (self.model, self.version, self.time, self.has_features) = (None, None, TimeRead::Missing, false);
        self.segment.clear();
        self.segment.resize(segments, None);
    }

    /// Fills a column; `None` where it was filled before.
    #[inline]
    pub(super) fn push(&mut self, number: u32, cell: Cell) -> Option<()> {
        if std::mem::replace(&mut self.columns.filled[number as usize], self.round) == self.round {
            return None;
        }
        self.cells.push((number, cell));
        Some(())
    }

    /// Fills a column that is a feature and not an output.
    #[inline]
    pub(super) fn push_feature(&mut self, number: u32, cell: Cell) -> Option<()> {
        self.has_features = true;
        self.push(number, cell)
    }

    /// The cell of a value whose texts do not stand in the record.
    pub(super) fn cell(&mut self, value: &Value<'_>) -> Cell {
        match value {
            Value::Missing => Cell::Missing,
            Value::Number(number) => Cell::Number(*number),
            Value::Bool(truth) => Cell::Bool(*truth),
            Value::Text(text) => Cell::Text(self.keep(text)),
            Value::Literal(text) => Cell::Literal(self.keep(text)),
            Value::Other => Cell::Other,
        }
    }

    /// Keeps a text that does not stand in the record as it is.
    pub(super) fn keep(&mut self, text: &str) -> Text {
        let start = self.kept.len() as u32;
        self.kept.push_str(text);
        Text(Place::Kept(start, self.kept.len() as u32))
    }

    /// Takes the value of a place for what the place is for.
    pub(super) fn fill(&mut self, slots: &[Slot], scalar: &Scalar<'_>) {
        let name = |row: &mut RowBuffer| scalar.clone().into_name().map(|name| row.keep(&name));
        for slot in slots {
            match slot {
                Slot::Id => {}
                Slot::Time => self.time = scalar.time(),
                Slot::Model => self.model = name(self),
                Slot::Version => self.version = name(self),
                Slot::Segment(at) => self.segment[*at] = name(self),
            }
        }
    }

    /// The same for a text that stands in the record, from the byte `start` on; it is UTF-8.
    pub(super) fn fill_text(&mut self, slots: &[Slot], text: &[u8], start: usize) {
        let written = Some(Text::written(start, start + text.len()));
        for slot in slots {
            match slot {
                Slot::Id => {}
                Slot::Time => self.time = time_of_text(text),
                Slot::Model => self.model = written,
                Slot::Version => self.version = written,
                Slot::Segment(at) => self.segment[*at] = written,
            }
        }
    }

    /// Ends a row by the rules of [`draft`]; `None` where they make the record bad.
    pub(super) fn finish(&mut self, envelope: &Envelope, record_time: Option<Time>) -> Option<()> {
        let fields = &envelope.fields;
        if let NameFrom::Constant(name) = &fields.model {
            self.model = Some(self.keep(name));
        }
        if let NameFrom::Constant(name) = &fields.version {
            self.version = Some(self.keep(name));
        }
        self.event_time = match (&fields.time, self.time) {
            (TimeFrom::Record, _) => record_time?,
            (TimeFrom::Pointer(_), TimeRead::At(time)) => time,
            (TimeFrom::Pointer(_), TimeRead::Missing | TimeRead::Unreadable) => return None,
        };
        let names = [&self.model, &self.version].into_iter().chain(&self.segment);
        let is_short = names.flatten().all(|name| name.length() <= draft::NAME_BYTES);
        let has_model = self.model.is_some_and(|model| model.length() > 0);
        (has_model && self.has_features && is_short).then_some(())
    }

    /// The row as it was filled, of `record`.
    pub(super) fn row<'r>(&'r self, record: &'r [u8]) -> Row<'r> {
        Row { buffer: self, record }
    }
}

impl<'r> Row<'r> {
    /// The model; never empty.
    pub fn model(&self) -> &'r str {
        self.name(self.buffer.model)
    }

    /// The model's version, `""` where the event names none.
    pub fn version(&self) -> &'r str {
        self.name(self.buffer.version)
    }

    /// The value of the configured segment pointer of this number; `""` where it is missing.
    pub fn segment(&self, at: usize) -> &'r str {
        self.name(self.buffer.segment.get(at).copied().flatten())
    }

    /// Whether it is of this model and version, and has these values of segment pointers.
    pub fn is_of<'n>(
        &self,
        model: &str,
        version: &str,
        mut segment: impl Iterator<Item = (usize, &'n str)>,
    ) -> bool {
        let is =
            |text: Option<Text>, name: &str| text.map_or(&[][..], |text| self.bytes(text)) == name.as_bytes();
        is(self.buffer.model, model)
            && is(self.buffer.version, version)
            && segment.all(|(at, value)| is(self.buffer.segment.get(at).copied().flatten(), value))
    }

    /// Event time.
    pub fn time(&self) -> Time {
        self.buffer.event_time
    }

    /// The names of all columns.
    pub fn columns(&self) -> &'r Columns {
        &self.buffer.columns
    }

    /// The event's columns by number, with their values.
    pub fn cells(&self) -> &'r [(u32, Cell)] {
        &self.buffer.cells
    }

    /// The value of a cell.
    pub fn value(&self, cell: Cell) -> Value<'r> {
        match cell {
            Cell::Missing => Value::Missing,
            Cell::Number(number) => Value::Number(number),
            Cell::Bool(truth) => Value::Bool(truth),
            Cell::Text(text) => Value::Text(Cow::Borrowed(self.name(Some(text)))),
            Cell::Literal(text) => Value::Literal(Cow::Borrowed(self.name(Some(text)))),
            Cell::Other => Value::Other,
        }
    }

    /// The bytes of a text, which are UTF-8.
    #[inline]
    pub fn bytes(&self, text: Text) -> &'r [u8] {
        match text.0 {
            Place::Kept(start, end) => &self.buffer.kept.as_bytes()[start as usize..end as usize],
            Place::Written(start, end) => &self.record[start as usize..end as usize],
        }
    }

    fn name(&self, text: Option<Text>) -> &'r str {
        let bytes = text.map_or(&[][..], |text| self.bytes(text));
        std::str::from_utf8(bytes).expect("a text of a record was checked when it was read")
    }
}
