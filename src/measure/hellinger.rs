//! The Hellinger distance: the straight distance between the square roots of the shares.
//!
//! *Definition.* √(½ Σ (√q - √p)²) over the shared [bins](super::bins); no share is floored.
//! `corrected` takes off the squared value what chance alone makes on average, (B-1)(1/n+1/m)/8 over
//! B bins.
//!
//! *Source.* Hellinger (1909), in the form of L. Le Cam, Asymptotic Methods in Statistical Decision
//! Theory (1986), ch. 4.
//!
//! *Error.* None: counts only, and exact.
//!
//! *When not.* Beside psi or jensen_shannon it says nothing new near equality, where all three are the
//! same sum. A bin that only one side has counts at once: a new category of 1 % alone makes 0.07.

use super::MeasureValue;
use super::bins::Bins;

/// The distance over `bins`.
pub(super) fn hellinger(bins: &Bins<'_>) -> MeasureValue {
    let squared = bins.sum(|p, q| (q.sqrt() - p.sqrt()).powi(2)) / 2.0;
    let distance = |squared: f64| squared.max(0.0).sqrt().min(1.0);
    MeasureValue::exact(distance(squared), distance(squared - bins.by_chance() / 8.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testdata::{Expected, assert_close, categories, sketch, texts};

    #[test]
    fn over_the_bins_of_psi_it_is_that_of_an_independent_computation() {
        for case in Expected::load().samples {
            let (reference, window) = case.sketched();
            let found = hellinger(&Bins::of(&reference, &window).unwrap());
            assert_close(found.value, case.hellinger, 1e-12, &case.name);
            assert!((0.0..=found.value).contains(&found.corrected), "{found:?}");
        }
    }

    #[test]
    fn sides_with_nothing_in_common_are_1_apart_and_equal_ones_not_at_all() {
        let reference = categories(&[("a", 500), ("b", 500)], &[]);
        let distance = |counts: &[(&str, usize)]| {
            let window = sketch(reference.kind, &reference.basis, texts(counts));
            hellinger(&Bins::of(&reference, &window).unwrap())
        };
        assert_eq!(distance(&[("x", 300), ("y", 1)]).value, 1.0);
        assert_eq!(distance(&[("a", 70), ("b", 70)]), MeasureValue::exact(0.0, 0.0));
    }

    #[test]
    fn what_chance_makes_is_taken_off_the_squared_value() {
        let reference = categories(&[("a", 500), ("b", 500)], &[]);
        let window = sketch(reference.kind, &reference.basis, texts(&[("a", 80), ("b", 20)]));
        let found = hellinger(&Bins::of(&reference, &window).unwrap());
        let taken = found.value.powi(2) - found.corrected.powi(2);
        assert_close(taken, (0.01 + 0.001) / 8.0, 1e-12, &found);
    }
}
