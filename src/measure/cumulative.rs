//! Rows up to the ends of cells, which is all that is certain of a distribution on the number line.

/// So many cells are compared at once.
const AT_ONCE: usize = 4;

/// Rows up to the end of each cell. They are whole numbers: exact up to 2^53 of them.
#[derive(Debug)]
pub(super) struct Cumulative(Vec<f64>);

impl Cumulative {
    /// Those of `counts` by cell; `None` where there is no row.
    pub fn of(counts: &[u64]) -> Option<Cumulative> {
        let mut passed = 0;
        let ends = counts.iter().map(|count| {
            passed += count;
            // Signed numbers are quicker to convert, and as good for counts.
            passed as i64 as f64
        });
        let ends = Cumulative(ends.collect());
        (passed > 0).then_some(ends)
    }

    /// All rows.
    pub fn rows(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    /// The share of rows before each cell, and of all.
    pub fn shares(&self) -> Vec<f64> {
        let (rows, per_row) = (self.rows(), 1.0 / self.rows());
        let mut shares = vec![0.0; self.0.len() + 1];
        for (share, passed) in shares[1..].iter_mut().zip(&self.0) {
            *share = if *passed == rows { 1.0 } else { passed * per_row };
        }
        shares
    }

    /// The greatest difference of the shares up to the end of a cell.
    pub fn distance(&self, other: &Cumulative) -> f64 {
        let (m, n) = (self.rows(), other.rows());
        // In units of 1/(m n) shares are whole numbers.
        let apart = |r: f64, w: f64| (r * n - w * m).abs();
        let greater = |a: f64, b: f64| if a > b { a } else { b };
        let (many_r, rest_r) = self.0.as_chunks::<AT_ONCE>();
        let (many_w, rest_w) = other.0.as_chunks::<AT_ONCE>();
        let mut most = [0.0; AT_ONCE];
        for (r, w) in many_r.iter().zip(many_w) {
            most = std::array::from_fn(|at| greater(apart(r[at], w[at]), most[at]));
        }
        let rest = rest_r.iter().zip(rest_w).map(|(r, w)| apart(*r, *w));
        (most.into_iter().chain(rest).fold(0.0, greater) / (m * n)).min(1.0)
    }
}
