//! Seasons: what is counted where, and what a window is compared with.

use super::*;
use crate::event::Value;
use crate::reference::{BuildOptions, Profile, ProfileBuilder};
use crate::words::{Grid, Time};

const HOUR_MS: i64 = 3_600_000;

/// A profile of rows with a time in hours since a Monday at midnight, UTC.
fn built(season: Season, rows: impl Iterator<Item = (f64, f64)>) -> Profile {
    let clock = SeasonClock::new(season, "UTC").unwrap();
    let grid = Grid::new(24 * HOUR_MS, HOUR_MS, HOUR_MS).unwrap();
    let options = BuildOptions { grid: Some(grid), season: Some(clock), ..BuildOptions::default() };
    let mut builder = ProfileBuilder::new(options);
    let name = Name::from("x");
    for (hours, x) in rows {
        let time = Time::from_ms((hours * HOUR_MS as f64) as i64 + 4 * 24 * HOUR_MS);
        let value = if x.is_nan() { Value::Missing } else { Value::Number(x) };
        builder.push_at(Some(time), [(&name, &value)]);
    }
    builder.finish().unwrap()
}

/// Four weeks of 200 rows an hour, of which those of the afternoon are larger by a half.
fn afternoons() -> FeatureProfile {
    let rows = (0..4 * 168 * 200).map(|row| {
        let hours = f64::from(row) / 200.0;
        let later = if hours % 24.0 >= 12.0 { 0.5 } else { 0.0 };
        (hours, (f64::from(row) * 0.618_033_988_749_894_9).fract() + later)
    });
    built(Season::Day, rows).features()[0].clone()
}

fn weights(slots: &[(u16, f64)]) -> BTreeMap<u16, f64> {
    slots.iter().copied().collect()
}

#[test]
fn a_slot_counts_its_own_rows_and_hours() {
    let feature = afternoons();
    let season = feature.season.as_ref().unwrap();
    assert_eq!(season.slots.len(), 24);
    for slot in &season.slots {
        assert_eq!((slot.occurrences, slot.rows()), (28, 28 * 200));
    }
    assert_eq!(season.slots.iter().map(SlotCounts::rows).sum::<u64>(), feature.sketch.tally.rows());
}

#[test]
fn a_window_is_compared_with_the_mixture_of_its_own_hours() {
    let feature = afternoons();
    let groups = SeasonGroups::of(&feature);
    let season = feature.season.as_ref().unwrap();
    // One hour: its own counts, as they are.
    let (morning, level) = feature.seasonal(&groups, &weights(&[(3, 80.0)])).unwrap();
    assert_eq!(level, SeasonLevel::Hour);
    assert_eq!(morning.sketch.tally.cells, season.slots[3].counts);
    // A quarter of the rows at 3, the rest at 15: shares add up, and two hours are worth
    // 1/((1/4)²/5,600 + (3/4)²/5,600) = 8,960 rows.
    let (both, _) = feature.seasonal(&groups, &weights(&[(3, 20.0), (15, 60.0)])).unwrap();
    for (at, rows) in both.sketch.tally.cells.iter().enumerate() {
        let share = |slot: usize| season.slots[slot].counts[at] as f64 / 5_600.0;
        let expected = 8_960.0 * (0.25 * share(3) + 0.75 * share(15));
        assert!((*rows as f64 - expected).abs() <= 0.5, "group {at}: {rows}, not {expected}");
    }
}

#[test]
fn a_slot_with_few_rows_borrows_from_hours_like_it() {
    // The first rows of the day are missing from the second week on.
    let week = |of: &dyn Fn(u32) -> bool| {
        let rows = (0..4 * 168 * 50)
            .filter(|row| of(row / 50))
            .map(|row| (f64::from(row) / 50.0, f64::from(row % 97)));
        built(Season::Week, rows).features()[0].clone()
    };
    let level = |feature: &FeatureProfile, slot| {
        feature.seasonal(&SeasonGroups::of(feature), &weights(&[(slot, 1.0)])).unwrap().1
    };
    // 4 hours of 50 rows each are too few; 20 of working days are enough, and 8 of weekends.
    let whole = week(&|_| true);
    assert_eq!(
        (level(&whole, 0), level(&whole, 150)),
        (SeasonLevel::HourOfDayKind, SeasonLevel::HourOfDayKind)
    );
    // Of weekends, one is left: its hours come twice, and so with those of all days.
    let one_weekend = week(&|hour| hour % 168 < 120 || hour < 168);
    assert_eq!(
        (level(&one_weekend, 0), level(&one_weekend, 150)),
        (SeasonLevel::HourOfDayKind, SeasonLevel::Hour)
    );
    let one_night = week(&|hour| hour % 24 > 0 || hour == 0);
    assert_eq!(level(&one_night, 0), SeasonLevel::All);
}

#[test]
fn rows_of_a_long_pane_are_split_by_time_and_by_the_references_rate() {
    // Twice as many rows at 1 as at 0.
    let rows = (0..3 * 28 * 200).map(|row| {
        let (day, of_day) = (row / 600, row % 600);
        let hour =
            if of_day < 200 { f64::from(of_day) / 200.0 } else { 1.0 + f64::from(of_day - 200) / 400.0 };
        (f64::from(day) * 24.0 + hour, f64::from(row % 89))
    });
    let feature = built(Season::Day, rows).features()[0].clone();
    let season = feature.season.as_ref().unwrap();
    let clock = season.clock().unwrap();
    let mut split = BTreeMap::new();
    let (start, end) = (Time::from_ms(0), Time::from_ms(2 * HOUR_MS));
    season.split(&clock.hours_between(start, end), 900, &mut split);
    assert_eq!(split, weights(&[(0, 300.0), (1, 600.0)]));
}

#[test]
fn what_the_reference_never_held_stays_apart() {
    // A constant: what is above it and what is below it are groups of their own.
    let feature =
        built(Season::Day, (0..10_000).map(|row| (f64::from(row) / 50.0, 7.0))).features()[0].clone();
    let groups = SeasonGroups::of(&feature);
    assert_eq!(groups.count(), 3);
    let (seasonal, _) = feature.seasonal(&groups, &weights(&[(5, 1.0)])).unwrap();
    assert_eq!(seasonal.sketch.tally.cells[0] + seasonal.sketch.tally.cells[2], 0);
    let Basis::Ordered(cells) = &*seasonal.basis else { panic!("cells of numbers") };
    assert_eq!([cells.locate(6.9), cells.locate(7.0), cells.locate(7.1)], [0, 1, 2]);
}

#[test]
fn slots_that_do_not_fit_the_feature_are_refused() {
    let feature = afternoons();
    let season = feature.season.clone().unwrap();
    assert_eq!(season.check(&feature), Ok(()));
    let few = SeasonCounts { slots: season.slots[..3].to_vec(), ..season.clone() };
    let mut long = season.clone();
    long.slots[3].counts.push(1);
    let elsewhere = SeasonCounts { time_zone: "Europe/Atlantis".into(), ..season };
    for (broken, why) in [(few, "3 slots"), (long, "groups of cells"), (elsewhere, "Atlantis")] {
        assert!(broken.check(&feature).unwrap_err().contains(why));
    }
}
