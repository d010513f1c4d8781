//! The Kolmogorov-Smirnov distance: the greatest difference of the two cumulative shares.
//!
//! *Definition.* sup |F(x) - G(x)| over all x, F the reference's and G the window's share of values
//! up to x.
//!
//! *Source.* Smirnov (1948); the same D as in any table of the two-sample test.
//!
//! *Error.* At the ends of cells both shares are known exactly, which certifies `low`; inside a cell
//! each only rises, which certifies `high`. Both rest on counts. `value` follows the estimated
//! [curves](super::curve) and is held within the two. In cells of a single number, as all of a
//! discrete feature are, there is no inside: the three are equal.
//!
//! *When not.* For categories it would depend on the order they are listed in, and is not given. It
//! says little of tails: a twentieth of the rows may go anywhere for a distance of 0.05.

use super::MeasureValue;
use super::curve::Curves;

/// The distance between `curves`.
pub(super) fn ks(curves: &Curves<'_>) -> MeasureValue {
    let Curves { cells, f, g, pieces, .. } = curves;
    let low = f.passed.distance(g.passed);
    let mut high = low;
    for (cell, (f, g)) in f.shares.windows(2).zip(g.shares.windows(2)).enumerate() {
        // Few cells have a greater bound than those before them, and are looked at closely.
        if (f[1] - g[0] > high || g[1] - f[0] > high) && !cells.is_atom(cell) {
            high = (f[1] - g[0]).max(g[1] - f[0]);
        }
    }
    let value = pieces.iter().fold(low, |most, piece| most.max(piece.first.abs()).max(piece.last.abs()));
    MeasureValue { value: value.clamp(low, high), low, high, corrected: low, threshold: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::measure::curve::testing::curves;
    use crate::measure::testdata::{Expected, discrete, numbers, ordered, sketch};
    use crate::reference::FeatureProfile;
    use crate::sketch::{Basis, FeatureSketch, quantile_of_sorted};
    use crate::words::Kind;
    use proptest::prelude::*;

    fn distance(reference: &FeatureProfile, window: &[f64]) -> MeasureValue {
        let Basis::Ordered(cells) = &*reference.basis else { panic!("cells of numbers") };
        let window = sketch(reference.kind, &reference.basis, numbers(window));
        curves(cells, &reference.sketch, &window, |curves| ks(&curves)).unwrap()
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
        assert!(curves(cells, &reference.sketch, &empty, |_| ()).is_none());
        assert!(curves(cells, &FeatureSketch::default(), &reference.sketch, |_| ()).is_none());
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
