//! Quantiles of a feature: the values themselves while they are few, then a t-digest.
//!
//! A t-digest (T. Dunning, O. Ertl, "Computing extremely accurate quantiles using t-digests",
//! 2019; crate `tdigest`) has no worst-case bound on its error, and repeated values smear. So it
//! informs: quantiles, tails, the place inside a cell. It never certifies.

use super::centroids::{Centroids, merge_sorted};
use tdigest::{Centroid, TDigest};

/// Up to this many values are kept as they are.
const EXACT_MAX: usize = 256;
/// Centroids of a digest; rank errors of 0.002 to 0.004 on continuous data.
const SIZE: usize = 200;
/// Of one that is read once: to join centroids costs more than to read some more of them.
const GATHERED: usize = 2 * SIZE;

/// Quantiles of finite numbers, mergeable.
#[derive(Debug, Clone, PartialEq)]
pub enum Digest {
    /// All values, ascending.
    Exact(Vec<f64>),
    /// A compressed summary.
    Compressed(Centroids),
}

impl Default for Digest {
    fn default() -> Self {
        Digest::Exact(Vec::new())
    }
}

/// Rows that lie evenly from one number to another; all on one where the two are equal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    /// The lower end.
    pub from: f64,
    /// The upper end.
    pub to: f64,
    /// How many rows.
    pub rows: f64,
}

impl Digest {
    /// Adds finite values, which must be ascending.
    pub fn add_sorted(&mut self, sorted: &[f64]) {
        let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else { return };
        match self {
            Digest::Exact(values) => {
                let merged = merge_sorted(values, sorted, |value| *value);
                *self =
                    if merged.len() <= EXACT_MAX { Digest::Exact(merged) } else { digested(merged, SIZE) };
            }
            Digest::Compressed(centroids) => centroids.merge(&alone(sorted), (*min, *max), SIZE),
        }
    }

    /// Merges `other` into this.
    pub fn merge(&mut self, other: &Digest) {
        match (&mut *self, other) {
            (_, Digest::Exact(values)) => self.add_sorted(values),
            (Digest::Exact(values), Digest::Compressed(_)) => {
                let values = std::mem::take(values);
                *self = other.clone();
                self.add_sorted(&values);
            }
            (Digest::Compressed(mine), Digest::Compressed(theirs)) => {
                mine.merge(theirs.as_slice(), theirs.extremes(), SIZE);
            }
        }
    }

    /// Merges `other` into this with nearly all that both tell, for what is asked and not kept.
    pub fn gather(&mut self, other: &Digest) {
        match (&mut *self, other) {
            (Digest::Compressed(mine), Digest::Compressed(theirs)) => {
                mine.merge(theirs.as_slice(), theirs.extremes(), GATHERED);
            }
            _ => self.merge(other),
        }
    }

    /// The same in `most` centroids at most, or in half as many values, which are longer.
    pub(super) fn thinned(&self, most: usize) -> Digest {
        match self {
            Digest::Exact(values) if 2 * values.len() > most => digested(values.clone(), most),
            Digest::Exact(values) => Digest::Exact(values.clone()),
            Digest::Compressed(centroids) => Digest::Compressed(centroids.clone().thinned(most)),
        }
    }

    /// A digest of `centroids`, one at least and in any order, whose values are from `min` to `max`.
    pub(super) fn compressed(mut centroids: Vec<Centroid>, min: f64, max: f64) -> Digest {
        centroids.sort_unstable();
        Digest::Compressed(Centroids::new(centroids, min, max).thinned(SIZE))
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
            Digest::Compressed(centroids) => centroids.rows() as u64,
        }
    }

    /// Least value.
    pub fn min(&self) -> Option<f64> {
        self.extremes().map(|(min, _)| min)
    }

    /// Greatest value.
    pub fn max(&self) -> Option<f64> {
        self.extremes().map(|(_, max)| max)
    }

    /// Least and greatest value.
    pub fn extremes(&self) -> Option<(f64, f64)> {
        match self {
            Digest::Exact(values) => values.first().copied().zip(values.last().copied()),
            Digest::Compressed(centroids) => Some(centroids.extremes()),
        }
    }

    /// The value at quantile `q` (0 to 1): linear between order statistics while exact (NumPy's
    /// default rule), else an estimate. `None` when empty.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.quantiles([q]).map(|[value]| value)
    }

    /// The values at quantiles that ascend, cheaper than one after the other.
    pub fn quantiles<const N: usize>(&self, ascending: [f64; N]) -> Option<[f64; N]> {
        match self {
            Digest::Exact(values) => {
                let mut found = ascending;
                for q in &mut found {
                    *q = quantile_of_sorted(values, *q)?;
                }
                Some(found)
            }
            Digest::Compressed(centroids) => Some(centroids.quantiles(ascending)),
        }
    }

    /// The distribution as a line through values with the share of all values up to them, both ascending: the
    /// ends of where [rows lie](Centroids::for_each). `each` is given the points above `lower` and up to `upper`.
    pub fn course(&self, lower: f64, upper: f64, each: impl FnMut(f64, f64)) {
        match self {
            Digest::Exact(values) => {
                let first = values.partition_point(|value| *value <= lower);
                let spans = values[first..].iter().map(on);
                course(spans, first as f64, values.len() as f64, (lower, upper), each);
            }
            Digest::Compressed(centroids) => {
                // The one before may reach beyond.
                let all = centroids.as_slice();
                let first = all.partition_point(|centroid| centroid.mean() <= lower).saturating_sub(1);
                let weight = |some: &[Centroid]| some.iter().map(Centroid::weight).sum::<f64>();
                // Weights are whole numbers: either way to the sum is exact.
                let (before, after) = all.split_at(first);
                let is_near = before.len() < after.len();
                let passed = if is_near { weight(before) } else { centroids.rows() - weight(after) };
                course(centroids.spans(first), passed, centroids.rows(), (lower, upper), each);
            }
        }
    }

    /// Means and weights of the centroids; `None` while exact.
    pub(super) fn centroids(&self) -> Option<&[Centroid]> {
        match self {
            Digest::Exact(_) => None,
            Digest::Compressed(centroids) => Some(centroids.as_slice()),
        }
    }

    /// A compressed digest from its ascending centroids, one at least, and extremes, bit for bit as it was.
    pub(super) fn from_centroids(centroids: Vec<Centroid>, min: f64, max: f64) -> Digest {
        Digest::Compressed(Centroids::new(centroids, min, max))
    }
}

/// `ascending` values, one at least, in `most` centroids at most.
fn digested(ascending: Vec<f64>, most: usize) -> Digest {
    let (min, max) = (ascending[0], ascending[ascending.len() - 1]);
    let digest = TDigest::new_with_size(most).merge_sorted(ascending);
    Digest::Compressed(Centroids::new(digest.centroids().to_vec(), min, max))
}

fn on(value: &f64) -> Span {
    Span { from: *value, to: *value, rows: 1.0 }
}

/// Gives `each` the ends of `spans` above `lower` and up to `upper`, with their share of all `rows`, of which
/// so many lie before the first span.
fn course(
    spans: impl Iterator<Item = Span>,
    mut passed: f64,
    rows: f64,
    (lower, upper): (f64, f64),
    mut each: impl FnMut(f64, f64),
) {
    for span in spans.take_while(|span| span.from <= upper) {
        let start = passed / rows;
        passed += span.rows;
        if lower < span.from {
            each(span.from, start);
        }
        if lower < span.to && span.to <= upper {
            each(span.to, (passed / rows).min(1.0));
        }
    }
}

/// Each of `values` as a centroid of its own.
fn alone(values: &[f64]) -> Vec<Centroid> {
    values.iter().map(|value| Centroid::new(*value, 1.0)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn course(digest: &Digest, lower: f64, upper: f64) -> Vec<(f64, f64)> {
        let mut points = Vec::new();
        digest.course(lower, upper, |value, share| points.push((value, share)));
        points
    }

    fn share_up_to(digest: &Digest, value: f64) -> f64 {
        let course = course(digest, f64::NEG_INFINITY, f64::INFINITY);
        let next = course.partition_point(|(place, _)| *place <= value);
        match (course[..next].last(), course.get(next)) {
            (None, _) => 0.0,
            (Some((_, share)), None) => *share,
            (Some(last), Some(next)) => last.1 + (value - last.0) / (next.0 - last.0) * (next.1 - last.1),
        }
    }

    #[test]
    fn few_values_are_kept_exactly() {
        let mut digest = Digest::default();
        digest.add_sorted(&[1.0, 3.0]);
        digest.add_sorted(&[2.0]);
        assert_eq!(digest, Digest::Exact(vec![1.0, 2.0, 3.0]));
        assert_eq!(digest.quantile(0.25), Some(1.5));
        assert_eq!(share_up_to(&digest, 2.0), 2.0 / 3.0);
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
        let course = course(&digest, f64::NEG_INFINITY, f64::INFINITY);
        assert!(course.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1), "{course:?}");
        assert_eq!((course[0], course[course.len() - 1]), ((values[0], 0.0), (values[4999], 1.0)));
        let mean: f64 =
            course.windows(2).map(|pair| (pair[1].1 - pair[0].1) * (pair[0].0 + pair[1].0) / 2.0).sum();
        assert!((mean - values.iter().sum::<f64>() / 5000.0).abs() < 1e-9, "{mean}");
    }

    #[test]
    fn a_course_steps_at_each_value_that_is_known() {
        assert_eq!(
            course(&Digest::Exact(vec![0.5, 1.0, 4.0, 7.0]), 0.5, 4.0),
            [(1.0, 0.25), (1.0, 0.5), (4.0, 0.5), (4.0, 0.75)]
        );
        assert_eq!(course(&Digest::default(), 0.5, 4.0), []);
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
                prop_assert!((share_up_to(&digest, *value) - exact).abs() < 0.02);
            }
        }
    }
}
