//! From values as they were written to a sketch.
//!
//! Numbers are gathered and taken a batch at a time; few of them are sorted and kept as they are.
//! What is exact does not depend on where batches end.

use super::batch::{BATCH, Batches, sort_numbers};
use super::counted::Numbers;
use super::{
    Basis, CategoryCell, Counted, Digest, FeatureSketch, Moments, OrderedCells, Tally, Unseen, category_name,
};
use crate::event::Value;
use crate::words::Kind;
use std::borrow::Cow;
use std::sync::Arc;

/// Builds the sketch of one feature from its values.
#[derive(Debug, Clone)]
pub struct Accumulator {
    kind: Kind,
    basis: Arc<Basis>,
    pending: Vec<f64>,
    /// Present once there was a full batch.
    batches: Option<Box<Batches>>,
    sketch: FeatureSketch,
}

impl Accumulator {
    /// An empty sketch of a feature of `kind` in the cells of `basis`, which keeps the names of at
    /// most `unseen_cap` unseen categories.
    pub fn new(kind: Kind, basis: Arc<Basis>, unseen_cap: usize) -> Self {
        let tally = Tally { cells: vec![0; basis.cells()], ..Tally::default() };
        let mut sketch = FeatureSketch { tally, ..FeatureSketch::default() };
        sketch.detail.unseen = Unseen::with_cap(unseen_cap);
        Accumulator { kind, basis, pending: Vec::new(), batches: None, sketch }
    }

    /// How its values compare.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Takes one value. Null and absent count as missing; what is not finite or of a type that the
    /// feature's kind cannot be, as invalid.
    pub fn push(&mut self, value: &Value<'_>) {
        if matches!(value, Value::Missing) {
            self.sketch.tally.missing += 1;
        } else if self.kind.is_numeric() {
            match number(value) {
                Some(number) => self.push_number(number),
                None => self.sketch.tally.invalid += 1,
            }
        } else {
            match category(self.kind, value) {
                Some(name) => self.push_category(&name),
                None => self.sketch.tally.invalid += 1,
            }
        }
    }

    /// Takes one number of a numeric feature: as [`Accumulator::push`], and quickly.
    #[inline]
    pub fn push_number(&mut self, number: f64) {
        if !number.is_finite() {
            self.sketch.tally.invalid += 1;
            return;
        }
        if self.pending.len() == self.pending.capacity() {
            self.make_room();
        }
        // Adding zero turns -0.0 into 0.0: they are one value and must fall into one cell.
        self.pending.push(number + 0.0);
    }

    /// Takes one text, whose bytes are UTF-8: as [`Accumulator::push`], and quickly.
    #[inline]
    pub fn push_text(&mut self, text: &[u8]) {
        let cell = match &*self.basis {
            Basis::Categories(categories) if self.kind == Kind::Categorical => categories.counted(text),
            _ => None,
        };
        match cell {
            Some(cell) => self.sketch.tally.cells[cell] += 1,
            None => self.push(&Value::Text(String::from_utf8_lossy(text))),
        }
    }

    /// Takes `count` missing values.
    pub fn push_missing(&mut self, count: u64) {
        self.sketch.tally.missing += count;
    }

    /// How many values were taken.
    pub fn rows(&self) -> u64 {
        self.sketch.tally.rows() + self.pending.len() as u64
    }

    /// The finished sketch.
    pub fn finish(self) -> FeatureSketch {
        self.count().finish()
    }

    /// The values counted, to be finished with others.
    pub fn count(self) -> Counted {
        let Accumulator { basis, mut pending, batches, mut sketch, .. } = self;
        let counts = &mut sketch.tally.cells;
        let numbers = match batches {
            Some(mut batches) => {
                batches.take(ordered(&basis), &pending, counts);
                Numbers::Many(batches)
            }
            None => {
                if !pending.is_empty() {
                    sort_numbers(&mut pending);
                    count_sorted(ordered(&basis), &pending, counts);
                }
                Numbers::Few(pending)
            }
        };
        Counted { basis, sketch, numbers }
    }

    /// Takes a full batch, or makes room for one by and by: most features of most panes get few numbers.
    #[cold]
    fn make_room(&mut self) {
        if self.pending.len() < BATCH {
            self.pending.reserve_exact((self.pending.len()).max(8));
            return;
        }
        let cells = ordered(&self.basis);
        let batches = self.batches.get_or_insert_with(|| Box::new(Batches::new(cells)));
        batches.take(cells, &self.pending, &mut self.sketch.tally.cells);
        self.pending.clear();
    }

    fn push_category(&mut self, name: &str) {
        let Basis::Categories(categories) = &*self.basis else { panic!("a category for a numeric feature") };
        match categories.locate(name) {
            CategoryCell::Cell(cell) => self.sketch.tally.cells[cell] += 1,
            CategoryCell::Unseen => {
                self.sketch.tally.unseen += 1;
                self.sketch.detail.unseen.add(name, 1);
            }
        }
    }
}

pub(super) fn ordered(basis: &Basis) -> &OrderedCells {
    let Basis::Ordered(cells) = basis else { panic!("numbers for a categorical feature") };
    cells
}

/// Counts ascending `values` into `counts`, one pass over values and edges.
fn count_sorted(cells: &OrderedCells, values: &[f64], counts: &mut [u64]) {
    let edges = cells.edges();
    let mut cell = values.first().map_or(0, |first| cells.locate(*first));
    for value in values {
        while edges.get(cell).is_some_and(|edge| edge < value) {
            cell += 1;
        }
        counts[cell] += 1;
    }
}

/// The number that `value` is, for a numeric feature; may be NaN or infinite.
pub(crate) fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::Literal(text) => text.trim().parse().ok(),
        Value::Text(_) | Value::Other | Value::Missing => None,
    }
}

/// The category that `value` is, for a categorical or boolean feature.
pub(crate) fn category<'a>(kind: Kind, value: &'a Value<'_>) -> Option<Cow<'a, str>> {
    if kind == Kind::Boolean {
        return truth(value).map(|truth| Cow::Borrowed(if truth { "true" } else { "false" }));
    }
    match value {
        Value::Text(text) | Value::Literal(text) => Some(category_name(text)),
        Value::Number(number) if number.is_finite() => Some(Cow::Owned((number + 0.0).to_string())),
        Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        Value::Number(_) | Value::Other | Value::Missing => None,
    }
}

/// The truth that `value` is: a boolean, 0 or 1, or the word in any case.
pub(crate) fn truth(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) if *number == 0.0 => Some(false),
        Value::Number(number) if *number == 1.0 => Some(true),
        Value::Text(text) | Value::Literal(text) => match text.trim() {
            "0" => Some(false),
            "1" => Some(true),
            word if word.eq_ignore_ascii_case("true") => Some(true),
            word if word.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Sketches a whole column of numbers at once: for references.
pub(crate) fn sketch_numbers(cells: &OrderedCells, sorted: &[f64]) -> FeatureSketch {
    let mut sketch = FeatureSketch::default();
    sketch.tally.cells = vec![0; cells.len()];
    count_sorted(cells, sorted, &mut sketch.tally.cells);
    let mut digest = Digest::default();
    digest.add_sorted(sorted);
    sketch.detail.digest = digest;
    sketch.detail.moments = Moments::of(sorted);
    sketch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Categories, OrderedCells};
    use proptest::prelude::*;

    fn numeric() -> Accumulator {
        let cells = OrderedCells::new(vec![0.0_f64.next_down(), 0.0, 10.0], vec![1]).unwrap();
        Accumulator::new(Kind::Continuous, Arc::new(Basis::Ordered(cells)), 10)
    }

    fn sketch_of(mut accumulator: Accumulator, values: &[Value<'_>]) -> FeatureSketch {
        values.iter().for_each(|value| accumulator.push(value));
        accumulator.finish()
    }

    #[test]
    fn every_value_is_counted_exactly_once() {
        let values = [
            Value::Number(5.0),
            Value::Number(-0.0),
            Value::Literal(" 11 ".into()),
            Value::Bool(true),
            Value::Missing,
            Value::Number(f64::NAN),
            Value::Number(f64::NEG_INFINITY),
            Value::Text("5".into()),
            Value::Other,
        ];
        let sketch = sketch_of(numeric(), &values);
        assert_eq!(sketch.tally, Tally { missing: 1, invalid: 4, unseen: 0, cells: vec![0, 1, 2, 1] });
        assert_eq!(sketch.tally.rows(), values.len() as u64);
        assert_eq!(sketch.detail.digest.count(), 4);
    }

    #[test]
    fn categories_are_names_and_unseen_ones_are_kept() {
        let basis = Categories::new(vec!["7".into(), "eu".into()], vec![], true).unwrap();
        let accumulator = Accumulator::new(Kind::Categorical, Arc::new(Basis::Categories(basis)), 10);
        let values = [
            Value::Number(7.0),
            Value::Text("eu".into()),
            Value::Literal("7".into()),
            Value::Text("us".into()),
        ];
        let sketch = sketch_of(accumulator, &values);
        assert_eq!(sketch.tally, Tally { missing: 0, invalid: 0, unseen: 1, cells: vec![2, 1, 0] });
        assert_eq!(
            sketch.detail.unseen.iter().map(|(name, count)| (&**name, count)).collect::<Vec<_>>(),
            [("us", 1)]
        );
    }

    #[test]
    fn a_boolean_is_a_truth_or_invalid() {
        let basis = Categories::new(vec!["false".into(), "true".into()], vec![], true).unwrap();
        let accumulator = Accumulator::new(Kind::Boolean, Arc::new(Basis::Categories(basis)), 10);
        let values = [Value::Bool(true), Value::Number(0.0), Value::Text("TRUE".into()), Value::Number(2.0)];
        let sketch = sketch_of(accumulator, &values);
        assert_eq!(sketch.tally, Tally { missing: 0, invalid: 1, unseen: 0, cells: vec![1, 2, 0] });
    }

    proptest! {
        #[test]
        fn sketched_in_parts_and_merged_the_counts_are_those_of_the_whole(
            values in prop::collection::vec(prop_oneof![-20.0..20.0f64, Just(0.0), Just(10.0), Just(f64::NAN), Just(5e-324), Just(1e308)], 0..3000),
            split in 0usize..3000,
        ) {
            let values: Vec<Value<'_>> = values.into_iter().map(Value::Number).collect();
            let (left, right) = values.split_at(split.min(values.len()));
            let whole = sketch_of(numeric(), &values);
            let mut merged = sketch_of(numeric(), right);
            merged.merge(&sketch_of(numeric(), left));
            prop_assert_eq!(&merged.tally, &whole.tally);
            prop_assert_eq!(merged.detail.digest.min(), whole.detail.digest.min());
            prop_assert_eq!(merged.detail.digest.max(), whole.detail.digest.max());
            merged.tally.subtract(&sketch_of(numeric(), left).tally);
            prop_assert_eq!(merged.tally, sketch_of(numeric(), right).tally);
        }
    }
}
