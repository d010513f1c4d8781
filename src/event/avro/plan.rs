//! Avro to a row by plan: what becomes of each field is worked out once for a writer's schema.
//!
//! A plan reads what the walk reads, without names. What it has no step for, and what is wrong in any
//! way, it refuses: the walk then reads the record, and knows the message.

use super::WriterSchema;
use super::input::Input;
use super::schema::Shape;
use crate::event::draft::PREDICTION;
use crate::event::envelope::{Envelope, Members};
use crate::event::member::Then;
use crate::event::row::{Cell, Columns, RowBuffer, Text};
use crate::event::scalar::Scalar;
use crate::words::{Name, Time};
use std::collections::HashMap;

/// Names of a map that are remembered.
const NAMES_MAX: usize = 4096;

/// How the records of one writer's schema are read.
pub(super) struct Plan {
    numbering: u64,
    root: Node,
    /// Names met in maps, by place.
    names: Vec<Names>,
}

/// What becomes of the values of maps, by name and in the order in which the names were met: maps
/// of a stream are alike, too.
#[derive(Default)]
struct Names {
    met: Vec<(Name, Then)>,
    numbers: HashMap<Name, usize>,
}

/// What is done with a value.
enum Node {
    /// Its fields, one after the other.
    Record(Vec<Step>),
    /// A map's values, of this shape, by their names at this place.
    Map(usize, usize),
    /// By the branch that was written.
    Union(Vec<Node>),
    /// One output at this place, of this shape and column.
    Output(usize, usize, u32),
    /// A value of this shape, in which nothing is wanted.
    Skip(usize),
    /// The walk reads it.
    Refused,
}

/// What is done with a field of a record.
enum Step {
    /// A column of usual values, which may be null by branches in this order.
    Column { column: u32, usual: Usual, is_null: Option<[bool; 2]> },
    /// Something inside it is wanted.
    Inside(Node),
    /// A value of this shape.
    Value(Then, usize),
}

/// Values that most columns have.
#[derive(Clone, Copy)]
enum Usual {
    Double,
    Integer,
    Text,
}

impl Plan {
    /// A plan for `schema`.
    pub(super) fn new(schema: &WriterSchema, envelope: &Envelope, columns: &mut Columns) -> Plan {
        let root = Planner { schema, envelope, columns }.node(schema.root, 0);
        let names = envelope.places.iter().map(|_| Names::default()).collect();
        Plan { numbering: columns.numbering(), root, names }
    }

    /// The numbering of columns that the plan goes by.
    pub(super) fn numbering(&self) -> u64 {
        self.numbering
    }

    /// Reads the event that stands in `payload` from `start` to its end into `row`.
    pub(super) fn read(
        &mut self,
        payload: &[u8],
        start: usize,
        schema: &WriterSchema,
        envelope: &Envelope,
        record_time: Option<Time>,
        row: &mut RowBuffer,
    ) -> Option<()> {
        let input = Input { bytes: payload, at: start, schema };
        let mut reading = Reading { input, envelope, row, names: &mut self.names };
        reading.node(&self.root, 0)?;
        (reading.input.at == payload.len()).then_some(())?;
        row.finish(envelope, record_time)
    }
}

struct Planner<'a> {
    schema: &'a WriterSchema,
    envelope: &'a Envelope,
    columns: &'a mut Columns,
}

impl Planner<'_> {
    /// What is done with a value of `shape` at `place`, which is no leaf.
    fn node(&mut self, shape: usize, place: usize) -> Node {
        let is_prediction = self.envelope.places[place].members == Members::Prediction;
        let schema = self.schema;
        match &schema.shapes[shape] {
            Shape::Record { fields, .. } => {
                Node::Record(fields.iter().map(|(name, shape)| self.step(name, *shape, place)).collect())
            }
            Shape::Map(values) => Node::Map(place, *values),
            Shape::Union(branches) => {
                Node::Union(branches.iter().map(|branch| self.node(*branch, place)).collect())
            }
            Shape::Array(_) => Node::Refused,
            _ if is_prediction => Node::Output(place, shape, self.columns.number(PREDICTION)),
            _ => Node::Skip(shape),
        }
    }

    fn step(&mut self, name: &str, shape: usize, place: usize) -> Step {
        match (Then::of(self.envelope, place, name, self.columns), self.usual(shape)) {
            (Then::Enter(place) | Then::Prediction(place, _), _) => Step::Inside(self.node(shape, place)),
            (Then::Feature(column, None), Some((usual, is_null))) => Step::Column { column, usual, is_null },
            (then, _) => Step::Value(then, shape),
        }
    }

    /// Whether values of `shape` are usual ones, and which branch of two is null.
    fn usual(&self, shape: usize) -> Option<(Usual, Option<[bool; 2]>)> {
        let plain = |shape: usize| match &self.schema.shapes[shape] {
            Shape::Double => Some(Usual::Double),
            Shape::Integer => Some(Usual::Integer),
            Shape::Text => Some(Usual::Text),
            _ => None,
        };
        let is_null = |shape: usize| matches!(self.schema.shapes[shape], Shape::Null);
        match &self.schema.shapes[shape] {
            Shape::Union(branches) => match branches[..] {
                [null, other] if is_null(null) => Some((plain(other)?, Some([true, false]))),
                [other, null] if is_null(null) => Some((plain(other)?, Some([false, true]))),
                _ => None,
            },
            _ => Some((plain(shape)?, None)),
        }
    }
}

/// One event while it is read.
struct Reading<'a> {
    input: Input<'a>,
    envelope: &'a Envelope,
    row: &'a mut RowBuffer,
    names: &'a mut [Names],
}

impl<'a> Reading<'a> {
    fn node(&mut self, node: &Node, depth: usize) -> Option<()> {
        match node {
            Node::Record(steps) => steps.iter().try_for_each(|step| match step {
                Step::Column { column, usual, is_null } => {
                    let is_null = match is_null {
                        Some(branches) => *branches.get(usize::try_from(self.long()?).ok()?)?,
                        None => false,
                    };
                    let cell = if is_null { Cell::Missing } else { self.usual(*usual)? };
                    self.row.push_feature(*column, cell)
                }
                Step::Inside(inside) => self.node(inside, depth + 1),
                Step::Value(then, shape) => self.take(*then, *shape, depth + 1),
            }),
            Node::Map(place, values) => self.map(*place, *values, depth),
            Node::Union(nodes) => {
                let branch = self.long()?;
                self.node(nodes.get(usize::try_from(branch).ok()?)?, depth + 1)
            }
            Node::Output(place, shape, column) => {
                let start = self.input.at;
                let cell = self.cell(*shape, depth)?;
                self.row.push(*column, cell)?;
                self.fill_from(start, *place, *shape, depth)
            }
            Node::Skip(shape) => self.input.skip(*shape, depth).ok(),
            Node::Refused => None,
        }
    }

    fn map(&mut self, place: usize, values: usize, depth: usize) -> Option<()> {
        let mut expected = 0;
        loop {
            let count = self.long()?;
            if count == 0 {
                return Some(());
            }
            if count < 0 {
                self.input.long().ok()?; // the block's length in bytes
            }
            for _ in 0..count.unsigned_abs() {
                let name = self.input.text().ok()?;
                let then = self.named(place, name, &mut expected);
                self.take(then, values, depth + 1)?;
            }
        }
    }

    /// What becomes of the value of a map that is called `name` and probably is the one `expected`.
    fn named(&mut self, place: usize, name: &str, expected: &mut usize) -> Then {
        let Names { met, numbers } = &mut self.names[place];
        let at = match met.get(*expected) {
            Some((known, _)) if **known == *name => Some(*expected),
            _ => numbers.get(name).copied(),
        };
        if let Some(at) = at {
            *expected = at + 1;
            return met[at].1;
        }
        let then = Then::of(self.envelope, place, name, &mut self.row.columns);
        if met.len() < NAMES_MAX {
            *expected = met.len() + 1;
            numbers.insert(name.into(), met.len());
            met.push((name.into(), then));
        }
        then
    }

    #[inline(always)]
    fn usual(&mut self, usual: Usual) -> Option<Cell> {
        match usual {
            Usual::Double => {
                let bytes = self.input.bytes.get(self.input.at..)?.first_chunk()?;
                self.input.at += bytes.len();
                Some(Cell::Number(f64::from_le_bytes(*bytes)))
            }
            Usual::Integer => Some(Cell::Number(self.long()? as f64)),
            Usual::Text => {
                let length = self.text()?.len();
                Some(Cell::Text(Text::written(self.input.at - length, self.input.at)))
            }
        }
    }

    /// As [`Input::text`], and quickly where it is ASCII.
    #[inline(always)]
    fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.long()?).ok()?;
        let text = self.input.bytes[self.input.at..].get(..length)?;
        self.input.at += length;
        (text.is_ascii() || std::str::from_utf8(text).is_ok()).then_some(text)
    }

    /// As [`Input::long`], and quickly where it is one byte.
    #[inline(always)]
    fn long(&mut self) -> Option<i64> {
        match self.input.bytes.get(self.input.at) {
            Some(byte) if *byte < 0x80 => {
                self.input.at += 1;
                Some(i64::from(byte >> 1) ^ -i64::from(byte & 1))
            }
            _ => self.input.long().ok(),
        }
    }

    /// Takes a value of `shape`.
    fn take(&mut self, then: Then, shape: usize, depth: usize) -> Option<()> {
        let start = self.input.at;
        match then {
            Then::Skip => self.input.skip(shape, depth).ok(),
            Then::Fill(place) => self.fill_from(start, place, shape, depth),
            Then::Feature(column, place) => {
                let cell = self.cell(shape, depth)?;
                if !matches!(cell, Cell::Other) || !self.envelope.is_flat() {
                    self.row.push_feature(column, cell)?;
                }
                place.map_or(Some(()), |place| self.fill_from(start, place, shape, depth))
            }
            Then::Output(column) => {
                let cell = self.cell(shape, depth)?;
                self.row.push(column, cell)
            }
            Then::Enter(_) | Then::Prediction(..) => None,
        }
    }

    /// Reads the value that starts at `start` for what `place` is for.
    fn fill_from(&mut self, start: usize, place: usize, shape: usize, depth: usize) -> Option<()> {
        self.input.at = start;
        let (shape, depth) = self.written(shape, depth)?;
        let slots = &self.envelope.places[place].slots;
        match self.input.schema.shapes[shape] {
            Shape::Text => {
                let text = self.text()?;
                self.row.fill_text(slots, text, self.input.at - text.len());
            }
            Shape::Instant { units } => {
                let time = Time::from_ms(self.long()?.div_euclid(units));
                self.row.fill(slots, &Scalar::Instant(time));
            }
            _ => self.row.fill(slots, &self.input.scalar(shape, depth).ok()?),
        }
        Some(())
    }

    /// The shape of what was written, which is a union's branch or the shape itself, and its depth.
    #[inline]
    fn written(&mut self, shape: usize, depth: usize) -> Option<(usize, usize)> {
        match &self.input.schema.shapes[shape] {
            Shape::Union(branches) => Some((self.input.branch(branches).ok()?, depth + 1)),
            _ => Some((shape, depth)),
        }
    }

    /// The value of `shape` as a column has it.
    #[inline]
    fn cell(&mut self, shape: usize, depth: usize) -> Option<Cell> {
        let (shape, depth) = self.written(shape, depth)?;
        match &self.input.schema.shapes[shape] {
            Shape::Double => self.usual(Usual::Double),
            Shape::Integer => self.usual(Usual::Integer),
            Shape::Text => self.usual(Usual::Text),
            Shape::Null => Some(Cell::Missing),
            _ => {
                let value = self.input.scalar(shape, depth).ok()?.into_value();
                Some(self.row.cell(&value))
            }
        }
    }
}
