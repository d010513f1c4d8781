//! What counts and extremes alone tell of numbers: the same for any order in which rows came.
//!
//! For a reference that is made of sketches: its scale and its quantiles are part of what measures say, and
//! those of merged digests are not the same twice. Within a cell values are spread evenly. Beyond the outer
//! edges, where cells tell nothing, they are spread over half as far as the edge is from the median, or to
//! the extreme where that is nearer.

use super::{Detail, Digest, FeatureSketch, Moments, OrderedCells};

/// Points that all rows are spread over, about.
const POINTS: u64 = 1000;

impl FeatureSketch {
    /// Quantiles by the counts in `cells`, and moments but for the last bits of their spread, in which the
    /// order of rows shows. Names of unseen categories are left out.
    pub fn detail_of_cells(&self, cells: &OrderedCells) -> Detail {
        let (counts, rows) = (&self.tally.cells, self.tally.cells.iter().sum::<u64>());
        let (Some(min), Some(max)) = (self.detail.digest.min(), self.detail.digest.max()) else {
            return Detail::default();
        };
        let mut below = 0;
        let is_median = |count: &u64| {
            below += count;
            2 * below >= rows
        };
        let median = counts.iter().position(is_median).unwrap_or_default();
        let (least, greatest) = (cells.lower(median).max(min), cells.upper(median).min(max));
        let ends = |cell: usize| {
            let (lower, upper) = (cells.lower(cell), cells.upper(cell));
            let from =
                if lower.is_finite() { lower.next_up() } else { upper - (greatest - upper).abs() / 2.0 };
            let to = if upper.is_finite() { upper } else { lower + (lower - least).abs() / 2.0 };
            (from.max(min), to.min(max))
        };
        let mut points: Vec<(f64, u64)> = Vec::new();
        for (cell, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let ((from, to), pieces) = (ends(cell), (POINTS * count).div_ceil(rows));
            let up_to = |piece: u64| (u128::from(*count) * u128::from(piece) / u128::from(pieces)) as u64;
            points.extend((0..pieces).map(|piece| {
                let part = (piece as f64 + 0.5) / pieces as f64;
                (from * (1.0 - part) + to * part, up_to(piece + 1) - up_to(piece))
            }));
        }
        let moments = self.detail.moments.with_rounded_spread();
        Detail { digest: Digest::of_points(&points, min, max), moments, ..Detail::default() }
    }
}

impl Moments {
    /// The same but for the last 32 of the 52 bits of the spread's fraction: a part in a million.
    fn with_rounded_spread(self) -> Moments {
        const LEFT_OUT: u64 = (1 << 32) - 1;
        let bits = self.squares.to_bits() + (LEFT_OUT >> 1);
        Moments { squares: f64::from_bits(bits & !LEFT_OUT), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::sketch::{Accumulator, Basis, quantile_of_sorted};
    use crate::words::Kind;
    use rand::seq::SliceRandom;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Normal};
    use std::sync::Arc;

    fn sketch(values: &[f64], cells: &OrderedCells, parts: usize) -> FeatureSketch {
        let basis = Arc::new(Basis::Ordered(cells.clone()));
        let part = |values: &[f64]| {
            let mut accumulator = Accumulator::new(Kind::Continuous, basis.clone(), 10);
            values.iter().for_each(|value| accumulator.push(&Value::Number(*value)));
            accumulator.finish()
        };
        values.chunks(values.len().div_ceil(parts)).map(part).fold(
            FeatureSketch::default(),
            |mut sum, part| {
                sum.merge(&part);
                sum
            },
        )
    }

    #[test]
    fn it_is_the_same_for_any_order_and_near_the_quantiles_of_the_values() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let normal = Normal::new(0.0, 1.0).unwrap();
        let mut before: Vec<f64> = (0..20_000).map(|_| normal.sample(&mut rng)).collect();
        before.sort_by(f64::total_cmp);
        let edges = (1..250).filter_map(|j| quantile_of_sorted(&before, f64::from(j) / 250.0)).collect();
        let cells = OrderedCells::new(edges, vec![]).unwrap();
        for (moved, far) in [(0.0, 5.0), (1.0, 6.0), (0.5, 1e6)] {
            let mut values: Vec<f64> = (0..20_000).map(|_| moved + normal.sample(&mut rng)).collect();
            values[0] = far;
            let first = sketch(&values, &cells, 1).detail_of_cells(&cells);
            for _ in 0..5 {
                values.shuffle(&mut rng);
                let again = sketch(&values, &cells, rng.random_range(1..40)).detail_of_cells(&cells);
                assert_eq!((&again.digest, again.moments.squares), (&first.digest, first.moments.squares));
            }
            values.sort_by(f64::total_cmp);
            assert_eq!((first.digest.min(), first.digest.max()), (Some(values[0]), Some(far)));
            for q in [0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999] {
                let (found, expected) =
                    (first.digest.quantile(q).unwrap(), quantile_of_sorted(&values, q).unwrap());
                let error = (found - expected).abs();
                let most = if (0.01..0.99).contains(&q) { 0.05 } else { 0.7 };
                assert!(error < most, "moved by {moved}, {q}: {found} for {expected}");
            }
        }
    }
}
