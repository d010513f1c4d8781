//! The difference of two means in standard errors: Welch's z.
//!
//! *Definition.* (x̄ - r̄)/√(s²ₓ/n + s²ᵣ/m), x̄ the window's mean and r̄ the reference's; above 0 when the
//! window's is greater. Numbers are clipped at the reference's 0.1 % and 99.9 % quantiles, so that no
//! outlier rules it; of a boolean, true is 1 and false 0; for the missing rate, a missing or invalid value
//! is 1 and a valid one 0. Where neither side varies there is no scale, and no score.
//!
//! *Source.* Welch (1947), of whose t this is the limit for many rows.
//!
//! *Error.* Of numbers, `value` follows the digests, whose centroids have the mean of the values that they
//! stand for. `low` and `high` rest on the window's counts and extremes alone: each value lies somewhere
//! in its cell. The reference's mean and deviation are what its record says, the same for everyone.
//! `docs/measures.md` has what the value misses on real data. The rest is counts, and exact.
//!
//! *When not.* As a size: it grows with the root of the rows, so a threshold on it fits one window
//! length and traffic. It sees the mean alone, not the spread; and as a test of a missing rate, on
//! small counts, it is far too sharp.

use super::MeasureValue;
use super::clipped::{Certain, ClippingRange};
use super::standard::Standard;
use crate::reference::FeatureProfile;
use crate::sketch::{Basis, FeatureSketch, OrderedCells, Tally};
use crate::words::Kind;

/// How far the mean of `window` is from that of `reference`; `None` also for categories.
pub(super) fn z_score(reference: &Standard<'_>, window: &FeatureSketch) -> Option<MeasureValue> {
    let Standard { profile: reference, figures, .. } = reference;
    match &*reference.basis {
        Basis::Ordered(cells) => of_numbers(cells, figures.clipped.as_ref()?, window),
        Basis::Categories(_) if reference.kind == Kind::Boolean => {
            // False, true, and the cell of others, which a boolean has not.
            let side = |tally: &Tally| Side::of(tally.cells.iter().copied().zip([0.0, 1.0, 0.0]));
            of_counts(side(&window.tally)?, side(&reference.sketch.tally)?)
        }
        Basis::Categories(_) => None,
    }
}

/// How far the share of missing and invalid values of `window` is from that of `reference`.
/// Of both there are these rows and the valid ones.
pub(super) fn missing_z_score(reference: (u64, u64), window: (u64, u64)) -> Option<MeasureValue> {
    let side = |(bad, valid)| Side::of([(bad, 1.0), (valid, 0.0)].into_iter());
    of_counts(side(window)?, side(reference)?)
}

fn of_counts(window: Side, reference: Side) -> Option<MeasureValue> {
    let error = (window.squared_error() + reference.squared_error()).sqrt();
    let score = (window.mean - reference.mean) / error;
    (error > 0.0).then_some(MeasureValue::exact(score, score))
}

/// What the score takes of a reference of numbers.
#[derive(Debug)]
pub(super) struct Clipped {
    range: ClippingRange,
    side: Side,
}

impl Clipped {
    /// That of `reference`; `None` of categories, and where there is nothing to score by.
    pub fn of(reference: &FeatureProfile) -> Option<Clipped> {
        let Basis::Ordered(cells) = &*reference.basis else { return None };
        let range = ClippingRange::of(cells, &reference.sketch)?;
        let certain = Certain::of(cells, &range, &reference.sketch)?;
        let side = Side::within(&certain, range.estimate(&reference.sketch.detail.digest));
        Some(Clipped { range, side })
    }
}

fn of_numbers(cells: &OrderedCells, reference: &Clipped, window: &FeatureSketch) -> Option<MeasureValue> {
    let Clipped { range, side: reference } = reference;
    let certain = Certain::of(cells, range, window)?;
    let window = Side::within(&certain, range.estimate(&window.detail.digest));
    let error =
        |deviation: f64| (Side { deviation, ..window }.squared_error() + reference.squared_error()).sqrt();
    let (least, greatest) = (error(certain.deviation.0), error(certain.deviation.1));
    if least == 0.0 {
        return None;
    }
    let moved = |mean: f64| mean - reference.mean;
    let (from, to) = (moved(certain.mean.0), moved(certain.mean.1));
    // The same way is more errors where an error is smaller.
    let low = from / if from > 0.0 { greatest } else { least };
    let high = to / if to > 0.0 { least } else { greatest };
    let value = (moved(window.mean) / error(window.deviation)).clamp(low, high);
    let corrected = low.max(0.0) + high.min(0.0);
    Some(MeasureValue { value, low, high, corrected, threshold: None })
}

/// Mean and standard deviation (divisor n) of a side.
#[derive(Debug, Clone, Copy)]
struct Side {
    rows: f64,
    mean: f64,
    deviation: f64,
}

impl Side {
    /// That of scores with their rows; `None` where there is no row.
    fn of(counts: impl Iterator<Item = (u64, f64)> + Clone) -> Option<Side> {
        let rows = counts.clone().map(|(rows, _)| rows).sum::<u64>() as f64;
        if rows == 0.0 {
            return None;
        }
        let mean = counts.clone().map(|(count, score)| count as f64 / rows * score).sum::<f64>();
        let variance = counts.map(|(count, score)| count as f64 / rows * (score - mean).powi(2)).sum::<f64>();
        Some(Side { rows, mean, deviation: variance.sqrt() })
    }

    /// An estimated mean and deviation, held within what is certain.
    fn within(certain: &Certain, (mean, deviation): (f64, f64)) -> Side {
        Side {
            rows: certain.rows,
            mean: mean.clamp(certain.mean.0, certain.mean.1),
            deviation: deviation.clamp(certain.deviation.0, certain.deviation.1),
        }
    }

    /// The square of the mean's standard error.
    fn squared_error(&self) -> f64 {
        self.deviation.powi(2) / (self.rows - 1.0).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Figures;
    use crate::measure::testdata::{
        Expected, assert_close, categories, discrete, numbers, ordered, sketch, texts,
    };
    use crate::sketch::quantile_of_sorted;
    use proptest::prelude::*;

    fn scored(reference: &FeatureProfile, window: &FeatureSketch) -> Option<MeasureValue> {
        z_score(&Standard::new(reference, &Figures::of(reference)), window)
    }

    fn score_of(reference: &FeatureProfile, values: &[f64]) -> Option<f64> {
        let window = sketch(reference.kind, &reference.basis, numbers(values));
        scored(reference, &window).map(|found| found.value)
    }

    #[test]
    fn an_independent_computation_lies_within_the_bounds_and_near_the_value() {
        for case in Expected::load().samples {
            let (reference, window) = case.sketched();
            let found = scored(&reference, &window);
            let Some(expected) = case.z_clipped else {
                // One row alone has no variance elsewhere; here the reference's is enough.
                assert_eq!(found.is_some(), case.window.len() == 1, "{}", case.name);
                continue;
            };
            let found = found.unwrap();
            // Up to 256 rows all values are known. Beyond, the quantiles of heavy tails are between far values.
            let tolerance = match case.reference.len().max(case.window.len()) {
                ..=256 => 1e-9,
                _ if case.name == "heavy tails" => 0.15,
                _ => 0.02,
            };
            let within = found.low - tolerance <= expected && expected <= found.high + tolerance;
            let is_near = (found.value - expected).abs() < tolerance;
            assert!(within && is_near, "{}: {expected}, {found:?}", case.name);
        }
    }

    #[test]
    fn where_a_frequent_value_is_the_quantile_that_clips_it_clips_exactly() {
        let mut values: Vec<f64> = (0..3000).map(|i| f64::from(i * 7919 % 3000) / 300.0).collect();
        values.extend([vec![12.0; 1000], vec![16.4]].concat());
        let reference = ordered(Kind::Continuous, vec![5.0, 12.0_f64.next_down(), 12.0], vec![], &values);
        let window: Vec<f64> = values[..3000].iter().map(|value| value * 3.0).collect();
        let (found, expected) = (score_of(&reference, &window).unwrap(), exact(&values, &window).unwrap());
        assert!((found - expected).abs() < 0.01 * expected, "{found} for {expected}");
    }

    #[test]
    fn what_is_judged_is_the_end_that_is_certain() {
        let values: Vec<f64> = (0..2000).map(|i| f64::from(i * 7919 % 2000) / 20.0).collect();
        let edges = (1..50).map(|j| f64::from(j) * 2.0).collect();
        let reference = ordered(Kind::Continuous, edges, vec![], &values);
        let found = |moved: f64| {
            let moved: Vec<f64> = values.iter().map(|value| value + moved).collect();
            scored(&reference, &sketch(Kind::Continuous, &reference.basis, numbers(&moved))).unwrap()
        };
        let (up, stays, down) = (found(10.0), found(0.1), found(-10.0));
        assert!(0.0 < up.low && up.corrected == up.low && up.low < up.value, "{up:?}");
        assert!(down.high < 0.0 && down.corrected == down.high && down.value < down.high, "{down:?}");
        assert!(stays.low < 0.0 && stays.corrected == 0.0 && stays.high > 0.0, "{stays:?}");
    }

    #[test]
    fn it_has_the_sign_of_the_change_and_outliers_do_not_rule_it() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        let edges = (1..100).map(|j| f64::from(j) * 10.0).collect();
        let reference = ordered(Kind::Continuous, edges, vec![], &values);
        let lower = score_of(&reference, &values[..700]).unwrap();
        assert!(lower < -5.0, "{lower}");
        let mut wild = values[..700].to_vec();
        wild.push(1e300);
        assert!((score_of(&reference, &wild).unwrap() - lower).abs() < 0.2);
    }

    #[test]
    fn of_a_boolean_it_compares_shares() {
        let reference =
            FeatureProfile { kind: Kind::Boolean, ..categories(&[("false", 600), ("true", 400)], &[]) };
        let window = sketch(Kind::Boolean, &reference.basis, texts(&[("false", 40), ("true", 60)]));
        let expected = 0.2 / (0.24_f64 / 99.0 + 0.24 / 999.0).sqrt();
        assert_close(scored(&reference, &window).unwrap().value, expected, 1e-12, &"boolean");
        assert_eq!(scored(&categories(&[("a", 1), ("b", 1)], &[]), &window), None);
    }

    #[test]
    fn of_missing_values_it_compares_rates_invalid_ones_among_them() {
        let found = missing_z_score((10, 990), (30, 70)).unwrap();
        let expected = 0.29 / (0.21_f64 / 99.0 + 0.0099 / 999.0).sqrt();
        assert_close(found.value, expected, 1e-12, &found);
        assert_eq!(missing_z_score((0, 100), (0, 50)), None);
        assert_eq!(missing_z_score((0, 100), (50, 0)), None);
        assert_eq!(missing_z_score((0, 0), (1, 5)), None);
    }

    #[test]
    fn without_a_scale_there_is_no_score() {
        assert_eq!(score_of(&discrete(&[7.0; 100]), &[7.0, 8.0]), None);
        assert_eq!(score_of(&discrete(&[1.0, 2.0]), &[]), None);
        assert!(score_of(&discrete(&[1.0, 2.0]), &[1.0]).unwrap() < 0.0);
    }

    #[test]
    fn numbers_at_the_ends_of_their_range_have_a_score() {
        for wild in [[f64::MIN, f64::MAX], [-1e308, 1.0], [0.0, 5e-324], [-5e-324, 5e-324]] {
            let found = score_of(&discrete(&wild.repeat(50)), &[wild[1]; 60]).unwrap();
            let expected = 0.5 / (0.25_f64 / 99.0).sqrt();
            assert_close(found, expected, 1e-12, &wild);
        }
    }

    /// By definition, of values whose clipping quantiles are known.
    fn exact(reference: &[f64], window: &[f64]) -> Option<f64> {
        let mut sorted = reference.to_vec();
        sorted.sort_by(f64::total_cmp);
        let ends = quantile_of_sorted(&sorted, 0.001)?..quantile_of_sorted(&sorted, 0.999)?;
        let side = |values: &[f64]| {
            let rows = values.len() as f64;
            let clipped = || values.iter().map(|value| value.clamp(ends.start, ends.end));
            let mean = clipped().sum::<f64>() / rows;
            (mean, clipped().map(|value| (value - mean).powi(2)).sum::<f64>() / (rows - 1.0) / rows)
        };
        let ((r, of_r), (x, of_x)) = (side(reference), side(window));
        (ends.start < ends.end).then(|| (x - r) / (of_x + of_r).sqrt())
    }

    fn values() -> impl Strategy<Value = Vec<f64>> {
        let value =
            prop_oneof![(-40..40i32).prop_map(|i| f64::from(i) / 8.0), -5.0..5.0f64, Just(0.0), -1e6..1e6f64];
        prop::collection::vec(value, 2..250)
    }

    proptest! {
        #[test]
        fn of_any_samples_that_are_known_it_is_exact_and_the_bounds_hold(a in values(), b in values()) {
            let mut edges: Vec<f64> = a.iter().step_by(7).copied().chain([0.0_f64.next_down(), 0.0]).collect();
            edges.sort_by(f64::total_cmp);
            edges.dedup();
            let reference = ordered(Kind::Continuous, edges, vec![], &a);
            let found = scored(&reference, &sketch(Kind::Continuous, &reference.basis, numbers(&b)));
            let expected = exact(&a, &b);
            prop_assert_eq!(found.is_some(), expected.is_some());
            if let (Some(found), Some(expected)) = (found, expected) {
                let slack = 1e-9 * expected.abs().max(1.0);
                prop_assert!((found.value - expected).abs() <= slack, "{} {:?}", expected, found);
                prop_assert!(found.low <= expected + slack && expected - slack <= found.high, "{} {:?}", expected, found);
            }
        }
    }
}
