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
        Centroids { rows: ascending.iter().map(Centroid::weight).sum(), ascending, min, max }
    }

    /// Adds `others`, which must ascend, and the extremes of what these stand for; `most` are left.
    pub(super) fn merge(&mut self, others: &[Centroid], (min, max): (f64, f64), most: usize) {
        let merged = merge_sorted(&self.ascending, others, Centroid::mean);
        *self = Centroids::new(merged, self.min.min(min), self.max.max(max)).thinned(most);
    }

    /// The same in `most` centroids at most.
    pub(super) fn thinned(mut self, most: usize) -> Centroids {
        if self.ascending.len() > most {
            join(&mut self.ascending, self.rows, most);
        }
        self
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

    /// The number at quantile `q` (0 to 1): half of a centroid's rows lie on either side of it, evenly as far
    /// as to the next one's middle, or to the extreme.
    pub(super) fn quantile(&self, q: f64) -> f64 {
        let rank = q * self.rows;
        let (mut passed, mut from) = (0.0, (0.0, self.min));
        for centroid in &self.ascending {
            let to = (passed + centroid.weight() / 2.0, centroid.mean());
            if rank < to.0 {
                return between(from, to, rank);
            }
            (from, passed) = (to, passed + centroid.weight());
        }
        between(from, (self.rows, self.max), rank)
    }

    /// Where the rows of the centroids from this position on lie: evenly about the mean of each, at most
    /// half-way to the next ones or to the extreme.
    pub(super) fn spans(&self, first: usize) -> impl Iterator<Item = Span> {
        let half_way = |at: usize| self.ascending[at - 1].mean() / 2.0 + self.ascending[at].mean() / 2.0;
        let mut left = if first == 0 { self.min } else { half_way(first) };
        self.ascending.iter().enumerate().skip(first).map(move |(at, centroid)| {
            let right = if at + 1 < self.ascending.len() { half_way(at + 1) } else { self.max };
            let (mean, rows) = (centroid.mean(), centroid.weight());
            let (below, above) = (mean - left, right - mean);
            // A row alone is a value.
            let spread = if rows == 1.0 { 0.0 } else { f64::min(below, above) };
            let span = Span { from: (mean - spread).max(left), to: (mean + spread).min(right), rows };
            left = right;
            span
        })
    }
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
    let end = |number: usize| {
        let part = number as f64 / most as f64;
        let share = if part < 0.5 { 2.0 * part * part } else { 1.0 - 2.0 * (1.0 - part) * (1.0 - part) };
        if number < most { share * rows } else { f64::INFINITY }
    };
    let (mut last, mut passed, mut limit) = (0, centroids[0].weight(), end(1));
    for at in 1..centroids.len() {
        let next = centroids[at];
        passed += next.weight();
        if passed <= limit {
            centroids[last] = joined(&centroids[last], &next);
        } else {
            last += 1;
            centroids[last] = next;
            limit = end(last + 1);
        }
    }
    centroids.truncate(last + 1);
}

/// Both in one; the second's mean is not less.
fn joined(one: &Centroid, next: &Centroid) -> Centroid {
    let weight = one.weight() + next.weight();
    let part = next.weight() / weight;
    // The difference of the two may be more than a number can say, their parts are not.
    let mean = one.mean() * (1.0 - part) + next.mean() * part;
    Centroid::new(mean.clamp(one.mean(), next.mean()), weight)
}

/// Both in one, ascending by `place` as they are.
pub(super) fn merge_sorted<T: Copy>(a: &[T], b: &[T], place: impl Fn(&T) -> f64) -> Vec<T> {
    let mut merged = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        let is_first = place(&a[i]) <= place(&b[j]);
        merged.push(if is_first { a[i] } else { b[j] });
        (i, j) = (i + usize::from(is_first), j + usize::from(!is_first));
    }
    merged.extend_from_slice(&a[i..]);
    merged.extend_from_slice(&b[j..]);
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
        assert_eq!(found.as_slice(), expected.centroids());
        for q in 0..=100 {
            let q = f64::from(q) / 100.0;
            let expected = TDigest::estimate_quantile(&expected, q).unwrap();
            assert!((found.quantile(q) - expected).abs() < 1e-9, "{q}: {} {expected}", found.quantile(q));
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
            let quantiles: Vec<f64> = (0..=200).map(|q| digest.quantile(f64::from(q) / 200.0)).collect();
            prop_assert!(quantiles.is_sorted());
            prop_assert_eq!((quantiles[0], quantiles[200]), (values[0], values[values.len() - 1]));
        }
    }
}
