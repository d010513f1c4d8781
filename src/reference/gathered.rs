//! A profile from rows that were gathered by pane before there was a reference: a bootstrap.
//!
//! Cells are cut at the ends of the gathered ones alone, so that all counts are exact, and equal
//! whatever the order in which rows came. Cells of numbers may hold a little more than a 250th of the
//! rows each. A column whose values are numbers and names, and too many of both to be kept, is left out.

use super::by_pane::ByPane;
use super::{BuildOptions, EarlySight, FeatureProfile, Profile, cells};
use crate::sketch::{Basis, Categories, Census, MOST_REFERENCE_CELLS, NumberCell, Tally};
use crate::words::{Kind, Name, Pane, Role};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What was gathered in a pane.
#[derive(Debug, Clone, Copy)]
pub struct GatheredPane<'a> {
    /// The pane.
    pub pane: Pane,
    /// All its rows.
    pub rows: u64,
    /// Its columns.
    pub columns: &'a BTreeMap<Name, Census>,
    /// Where it stands among the others.
    pub half: Half,
}

/// Where a pane stands among those that a profile is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Half {
    /// Whether it is in the first half of them.
    pub is_first: bool,
    /// Whether it is in an even hour.
    pub is_even: bool,
}

/// A feature's rows in halves of what a profile is made of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Halves {
    /// In the second half, and in the first.
    pub by_time: [Tally; 2],
    /// In odd hours, and in even ones.
    pub by_hour: [Tally; 2],
}

impl Halves {
    /// Adds the counts of a pane.
    pub(super) fn add(&mut self, tally: &Tally, half: Half) {
        self.by_time[usize::from(half.is_first)].add(tally);
        self.by_hour[usize::from(half.is_even)].add(tally);
    }
}

/// A profile of gathered rows.
#[derive(Debug, Clone, PartialEq)]
pub struct GatheredProfile {
    /// The profile.
    pub profile: Profile,
    /// Halves of each of its features, in their order.
    pub halves: Vec<Halves>,
    /// Columns that it does not have, though there were rows of them.
    pub left_out: Vec<Name>,
}

/// The profile of `panes`, ascending, with kinds, roles, grid and season as `options` say, of at most
/// `most` features, the first by name. Early sight is off: the order of rows within a pane is not known.
pub fn profile_of(panes: &[GatheredPane<'_>], options: &BuildOptions, most: usize) -> GatheredProfile {
    let names: BTreeSet<&Name> = panes.iter().flat_map(|pane| pane.columns.keys()).collect();
    let rows = panes.iter().map(|pane| pane.rows).sum();
    let (mut features, mut left_out) = (Vec::new(), Vec::new());
    for name in names {
        match feature(name, panes, rows, options).filter(|_| features.len() < most) {
            Some(found) => features.push(found),
            None => left_out.push(name.clone()),
        }
    }
    let (features, halves) = features.into_iter().unzip();
    GatheredProfile { profile: Profile::new(rows, features), halves, left_out }
}

fn feature(
    name: &Name,
    panes: &[GatheredPane<'_>],
    rows: u64,
    options: &BuildOptions,
) -> Option<(FeatureProfile, Halves)> {
    let mut census = Census::default();
    panes.iter().filter_map(|pane| pane.columns.get(name)).for_each(|part| census.merge(part));
    census.numbers.fit(MOST_REFERENCE_CELLS);
    let kind = options.kinds.get(name).copied().unwrap_or_else(|| kind_of(&census));
    let (basis, [singletons, doubletons]) = basis_of(kind, &census)?;
    let sketch = census.sketch(kind, &basis, rows, 0)?;
    let early = EarlySight {
        enabled: false,
        reason: Some("it was made of a stream's first rows, whose order was not kept".into()),
        dependence: 1.0,
    };
    let mut profile = FeatureProfile {
        name: name.clone(),
        role: options.roles.get(name).copied().unwrap_or(Role::Feature),
        kind,
        basis: Arc::new(basis),
        sketch,
        singletons,
        doubletons,
        calibration: Vec::new(),
        season: None,
        early: Some(early),
    };
    let mut halves = Halves::default();
    let mut by_pane = ByPane::new(options.season.as_ref(), options.grid, panes.iter().map(|pane| pane.pane));
    for pane in panes {
        let tally = match pane.columns.get(name) {
            Some(part) => part.sketch(kind, &profile.basis, pane.rows, 0)?.tally,
            None => Tally { missing: pane.rows, ..Tally::default() },
        };
        halves.add(&tally, pane.half);
        by_pane.add(pane.pane, tally, profile.basis.cells());
    }
    profile.season = by_pane.season(&profile);
    if let Some(grid) = options.grid {
        profile.calibration = by_pane.calibration(&profile, grid);
    }
    Some((profile, halves))
}

/// How the values compare, found by what they are: as for a reference that is built from rows.
fn kind_of(census: &Census) -> Kind {
    let truths: u64 = census.truths.iter().sum();
    let (texts, words) = (census.texts + truths, census.words + truths);
    let numbers = census.numbers.rows();
    let is_each_known = values(census).is_some();
    match texts {
        0 if numbers > 0 && is_each_known && cells::is_few(census.numbers.cells().count(), numbers) => {
            Kind::Discrete
        }
        0 => Kind::Continuous,
        _ if texts == words && numbers == 0 => Kind::Boolean,
        // More different numbers than can be categories.
        _ if !is_each_known && numbers > texts => Kind::Continuous,
        _ => Kind::Categorical,
    }
}

/// The different numbers, ascending, where each was counted by itself.
fn values(census: &Census) -> Option<Vec<f64>> {
    census.numbers.cells().map(|cell| cell.value()).collect()
}

/// The cells for a column of `kind`, and how many categories were seen once and twice; `None`: its values
/// are not of that kind, or too many.
fn basis_of(kind: Kind, census: &Census) -> Option<(Basis, [u64; 2])> {
    match kind {
        Kind::Continuous => {
            let counted: Vec<NumberCell> = census.numbers.cells().collect();
            Some((Basis::Ordered(cells::of_census(&counted)), [0, 0]))
        }
        Kind::Discrete => Some((Basis::Ordered(cells::discrete(&values(census)?).ok()?), [0, 0])),
        Kind::Boolean => Some((Basis::Categories(cells::boolean()), [0, 0])),
        Kind::Categorical if census.unnamed() > 0 => {
            // Of names without end a sample by hash is counted: what comes later is told by it exactly.
            let sample = census.names.iter().take(MOST_REFERENCE_CELLS).map(|(name, _)| name.clone());
            let categories = Categories::new(sample.collect(), Vec::new(), false);
            Some((Basis::Categories(categories.ok()?), [0, 0]))
        }
        Kind::Categorical => {
            let mut counts: HashMap<Name, u64> = HashMap::new();
            for (name, rows) in census.categories()? {
                *counts.entry(name.as_str().into()).or_default() += rows;
            }
            let seen = |times: u64| counts.values().filter(|rows| **rows == times).count() as u64;
            Some((Basis::Categories(cells::categories(&counts).0), [seen(1), seen(2)]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::reference::ProfileBuilder;
    use crate::words::Grid;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, LogNormal};

    const HOUR_MS: i64 = 3_600_000;
    const PANES: i64 = 24;
    const ROWS: u64 = 500;

    fn grid() -> Grid {
        Grid::new(24 * HOUR_MS, HOUR_MS, HOUR_MS / 10).unwrap()
    }

    /// A pane's rows: a tail, zeros and a normal, few values, a category, a truth, a column with holes.
    fn rows(pane: i64) -> Vec<Vec<(Name, Value<'static>)>> {
        let mut rng = ChaCha8Rng::seed_from_u64(pane as u64);
        let tail = LogNormal::new(3.0, 1.5).unwrap();
        let mut row = || {
            let value: f64 = tail.sample(&mut rng);
            let zero = if rng.random_ratio(3, 10) { 0.0 } else { rng.random::<f64>() - 0.3 };
            let some = if rng.random_ratio(1, 20) { Value::Missing } else { Value::Number(value.ln()) };
            vec![
                ("tail".into(), Value::Number(value)),
                ("zeros".into(), Value::Number(zero)),
                ("few".into(), Value::Number(f64::from(rng.random_range(0..7)))),
                ("category".into(), Value::Text(format!("c{}", (value.ln() * 3.0) as i64).into())),
                ("truth".into(), Value::Bool(rng.random_ratio(1, 4))),
                ("some".into(), some),
            ]
        };
        (0..ROWS).map(|_| row()).collect()
    }

    fn census(pane: i64) -> BTreeMap<Name, Census> {
        let mut columns: BTreeMap<Name, Census> = BTreeMap::new();
        for (name, value) in rows(pane).into_iter().flatten() {
            columns.entry(name).or_default().add(&value, None);
        }
        columns.values_mut().for_each(|census| census.numbers.fit(MOST_REFERENCE_CELLS));
        columns
    }

    fn gathered(columns: &[BTreeMap<Name, Census>]) -> GatheredProfile {
        let pane = |(at, columns)| {
            let pane = Pane(480_000 + at as i64);
            let half = Half { is_first: at < columns_half(), is_even: at % 2 == 0 };
            GatheredPane { pane, rows: ROWS, columns, half }
        };
        let panes: Vec<GatheredPane<'_>> = columns.iter().enumerate().map(pane).collect();
        profile_of(&panes, &BuildOptions { grid: Some(grid()), ..BuildOptions::default() }, 1000)
    }

    fn columns_half() -> usize {
        PANES as usize / 2
    }

    #[test]
    fn counts_kinds_and_calibration_are_those_of_the_raw_rows() {
        let columns: Vec<_> = (0..PANES).map(census).collect();
        let GatheredProfile { profile, halves, left_out } = gathered(&columns);
        let mut builder = ProfileBuilder::new(BuildOptions { grid: Some(grid()), ..BuildOptions::default() });
        let all: Vec<_> = (0..PANES).map(rows).collect();
        for (pane, rows) in all.iter().enumerate() {
            for row in rows {
                let time = grid().start(Pane(480_000 + pane as i64));
                builder.push_at(Some(time), row.iter().map(|(name, value)| (name, value)));
            }
        }
        let built = builder.finish().unwrap();
        assert_eq!((left_out.len(), profile.rows()), (0, PANES as u64 * ROWS));
        for (at, (found, built)) in profile.features().iter().zip(built.features()).enumerate() {
            assert_eq!((&found.name, found.kind), (&built.name, built.kind));
            let values =
                || all.iter().enumerate().flat_map(|(pane, rows)| rows.iter().map(move |row| (pane, row)));
            let value = |row: &Vec<(Name, Value<'static>)>| {
                row.iter().find(|(name, _)| *name == found.name).unwrap().1.clone()
            };
            if let Basis::Ordered(cells) = &*found.basis {
                // Counted from the raw rows, value by value.
                let mut raw = [vec![0; cells.len()], vec![0; cells.len()]];
                for (pane, row) in values() {
                    if let Value::Number(number) = value(row) {
                        raw[usize::from(pane < columns_half())][cells.locate(number)] += 1;
                    }
                }
                assert_eq!(halves[at].by_time[1].cells, raw[1], "{}", found.name);
                assert_eq!(halves[at].by_time[0].cells, raw[0], "{}", found.name);
                let sum: Vec<u64> = raw[0].iter().zip(&raw[1]).map(|(one, other)| one + other).collect();
                assert_eq!(found.sketch.tally.cells, sum, "{}", found.name);
            } else {
                assert_eq!(found.basis, built.basis, "{}", found.name);
                assert_eq!(found.sketch.tally, built.sketch.tally, "{}", found.name);
                assert_eq!((found.singletons, found.doubletons), (built.singletons, built.doubletons));
            }
            assert_eq!(found.sketch.tally.missing, built.sketch.tally.missing);
            let chunks = |profile: &FeatureProfile| {
                profile.calibration.iter().map(|found| (found.duration_ms, found.chunks)).collect::<Vec<_>>()
            };
            assert_eq!(chunks(found), chunks(built));
            assert!(found.calibration[0].shape.is_some(), "{}", found.name);
        }
    }

    #[test]
    fn edges_are_within_a_hundredth_of_the_quantiles_that_they_stand_for() {
        let columns: Vec<_> = (0..PANES).map(census).collect();
        let profile = gathered(&columns).profile;
        for name in ["tail", "some"] {
            let feature = &profile.features()[profile.position(name).unwrap()];
            let Basis::Ordered(cells) = &*feature.basis else { panic!("{name}") };
            assert!(cells.len() > 200, "{name}: {} cells", cells.len());
            let rows = feature.valid() as f64;
            let widest = *feature.sketch.tally.cells.iter().max().unwrap() as f64 / rows;
            assert!(widest < 0.01, "{name}: {widest}");
            let mut below = 0;
            for (decile, bin) in cells.bins().enumerate() {
                below += feature.sketch.tally.cells[bin].iter().sum::<u64>();
                let off = below as f64 / rows - (decile + 1) as f64 / 10.0;
                assert!((-1e-3..0.01).contains(&off), "{name}: decile {decile} is off by {off}");
            }
        }
        let zeros = &profile.features()[profile.position("zeros").unwrap()];
        let Basis::Ordered(cells) = &*zeros.basis else { panic!("numbers") };
        let at_zero = zeros.sketch.tally.cells[cells.locate(0.0)] as f64 / zeros.valid() as f64;
        assert!((at_zero - 0.3).abs() < 0.02, "{at_zero}");
    }

    #[test]
    fn what_is_too_much_of_both_numbers_and_names_is_left_out() {
        let mut columns = BTreeMap::<Name, Census>::new();
        for i in 0..6000_u32 {
            let mixed = columns.entry("mixed".into()).or_default();
            mixed.add(&Value::Number(f64::from(i).sqrt()), None);
            mixed.add(&Value::Text("a text".into()), None);
            mixed.add(&Value::Text("another".into()), None);
            columns.entry("id".into()).or_default().add(&Value::Text(format!("id-{i}").into()), None);
        }
        let GatheredProfile { profile, left_out, .. } = gathered(&[columns]);
        assert_eq!(left_out, [Name::from("mixed")]);
        let id = &profile.features()[0];
        let Basis::Categories(categories) = &*id.basis else { panic!("names") };
        assert_eq!((categories.names().len(), categories.is_complete()), (MOST_REFERENCE_CELLS, false));
        assert_eq!(id.valid(), 6000);
    }
}
