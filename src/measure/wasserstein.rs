//! The Wasserstein distance: how far the values moved, in standard deviations of the reference.
//!
//! *Definition.* ∫ |F(x) - G(x)| dx over the standard deviation (divisor n) of the reference. A
//! reference whose values are all equal has no scale: then there is no distance, and psi and ks speak
//! for the feature. There is none either where a number overflows.
//!
//! *Source.* Vallender (1974), for the distance between distributions on a line.
//!
//! *Error.* Within a cell each curve only rises, from and to a share that is counted, and nothing lies
//! beyond the extremes: that certifies `low` and `high`, on counts and extremes alone. `value` follows
//! the estimated [curves](super::curve), moved by what their signed area misses of the difference of
//! the means, which moments know, and is held within the two. `docs/measures.md` has what it misses
//! on real data; where values repeat more coarsely than a digest resolves, it is the least precise.
//!
//! *When not.* Where [a tail rules](tail_rules) the standard deviation: a few far values make every
//! other change look small.

use super::MeasureValue;
use super::curve::{Curve, Curves};
use crate::reference::FeatureProfile;
use crate::sketch::FeatureSketch;

/// Interquartile ranges to a standard deviation, in a normal distribution.
const IQR_PER_STD: f64 = 1.349;
/// So many times what the quartiles promise, a standard deviation is a tail's.
const TAIL_RATIO: f64 = 5.0;

/// The distance between `curves`, those of the sketches `reference` and `window`.
pub(super) fn wasserstein(
    curves: &Curves<'_>,
    reference: &FeatureSketch,
    window: &FeatureSketch,
) -> Option<MeasureValue> {
    // Where a deviation is too small to divide by, the distance is too large to say.
    let per_scale = Some(1.0 / scale(reference)?).filter(|per_scale| per_scale.is_finite())?;
    let (low, high) = bounds(curves, per_scale).filter(|(low, high)| low.is_finite() && high.is_finite())?;
    let means = reference.detail.moments.mean().zip(window.detail.moments.mean());
    let moved = means.map(|(f, g)| (g - f) * per_scale);
    let value = estimate(curves, per_scale, moved).clamp(low, high);
    value.is_finite().then_some(MeasureValue { value, low, high, corrected: low, threshold: None })
}

/// Whether a tail makes the standard deviation of `reference`: it is over five times what the middle
/// half of the values would have it. What is measured by it then looks small.
pub(super) fn tail_rules(reference: &FeatureProfile) -> bool {
    let digest = &reference.sketch.detail.digest;
    scale(&reference.sketch)
        .zip(digest.quantiles([0.25, 0.75]))
        .is_some_and(|(std, [lower, upper])| std > TAIL_RATIO * (upper - lower) / IQR_PER_STD)
}

/// The standard deviation of a reference whose values are not all equal: rounding gives equal ones a
/// tiny one.
fn scale(reference: &FeatureSketch) -> Option<f64> {
    let digest = &reference.detail.digest;
    reference.detail.moments.std().filter(|std| *std > 0.0 && digest.min() < digest.max())
}

/// What the distance is at least and at most.
fn bounds(curves: &Curves<'_>, per_scale: f64) -> Option<(f64, f64)> {
    let Curves { cells, f, g, .. } = curves;
    let (of_f, of_g) = (f.extremes()?, g.extremes()?);
    let mut extremes = [of_f.0, of_f.1, of_g.0, of_g.1];
    extremes.sort_by(f64::total_cmp);
    let mut bounds = Bounds::default();
    // Between the cells of the extremes the curves are bounded by their shares alone.
    let ends = extremes.map(|extreme| cells.locate(extreme));
    for run in ends.windows(2).filter(|run| run[0] + 1 < run[1]) {
        let inner = run[0] + 1..run[1];
        let edges = cells.edges()[inner.start - 1..inner.end].windows(2);
        let (f, g) = (&f.shares[inner.start..=inner.end], &g.shares[inner.start..=inner.end]);
        for ((edges, f), g) in edges.zip(f.windows(2)).zip(g.windows(2)) {
            bounds.add((edges[1] - edges[0]) * per_scale, (f[0], f[1]), (g[0], g[1]));
        }
    }
    // Within them one may not have begun, or have ended.
    for cell in (0..4).filter(|at| *at == 0 || ends[*at] != ends[*at - 1]).map(|at| ends[at]) {
        let (mut from, end) = (cells.lower(cell).max(extremes[0]), cells.upper(cell).min(extremes[3]));
        while from < end {
            let to = extremes.iter().find(|extreme| **extreme > from).map_or(end, |extreme| extreme.min(end));
            // What a curve is at least and at most from here to there.
            let within = |curve: &Curve<'_>, (least, greatest): (f64, f64)| {
                let share = curve.at(cell);
                let most = if to <= least { 0.0 } else { share.end };
                (if from >= greatest { 1.0 } else { share.start }, most)
            };
            bounds.add((to - from) * per_scale, within(f, of_f), within(g, of_g));
            from = to;
        }
    }
    Some((bounds.low, bounds.high.max(bounds.low)))
}

/// The least and the greatest area between two curves.
#[derive(Default)]
struct Bounds {
    low: f64,
    high: f64,
}

impl Bounds {
    /// Adds a stretch of this width on which each curve is at least and at most something.
    fn add(&mut self, width: f64, f: (f64, f64), g: (f64, f64)) {
        let (above, below) = (f.0 - g.1, g.0 - f.1);
        let (more, less) = if above > below { (above, below) } else { (below, above) };
        self.low += width * if more > 0.0 { more } else { 0.0 };
        self.high -= width * less;
    }
}

/// The area between the estimated curves. `moved` is how far the mean moved, which is the signed area.
fn estimate(curves: &Curves<'_>, per_scale: f64, moved: Option<f64>) -> f64 {
    let Curves { cells, f, g, pieces, .. } = curves;
    let mut between = Area::default();
    for run in curves.straight().filter(|run| !run.is_empty()) {
        let edges = cells.edges()[run.start - 1..run.end].windows(2);
        let (f, g) = (&f.shares[run.start..=run.end], &g.shares[run.start..=run.end]);
        for ((edges, f), g) in edges.zip(f.windows(2)).zip(g.windows(2)) {
            between.add((edges[1] - edges[0]) * per_scale, f[0] - g[0], f[1] - g[1]);
        }
    }
    for piece in pieces {
        between.add((piece.to - piece.from) * per_scale, piece.first, piece.last);
    }
    let Area { area, signed } = between;
    match moved {
        // The part of the area that has a sign takes its part of what is missed.
        Some(moved) if area > 0.0 => area + (moved - signed) * signed / area,
        _ => area,
    }
}

/// The area between two curves, and its part above the second less the one below.
#[derive(Default)]
struct Area {
    area: f64,
    signed: f64,
}

impl Area {
    /// Adds a stretch on which both curves are straight, by how far the first is above at its ends.
    fn add(&mut self, width: f64, first: f64, last: f64) {
        let middle = (first + last) * 0.5;
        let crosses = first * last < 0.0;
        let height =
            if crosses { (first * first + last * last) / (first - last).abs() * 0.5 } else { middle.abs() };
        self.area += width * height;
        self.signed += width * middle;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::curve::testing::curves;
    use crate::measure::testdata::{Expected, discrete, numbers, ordered, sketch};
    use crate::sketch::{Basis, quantile_of_sorted};
    use crate::words::Kind;
    use proptest::prelude::*;

    fn distance(reference: &FeatureProfile, window: &FeatureSketch) -> Option<MeasureValue> {
        let Basis::Ordered(cells) = &*reference.basis else { panic!("cells of numbers") };
        let of = |curves: Curves<'_>| wasserstein(&curves, &reference.sketch, window);
        curves(cells, &reference.sketch, window, of)?
    }

    fn of_values(reference: &FeatureProfile, values: &[f64]) -> Option<MeasureValue> {
        distance(reference, &sketch(reference.kind, &reference.basis, numbers(values)))
    }

    /// By definition: the area between the two steps at all values.
    fn exact(a: &[f64], b: &[f64]) -> f64 {
        let mut all = [a, b].concat();
        all.sort_by(f64::total_cmp);
        let share =
            |values: &[f64], x: f64| values.iter().filter(|v| **v <= x).count() as f64 / values.len() as f64;
        all.windows(2).map(|pair| (share(a, pair[0]) - share(b, pair[0])).abs() * (pair[1] - pair[0])).sum()
    }

    fn std(values: &[f64]) -> f64 {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
    }

    #[test]
    fn an_independent_computation_lies_within_the_bounds_and_near_the_value() {
        for case in Expected::load().samples {
            let (reference, window) = case.sketched();
            let found = distance(&reference, &window);
            let (Some(found), Some(expected)) = (found, case.wasserstein) else {
                assert_eq!((found, case.wasserstein), (None, None), "{}", case.name);
                continue;
            };
            let within = found.low <= expected * (1.0 + 1e-9) && expected <= found.high * (1.0 + 1e-9);
            let error = (found.value - expected).abs();
            assert!(within && error < 0.01 * expected, "{}: {expected}, {found:?}", case.name);
            assert_eq!(found.corrected, found.low);
        }
    }

    #[test]
    fn a_discrete_feature_is_measured_exactly() {
        let (reference, window) = ([1.0, 2.0, 2.0, 5.0].repeat(300), [1.0, 1.0, 2.0, 5.0, 5.0].repeat(100));
        let found = of_values(&discrete(&reference), &window).unwrap();
        let expected = exact(&reference, &window) / std(&reference);
        for number in [found.low, found.value, found.high] {
            assert!((number - expected).abs() < 1e-12, "{expected} {found:?}");
        }
    }

    #[test]
    fn a_shift_is_its_own_size() {
        let values: Vec<f64> = (0..5000).map(|i| f64::from(i * 7919 % 5000) / 50.0).collect();
        let edges = (1..100).map(f64::from).collect();
        let reference = ordered(Kind::Continuous, edges, vec![], &values);
        let moved: Vec<f64> = values.iter().map(|v| v + 30.0).collect();
        let found = of_values(&reference, &moved).unwrap();
        assert!((found.value * std(&values) - 30.0).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn a_reference_of_equal_values_has_no_scale_also_where_rounding_gives_it_one() {
        let constant = [0.1; 1000];
        let reference = discrete(&constant);
        assert!(reference.sketch.detail.moments.std().unwrap() > 0.0, "rounding leaves no trace here");
        assert_eq!(of_values(&reference, &constant), None);
        assert_eq!(of_values(&reference, &[0.1, 0.2]), None);
    }

    #[test]
    fn what_overflows_is_none() {
        assert_eq!(of_values(&discrete(&[f64::MIN, f64::MAX]), &[0.0]), None);
        assert_eq!(of_values(&discrete(&[0.0, 1e-300]), &[1e300]), None);
        assert!(of_values(&discrete(&[0.0, 1.0]), &[1e300]).unwrap().value > 1e299);
    }

    #[test]
    fn a_tail_rules_the_scale_where_the_middle_is_far_narrower() {
        let rules = |values: &[f64]| tail_rules(&ordered(Kind::Continuous, vec![], vec![], values));
        let mut values: Vec<f64> = (0..1000).map(|i| f64::from(i) / 1000.0).collect();
        assert!(!rules(&values));
        values[999] = 300.0;
        assert!(rules(&values));
        assert!(!rules(&[5.0; 10]) && !rules(&[]));
    }

    fn values() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(
            prop_oneof![(-40..40i32).prop_map(|i| f64::from(i) / 8.0), -5.0..5.0f64, Just(0.0)],
            2..400,
        )
    }

    proptest! {
        #[test]
        fn the_bounds_hold_for_any_samples(a in values(), b in values()) {
            let mut sorted = a.clone();
            sorted.sort_by(f64::total_cmp);
            prop_assume!(sorted[0] < sorted[sorted.len() - 1]);
            let mut edges: Vec<f64> = (1..20).filter_map(|j| quantile_of_sorted(&sorted, f64::from(j) / 20.0)).collect();
            edges.extend([0.0_f64.next_down(), 0.0]);
            edges.sort_by(f64::total_cmp);
            edges.dedup_by(|a, b| a == b);
            let found = of_values(&ordered(Kind::Continuous, edges, vec![], &a), &b).unwrap();
            let exact = exact(&a, &b) / std(&a);
            prop_assert!(found.low <= exact + 1e-9 && exact <= found.high + 1e-9, "{} {:?}", exact, found);
            if a.len().max(b.len()) <= 256 {
                prop_assert!((found.value - exact).abs() < 1e-9, "{} {:?}", exact, found);
            }
        }
    }
}
