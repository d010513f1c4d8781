//! What the reference counted in each hour of a day or week, and the reference that it is for a window.
//!
//! A stream with a daily or weekly cycle is not like its whole reference at any hour. So a window is
//! compared with the mixture of its own hours: shares p_b = Σ_h (n_h/n)·r_hb/m_h, worth
//! 1/Σ((n_h/n)²/m_h) rows, over groups of neighbouring cells of about a 32nd of the rows each.

use super::FeatureProfile;
use super::coarse::CoarseCells;
use crate::sketch::{Basis, Categories, FeatureSketch, OrderedCells, Tally};
use crate::words::{Hour, Kind, Name, Season, SeasonClock};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A slot with fewer rows is pooled with others.
const MIN_ROWS: u64 = 300;
/// And one that came fewer times.
const MIN_OCCURRENCES: u32 = 3;
/// Bins of PSI, at most.
const BINS: u64 = 10;
const HOURS_OF_DAY: u16 = 24;
/// The first day of the weekend, counted from Monday.
const SATURDAY: u16 = 5;

/// What was counted in one slot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SlotCounts {
    /// In how many hours of it there were rows.
    pub occurrences: u32,
    /// Rows without a valid value.
    pub bad: u64,
    /// Valid rows by group of cells; empty where there were none.
    pub counts: Vec<u64>,
}

/// The season of a feature: counts by slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeasonCounts {
    /// Day or week.
    pub season: Season,
    /// The zone whose clock counts, by its IANA name.
    pub time_zone: Name,
    /// By slot.
    pub slots: Vec<SlotCounts>,
}

/// Which slots stand for a slot that has too few rows by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeasonLevel {
    /// Itself: an hour of the week.
    HourOfWeek,
    /// The same hour of all working days, or of the weekend.
    HourOfDayKind,
    /// The same hour of all days.
    Hour,
    /// All.
    All,
}

impl SlotCounts {
    /// All its rows.
    pub fn rows(&self) -> u64 {
        self.bad + self.counts.iter().sum::<u64>()
    }

    /// Adds another slot's.
    pub fn add(&mut self, other: &SlotCounts) {
        self.occurrences += other.occurrences;
        self.bad += other.bad;
        self.counts.resize(self.counts.len().max(other.counts.len()), 0);
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, theirs)| *mine += theirs);
    }
}

/// The slots that are counted as one with `slot` at a level; `None`: the season has no such level.
fn members(season: Season, level: SeasonLevel, slot: u16) -> Option<Vec<u16>> {
    let hour = |slot: u16| slot % HOURS_OF_DAY;
    let is_weekend = |slot: u16| slot / HOURS_OF_DAY >= SATURDAY;
    let all = 0..season.slots();
    match (season, level) {
        (Season::Day, SeasonLevel::HourOfWeek | SeasonLevel::HourOfDayKind) => None,
        (_, SeasonLevel::HourOfWeek) => Some(vec![slot]),
        (_, SeasonLevel::HourOfDayKind) => Some(
            all.filter(|other| hour(*other) == hour(slot) && is_weekend(*other) == is_weekend(slot))
                .collect(),
        ),
        (_, SeasonLevel::Hour) => Some(all.filter(|other| hour(*other) == hour(slot)).collect()),
        (_, SeasonLevel::All) => Some(all.collect()),
    }
}

impl SeasonCounts {
    /// The clock that slots go by.
    pub fn clock(&self) -> Option<SeasonClock> {
        SeasonClock::new(self.season, &self.time_zone).ok()
    }

    /// Refuses slots that are not those of the season and of the feature's cells.
    pub(super) fn check(&self, feature: &FeatureProfile) -> Result<(), String> {
        SeasonClock::new(self.season, &self.time_zone)?;
        if self.slots.len() != usize::from(self.season.slots()) {
            return Err(format!("{} slots where its season has {}", self.slots.len(), self.season.slots()));
        }
        let groups = SeasonGroups::of(feature).count();
        match self.slots.iter().find(|slot| !slot.counts.is_empty() && slot.counts.len() != groups) {
            Some(slot) => {
                Err(format!("a slot with {} counts for {groups} groups of cells", slot.counts.len()))
            }
            None => Ok(()),
        }
    }

    /// By slot, the slots that stand for it.
    pub(super) fn pools(&self) -> Vec<Vec<u16>> {
        (0..self.season.slots()).map(|slot| self.pool(slot).1).collect()
    }

    /// Whether some slot of this has to be pooled with more others than in `before`.
    pub(super) fn is_coarser_than(&self, before: &SeasonCounts) -> bool {
        (0..self.season.slots()).any(|slot| self.pool(slot).0 > before.pool(slot).0)
    }

    /// Where a slot finds rows enough: the level, and the slots that stand for it.
    fn pool(&self, slot: u16) -> (SeasonLevel, Vec<u16>) {
        let levels = [SeasonLevel::HourOfWeek, SeasonLevel::HourOfDayKind, SeasonLevel::Hour];
        let mut pools =
            levels.into_iter().filter_map(|level| Some((level, members(self.season, level, slot)?)));
        let is_enough = |(_, members): &(SeasonLevel, Vec<u16>)| {
            let slots = || members.iter().map(|slot| &self.slots[usize::from(*slot)]);
            slots().map(SlotCounts::rows).sum::<u64>() >= MIN_ROWS
                && slots().map(|slot| slot.occurrences).sum::<u32>() >= MIN_OCCURRENCES
        };
        pools.find(is_enough).unwrap_or_else(|| (SeasonLevel::All, (0..self.season.slots()).collect()))
    }

    /// Splits `rows` of a stretch of time among the slots that it lies in: by their time, and by how
    /// many rows an hour each had in the reference.
    pub fn split(&self, hours: &[(Hour, i64)], rows: u64, weights: &mut BTreeMap<u16, f64>) {
        let rate = |slot: u16| {
            let slot = &self.slots[usize::from(slot)];
            slot.rows() as f64 / f64::from(slot.occurrences.max(1))
        };
        let weighed = |rate: &dyn Fn(u16) -> f64| -> Vec<f64> {
            hours.iter().map(|(hour, ms)| *ms as f64 * rate(hour.slot)).collect()
        };
        let mut parts = weighed(&rate);
        if parts.iter().sum::<f64>() <= 0.0 {
            parts = weighed(&|_| 1.0);
        }
        let all: f64 = parts.iter().sum();
        for ((hour, _), part) in hours.iter().zip(parts) {
            *weights.entry(hour.slot).or_default() += rows as f64 * part / all;
        }
    }

    /// What the reference has for rows that fall into slots with these `weights`; `None`: nothing.
    fn mixture(&self, weights: &BTreeMap<u16, f64>) -> Option<Mixture> {
        let all: f64 = weights.values().sum();
        let mut by_pool: BTreeMap<(SeasonLevel, Vec<u16>), f64> = BTreeMap::new();
        for (slot, weight) in weights.iter().filter(|(_, weight)| **weight > 0.0) {
            *by_pool.entry(self.pool(*slot)).or_default() += weight / all;
        }
        let (mut worth, mut level) = (0.0, SeasonLevel::HourOfWeek);
        let (mut bad, mut shares): (f64, Vec<f64>) = (0.0, Vec::new());
        for ((of, slots), weight) in by_pool {
            let mut pooled = SlotCounts::default();
            slots.iter().for_each(|slot| pooled.add(&self.slots[usize::from(*slot)]));
            let rows = pooled.rows() as f64;
            if rows == 0.0 {
                return None;
            }
            level = level.max(of);
            worth += weight * weight / rows;
            bad += weight * pooled.bad as f64 / rows;
            shares.resize(shares.len().max(pooled.counts.len()), 0.0);
            shares.iter_mut().zip(&pooled.counts).for_each(|(share, rows_of)| {
                *share += weight * *rows_of as f64 / rows;
            });
        }
        (worth > 0.0).then(|| Mixture { rows: 1.0 / worth, bad, shares, level })
    }
}

/// The reference for some rows, by their slots.
struct Mixture {
    /// How many rows it is worth.
    rows: f64,
    /// Share of rows without a valid value.
    bad: f64,
    /// Shares by group.
    shares: Vec<f64>,
    /// The coarsest level that was needed.
    level: SeasonLevel,
}

/// The groups of cells that slots are counted in, and their own cells.
#[derive(Debug, Clone, PartialEq)]
pub struct SeasonGroups {
    /// The group of each fine cell.
    of_fine: Vec<Option<u16>>,
    basis: Arc<Basis>,
}

impl SeasonGroups {
    /// Groups of the cells of `reference`: its coarse cells, and for numbers the gaps between them.
    pub fn of(reference: &FeatureProfile) -> Self {
        let coarse = CoarseCells::of(reference);
        match &*reference.basis {
            Basis::Ordered(cells) => SeasonGroups::ordered(reference, cells, &coarse),
            Basis::Categories(categories) => SeasonGroups::categories(reference, categories, &coarse),
        }
    }

    fn ordered(reference: &FeatureProfile, cells: &OrderedCells, coarse: &CoarseCells) -> Self {
        // What lies within a coarse cell is of it; what lies between two is a group of its own.
        let mut ends: Vec<(usize, usize)> =
            (0..coarse.novel()).filter_map(|cell| coarse.fine_ends(cell)).collect();
        ends.sort_unstable();
        let (mut of_fine, mut group) = (Vec::with_capacity(cells.len()), 0_u16);
        for (first, last) in ends {
            if of_fine.len() < first {
                of_fine.resize(first, Some(group));
                group += 1;
            }
            of_fine.resize(last + 1, Some(group));
            group += 1;
        }
        of_fine.resize(cells.len(), Some(group));
        let edges: Vec<f64> = (0..cells.len() - 1)
            .filter(|fine| of_fine[*fine] != of_fine[fine + 1])
            .map(|fine| cells.upper(fine))
            .collect();
        let rows = &reference.sketch.tally.cells;
        let bin_ends = bin_ends(&of_fine, rows, edges.len());
        let basis = OrderedCells::new(edges, bin_ends).unwrap_or_else(|_| cells.clone());
        SeasonGroups { of_fine, basis: Arc::new(Basis::Ordered(basis)) }
    }

    fn categories(reference: &FeatureProfile, categories: &Categories, coarse: &CoarseCells) -> Self {
        let named: Vec<usize> =
            (0..categories.names().len()).filter(|fine| is_alone(coarse, *fine)).collect();
        let names: Vec<Name> = named.iter().map(|fine| categories.names()[*fine].clone()).collect();
        let group = |fine: usize| match named.binary_search(&fine) {
            Ok(at) => Some(at as u16),
            // A category that the reference lists but never held is as one that it never saw.
            Err(_)
                if reference.sketch.tally.cells.get(fine) == Some(&0) && fine < categories.names().len() =>
            {
                None
            }
            Err(_) => Some(named.len() as u16),
        };
        let of_fine = (0..categories.len()).map(group).collect();
        let basis = Categories::new(names, Vec::new(), categories.is_complete());
        let basis = basis.unwrap_or_else(|_| categories.clone());
        SeasonGroups { of_fine, basis: Arc::new(Basis::Categories(basis)) }
    }

    /// How many groups there are.
    pub fn count(&self) -> usize {
        self.basis.cells()
    }

    /// Counts by group.
    pub fn group(&self, cells: &[u64]) -> Vec<u64> {
        let mut groups = vec![0; self.count()];
        for (group, rows) in self.of_fine.iter().zip(cells) {
            if let Some(group) = group {
                groups[usize::from(*group)] += rows;
            }
        }
        groups
    }

    /// A window's sketch in groups; what a digest knows of it stays behind.
    pub fn sketch(&self, window: &FeatureSketch) -> FeatureSketch {
        let tally = self.tally(&window.tally);
        let mut sketch = FeatureSketch { tally, ..FeatureSketch::default() };
        sketch.detail.unseen = window.detail.unseen.clone();
        sketch
    }

    /// A window's counts in groups.
    pub fn tally(&self, window: &Tally) -> Tally {
        let cells = self.group(&window.cells);
        let lost = window.cells.iter().sum::<u64>() - cells.iter().sum::<u64>();
        Tally { cells, unseen: window.unseen + lost, ..*window }
    }
}

/// Whether a category has a coarse cell to itself.
fn is_alone(coarse: &CoarseCells, fine: usize) -> bool {
    let cell = coarse.of_fine(fine);
    cell < coarse.novel() && coarse.fine_ends(cell) == Some((fine, fine))
}

/// Where bins of PSI end, at about tenths of the reference's rows.
fn bin_ends(of_fine: &[Option<u16>], rows: &[u64], edges: usize) -> Vec<u32> {
    let total: u64 = rows.iter().sum();
    let (mut ends, mut passed, mut next) = (Vec::new(), 0, 1);
    for (fine, count) in rows.iter().enumerate() {
        passed += count;
        let is_last = of_fine.get(fine + 1) != of_fine.get(fine);
        if is_last
            && passed * BINS >= next * total
            && let Some(Some(group)) = of_fine.get(fine)
        {
            ends.push(u32::from(*group));
            next = passed * BINS / total.max(1) + 1;
        }
    }
    ends.retain(|end| (*end as usize) < edges);
    ends.dedup();
    ends
}

impl FeatureProfile {
    /// The reference for a window whose rows fall into slots with these `weights`, in the cells of
    /// `groups`, and the coarsest level that it needed; `None` where it has no season.
    pub fn seasonal(
        &self,
        groups: &SeasonGroups,
        weights: &BTreeMap<u16, f64>,
    ) -> Option<(FeatureProfile, SeasonLevel)> {
        let Mixture { rows, bad, shares, level } = self.season.as_ref()?.mixture(weights)?;
        let count = |share: f64| (share * rows).round() as u64;
        let cells = (0..groups.count()).map(|at| count(shares.get(at).copied().unwrap_or(0.0))).collect();
        let tally = Tally { missing: count(bad), cells, ..Tally::default() };
        // As many in a hundred rows as in the whole reference.
        let all = self.sketch.tally.rows().max(1) as f64;
        let scaled = |seen: u64| (seen as f64 * rows / all).ceil() as u64;
        let kind = if self.kind.is_numeric() { Kind::Continuous } else { self.kind };
        let profile = FeatureProfile {
            name: self.name.clone(),
            role: self.role,
            kind,
            basis: groups.basis.clone(),
            sketch: FeatureSketch { tally, ..FeatureSketch::default() },
            singletons: scaled(self.singletons),
            doubletons: scaled(self.doubletons),
            calibration: self.calibration.clone(),
            early: self.early.clone(),
            season: None,
        };
        Some((profile, level))
    }
}

#[cfg(test)]
mod tests;
