//! A pane that is closed, as a window keeps it.

use super::{Flow, PaneData};
use crate::sketch::{Census, Detail, Packed, Tally, Unseen};
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
            details: Packed::of(features.len(), centroids, |at| &features[at].detail),
        }
    }
}
