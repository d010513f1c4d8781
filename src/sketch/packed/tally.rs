//! A tally as bytes: its counts cell by cell in 4, 8 or 16 bits each, by what most of them need, or where
//! most are zero, the cells that have any.
//!
//! The greatest number that so few bits can say stands for itself and more: how much more follows behind,
//! in the order of the cells. So counts are read and added many at a time.

use super::bytes::{Reader, write_number};
use crate::sketch::Tally;

/// So many cells are read at once.
const AT_ONCE: usize = 64;
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

/// What counts are taken into. Some are those of [`AT_ONCE`] cells at a time, 0 for what is beyond the last.
pub(super) trait Taker {
    /// Takes counts of missing, invalid and unseen values; counts of so many cells follow, or none.
    fn beside(&mut self, counts: [u64; 3], cells: usize);
    /// Takes `count` values of `cell`.
    fn one(&mut self, cell: usize, count: u64);
    /// Takes the counts of the cells from `first` on.
    fn bytes(&mut self, first: usize, counts: &[u8; AT_ONCE]);
    /// The same of greater counts.
    fn pairs(&mut self, first: usize, counts: &[u16; AT_ONCE]);
}

/// Gives the counts that `reader` has to `taker`.
pub(super) fn read(mut reader: Reader<'_>, taker: &mut impl Taker) {
    let beside = [reader.number(), reader.number(), reader.number()];
    let (cells, form) = (reader.number() as usize, Form::ALL[reader.number() as usize]);
    taker.beside(beside, cells);
    let firsts = (0..cells).step_by(AT_ONCE);
    match form {
        Form::Sparse => read_filled(reader, taker),
        Form::Halves => {
            for (first, packed) in firsts.zip(reader.take(cells.div_ceil(2)).chunks(AT_ONCE / 2)) {
                let both: [u8; AT_ONCE / 2] = padded(packed);
                let mut counts = [0; AT_ONCE];
                let pairs = counts.as_chunks_mut::<2>().0.iter_mut();
                pairs.zip(both).for_each(|(pair, both)| *pair = [both & 0xf, both >> 4]);
                taker.bytes(first, &counts);
                read_more(first, &counts, 0xf, &mut reader, taker);
            }
        }
        Form::Bytes => {
            for (first, packed) in firsts.zip(reader.take(cells).chunks(AT_ONCE)) {
                let counts = padded(packed);
                taker.bytes(first, &counts);
                read_more(first, &counts, 0xff, &mut reader, taker);
            }
        }
        Form::Pairs => {
            for (first, packed) in firsts.zip(reader.take(2 * cells).as_chunks().0.chunks(AT_ONCE)) {
                let counts = padded(packed).map(u16::from_le_bytes);
                taker.pairs(first, &counts);
                read_more(first, &counts, 0xffff, &mut reader, taker);
            }
        }
    }
}

/// So many numbers, of which the last are 0 where there are fewer.
fn padded<N: Copy + Default, const LENGTH: usize>(numbers: &[N]) -> [N; LENGTH] {
    <[N; LENGTH]>::try_from(numbers).unwrap_or_else(|_| {
        let mut padded = [N::default(); LENGTH];
        padded[..numbers.len()].copy_from_slice(numbers);
        padded
    })
}

fn read_filled(mut reader: Reader<'_>, taker: &mut impl Taker) {
    let mut cell = 0;
    for _ in 0..reader.number() {
        cell += reader.number() as usize;
        taker.one(cell, reader.number());
        cell += 1;
    }
}

/// Gives what `reader` has more of those `counts`, of the cells from `first` on, that are `most`.
fn read_more<C: Copy + PartialEq>(
    first: usize,
    counts: &[C; AT_ONCE],
    most: C,
    reader: &mut Reader<'_>,
    taker: &mut impl Taker,
) {
    for (first, counts) in (first..).step_by(ASKED).zip(counts.as_chunks::<ASKED>().0) {
        if counts.iter().fold(false, |more, count| more | (*count == most)) {
            let full = counts.iter().enumerate().filter(|(_, count)| **count == most);
            full.for_each(|(at, _)| taker.one(first + at, reader.number()));
        }
    }
}

/// A tally, with what is done to each of its counts. It is empty or of the cells of those that are taken.
pub(super) struct Applied<'t, A>(pub &'t mut Tally, pub A);

impl<A: Fn(&mut u64, u64)> Taker for Applied<'_, A> {
    fn beside(&mut self, [missing, invalid, unseen]: [u64; 3], cells: usize) {
        let Applied(tally, apply) = self;
        apply(&mut tally.missing, missing);
        apply(&mut tally.invalid, invalid);
        apply(&mut tally.unseen, unseen);
        make_room(tally, cells);
    }

    fn one(&mut self, cell: usize, count: u64) {
        self.1(&mut self.0.cells[cell], count);
    }

    fn bytes(&mut self, first: usize, counts: &[u8; AT_ONCE]) {
        let cells = self.0.cells[first..].iter_mut();
        cells.zip(counts).for_each(|(cell, count)| self.1(cell, u64::from(*count)));
    }

    fn pairs(&mut self, first: usize, counts: &[u16; AT_ONCE]) {
        let cells = self.0.cells[first..].iter_mut();
        cells.zip(counts).for_each(|(cell, count)| self.1(cell, u64::from(*count)));
    }
}

/// Makes room for counts of so many cells, or none.
fn make_room(tally: &mut Tally, cells: usize) {
    if tally.cells.is_empty() {
        tally.cells.resize(cells, 0);
    }
    assert!(cells == 0 || tally.cells.len() == cells, "tallies of two bases were mixed");
}

/// The sum of packed tallies. Their small counts are added up in few bits, many at a time.
#[derive(Default)]
pub struct TallySum {
    sum: Tally,
    /// What is not in it yet.
    small: Vec<[u16; AT_ONCE]>,
    /// How often small counts were added to these.
    times: u16,
}

impl TallySum {
    /// So often a byte can be added to 16 bits.
    const MOST: u16 = u16::MAX / 0xff;

    /// What was added so far.
    pub fn tally(&mut self) -> &Tally {
        self.settle();
        &self.sum
    }

    fn settle(&mut self) {
        for (cells, small) in self.sum.cells.chunks_mut(AT_ONCE).zip(&mut self.small) {
            cells.iter_mut().zip(&*small).for_each(|(cell, small)| *cell += u64::from(*small));
            *small = [0; AT_ONCE];
        }
        self.times = 0;
    }
}

impl Taker for TallySum {
    fn beside(&mut self, [missing, invalid, unseen]: [u64; 3], cells: usize) {
        self.sum.missing += missing;
        self.sum.invalid += invalid;
        self.sum.unseen += unseen;
        make_room(&mut self.sum, cells);
        self.small.resize(self.sum.cells.len().div_ceil(AT_ONCE), [0; AT_ONCE]);
        if self.times == Self::MOST {
            self.settle();
        }
        self.times += 1;
    }

    fn one(&mut self, cell: usize, count: u64) {
        self.sum.cells[cell] += count;
    }

    fn bytes(&mut self, first: usize, counts: &[u8; AT_ONCE]) {
        let small = self.small[first / AT_ONCE].iter_mut();
        small.zip(counts).for_each(|(sum, count)| *sum += u16::from(*count));
    }

    fn pairs(&mut self, first: usize, counts: &[u16; AT_ONCE]) {
        let cells = self.sum.cells[first..].iter_mut();
        cells.zip(counts).for_each(|(cell, count)| *cell += u64::from(*count));
    }
}

#[cfg(test)]
mod tests {
    use super::TallySum;
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

    #[test]
    fn small_counts_are_summed_up_however_many_there_are() {
        let most = Tally { missing: 1, cells: vec![254; 300], ..Tally::default() };
        let (packed, mut sum) = (packed(&[most]), TallySum::default());
        (0..1000).for_each(|_| packed.add_up(0, &mut sum));
        assert_eq!(sum.tally(), &Tally { missing: 1000, cells: vec![254_000; 300], ..Tally::default() });
    }

    proptest! {
        #[test]
        fn many_packed_tallies_are_summed_up_as_tallies_are(tallies in tallies(1..40)) {
            let (packed, mut found, mut expected) = (packed(&tallies), TallySum::default(), Tally::default());
            for (at, tally) in tallies.iter().enumerate() {
                packed.add_up(at, &mut found);
                expected.add(tally);
                if at % 7 == 0 {
                    prop_assert_eq!(found.tally(), &expected);
                }
            }
            prop_assert_eq!(found.tally(), &expected);
        }

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
