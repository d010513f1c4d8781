//! The Kolmogorov-Smirnov distance: the greatest difference of the two cumulative shares.
//!
//! At the ends of cells both are known exactly, which certifies `low`; inside a cell each only
//! rises, which certifies `high`. Both rest on counts. `value` follows the digests inside the cells
//! and is held within the two. In cells of a single number, as all of a discrete feature are, there
//! is no inside: the three are equal.

use super::MeasureValue;
use crate::sketch::{Digest, FeatureSketch, OrderedCells};
use std::ops::Range;

/// The distance of `window` from `reference`, both counted in `cells`; `None` where one is empty.
pub(super) fn ks(
    cells: &OrderedCells,
    reference: &FeatureSketch,
    window: &FeatureSketch,
) -> Option<MeasureValue> {
    let (f, g) = (Cumulative::of(reference, cells)?, Cumulative::of(window, cells)?);
    let inner = || (0..cells.len()).filter(|cell| !cells.is_atom(*cell));
    let low = (0..cells.len()).map(|cell| (f.at(cell).end - g.at(cell).end).abs()).fold(0.0, f64::max);
    let bound = |cell: usize| {
        let (f, g) = (f.at(cell), g.at(cell));
        (f.end - g.start).max(g.end - f.start)
    };
    let high = inner().map(bound).fold(low, f64::max);
    let mut value = low;
    if high > low {
        let mut points = [f.digest.support(), g.digest.support()].concat();
        points.retain(|point| point.is_finite());
        points.sort_by(f64::total_cmp);
        points.dedup();
        for cell in inner() {
            // Only a cell that can hold more than what was found is worth the look.
            if bound(cell) > value {
                value = value.max(inside(cells, cell, &points, &f, &g));
            }
        }
    }
    Some(MeasureValue { value: value.clamp(low, high), low, high, corrected: low, threshold: None })
}

/// The greatest difference that the digests show inside `cell`, at the `points` (ascending) where
/// one of them steps: just before and at each.
fn inside(cells: &OrderedCells, cell: usize, points: &[f64], f: &Cumulative<'_>, g: &Cumulative<'_>) -> f64 {
    let (lower, upper) = (cells.lower(cell), cells.upper(cell));
    let (f, g) = (f.within(cell, lower, upper), g.within(cell, lower, upper));
    let first = points.partition_point(|point| *point <= lower);
    let last = points.partition_point(|point| *point <= upper);
    points[first..last]
        .iter()
        .flat_map(|point| [point.next_down(), *point])
        .map(|x| (f.share_up_to(x) - g.share_up_to(x)).abs())
        .fold(0.0, f64::max)
}

/// Exact cumulative shares at the ends of cells, and a digest for what lies between.
struct Cumulative<'a> {
    ends: Vec<f64>,
    digest: &'a Digest,
}

impl<'a> Cumulative<'a> {
    fn of(sketch: &'a FeatureSketch, cells: &OrderedCells) -> Option<Self> {
        let counts = &sketch.tally.cells;
        let rows: u64 = counts.iter().sum();
        if rows == 0 {
            return None;
        }
        assert_eq!(counts.len(), cells.len(), "a sketch was compared in cells of another basis");
        let sums = counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        Some(Cumulative {
            ends: sums.map(|sum| sum as f64 / rows as f64).collect(),
            digest: &sketch.detail.digest,
        })
    }

    /// Cumulative shares where `cell` starts and ends.
    fn at(&self, cell: usize) -> Range<f64> {
        let start = if cell == 0 { 0.0 } else { self.ends[cell - 1] };
        start..self.ends[cell]
    }

    fn within(&self, cell: usize, lower: f64, upper: f64) -> Within<'a> {
        let from = if lower == f64::NEG_INFINITY { 0.0 } else { self.digest.share_up_to(lower) };
        let to = if upper == f64::INFINITY { 1.0 } else { self.digest.share_up_to(upper) };
        Within { exact: self.at(cell), estimated: from..to, digest: self.digest }
    }
}

/// One side inside a cell: the digest's course, stretched to the exact shares at the cell's ends.
struct Within<'a> {
    exact: Range<f64>,
    estimated: Range<f64>,
    digest: &'a Digest,
}

impl Within<'_> {
    fn share_up_to(&self, x: f64) -> f64 {
        let passed =
            (self.digest.share_up_to(x) - self.estimated.start) / (self.estimated.end - self.estimated.start);
        // A digest that sees nothing in a cell where values were counted leaves them in its middle.
        let passed = if passed.is_finite() { passed.clamp(0.0, 1.0) } else { 0.5 };
        self.exact.start + passed * (self.exact.end - self.exact.start)
    }
}
