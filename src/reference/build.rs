//! A profile from rows: kinds are found, or said by the caller.
//!
//! Quantiles and counts are exact: the values of a column are kept in memory in the order of their
//! rows, 8 bytes a number and 4 a category. Where rows have times, the profile also says how much
//! its chunks differ from each other ([`Calibration`]).

use super::calibration::{Calibration, Pieces, calibrate};
use super::column::Column;
use super::season::{SeasonCounts, SeasonGroups, SlotCounts};
use super::{EarlySight, FeatureProfile, Profile};
use crate::error::{Error, Result};
use crate::event::Value;
use crate::sketch::Tally;
use crate::words::{Grid, Kind, Name, Role, SeasonClock, Time};
use std::collections::{BTreeMap, BTreeSet};

/// Windows are judged by chunks of their own length; four times it tells what hangs together longer.
const LONGEST_CHUNK: u32 = 4;

/// Rows of a block, by which early sight is tried on a reference: about what a service sees in a look.
pub const BLOCK_ROWS: u64 = 50;

/// What the caller knows of the columns.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// Kinds that are not to be found.
    pub kinds: BTreeMap<Name, Kind>,
    /// Roles other than `feature`.
    pub roles: BTreeMap<Name, Role>,
    /// Only these columns, where given.
    pub columns: Option<BTreeSet<Name>>,
    /// Not these.
    pub ignore: BTreeSet<Name>,
    /// How windows will be cut, to calibrate for; `None`: rows have no times.
    pub grid: Option<Grid>,
    /// The season by which rows with times are counted too.
    pub season: Option<SeasonClock>,
}

/// Gathers rows and makes a [`Profile`] of them.
#[derive(Debug)]
pub struct ProfileBuilder {
    options: BuildOptions,
    rows: u64,
    columns: BTreeMap<Name, Column>,
    /// Rows by pane and slot of the season, where they have times.
    panes: BTreeMap<(i64, u16), u64>,
    /// The hours of each slot that have rows.
    hours: BTreeMap<u16, BTreeSet<i64>>,
}

impl ProfileBuilder {
    /// An empty builder.
    pub fn new(options: BuildOptions) -> Self {
        ProfileBuilder {
            options,
            rows: 0,
            columns: BTreeMap::new(),
            panes: BTreeMap::new(),
            hours: BTreeMap::new(),
        }
    }

    /// Takes one row. A column that a row leaves out is missing in it.
    pub fn push<'a, 'v: 'a, N: AsRef<str> + 'a>(
        &mut self,
        fields: impl IntoIterator<Item = (&'a N, &'a Value<'v>)>,
    ) {
        self.push_at(None, fields);
    }

    /// Takes one row, with its time where it has one.
    pub fn push_at<'a, 'v: 'a, N: AsRef<str> + 'a>(
        &mut self,
        time: Option<Time>,
        fields: impl IntoIterator<Item = (&'a N, &'a Value<'v>)>,
    ) {
        let pane = self.options.grid.zip(time).map(|(grid, time)| (grid.pane_of(time).0, self.slot_of(time)));
        for (name, value) in fields {
            let name = name.as_ref();
            let wanted = self.options.columns.as_ref().is_none_or(|columns| columns.contains(name));
            if !wanted || self.options.ignore.contains(name) {
                continue;
            }
            if !self.columns.contains_key(name) {
                let kind = self.options.kinds.get(name).copied();
                self.columns.insert(name.into(), Column::new(kind));
            }
            if let Some(column) = self.columns.get_mut(name) {
                column.push(pane, self.rows / BLOCK_ROWS, value);
            }
        }
        if let Some(pane) = pane {
            *self.panes.entry(pane).or_default() += 1;
        }
        self.rows += 1;
    }

    /// The slot of a row's time; 0 where there is no season.
    fn slot_of(&mut self, time: Time) -> u16 {
        let Some(clock) = &self.options.season else { return 0 };
        let hour = clock.hour_of(time);
        self.hours.entry(hour.slot).or_default().insert(hour.number);
        hour.slot
    }

    /// Rows taken so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The profile, early sight untried. Errors: no rows, no columns, or a kind was said that the values
    /// do not fit.
    pub fn finish(self) -> Result<Profile> {
        self.finish_by(|_, _| None)
    }

    /// The profile, with what `tried` says of each feature and the tallies of its rows, in blocks of
    /// [`BLOCK_ROWS`] in their order. Errors as of [`ProfileBuilder::finish`].
    pub fn finish_with(
        self,
        tried: impl Fn(&FeatureProfile, &mut dyn Iterator<Item = Tally>) -> EarlySight,
    ) -> Result<Profile> {
        self.finish_by(|feature, blocks| Some(tried(feature, blocks)))
    }

    fn finish_by(
        self,
        tried: impl Fn(&FeatureProfile, &mut dyn Iterator<Item = Tally>) -> Option<EarlySight>,
    ) -> Result<Profile> {
        if self.rows == 0 {
            return Err(Error::input("the reference has no rows").hint("check the input and `--rows`"));
        }
        let asked = self.options.kinds.keys().chain(self.options.columns.iter().flatten());
        if let Some(name) = asked.into_iter().find(|name| !self.columns.contains_key(*name)) {
            let known: Vec<&str> = self.columns.keys().map(|name| &**name).collect();
            return Err(Error::input(format!("the reference has no column `{name}`"))
                .hint(format!("its columns are {}", known.join(", "))));
        }
        if self.columns.is_empty() {
            return Err(Error::input("the reference has no columns to monitor"));
        }
        let BuildOptions { roles, grid, season, .. } = self.options;
        let features = self.columns.into_iter().map(|(name, column)| {
            let role = roles.get(&name).copied().unwrap_or(Role::Feature);
            let (mut profile, values) = column.finish(name, role, self.rows)?;
            if let Some(grid) = grid.filter(|_| !self.panes.is_empty()) {
                let pieces = values.by_pane(&profile.basis, &self.panes);
                profile.calibration = calibration(&profile, &pieces, grid);
                profile.early = tried(&profile, &mut values.by_block(&profile.basis, self.rows));
                if let Some(clock) = &season {
                    profile.season = Some(counted(&profile, clock, &pieces, &self.hours));
                    profile.calibration = calibration(&profile, &pieces, grid);
                }
            } else {
                profile.early = tried(&profile, &mut values.by_block(&profile.basis, self.rows));
            }
            Ok(profile)
        });
        Ok(Profile::new(self.rows, features.collect::<Result<_>>()?))
    }
}

/// The calibrations for all suffixes of a window, the window, and four windows.
pub(super) fn calibration(profile: &FeatureProfile, pieces: &Pieces, grid: Grid) -> Vec<Calibration> {
    let mut of_panes = Pieces::new();
    let (pools, pieces) = match &profile.season {
        Some(season) => (season.pools(), pieces),
        None => {
            for ((pane, _), counts) in pieces {
                of_panes.entry((*pane, 0)).or_default().add(counts);
            }
            (vec![vec![0]], &of_panes)
        }
    };
    let lengths = grid.suffixes().chain([grid.panes(), LONGEST_CHUNK * grid.panes()]);
    let is_ordered = profile.kind.is_numeric();
    lengths.map(|length| calibrate(pieces, &pools, length, grid.slide_ms(), is_ordered)).collect()
}

/// What was counted in each slot of the season.
pub(super) fn counted(
    profile: &FeatureProfile,
    clock: &SeasonClock,
    pieces: &Pieces,
    hours: &BTreeMap<u16, BTreeSet<i64>>,
) -> SeasonCounts {
    let groups = SeasonGroups::of(profile);
    let occurrences = |slot| hours.get(&slot).map_or(0, BTreeSet::len) as u32;
    let empty = |slot| SlotCounts { occurrences: occurrences(slot), ..SlotCounts::default() };
    let mut slots: Vec<SlotCounts> = (0..clock.season().slots()).map(empty).collect();
    for ((_, slot), piece) in pieces {
        let counts = SlotCounts { occurrences: 0, bad: piece.bad, counts: groups.group(&piece.cells) };
        slots[usize::from(*slot)].add(&counts);
    }
    SeasonCounts { season: clock.season(), time_zone: clock.time_zone().clone(), slots }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Basis;

    fn built(rows: &[Value<'_>], options: BuildOptions) -> FeatureProfile {
        let mut builder = ProfileBuilder::new(options);
        let name = Name::from("x");
        rows.iter().for_each(|value| builder.push([(&name, value)]));
        builder.finish().unwrap().features()[0].clone()
    }

    fn kind_of(rows: impl Iterator<Item = Value<'static>>) -> Kind {
        built(&rows.collect::<Vec<_>>(), BuildOptions::default()).kind
    }

    #[test]
    fn kinds_are_found() {
        let literal = |text: String| Value::Literal(text.into());
        assert_eq!(kind_of((0..100).map(|i| Value::Number(f64::from(i)))), Kind::Continuous);
        assert_eq!(kind_of((0..100).map(|i| literal(format!("{}", i % 3)))), Kind::Discrete);
        assert_eq!(kind_of((0..5000).map(|i| literal(format!("{i}.5")))), Kind::Continuous);
        assert_eq!(kind_of((0..100).map(|i| literal(format!("c{}", i % 3)))), Kind::Categorical);
        assert_eq!(
            kind_of((0..100).map(|i| literal(if i == 50 { "A1".into() } else { i.to_string() }))),
            Kind::Categorical
        );
        assert_eq!(kind_of((0..100).map(|i| Value::Bool(i % 2 == 0))), Kind::Boolean);
        assert_eq!(kind_of((0..100).map(|i| literal((i % 2 == 0).to_string()))), Kind::Boolean);
        assert_eq!(kind_of((0..10).map(|_| Value::Missing)), Kind::Continuous);
    }

    #[test]
    fn every_row_is_counted_and_a_late_column_was_missing_before() {
        let mut builder = ProfileBuilder::new(BuildOptions::default());
        let (a, b) = (Name::from("a"), Name::from("b"));
        builder.push([(&a, &Value::Number(1.0))]);
        builder.push([(&a, &Value::Number(f64::NAN)), (&b, &Value::Text("x".into()))]);
        let profile = builder.finish().unwrap();
        let tallies: Vec<_> =
            profile.features().iter().map(|f| (f.sketch.tally.missing, f.sketch.tally.invalid)).collect();
        assert_eq!(tallies, [(0, 1), (1, 0)]);
        assert!(profile.features().iter().all(|f| f.sketch.tally.rows() == 2));
        assert_eq!(profile.features()[1].singletons, 1);
    }

    #[test]
    fn the_id_is_of_the_content() {
        let rows: Vec<Value<'_>> = (0..100).map(|i| Value::Number(f64::from(i))).collect();
        let id = |rows: &[Value<'_>]| {
            let mut builder = ProfileBuilder::new(BuildOptions::default());
            rows.iter().for_each(|value| builder.push([(&Name::from("x"), value)]));
            builder.finish().unwrap().id().clone()
        };
        let mut reversed = rows.clone();
        reversed.reverse();
        assert_eq!(id(&rows), id(&reversed));
        assert_ne!(id(&rows), id(&rows[1..]));
        assert!(id(&rows).as_str().starts_with("ref_") && id(&rows).as_str().len() == 36);
    }

    #[test]
    fn a_kind_that_was_said_holds() {
        let options =
            BuildOptions { kinds: [("x".into(), Kind::Categorical)].into(), ..BuildOptions::default() };
        let rows: Vec<Value<'_>> = (0..100).map(|i| Value::Literal(format!("{}.0", i % 2).into())).collect();
        let profile = built(&rows, options);
        let Basis::Categories(categories) = &*profile.basis else { panic!("{profile:?}") };
        assert_eq!(categories.names().iter().map(|n| &**n).collect::<Vec<_>>(), ["0.0", "1.0"]);
    }

    #[test]
    fn a_reference_without_rows_or_with_an_unknown_column_is_refused() {
        assert!(ProfileBuilder::new(BuildOptions::default()).finish().is_err());
        let options =
            BuildOptions { kinds: [("y".into(), Kind::Discrete)].into(), ..BuildOptions::default() };
        let mut builder = ProfileBuilder::new(options);
        builder.push([(&Name::from("x"), &Value::Number(1.0))]);
        assert!(builder.finish().unwrap_err().to_string().contains("its columns are x"));
    }
}
