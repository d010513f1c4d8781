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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_rows_there_is_nothing_to_compare() {
        assert!(Cumulative::of(&[]).is_none() && Cumulative::of(&[0, 0]).is_none());
    }

    #[test]
    fn shares_go_from_0_to_1_and_cells_without_rows_hold_exactly_none() {
        let shares = Cumulative::of(&[0, 7, 0, 3, 39, 0]).unwrap().shares();
        assert_eq!((shares[0], shares[1], shares[5], shares[6]), (0.0, 0.0, 1.0, 1.0));
        assert_eq!(shares[2], shares[3]);
        assert!((shares[2] - 7.0 / 49.0).abs() < 1e-15 && (shares[4] - 10.0 / 49.0).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn the_distance_is_the_greatest_difference_of_shares_in_whole_numbers(
            cells in prop::collection::vec((0..1000u64, 0..1000u64), 1..40),
        ) {
            let (r, w): (Vec<u64>, Vec<u64>) = cells.into_iter().unzip();
            let (m, n) = (r.iter().sum::<u64>(), w.iter().sum::<u64>());
            prop_assume!(m > 0 && n > 0);
            let passed = |counts: &[u64], end: usize| counts[..end].iter().sum::<u64>();
            let apart = |end| (passed(&r, end) * n).abs_diff(passed(&w, end) * m);
            let most = (1..=r.len()).map(apart).max().unwrap();
            let found = Cumulative::of(&r).unwrap().distance(&Cumulative::of(&w).unwrap());
            prop_assert_eq!(found, most as f64 / (m * n) as f64);
        }
    }
}
