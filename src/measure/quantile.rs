//! Quantiles of a sketch: the digest's estimates, held within the cells that exact counts say they lie in.
//! Where a cell is one value, as in most discrete features, they are exact.

use crate::sketch::{FeatureSketch, OrderedCells};

/// The quantiles of `sketch`, which is counted in `cells`, at `shares` (0 to 1, ascending), by NumPy's linear
/// rule (type 7 of Hyndman and Fan 1996): estimated within the cells that hold the two numbers that each
/// lies between. `None` without numbers.
pub(super) fn quantiles<const N: usize>(
    cells: &OrderedCells,
    sketch: &FeatureSketch,
    shares: [f64; N],
) -> [Option<f64>; N] {
    let (digest, counts) = (&sketch.detail.digest, &sketch.tally.cells);
    let last = counts.iter().sum::<u64>().checked_sub(1);
    let Some((extremes, last)) = digest.extremes().zip(last) else { return [None; N] };
    let Some(told) = digest.quantiles(shares) else { return [None; N] };
    let mut ranks = Ranks { counts, cell: 0, passed: counts[0] };
    std::array::from_fn(|at| {
        let position = shares[at] * last as f64;
        let low = ends(cells, ranks.cell(position.floor())?, extremes).0;
        let high = ends(cells, ranks.clone().cell(position.ceil())?, extremes).1;
        Some(told[at].clamp(low, high))
    })
}

/// A walk over cells, to those that hold numbers of ascending ranks.
#[derive(Clone)]
struct Ranks<'a> {
    counts: &'a [u64],
    cell: usize,
    /// Rows up to the end of this cell.
    passed: u64,
}

impl Ranks<'_> {
    /// The cell that holds the number before which there are `rank` others; not less than before.
    fn cell(&mut self, rank: f64) -> Option<usize> {
        while self.passed <= rank as u64 {
            self.cell += 1;
            self.passed += self.counts.get(self.cell)?;
        }
        Some(self.cell)
    }
}

/// The least and the greatest number that a cell with rows can hold, between the sketch's extremes.
fn ends(cells: &OrderedCells, cell: usize, (min, max): (f64, f64)) -> (f64, f64) {
    (cells.lower(cell).next_up().max(min), cells.upper(cell).min(max))
}
