//! Counts of a feature by pane: what tells its season and how its rows hang together.

use super::build::{calibration, counted};
use super::calibration::{Calibration, PaneCounts, Pieces};
use super::{FeatureProfile, SeasonCounts};
use crate::sketch::Tally;
use crate::words::{Grid, Pane, SeasonClock};
use std::collections::{BTreeMap, BTreeSet};

/// Counts by pane, and by hour of a season.
#[derive(Debug)]
pub(super) struct ByPane<'c> {
    /// `None`: there is no season, or a pane that does not lie in one hour of it.
    clock: Option<(&'c SeasonClock, Grid)>,
    pieces: Pieces,
    hours: BTreeMap<u16, BTreeSet<i64>>,
}

impl<'c> ByPane<'c> {
    /// Nothing counted yet in `panes` of `grid`.
    pub fn new(
        clock: Option<&'c SeasonClock>,
        grid: Option<Grid>,
        mut panes: impl Iterator<Item = Pane>,
    ) -> Self {
        let clock = clock.zip(grid).filter(|(clock, grid)| {
            panes.all(|pane| clock.hours_between(grid.start(pane), grid.end(pane)).len() == 1)
        });
        ByPane { clock, pieces: Pieces::new(), hours: BTreeMap::new() }
    }

    /// Takes the counts of a pane, of a feature with so many cells.
    pub fn add(&mut self, pane: Pane, tally: Tally, cells: usize) {
        let hour = self.clock.map(|(clock, grid)| clock.hour_of(grid.start(pane)));
        if let Some(hour) = hour {
            self.hours.entry(hour.slot).or_default().insert(hour.number);
        }
        let (rows, bad) = (tally.rows(), tally.missing + tally.invalid);
        let mut counts = PaneCounts { cells: tally.cells, rows, bad };
        counts.cells.resize(cells, 0);
        self.pieces.insert((pane.0, hour.map_or(0, |hour| hour.slot)), counts);
    }

    /// What was counted in each slot of the season.
    pub fn season(&self, profile: &FeatureProfile) -> Option<SeasonCounts> {
        self.clock.map(|(clock, _)| counted(profile, clock, &self.pieces, &self.hours))
    }

    /// How much chunks differ.
    pub fn calibration(&self, profile: &FeatureProfile, grid: Grid) -> Vec<Calibration> {
        calibration(profile, &self.pieces, grid)
    }
}
