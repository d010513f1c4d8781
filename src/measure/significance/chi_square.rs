//! The two-sample chi-square test over pooled cells.
//!
//! X² = Σ (O-E)²/E over both samples and all cells, cells - 1 degrees of freedom. Its law is a limit
//! that needs counts, so cells are pooled until both samples expect at least 5 in each. Which cells
//! are pooled depends on the two samples' sums only: given these the law holds, whereas a choice by
//! the reference's counts favours cells where it happened to count high.
//!
//! Rare and unseen categories form one cell, and so do those that the reference counts together as
//! `other`. Left out, the unseen ones would be missing from the window's side alone: a reference of
//! 10,000 rows over 20,000 Zipf categories leaves a quarter of any window unseen, and the test would
//! reject always, with nothing changed; as it does with `other` in a cell of its own, which holds
//! less in any window because some of what it stood for is new there. Together they keep the nominal
//! size (4.4 % at 5 %, 0.1 % at 0.1 %, 4,000 simulated windows of 5,000).

use super::beta_binomial::missing_p;
use statrs::function::gamma::checked_gamma_ur;

/// What both samples must expect in a pooled cell.
const MIN_EXPECTED: f64 = 5.0;

/// A chi-square test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PooledTest {
    /// X² of the rows as counted.
    pub statistic: f64,
    /// Degrees of freedom: pooled cells less one; at least 1.
    pub degrees: u64,
    /// The chance of such a statistic or a larger one if nothing changed.
    pub p_value: f64,
}

/// Counts of one cell.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    reference: u64,
    window: u64,
}

impl Cell {
    fn join(&mut self, other: Cell) {
        self.reference += other.reference;
        self.window += other.window;
    }

    fn sum(self) -> u64 {
        self.reference + self.window
    }

    /// Whether both samples expect enough of this cell, `total` being all rows of each.
    fn is_filled(self, total: Cell, factor: f64) -> bool {
        let least = u128::from(total.reference.min(total.window));
        let enough = (MIN_EXPECTED * factor).ceil() as u128;
        u128::from(self.sum()) * least >= enough * u128::from(total.sum())
    }
}

/// The test over ordered cells of (reference, window) counts, of which `factor` count as one. Cells join their right neighbour until
/// both samples expect 5, and what is left at the end joins the last. `None` when fewer than two
/// cells remain.
pub fn pooled_ordered(counts: impl Iterator<Item = (u64, u64)> + Clone, factor: f64) -> Option<PooledTest> {
    let cells = counts.map(|(reference, window)| Cell { reference, window });
    let total = total(cells.clone());
    let mut pooled: Vec<Cell> = Vec::new();
    let mut open = Cell::default();
    for cell in cells {
        open.join(cell);
        if open.is_filled(total, factor) {
            pooled.push(std::mem::take(&mut open));
        }
    }
    if let Some(last) = pooled.last_mut() {
        last.join(open);
    }
    test(&pooled, total, factor)
}

/// The test over categories of (reference, window) counts, and `others`: rows in categories without a
/// count of their own, those that the reference never saw among them; `factor` rows count as one.
/// Categories of which a sample expects fewer than 5 form one cell with the others, and that joins the
/// smallest other cell if it still falls short. `None` when fewer than two cells remain.
pub fn pooled_categories(
    counts: impl Iterator<Item = (u64, u64)> + Clone,
    others: (u64, u64),
    factor: f64,
) -> Option<PooledTest> {
    let cells = counts.map(|(reference, window)| Cell { reference, window });
    let mut rare = Cell { reference: others.0, window: others.1 };
    let total = total(cells.clone().chain([rare]));
    let mut pooled: Vec<Cell> = Vec::new();
    for cell in cells {
        if cell.is_filled(total, factor) {
            pooled.push(cell);
        } else {
            rare.join(cell);
        }
    }
    if rare.is_filled(total, factor) {
        pooled.push(rare);
    } else if let Some(smallest) = pooled.iter_mut().min_by_key(|cell| cell.sum()) {
        smallest.join(rare);
    }
    test(&pooled, total, factor)
}

/// The p-value of the reference's most frequent cell of (reference, window) counts against all others
/// and `others`, by the beta-binomial law: for what pooling leaves fewer than two cells of. A constant
/// or a boolean that never was true has no other cell in which both samples expect five rows, however
/// many rows of a window leave it. `None` where that cell is not filled either.
/// `factor` rows count as one.
pub fn most_frequent_p(
    counts: impl Iterator<Item = (u64, u64)> + Clone,
    others: (u64, u64),
    factor: f64,
) -> Option<f64> {
    let cells = counts.map(|(reference, window)| Cell { reference, window });
    let total = total(cells.clone().chain([Cell { reference: others.0, window: others.1 }]));
    let most = cells.max_by_key(|cell| cell.reference).filter(|cell| cell.is_filled(total, factor))?;
    let (c, r) = (total.window - most.window, total.reference - most.reference);
    Some(missing_p(c, total.window, r, total.reference, factor))
}

fn total(cells: impl Iterator<Item = Cell>) -> Cell {
    cells.fold(Cell::default(), |mut total, cell| {
        total.join(cell);
        total
    })
}

fn test(pooled: &[Cell], total: Cell, factor: f64) -> Option<PooledTest> {
    let degrees = pooled.len().checked_sub(1).filter(|degrees| *degrees > 0)? as u64;
    if total.reference == 0 || total.window == 0 {
        return None;
    }
    let (m, n) = (total.reference as f64, total.window as f64);
    let statistic: f64 = pooled
        .iter()
        .map(|cell| {
            // Both samples miss their expectation by the same rows, so one square serves both.
            let sum = cell.sum() as f64;
            let expected = sum * (n / (n + m));
            let apart = cell.window as f64 - expected;
            apart * apart / expected * (1.0 + n / m)
        })
        .sum();
    Some(PooledTest { statistic, degrees, p_value: upper_tail(statistic / factor, degrees) })
}

/// The chance that a chi-square variable of `degrees` degrees of freedom passes `statistic`.
fn upper_tail(statistic: f64, degrees: u64) -> f64 {
    if statistic <= 0.0 {
        return 1.0;
    }
    // The function refuses an infinite argument only, and the tail is empty there.
    checked_gamma_ur(degrees as f64 / 2.0, statistic / 2.0).unwrap_or(0.0).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testdata::{Expected, assert_close};
    use proptest::prelude::*;

    #[test]
    fn statistic_and_p_are_those_of_an_independent_computation() {
        for case in Expected::load().chi_square {
            let counts = case.reference.iter().copied().zip(case.window.iter().copied());
            let found = match case.ordered {
                true => pooled_ordered(counts, 1.0),
                false => pooled_categories(counts, (0, case.unseen), 1.0),
            };
            match (found, case.degrees) {
                (None, 0) => {}
                (Some(found), degrees) => {
                    assert_eq!(found.degrees, degrees, "{case:?}");
                    assert_close(found.statistic, case.statistic, 1e-11, &case);
                    assert_close(found.p_value, case.p_value, 1e-9, &case);
                }
                (None, _) => panic!("no test of {case:?}"),
            }
        }
    }

    #[test]
    fn ordered_cells_join_their_right_neighbour_until_both_samples_expect_five() {
        // Two equal samples: a cell needs ten rows of both. 4+4, then 6+6 more; then 5+5; 1+1 joins.
        let pooled = pooled_ordered([(4, 4), (6, 6), (0, 0), (5, 5), (1, 1)].into_iter(), 1.0).unwrap();
        assert_eq!((pooled.degrees, pooled.statistic), (1, 0.0));
        assert_eq!(pooled_ordered([(4, 4), (3, 3)].into_iter(), 1.0), None);
        assert_eq!(pooled_ordered([(40, 0), (40, 0)].into_iter(), 1.0), None);
        assert_eq!(pooled_ordered(std::iter::empty(), 1.0), None);
    }

    #[test]
    fn one_unseen_row_in_a_thousand_proves_nothing() {
        let pooled = pooled_categories([(5000, 500), (5000, 499)].into_iter(), (0, 1), 1.0).unwrap();
        assert!(pooled.degrees == 1 && pooled.p_value > 0.9, "{pooled:?}");
    }

    #[test]
    fn rows_of_which_four_count_as_one_prove_as_much_as_a_quarter_of_them() {
        let counts = |times: u64| [(60, 20), (40, 30), (5, 5)].map(|(m, n)| (m * times, n * times));
        let (whole, quarter) = (
            pooled_ordered(counts(4).into_iter(), 4.0).unwrap(),
            pooled_ordered(counts(1).into_iter(), 1.0).unwrap(),
        );
        assert_eq!(whole.degrees, quarter.degrees);
        assert_close(whole.p_value, quarter.p_value, 1e-12, &whole);
    }

    #[test]
    fn categories_that_are_counted_together_make_up_for_new_ones() {
        // The window's rows of 1,000 rare categories are of as many others as the reference's.
        let named = [(5000, 500), (4000, 400)];
        let together = pooled_categories(named.into_iter(), (1000, 100), 1.0).unwrap();
        assert!(together.degrees == 2 && together.statistic == 0.0, "{together:?}");
    }

    #[test]
    fn what_leaves_the_only_filled_cell_is_tested_at_any_counts() {
        let boolean = |reference: (u64, u64), window: (u64, u64)| {
            let counts = [(reference.0, window.0), (reference.1, window.1)].into_iter();
            assert_eq!(pooled_categories(counts.clone(), (0, 0), 1.0), None);
            most_frequent_p(counts, (0, 0), 1.0)
        };
        assert!(boolean((1_000_000, 0), (0, 500)).unwrap() < 1e-300);
        assert!(boolean((1_000_000, 0), (490, 10)).unwrap() < 1e-20);
        assert!(boolean((1_000_000, 2), (499, 1)).unwrap() > 1e-3);
        assert_eq!(boolean((1_000_000, 0), (500, 0)), Some(1.0));
        assert_eq!(most_frequent_p([(1, 0); 100].into_iter(), (0, 100), 1.0), None);
        assert_eq!(most_frequent_p(std::iter::empty(), (0, 10), 1.0), None);
    }

    #[test]
    fn counts_in_the_billions_stay_finite() {
        let huge = 1 << 60;
        let pooled = pooled_categories([(huge, 0), (0, huge)].into_iter(), (0, huge), 1.0).unwrap();
        assert!(pooled.statistic.is_finite() && pooled.p_value == 0.0);
    }

    proptest! {
        #[test]
        fn proportional_samples_are_never_surprising(counts in prop::collection::vec(0u64..50, 0..40)) {
            let doubled = counts.iter().map(|count| (2 * count, *count));
            for found in [pooled_ordered(doubled.clone(), 1.0), pooled_categories(doubled, (0, 0), 1.0)].into_iter().flatten() {
                prop_assert!(found.statistic < 1e-20 && found.p_value > 0.999_999, "{:?}", found);
            }
        }

        #[test]
        fn a_test_always_gives_a_probability(
            counts in prop::collection::vec((0u64..1000, 0u64..1000), 0..40), unseen in 0u64..1000,
            factor in 1.0..100.0f64,
        ) {
            for found in [pooled_ordered(counts.iter().copied(), factor), pooled_categories(counts.iter().copied(), (0, unseen), factor)]
                .into_iter().flatten()
            {
                prop_assert!((0.0..=1.0).contains(&found.p_value) && found.statistic >= 0.0);
            }
        }
    }
}
