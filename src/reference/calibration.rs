//! How much more chunks of the reference differ from each other than independent rows would.
//!
//! Rows of a stream hang together: with AR(1) rows at 0.9 a mean varies nineteen times as much as
//! that of independent ones, and every test that takes rows as independent alarms all the time. So
//! for chunks of each length that windows are judged by, the *variance factor* d of the statistic
//! that follows the slowest direction is estimated: the mean rank for ordered kinds, the share of the
//! worst single cell for categories; each chunk against all others. Tests then take n/d rows for n
//! (J. Rao, A. Scott, "The analysis of categorical data from complex sample surveys", 1981). It is
//! a factor of a variance and no tail quantile, which thirty chunks could not give.
//!
//! With a season, a chunk is held against the other occurrences of its own hours.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};
use std::collections::BTreeMap;

/// Fewer chunks of a length say nothing of it.
pub const MIN_CHUNKS: u32 = 20;
/// The factor is not above its upper bound with this chance, if it is a chi-square's mean.
const BOUND: f64 = 0.10;
/// Rows that a chunk must expect of a category on average, or it is pooled with other rare ones.
const MIN_EXPECTED: u64 = 5;

/// The variance factors of one feature for chunks of one length.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Length of the chunks, in milliseconds of event time.
    pub duration_ms: i64,
    /// How many chunks with rows the reference has.
    pub chunks: u32,
    /// Upper bound of the factor of the values' distribution, at least 1; `None`: too few chunks.
    pub shape: Option<f64>,
    /// The same of the share of missing and invalid values.
    pub missing: Option<f64>,
}

/// What the reference counted in one pane.
#[derive(Debug, Clone, Default)]
pub(super) struct PaneCounts {
    /// Valid rows by cell.
    pub cells: Vec<u64>,
    /// All rows.
    pub rows: u64,
    /// Rows without a valid value.
    pub bad: u64,
}

impl PaneCounts {
    /// Adds another piece's.
    pub fn add(&mut self, other: &PaneCounts) {
        self.rows += other.rows;
        self.bad += other.bad;
        self.cells.resize(self.cells.len().max(other.cells.len()), 0);
        self.cells.iter_mut().zip(&other.cells).for_each(|(mine, theirs)| *mine += theirs);
    }

    fn valid(&self) -> u64 {
        self.rows - self.bad
    }
}

/// What was counted in panes, and in which slots of a season (all in slot 0, where there is none).
pub(super) type Pieces = BTreeMap<(i64, u16), PaneCounts>;

/// A stretch of time, by slot.
type Chunk = BTreeMap<u16, PaneCounts>;

/// The factors for chunks of `length` panes of `pane_ms` each, on the grid of the epoch. `is_ordered`
/// says whether cells have an order, `pools` by slot which ones its rows are compared with.
pub(super) fn calibrate(
    panes: &Pieces,
    pools: &[Vec<u16>],
    length: u32,
    pane_ms: i64,
    is_ordered: bool,
) -> Calibration {
    let chunks = chunks(panes, i64::from(length));
    let total = chunks.iter().flat_map(BTreeMap::values).fold(PaneCounts::default(), |mut sum, counts| {
        sum.add(counts);
        sum
    });
    let valid = |chunk: &Chunk| chunk.values().map(PaneCounts::valid).sum::<u64>();
    let with_values: Vec<&Chunk> = chunks.iter().filter(|chunk| valid(chunk) > 0).collect();
    let shape = if is_ordered {
        let ranks = mid_ranks(&total.cells);
        let sum = |counts: &PaneCounts, of: &dyn Fn(f64) -> f64| {
            counts.cells.iter().zip(&ranks).map(|(n, rank)| *n as f64 * of(*rank)).sum()
        };
        let score = |counts: &PaneCounts| Scored {
            rows: counts.valid() as f64,
            sum: sum(counts, &|rank| rank),
            squares: sum(counts, &|rank| rank * rank),
        };
        factor(&with_values, pools, score)
    } else {
        let share = |cells: &[usize]| {
            let rows = |counts: &PaneCounts| {
                cells.iter().filter_map(|cell| counts.cells.get(*cell)).sum::<u64>() as f64
            };
            factor(&with_values, pools, |counts| Scored::share(counts.valid(), rows(counts)))
        };
        pooled(&total.cells, with_values.len()).iter().filter_map(|cells| share(cells)).reduce(f64::max)
    };
    let all: Vec<&Chunk> = chunks.iter().collect();
    // A reference without a missing value says nothing of how they hang together.
    let missing = factor(&all, pools, |counts| Scored::share(counts.rows, counts.bad as f64)).or(shape);
    Calibration {
        duration_ms: i64::from(length) * pane_ms,
        chunks: with_values.len() as u32,
        shape: shape.and_then(|d| upper_bound(d, with_values.len())),
        missing: missing.and_then(|d| upper_bound(d, all.len())),
    }
}

/// The whole chunks with rows that lie within the panes.
fn chunks(panes: &Pieces, length: i64) -> Vec<Chunk> {
    let (Some(((first, _), _)), Some(((last, _), _))) = (panes.first_key_value(), panes.last_key_value())
    else {
        return Vec::new();
    };
    let mut chunks: BTreeMap<i64, Chunk> = BTreeMap::new();
    for ((pane, slot), counts) in panes {
        let chunk = pane.div_euclid(length);
        if chunk * length >= *first && (chunk + 1) * length <= last + 1 {
            chunks.entry(chunk).or_default().entry(*slot).or_default().add(counts);
        }
    }
    chunks.into_values().filter(|chunk| chunk.values().any(|counts| counts.rows > 0)).collect()
}

/// The scores of some rows.
#[derive(Debug, Clone, Copy, Default)]
struct Scored {
    rows: f64,
    sum: f64,
    squares: f64,
}

impl Scored {
    /// Rows of which `scored` score one, and the others nothing.
    fn share(rows: u64, scored: f64) -> Self {
        Scored { rows: rows as f64, sum: scored, squares: scored }
    }

    fn add(&mut self, other: Scored) {
        self.rows += other.rows;
        self.sum += other.sum;
        self.squares += other.squares;
    }

    /// The variance of a row's score.
    fn variance(&self) -> f64 {
        (self.squares - self.sum * self.sum / self.rows) / (self.rows - 1.0)
    }
}

/// The mean over chunks of (difference of a chunk's mean score from that of its slots in all other
/// chunks)² over its variance if rows were independent. `None` where all rows score the same.
fn factor(chunks: &[&Chunk], pools: &[Vec<u16>], score: impl Fn(&PaneCounts) -> Scored) -> Option<f64> {
    let scored = |chunk: &&Chunk| -> BTreeMap<u16, Scored> {
        chunk.iter().map(|(slot, counts)| (*slot, score(counts))).collect()
    };
    let chunks: Vec<BTreeMap<u16, Scored>> = chunks.iter().map(scored).collect();
    let mut total: BTreeMap<u16, Scored> = BTreeMap::new();
    for (slot, scored) in chunks.iter().flatten() {
        total.entry(*slot).or_default().add(*scored);
    }
    let whole = total.values().fold(Scored::default(), |mut sum, scored| {
        sum.add(*scored);
        sum
    });
    // What is left of a constant's variance is rounding.
    if whole.variance() <= 1e-12 * whole.squares / whole.rows {
        return None;
    }
    let pool_of = |all: &BTreeMap<u16, Scored>, pool: &[u16]| {
        pool.iter().filter_map(|slot| all.get(slot)).fold(Scored::default(), |mut sum, scored| {
            sum.add(*scored);
            sum
        })
    };
    let ratio = |chunk: &BTreeMap<u16, Scored>| {
        let mut parts: BTreeMap<&Vec<u16>, Scored> = BTreeMap::new();
        for (slot, scored) in chunk {
            parts.entry(pools.get(usize::from(*slot))?).or_default().add(*scored);
        }
        let rows: f64 = parts.values().map(|part| part.rows).sum();
        let (mut difference, mut variance) = (0.0, 0.0);
        for (pool, part) in parts.into_iter().filter(|(_, part)| part.rows > 0.0) {
            let (all, own) = (pool_of(&total, pool), pool_of(chunk, pool));
            let others = all.rows - own.rows;
            let weight = part.rows / rows;
            difference += weight * (part.sum / part.rows - (all.sum - own.sum) / others);
            variance += weight * weight * all.variance() * (1.0 / part.rows + 1.0 / others);
        }
        Some(difference * difference / variance).filter(|ratio| ratio.is_finite())
    };
    let ratios: Vec<f64> = chunks.iter().filter_map(ratio).collect();
    (!ratios.is_empty()).then(|| ratios.iter().sum::<f64>() / ratios.len() as f64)
}

/// The mean rank of the rows of each cell, in the order of the cells, as a share of all rows.
fn mid_ranks(cells: &[u64]) -> Vec<f64> {
    let all: u64 = cells.iter().sum();
    let mut before = 0;
    let rank = |count: &u64| {
        let rank = (before as f64 + (*count as f64 + 1.0) / 2.0) / all as f64;
        before += count;
        rank
    };
    cells.iter().map(rank).collect()
}

/// Cells one by one where a chunk expects enough rows of them, and the rest together.
fn pooled(cells: &[u64], chunks: usize) -> Vec<Vec<usize>> {
    let enough = MIN_EXPECTED * chunks as u64;
    let (single, rare): (Vec<usize>, Vec<usize>) =
        (0..cells.len()).filter(|cell| cells[*cell] > 0).partition(|cell| cells[*cell] >= enough);
    single.into_iter().map(|cell| vec![cell]).chain([rare]).collect()
}

/// What the factor is not above with 90 % confidence, where `chunks` independent ones gave `d` on
/// average; at least 1.
fn upper_bound(d: f64, chunks: usize) -> Option<f64> {
    let degrees = chunks.checked_sub(1).filter(|_| chunks >= MIN_CHUNKS as usize)? as f64;
    let law = ChiSquared::new(degrees).ok()?;
    Some((d * degrees / law.inverse_cdf(BOUND)).max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Panes of `rows` rows each, in ten cells; `level` moves all rows of a pane.
    fn panes(rows: usize, count: i64, mut level: impl FnMut(&mut ChaCha8Rng) -> f64) -> Pieces {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let pane = |number| {
            let level = level(&mut rng);
            let mut counts = PaneCounts { cells: vec![0; 10], rows: rows as u64, bad: 0 };
            for _ in 0..rows {
                let value: f64 = rng.random::<f64>() + level;
                match rng.random_range(0..20) {
                    0 => counts.bad += 1,
                    _ => counts.cells[(value * 10.0).clamp(0.0, 9.0) as usize] += 1,
                }
            }
            ((number, 0), counts)
        };
        (0..count).map(pane).collect()
    }

    #[test]
    fn independent_rows_have_a_factor_of_little_over_one() {
        for is_ordered in [true, false] {
            let found = calibrate(&panes(500, 200, |_| 0.0), &[vec![0]], 1, 1000, is_ordered);
            assert_eq!((found.duration_ms, found.chunks), (1000, 200));
            let (shape, missing) = (found.shape.unwrap(), found.missing.unwrap());
            // The largest of ten cells' factors is above one by chance.
            assert!((1.0..1.6).contains(&shape) && (1.0..1.3).contains(&missing), "{found:?}");
        }
    }

    #[test]
    fn rows_that_hang_together_have_the_factor_of_their_variance() {
        // A pane's level has variance 0.01; a row's own is 1/12, so that a mean of 500 rows varies
        // 1 + 500 * 0.01 * 12 = 61 times as much; edges of the cells take some of it.
        let level = |rng: &mut ChaCha8Rng| (rng.random::<f64>() - 0.5) * 0.1 * 12.0_f64.sqrt();
        let one = calibrate(&panes(500, 400, level), &[vec![0]], 1, 1000, true).shape.unwrap();
        assert!((40.0..80.0).contains(&one), "{one}");
        // Levels of panes are independent, so that chunks of four vary as much by that measure.
        let four = calibrate(&panes(500, 400, level), &[vec![0]], 4, 1000, true);
        assert_eq!(four.chunks, 100);
        assert!((0.6..1.7).contains(&(four.shape.unwrap() / one)), "{four:?} {one}");
    }

    #[test]
    fn few_chunks_say_nothing_but_their_number() {
        let found = calibrate(&panes(100, 50, |_| 0.0), &[vec![0]], 3, 1000, true);
        assert_eq!(found, Calibration { duration_ms: 3000, chunks: 16, shape: None, missing: None });
        assert_eq!(calibrate(&BTreeMap::new(), &[vec![0]], 3, 1000, true).chunks, 0);
    }

    #[test]
    fn a_constant_has_no_factor_and_a_column_without_missing_values_takes_that_of_its_shape() {
        let constant = |_| PaneCounts { cells: vec![0, 10], rows: 10, bad: 0 };
        let panes: Pieces = (0..50).map(|n| ((n, 0), constant(n))).collect();
        let found = calibrate(&panes, &[vec![0]], 1, 1000, true);
        assert_eq!((found.chunks, found.shape, found.missing), (50, None, None));
    }

    #[test]
    fn the_bound_is_that_of_the_chi_square_law() {
        // scipy.stats.chi2.ppf(0.1, 29) = 19.76774359
        let bound = upper_bound(2.0, 30).unwrap();
        assert!((bound - 2.0 * 29.0 / 19.767_743_59).abs() < 1e-6, "{bound}");
        assert_eq!(upper_bound(0.1, 30), Some(1.0));
    }
}
