//! In which cell a number is, for many numbers at once.
//!
//! A binary search over edges in the order of its own steps (P.-V. Khuong, P. Morin, "Array layouts
//! for comparison-based searching", 2017) has no branch to mispredict, and searches side by side
//! hide each other's waits: several times faster than one after the other.

use super::{MAX_CELLS, OrderedCells};

/// Nodes of the largest tree, of which the first is not used.
const NODES: usize = 256;
/// Searches side by side.
const LANES: usize = 8;

const _: () = assert!(MAX_CELLS <= NODES, "a cell's number must fit a byte");

/// The edges of cells as a search tree: the root is node 1, the children of `n` are `2n` and `2n+1`.
#[derive(Debug, Clone)]
pub(super) struct CellSearch {
    nodes: Box<[f64; NODES]>,
    depth: u32,
}

impl CellSearch {
    pub(super) fn new(cells: &OrderedCells) -> Self {
        let edges = cells.edges();
        let depth = usize::BITS - edges.len().leading_zeros();
        // Nothing is above NaN, so that a search never turns right where there is no edge.
        let mut nodes = Box::new([f64::NAN; NODES]);
        for node in 1..1 << depth {
            let level = usize::ilog2(node);
            let rank = ((2 * (node - (1 << level)) + 1) << (depth - 1 - level)) - 1;
            nodes[node] = edges.get(rank).copied().unwrap_or(f64::NAN);
        }
        CellSearch { nodes, depth }
    }

    /// Writes the cells of the finite numbers `values` to `found`, as [`OrderedCells::locate`] tells
    /// them.
    pub(super) fn locate(&self, values: &[f64], found: &mut Vec<u8>) {
        found.clear();
        let (lanes, rest) = values.as_chunks::<LANES>();
        for lanes in lanes {
            found.extend_from_slice(&self.leaves(lanes));
        }
        let mut last = [0.0; LANES];
        last[..rest.len()].copy_from_slice(rest);
        found.extend_from_slice(&self.leaves(&last)[..rest.len()]);
    }

    #[inline]
    fn leaves(&self, values: &[f64; LANES]) -> [u8; LANES] {
        let mut nodes = [1usize; LANES];
        for _ in 0..self.depth {
            for (node, value) in nodes.iter_mut().zip(values) {
                *node = 2 * *node + usize::from(self.nodes[*node % NODES] < *value);
            }
        }
        nodes.map(|leaf| (leaf - (1 << self.depth)) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_number_is_found_in_the_cell_that_holds_it(
            edges in prop::collection::btree_set(-100i32..100, 0..=MAX_CELLS - 1),
            values in prop::collection::vec(prop_oneof![-101.0..101.0f64, (-101i32..101).prop_map(f64::from), Just(f64::MAX), Just(f64::MIN)], 0..40),
        ) {
            let cells = OrderedCells::new(edges.into_iter().map(f64::from).collect(), vec![]).unwrap();
            let mut found = Vec::new();
            CellSearch::new(&cells).locate(&values, &mut found);
            let wanted: Vec<u8> = values.iter().map(|value| cells.locate(*value) as u8).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
