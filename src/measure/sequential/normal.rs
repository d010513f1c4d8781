//! The standard normal distribution, for scores.

use statrs::function::erf::{erfc, erfc_inv};
use std::f64::consts::SQRT_2;

/// Where the distribution reaches `share`, in 0 to 1; infinite at the ends.
pub(super) fn quantile(share: f64) -> f64 {
    match share {
        share if share <= 0.0 => f64::NEG_INFINITY,
        share if share >= 1.0 => f64::INFINITY,
        share => -SQRT_2 * erfc_inv(2.0 * share),
    }
}

/// The chance between `from` and `to`, taken in the lower tail so that small ones keep their digits.
pub(super) fn between(from: f64, to: f64) -> f64 {
    if from > 0.0 { below(-from) - below(-to) } else { below(to) - below(from) }
}

fn below(z: f64) -> f64 {
    0.5 * erfc(-z / SQRT_2)
}
