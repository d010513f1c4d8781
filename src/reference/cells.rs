//! From the values of a reference column to the cells it is counted in.
//!
//! Continuous: the quantiles at j/250 (NumPy's linear rule; the deciles, j = 25, 50, …, end the
//! bins of PSI), and for each atom, a value of 1/125 of the rows or more, a cell of its own.
//! Discrete: a cell for each value and for each gap. Categories: the most frequent 1,024 by name,
//! the rest of up to 100,000 by hash.

use crate::sketch::{
    Categories, MAX_CELLS, MAX_COUNTED_CATEGORIES, NumberCell, OrderedCells, Unseen, hash_of,
    quantile_of_sorted,
};
use crate::words::Name;
use std::collections::{BTreeSet, HashMap};

/// Quantiles that continuous cells are cut at.
const QUANTILES: u32 = 250;
/// Every so manieth quantile is a decile.
const PER_DECILE: u32 = 25;
/// A value with one row in so many, or more, is an atom.
const ATOM_ROWS: usize = 125;
/// Most atoms: two edges each, and the deciles, stay under [`MAX_CELLS`].
const MAX_ATOMS: usize = 120;
/// Most categories whose hashes are kept.
const MAX_KNOWN_CATEGORIES: usize = 100_000;
/// A discrete column has at most so many distinct values …
const DISCRETE_VALUES: usize = 64;
/// … with at least so many rows each on average.
const DISCRETE_ROWS: u64 = 20;

/// Whether ascending numbers are few enough values to be discrete.
pub(super) fn is_discrete(sorted: &[f64]) -> bool {
    is_few(runs(sorted).take(DISCRETE_VALUES + 1).count(), sorted.len() as u64)
}

/// Whether so many distinct values of `rows` numbers are few enough.
pub(super) fn is_few(distinct: usize, rows: u64) -> bool {
    distinct <= DISCRETE_VALUES && rows >= distinct as u64 * DISCRETE_ROWS
}

/// Cells for ascending values of a continuous column.
pub(super) fn continuous(sorted: &[f64]) -> OrderedCells {
    let quantile = |j: u32| quantile_of_sorted(sorted, f64::from(j) / f64::from(QUANTILES)).map(|q| q + 0.0);
    let around_atoms = atoms(sorted).into_iter().flat_map(|atom| [atom.next_down(), atom]);
    cut(quantile, around_atoms)
}

/// Cells for the numbers of a census, in ascending cells of their own. It is cut at the ends of those
/// alone, so that everything is counted exactly: at the end of the one that holds each quantile, and on
/// both sides of one with as many rows as an atom.
pub(super) fn of_census(counted: &[NumberCell]) -> OrderedCells {
    let rows: u64 = counted.iter().map(|cell| cell.rows).sum();
    let running = |sum: &mut u64, cell: &NumberCell| {
        *sum += cell.rows;
        Some(*sum)
    };
    let ends: Vec<u64> = counted.iter().scan(0, running).collect();
    let quantile = |j: u32| {
        let position = rows.checked_sub(1)? * u64::from(j) / u64::from(QUANTILES);
        counted.get(ends.partition_point(|end| *end <= position)).map(|cell| cell.last)
    };
    let mut heavy: Vec<&NumberCell> =
        counted.iter().filter(|cell| cell.rows * ATOM_ROWS as u64 >= rows).collect();
    heavy.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.last.total_cmp(&b.last)));
    heavy.truncate(MAX_ATOMS);
    cut(quantile, heavy.into_iter().flat_map(|cell| [cell.first.next_down(), cell.last]))
}

/// Cells cut at the edges `around` the most frequent values, and at `quantile`s (by their number of
/// [`QUANTILES`]) as far as there is room; the deciles always, and they end the bins.
fn cut(quantile: impl Fn(u32) -> Option<f64>, around: impl Iterator<Item = f64>) -> OrderedCells {
    let deciles: Vec<f64> = distinct((1..10).filter_map(|d| quantile(d * PER_DECILE)));
    let wanted = distinct(around.chain(deciles.iter().copied()).filter(|edge| edge.is_finite()));
    let fine: Vec<f64> = distinct((1..QUANTILES).filter_map(&quantile))
        .into_iter()
        .filter(|edge| wanted.binary_search_by(|w| w.total_cmp(edge)).is_err())
        .collect();
    let room = (MAX_CELLS - 1).saturating_sub(wanted.len());
    let edges = distinct(wanted.iter().copied().chain(thinned(&fine, room)));
    let bin_ends = positions(&edges, &deciles);
    OrderedCells::new(edges, bin_ends).expect("distinct finite edges, ascending, fewer than cells allow")
}

/// Cells for ascending values of a discrete column: at most 64 distinct ones get cells.
pub(super) fn discrete(sorted: &[f64]) -> Result<OrderedCells, String> {
    let values: Vec<f64> = runs(sorted).map(|(value, _)| value).collect();
    if 2 * values.len() >= MAX_CELLS {
        return Err(format!("{} distinct values are too many for a discrete feature", values.len()));
    }
    let edges = distinct(values.iter().flat_map(|v| [v.next_down(), *v]).filter(|edge| edge.is_finite()));
    let bin_ends = (0..edges.len() as u32).collect();
    OrderedCells::new(edges, bin_ends)
}

/// Cells for the categories of a column, with the counts of the cells.
pub(super) fn categories(counts: &HashMap<Name, u64>) -> (Categories, Vec<u64>) {
    let mut by_count: Vec<(&Name, u64)> = counts.iter().map(|(name, count)| (name, *count)).collect();
    by_count.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let (named, rest) = by_count.split_at(by_count.len().min(MAX_COUNTED_CATEGORIES));
    let complete = counts.len() <= MAX_KNOWN_CATEGORIES;
    let others: BTreeSet<u64> =
        if complete { rest.iter().map(|(name, _)| hash_of(name)).collect() } else { BTreeSet::new() };
    let mut cells: Vec<u64> = named.iter().map(|(_, count)| *count).collect();
    cells.push(rest.iter().map(|(_, count)| count).sum());
    let names = named.iter().map(|(name, _)| (*name).clone()).collect();
    let categories = Categories::new(names, others.into_iter().collect(), complete);
    (categories.expect("names and hashes come from a map, sorted"), cells)
}

/// The same cells, with bins that end at the deciles of the rows that are `counted` in them, or at the next
/// edge after.
pub(super) fn binned_anew(cells: &OrderedCells, counted: &[u64]) -> Result<OrderedCells, String> {
    let rows: u64 = counted.iter().sum();
    let mut below = 0;
    let mut ends = Vec::new();
    for (cell, count) in counted.iter().enumerate().take(cells.edges().len()) {
        let position = |decile: u64| rows.saturating_sub(1) * decile / 10;
        let holds = |decile: &u64| (below..below + count).contains(&position(*decile));
        if (1..10).any(|decile| holds(&decile)) {
            ends.push(cell as u32);
        }
        below += count;
    }
    OrderedCells::new(cells.edges().to_vec(), ends)
}

/// The same categories and after them those of `more`: with cells of their own while there is room, the
/// most frequent first. Refuses more than are known by hash.
pub(super) fn with_more(categories: &Categories, more: &Unseen) -> Result<Categories, String> {
    let mut by_rows: Vec<(&Name, u64)> = more.iter().collect();
    by_rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let room = MAX_COUNTED_CATEGORIES - categories.names().len();
    let (named, rest) = by_rows.split_at(by_rows.len().min(room));
    let names = categories.names().iter().chain(named.iter().map(|(name, _)| *name)).cloned().collect();
    let rest = rest.iter().map(|(name, _)| hash_of(name));
    let others: BTreeSet<u64> = categories.others().iter().copied().chain(rest).collect();
    if others.len() > MAX_KNOWN_CATEGORIES {
        return Err(format!("more than {MAX_KNOWN_CATEGORIES} rare categories"));
    }
    Categories::new(names, others.into_iter().collect(), categories.is_complete())
}

/// The two categories of a boolean column, always both.
pub(super) fn boolean() -> Categories {
    Categories::new(vec!["false".into(), "true".into()], Vec::new(), true).expect("two distinct names")
}

/// The heaviest values of one row in 125 or more.
fn atoms(sorted: &[f64]) -> Vec<f64> {
    let mut heavy: Vec<(f64, usize)> =
        runs(sorted).filter(|(_, rows)| rows * ATOM_ROWS >= sorted.len()).collect();
    heavy.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.total_cmp(&b.0)));
    heavy.truncate(MAX_ATOMS);
    heavy.into_iter().map(|(value, _)| value).collect()
}

/// Distinct values of ascending numbers, with how often each stands there.
fn runs(sorted: &[f64]) -> impl Iterator<Item = (f64, usize)> + '_ {
    sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len()))
}

fn distinct(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

/// At most `room` of `values`, evenly spread.
fn thinned(values: &[f64], room: usize) -> impl Iterator<Item = f64> + '_ {
    let take = values.len().min(room);
    (0..take).map(move |i| values[i * values.len() / take])
}

fn positions(edges: &[f64], wanted: &[f64]) -> Vec<u32> {
    let position = |edge: &f64| edges.binary_search_by(|e| e.total_cmp(edge)).ok().map(|at| at as u32);
    wanted.iter().filter_map(position).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        values
    }

    #[test]
    fn smooth_data_has_250_cells_and_ten_bins() {
        let cells = continuous(&sorted((0..10_000).map(|i| f64::from(i).sqrt())));
        assert_eq!(cells.len(), 250);
        assert_eq!(cells.bins().count(), 10);
    }

    #[test]
    fn an_atom_has_a_cell_of_its_own_and_a_constant_is_one() {
        let cells = continuous(&sorted((0..1000).map(|i| if i % 5 < 3 { 0.0 } else { f64::from(i) })));
        assert!(cells.is_atom(cells.locate(0.0)));
        let constant = continuous(&[7.0; 50]);
        assert_eq!(constant.edges(), [7.0_f64.next_down(), 7.0]);
        assert_eq!(constant.bins().collect::<Vec<_>>(), [0..2, 2..3]);
    }

    #[test]
    fn nasty_columns_have_cells_too() {
        for column in [
            vec![],
            vec![1.0],
            vec![f64::MAX; 3],
            vec![-f64::MAX, f64::MAX],
            sorted((0..124).map(f64::from)),
            sorted((0..300).map(|i| f64::from(i % 125))),
            vec![-5e-324, 0.0, 5e-324],
        ] {
            let cells = continuous(&column);
            assert!(cells.len() <= MAX_CELLS, "{} cells", cells.len());
            assert!(column.iter().all(|v| cells.locate(*v) < cells.len()));
        }
    }

    #[test]
    fn discrete_values_and_gaps_have_cells() {
        let column = sorted((0..400).map(|i| f64::from(i % 4)));
        assert!(is_discrete(&column));
        assert!(!is_discrete(&sorted((0..70).map(f64::from))));
        let cells = discrete(&column).unwrap();
        assert_eq!(cells.len(), 9);
        assert_eq!((0..9).filter(|cell| cells.is_atom(*cell)).count(), 4);
    }

    #[test]
    fn the_most_frequent_categories_have_names_and_the_rest_hashes() {
        let counts: HashMap<Name, u64> =
            (0..2000).map(|i| (Name::from(format!("c{i:04}")), 2000 - i)).collect();
        let (categories, cells) = categories(&counts);
        assert_eq!((&*categories.names()[0], cells[0]), ("c0000", 2000));
        assert_eq!((categories.names().len(), categories.others().len()), (1024, 976));
        assert_eq!(cells.iter().sum::<u64>(), 2000 * 2001 / 2);
    }
}
