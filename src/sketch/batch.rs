//! Numbers, a batch at a time: exact counts by cell, and a digest that needs no sorting.
//!
//! The cell of each number is found anyway. A cell that holds its share of a batch, or little more,
//! is as fine as a centroid of the digest would be, so its count and mean are one. Where the
//! distribution has moved into few cells, or out of the outer ones, whose width tells nothing, the
//! numbers themselves are kept, sorted and digested.

use super::search::CellSearch;
use super::{Digest, Moments, OrderedCells};
use tdigest::{Centroid, TDigest};

/// Numbers of a full batch.
pub(super) const BATCH: usize = 1024;
/// A cell with more numbers of a batch than this is no centroid: 1.6 %, where a digest of 200
/// centroids has up to 1 % and an undrifted cell 0.4 %.
const CROWD: u32 = 16;

/// Centroids that crowded numbers are kept as: more than in the end, since one that holds numbers from
/// both sides of uncrowded cells is nowhere.
const CROWDED: usize = 800;

/// Centroids that a column of one value would be.
const PIECES: u64 = 256;

/// What batches of numbers of one feature add up to, beside the counts by cell.
#[derive(Debug, Clone)]
pub(super) struct Batches {
    search: CellSearch,
    found: Vec<u8>,
    /// Count and sum of the numbers by cell, but for those in `crowded`.
    uncrowded: Vec<(u64, f64)>,
    /// Numbers of cells that were crowded when they came.
    crowded: Vec<f64>,
    digested: TDigest,
    moments: Moments,
    extremes: (f64, f64),
}

impl Batches {
    pub(super) fn new(cells: &OrderedCells) -> Self {
        Batches {
            search: CellSearch::new(cells),
            found: Vec::with_capacity(BATCH),
            uncrowded: vec![(0, 0.0); cells.len()],
            crowded: Vec::new(),
            digested: TDigest::new_with_size(CROWDED),
            moments: Moments::default(),
            extremes: (f64::INFINITY, f64::NEG_INFINITY),
        }
    }

    /// Takes finite numbers, at most 65,535, and adds their counts to `counts`.
    pub(super) fn take(&mut self, cells: &OrderedCells, values: &[f64], counts: &mut [u64]) {
        self.search.locate(values, &mut self.found);
        let mut batch = [(0u32, 0.0f64); 256];
        for (value, cell) in values.iter().zip(&self.found) {
            let (count, sum) = &mut batch[usize::from(*cell)];
            *count += 1;
            *sum += value;
        }
        let mut crowds = [false; 256];
        let last = cells.len() - 1;
        let mut has_crowds = false;
        for (cell, (count, sum)) in batch[..=last].iter().enumerate() {
            counts[cell] += u64::from(*count);
            let is_outer = (cell == 0 || cell == last) && *count > 0;
            if (is_outer || *count > CROWD) && !cells.is_atom(cell) {
                (crowds[cell], has_crowds) = (true, true);
            } else {
                let uncrowded = &mut self.uncrowded[cell];
                uncrowded.0 += u64::from(*count);
                uncrowded.1 += sum;
            }
        }
        if has_crowds {
            let is_crowded = |(_, cell): &(&f64, &u8)| crowds[usize::from(**cell)];
            let crowded = values.iter().zip(&self.found).filter(is_crowded).map(|(value, _)| *value);
            self.crowded.extend(crowded);
            if self.crowded.len() >= BATCH {
                self.digest_crowded();
            }
        }
        self.widen(&Moments::of(values), extremes(values));
    }

    /// Takes finite numbers that are counted already.
    pub(super) fn keep(&mut self, values: &[f64]) {
        self.crowded.extend_from_slice(values);
        if self.crowded.len() >= BATCH {
            self.digest_crowded();
        }
        self.widen(&Moments::of(values), extremes(values));
    }

    /// Takes in what `other`, in the same cells, has taken.
    pub(super) fn merge(&mut self, other: Batches) {
        for (mine, theirs) in self.uncrowded.iter_mut().zip(&other.uncrowded) {
            mine.0 += theirs.0;
            mine.1 += theirs.1;
        }
        self.crowded.extend(other.crowded);
        if !other.digested.is_empty() {
            self.digested = TDigest::merge_digests(vec![std::mem::take(&mut self.digested), other.digested]);
        }
        self.widen(&other.moments, other.extremes);
    }

    fn widen(&mut self, moments: &Moments, (least, greatest): (f64, f64)) {
        self.moments.merge(moments);
        self.extremes = (self.extremes.0.min(least), self.extremes.1.max(greatest));
    }

    fn digest_crowded(&mut self) {
        sort_numbers(&mut self.crowded);
        self.digested = self.digested.merge_sorted(std::mem::take(&mut self.crowded));
    }

    /// The digest and the moments of everything that was taken.
    pub(super) fn finish(mut self, cells: &OrderedCells) -> (Digest, Moments) {
        self.digest_crowded();
        let (min, max) = self.extremes;
        let mut centroids = self.digested.centroids().to_vec();
        for (cell, (count, sum)) in self.uncrowded.iter().enumerate().filter(|(_, (count, _))| *count > 0) {
            // The sum may have overflowed or been rounded out of the cell.
            let (lower, upper) = (cells.lower(cell).next_up().max(min), cells.upper(cell).min(max));
            let mean = (sum / *count as f64).clamp(lower, upper);
            // Between the middles of two centroids a digest interpolates: an atom is many of them.
            let pieces = if cells.is_atom(cell) { (PIECES * count).div_ceil(self.moments.count) } else { 1 };
            let up_to = |piece: u64| (count * piece / pieces) as f64;
            centroids.extend((0..pieces).map(|piece| Centroid::new(mean, up_to(piece + 1) - up_to(piece))));
        }
        (Digest::compressed(centroids, min, max), self.moments)
    }
}

/// Least and greatest of `values`, in lanes that do not wait for each other.
fn extremes(values: &[f64]) -> (f64, f64) {
    const LANES: usize = 8;
    let (mut least, mut greatest) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let (lanes, rest) = values.as_chunks::<LANES>();
    for lanes in lanes {
        for (at, value) in lanes.iter().enumerate() {
            least[at] = if *value < least[at] { *value } else { least[at] };
            greatest[at] = if *value > greatest[at] { *value } else { greatest[at] };
        }
    }
    let least = least.iter().chain(rest).copied().fold(f64::INFINITY, f64::min);
    let greatest = greatest.iter().chain(rest).copied().fold(f64::NEG_INFINITY, f64::max);
    (least, greatest)
}

/// Sorts finite numbers by keys whose unsigned order is theirs: twice as fast as comparing floats.
pub(super) fn sort_numbers(values: &mut [f64]) {
    let to_key = |v: f64| {
        let bits = v.to_bits();
        if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
    };
    let from_key = |key: u64| f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key });
    let mut keys: Vec<u64> = values.iter().map(|v| to_key(*v)).collect();
    keys.sort_unstable();
    values.iter_mut().zip(keys).for_each(|(value, key)| *value = from_key(key));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::quantile_of_sorted;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Normal};

    fn rng(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    /// Cells at the quantiles of a normal sample, of which a fifth is zero.
    fn cells() -> OrderedCells {
        let mut rng = rng(1);
        let normal = Normal::new(0.0, 1.0).unwrap();
        let mut sample: Vec<f64> =
            (0..50_000).map(|i| if i % 5 == 0 { 0.0 } else { normal.sample(&mut rng) }).collect();
        sample.sort_by(f64::total_cmp);
        let quantiles = (1..250).filter_map(|j| quantile_of_sorted(&sample, f64::from(j) / 250.0));
        let mut edges: Vec<f64> = quantiles.chain([0.0, 0.0_f64.next_down()]).collect();
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        OrderedCells::new(edges, vec![]).unwrap()
    }

    /// What a column may look like after a drift, beside what it was like before.
    fn windows() -> Vec<(&'static str, Vec<f64>)> {
        let of = |seed: u64, value: &dyn Fn(f64, &mut ChaCha8Rng) -> f64| {
            let mut rng = rng(seed);
            let normal = Normal::new(0.0, 1.0).unwrap();
            (0..40_000)
                .map(|_| {
                    let unit = normal.sample(&mut rng);
                    value(unit, &mut rng) + 0.0
                })
                .collect::<Vec<f64>>()
        };
        let mixed = |zeros: u32| {
            move |unit: f64, rng: &mut ChaCha8Rng| if rng.random_ratio(zeros, 10) { 0.0 } else { unit }
        };
        let mut sorted = of(14, &|unit, _| unit);
        sorted.sort_by(f64::total_cmp);
        vec![
            ("as before", of(2, &mixed(2))),
            ("moved by half a deviation", of(3, &|unit, _| unit + 0.5)),
            ("moved out of the cells", of(4, &|unit, _| unit + 9.0)),
            ("a tenth as wide", of(5, &|unit, _| unit / 10.0)),
            ("ten times as wide", of(6, &|unit, _| unit * 10.0)),
            ("a thousandth as wide, elsewhere", of(7, &|unit, _| 0.7 + unit / 1000.0)),
            ("a long tail", of(8, &|unit, _| (3.0 * unit).exp())),
            ("no mean at all", of(9, &|unit, rng| unit / rng.random::<f64>())),
            ("more zeros", of(10, &mixed(7))),
            (
                "an atom inside a cell",
                of(11, &|unit, rng| if rng.random_ratio(6, 10) { 0.1234 } else { unit }),
            ),
            ("ten values", of(12, &|unit, _| (unit * 2.0).round().clamp(-5.0, 5.0))),
            ("one value", of(13, &|_, _| 0.3)),
            ("sorted", sorted),
            ("huge", of(15, &|unit, _| unit * 4e307)),
        ]
    }

    fn taken(cells: &OrderedCells, values: &[f64]) -> (Digest, Moments, Vec<u64>) {
        let mut counts = vec![0; cells.len()];
        let mut batches = Batches::new(cells);
        values.chunks(BATCH).for_each(|batch| batches.take(cells, batch, &mut counts));
        let (digest, moments) = batches.finish(cells);
        (digest, moments, counts)
    }

    /// How far in rank the digest's quantiles are from what they should be, at most.
    fn rank_error(digest: &Digest, sorted: &[f64]) -> f64 {
        let share = |count: usize| count as f64 / sorted.len() as f64;
        let error = |q: f64| {
            let value = digest.quantile(q).unwrap();
            let below = share(sorted.partition_point(|v| *v < value));
            let up_to = share(sorted.partition_point(|v| *v <= value));
            (below - q).max(q - up_to).max(0.0)
        };
        (0..=1000).map(|per_mille| error(f64::from(per_mille) / 1000.0)).fold(0.0, f64::max)
    }

    #[test]
    fn quantiles_are_as_good_as_those_of_a_digest_of_sorted_numbers_after_any_drift() {
        let cells = cells();
        for (name, values) in windows() {
            let (digest, ..) = taken(&cells, &values);
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let mut usual = Digest::default();
            for batch in values.chunks(BATCH) {
                let mut batch = batch.to_vec();
                sort_numbers(&mut batch);
                usual.add_sorted(&batch);
            }
            let (error, usual) = (rank_error(&digest, &sorted), rank_error(&usual, &sorted));
            assert!(error <= 1.5 * usual.max(0.004), "{name}: {error}, {usual} when sorted");
            assert_eq!(
                (digest.min(), digest.max()),
                (sorted.first().copied(), sorted.last().copied()),
                "{name}"
            );
            assert_eq!(digest.count(), sorted.len() as u64, "{name}");
        }
    }

    #[test]
    fn counts_are_exact_and_moments_those_of_all_numbers() {
        let cells = cells();
        for (name, values) in windows() {
            let (_, moments, counts) = taken(&cells, &values);
            let mut expected = vec![0; cells.len()];
            values.iter().for_each(|value| expected[cells.locate(*value)] += 1);
            assert_eq!(counts, expected, "{name}");
            let whole = Moments::of(&values);
            let rounding = 1e-12 * (whole.squares + whole.mean * whole.mean);
            let differ = (moments.squares - whole.squares).abs() > rounding;
            assert!(!differ, "{name}: {moments:?} {whole:?}");
            assert_eq!(moments.count, whole.count, "{name}");
        }
    }
}
