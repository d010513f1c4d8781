//! From counted values to a sketch: where parts of one pane come together, before anything is digested.
//!
//! A digest costs about the same for few numbers as for many. So what is counted by itself, as looks
//! are, is digested once for all of them.

use super::accumulate::ordered;
use super::batch::Batches;
use super::centroids::merge_sorted;
use super::{Basis, FeatureSketch, Moments, Tally};
use std::sync::Arc;

/// Values of one feature that are counted and not yet digested.
#[derive(Debug, Clone)]
pub struct Counted {
    pub(super) basis: Arc<Basis>,
    /// All but digest and moments.
    pub(super) sketch: FeatureSketch,
    pub(super) numbers: Numbers,
}

/// The valid numbers.
#[derive(Debug, Clone)]
pub(super) enum Numbers {
    /// Themselves, ascending.
    Few(Vec<f64>),
    Many(Box<Batches>),
}

impl Counted {
    /// The counts.
    pub fn tally(&self) -> &Tally {
        &self.sketch.tally
    }

    /// Takes in the values of `other`, of the same feature.
    pub fn merge(&mut self, other: Counted) {
        self.sketch.tally.add(&other.sketch.tally);
        self.sketch.detail.unseen.merge(&other.sketch.detail.unseen);
        match (&mut self.numbers, other.numbers) {
            (Numbers::Many(mine), Numbers::Many(theirs)) => mine.merge(*theirs),
            (Numbers::Many(mine), Numbers::Few(theirs)) => mine.keep(&theirs),
            (Numbers::Few(mine), Numbers::Many(mut theirs)) => {
                theirs.keep(mine);
                self.numbers = Numbers::Many(theirs);
            }
            (Numbers::Few(mine), Numbers::Few(theirs)) => *mine = merge_sorted(mine, &theirs, |value| *value),
        }
    }

    /// The finished sketch.
    pub fn finish(self) -> FeatureSketch {
        let Counted { basis, mut sketch, numbers } = self;
        let detail = &mut sketch.detail;
        match numbers {
            Numbers::Many(batches) => (detail.digest, detail.moments) = batches.finish(ordered(&basis)),
            Numbers::Few(numbers) => {
                detail.digest.add_sorted(&numbers);
                detail.moments = Moments::of(&numbers);
            }
        }
        sketch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::sketch::{Accumulator, OrderedCells};
    use crate::words::Kind;
    use proptest::prelude::*;

    fn counted(values: &[f64]) -> Counted {
        let cells = OrderedCells::new((0..40).map(|edge| f64::from(edge) / 4.0).collect(), vec![]).unwrap();
        let mut accumulator = Accumulator::new(Kind::Continuous, Arc::new(Basis::Ordered(cells)), 10);
        values.iter().for_each(|value| accumulator.push(&Value::Number(*value)));
        accumulator.count()
    }

    proptest! {
        #[test]
        fn parts_that_come_together_are_the_whole_whether_few_or_many(
            parts in prop::collection::vec(prop::collection::vec(-1.0..12.0f64, 0..3000), 1..5),
        ) {
            let all: Vec<f64> = parts.concat();
            let counts: Vec<Counted> = parts.iter().map(|part| counted(part)).collect();
            for (part, counted) in parts.iter().zip(&counts) {
                prop_assert_eq!(counted.tally().valid(), part.len() as u64);
            }
            let joined = counts.into_iter().reduce(|mut all, part| { all.merge(part); all }).unwrap().finish();
            let whole = counted(&all).finish();
            prop_assert_eq!(&joined.tally, &whole.tally);
            let (joined, whole) = (joined.detail, whole.detail);
            prop_assert_eq!((joined.digest.min(), joined.digest.max()), (whole.digest.min(), whole.digest.max()));
            prop_assert_eq!(joined.digest.count(), all.len() as u64);
            prop_assert_eq!(joined.moments.count, all.len() as u64);
            prop_assert!((joined.moments.mean - whole.moments.mean).abs() < 1e-9);
            let apart = (joined.moments.squares - whole.moments.squares).abs();
            prop_assert!(apart <= 1e-9 * (1.0 + whole.moments.squares));
            let mut sorted = all;
            sorted.sort_by(f64::total_cmp);
            let rows = sorted.len() as f64;
            for q in (1..20).map(|q| f64::from(q) / 20.0) {
                let Some(value) = joined.digest.quantile(q) else { break };
                let below = sorted.partition_point(|v| *v < value) as f64 / rows;
                let up_to = sorted.partition_point(|v| *v <= value) as f64 / rows;
                prop_assert!((below - q).max(q - up_to) < 0.02 + 1.0 / rows, "{} at {}", value, q);
            }
        }
    }
}
