//! A pane that is closed, as a window keeps it.

use super::{Flow, PaneData};
use crate::sketch::{Census, Detail, FeatureSketch, Packed, Tally, Unseen};
use crate::words::Name;
use std::collections::BTreeMap;

/// What is left of a pane's rows: all that counts, and what informs in short.
#[derive(Debug, Clone)]
pub struct ClosedPane {
    /// What became of the rows.
    pub flow: Flow,
    /// Values by column, where rows are gathered for a reference to come.
    pub census: BTreeMap<Name, Census>,
    /// Columns that the reference does not have, with their rows.
    pub(super) unknown: Unseen,
    /// Counts in the order of the reference's features; empty without a reference.
    pub(super) tallies: Packed<Tally>,
    /// Names of unseen categories likewise, of this pane alone.
    unseen: Packed<Unseen>,
    /// Details likewise: of this pane, and once its block is full, from it to the block's end.
    pub(super) details: Packed<Detail>,
}

impl ClosedPane {
    /// What is kept of `data`, with so many centroids of each digest.
    pub(super) fn of(data: &PaneData, centroids: usize) -> Self {
        let PaneData { flow, census, unknown, features, .. } = data;
        ClosedPane {
            flow: *flow,
            census: census.clone(),
            unknown: unknown.clone(),
            tallies: Packed::filled(features.len(), |at, tally| tally.add(&features[at].tally)),
            unseen: Packed::names(features.len(), |at| &features[at].detail.unseen),
            details: Packed::of(features.len(), centroids, |at| &features[at].detail),
        }
    }

    /// Counts of each feature, in the reference's order; empty without one.
    pub fn tallies(&self) -> &Packed<Tally> {
        &self.tallies
    }

    /// What was counted of each feature in this pane: tallies, and the names of unseen categories.
    pub fn counted(&self) -> Vec<FeatureSketch> {
        let of = |at| {
            let mut tally = Tally::default();
            self.tallies.add_to(at, &mut tally);
            FeatureSketch { tally, detail: Detail { unseen: self.unseen.get(at), ..Detail::default() } }
        };
        (0..self.tallies.len()).map(of).collect()
    }
}
