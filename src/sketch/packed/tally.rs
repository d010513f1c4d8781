//! A tally as bytes: its counts cell by cell in 4, 8 or 16 bits each, by what most of them need, or where
//! most are zero, the cells that have any.
//!
//! The greatest number that so few bits can say stands for itself and more: how much more follows behind,
//! in the order of the cells. So counts are read and added many at a time.

use super::bytes::{Reader, write_number};
use crate::sketch::Tally;

/// So many cells are read at once.
const AT_ONCE: usize = 256;
/// Of so many it is asked together whether there is more of any.
const ASKED: usize = 16;

/// How the counts of cells are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The cells that have any, each by its distance from the one before.
    Sparse,
    /// Counts of 4 bits.
    Halves,
    /// Of 8.
    Bytes,
    /// Of 16.
    Pairs,
}

impl Form {
    const ALL: [Form; 4] = [Form::Sparse, Form::Halves, Form::Bytes, Form::Pairs];

    /// The one that takes little room for `cells`.
    fn of(cells: &[u64]) -> Form {
        let few = |is: fn(u64) -> bool| 4 * cells.iter().filter(|count| is(**count)).count() < cells.len();
        if few(|count| count > 0) {
            Form::Sparse
        } else if few(|count| count >= Form::Halves.most()) {
            Form::Halves
        } else if few(|count| count >= Form::Bytes.most()) {
            Form::Bytes
        } else {
            Form::Pairs
        }
    }

    /// The greatest number that a count's bits can say.
    fn most(self) -> u64 {
        match self {
            Form::Sparse => u64::MAX,
            Form::Halves => 0xf,
            Form::Bytes => 0xff,
            Form::Pairs => 0xffff,
        }
    }
}

pub(super) fn write(tally: &Tally, bytes: &mut Vec<u8>) {
    let Tally { missing, invalid, unseen, cells } = tally;
    let form = Form::of(cells);
    for number in [*missing, *invalid, *unseen, cells.len() as u64, form as u64] {
        write_number(number, bytes);
    }
    let most = form.most();
    match form {
        Form::Sparse => write_filled(cells, bytes),
        Form::Halves => {
            let half = |count: &u64| (*count).min(most) as u8;
            let (pairs, last) = cells.as_chunks::<2>();
            bytes.extend(pairs.iter().map(|[one, other]| half(one) | half(other) << 4));
            bytes.extend(last.iter().map(half));
        }
        Form::Bytes => bytes.extend(cells.iter().map(|count| (*count).min(most) as u8)),
        Form::Pairs => cells.iter().for_each(|count| bytes.extend(((*count).min(most) as u16).to_le_bytes())),
    }
    cells.iter().filter(|count| **count >= most).for_each(|count| write_number(count - most, bytes));
}

fn write_filled(cells: &[u64], bytes: &mut Vec<u8>) {
    write_number(cells.iter().filter(|count| **count > 0).count() as u64, bytes);
    let mut next = 0;
    for (cell, count) in cells.iter().enumerate().filter(|(_, count)| **count > 0) {
        write_number((cell - next) as u64, bytes);
        write_number(*count, bytes);
        next = cell + 1;
    }
}

/// Applies the counts that `reader` has to those of `sum`, which is empty or of the same cells.
pub(super) fn apply(mut reader: Reader<'_>, sum: &mut Tally, apply: impl Fn(&mut u64, u64)) {
    for count in [&mut sum.missing, &mut sum.invalid, &mut sum.unseen] {
        apply(count, reader.number());
    }
    let (cells, form) = (reader.number() as usize, Form::ALL[reader.number() as usize]);
    if cells == 0 {
        return;
    }
    if sum.cells.is_empty() {
        sum.cells.resize(cells, 0);
    }
    assert_eq!(sum.cells.len(), cells, "tallies of two bases were mixed");
    let all = sum.cells.chunks_mut(AT_ONCE);
    match form {
        Form::Sparse => apply_filled(reader, &mut sum.cells, apply),
        Form::Halves => {
            let packed = reader.take(cells.div_ceil(2));
            for (cells, packed) in all.zip(packed.chunks(AT_ONCE / 2)) {
                let mut counts = [0_u8; AT_ONCE];
                let pairs = counts.as_chunks_mut::<2>().0.iter_mut();
                pairs.zip(packed).for_each(|(pair, both)| *pair = [both & 0xf, both >> 4]);
                apply_counts(cells, &counts, 0xf, &mut reader, &apply);
            }
        }
        Form::Bytes => {
            let packed = reader.take(cells);
            for (cells, counts) in all.zip(packed.chunks(AT_ONCE)) {
                apply_counts(cells, counts, 0xff, &mut reader, &apply);
            }
        }
        Form::Pairs => {
            let packed = reader.take(2 * cells);
            for (cells, packed) in all.zip(packed.chunks(2 * AT_ONCE)) {
                let mut counts = [0; AT_ONCE];
                let pairs = packed.as_chunks::<2>().0;
                counts.iter_mut().zip(pairs).for_each(|(count, pair)| *count = u16::from_le_bytes(*pair));
                apply_counts(cells, &counts, 0xffff, &mut reader, &apply);
            }
        }
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

/// Applies `counts` to `cells`, and what `reader` has more of those that are `most`.
fn apply_counts<C: Copy + PartialEq + Into<u64>>(
    cells: &mut [u64],
    counts: &[C],
    most: C,
    reader: &mut Reader<'_>,
    apply: impl Fn(&mut u64, u64),
) {
    cells.iter_mut().zip(counts).for_each(|(cell, count)| apply(cell, (*count).into()));
    for (cells, counts) in cells.chunks_mut(ASKED).zip(counts.chunks(ASKED)) {
        if counts.iter().fold(false, |more, count| more | (*count == most)) {
            let full = cells.iter_mut().zip(counts).filter(|(_, count)| **count == most);
            full.for_each(|(cell, _)| apply(cell, reader.number()));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sketch::{Packed, Tally};
    use proptest::prelude::*;

    /// Of so many cells, which may be more than are read at once.
    fn tally(all: usize) -> impl Strategy<Value = Tally> {
        // Cells that are mostly empty, or mostly not, with counts of half a byte, of one, two and of many.
        let count = prop_oneof![4 => Just(0), 4 => 1..100u64, 1 => 100..1_000_000u64, 1 => any::<u32>().prop_map(u64::from)];
        let small = prop_oneof![9 => Just(0), 1 => 1..9u64];
        let half = prop_oneof![9 => 0..16u64, 1 => 15..400u64];
        let byte = prop_oneof![9 => 0..257u64, 1 => 255..90_000u64];
        let pair = prop_oneof![9 => 60_000..65_537u64, 1 => any::<u32>().prop_map(u64::from)];
        let cells = prop_oneof![
            prop::collection::vec(count, all),
            prop::collection::vec(half, all),
            prop::collection::vec(byte, all),
            prop::collection::vec(pair, all),
            prop::collection::vec(small, all),
            Just(vec![])
        ];
        (0..300u64, 0..3u64, 0..200u64, cells).prop_map(|(missing, invalid, unseen, cells)| Tally {
            missing,
            invalid,
            unseen,
            cells,
        })
    }

    fn tallies(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Tally>> {
        let cells = prop_oneof![Just(1_usize), Just(41), Just(256), Just(600)];
        cells.prop_flat_map(move |all| prop::collection::vec(tally(all), count.clone()))
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
        fn what_is_packed_comes_back_as_it_was(tallies in tallies(0..5)) {
            prop_assert_eq!(unpacked(&packed(&tallies)), tallies);
        }

        #[test]
        fn the_sum_of_what_is_packed_is_the_packed_sum(tallies in tallies(2..3)) {
            let [one, other] = <[Tally; 2]>::try_from(tallies).expect("two");
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
    fn counts_take_as_many_bits_as_most_of_them_need() {
        let of = |cells: Vec<u64>| packed(&[Tally { cells, ..Tally::default() }]).bytes.len();
        assert_eq!(of(vec![14; 256]), 128 + 6);
        assert_eq!(of(vec![14; 251]), 126 + 6);
        assert_eq!(of([vec![4; 246], vec![15; 9], vec![200; 1]].concat()), 128 + 9 + 2 + 6);
        assert_eq!(of(vec![254; 256]), 256 + 6);
        assert_eq!(of([vec![254; 250], vec![255; 5], vec![400]].concat()), 256 + 5 + 2 + 6);
        assert_eq!(of(vec![65_534; 256]), 512 + 6);
        assert_eq!(of((0..250).map(|cell| u64::from(cell % 10 == 0)).collect()), 2 * 25 + 7);
    }
}
