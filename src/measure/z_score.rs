//! The difference of two means in standard errors: Welch's z.
//!
//! *Definition.* (x̄ - r̄)/√(s²ₓ/n + s²ᵣ/m), x̄ the window's mean and r̄ the reference's; above 0 when the
//! window's is greater. Each number is taken as the middle of its cell, clipped at the reference's
//! 0.1 % and 99.9 % quantiles, so that no outlier rules it; of a boolean, true is 1 and false 0; for
//! the missing rate, a missing or invalid value is 1 and a valid one 0. Where neither side varies there
//! is no scale, and no score.
//!
//! *Source.* Welch (1947), of whose t this is the limit for many rows.
//!
//! *Error.* None by this definition: counts only. Against the means of the clipped values themselves
//! the middles of cells cost a few hundredths of a standard deviation at most, and both sides alike, so
//! that an unchanged distribution still scores 0 on average.
//!
//! *When not.* As a size: it grows with the root of the rows, so a threshold on it fits one window
//! length and traffic. It sees the mean alone, not the spread; and as a test of a missing rate, on
//! small counts, it is far too sharp.

use super::MeasureValue;
use crate::reference::FeatureProfile;
use crate::sketch::{Basis, FeatureSketch, OrderedCells, Tally};
use crate::words::Kind;

/// The quantiles of the reference that numbers are clipped at.
const CLIP: (f64, f64) = (0.001, 0.999);

/// How far the mean of `window` is from that of `reference`; `None` also for categories.
pub(super) fn z_score(reference: &FeatureProfile, window: &FeatureSketch) -> Option<MeasureValue> {
    let scores = match &*reference.basis {
        Basis::Ordered(cells) => middles(cells, &reference.sketch)?,
        // False, true, and the cell of others, which a boolean has not.
        Basis::Categories(_) if reference.kind == Kind::Boolean => vec![0.0, 1.0, 0.0],
        Basis::Categories(_) => return None,
    };
    let side = |tally: &Tally| Side::of(tally.cells.iter().copied().zip(scores.iter().copied()));
    score(side(&window.tally)?, side(&reference.sketch.tally)?)
}

/// How far the share of missing and invalid values of `window` is from that of `reference`.
pub(super) fn missing_z_score(reference: &Tally, window: &Tally) -> Option<MeasureValue> {
    let side =
        |tally: &Tally| Side::of([(tally.missing + tally.invalid, 1.0), (tally.valid(), 0.0)].into_iter());
    score(side(window)?, side(reference)?)
}

/// The middles of `cells` between the quantiles of `reference`, the lower 0 and the upper 1; `None`
/// where these are equal.
fn middles(cells: &OrderedCells, reference: &FeatureSketch) -> Option<Vec<f64>> {
    let digest = &reference.detail.digest;
    let (lower, upper) = digest.quantile(CLIP.0).zip(digest.quantile(CLIP.1))?;
    // The score is the same in any unit, so the largest numbers may be taken in a larger one.
    let unit = if (upper - lower).is_finite() { 1.0 } else { 4.0 };
    let (lower, width) = (lower / unit, upper / unit - lower / unit);
    let place = |x: f64| ((x / unit - lower) / width).clamp(0.0, 1.0);
    let ends = (0..cells.len()).map(|cell| place(cells.upper(cell)));
    let middles = ends.scan(0.0, |start, end| Some((std::mem::replace(start, end) + end) / 2.0));
    (width > 0.0).then(|| middles.collect())
}

/// The mean of a side, and the square of its standard error.
struct Side {
    mean: f64,
    squared_error: f64,
}

impl Side {
    /// That of scores with their rows; `None` where there is no row.
    fn of(counts: impl Iterator<Item = (u64, f64)> + Clone) -> Option<Side> {
        let rows = counts.clone().map(|(rows, _)| rows).sum::<u64>() as f64;
        if rows == 0.0 {
            return None;
        }
        let mean = counts.clone().map(|(count, score)| count as f64 / rows * score).sum::<f64>();
        let squares = counts.map(|(count, score)| count as f64 / rows * (score - mean).powi(2)).sum::<f64>();
        Some(Side { mean, squared_error: squares / (rows - 1.0).max(1.0) })
    }
}

fn score(window: Side, reference: Side) -> Option<MeasureValue> {
    let error = (window.squared_error + reference.squared_error).sqrt();
    let score = (window.mean - reference.mean) / error;
    (error > 0.0).then_some(MeasureValue::exact(score, score))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testdata::{
        Expected, assert_close, categories, discrete, numbers, ordered, sketch, texts,
    };

    fn score_of(reference: &FeatureProfile, values: &[f64]) -> Option<f64> {
        let window = sketch(reference.kind, &reference.basis, numbers(values));
        z_score(reference, &window).map(|found| found.value)
    }

    #[test]
    fn of_the_middles_of_cells_it_is_that_of_an_independent_computation() {
        for case in Expected::load().samples {
            let (reference, window) = case.sketched();
            let found = z_score(&reference, &window).map(|found| found.value);
            let Some(expected) = case.z_middles else {
                // One row alone has no variance elsewhere; here the reference's is enough.
                assert_eq!(found.is_some(), case.window.len() == 1, "{}", case.name);
                continue;
            };
            // Up to 256 rows the clipping quantiles are exact, and estimated beyond.
            let tolerance = if case.reference.len() <= 256 { 1e-9 } else { 0.2 };
            let (found, clipped) = (found.unwrap(), case.z_clipped.unwrap());
            assert!((found - expected).abs() < tolerance, "{}: {found} for {expected}", case.name);
            assert!((expected - clipped).abs() < 0.1, "{}: {expected} for {clipped}", case.name);
        }
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
        assert_close(z_score(&reference, &window).unwrap().value, expected, 1e-12, &"boolean");
        assert_eq!(z_score(&categories(&[("a", 1), ("b", 1)], &[]), &window), None);
    }

    #[test]
    fn of_missing_values_it_compares_rates_invalid_ones_among_them() {
        let tally = |missing, invalid, valid| Tally { missing, invalid, unseen: 0, cells: vec![valid] };
        let found = missing_z_score(&tally(10, 0, 990), &tally(20, 10, 70)).unwrap();
        let expected = 0.29 / (0.21_f64 / 99.0 + 0.0099 / 999.0).sqrt();
        assert_close(found.value, expected, 1e-12, &found);
        assert_eq!(missing_z_score(&tally(0, 0, 100), &tally(0, 0, 50)), None);
        assert_eq!(missing_z_score(&tally(0, 0, 100), &tally(50, 0, 0)), None);
        assert_eq!(missing_z_score(&tally(0, 0, 0), &tally(1, 0, 5)), None);
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
}
