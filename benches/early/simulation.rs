//! Streams of known law against fresh references: how often the sequential test alarms when nothing
//! has changed, and how soon when something has.
//!
//! Counts of a look are drawn from the law's own shares of the coarse cells, which is the same as
//! drawing rows and counting them, and faster.

use driftline::event::Value;
use driftline::measure::sequential::{Change, Pace, Plan, SequentialState, SequentialTest};
use driftline::reference::{BuildOptions, FeatureProfile, ProfileBuilder};
use driftline::sketch::{Basis, CategoryCell, OrderedCells};
use driftline::words::Name;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;
use statrs::function::erf::erfc;
use std::cmp::Ordering;
use std::sync::Arc;

/// Below this score a value of [`Values::Zeros`] is zero: 60 % are.
const ZEROS_UP_TO: f64 = 0.253_347_103_135_799_7;
/// Rows before a change, in which the wagers settle.
const ROWS_BEFORE: u64 = 3_000;
/// A change not found in so many times the rows that it should take is missed.
const MOST_DELAY: f64 = 20.0;

/// How the values of a column are distributed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// Standard normal.
    Normal,
    /// 60 % zeros, the rest skewed.
    Zeros,
    /// So many categories, the k-th with a share in proportion to 1/k.
    Zipf(u32),
}

/// The law of a column.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Law {
    /// Values.
    pub values: Values,
    /// Share of rows without one.
    pub missing: f64,
}

impl Law {
    /// A reference of `rows` rows of this law.
    pub fn reference(&self, rows: u64, rng: &mut ChaCha8Rng) -> FeatureProfile {
        let name = Name::from("x");
        let mut builder = ProfileBuilder::new(BuildOptions::default());
        let zipf = self.categories().map(|shares| WeightedAliasIndex::new(shares).expect("positive shares"));
        for _ in 0..rows {
            let value = match &zipf {
                _ if rng.random::<f64>() < self.missing => Value::Missing,
                Some(zipf) => Value::Text(category(zipf.sample(rng)).into()),
                None => Value::Number(self.value(rng.sample(StandardNormal))),
            };
            builder.push([(&name, &value)]);
        }
        builder.finish().expect("a reference with rows").features()[0].clone()
    }

    /// This law's shares of the plan's coarse cells, once `change` has come.
    pub fn shares(&self, reference: &FeatureProfile, plan: &Plan, change: Option<Change>) -> Vec<f64> {
        let cells = plan.cells();
        let mut shares = vec![0.0; cells.len()];
        match (&*reference.basis, self.categories()) {
            (Basis::Categories(known), Some(of_names)) => {
                for (rank, share) in of_names.into_iter().enumerate() {
                    let cell = match known.locate(&category(rank)) {
                        CategoryCell::Cell(fine) => cells.of_fine(fine),
                        CategoryCell::Unseen => cells.novel(),
                    };
                    shares[cell] += share;
                }
            }
            (Basis::Ordered(edges), _) => {
                for fine in 0..edges.len() {
                    shares[cells.of_fine(fine)] += self.share(edges, fine, change);
                }
            }
            (Basis::Categories(_), None) => panic!("numbers were taken for categories"),
        }
        shares.iter_mut().for_each(|share| *share *= 1.0 - self.missing);
        shares[cells.missing()] = self.missing;
        match change {
            Some(Change::Surge { cell, share }) => turn(&mut shares, cell, share),
            Some(Change::Fall(left)) => {
                let away = -(1.0 - left) * self.missing / (1.0 - self.missing);
                turn(&mut shares, cells.missing(), away);
            }
            Some(Change::Shift(_) | Change::Scale(_)) | None => {}
        }
        shares
    }

    fn categories(&self) -> Option<Vec<f64>> {
        let Values::Zipf(names) = self.values else { return None };
        let sum: f64 = (1..=names).map(|rank| 1.0 / f64::from(rank)).sum();
        Some((1..=names).map(|rank| 1.0 / f64::from(rank) / sum).collect())
    }

    /// The value at a normal score.
    fn value(&self, score: f64) -> f64 {
        match self.values {
            Values::Zeros if score <= ZEROS_UP_TO => 0.0,
            Values::Zeros => score.exp(),
            _ => score,
        }
    }

    /// The share of values in a fine cell.
    fn share(&self, edges: &OrderedCells, fine: usize, change: Option<Change>) -> f64 {
        let score = |value: f64| match self.values {
            Values::Zeros if value < 0.0 => f64::NEG_INFINITY,
            Values::Zeros => value.ln().max(ZEROS_UP_TO),
            _ => value,
        };
        let below = |value: f64| {
            let score = match change {
                Some(Change::Shift(by)) => score(value) - by,
                Some(Change::Scale(by)) => score(value) / by,
                _ => score(value),
            };
            0.5 * erfc(-score / std::f64::consts::SQRT_2)
        };
        below(edges.upper(fine)) - below(edges.lower(fine))
    }
}

/// Lets `share` of all rows turn into `cell`; a negative share comes back from it.
fn turn(shares: &mut [f64], cell: usize, share: f64) {
    shares.iter_mut().for_each(|s| *s *= 1.0 - share);
    shares[cell] = (shares[cell] + share).max(0.0);
}

fn category(rank: usize) -> String {
    format!("c{rank}")
}

/// What is simulated.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Setting {
    /// The column.
    pub law: Law,
    /// Rows of each reference.
    pub reference_rows: u64,
    /// Rows of a look.
    pub look_rows: u64,
    /// T: rows in which one false alarm is allowed.
    pub rows_per_false_alarm: f64,
    /// Fresh references.
    pub references: u64,
    /// The seed of everything.
    pub seed: u64,
}

impl Setting {
    /// The rate in looks.
    pub fn pace(&self) -> Pace {
        Pace::looks(self.rows_per_false_alarm / self.look_rows as f64)
    }

    fn rng(&self, reference: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(reference);
        rng
    }
}

/// Alarms while nothing has changed.
#[derive(Debug, Clone, Serialize)]
pub struct Rate {
    /// What was simulated.
    pub setting: Setting,
    /// Rows of all streams.
    pub rows: u64,
    /// Alarms, all of them false.
    pub alarms: u64,
    /// Alarms in T rows.
    pub per_allowed: f64,
    /// Most alarms against one reference.
    pub worst_reference: u64,
    /// Alarms by the change that weighed most.
    pub by_change: Vec<(String, u64)>,
}

/// Counts false alarms over `rows` rows in all.
pub fn rate(setting: Setting, rows: u64) -> Rate {
    let looks = rows / setting.references / setting.look_rows;
    let mut by_change = std::collections::BTreeMap::new();
    let (mut alarms, mut worst_reference) = (0, 0);
    for reference in 0..setting.references {
        let mut rng = setting.rng(reference);
        let profile = setting.law.reference(setting.reference_rows, &mut rng);
        let plan = Arc::new(Plan::new(&profile, 1.0));
        let source = Source::new(&setting.law.shares(&profile, &plan, None));
        let test = SequentialTest::new(plan.clone(), setting.pace());
        let (mut state, mut own) = (SequentialState::default(), 0);
        for look in 0..looks {
            let counts = source.look(setting.look_rows, &mut rng);
            if let Some(alarm) = test.step(&mut state, look as i64, &counts) {
                own += 1;
                *by_change.entry(plan.describe(alarm.change, &profile.basis)).or_insert(0) += 1;
            }
        }
        alarms += own;
        worst_reference = worst_reference.max(own);
    }
    let rows = looks * setting.look_rows * setting.references;
    let per_allowed = alarms as f64 * setting.rows_per_false_alarm / rows as f64;
    let mut by_change: Vec<(String, u64)> = by_change.into_iter().collect();
    by_change.sort_by_key(|(_, alarms)| std::cmp::Reverse(*alarms));
    by_change.truncate(4);
    Rate { setting, rows, alarms, per_allowed, worst_reference, by_change }
}

/// Rows from a change to its alarm.
#[derive(Debug, Clone, Serialize)]
pub struct Delay {
    /// What was simulated.
    pub setting: Setting,
    /// The change.
    pub change: Change,
    /// References for which its bet is on.
    pub references: u64,
    /// A/gain, the median over references: the rows that no test with this rate can beat by much (G.
    /// Lorden, Procedures for reacting to a change in distribution, Ann. Math. Statist. 42 (1971)).
    pub limit: f64,
    /// Median of the delays.
    pub median: f64,
    /// Their mean.
    pub mean: f64,
    /// Nine of ten are shorter.
    pub p90: f64,
    /// Share not found in 20 times the limit.
    pub missed: f64,
    /// Median distance of the estimated onset from the true one, in looks.
    pub onset_error: f64,
}

impl Delay {
    /// The most that is promised: 1.5 times the limit and a look.
    pub fn promised(&self) -> f64 {
        1.5 * self.limit + self.setting.look_rows as f64
    }
}

/// Delays for each change that a plan bets on, `streams` streams a reference. Changes whose bet is on
/// for fewer than half of the references are left out.
pub fn delays(setting: Setting, streams: u64) -> Vec<Delay> {
    let profiles: Vec<_> = (0..setting.references)
        .map(|reference| {
            let mut rng = setting.rng(reference);
            let profile = setting.law.reference(setting.reference_rows, &mut rng);
            let plan = Arc::new(Plan::new(&profile, 1.0));
            (profile, plan, rng)
        })
        .collect();
    let changes: Vec<Change> = profiles[0].1.changes().collect();
    changes.into_iter().filter_map(|change| delay(setting, change, &profiles, streams)).collect()
}

fn delay(
    setting: Setting,
    change: Change,
    profiles: &[(FeatureProfile, Arc<Plan>, ChaCha8Rng)],
    streams: u64,
) -> Option<Delay> {
    let evidence = setting.pace().evidence();
    let (mut limits, mut found, mut errors, mut missed) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for (profile, plan, rng) in profiles {
        let Some(gain) = plan.gain(change, setting.pace()) else { continue };
        limits.push(evidence / gain);
        let before = Source::new(&setting.law.shares(profile, plan, None));
        let after = Source::new(&setting.law.shares(profile, plan, Some(change)));
        let test = SequentialTest::new(plan.clone(), setting.pace());
        let mut rng = rng.clone();
        let start = (ROWS_BEFORE / setting.look_rows).max(10) as i64;
        let most = (MOST_DELAY * evidence / gain / setting.look_rows as f64).ceil() as i64 + 20;
        for _ in 0..streams {
            // The change comes somewhere inside a look.
            let at = rng.random_range(0..setting.look_rows);
            let mut state = SequentialState::default();
            let mut alarm = None;
            for look in 0..start + most {
                let unchanged = match look.cmp(&start) {
                    Ordering::Less => setting.look_rows,
                    Ordering::Equal => at,
                    Ordering::Greater => 0,
                };
                let mut counts = before.look(unchanged, &mut rng);
                let changed = after.look(setting.look_rows - unchanged, &mut rng);
                counts.iter_mut().zip(changed).for_each(|(count, rows)| *count += rows);
                alarm = test.step(&mut state, look, &counts);
                if look >= start && alarm.is_some() {
                    found.push(((look - start + 1) as u64 * setting.look_rows - at) as f64);
                    break;
                }
            }
            match alarm {
                Some(alarm) => errors.push((alarm.onset - start).abs() as f64),
                None => missed += 1,
            }
        }
    }
    let references = limits.len() as u64;
    if 2 * references < setting.references {
        return None;
    }
    found.sort_by(f64::total_cmp);
    let all = found.len() as f64 + missed as f64;
    let mean = found.iter().sum::<f64>() / found.len().max(1) as f64;
    let [limit, onset_error] = [median(limits), median(errors)];
    let (median, p90) = (at(&found, 0.5), at(&found, 0.9));
    Some(Delay {
        setting,
        change,
        references,
        limit,
        median,
        mean,
        p90,
        missed: missed as f64 / all,
        onset_error,
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    at(&values, 0.5)
}

fn at(sorted: &[f64], part: f64) -> f64 {
    sorted
        .get(((sorted.len() as f64 * part) as usize).min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}

/// Rows by coarse cell, at random.
struct Source {
    cells: usize,
    index: WeightedAliasIndex<f64>,
}

impl Source {
    fn new(shares: &[f64]) -> Source {
        let index = WeightedAliasIndex::new(shares.to_vec()).expect("shares that are not all zero");
        Source { cells: shares.len(), index }
    }

    fn look(&self, rows: u64, rng: &mut ChaCha8Rng) -> Vec<u64> {
        let mut counts = vec![0; self.cells];
        (0..rows).for_each(|_| counts[self.index.sample(rng)] += 1);
        counts
    }
}
