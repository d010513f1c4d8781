//! Numbers before any reference says what cells they are counted in: exact counts by the finest
//! cells that there is room for.
//!
//! The bits of a number, put in the order of numbers, are its key. A census counts keys without
//! their last `shift` bits, by the least shift that leaves no more cells than fit. Fewer rows never
//! need a larger shift than more, and a count by a larger shift follows from one by a smaller; so the
//! census of some rows is the same in whatever order and grouping parts are merged, and all its
//! counts are exact. A column of few different values is kept value by value.

use super::MOST_CELLS;
use std::collections::BTreeMap;

/// All bits of a key but the sign: the largest shift, at which two cells are left.
pub(super) const MOST_SHIFT: u32 = 63;

/// Counts of finite numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberCensus {
    shift: u32,
    counts: BTreeMap<u64, u64>,
    /// Least and greatest number; infinite where there is none.
    extremes: (f64, f64),
}

/// Rows whose numbers lie in one cell of a [`NumberCensus`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberCell {
    /// The least number that the cell can hold.
    pub first: f64,
    /// The greatest.
    pub last: f64,
    /// How many rows.
    pub rows: u64,
}

impl NumberCell {
    /// The number in it, where it can hold a single one only.
    pub fn value(&self) -> Option<f64> {
        (self.first == self.last).then_some(self.last)
    }
}

impl Default for NumberCensus {
    fn default() -> Self {
        let extremes = (f64::INFINITY, f64::NEG_INFINITY);
        NumberCensus { shift: 0, counts: BTreeMap::new(), extremes }
    }
}

impl NumberCensus {
    /// The census of keys that were read from a record; `Err`: why it can be none. `counts` are by
    /// key without its last `shift` bits, ascending.
    pub(super) fn of_keys(
        shift: u32,
        counts: BTreeMap<u64, u64>,
        extremes: Option<(f64, f64)>,
    ) -> Result<Self, String> {
        let Some((least, greatest)) = extremes.filter(|_| !counts.is_empty()) else {
            return if counts.is_empty() {
                Ok(Self::default())
            } else {
                Err("numbers without extremes".into())
            };
        };
        if shift > MOST_SHIFT
            || counts.len() > MOST_CELLS
            || counts.keys().any(|key| key >> (MOST_SHIFT - shift) > 1)
        {
            return Err(format!("{} cells by a shift of {shift} are no census", counts.len()));
        }
        let census = NumberCensus { shift, counts, extremes: (least, greatest) };
        let ends = (census.counts.first_key_value(), census.counts.last_key_value());
        let is_in = |number: f64, cell: Option<(&u64, &u64)>| {
            number.is_finite() && cell.is_some_and(|(at, _)| key(number) >> shift == *at)
        };
        match is_in(least, ends.0) && is_in(greatest, ends.1) && least <= greatest {
            true => Ok(census),
            false => Err("the extremes of numbers lie in other cells".into()),
        }
    }

    /// Counts a finite number.
    pub fn add(&mut self, number: f64) {
        debug_assert!(number.is_finite(), "only finite numbers are counted");
        // Both zeros are one value.
        let number = number + 0.0;
        self.extremes = (self.extremes.0.min(number), self.extremes.1.max(number));
        *self.counts.entry(key(number) >> self.shift).or_default() += 1;
        self.fit(MOST_CELLS);
    }

    /// Merges `other` into this.
    pub fn merge(&mut self, other: &NumberCensus) {
        self.coarsen(other.shift);
        let by = self.shift - other.shift;
        for (key, rows) in &other.counts {
            *self.counts.entry(key >> by).or_default() += rows;
        }
        self.extremes = (self.extremes.0.min(other.extremes.0), self.extremes.1.max(other.extremes.1));
        self.fit(MOST_CELLS);
    }

    /// Leaves no more cells than `most`, which are 2 or more.
    pub fn fit(&mut self, most: usize) {
        while self.counts.len() > most.max(2) {
            self.coarsen(self.shift + 1);
        }
    }

    fn coarsen(&mut self, shift: u32) {
        let Some(by) = shift.min(MOST_SHIFT).checked_sub(self.shift).filter(|by| *by > 0) else { return };
        self.shift += by;
        for (key, rows) in std::mem::take(&mut self.counts) {
            *self.counts.entry(key >> by).or_default() += rows;
        }
    }

    /// How many last bits of a key do not count; 0: each value is counted by itself.
    pub fn shift(&self) -> u32 {
        self.shift
    }

    /// Counts by key without its last [`NumberCensus::shift`] bits.
    pub(super) fn keys(&self) -> &BTreeMap<u64, u64> {
        &self.counts
    }

    /// How many numbers were counted.
    pub fn rows(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Least and greatest number; `None` where there is none.
    pub fn extremes(&self) -> Option<(f64, f64)> {
        (!self.counts.is_empty()).then_some(self.extremes)
    }

    /// The cells that have rows, ascending.
    pub fn cells(&self) -> impl Iterator<Item = NumberCell> + '_ {
        self.counts.iter().map(|(key, rows)| {
            let first = key << self.shift;
            let last = first | ((1 << self.shift) - 1);
            NumberCell { first: number(first).max(f64::MIN), last: number(last).min(f64::MAX), rows: *rows }
        })
    }
}

const SIGN: u64 = 1 << 63;

/// Ascends as the number does.
fn key(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// The number of a key; that of a NaN, which is beyond the infinities, is the infinity before it. The
/// negative zero, which is never counted, is the number before it.
fn number(key: u64) -> f64 {
    let number = f64::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN });
    match number {
        _ if number.is_nan() && key & SIGN == 0 => f64::NEG_INFINITY,
        _ if number.is_nan() => f64::INFINITY,
        _ if number == 0.0 && number.is_sign_negative() => number.next_down(),
        _ => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn of(numbers: &[f64], most: usize) -> NumberCensus {
        let mut census = NumberCensus::default();
        for number in numbers {
            census.add(*number);
            census.fit(most);
        }
        census
    }

    /// Numbers of one scale, of all scales, far from zero, and few different ones.
    fn numbers() -> impl Strategy<Value = Vec<f64>> {
        let any = any::<f64>().prop_filter("finite", |number| number.is_finite());
        let near = (-500i32..500).prop_map(|number| f64::from(number) / 10.0);
        let far = (0i32..5000).prop_map(|number| 1e9 + f64::from(number));
        let few = (-3i32..3).prop_map(|number| f64::from(number) * -0.5);
        let edge = prop::sample::select(vec![f64::MIN, -5e-324, -0.0, 0.0, 5e-324, f64::MAX]);
        let of = |number: BoxedStrategy<f64>| prop::collection::vec(number, 0..300);
        prop_oneof![of(any.boxed()), of(near.boxed()), of(far.boxed()), of(few.boxed()), of(edge.boxed())]
    }

    proptest! {
        #[test]
        fn merged_in_any_order_and_grouping_it_is_the_same(
            numbers in numbers(), most in 2usize..40, parts in 1usize..6, turn in 0usize..6,
        ) {
            let whole = of(&numbers, most);
            let part = |at: usize| {
                let own: Vec<f64> = numbers.iter().rev().skip(at).step_by(parts).copied().collect();
                of(&own, most)
            };
            let merge = |parts: &[NumberCensus]| {
                let mut merged = NumberCensus::default();
                parts.iter().for_each(|part| merged.merge(part));
                merged.fit(most);
                merged
            };
            let turned: Vec<NumberCensus> = (0..parts).map(|at| part((at + turn) % parts)).collect();
            prop_assert_eq!(&merge(&turned), &whole);
            let (one, other) = turned.split_at(turn.min(parts));
            prop_assert_eq!(&merge(&[merge(other), merge(one)]), &whole);
        }

        #[test]
        fn its_counts_are_exact_and_its_cells_the_finest_that_there_is_room_for(
            numbers in numbers(), most in 2usize..40,
        ) {
            let census = of(&numbers, most);
            prop_assert!(census.cells().count() <= most);
            for cell in census.cells() {
                let inside = |number: &&f64| cell.first <= **number && **number <= cell.last;
                prop_assert_eq!(cell.rows, numbers.iter().filter(inside).count() as u64, "{:?}", cell);
            }
            prop_assert_eq!(census.rows(), numbers.len() as u64);
            let least = numbers.iter().copied().reduce(f64::min);
            prop_assert_eq!(census.extremes().map(|ends| ends.0), least.map(|number| number + 0.0));
            if let Some(finer) = census.shift().checked_sub(1) {
                let different: BTreeSet<u64> =
                    numbers.iter().map(|number| key(*number + 0.0) >> finer).collect();
                prop_assert!(different.len() > most);
            }
        }
    }

    #[test]
    fn few_different_values_are_kept_one_by_one_and_many_in_as_many_cells_as_fit() {
        let cells: Vec<NumberCell> = of(&[0.0, -0.0, 2.5, 0.0, -1.0], 10).cells().collect();
        let cell = |value: f64, rows| NumberCell { first: value, last: value, rows };
        assert_eq!(cells, [cell(-1.0, 1), cell(0.0, 3), cell(2.5, 1)]);
        let many: Vec<f64> = (0..20_000).map(|i| f64::from(i * 7919 % 20_011).sqrt()).collect();
        let census = of(&many, usize::MAX);
        assert!(
            (MOST_CELLS / 2..=MOST_CELLS).contains(&census.cells().count()),
            "{}",
            census.cells().count()
        );
    }
}
