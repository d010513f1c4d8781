//! Adjusted p-values of a family of tests.
//!
//! Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate" (1995), bounds the expected
//! share of false ones among what is found; S. Holm, "A simple sequentially rejective multiple test
//! procedure" (1979), the chance of any. An adjusted value at or under a level says that its test is
//! found at that level. They suit one evaluation, not a stream of them.

/// Benjamini-Hochberg adjusted values of `p` (each from 0 to 1), in the order given.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let order = ascending(p);
    let mut adjusted = vec![1.0; p.len()];
    let mut least: f64 = 1.0;
    for (rank, index) in order.iter().enumerate().rev() {
        least = least.min(p[*index] * (p.len() as f64 / (rank + 1) as f64));
        adjusted[*index] = least;
    }
    adjusted
}

/// Holm adjusted values of `p` (each from 0 to 1), in the order given.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut adjusted = vec![1.0; p.len()];
    let mut most: f64 = 0.0;
    for (rank, index) in ascending(p).into_iter().enumerate() {
        most = most.max(p[index] * (p.len() - rank) as f64).min(1.0);
        adjusted[index] = most;
    }
    adjusted
}

fn ascending(p: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testdata::{Expected, assert_close};
    use proptest::prelude::*;

    #[test]
    fn adjusted_values_are_those_of_an_independent_computation() {
        for case in Expected::load().adjust {
            let found = benjamini_hochberg(&case.p).into_iter().chain(holm(&case.p));
            let expected: Vec<f64> = [&case.benjamini_hochberg[..], &case.holm[..]].concat();
            assert_eq!(found.clone().count(), expected.len());
            found.zip(&expected).for_each(|(found, expected)| assert_close(found, *expected, 1e-12, &case));
        }
    }

    proptest! {
        #[test]
        fn adjusting_keeps_the_order_and_holm_is_the_stricter(p in prop::collection::vec(0.0..=1.0f64, 0..50)) {
            let (bh, holm) = (benjamini_hochberg(&p), holm(&p));
            for i in 0..p.len() {
                // Up to a rounding of the factor.
                prop_assert!(p[i] <= bh[i] * (1.0 + 1e-15) && bh[i] <= holm[i] * (1.0 + 1e-15) && holm[i] <= 1.0);
                for j in 0..p.len() {
                    prop_assert!(p[i] > p[j] || (bh[i] <= bh[j] && holm[i] <= holm[j]));
                }
            }
        }

        #[test]
        fn as_many_are_found_as_by_stepping_up(p in prop::collection::vec(0.0..=1.0f64, 1..50), q in 0.01..0.5f64) {
            // The procedure as published: all up to the last p(k) that is at most k·q/K.
            let mut sorted = p.clone();
            sorted.sort_by(f64::total_cmp);
            let found = (1..=p.len()).rev().find(|k| sorted[k - 1] <= *k as f64 * q / p.len() as f64).unwrap_or(0);
            prop_assert_eq!(benjamini_hochberg(&p).iter().filter(|adjusted| **adjusted <= q).count(), found);
        }
    }
}
