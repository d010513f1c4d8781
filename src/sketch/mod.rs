//! Mergeable summaries of one feature.
//!
//! Two of them, side by side. **Exact counts in cells fixed by the reference** ([`Basis`],
//! [`Tally`]) add and subtract; everything that decides rests on them. **[`Detail`]** (a t-digest,
//! moments, extremes, names of unseen categories) only merges, and informs.
//!
//! A [`FeatureSketch`] is both. Merging is commutative and associative, with the empty sketch as
//! zero: exactly for the tally, the extremes and the unseen categories, within the digest's error
//! for the rest. What a value counts as is decided here, in [`Accumulator`], and nowhere else.

mod accumulate;
mod basis;
mod batch;
mod by_cells;
mod census;
mod centroids;
mod counted;
mod digest;
mod label;
mod moments;
mod packed;
mod record;
mod recount;
mod search;
mod unseen;

pub use accumulate::Accumulator;
pub(crate) use accumulate::{category, number, sketch_numbers, truth};
pub(crate) use basis::hash_of;
pub use basis::{
    Basis, Categories, CategoryCell, MAX_CELLS, MAX_COUNTED_CATEGORIES, OrderedCells, category_name,
};
pub use census::{Census, CensusRecord, MOST_REFERENCE_CELLS, NumberCell, NumberCensus};
pub use centroids::Centroids;
pub use counted::Counted;
pub use digest::{Digest, quantile_of_sorted};
pub use moments::Moments;
pub use packed::{Packed, TallySum};
pub(crate) use record::sparse;
pub use record::{LookCounts, SketchRecord, UnseenCount};
pub use unseen::Unseen;

/// Exact counts, in the cells of a [`Basis`] and beside them. Adds and subtracts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Values that were null or not there.
    pub missing: u64,
    /// Values of the wrong type, or not finite.
    pub invalid: u64,
    /// Valid values of categories that the reference never saw; they are in no cell.
    pub unseen: u64,
    /// Valid values by cell, in the order of the basis. Empty means zero everywhere.
    pub cells: Vec<u64>,
}

impl Tally {
    /// Valid values: those in cells and the unseen ones.
    pub fn valid(&self) -> u64 {
        self.unseen + self.cells.iter().sum::<u64>()
    }

    /// All rows that were looked at.
    pub fn rows(&self) -> u64 {
        self.valid() + self.missing + self.invalid
    }

    /// Adds the counts of `other`, which must be of the same basis.
    pub fn add(&mut self, other: &Tally) {
        self.missing += other.missing;
        self.invalid += other.invalid;
        self.unseen += other.unseen;
        if self.cells.is_empty() {
            self.cells.clone_from(&other.cells);
        } else if !other.cells.is_empty() {
            assert_eq!(self.cells.len(), other.cells.len(), "tallies of two bases were mixed");
            self.cells.iter_mut().zip(&other.cells).for_each(|(mine, theirs)| *mine += theirs);
        }
    }

    /// Sets all counts to zero.
    pub(crate) fn clear(&mut self) {
        let mut cells = std::mem::take(&mut self.cells);
        cells.clear();
        *self = Tally { cells, ..Tally::default() };
    }

    /// Takes the counts of `other` out again, which must have been added before.
    pub fn subtract(&mut self, other: &Tally) {
        self.missing -= other.missing;
        self.invalid -= other.invalid;
        self.unseen -= other.unseen;
        if !other.cells.is_empty() {
            assert_eq!(self.cells.len(), other.cells.len(), "tallies of two bases were mixed");
            self.cells.iter_mut().zip(&other.cells).for_each(|(mine, theirs)| *mine -= theirs);
        }
    }
}

/// What only merges: it says more than the counts do, and decides nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Detail {
    /// Quantiles of the valid numbers; empty for categories.
    pub digest: Digest,
    /// Mean and spread of the valid numbers.
    pub moments: Moments,
    /// Names and counts of unseen categories.
    pub unseen: Unseen,
}

impl Detail {
    /// Merges `other` into this.
    pub fn merge(&mut self, other: &Detail) {
        self.digest.merge(&other.digest);
        self.merge_rest(other);
    }

    /// Merges `other` into this with nearly all that both digests tell, for what is asked and not kept.
    pub fn gather(&mut self, other: &Detail) {
        self.digest.gather(&other.digest);
        self.merge_rest(other);
    }

    fn merge_rest(&mut self, other: &Detail) {
        self.moments.merge(&other.moments);
        self.unseen.merge(&other.unseen);
    }
}

/// The summary of one feature over some rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FeatureSketch {
    /// Exact counts.
    pub tally: Tally,
    /// Digest, moments, extremes, unseen names.
    pub detail: Detail,
}

impl FeatureSketch {
    /// Merges `other`, of the same basis, into this.
    pub fn merge(&mut self, other: &FeatureSketch) {
        self.tally.add(&other.tally);
        self.detail.merge(&other.detail);
    }
}
