//! A tally as bytes: counts cell by cell, or where most are zero, the cells that have any.

use super::bytes::{Reader, write_number, write_numbers};
use crate::sketch::Tally;

/// Writes `tally`.
pub(super) fn write(tally: &Tally, bytes: &mut Vec<u8>) {
    let Tally { missing, invalid, unseen, cells } = tally;
    let filled = cells.iter().filter(|count| **count > 0).count();
    let is_sparse = 2 * filled < cells.len();
    for number in [*missing, *invalid, *unseen, cells.len() as u64, u64::from(is_sparse)] {
        write_number(number, bytes);
    }
    if !is_sparse {
        return write_numbers(cells, bytes);
    }
    write_number(filled as u64, bytes);
    let mut next = 0;
    for (cell, count) in cells.iter().enumerate().filter(|(_, count)| **count > 0) {
        write_number((cell - next) as u64, bytes);
        write_number(*count, bytes);
        next = cell + 1;
    }
}

/// Reads a tally, and applies each of its counts to the same one of `sum`, which is of the same basis.
pub(super) fn apply(mut reader: Reader<'_>, sum: &mut Tally, apply: impl Fn(&mut u64, u64)) {
    for count in [&mut sum.missing, &mut sum.invalid, &mut sum.unseen] {
        apply(count, reader.number());
    }
    let (cells, is_sparse) = (reader.number() as usize, reader.number() == 1);
    if cells == 0 {
        return;
    }
    if sum.cells.is_empty() {
        sum.cells.resize(cells, 0);
    }
    assert_eq!(sum.cells.len(), cells, "tallies of two bases were mixed");
    if !is_sparse {
        return reader.numbers(&mut sum.cells, apply);
    }
    let mut cell = 0;
    for _ in 0..reader.number() {
        cell += reader.number() as usize;
        apply(&mut sum.cells[cell], reader.number());
        cell += 1;
    }
}

#[cfg(test)]
mod tests {
    use crate::sketch::{Packed, Tally};
    use proptest::prelude::*;

    fn tally() -> impl Strategy<Value = Tally> {
        // Cells that are mostly empty, or mostly not, with counts of one byte and of many.
        let count = prop_oneof![4 => Just(0), 4 => 1..100u64, 1 => 100..1_000_000u64, 1 => any::<u32>().prop_map(u64::from)];
        let small = prop_oneof![9 => Just(0), 1 => 1..9u64];
        let cells =
            prop_oneof![prop::collection::vec(count, 40), prop::collection::vec(small, 40), Just(vec![])];
        (0..300u64, 0..3u64, 0..200u64, cells).prop_map(|(missing, invalid, unseen, cells)| Tally {
            missing,
            invalid,
            unseen,
            cells,
        })
    }

    fn packed(tallies: &[Tally]) -> Packed<Tally> {
        Packed::filled(tallies.len(), |at, tally| tally.add(&tallies[at]))
    }

    fn unpacked(packed: &Packed<Tally>) -> Vec<Tally> {
        let of = |at| {
            let mut tally = Tally::default();
            packed.add_to(at, &mut tally);
            tally
        };
        (0..packed.len()).map(of).collect()
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back_as_it_was(tallies in prop::collection::vec(tally(), 0..5)) {
            prop_assert_eq!(unpacked(&packed(&tallies)), tallies);
        }

        #[test]
        fn the_sum_of_what_is_packed_is_the_packed_sum(one in tally(), other in tally()) {
            let mut sum = one.clone();
            sum.add(&other);
            let both = packed(&[one.clone(), other]);
            let summed = Packed::filled(1, |_, tally| (0..2).for_each(|at| both.add_to(at, tally)));
            prop_assert_eq!(&summed, &packed(&[sum.clone()]));
            both.subtract_from(1, &mut sum);
            prop_assert_eq!(sum.rows(), one.rows());
            prop_assert!(one.cells.is_empty() || sum == one);
        }
    }

    #[test]
    fn counts_of_most_cells_take_a_byte_each_and_those_of_few_take_two() {
        let of = |cells: Vec<u64>| packed(&[Tally { cells, ..Tally::default() }]).bytes.len();
        assert_eq!(of(vec![100; 250]), 250 + 6);
        assert_eq!(of((0..250).map(|cell| u64::from(cell % 10 == 0)).collect()), 2 * 25 + 7);
    }
}
