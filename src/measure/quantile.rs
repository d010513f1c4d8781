//! Quantiles of a sketch: the digest's estimates, held within the cells that exact counts say they lie in.
//! Where a cell is one value, as in most discrete features, they are exact.

use crate::sketch::{FeatureSketch, OrderedCells};

/// A quantile of `sketch`, which is counted in `cells`, by NumPy's linear rule (type 7 of Hyndman and Fan
/// 1996): estimated within the cells that hold the two numbers that it lies between. `None` without
/// numbers.
pub(super) fn quantile(cells: &OrderedCells, sketch: &FeatureSketch, q: f64) -> Option<f64> {
    let digest = &sketch.detail.digest;
    let (estimate, extremes) = (digest.quantile(q)?, digest.min().zip(digest.max())?);
    let rows: u64 = sketch.tally.cells.iter().sum();
    let position = q * rows.checked_sub(1)? as f64;
    let holding = |rank: f64| {
        let mut passed = 0;
        let cell = sketch.tally.cells.iter().position(|count| {
            passed += count;
            rank < passed as f64
        });
        cell.map(|cell| ends(cells, cell, extremes))
    };
    Some(estimate.clamp(holding(position.floor())?.0, holding(position.ceil())?.1))
}

/// The least and the greatest number that a cell with rows can hold, between the sketch's extremes.
pub(super) fn ends(cells: &OrderedCells, cell: usize, (min, max): (f64, f64)) -> (f64, f64) {
    (cells.lower(cell).next_up().max(min), cells.upper(cell).min(max))
}
