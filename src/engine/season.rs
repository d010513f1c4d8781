//! What the rows of a window are compared with, where the reference has a season: the mixture of its
//! own hours.

use super::model::SegmentState;
use crate::measure::{Comparison, Dependence, Standard, compare, p_certain};
use crate::reference::{Calibration, FeatureProfile, Profile, SeasonGroups, SeasonLevel};
use crate::sketch::{FeatureSketch, Tally};
use crate::words::Grid;
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// In which slots the rows of a window and of its suffixes lie, by how many panes they have; empty
/// where the reference has no season.
#[derive(Debug, Default)]
pub(super) struct Slots(BTreeMap<u32, BTreeMap<u16, f64>>);

impl Slots {
    /// Those of the window of `state`, counted by `profile`, where it reaches back over `panes` panes.
    pub fn of(state: &SegmentState, profile: &Profile, grid: Grid, panes: u32) -> Self {
        // Rows of a slot are the same for all features, and so is the clock.
        let Some(season) = profile.features().iter().find_map(|feature| feature.season.as_ref()) else {
            return Slots::default();
        };
        let (Some(clock), Some(last)) = (season.clock(), state.window.last()) else {
            return Slots::default();
        };
        let lengths: Vec<u32> = state.window.suffixes().chain([panes]).collect();
        let mut slots: BTreeMap<u32, BTreeMap<u16, f64>> = BTreeMap::new();
        for (pane, data) in state.window.panes().filter(|(_, data)| data.flow.events > 0) {
            let hours = clock.hours_between(grid.start(pane), grid.end(pane));
            for panes in lengths.iter().filter(|panes| pane.0 > last.0 - i64::from(**panes)) {
                season.split(&hours, data.flow.events, slots.entry(*panes).or_default());
            }
        }
        Slots(slots)
    }
}

/// A feature's side of the reference.
pub(super) struct Against<'a> {
    standard: &'a Standard<'a>,
    /// Groups of cells are made when they are first asked for: most features show no part of a window.
    season: Option<(OnceCell<SeasonGroups>, &'a Slots)>,
    grid: Grid,
    /// Panes in its reach since its epoch began.
    filled: u32,
}

/// What some rows were compared with.
#[derive(Debug, Clone)]
pub(super) struct Seasonal {
    /// The mixture of the reference's slots.
    pub profile: FeatureProfile,
    /// The rows, in the same groups of cells.
    pub sketch: FeatureSketch,
    /// The coarsest level that a slot needed.
    pub level: SeasonLevel,
}

impl<'a> Against<'a> {
    pub fn new(standard: &'a Standard<'a>, slots: &'a Slots, grid: Grid, filled: u32) -> Self {
        let has_season = standard.profile.season.is_some() && !slots.0.is_empty();
        let season = has_season.then(|| (OnceCell::new(), slots));
        Against { standard, season, grid, filled }
    }

    /// Compares the sketch of the last `panes` panes.
    pub fn compare(&self, sketch: &FeatureSketch, panes: u32) -> (Comparison, Option<Seasonal>) {
        let dependence = self.dependence(panes);
        let Some((profile, groups, level)) = self.of(panes) else {
            return (self.standard.compare(sketch, dependence), None);
        };
        let seasonal = Seasonal { sketch: groups.sketch(sketch), profile, level };
        (compare(&seasonal.profile, &seasonal.sketch, dependence), Some(seasonal))
    }

    /// The certain answers for the counts of the last `panes` panes.
    pub fn p_certain(&self, tally: &Tally, panes: u32) -> [Option<f64>; 3] {
        let dependence = self.dependence(panes);
        match self.of(panes) {
            Some((profile, groups, _)) => p_certain(&profile, &groups.tally(tally), dependence),
            None => self.standard.p_certain(tally, dependence),
        }
    }

    /// How rows of the last `panes` panes hang together, as far as the reference was calibrated for it;
    /// a window that is younger than it is long is taken for as long as it is old, and one that reaches
    /// back further than windows do as one that does not, unless its own length was calibrated.
    pub fn calibration(&self, panes: u32) -> Option<Calibration> {
        let about = |panes: u32| {
            let duration_ms = i64::from(panes.min(self.filled)) * self.grid.slide_ms();
            self.standard.profile.calibrated_about(duration_ms, self.grid.size_ms())
        };
        let of_window = self.grid.panes();
        let grown = about(panes).filter(|found| panes <= of_window || found.shape.is_some());
        grown.or_else(|| about(of_window))
    }

    fn dependence(&self, panes: u32) -> Dependence {
        Dependence::of(self.calibration(panes).as_ref())
    }

    fn of(&self, panes: u32) -> Option<(FeatureProfile, &SeasonGroups, SeasonLevel)> {
        let (groups, slots) = self.season.as_ref()?;
        let groups = groups.get_or_init(|| SeasonGroups::of(self.standard.profile));
        let (profile, level) = self.standard.profile.seasonal(groups, slots.0.get(&panes)?)?;
        Some((profile, groups, level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::measure::Figures;
    use crate::reference::{BuildOptions, ProfileBuilder};
    use crate::words::Name;

    const HOUR_MS: i64 = 3_600_000;

    fn calibrated(lengths: &[(i64, Option<f64>)]) -> FeatureProfile {
        let mut builder = ProfileBuilder::new(BuildOptions::default());
        (0..100).for_each(|i| builder.push([(&Name::from("x"), &Value::Number(f64::from(i)))]));
        let mut feature = builder.finish().unwrap().features()[0].clone();
        let of = |(panes, shape): &(i64, Option<f64>)| Calibration {
            duration_ms: panes * HOUR_MS,
            chunks: 30,
            shape: *shape,
            missing: None,
        };
        feature.calibration = lengths.iter().map(of).collect();
        feature
    }

    #[test]
    fn a_window_that_reaches_back_takes_the_dependence_of_its_length_or_else_of_a_window() {
        let grid = Grid::new(6 * HOUR_MS, HOUR_MS, HOUR_MS).unwrap().growing_to(48 * HOUR_MS).unwrap();
        let feature = calibrated(&[(1, Some(2.0)), (6, Some(4.0)), (12, Some(5.0)), (24, None)]);
        let (slots, figures) = (Slots::default(), Figures::of(&feature));
        let standard = Standard::new(&feature, &figures);
        let of = |panes, filled| Against::new(&standard, &slots, grid, filled).calibration(panes);
        let shape = |panes| of(panes, 48).unwrap().shape;
        assert_eq!([shape(1), shape(6), shape(12)], [Some(2.0), Some(4.0), Some(5.0)]);
        // Of twenty-four hours the reference has too few chunks to tell.
        assert_eq!([shape(9), shape(24), shape(30)], [Some(4.0), Some(4.0), Some(4.0)]);
        assert_eq!(of(6, 3).unwrap().shape, Some(4.0), "young: the larger of both sides");
        assert_eq!(of(6, 1).unwrap().shape, Some(2.0));
    }
}
