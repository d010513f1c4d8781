//! The limit law of the Kolmogorov-Smirnov distance.
//!
//! A. Kolmogorov, "Sulla determinazione empirica di una legge di distribuzione" (1933). Two series
//! for one function, of which a few terms suffice on either side of 1; relative error below 1e-14.
//! Ties make it conservative.

use std::f64::consts::PI;

/// Q(z) = 2 Σ (-1)^(k-1) exp(-2 k² z²), the chance that √n·D passes `z`; 1 for `z <= 0` and for NaN.
pub fn kolmogorov_q(z: f64) -> f64 {
    if z.is_nan() || z <= 0.0 {
        return 1.0;
    }
    if z < 1.0 {
        // The theta function's other side: here its first term leaves e^(-9.8/z²) of itself.
        let base = PI * PI / (8.0 * z * z);
        let sum: f64 = [1.0, 3.0, 5.0, 7.0].iter().map(|k: &f64| (-k * k * base).exp()).sum();
        return 1.0 - (2.0 * PI).sqrt() / z * sum;
    }
    // exp() magnifies the rounding of z² by z² itself, so the rounding is carried along.
    let square = z * z;
    if square > 373.0 {
        // Less than the smallest double.
        return 0.0;
    }
    let rounding = z.mul_add(z, -square);
    let term = |k: f64| (-2.0 * k * k * square).exp() * (-2.0 * k * k * rounding).exp();
    2.0 * (term(1.0) - term(2.0) + term(3.0) - term(4.0))
}

/// The p-value of a distance (0 to 1) between samples of `n` and `m` values, of which `factor` count
/// as one; 1 where a sample is empty.
pub fn kolmogorov_p(distance: f64, n: u64, m: u64, factor: f64) -> f64 {
    if n == 0 || m == 0 {
        return 1.0;
    }
    let (n, m) = (n as f64 / factor, m as f64 / factor);
    kolmogorov_q((n / (n + m) * m).sqrt() * distance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testdata::{Expected, assert_close};

    #[test]
    fn the_law_is_that_of_an_independent_computation() {
        for case in Expected::load().kolmogorov {
            assert_close(kolmogorov_q(case.z), case.q, 1e-14, &case);
        }
    }

    #[test]
    fn p_falls_as_the_distance_grows_and_has_no_answer_outside_0_to_1() {
        let p: Vec<f64> = (0..=1000).map(|i| kolmogorov_p(f64::from(i) / 1000.0, 500, 4500, 1.0)).collect();
        assert!(p.is_sorted_by(|a, b| a >= b) && p.iter().all(|p| (0.0..=1.0).contains(p)));
        assert_eq!(p[0], 1.0);
        for nasty in [f64::NAN, f64::NEG_INFINITY, -1.0] {
            assert_eq!(kolmogorov_q(nasty), 1.0);
        }
        assert_eq!(kolmogorov_q(f64::INFINITY), 0.0);
        assert_eq!(kolmogorov_q(1e200), 0.0);
        assert_eq!(kolmogorov_p(0.9, 0, 10, 1.0), 1.0);
        assert_eq!(kolmogorov_p(1.0, u64::MAX, u64::MAX, 1.0), 0.0);
        assert_eq!(kolmogorov_p(0.05, 2000, 8000, 4.0), kolmogorov_p(0.05, 500, 2000, 1.0));
    }
}
