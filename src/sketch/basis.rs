//! The cells that values are counted in, fixed by the reference.
//!
//! A basis never moves with a window: over a combined range one outlier of 1e4 hides a shift of
//! half a standard deviation. Cells and their order are part of the reference's identity.

use super::label::BinLabels;
use crate::words::Name;
use std::borrow::{Borrow, Cow};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use xxhash_rust::xxh3::xxh3_64;

/// The most cells that an ordered basis has.
pub const MAX_CELLS: usize = 255;
/// The most categories with a count of their own; the rest of the reference's is `other`.
pub const MAX_COUNTED_CATEGORIES: usize = 1024;
/// The longest name of a category, in bytes; a longer one is cut and ends in its hash.
const MAX_NAME_BYTES: usize = 200;

/// What values are counted in.
#[derive(Debug, Clone, PartialEq)]
pub enum Basis {
    /// Numbers.
    Ordered(OrderedCells),
    /// Names.
    Categories(Categories),
}

impl Basis {
    /// How many cells there are.
    pub fn cells(&self) -> usize {
        match self {
            Basis::Ordered(cells) => cells.len(),
            Basis::Categories(categories) => categories.len(),
        }
    }
}

/// Cells on the number line: cell `i` holds `edge[i-1] < v <= edge[i]`, the outer ones are unbounded.
///
/// A value that is a large share of the reference (an *atom*) has a cell of its own: the edges
/// `next_down(v)` and `v`, between which lies no other number.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderedCells {
    edges: Vec<f64>,
    bin_ends: Vec<u32>,
    /// By cell: whether it is one.
    atoms: Vec<bool>,
    pub(super) labels: BinLabels,
}

impl OrderedCells {
    /// Cells between `edges` (finite, strictly ascending, at most 254 of them; no negative zero), of
    /// which those at the positions `bin_ends` (strictly ascending) also end a bin of PSI.
    pub fn new(edges: Vec<f64>, bin_ends: Vec<u32>) -> Result<Self, String> {
        if edges.len() >= MAX_CELLS {
            return Err(format!("{} edges, but at most {} are allowed", edges.len(), MAX_CELLS - 1));
        }
        if !edges.iter().all(|edge| edge.is_finite()) || !edges.is_sorted_by(|a, b| a < b) {
            return Err("edges must be finite and strictly ascending".into());
        }
        let in_range = bin_ends.iter().all(|end| (*end as usize) < edges.len());
        if !in_range || !bin_ends.is_sorted_by(|a, b| a < b) {
            return Err("bin ends must be positions of edges, strictly ascending".into());
        }
        let is_atom = |pair: &[f64]| pair[0].next_up() == pair[1];
        let inner = edges.windows(2).map(is_atom);
        let atoms = [false].into_iter().chain(inner).chain((!edges.is_empty()).then_some(false)).collect();
        Ok(OrderedCells { edges, bin_ends, atoms, labels: BinLabels::default() })
    }

    /// The edges between the cells.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// Positions of the edges that also end a bin of PSI.
    pub fn bin_ends(&self) -> &[u32] {
        &self.bin_ends
    }

    /// How many cells there are: one more than edges.
    #[expect(clippy::len_without_is_empty, reason = "there is always at least one cell")]
    pub fn len(&self) -> usize {
        self.edges.len() + 1
    }

    /// The cell that holds the finite number `value`.
    pub fn locate(&self, value: f64) -> usize {
        self.edges.partition_point(|edge| *edge < value)
    }

    /// Whether each cell is an [atom](Self::is_atom).
    pub fn atoms(&self) -> &[bool] {
        &self.atoms
    }

    /// Whether `cell` can hold a single number only.
    pub fn is_atom(&self, cell: usize) -> bool {
        self.atoms.get(cell).copied().unwrap_or_default()
    }

    /// The open left end of `cell`, or minus infinity.
    pub fn lower(&self, cell: usize) -> f64 {
        if cell == 0 { f64::NEG_INFINITY } else { self.edges[cell - 1] }
    }

    /// The closed right end of `cell`, or infinity.
    pub fn upper(&self, cell: usize) -> f64 {
        self.edges.get(cell).copied().unwrap_or(f64::INFINITY)
    }

    /// The bins of PSI as ranges of cells, in order.
    pub fn bins(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        let ends = self.bin_ends.iter().map(|end| *end as usize + 1).chain([self.len()]);
        ends.scan(0, |start, end| Some(std::mem::replace(start, end)..end))
    }
}

/// Where a category is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CategoryCell {
    /// In the cell of this number.
    Cell(usize),
    /// In none: the reference never saw it.
    Unseen,
}

/// Cells of categories: one for each of the reference's most frequent, and `other` (the last cell)
/// for the rest of the reference's.
#[derive(Debug, Clone)]
pub struct Categories {
    names: Vec<Name>,
    others: Vec<u64>,
    complete: bool,
    index: HashMap<ByBytes, usize, BuildHasherDefault<NameHasher>>,
}

impl PartialEq for Categories {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names && self.others == other.others && self.complete == other.complete
    }
}

impl Categories {
    /// Cells for `names` (distinct, at most 1,024), with the hashes of the reference's other
    /// categories (ascending). `complete` is false when the reference had more categories than
    /// hashes are kept for: then no category counts as unseen.
    pub fn new(names: Vec<Name>, others: Vec<u64>, complete: bool) -> Result<Self, String> {
        if names.len() > MAX_COUNTED_CATEGORIES {
            return Err(format!(
                "{} categories, but at most {MAX_COUNTED_CATEGORIES} are counted",
                names.len()
            ));
        }
        if !others.is_sorted_by(|a, b| a < b) {
            return Err("hashes of other categories must be strictly ascending".into());
        }
        let index: HashMap<ByBytes, usize, _> =
            names.iter().cloned().enumerate().map(|(i, name)| (ByBytes(name), i)).collect();
        if index.len() != names.len() {
            return Err("a category is listed twice".into());
        }
        Ok(Categories { names, others, complete, index })
    }

    /// The counted categories, in the order of their cells.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// Hashes of the reference's categories that are counted as `other`.
    pub fn others(&self) -> &[u64] {
        &self.others
    }

    /// Whether all categories of the reference are known, so that unseen ones can be told.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// How many cells there are: the names' and `other`.
    #[expect(clippy::len_without_is_empty, reason = "there is always at least one cell")]
    pub fn len(&self) -> usize {
        self.names.len() + 1
    }

    /// The cell of the category of these bytes, if it is one with a cell of its own.
    pub(super) fn counted(&self, name: &[u8]) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// Where the category `name` (as [`category_name`] gives it) is counted.
    pub fn locate(&self, name: &str) -> CategoryCell {
        match self.counted(name.as_bytes()) {
            Some(cell) => CategoryCell::Cell(cell),
            None if !self.complete || self.others.binary_search(&hash_of(name)).is_ok() => {
                CategoryCell::Cell(self.names.len())
            }
            None => CategoryCell::Unseen,
        }
    }
}

/// A name that is looked up by its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ByBytes(Name);

impl Borrow<[u8]> for ByBytes {
    fn borrow(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Hash for ByBytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_bytes().hash(state);
    }
}

/// Looks names up by [`hash_of`], which is several times as fast as the standard library's hash. That
/// one withstands chosen keys; here the reference chooses them, and an event's can only miss.
#[derive(Debug, Clone, Copy, Default)]
struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64(bytes);
    }

    /// The length, which says nothing that the bytes do not.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The 64-bit hash that categories are compared and sampled by: XXH3 of the UTF-8 bytes.
pub(crate) fn hash_of(name: &str) -> u64 {
    xxh3_64(name.as_bytes())
}

/// The name under which a category is counted: the text itself, or for one of more than 200 bytes
/// its start and its hash, so that no value can make state grow without bound.
pub fn category_name(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_NAME_BYTES {
        return Cow::Borrowed(text);
    }
    let cut = (0..=MAX_NAME_BYTES - 20).rev().find(|cut| text.is_char_boundary(*cut)).unwrap_or(0);
    Cow::Owned(format!("{}…{:016x}", &text[..cut], hash_of(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells() -> OrderedCells {
        OrderedCells::new(vec![-1.0, 0.0_f64.next_down(), 0.0, 5.0], vec![0, 3]).unwrap()
    }

    #[test]
    fn a_cell_is_open_at_the_left_and_closed_at_the_right() {
        let cells = cells();
        let found: Vec<usize> =
            [-2.0, -1.0, -0.5, 0.0, 1e-300, 5.0, 5.1, f64::MAX].iter().map(|v| cells.locate(*v)).collect();
        assert_eq!(found, [0, 0, 1, 2, 3, 3, 4, 4]);
    }

    #[test]
    fn an_atom_is_a_cell_for_one_number() {
        let cells = cells();
        assert_eq!(
            (0..5).map(|cell| cells.is_atom(cell)).collect::<Vec<_>>(),
            [false, false, true, false, false]
        );
    }

    #[test]
    fn bins_are_unions_of_cells() {
        assert_eq!(cells().bins().collect::<Vec<_>>(), [0..1, 1..4, 4..5]);
    }

    #[test]
    fn edges_out_of_order_are_refused() {
        assert!(OrderedCells::new(vec![1.0, 1.0], vec![]).is_err());
        assert!(OrderedCells::new(vec![f64::NAN], vec![]).is_err());
        assert!(OrderedCells::new(vec![1.0], vec![1]).is_err());
    }

    #[test]
    fn other_categories_of_the_reference_are_not_unseen() {
        let categories = Categories::new(vec!["a".into()], vec![hash_of("b")], true).unwrap();
        assert_eq!(categories.locate("a"), CategoryCell::Cell(0));
        assert_eq!(categories.locate("b"), CategoryCell::Cell(1));
        assert_eq!(categories.locate("c"), CategoryCell::Unseen);
    }

    #[test]
    fn a_long_name_is_cut_and_stays_distinct() {
        let (long, longer) = ("é".repeat(200), "é".repeat(201));
        let name = category_name(&long);
        assert!(name.len() <= MAX_NAME_BYTES, "{}", name.len());
        assert_ne!(name, category_name(&longer));
        assert_eq!(category_name("short"), "short");
    }
}
