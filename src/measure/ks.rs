//! The Kolmogorov-Smirnov distance: the greatest difference of the two cumulative shares.
//!
//! At the ends of cells both are known exactly, which certifies `low`; inside a cell each only
//! rises, which certifies `high`. Both rest on counts. `value` follows the digests inside the cells
//! and is held within the two. In cells of a single number, as all of a discrete feature are, there
//! is no inside: the three are equal.

use super::MeasureValue;
use crate::sketch::{Digest, FeatureSketch, OrderedCells};
use std::ops::Range;

/// The distance of `window` from `reference`, both counted in `cells`; `None` where one is empty.
pub(super) fn ks(
    cells: &OrderedCells,
    reference: &FeatureSketch,
    window: &FeatureSketch,
) -> Option<MeasureValue> {
    let (f, g) = (Cumulative::of(reference, cells)?, Cumulative::of(window, cells)?);
    let inner = || (0..cells.len()).filter(|cell| !cells.is_atom(*cell));
    let low = (0..cells.len()).map(|cell| (f.at(cell).end - g.at(cell).end).abs()).fold(0.0, f64::max);
    let bound = |cell: usize| {
        let (f, g) = (f.at(cell), g.at(cell));
        (f.end - g.start).max(g.end - f.start)
    };
    let high = inner().map(bound).fold(low, f64::max);
    let mut value = low;
    if high > low {
        let mut points = [f.digest.support(), g.digest.support()].concat();
        points.extend([f.digest, g.digest].iter().flat_map(|digest| [digest.min(), digest.max()]).flatten());
        points.retain(|point| point.is_finite());
        points.sort_by(f64::total_cmp);
        points.dedup();
        for cell in inner() {
            // Only a cell that can hold more than what was found is worth the look.
            if bound(cell) > value {
                value = value.max(inside(cells, cell, &points, &f, &g));
            }
        }
    }
    Some(MeasureValue { value: value.clamp(low, high), low, high, corrected: low, threshold: None })
}

/// The greatest difference that the digests show inside `cell`, at the `points` (ascending) where
/// one of them steps: just before and at each.
fn inside(cells: &OrderedCells, cell: usize, points: &[f64], f: &Cumulative<'_>, g: &Cumulative<'_>) -> f64 {
    let (lower, upper) = (cells.lower(cell), cells.upper(cell));
    let (f, g) = (f.within(cell, lower, upper), g.within(cell, lower, upper));
    let first = points.partition_point(|point| *point <= lower);
    let last = points.partition_point(|point| *point <= upper);
    points[first..last]
        .iter()
        .flat_map(|point| [point.next_down(), *point])
        .map(|x| (f.share_up_to(x) - g.share_up_to(x)).abs())
        .fold(0.0, f64::max)
}

/// Exact cumulative shares at the ends of cells, and a digest for what lies between.
struct Cumulative<'a> {
    ends: Vec<f64>,
    digest: &'a Digest,
}

impl<'a> Cumulative<'a> {
    fn of(sketch: &'a FeatureSketch, cells: &OrderedCells) -> Option<Self> {
        let counts = &sketch.tally.cells;
        let rows: u64 = counts.iter().sum();
        if rows == 0 {
            return None;
        }
        assert_eq!(counts.len(), cells.len(), "a sketch was compared in cells of another basis");
        let sums = counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        Some(Cumulative {
            ends: sums.map(|sum| sum as f64 / rows as f64).collect(),
            digest: &sketch.detail.digest,
        })
    }

    /// Cumulative shares where `cell` starts and ends.
    fn at(&self, cell: usize) -> Range<f64> {
        let start = if cell == 0 { 0.0 } else { self.ends[cell - 1] };
        start..self.ends[cell]
    }

    fn within(&self, cell: usize, lower: f64, upper: f64) -> Within<'a> {
        let from = if lower == f64::NEG_INFINITY { 0.0 } else { self.digest.share_up_to(lower) };
        let to = if upper == f64::INFINITY { 1.0 } else { self.digest.share_up_to(upper) };
        Within { exact: self.at(cell), estimated: from..to, digest: self.digest }
    }
}

/// One side inside a cell: the digest's course, stretched to the exact shares at the cell's ends.
struct Within<'a> {
    exact: Range<f64>,
    estimated: Range<f64>,
    digest: &'a Digest,
}

impl Within<'_> {
    fn share_up_to(&self, x: f64) -> f64 {
        let passed =
            (self.digest.share_up_to(x) - self.estimated.start) / (self.estimated.end - self.estimated.start);
        // A digest that sees nothing in a cell where values were counted leaves them in its middle.
        let passed = if passed.is_finite() { passed.clamp(0.0, 1.0) } else { 0.5 };
        self.exact.start + passed * (self.exact.end - self.exact.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::measure::testdata::{Expected, discrete, numbers, ordered, sketch};
    use crate::reference::FeatureProfile;
    use crate::sketch::{Basis, quantile_of_sorted};
    use crate::words::Kind;
    use proptest::prelude::*;

    fn distance(reference: &FeatureProfile, window: &[f64]) -> MeasureValue {
        let Basis::Ordered(cells) = &*reference.basis else { panic!("cells of numbers") };
        let window = sketch(reference.kind, &reference.basis, numbers(window));
        ks(cells, &reference.sketch, &window).unwrap()
    }

    fn exact(a: &[f64], b: &[f64]) -> f64 {
        let share =
            |values: &[f64], x: f64| values.iter().filter(|v| **v <= x).count() as f64 / values.len() as f64;
        a.iter().chain(b).map(|x| (share(a, *x) - share(b, *x)).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn the_exact_distance_lies_within_the_bounds_and_near_the_value() {
        for case in Expected::load().samples {
            let reference = ordered(Kind::Continuous, case.edges, case.bin_ends, &case.reference);
            let found = distance(&reference, &case.window);
            let within = found.low - 1e-12 <= case.ks && case.ks <= found.high + 1e-12;
            assert!(within && (found.value - case.ks).abs() < 0.005, "{} {}: {found:?}", case.name, case.ks);
            assert_eq!(found.corrected, found.low);
        }
    }

    #[test]
    fn samples_small_enough_to_be_kept_are_measured_exactly() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2.5, 2.6, 2.7, 8.0]);
        let found = distance(&ordered(Kind::Continuous, vec![4.0], vec![0], &a), &b);
        assert!((found.value - exact(&a, &b)).abs() < 1e-15 && found.low < found.value, "{found:?}");
    }

    #[test]
    fn a_discrete_feature_is_measured_exactly_also_between_its_values() {
        let reference = discrete(&[1.0, 2.0, 2.0, 4.0]);
        let found = distance(&reference, &[3.0, 3.0, 4.0, 7.0]);
        assert_eq!((found.low, found.value, found.high), (0.75, 0.75, 0.75));
    }

    #[test]
    fn a_step_of_one_side_is_met_from_both_sides() {
        let smooth: Vec<f64> = (0..5000).map(|i| f64::from(i * 7919 % 5000) / 5000.0).collect();
        let reference = ordered(Kind::Continuous, vec![], vec![], &smooth);
        for step in [0.55, 0.6, 0.65, 0.7, 0.75, 0.8] {
            let found = distance(&reference, &[step; 10]);
            assert!((found.value - step).abs() < 4e-4, "{step} {found:?}");
        }
    }

    #[test]
    fn numbers_at_the_ends_of_their_range_are_measured() {
        let wild = [f64::MIN, -1e308, -5e-324, 0.0, 5e-324, f64::MIN_POSITIVE, 1e308, f64::MAX].repeat(200);
        let reference = ordered(Kind::Continuous, vec![-1e308, 0.0, 1e308], vec![1], &wild);
        let found = distance(&reference, &[f64::MAX; 1000]);
        assert!(found.low <= found.value && found.value <= found.high && found.low == 0.875, "{found:?}");
    }

    #[test]
    fn an_empty_side_has_no_distance() {
        let reference = discrete(&[1.0]);
        let Basis::Ordered(cells) = &*reference.basis else { panic!("cells of numbers") };
        let empty = sketch(Kind::Discrete, &reference.basis, [Value::Missing]);
        assert_eq!(ks(cells, &reference.sketch, &empty), None);
        assert_eq!(ks(cells, &FeatureSketch::default(), &reference.sketch), None);
    }

    fn values() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(
            prop_oneof![(-40..40i32).prop_map(|i| f64::from(i) / 8.0), -5.0..5.0f64, Just(0.0)],
            1..400,
        )
    }

    proptest! {
        #[test]
        fn the_bounds_hold_for_any_samples(a in values(), b in values()) {
            let mut sorted = a.clone();
            sorted.sort_by(f64::total_cmp);
            let mut edges: Vec<f64> = (1..20).filter_map(|j| quantile_of_sorted(&sorted, f64::from(j) / 20.0)).collect();
            edges.extend([0.0_f64.next_down(), 0.0]);
            edges.sort_by(f64::total_cmp);
            edges.dedup_by(|a, b| a == b);
            let found = distance(&ordered(Kind::Continuous, edges, vec![], &a), &b);
            let exact = exact(&a, &b);
            prop_assert!(found.low - 1e-12 <= exact && exact <= found.high + 1e-12, "{} {:?}", exact, found);
            prop_assert!(found.low <= found.value && found.value <= found.high, "{:?}", found);
            if a.len().max(b.len()) <= 256 {
                prop_assert!((found.value - exact).abs() < 1e-12, "{} {:?}", exact, found);
            }
        }
    }
}
