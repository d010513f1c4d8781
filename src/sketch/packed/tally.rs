//! A tally as bytes: counts cell by cell, in half a byte each where few are larger; or where most are zero,
//! the cells that have any.

use super::bytes::{Reader, write_number, write_numbers};
use crate::sketch::Tally;

/// How the cells are written.
const DENSE: u64 = 0;
const SPARSE: u64 = 1;
const HALVES: u64 = 2;
/// Half a byte that says that a count is this or more: what it is more stands behind all halves.
const MORE: u64 = 15;

/// Writes `tally`.
pub(super) fn write(tally: &Tally, bytes: &mut Vec<u8>) {
    let Tally { missing, invalid, unseen, cells } = tally;
    let filled = cells.iter().filter(|count| **count > 0).count();
    let large = cells.iter().filter(|count| **count >= MORE).count();
    let form = match cells.len() {
        all if 4 * filled < all => SPARSE,
        all if 4 * large < all => HALVES,
        _ => DENSE,
    };
    for number in [*missing, *invalid, *unseen, cells.len() as u64, form] {
        write_number(number, bytes);
    }
    match form {
        SPARSE => write_filled(cells, filled, bytes),
        HALVES => write_halves(cells, bytes),
        _ => write_numbers(cells, bytes),
    }
}

fn write_filled(cells: &[u64], filled: usize, bytes: &mut Vec<u8>) {
    write_number(filled as u64, bytes);
    let mut next = 0;
    for (cell, count) in cells.iter().enumerate().filter(|(_, count)| **count > 0) {
        write_number((cell - next) as u64, bytes);
        write_number(*count, bytes);
        next = cell + 1;
    }
}

fn write_halves(cells: &[u64], bytes: &mut Vec<u8>) {
    let half = |count: &u64| (*count).min(MORE) as u8;
    bytes.extend(cells.chunks(2).map(|pair| half(&pair[0]) | pair.get(1).map_or(0, half) << 4));
    cells.iter().filter(|count| **count >= MORE).for_each(|count| write_number(count - MORE, bytes));
}

/// Reads a tally, and applies each of its counts to the same one of `sum`, which is of the same basis.
pub(super) fn apply(mut reader: Reader<'_>, sum: &mut Tally, apply: impl Fn(&mut u64, u64)) {
    for count in [&mut sum.missing, &mut sum.invalid, &mut sum.unseen] {
        apply(count, reader.number());
    }
    let (cells, form) = (reader.number() as usize, reader.number());
    if cells == 0 {
        return;
    }
    if sum.cells.is_empty() {
        sum.cells.resize(cells, 0);
    }
    assert_eq!(sum.cells.len(), cells, "tallies of two bases were mixed");
    match form {
        SPARSE => apply_filled(reader, &mut sum.cells, apply),
        HALVES => apply_halves(reader, &mut sum.cells, apply),
        _ => reader.numbers(&mut sum.cells, apply),
    }
}

fn apply_filled(mut reader: Reader<'_>, cells: &mut [u64], apply: impl Fn(&mut u64, u64)) {
    let mut cell = 0;
    for _ in 0..reader.number() {
        cell += reader.number() as usize;
        apply(&mut cells[cell], reader.number());
        cell += 1;
    }
}

fn apply_halves(mut reader: Reader<'_>, cells: &mut [u64], apply: impl Fn(&mut u64, u64)) {
    let halves = reader.take(cells.len().div_ceil(2));
    for (pair, halves) in cells.chunks_mut(2).zip(halves) {
        for (cell, half) in pair.iter_mut().zip([halves & 15, halves >> 4]) {
            match u64::from(half) {
                MORE => apply(cell, MORE + reader.number()),
                count => apply(cell, count),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sketch::{Packed, Tally};
    use proptest::prelude::*;

    fn tally() -> impl Strategy<Value = Tally> {
        // Cells that are mostly empty, or mostly not, with counts of half a byte, of one and of many.
        let count = prop_oneof![4 => Just(0), 4 => 1..100u64, 1 => 100..1_000_000u64, 1 => any::<u32>().prop_map(u64::from)];
        let small = prop_oneof![9 => Just(0), 1 => 1..9u64];
        let half = prop_oneof![9 => 0..15u64, 1 => 15..400u64];
        let cells = prop_oneof![
            prop::collection::vec(count, 41),
            prop::collection::vec(half, 41),
            prop::collection::vec(small, 41),
            Just(vec![])
        ];
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
    fn counts_take_a_byte_each_small_ones_half_and_those_of_few_cells_two() {
        let of = |cells: Vec<u64>| packed(&[Tally { cells, ..Tally::default() }]).bytes.len();
        assert_eq!(of(vec![100; 250]), 250 + 6);
        assert_eq!(of(vec![14; 251]), 126 + 6);
        assert_eq!(of([vec![4; 240], vec![15; 9], vec![200; 1]].concat()), 125 + 9 + 2 + 6);
        assert_eq!(of((0..250).map(|cell| u64::from(cell % 10 == 0)).collect()), 2 * 25 + 7);
    }
}
