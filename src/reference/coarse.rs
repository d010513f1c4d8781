//! Coarse cells, for the sequential test and for seasons: unions of the reference's fine ones.
//!
//! Values first, then two more: **novel**, for all that the reference never held, and **missing**.
//! An ordered feature has about 32 cells of equal share, merged in order; a value with such a share
//! of its own stays alone. Categories: the most frequent 31, and the rest as one. Fine cells that
//! the reference left empty (the gaps between discrete values, what lies beyond a constant) are
//! novel, as unseen categories are.
//!
//! The cells follow from the basis and the counts of the reference alone, so that stage 1 can count
//! by them and stage 2 can read its counts.

use super::FeatureProfile;
use crate::sketch::{Basis, Tally};
use crate::words::Kind;

/// An ordered feature has about so many cells of values.
const ORDERED_CELLS: u64 = 32;
/// The least rows of the reference in a cell of equal share: with fewer its share is not known.
const LEAST_ROWS: u64 = 30;
/// Categories with a cell of their own.
const NAMED_CATEGORIES: usize = 31;

/// Coarse cells, and what the reference counted in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoarseCells {
    of_fine: Vec<u16>,
    rows: Vec<u64>,
    total: u64,
    has_novel: bool,
}

impl CoarseCells {
    /// The cells for `reference`.
    pub fn of(reference: &FeatureProfile) -> Self {
        let fine = &reference.sketch.tally.cells;
        match &*reference.basis {
            Basis::Ordered(_) => CoarseCells::new(reference, merged(fine), singles(fine), true),
            Basis::Categories(_) => {
                let has_novel = reference.tells_unseen() && reference.kind == Kind::Categorical;
                let novel = if has_novel { reference.singletons } else { 0 };
                let (cells, rare) = most_frequent(fine);
                let mut coarse = CoarseCells::new(reference, cells, novel, has_novel);
                // The categories that the reference held once are to be expected as often as new ones
                // are; their rows in the cell of the rare are those that new ones will take from it.
                let named = coarse.rows[..rare].iter().filter(|rows| **rows == 1).count() as u64;
                if rare < coarse.novel() {
                    coarse.rows[rare] = coarse.rows[rare].saturating_sub(novel.saturating_sub(named));
                }
                coarse
            }
        }
    }

    fn new(reference: &FeatureProfile, cells: Vec<Option<u16>>, novel_rows: u64, has_novel: bool) -> Self {
        let tally = &reference.sketch.tally;
        let novel = cells.iter().flatten().max().map_or(0, |last| last + 1);
        let of_fine: Vec<u16> = cells.into_iter().map(|cell| cell.unwrap_or(novel)).collect();
        let mut rows = vec![0; usize::from(novel)];
        let counted = of_fine.iter().zip(&tally.cells).filter(|(_, count)| **count > 0);
        counted.for_each(|(cell, count)| rows[usize::from(*cell)] += count);
        rows.extend([novel_rows, tally.missing + tally.invalid]);
        CoarseCells { of_fine, rows, total: tally.rows(), has_novel }
    }

    /// How many cells there are.
    #[expect(clippy::len_without_is_empty, reason = "novel and missing are always there")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The coarse cell that the fine cell `fine` is part of.
    pub fn of_fine(&self, fine: usize) -> usize {
        usize::from(self.of_fine[fine])
    }

    /// The cell of values that the reference never held, unseen categories among them.
    pub fn novel(&self) -> usize {
        self.rows.len() - 2
    }

    /// The cell of missing and invalid values.
    pub fn missing(&self) -> usize {
        self.rows.len() - 1
    }

    /// Whether a novel value can be told from others.
    pub fn has_novel(&self) -> bool {
        self.has_novel
    }

    /// Rows of the reference by cell. Of novel values, which it has none of, as many as it is to be
    /// expected in as many rows again: the values that it held exactly once (I. J. Good, The
    /// population frequencies of species, Biometrika 40 (1953)); the cell of rare categories is that
    /// much smaller.
    pub fn rows(&self) -> &[u64] {
        &self.rows
    }

    /// All rows of the reference.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The first and the last fine cell that is part of `cell`, a cell of values.
    pub fn fine_ends(&self, cell: usize) -> Option<(usize, usize)> {
        let is_part = |of: &u16| usize::from(*of) == cell;
        Some((self.of_fine.iter().position(is_part)?, self.of_fine.iter().rposition(is_part)?))
    }

    /// Counts by coarse cell of a tally in the reference's fine cells.
    pub fn count(&self, tally: &Tally) -> Vec<u64> {
        let mut counts = vec![0; self.len()];
        self.of_fine.iter().zip(&tally.cells).for_each(|(cell, rows)| counts[usize::from(*cell)] += rows);
        counts[self.novel()] += tally.unseen;
        counts[self.missing()] += tally.missing + tally.invalid;
        counts
    }
}

/// Neighbours merged until they have an equal share; `None` where the reference counted nothing.
fn merged(fine: &[u64]) -> Vec<Option<u16>> {
    let enough = fine.iter().sum::<u64>().div_ceil(ORDERED_CELLS).max(LEAST_ROWS);
    let mut coarse: Vec<Option<u16>> = vec![None; fine.len()];
    // Rows of the last cell, while others may still join it.
    let (mut next, mut open) = (0, None);
    for (at, rows) in fine.iter().enumerate().filter(|(_, rows)| **rows > 0) {
        match &mut open {
            Some(sum) if *rows < enough && *sum < enough => *sum += rows,
            _ => {
                next += 1;
                open = (*rows < enough).then_some(*rows);
            }
        }
        coarse[at] = Some(next - 1);
    }
    join_last(fine, &mut coarse, enough);
    coarse
}

/// Joins the last cell, where it has too few rows, to the one before it, unless that is one value.
fn join_last(fine: &[u64], coarse: &mut [Option<u16>], enough: u64) {
    let Some(last) = coarse.iter().flatten().copied().max().filter(|last| *last > 0) else { return };
    let rows_of = |cell: u16| {
        fine.iter().zip(&*coarse).filter(move |(_, of)| **of == Some(cell)).map(|(rows, _)| *rows)
    };
    if rows_of(last).sum::<u64>() < enough && rows_of(last - 1).all(|rows| rows < enough) {
        coarse.iter_mut().filter(|of| **of == Some(last)).for_each(|of| *of = Some(last - 1));
    }
}

/// The most frequent categories each, ties in the order of their cells, and the others as one cell, of
/// the number that is given.
fn most_frequent(fine: &[u64]) -> (Vec<Option<u16>>, usize) {
    let names = fine.len().saturating_sub(1);
    let mut by_rows: Vec<usize> = (0..names).filter(|at| fine[*at] > 0).collect();
    by_rows.sort_by_key(|at| std::cmp::Reverse(fine[*at]));
    let rare = by_rows.len().min(NAMED_CATEGORIES);
    // The last fine cell holds many categories already.
    by_rows.extend((names..fine.len()).filter(|at| fine[*at] > 0));
    let mut coarse = vec![None; fine.len()];
    for (rank, at) in by_rows.into_iter().enumerate() {
        coarse[at] = Some(rank.min(rare) as u16);
    }
    (coarse, rare)
}

/// How many cells the reference counted exactly one row in.
fn singles(fine: &[u64]) -> u64 {
    fine.iter().filter(|rows| **rows == 1).count() as u64
}
