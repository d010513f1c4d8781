//! JSON to a row by habit: events of a stream are alike, so each member is looked for where it was.
//!
//! The text between two values, such as `, "amount": `, is compared as a whole with what stood there
//! before. Equal text means the same as then, so that only values are read anew. Other text is read
//! token by token and remembered. Whatever is out of the ordinary (a name twice, an array that a
//! pointer may lead into, anything that may not be JSON, an event that lacks something) is refused:
//! the strict reader then reads it, and knows the message. So what is taken here must be what the
//! strict reader takes, and nothing else is asked.

use super::follower::{Follower, Member};
use super::reading::Reading;
use super::text;
use super::token::{literal, spaces, string, value};
use crate::event::envelope::Envelope;
use crate::event::member::Then;
use crate::event::row::{Cell, RowBuffer};
use crate::words::{Name, Time};
use std::borrow::Cow;
use std::collections::HashMap;

/// Followers that a point remembers beside the usual one.
const OTHERS_MAX: usize = 3;
/// A full point learns a new follower only this often, so that what never repeats costs little.
const LEARNS_EVERY: u32 = 64;
/// Longest text between two values that is remembered.
const BETWEEN_MAX: usize = 1024;
/// Members after which all is forgotten and learned anew.
const MEMBERS_MAX: usize = 16_384;

/// The point before the first member of the event.
const START: usize = 0;

/// What was learned from earlier events.
#[derive(Debug)]
pub(in crate::event) struct Habit {
    /// The numbering of columns that the members refer to.
    numbering: u64,
    /// The place above each place of the envelope.
    parents: Vec<usize>,
    points: Vec<Point>,
    /// Members by the place of their object and by name.
    known: Vec<HashMap<Name, Member>>,
    /// The round in which each member was last met.
    met: Vec<u64>,
    round: u64,
}

/// A point between two values. What may follow depends on it alone.
#[derive(Debug)]
struct Point {
    /// The place of the innermost object that is open here.
    place: usize,
    /// Whether nothing stands in that object yet.
    is_first: bool,
    /// What came next last, and what came lately.
    usual: Option<Follower>,
    others: Vec<Follower>,
    misses: u32,
}

impl Habit {
    pub(in crate::event) fn new(envelope: &Envelope) -> Self {
        let mut parents = vec![0; envelope.places.len()];
        for (at, place) in envelope.places.iter().enumerate() {
            place.children.iter().for_each(|child| parents[child.place] = at);
        }
        let known = parents.iter().map(|_| HashMap::new()).collect();
        Habit { numbering: u64::MAX, parents, points: Vec::new(), known, met: Vec::new(), round: 0 }
    }

    /// Reads the event `payload` into `row`. `None` where that is for the strict reader to do.
    pub(in crate::event) fn read(
        &mut self,
        payload: &[u8],
        envelope: &Envelope,
        record_time: Option<Time>,
        row: &mut RowBuffer,
    ) -> Option<()> {
        row.begin(envelope.fields.segments.len());
        if self.met.len() > MEMBERS_MAX || self.numbering != row.columns.numbering() {
            let round = self.round;
            *self = Habit { numbering: row.columns.numbering(), round, ..Habit::new(envelope) };
            self.point(0, true);
        }
        self.round += 1;
        let mut reading = Reading { bytes: payload, envelope, row };
        let mut at = literal(payload, spaces(payload, 0), b"{")?;
        let mut point = START;
        loop {
            let (member, value_at) = match self.usual(point, payload, at) {
                Some(found) => found,
                None => self.unusual(point, at, &mut reading)?,
            };
            let Some(member) = member else { break };
            let value_at = spaces(payload, value_at);
            (point, at) = match member.then {
                Then::Feature(column, None) => {
                    let (cell, end) = reading.cell(value_at)?;
                    if !matches!(cell, Cell::Other) || !envelope.is_flat() {
                        reading.row.push_feature(column, cell)?;
                    }
                    (member.after, end)
                }
                _ => self.take(member, value_at, &mut reading)?,
            };
        }
        row.finish(envelope, record_time)
    }

    /// The member that follows `point`, and where its value begins, if the text at `at` is the one
    /// that stood there last. `None` as the member is the end.
    #[inline(always)]
    fn usual(&self, point: usize, bytes: &[u8], at: usize) -> Option<(Option<Member>, usize)> {
        let usual = self.points[point].usual.as_ref()?;
        Some((usual.member, usual.end(bytes, at)?))
    }

    /// The same for a text that stood there lately, or never.
    #[inline(never)]
    fn unusual(
        &mut self,
        point: usize,
        at: usize,
        reading: &mut Reading<'_>,
    ) -> Option<(Option<Member>, usize)> {
        let Point { usual: Some(usual), others, .. } = &mut self.points[point] else {
            return self.look(point, at, reading);
        };
        let lately = others.iter_mut().find_map(|other| Some((other.end(reading.bytes, at)?, other)));
        let Some((end, other)) = lately else { return self.look(point, at, reading) };
        std::mem::swap(usual, other);
        Some((usual.member, end))
    }

    /// The same, token by token.
    fn look(
        &mut self,
        point: usize,
        start: usize,
        reading: &mut Reading<'_>,
    ) -> Option<(Option<Member>, usize)> {
        let bytes = reading.bytes;
        let Point { mut place, mut is_first, .. } = self.points[point];
        let mut at = spaces(bytes, start);
        while bytes.get(at) == Some(&b'}') {
            at = spaces(bytes, at + 1);
            if place == 0 {
                self.learn(point, &bytes[start..at], None);
                return (at == bytes.len()).then_some((None, at));
            }
            (place, is_first) = (self.parents[place], false);
        }
        if !is_first {
            at = spaces(bytes, literal(bytes, at, b",")?);
        }
        let name_at = literal(bytes, at, b"\"")?;
        let (name_end, has_escapes) = string(bytes, name_at)?;
        let name = match has_escapes {
            true => text(reading.text(at, name_end + 1)?)?,
            false => Cow::Borrowed(reading.text(name_at, name_end)?),
        };
        at = literal(bytes, spaces(bytes, name_end + 1), b":")?;
        at = spaces(bytes, at);
        let member = self.member(place, &name, reading);
        self.learn(point, &bytes[start..at], Some(member));
        Some((Some(member), at))
    }

    /// Remembers what followed `point` after which text.
    fn learn(&mut self, point: usize, text: &[u8], member: Option<Member>) {
        let Point { usual, others, misses, .. } = &mut self.points[point];
        *misses = misses.wrapping_add(1);
        let is_full = others.len() == OTHERS_MAX;
        if text.len() > BETWEEN_MAX || (is_full && !misses.is_multiple_of(LEARNS_EVERY)) {
            return;
        }
        if let Some(before) = usual.replace(Follower::new(text, member)) {
            others.truncate(OTHERS_MAX - 1);
            others.insert(0, before);
        }
    }

    fn point(&mut self, place: usize, is_first: bool) -> usize {
        self.points.push(Point { place, is_first, usual: None, others: Vec::new(), misses: 0 });
        self.points.len() - 1
    }

    /// The member `name` of the object at `place`.
    fn member(&mut self, place: usize, name: &str, reading: &mut Reading<'_>) -> Member {
        if let Some(member) = self.known[place].get(name) {
            return *member;
        }
        let then = Then::of(reading.envelope, place, name, &mut reading.row.columns);
        let after = self.point(place, false);
        let inside = match then {
            Then::Enter(place) | Then::Prediction(place, _) => self.point(place, true),
            _ => after,
        };
        let member = Member { then, number: self.met.len(), after, inside };
        self.met.push(0);
        self.known[place].insert(name.into(), member);
        member
    }

    /// Takes the value of a member, which begins at `at`. The point after it, and where that is.
    fn take(&mut self, member: Member, at: usize, reading: &mut Reading<'_>) -> Option<(usize, usize)> {
        let Member { then, number, after, inside } = member;
        if std::mem::replace(&mut self.met[number], self.round) == self.round {
            return None;
        }
        let opens = || reading.bytes.get(at) == Some(&b'{');
        let slots = |place: usize| &reading.envelope.places[place].slots;
        let end = match then {
            Then::Skip => value(reading.bytes, at)?,
            Then::Fill(place) => reading.fill(place, at)?,
            Then::Enter(_) if opens() => return Some((inside, at + 1)),
            Then::Enter(_) => literal(reading.bytes, at, b"null")?,
            Then::Prediction(place, _) if opens() => {
                return slots(place).is_empty().then_some((inside, at + 1));
            }
            Then::Feature(column, place) => {
                let (cell, end) = reading.cell(at)?;
                place.map_or(Some(end), |place| reading.fill(place, at))?;
                if !matches!(cell, Cell::Other) || !reading.envelope.is_flat() {
                    reading.row.push_feature(column, cell)?;
                }
                end
            }
            Then::Prediction(place, column) => {
                let (cell, end) = reading.cell(at)?;
                if !slots(place).is_empty() {
                    reading.fill(place, at)?;
                }
                reading.row.push(column, cell)?;
                end
            }
            Then::Output(column) => {
                let (cell, end) = reading.cell(at)?;
                reading.row.push(column, cell)?;
                end
            }
        };
        Some((after, end))
    }
}
