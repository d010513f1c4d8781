//! The test tried on a reference's own rows, in their order: the second half against the first.
//!
//! Where it alarms there, rows are not like those of one law, as far as calibration knows: they hang
//! together, or drift already. It would alarm on such a stream for no other reason, so that it is off,
//! and the profile says why.

use super::{Pace, Plan, SequentialState, SequentialTest, worst_dependence};
use crate::reference::{BLOCK_ROWS, EarlySight, FeatureProfile};
use crate::sketch::Tally;
use std::sync::Arc;

/// The chance of an alarm in independent rows, at most.
const CHANCE: f64 = 0.01;

/// What comes of trying the test on the feature that `reference` was built of, whose rows come as the
/// tallies of `blocks` of [`BLOCK_ROWS`] each.
pub fn tried(reference: &FeatureProfile, blocks: &mut dyn Iterator<Item = Tally>) -> EarlySight {
    let rows = reference.sketch.tally.rows();
    let dependence = worst_dependence(reference);
    let mut first = Tally { cells: vec![0; reference.basis.cells()], ..Tally::default() };
    while first.rows() < rows / 2
        && let Some(block) = blocks.next()
    {
        first.add(&block);
    }
    let mut row = first.rows();
    let half = first_half(reference, first);
    let plan = Arc::new(Plan::new(&half, dependence));
    let looks = rows.saturating_sub(row) as f64 / BLOCK_ROWS as f64;
    let test = SequentialTest::new(plan.clone(), Pace::looks(looks / CHANCE));
    let mut state = SequentialState::default();
    for (look, block) in blocks.enumerate() {
        row += block.rows();
        if let Some(alarm) = test.step(&mut state, look as i64, &plan.cells().count(&block)) {
            let what = plan.describe(alarm.change, &reference.basis);
            let reason = format!(
                "the reference's own second half against its first looks like a change by row {row}: {what}"
            );
            return EarlySight { enabled: false, reason: Some(reason), dependence };
        }
    }
    EarlySight { enabled: true, reason: None, dependence }
}

/// The feature as a reference of its first rows alone would have it, in the same cells.
fn first_half(whole: &FeatureProfile, tally: Tally) -> FeatureProfile {
    let mut half = FeatureProfile { calibration: Vec::new(), ..whole.clone() };
    if whole.singletons > 0 {
        half.singletons = tally.cells.iter().filter(|rows| **rows == 1).count() as u64;
    }
    half.sketch.tally = tally;
    half
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::reference::{BuildOptions, ProfileBuilder};
    use crate::words::{Grid, Name, Season, SeasonClock, Time};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// What a build finds of 6,000 rows, each a level and noise in 0 to 1.
    fn found(mut level: impl FnMut(u64, &mut ChaCha8Rng) -> Option<f64>) -> EarlySight {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut builder = ProfileBuilder::new(BuildOptions::default());
        let name = Name::from("x");
        for row in 0..6_000 {
            let noise: f64 = rng.random();
            let value = level(row, &mut rng).map_or(Value::Missing, |level| Value::Number(level + noise));
            builder.push([(&name, &value)]);
        }
        builder.finish_with(tried).unwrap().features()[0].early.clone().unwrap()
    }

    #[test]
    fn independent_rows_of_one_law_suit_it() {
        assert_eq!(found(|_, _| Some(0.0)), EarlySight { enabled: true, reason: None, dependence: 1.0 });
    }

    #[test]
    fn a_reference_that_drifts_hangs_together_or_loses_values_does_not_and_says_why() {
        let mut walk = 0.0;
        type Level<'a> = &'a mut dyn FnMut(u64, &mut ChaCha8Rng) -> Option<f64>;
        let cases: [(Level<'_>, &str); 3] = [
            (&mut |row, _| Some(row as f64 / 6_000.0), "values moved up"),
            (
                &mut |_, rng| {
                    walk = 0.99 * walk + 0.1 * (rng.random::<f64>() - 0.5);
                    Some(walk)
                },
                "looks like a change by row",
            ),
            (&mut |row, _| (row < 4_000 || row % 3 > 0).then_some(0.0), "more have no valid value"),
        ];
        for (level, why) in cases {
            let found = found(level);
            assert!(
                !found.enabled && found.reason.as_ref().is_some_and(|said| said.contains(why)),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_cycle_that_the_reference_knows_counts_as_rows_that_hang_together() {
        let hour = 3_600_000;
        let clock = SeasonClock::new(Season::Day, "UTC").unwrap();
        let grid = Grid::new(hour, hour, hour).unwrap();
        let options = BuildOptions { grid: Some(grid), season: Some(clock), ..BuildOptions::default() };
        let (mut builder, name, mut rng) =
            (ProfileBuilder::new(options), Name::from("x"), ChaCha8Rng::seed_from_u64(3));
        for row in 0..28 * 24 * 40 {
            let by_day = (row as f64 / 40.0 / 24.0 * std::f64::consts::TAU).sin();
            let value = Value::Number(rng.random::<f64>() + by_day);
            builder.push_at(Some(Time::from_ms(row * hour / 40)), [(&name, &value)]);
        }
        let profile = builder.finish_with(tried).unwrap();
        let feature = &profile.features()[0];
        let (early, calibrated) = (feature.early.as_ref().unwrap().dependence, feature.calibration[0].shape);
        // Against its own hours an hour is like independent rows; to a test without season it is not.
        assert!(calibrated.is_some_and(|factor| factor < 2.0) && early > 10.0, "{calibrated:?} {early}");
    }
}
