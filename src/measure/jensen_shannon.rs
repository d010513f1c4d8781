//! The Jensen-Shannon distance: how far both sides are from their average, in bits.
//!
//! *Definition.* √(½ Σ p·log₂(p/m) + ½ Σ q·log₂(q/m)) with m = (p+q)/2, over the shared
//! [bins](super::bins); no share is floored, for none divides. `corrected` takes off the squared value
//! in nats what chance alone makes on average, (B-1)(1/n+1/m)/8 over B bins.
//!
//! *Source.* Lin (1991, eq. 4.1) for the divergence; its square root is a metric (D. Endres,
//! J. Schindelin, A new metric for probability distributions, IEEE Trans. Inf. Th. 49, 2003).
//!
//! *Error.* None: counts only, and exact.
//!
//! *When not.* Beside psi or hellinger it says nothing new near equality, where all three are the same
//! sum; far apart it can't pass 1, and no longer tells far from farther.

use super::MeasureValue;
use super::bins::Bins;
use std::f64::consts::LN_2;

/// The distance over `bins`.
pub(super) fn jensen_shannon(bins: &Bins<'_>) -> MeasureValue {
    let divergence = bins.sum(contribution);
    let distance = |nats: f64| (nats.max(0.0) / LN_2).sqrt().min(1.0);
    MeasureValue::exact(distance(divergence), distance(divergence - bins.by_chance() / 8.0))
}

/// What a bin adds to the divergence, in nats: with d = (q-p)/(q+p) it is
/// (p+q)/4 · ((1+d)·ln(1+d) + (1-d)·ln(1-d)), in which nearly equal shares don't cancel.
fn contribution(p: f64, q: f64) -> f64 {
    let half = |d: f64| if d > -1.0 { (1.0 + d) * d.ln_1p() } else { 0.0 };
    let sum = p + q;
    if sum == 0.0 {
        return 0.0;
    }
    let apart = (q - p) / sum;
    (half(apart) + half(-apart)) * sum / 4.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testdata::{Expected, assert_close, categories, sketch, texts};

    #[test]
    fn over_the_bins_of_psi_it_is_that_of_an_independent_computation() {
        for case in Expected::load().samples {
            let (reference, window) = case.sketched();
            let found = jensen_shannon(&Bins::of(&reference, &window).unwrap());
            assert_close(found.value, case.jensen_shannon, 1e-12, &case.name);
            assert!((0.0..=found.value).contains(&found.corrected), "{found:?}");
        }
    }

    #[test]
    fn sides_with_nothing_in_common_are_1_apart_and_equal_ones_not_at_all() {
        let reference = categories(&[("a", 500), ("b", 500)], &[]);
        let distance = |counts: &[(&str, usize)]| {
            let window = sketch(reference.kind, &reference.basis, texts(counts));
            jensen_shannon(&Bins::of(&reference, &window).unwrap())
        };
        assert_eq!(distance(&[("x", 300), ("y", 1)]).value, 1.0);
        assert_eq!(distance(&[("a", 70), ("b", 70)]), MeasureValue::exact(0.0, 0.0));
    }

    #[test]
    fn what_chance_makes_is_taken_off_the_squared_value_in_nats() {
        let reference = categories(&[("a", 500), ("b", 500)], &[]);
        let window = sketch(reference.kind, &reference.basis, texts(&[("a", 80), ("b", 20)]));
        let found = jensen_shannon(&Bins::of(&reference, &window).unwrap());
        let nats = |distance: f64| distance * distance * LN_2;
        assert_close(nats(found.value) - nats(found.corrected), (0.01 + 0.001) / 8.0, 1e-12, &found);
    }

    #[test]
    fn nearly_equal_shares_do_not_cancel() {
        // To second order the divergence is (q-p)²/(8p) a bin.
        let (p, apart) = (0.1, 1e-12);
        assert_close(contribution(p, p + apart), apart * apart / (8.0 * p), 1e-3, &apart);
    }
}
