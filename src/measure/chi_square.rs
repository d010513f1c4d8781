//! The two-sample chi-square statistic.
//!
//! *Definition.* X² = Σ (O-E)²/E over both samples and the [pooled](super::significance) cells: the
//! statistic behind the p-value of the shape of what has no continuous values. `corrected` takes off
//! what chance alone makes on average, its degrees of freedom.
//!
//! *Source.* Pearson (1900).
//!
//! *Error.* None: counts only, and exact.
//!
//! *When not.* As a size: it grows with the rows, so a threshold on it fits one window length and
//! traffic. Nor for continuous values, whose shape is tested by ks.

use super::MeasureValue;
use super::significance::PooledTest;

/// The statistic of `test`.
pub(super) fn chi_square(test: &PooledTest) -> MeasureValue {
    MeasureValue::exact(test.statistic, (test.statistic - test.degrees as f64).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_chance_makes_on_average_is_taken_off() {
        let test = |statistic| PooledTest { statistic, degrees: 9, p_value: 0.5 };
        assert_eq!(chi_square(&test(20.0)), MeasureValue::exact(20.0, 11.0));
        assert_eq!(chi_square(&test(5.0)), MeasureValue::exact(5.0, 0.0));
    }
}
