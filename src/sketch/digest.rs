//! Quantiles of a feature: the values themselves while they are few, then a t-digest.
//!
//! A t-digest (T. Dunning, O. Ertl, "Computing extremely accurate quantiles using t-digests",
//! 2019; crate `tdigest`) has no worst-case bound on its error, and repeated values smear. So it
//! informs: quantiles, tails, the place inside a cell. It never certifies.

use tdigest::{Centroid, TDigest};

/// Up to this many values are kept as they are.
const EXACT_MAX: usize = 256;
/// Centroids of a digest; rank errors of 0.002 to 0.004 on continuous data.
const SIZE: usize = 200;

/// Quantiles of finite numbers, mergeable.
#[derive(Debug, Clone)]
pub enum Digest {
    /// All values, ascending.
    Exact(Vec<f64>),
    /// A compressed summary, flushed.
    Compressed(TDigest),
}

impl Default for Digest {
    fn default() -> Self {
        Digest::Exact(Vec::new())
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Digest::Exact(mine), Digest::Exact(theirs)) => mine == theirs,
            (Digest::Compressed(mine), Digest::Compressed(theirs)) => {
                mine.centroids() == theirs.centroids()
                    && mine.min() == theirs.min()
                    && mine.max() == theirs.max()
            }
            _ => false,
        }
    }
}

impl Digest {
    /// Adds finite values, which must be ascending.
    pub fn add_sorted(&mut self, sorted: &[f64]) {
        if sorted.is_empty() {
            return;
        }
        *self = match std::mem::take(self) {
            Digest::Exact(values) => {
                let merged = if values.is_empty() { sorted.to_vec() } else { merge_sorted(&values, sorted) };
                if merged.len() <= EXACT_MAX {
                    Digest::Exact(merged)
                } else {
                    Digest::Compressed(TDigest::new_with_size(SIZE).merge_sorted(merged))
                }
            }
            Digest::Compressed(digest) => Digest::Compressed(digest.merge_sorted(sorted.to_vec())),
        };
    }

    /// Merges `other` into this.
    pub fn merge(&mut self, other: &Digest) {
        match (&mut *self, other) {
            (_, Digest::Exact(values)) => self.add_sorted(values),
            (Digest::Exact(values), Digest::Compressed(theirs)) => {
                *self = Digest::Compressed(theirs.merge_sorted(std::mem::take(values)));
            }
            (Digest::Compressed(mine), Digest::Compressed(theirs)) => {
                let least = mine.min().into_iter().chain(theirs.min()).reduce(f64::min).unwrap_or_default();
                let most = mine.max().into_iter().chain(theirs.max()).reduce(f64::max).unwrap_or_default();
                // Both ascend, so that nothing is left to sort.
                let centroids = merge_sorted(mine.centroids(), theirs.centroids());
                *self = Digest::compressed(centroids, least, most);
            }
        }
    }

    /// The same in `most` centroids at most, or in half as many values, which are longer.
    pub(super) fn thinned(&self, most: usize) -> Digest {
        match self {
            Digest::Exact(values) if 2 * values.len() > most => {
                Digest::Compressed(TDigest::new_with_size(most).merge_sorted(values.clone()))
            }
            Digest::Compressed(digest) if digest.centroids().len() > most => {
                let centroids = digest.centroids().to_vec();
                let (sum, count) = sum_and_count(&centroids);
                Digest::Compressed(TDigest::new(centroids, sum, count, digest.max(), digest.min(), most))
            }
            few => few.clone(),
        }
    }

    /// A digest of `centroids`, in any order, whose values are from `min` to `max`.
    pub(super) fn compressed(centroids: Vec<Centroid>, min: f64, max: f64) -> Digest {
        let (sum, count) = sum_and_count(&centroids);
        Digest::Compressed(TDigest::new(centroids, sum, count, Some(max), Some(min), SIZE))
    }

    /// A digest of ascending values with how often each is there, between the extremes `min` and `max`.
    pub(super) fn of_points(points: &[(f64, u64)], min: f64, max: f64) -> Digest {
        let rows: u64 = points.iter().map(|(_, rows)| rows).sum();
        if rows <= EXACT_MAX as u64 {
            let all = points.iter().flat_map(|(value, rows)| (0..*rows).map(|_| *value));
            return Digest::Exact(all.collect());
        }
        // Between the middles of two centroids a digest interpolates: a frequent value is many of them.
        let pieces = |(value, count): &(f64, u64)| {
            let (value, count, pieces) = (*value, *count, (EXACT_MAX as u64 * count).div_ceil(rows));
            let up_to = move |piece: u64| (u128::from(count) * u128::from(piece) / u128::from(pieces)) as f64;
            (0..pieces).map(move |piece| Centroid::new(value, up_to(piece + 1) - up_to(piece)))
        };
        let centroids = points.iter().flat_map(pieces).filter(|centroid| centroid.weight() > 0.0);
        Digest::compressed(centroids.collect(), min, max)
    }

    /// How many values it holds.
    pub fn count(&self) -> u64 {
        match self {
            Digest::Exact(values) => values.len() as u64,
            Digest::Compressed(digest) => digest.count() as u64,
        }
    }

    /// Least value.
    pub fn min(&self) -> Option<f64> {
        match self {
            Digest::Exact(values) => values.first().copied(),
            Digest::Compressed(digest) => digest.min(),
        }
    }

    /// Greatest value.
    pub fn max(&self) -> Option<f64> {
        match self {
            Digest::Exact(values) => values.last().copied(),
            Digest::Compressed(digest) => digest.max(),
        }
    }

    /// The value at quantile `q` (0 to 1): linear between order statistics while exact (NumPy's
    /// default rule), else an estimate. `None` when empty.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        match self {
            Digest::Exact(values) => quantile_of_sorted(values, q),
            Digest::Compressed(digest) => digest.estimate_quantile(q),
        }
    }

    /// The share of values not above `value` (0 to 1); an estimate once compressed. 0 when empty.
    pub fn share_up_to(&self, value: f64) -> f64 {
        match self {
            Digest::Exact(values) if values.is_empty() => 0.0,
            Digest::Exact(values) => values.partition_point(|v| *v <= value) as f64 / values.len() as f64,
            Digest::Compressed(digest) => digest.estimate_rank(value).unwrap_or(0.0),
        }
    }

    /// The distribution as a line through (value, share of the values up to it), both ascending: a
    /// step for each value while exact; else each centroid spreads evenly about its mean, at most
    /// half-way to the next one or to the extreme, so that the line has the mean of the values. Empty
    /// when it holds nothing.
    pub fn course(&self) -> Vec<(f64, f64)> {
        match self {
            Digest::Exact(values) => {
                let rows = values.len() as f64;
                let step = |(i, v): (usize, &f64)| [(*v, i as f64 / rows), (*v, (i + 1) as f64 / rows)];
                values.iter().enumerate().flat_map(step).collect()
            }
            Digest::Compressed(digest) => {
                let centroids = digest.centroids();
                let mut course = Vec::with_capacity(2 * centroids.len());
                let (mut left, mut before, mut start) = (digest.min().unwrap_or_default(), 0.0, 0.0);
                for (i, centroid) in centroids.iter().enumerate() {
                    let mean = centroid.mean();
                    let half_way = centroids.get(i + 1).map(|next| mean / 2.0 + next.mean() / 2.0);
                    let right = half_way.or(digest.max()).unwrap_or(mean);
                    let is_value = centroid.weight() == 1.0;
                    let spread = if is_value { 0.0 } else { (mean - left).min(right - mean) };
                    before += centroid.weight();
                    let end = (before / digest.count()).min(1.0);
                    course.extend([((mean - spread).max(left), start), ((mean + spread).min(right), end)]);
                    (left, start) = (right, end);
                }
                course
            }
        }
    }

    /// Means and weights of the centroids; `None` while exact.
    pub(super) fn centroids(&self) -> Option<&[Centroid]> {
        match self {
            Digest::Exact(_) => None,
            Digest::Compressed(digest) => Some(digest.centroids()),
        }
    }

    /// A compressed digest from its centroids and extremes, bit for bit as it was.
    pub(super) fn from_centroids(centroids: Vec<Centroid>, min: f64, max: f64) -> Digest {
        let (sum, count) = sum_and_count(&centroids);
        let size = SIZE.max(centroids.len());
        Digest::Compressed(TDigest::new(centroids, sum, count, Some(max), Some(min), size))
    }
}

fn sum_and_count(centroids: &[Centroid]) -> (f64, f64) {
    let sum = centroids.iter().map(|centroid| centroid.mean() * centroid.weight()).sum();
    (sum, centroids.iter().map(Centroid::weight).sum())
}

/// NumPy's `linear` rule: position `q * (n - 1)` between order statistics, interpolated as NumPy
/// does, so that equal inputs give equal bits.
pub fn quantile_of_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = q * last as f64;
    let below = (position.floor() as usize).min(last);
    let (a, b, t) = (sorted[below], sorted[(below + 1).min(last)], position - below as f64);
    let difference = b - a;
    if !difference.is_finite() {
        return Some(a * (1.0 - t) + b * t);
    }
    Some(if t >= 0.5 { b - difference * (1.0 - t) } else { a + difference * t })
}

fn merge_sorted<T: Copy + PartialOrd>(a: &[T], b: &[T]) -> Vec<T> {
    let mut merged = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if a[i] <= b[j] {
            merged.push(a[i]);
            i += 1;
        } else {
            merged.push(b[j]);
            j += 1;
        }
    }
    merged.extend_from_slice(&a[i..]);
    merged.extend_from_slice(&b[j..]);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_values_are_kept_exactly() {
        let mut digest = Digest::default();
        digest.add_sorted(&[1.0, 3.0]);
        digest.add_sorted(&[2.0]);
        assert_eq!(digest, Digest::Exact(vec![1.0, 2.0, 3.0]));
        assert_eq!(digest.quantile(0.25), Some(1.5));
        assert_eq!(digest.share_up_to(2.0), 2.0 / 3.0);
    }

    #[test]
    fn an_empty_digest_has_no_quantile() {
        assert_eq!(Digest::default().quantile(0.5), None);
        assert_eq!(Digest::default().count(), 0);
    }

    #[test]
    fn quantiles_follow_numpys_linear_rule() {
        // numpy.quantile([1, 2, 4, 8], [0, 0.1, 0.5, 0.9, 1]) = [1, 1.3, 3, 6.8, 8]
        let values = [1.0, 2.0, 4.0, 8.0];
        let found: Vec<f64> =
            [0.0, 0.1, 0.5, 0.9, 1.0].iter().map(|q| quantile_of_sorted(&values, *q).unwrap()).collect();
        for (found, expected) in found.iter().zip([1.0, 1.3, 3.0, 6.8, 8.0]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn a_course_has_the_mean_of_the_values_and_ends_at_the_extremes() {
        let values: Vec<f64> = (0..5000).map(|i| (f64::from(i) / 5000.0).powi(7) * 100.0 - 3.0).collect();
        let mut digest = Digest::default();
        digest.add_sorted(&values);
        let course = digest.course();
        assert!(course.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1), "{course:?}");
        assert_eq!((course[0], course[course.len() - 1]), ((values[0], 0.0), (values[4999], 1.0)));
        let mean: f64 =
            course.windows(2).map(|pair| (pair[1].1 - pair[0].1) * (pair[0].0 + pair[1].0) / 2.0).sum();
        assert!((mean - values.iter().sum::<f64>() / 5000.0).abs() < 1e-9, "{mean}");
    }

    #[test]
    fn a_course_steps_at_each_value_that_is_known() {
        assert_eq!(
            Digest::Exact(vec![1.0, 1.0, 4.0, 7.0]).course()[2..6],
            [(1.0, 0.25), (1.0, 0.5), (4.0, 0.5), (4.0, 0.75)]
        );
        assert_eq!(Digest::default().course(), []);
    }

    proptest! {
        #[test]
        fn merged_in_any_grouping_ranks_agree_with_the_exact_ones(
            parts in prop::collection::vec(prop::collection::vec(-1e6..1e6f64, 0..800), 1..6),
        ) {
            let mut digest = Digest::default();
            let mut all = Vec::new();
            for part in &parts {
                let mut sorted = part.clone();
                sorted.sort_by(f64::total_cmp);
                let mut one = Digest::default();
                one.add_sorted(&sorted);
                digest.merge(&one);
                all.extend(sorted);
            }
            all.sort_by(f64::total_cmp);
            prop_assert_eq!(digest.count(), all.len() as u64);
            prop_assert_eq!(digest.min(), all.first().copied());
            prop_assert_eq!(digest.max(), all.last().copied());
            for value in all.iter().step_by(37) {
                let exact = all.partition_point(|v| v <= value) as f64 / all.len() as f64;
                prop_assert!((digest.share_up_to(*value) - exact).abs() < 0.02);
            }
        }
    }
}
