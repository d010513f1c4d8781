//! Sketches of all features of a pane in one run of bytes, as panes that are closed are kept.
//!
//! Counts are varints, and nothing of them is lost. What only informs is kept shorter than it was:
//! see [`Packed::of`].

mod bytes;
mod detail;
mod tally;

use super::{Detail, Tally, Unseen};
use bytes::Reader;
use std::borrow::Borrow;
use std::marker::PhantomData;
use tally::Applied;
pub use tally::TallySum;

/// Tallies or details of features, by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed<T> {
    bytes: Box<[u8]>,
    /// Where each ends.
    ends: Box<[u32]>,
    holds: PhantomData<T>,
}

impl<T> Default for Packed<T> {
    fn default() -> Self {
        Packed { bytes: Box::default(), ends: Box::default(), holds: PhantomData }
    }
}

impl<T> Packed<T> {
    /// As many as `count`, each written by `write`, which is given its position.
    fn written(count: usize, mut write: impl FnMut(usize, &mut Vec<u8>)) -> Self {
        let mut bytes = Vec::new();
        let end = |at| {
            write(at, &mut bytes);
            if at == 0 {
                bytes.reserve(count * bytes.len());
            }
            u32::try_from(bytes.len()).expect("a pane is far smaller than 4 GB")
        };
        let ends = (0..count).map(end).collect();
        Packed { bytes: bytes.into(), ends, holds: PhantomData }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn read(&self, at: usize) -> Option<Reader<'_>> {
        let end = *self.ends.get(at)? as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        Some(Reader::new(&self.bytes[start..end]))
    }
}

impl Packed<Tally> {
    /// As many as `count`; `fill` is given each one's position and puts its counts into an empty tally.
    pub fn filled(count: usize, mut fill: impl FnMut(usize, &mut Tally)) -> Self {
        let mut tally = Tally::default();
        Packed::written(count, |at, bytes| {
            tally.clear();
            fill(at, &mut tally);
            tally::write(&tally, bytes);
        })
    }

    /// Adds the counts at this position to `sum`; nothing where there are none.
    pub fn add_to(&self, at: usize, sum: &mut Tally) {
        if let Some(reader) = self.read(at) {
            tally::read(reader, &mut Applied(sum, |mine: &mut u64, theirs| *mine += theirs));
        }
    }

    /// The same, where many are added to one sum.
    pub fn add_up(&self, at: usize, sum: &mut TallySum) {
        if let Some(reader) = self.read(at) {
            tally::read(reader, sum);
        }
    }

    /// Takes the counts at this position out of `sum` again, which they must be in.
    pub fn subtract_from(&self, at: usize, sum: &mut Tally) {
        if let Some(reader) = self.read(at) {
            tally::read(reader, &mut Applied(sum, |mine: &mut u64, theirs| *mine -= theirs));
        }
    }
}

impl Packed<Unseen> {
    /// The names of `count` features, given by their position.
    pub fn names<'a>(count: usize, unseen: impl Fn(usize) -> &'a Unseen) -> Self {
        Packed::written(count, |at, bytes| detail::write_unseen(unseen(at), bytes))
    }

    /// Those at this position; none where there are none.
    pub fn get(&self, at: usize) -> Unseen {
        self.read(at).map(|mut reader| detail::read_unseen(&mut reader)).unwrap_or_default()
    }
}

impl Packed<Detail> {
    /// As many as `count`, each given by its position. Digests keep `centroids` centroids at most (or
    /// half as many values); where a centroid lies is rounded to a 256th of its distance to the one before.
    /// Extremes, moments and names stay as they are.
    pub fn of<D: Borrow<Detail>>(count: usize, centroids: usize, detail: impl Fn(usize) -> D) -> Self {
        Packed::written(count, |at, bytes| detail::write(detail(at).borrow(), centroids, bytes))
    }

    /// The one at this position; an empty one where there is none.
    pub fn get(&self, at: usize) -> Detail {
        self.read(at).map(detail::read).unwrap_or_default()
    }
}
