//! Counts of the last panes of a window as sums that run with it.

use super::Flow;
use super::closed::ClosedPane;
use crate::sketch::{Packed, Tally};
use crate::words::Pane;
use std::collections::VecDeque;

/// The counts of the last panes of a window.
#[derive(Debug, Clone)]
pub struct RunningSum {
    length: i64,
    flow: Flow,
    tallies: Packed<Tally>,
}

impl RunningSum {
    pub(super) fn new(panes: u32) -> Self {
        RunningSum { length: i64::from(panes.max(1)), flow: Flow::default(), tallies: Packed::default() }
    }

    /// How many panes it reaches back.
    pub fn panes(&self) -> u32 {
        self.length as u32
    }

    /// Rows in them.
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Counts of each feature, in the reference's order; empty while no row was counted by one.
    pub fn tallies(&self) -> &Packed<Tally> {
        &self.tallies
    }

    /// Slides from a window's end with `last` to one with `now`: takes in the pane that entered, and lets
    /// go of those of `panes` that lie before it now.
    pub(super) fn slide(
        &mut self,
        panes: &VecDeque<(Pane, ClosedPane)>,
        last: Pane,
        now: Pane,
        entered: Option<&ClosedPane>,
    ) {
        let (from, to) = (last.0 - self.length, now.0 - self.length);
        let is_left = |pane: &Pane| from < pane.0 && pane.0 <= to;
        let left: Vec<&ClosedPane> =
            panes.iter().filter(|(pane, _)| is_left(pane)).map(|(_, closed)| closed).collect();
        if left.is_empty() && entered.is_none() {
            return;
        }
        entered.iter().for_each(|pane| self.flow.add(&pane.flow));
        left.iter().for_each(|pane| self.flow.subtract(&pane.flow));
        let features = entered.map_or(0, |pane| pane.tallies.len()).max(self.tallies.len());
        self.tallies = Packed::filled(features, |at, sum| {
            self.tallies.add_to(at, sum);
            entered.iter().for_each(|pane| pane.tallies.add_to(at, sum));
            left.iter().for_each(|pane| pane.tallies.subtract_from(at, sum));
        });
    }
}
