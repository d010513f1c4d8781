//! The figures of one feature that people read beside a verdict.
//!
//! Digests and sums of floats give them, so they agree between runs within their error only, and
//! decide nothing.

use super::quantile::quantiles;
use crate::sketch::{Basis, FeatureSketch};
use serde::{Deserialize, Serialize};

/// Location, spread and quantiles of the valid numbers, and the share of missing values. `None`
/// where there is no number: categories, no rows, or an overflow.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Mean.
    pub mean: Option<f64>,
    /// Standard deviation of the values themselves (divisor n).
    pub std: Option<f64>,
    /// Least value.
    pub min: Option<f64>,
    /// Greatest value.
    pub max: Option<f64>,
    /// 5 % quantile.
    pub p05: Option<f64>,
    /// Lower quartile.
    pub p25: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// Upper quartile.
    pub p75: Option<f64>,
    /// 95 % quantile.
    pub p95: Option<f64>,
    /// Missing values as a share of all rows (0 to 1); invalid values are not among them.
    pub missing_rate: Option<f64>,
}

impl Summary {
    /// The summary of `sketch`, which is counted by `basis`.
    pub fn of(sketch: &FeatureSketch, basis: &Basis) -> Summary {
        let (tally, digest, moments) = (&sketch.tally, &sketch.detail.digest, &sketch.detail.moments);
        let quantiles = match basis {
            Basis::Ordered(cells) => quantiles(cells, sketch, [0.05, 0.25, 0.5, 0.75, 0.95]),
            Basis::Categories(_) => [None; 5],
        };
        let [p05, p25, p50, p75, p95] = quantiles.map(|value| value.filter(|value| value.is_finite()));
        let rows = tally.rows();
        Summary {
            mean: moments.mean(),
            std: moments.std(),
            min: digest.min(),
            max: digest.max(),
            p05,
            p25,
            p50,
            p75,
            p95,
            missing_rate: (rows > 0).then(|| tally.missing as f64 / rows as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{OrderedCells, sketch_numbers};

    fn cells() -> OrderedCells {
        OrderedCells::new(vec![0.0], vec![0]).unwrap()
    }

    fn basis() -> Basis {
        Basis::Ordered(cells())
    }

    #[test]
    fn quantiles_of_a_few_values_are_exact() {
        let ends: Vec<f64> = (6..=22).map(f64::from).flat_map(|value| [value.next_down(), value]).collect();
        let cells = OrderedCells::new(ends, vec![]).unwrap();
        // Numbers of which each is more often there than the one before.
        let values: Vec<f64> =
            (6..=22).flat_map(|value| vec![f64::from(value); value as usize * 37]).collect();
        let summary = Summary::of(&sketch_numbers(&cells, &values), &Basis::Ordered(cells.clone()));
        let exact = |q: f64| Some(values[(q * (values.len() - 1) as f64) as usize]);
        assert_eq!(
            (summary.p05, summary.p25, summary.p50, summary.p75, summary.p95),
            (exact(0.05), exact(0.25), exact(0.5), exact(0.75), exact(0.95))
        );
    }

    #[test]
    fn a_summary_says_where_the_values_lie() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        let mut sketch = sketch_numbers(&cells(), &values);
        sketch.tally.missing = 99;
        let summary = Summary::of(&sketch, &basis());
        assert_eq!(
            (summary.min, summary.p05, summary.p50, summary.max),
            (Some(0.0), Some(5.0), Some(50.0), Some(100.0))
        );
        assert_eq!((summary.mean, summary.missing_rate), (Some(50.0), Some(99.0 / 200.0)));
    }

    #[test]
    fn what_is_not_there_or_overflows_is_none() {
        assert_eq!(Summary::of(&FeatureSketch::default(), &basis()), Summary::default());
        let summary = Summary::of(&sketch_numbers(&cells(), &[-1.7e308, 1.7e308]), &basis());
        assert_eq!((summary.std, summary.p50, summary.max), (None, Some(0.0), Some(1.7e308)));
    }
}
