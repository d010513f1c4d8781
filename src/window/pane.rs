//! What one pane of a model key holds.

use crate::sketch::{Census, FeatureSketch, Unseen};
use crate::words::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An input partition: topic and number.
pub type Source = (Name, i32);

/// Names of features that no reference knows, kept per pane.
const UNKNOWN_FEATURES_KEPT: usize = 20;

/// Columns whose values are gathered, at most.
const GATHERED_COLUMNS: usize = 10_000;

/// Rows of the stream, by what became of them. Adds and subtracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Flow {
    /// Rows that are in the pane.
    pub events: u64,
    /// Rows that came after their own partition's watermark had passed their pane.
    pub late: u64,
    /// Rows of a partition that woke after its pane was closed without it.
    pub idle_late: u64,
    /// Rows that were counted by another reference than the pane's.
    pub conflict: u64,
    /// Rows that the input lost before they could be read.
    pub lost: u64,
}

impl Flow {
    /// Adds `other`.
    pub fn add(&mut self, other: &Flow) {
        self.events += other.events;
        self.late += other.late;
        self.idle_late += other.idle_late;
        self.conflict += other.conflict;
        self.lost += other.lost;
    }

    /// Takes `other` out again.
    pub fn subtract(&mut self, other: &Flow) {
        self.events -= other.events;
        self.late -= other.late;
        self.idle_late -= other.idle_late;
        self.conflict -= other.conflict;
        self.lost -= other.lost;
    }

    /// The same rows, of which none is in the pane: those that were are in conflict with it.
    #[must_use]
    pub fn turned_away(self) -> Flow {
        Flow { events: 0, conflict: self.conflict + self.events, ..self }
    }

    /// Share of the rows that are in the pane (0 to 1); 1 when there are none at all.
    pub fn completeness(&self) -> f64 {
        let all = self.events + self.late + self.idle_late + self.conflict + self.lost;
        if all == 0 { 1.0 } else { self.events as f64 / all as f64 }
    }
}

/// Offsets of an input partition, half-open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetRange {
    /// The first offset.
    pub first: i64,
    /// The offset after the last.
    pub next: i64,
}

impl OffsetRange {
    /// The range of one record.
    pub fn of(offset: i64) -> Self {
        OffsetRange { first: offset, next: offset + 1 }
    }

    /// Widens this range to hold `other` too.
    pub fn widen(&mut self, other: OffsetRange) {
        self.first = self.first.min(other.first);
        self.next = self.next.max(other.next);
    }

    /// Widens the range of `source` in `ranges`, or puts it there.
    pub fn widen_in(ranges: &mut BTreeMap<Source, OffsetRange>, source: &Source, range: OffsetRange) {
        match ranges.get_mut(source) {
            Some(known) => known.widen(range),
            None => {
                ranges.insert(source.clone(), range);
            }
        }
    }
}

/// Counts of one look by coarse cell, in the order of the reference's features.
pub type LookTally = Vec<Vec<u64>>;

/// Rows of one pane of a model key, summarized. Merges in any order.
#[derive(Debug, Clone, PartialEq)]
pub struct PaneData {
    /// What became of the rows.
    pub flow: Flow,
    /// Where the rows that are in the pane stand in the input.
    pub offsets: BTreeMap<Source, OffsetRange>,
    /// Sketches in the order of the reference's features; empty without a reference.
    pub features: Vec<FeatureSketch>,
    /// Values by column, where rows are gathered for a reference to come; the first by name.
    pub census: BTreeMap<Name, Census>,
    /// Columns that the reference does not have, with their rows.
    pub unknown: Unseen,
    /// By number, the looks that the sequential test has yet to take.
    pub looks: BTreeMap<i64, LookTally>,
}

impl Default for PaneData {
    fn default() -> Self {
        PaneData {
            flow: Flow::default(),
            offsets: BTreeMap::new(),
            features: Vec::new(),
            census: BTreeMap::new(),
            unknown: Unseen::with_cap(UNKNOWN_FEATURES_KEPT),
            looks: BTreeMap::new(),
        }
    }
}

/// Adds counts by feature and cell; what one side does not have counts as nothing.
fn add_counts(mine: &mut LookTally, theirs: &LookTally) {
    mine.resize(mine.len().max(theirs.len()), Vec::new());
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        mine.resize(mine.len().max(theirs.len()), 0);
        mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine += theirs);
    }
}

impl PaneData {
    /// Merges `other`, counted by the same reference, into this.
    pub fn merge(&mut self, other: &PaneData) {
        self.flow.add(&other.flow);
        for (source, range) in &other.offsets {
            OffsetRange::widen_in(&mut self.offsets, source, *range);
        }
        self.unknown.merge(&other.unknown);
        for (name, census) in &other.census {
            self.census.entry(name.clone()).or_default().merge(census);
        }
        // One that is kept was never let go in any part, so its counts are exact.
        while self.census.len() > GATHERED_COLUMNS {
            self.census.pop_last();
        }
        for (look, counts) in &other.looks {
            add_counts(self.looks.entry(*look).or_default(), counts);
        }
        if self.features.is_empty() {
            self.features.clone_from(&other.features);
        } else if !other.features.is_empty() {
            assert_eq!(self.features.len(), other.features.len(), "panes of two references were mixed");
            self.features.iter_mut().zip(&other.features).for_each(|(mine, theirs)| mine.merge(theirs));
        }
    }

    /// Whether no row is in the pane and none was turned away from it.
    pub fn is_empty(&self) -> bool {
        self.flow == Flow::default()
    }
}
