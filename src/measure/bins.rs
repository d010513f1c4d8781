//! The bins that psi, jensen_shannon and hellinger share, fixed by the reference.
//!
//! Continuous: the reference's deciles. Discrete: its values and the gaps between them. Categories:
//! each counted one, the reference's `other`, each unseen one that is kept by name, and the rest of
//! the unseen. All are counts; nothing here is estimated.

use crate::reference::FeatureProfile;
use crate::sketch::{Basis, FeatureSketch};
use crate::words::{Kind, Name};
use std::ops::Range;

/// Both sides in bins; neither is empty.
pub struct Bins<'a> {
    pub(super) basis: &'a Basis,
    /// In order.
    pub(super) bins: Vec<Bin<'a>>,
    /// Valid rows of the reference.
    pub(super) reference_rows: f64,
    /// Valid rows of the window.
    pub(super) rows: f64,
}

impl<'a> Bins<'a> {
    /// The bins of `window` against `reference`; `None` where one has no valid row.
    pub fn of(reference: &'a FeatureProfile, window: &'a FeatureSketch) -> Option<Bins<'a>> {
        // Each valid row is in a bin.
        let (basis, bins) = (&*reference.basis, bins(reference, window));
        let rows = |of: fn(&Bin<'_>) -> u64| bins.iter().map(of).sum::<u64>();
        let (m, n) = (rows(|bin| bin.reference), rows(|bin| bin.current));
        let both = Bins { basis, bins, reference_rows: m as f64, rows: n as f64 };
        (m > 0 && n > 0).then_some(both)
    }

    /// Shares of the reference's and the window's rows in `bin`.
    pub(super) fn shares(&self, bin: &Bin<'_>) -> (f64, f64) {
        (bin.reference as f64 / self.reference_rows, bin.current as f64 / self.rows)
    }

    /// The sum of a function of the two shares over all bins.
    pub(super) fn sum(&self, of: impl Fn(f64, f64) -> f64) -> f64 {
        self.bins.iter().map(|bin| self.shares(bin)).map(|(p, q)| of(p, q)).sum()
    }

    /// What Σ (q-p)²/p is on average where nothing changed: `(B-1)(1/n + 1/m)` over B bins with a row
    /// on either side. Near equality psi is this sum, and the squares of the distances an eighth of
    /// it.
    pub(super) fn by_chance(&self) -> f64 {
        let filled = self.bins.iter().filter(|bin| bin.reference + bin.current > 0).count();
        filled.saturating_sub(1) as f64 * (1.0 / self.rows + 1.0 / self.reference_rows)
    }
}

/// A bin with its counts.
pub(super) struct Bin<'a> {
    /// Which values.
    pub what: What<'a>,
    /// Rows of the reference.
    pub reference: u64,
    /// Rows of the window.
    pub current: u64,
}

/// Which values a bin holds.
pub(super) enum What<'a> {
    /// Those of these cells.
    Cells(Range<usize>),
    /// This category.
    Category(&'a Name),
    /// The reference's uncounted categories.
    Other,
    /// Unseen categories that are not kept by name.
    OtherUnseen,
}

/// All bins in order, with their counts.
fn bins<'a>(reference: &'a FeatureProfile, window: &'a FeatureSketch) -> Vec<Bin<'a>> {
    let ordered = |cells: Range<usize>| Bin {
        reference: count(&reference.sketch, cells.clone()),
        current: count(window, cells.clone()),
        what: What::Cells(cells),
    };
    match &*reference.basis {
        Basis::Ordered(cells) if reference.kind == Kind::Discrete => {
            (0..cells.len()).map(|cell| ordered(cell..cell + 1)).collect()
        }
        Basis::Ordered(cells) => {
            let mut bins = Vec::with_capacity(cells.bin_ends().len() + 1);
            bins.extend(cells.bins().map(ordered));
            bins
        }
        Basis::Categories(categories) => {
            let named = |what, cell: usize| Bin {
                what,
                reference: count(&reference.sketch, cell..cell + 1),
                current: count(window, cell..cell + 1),
            };
            let unseen = |what, rows| Bin { what, reference: 0, current: rows };
            let kept: Vec<_> = window.detail.unseen.iter().collect();
            let rest = window.tally.unseen.saturating_sub(kept.iter().map(|(_, rows)| rows).sum());
            let counted = categories.names().iter().enumerate();
            counted
                .map(|(cell, name)| named(What::Category(name), cell))
                .chain([named(What::Other, categories.names().len())])
                .chain(kept.into_iter().map(|(name, rows)| unseen(What::Category(name), rows)))
                .chain([unseen(What::OtherUnseen, rest)])
                .collect()
        }
    }
}

/// Valid rows in `cells`; a sketch without cells has counted nothing.
fn count(sketch: &FeatureSketch, cells: Range<usize>) -> u64 {
    sketch.tally.cells.get(cells).unwrap_or_default().iter().sum()
}

impl What<'_> {
    /// What a person calls it.
    pub fn label(&self, basis: &Basis) -> String {
        match (self, basis) {
            (What::Cells(range), Basis::Ordered(cells)) => cells.label(range),
            (What::Category(name), _) => name.to_string(),
            (What::OtherUnseen, _) => "other unseen".into(),
            (What::Other | What::Cells(_), _) => "other".into(),
        }
    }
}
