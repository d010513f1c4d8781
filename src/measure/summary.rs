//! The figures of one feature that people read beside a verdict.
//!
//! Digests and sums of floats give them, so they agree between runs within their error only, and
//! decide nothing.

use crate::sketch::{Basis, Digest, FeatureSketch, OrderedCells};
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
    /// The summary of `sketch`, which was counted in `basis`.
    pub fn of(basis: &Basis, sketch: &FeatureSketch) -> Summary {
        let (tally, digest, moments) = (&sketch.tally, &sketch.detail.digest, &sketch.detail.moments);
        let places = Places::of(basis, sketch);
        let held = |q, estimate| places.as_ref().map_or(estimate, |places| places.hold(q, estimate));
        let quantile = |q| digest.quantile(q).map(|value| held(q, value)).filter(|value| value.is_finite());
        let rows = tally.rows();
        Summary {
            mean: moments.mean(),
            std: moments.std(),
            min: digest.min(),
            max: digest.max(),
            p05: quantile(0.05),
            p25: quantile(0.25),
            p50: quantile(0.5),
            p75: quantile(0.75),
            p95: quantile(0.95),
            missing_rate: (rows > 0).then(|| tally.missing as f64 / rows as f64),
        }
    }
}

/// The cells of numbers with the sums of rows up to the end of each, where these can tell more of a
/// quantile than the digest, which is an estimate: it can't lie outside the cells that they say it is in.
struct Places<'a> {
    cells: &'a OrderedCells,
    rows: Vec<u64>,
}

impl<'a> Places<'a> {
    fn of(basis: &'a Basis, sketch: &FeatureSketch) -> Option<Self> {
        let (Basis::Ordered(cells), Digest::Compressed(_)) = (basis, &sketch.detail.digest) else {
            return None;
        };
        let sum = |sum: &mut u64, count: &u64| {
            *sum += count;
            Some(*sum)
        };
        Some(Places { cells, rows: sketch.tally.cells.iter().scan(0, sum).collect() })
    }

    /// The `estimate` of quantile `q`, held within the cells of its rows.
    fn hold(&self, q: f64, estimate: f64) -> f64 {
        let Some(all) = self.rows.last() else { return estimate };
        let rank = q * all.saturating_sub(1) as f64;
        let cell_of = |rank: f64| self.rows.partition_point(|rows| *rows as f64 <= rank);
        estimate.clamp(self.cells.lower(cell_of(rank.floor())), self.cells.upper(cell_of(rank.ceil())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::sketch_numbers;

    fn cells() -> OrderedCells {
        OrderedCells::new(vec![0.0], vec![0]).unwrap()
    }

    fn summary(cells: &OrderedCells, sketch: &FeatureSketch) -> Summary {
        Summary::of(&Basis::Ordered(cells.clone()), sketch)
    }

    #[test]
    fn a_summary_says_where_the_values_lie() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        let mut sketch = sketch_numbers(&cells(), &values);
        sketch.tally.missing = 99;
        let summary = summary(&cells(), &sketch);
        assert_eq!(
            (summary.min, summary.p05, summary.p50, summary.max),
            (Some(0.0), Some(5.0), Some(50.0), Some(100.0))
        );
        assert_eq!((summary.mean, summary.missing_rate), (Some(50.0), Some(99.0 / 200.0)));
    }

    #[test]
    fn a_quantile_lies_in_the_cell_that_counts_say_it_is_in() {
        // A digest smears the steps between frequent values; the cells tell them apart.
        let values: Vec<f64> = (0..5700).map(|i| f64::from(i / 300)).collect();
        let edges = (1..19).map(f64::from).flat_map(|value| [value.next_down(), value]);
        let cells = OrderedCells::new([0.0].into_iter().chain(edges).collect(), vec![]).unwrap();
        let sketch = sketch_numbers(&cells, &values);
        let expected = [0.0, 4.0, 9.0, 14.0, 18.0].map(Some);
        let found = summary(&cells, &sketch);
        assert_eq!([found.p05, found.p25, found.p50, found.p75, found.p95], expected);
        let by_digest = [0.05, 0.25, 0.5, 0.75, 0.95].map(|q| sketch.detail.digest.quantile(q));
        assert_ne!(by_digest, expected, "nothing was smeared");
    }

    #[test]
    fn what_is_not_there_or_overflows_is_none() {
        assert_eq!(summary(&cells(), &FeatureSketch::default()), Summary::default());
        let summary = summary(&cells(), &sketch_numbers(&cells(), &[-1.7e308, 1.7e308]));
        assert_eq!((summary.std, summary.p50, summary.max), (None, Some(0.0), Some(1.7e308)));
    }
}
