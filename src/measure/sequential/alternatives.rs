//! What a stream may have turned into: the changes that the sequential test bets on.
//!
//! For an ordered feature, changes of its location and spread, in normal scores of the reference's
//! cumulative shares. For every feature, rows that turned into one cell: each category, each tail,
//! what is novel, what is missing; and missing values that went away. Each bet pays
//! `score = ln(q / p)` for a row of a cell, p being the reference's share and q the changed one, so
//! that a row pays nothing on average while nothing has changed, and `gain` (the divergence of q
//! from p) a row once it has.
//!
//! The smallest change of a list is the gate for trifles: under about half of it a bet never grows.

use super::nats::fixed;
use super::normal;
use crate::reference::CoarseCells;
use serde::{Deserialize, Serialize};

/// Movements of an ordered feature, in standard deviations of the normal score.
const SHIFTS: [f64; 8] = [0.25, -0.25, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0];
/// Factors of its spread.
const SCALES: [f64; 4] = [0.5, 0.67, 1.5, 2.0];
/// Shares of the rows that turn into one cell.
const SURGES: [f64; 3] = [0.05, 0.12, 0.3];
/// What is left of the missing values when they go away.
const FALL: f64 = 0.25;
/// A cell of fewer rows is not certain enough to take its share as it stands …
const CERTAIN_ROWS: f64 = 30.0;
/// … and is given so many more: the most that 5 % of cells with no row are short of.
const SPARE_ROWS: f64 = 3.0;
/// No cell is less likely than this part of its share: what a movement makes impossible is a bet
/// lost, not the end of all bets.
const LEAST_RATIO: f64 = 1e-9;

/// A change that the test bets on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The values moved by so many standard deviations of the reference's normal scores.
    Shift(f64),
    /// Their spread is so many times what it was.
    Scale(f64),
    /// This share of all rows turned into values of one coarse cell.
    Surge {
        /// The coarse cell.
        cell: usize,
        /// The share.
        share: f64,
    },
    /// Of the missing values this part is left.
    Fall(f64),
}

/// A bet on one change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Alternative {
    pub change: Change,
    scores: Scores,
    /// What it grows by a row under its change: the divergence of the changed shares from the
    /// reference's, in nats.
    pub gain: f64,
    /// What the reference's own error takes from it a row, for each nat of evidence that is wanted.
    pub error: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum Scores {
    /// By cell of values; other rows pay nothing.
    Values(Vec<i32>),
    /// Of rows in one cell, and of all others.
    Cell { cell: usize, inside: i32, outside: i32 },
}

impl Alternative {
    /// What rows of these counts pay, `rows` together, in steps of a nat.
    pub fn score(&self, counts: &[u64], rows: u64) -> i64 {
        match &self.scores {
            Scores::Values(scores) => {
                scores.iter().zip(counts).map(|(score, rows)| i64::from(*score) * *rows as i64).sum()
            }
            Scores::Cell { cell, inside, outside } => {
                let within = counts[*cell] as i64;
                i64::from(*inside) * within + i64::from(*outside) * (rows as i64 - within)
            }
        }
    }

    /// Whether it is a change of the shape of ordered values.
    pub fn is_of_values(&self) -> bool {
        matches!(self.scores, Scores::Values(_))
    }
}

/// All bets on a feature that is counted in `cells`, `ordered` or not, when a row of the reference is
/// worth 1/`dependence` of an independent one. Bets that can't be won are left out.
pub(super) fn alternatives(cells: &CoarseCells, ordered: bool, dependence: f64) -> Vec<Alternative> {
    let mut all = Vec::new();
    if ordered {
        all.extend(SHIFTS.map(|by| of_values(cells, Change::Shift(by))));
        all.extend(SCALES.map(|by| of_values(cells, Change::Scale(by))));
    }
    let (values, novel) = (0..cells.novel(), cells.has_novel().then_some(cells.novel()));
    let targets = values.filter(|cell| !ordered || *cell == 0 || cell + 1 == cells.novel());
    let rows = cells.total() as f64 / dependence;
    let cell = |cell: usize, change| of_cell(cell, cells.rows()[cell] as f64 / dependence, rows, change);
    for target in targets.chain(novel).chain([cells.missing()]) {
        all.extend(SURGES.map(|share| cell(target, Change::Surge { cell: target, share })));
    }
    all.push(cell(cells.missing(), Change::Fall(FALL)));
    all.into_iter().filter_map(|bet| bet.over(rows)).collect()
}

/// A bet whose costs are not known yet.
struct Bet {
    change: Change,
    scores: Scores,
    gain: f64,
    /// Variance of what a row pays on average, for the error of one row of the reference: Σ q²/p - 1.
    variance: f64,
}

impl Bet {
    /// The mean pay of a bet that takes A nats, A/gain rows, is off by a normal deviate of variance
    /// `variance/rows`, since the shares are an estimate from so many rows. On average over
    /// references exp(pay) keeps its mean when each row is charged A·variance/(2·gain·rows).
    fn over(self, rows: f64) -> Option<Alternative> {
        let Bet { change, scores, gain, variance } = self;
        let error = variance / (2.0 * gain * rows);
        (gain > 0.0 && error.is_finite()).then_some(Alternative { change, scores, gain, error })
    }
}

/// A movement of ordered values: of their normal scores, by cell.
fn of_values(cells: &CoarseCells, change: Change) -> Bet {
    let rows: Vec<f64> = cells.rows()[..cells.novel()].iter().map(|rows| *rows as f64 + 0.5).collect();
    let total: f64 = rows.iter().sum();
    let ends = rows.iter().scan(0.0, |sum, rows| {
        *sum += rows;
        Some(*sum)
    });
    let ends: Vec<f64> = ends.map(|sum| normal::quantile(sum / total)).collect();
    let moved = |z: f64| match change {
        Change::Shift(by) => z - by,
        Change::Scale(by) => z / by,
        Change::Surge { .. } | Change::Fall(_) => z,
    };
    let mut bet = Bet { change, scores: Scores::Values(Vec::new()), gain: 0.0, variance: -1.0 };
    let (mut scores, mut from) = (Vec::with_capacity(rows.len()), f64::NEG_INFINITY);
    for (cell, rows) in rows.iter().enumerate() {
        let to = if cell + 1 == ends.len() { f64::INFINITY } else { moved(ends[cell]) };
        let p = rows / total;
        let q = normal::between(from, to).max(p * LEAST_RATIO);
        let score = (q / p).ln();
        bet.gain += q * score;
        bet.variance += q * q / p;
        scores.push(fixed(score) as i32);
        from = to;
    }
    // Only rows with a value pay.
    let share = total / (cells.total() as f64).max(total);
    Bet { scores: Scores::Values(scores), gain: bet.gain * share, variance: bet.variance * share, ..bet }
}

/// A change of the share of one cell, which has `rows` of the reference's `total`, at the cost or to
/// the good of all others alike.
fn of_cell(cell: usize, rows: f64, total: f64, change: Change) -> Bet {
    let spare = if rows < CERTAIN_ROWS { SPARE_ROWS } else { 0.5 };
    let p = (rows + spare) / (total + 2.0 * spare);
    let q = match change {
        Change::Surge { share, .. } => (1.0 - share) * p + share,
        Change::Fall(left) => left * p,
        Change::Shift(_) | Change::Scale(_) => p,
    };
    let (inside, outside) = ((q / p).ln(), ((1.0 - q) / (1.0 - p)).ln());
    // The variance of the count behind p is known from the rows that were seen, not from those spared.
    let seen = (rows + spare.min(1.0)) / (rows + spare);
    Bet {
        change,
        scores: Scores::Cell { cell, inside: fixed(inside) as i32, outside: fixed(outside) as i32 },
        gain: q * inside + (1.0 - q) * outside,
        variance: seen * (q - p) * (q - p) / (p * (1.0 - p)),
    }
}
