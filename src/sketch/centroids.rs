//! Numbers summed up by centroids: the merging t-digest (T. Dunning, O. Ertl, "Computing extremely
//! accurate quantiles using t-digests", 2019, algorithm 1), of what is in order already.
//!
//! The crate `tdigest` makes centroids of numbers. Here they are merged, many times a second and sorted
//! on either side, so that nothing is left to sort.

use super::digest::Span;
use tdigest::Centroid;

/// A digest: how many rows lie around which numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Centroids {
    /// By their means.
    ascending: Vec<Centroid>,
    rows: f64,
    min: f64,
    max: f64,
}

impl Centroids {
    /// Those of `centroids`, one at least, which must ascend, with the extremes of what they stand for.
    pub(super) fn new(ascending: Vec<Centroid>, min: f64, max: f64) -> Self {
        debug_assert!(!ascending.is_empty() && ascending.is_sorted_by(|a, b| a.mean() <= b.mean()));
        Centroids { rows: rows(&ascending), ascending, min, max }
    }

    /// Adds `others`, which must ascend, and the extremes of what these stand for; `most` are left.
    pub(super) fn merge(&mut self, others: &[Centroid], (min, max): (f64, f64), most: usize) {
        self.ascending = merge_sorted(&self.ascending, others, Centroid::mean);
        self.rows += rows(others);
        (self.min, self.max) = (self.min.min(min), self.max.max(max));
        self.thin(most);
    }

    /// The same in `most` centroids at most.
    pub(super) fn thinned(mut self, most: usize) -> Centroids {
        self.thin(most);
        self
    }

    fn thin(&mut self, most: usize) {
        if self.ascending.len() > most {
            join(&mut self.ascending, self.rows, most);
        }
    }

    /// Means and weights, ascending.
    pub(super) fn as_slice(&self) -> &[Centroid] {
        &self.ascending
    }

    /// How many rows they stand for.
    pub fn rows(&self) -> f64 {
        self.rows
    }

    /// The least and the greatest number.
    pub fn extremes(&self) -> (f64, f64) {
        (self.min, self.max)
    }

    /// The numbers at quantiles (0 to 1) that ascend: half of a centroid's rows lie on either side of it,
    /// evenly as far as to the next one's middle, or to the extreme.
    pub(super) fn quantiles<const N: usize>(&self, ascending: [f64; N]) -> [f64; N] {
        let (mut left, mut passed, mut from) = (&self.ascending[..], 0.0, (0.0, self.min));
        ascending.map(|q| {
            let rank = q * self.rows;
            while let [centroid, rest @ ..] = left {
                let to = (passed + centroid.weight() * 0.5, centroid.mean());
                if rank < to.0 {
                    return between(from, to, rank);
                }
                (left, passed, from) = (rest, passed + centroid.weight(), to);
            }
            between(from, (self.rows, self.max), rank)
        })
    }

    /// Gives `each` the mean of every centroid, how far about it its rows lie, evenly, and how many they are.
    /// They reach at most half-way to the next ones or to the extreme.
    #[inline]
    pub fn for_each(&self, mut each: impl FnMut(f64, f64, f64)) {
        let [first, others @ ..] = &self.ascending[..] else { return };
        // Half of each mean, so that no distance overflows.
        let (mut mean, mut rows, mut half) = (first.mean(), first.weight(), first.mean() * 0.5);
        let mut below = mean - self.min;
        for next in others {
            let half_of_next = next.mean() * 0.5;
            let above = half_of_next - half;
            each(mean, reach(below, above, rows), rows);
            (mean, rows, half, below) = (next.mean(), next.weight(), half_of_next, above);
        }
        each(mean, reach(below, self.max - mean, rows), rows);
    }

    /// Where the rows of the centroids from this position on lie: evenly about the mean of each, at most
    /// half-way to the next ones or to the extreme.
    pub(super) fn spans(&self, first: usize) -> impl Iterator<Item = Span> {
        let half_way = |at: usize| self.ascending[at - 1].mean() / 2.0 + self.ascending[at].mean() / 2.0;
        let mut left = if first == 0 { self.min } else { half_way(first) };
        self.ascending.iter().enumerate().skip(first).map(move |(at, centroid)| {
            let right = if at + 1 < self.ascending.len() { half_way(at + 1) } else { self.max };
            let (mean, rows) = (centroid.mean(), centroid.weight());
            let spread = reach(mean - left, right - mean, rows);
            let span = Span { from: (mean - spread).max(left), to: (mean + spread).min(right), rows };
            left = right;
            span
        })
    }
}

/// How far about its mean a centroid's rows lie: as far as to the nearer neighbour. A row alone is a value.
fn reach(below: f64, above: f64, rows: f64) -> f64 {
    let nearer = if below < above { below } else { above };
    if rows == 1.0 { 0.0 } else { nearer }
}

/// The line from one point to the other, at `rank`.
fn between((before, low): (f64, f64), (after, high): (f64, f64), rank: f64) -> f64 {
    let part = ((rank - before) / (after - before).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
    (low * (1.0 - part) + high * part).clamp(low, high)
}

/// Joins neighbours of `centroids`, which stand for so many rows, until there are `most` at most: small ones
/// at the ends, of up to 1/`most` of the rows and some in the middle.
fn join(centroids: &mut Vec<Centroid>, rows: f64, most: usize) {
    // Where the last row of each must lie: the last one takes all that is left.
    let end = |before: u32| {
        let part = f64::from(before + 1) / most as f64;
        rows * if part < 0.5 { 2.0 * part * part } else { 1.0 - 2.0 * (1.0 - part) * (1.0 - part) }
    };
    let mut ends: Vec<f64> = (0..most as u32).map(end).collect();
    ends[most - 1] = f64::INFINITY;
    // Which are joined can't be foretold, so that nothing here branches on it. A row is a part of all, lest a
    // sum of means be more than a number can say.
    let of_all = 1.0 / rows;
    let (mut last, mut passed) = (0, 0.0);
    let (mut sum, mut weight, mut least) = (0.0, 0.0, centroids[0].mean());
    for at in 0..centroids.len() {
        let (mean, more) = (centroids[at].mean(), centroids[at].weight());
        passed += more;
        let begins = passed > ends[last] && at > 0;
        last += usize::from(begins);
        let kept = if begins { 0.0 } else { 1.0 };
        least = if begins { mean } else { least };
        (sum, weight) = (sum * kept + more * of_all * mean, weight * kept + more);
        centroids[last] = Centroid::new((sum / (weight * of_all)).clamp(least, mean), weight);
    }
    centroids.truncate(last + 1);
}

fn rows(centroids: &[Centroid]) -> f64 {
    centroids.iter().map(Centroid::weight).sum()
}

/// Both in one, ascending by `place` as they are.
pub(super) fn merge_sorted<T: Copy>(a: &[T], b: &[T], place: impl Fn(&T) -> f64) -> Vec<T> {
    let mut merged = [a, b].concat();
    let (mut i, mut j) = (0, 0);
    for next in &mut merged {
        let (Some(one), Some(other)) = (a.get(i), b.get(j)) else { break };
        let is_first = place(one) <= place(other);
        *next = if is_first { *one } else { *other };
        (i, j) = (i + usize::from(is_first), j + usize::from(!is_first));
    }
    // Where the second was through first, what is left of the first goes to the end.
    if i < a.len() {
        merged[i + j..].copy_from_slice(&a[i..]);
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tdigest::TDigest;

    fn ascending(mut values: Vec<f64>) -> Vec<f64> {
        values.sort_by(f64::total_cmp);
        values
    }

    fn of(values: &[f64]) -> Centroids {
        let digest = TDigest::new_with_size(200).merge_sorted(values.to_vec());
        Centroids::new(digest.centroids().to_vec(), values[0], values[values.len() - 1])
    }

    #[test]
    fn merged_they_are_what_the_crate_makes_of_them() {
        let values =
            |from: i32| ascending((from..from + 3000).map(|i| f64::from(i * 7919 % 10_007)).collect());
        let parts = [values(0), values(1), values(5000)];
        let digests =
            parts.iter().map(|part| TDigest::new_with_size(200).merge_sorted(part.clone())).collect();
        let expected = TDigest::merge_digests(digests);
        let mut found: Vec<Centroid> = Vec::new();
        parts.iter().for_each(|part| found = merge_sorted(&found, of(part).as_slice(), Centroid::mean));
        let found = Centroids::new(found, 0.0, 10_006.0).thinned(200);
        assert_eq!(found.as_slice().len(), expected.centroids().len());
        for (found, expected) in found.as_slice().iter().zip(expected.centroids()) {
            assert_eq!(found.weight(), expected.weight());
            assert!((found.mean() - expected.mean()).abs() < 1e-11, "{found:?} {expected:?}");
        }
        for q in 0..=100 {
            let q = f64::from(q) / 100.0;
            let expected = TDigest::estimate_quantile(&expected, q).unwrap();
            assert!((found.quantiles([q])[0] - expected).abs() < 1e-9, "{q}: {expected}");
        }
    }

    proptest! {
        #[test]
        fn however_few_are_left_rows_extremes_and_mean_stay(
            values in prop::collection::vec(prop_oneof![-1e3..1e3f64, Just(7.0), Just(1.7e308), Just(-1.7e308)], 1..900),
            most in 1usize..300,
        ) {
            let values = ascending(values);
            let before = of(&values);
            let after = before.clone().thinned(most);
            prop_assert!(after.as_slice().len() <= most);
            prop_assert!(after.as_slice().is_sorted_by(|a, b| a.mean() <= b.mean()));
            prop_assert_eq!((after.rows(), after.extremes()), (values.len() as f64, before.extremes()));
            prop_assert_eq!(after.as_slice().iter().map(Centroid::weight).sum::<f64>(), values.len() as f64);
            let mean = |centroids: &Centroids| -> f64 {
                let part = |centroid: &Centroid| centroid.mean() * (centroid.weight() / values.len() as f64);
                centroids.as_slice().iter().map(part).sum()
            };
            let far = values[0].abs().max(values[values.len() - 1].abs());
            prop_assert!((mean(&before) - mean(&after)).abs() <= 1e-12 * far);
        }

        #[test]
        fn quantiles_ascend_from_one_extreme_to_the_other(values in prop::collection::vec(-1e3..1e3f64, 1..900)) {
            let values = ascending(values);
            let digest = of(&values).thinned(50);
            let quantiles: Vec<f64> = (0..=200).map(|q| digest.quantiles([f64::from(q) / 200.0])[0]).collect();
            prop_assert_eq!(&digest.quantiles([0.0, 0.3, 0.3, 0.995, 1.0])[..], &[0, 60, 60, 199, 200].map(|q: usize| quantiles[q])[..]);
            prop_assert!(quantiles.is_sorted());
            prop_assert_eq!((quantiles[0], quantiles[200]), (values[0], values[values.len() - 1]));
        }
    }
}
