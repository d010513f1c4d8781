//! Rows that were counted by one basis, counted by another that was made of it.
//!
//! It is exact or it is not done: cells stay as they are, and names that were unseen get cells.

use super::{Basis, Categories, CategoryCell, FeatureSketch, Unseen};

impl FeatureSketch {
    /// The same rows in the cells of `to`, which are those of `from`, and of categories perhaps more.
    /// `None`: they are other ones, or not all unseen names were kept, so that the counts can't be known.
    pub fn recounted(&self, from: &Basis, to: &Basis) -> Option<FeatureSketch> {
        match (from, to) {
            (Basis::Ordered(from), Basis::Ordered(to)) => (from.edges() == to.edges()).then(|| self.clone()),
            (Basis::Categories(from), Basis::Categories(to)) if from == to => Some(self.clone()),
            (Basis::Categories(from), Basis::Categories(to)) => {
                (to.continues(from) && self.knows_unseen()).then(|| self.by_more_categories(from, to))
            }
            _ => None,
        }
    }

    /// Whether every unseen row's name was kept.
    pub fn knows_unseen(&self) -> bool {
        self.detail.unseen.iter().map(|(_, rows)| rows).sum::<u64>() == self.tally.unseen
    }

    fn by_more_categories(&self, from: &Categories, to: &Categories) -> FeatureSketch {
        let mut recounted = self.clone();
        let cells = &mut recounted.tally.cells;
        cells.resize(from.len(), 0);
        let others = cells[from.names().len()];
        cells[from.names().len()] = 0;
        cells.resize(to.len(), 0);
        cells[to.names().len()] += others;
        let mut unseen = Unseen::with_cap(self.detail.unseen.cap());
        for (name, rows) in self.detail.unseen.iter() {
            match to.locate(name) {
                CategoryCell::Cell(cell) => cells[cell] += rows,
                CategoryCell::Unseen => unseen.add(name, rows),
            }
        }
        recounted.tally.unseen = unseen.iter().map(|(_, rows)| rows).sum();
        recounted.detail.unseen = unseen;
        recounted
    }
}

impl Categories {
    /// Whether it has the cells of `before`, and knows its other categories.
    fn continues(&self, before: &Categories) -> bool {
        let knows = |hash: &u64| self.others().binary_search(hash).is_ok();
        self.is_complete()
            && before.is_complete()
            && self.names().starts_with(before.names())
            && before.others().iter().all(knows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::sketch::{Accumulator, hash_of};
    use crate::words::{Kind, Name};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn basis(names: &[&str], others: &[&str]) -> Basis {
        let mut hashes: Vec<u64> = others.iter().map(|name| hash_of(name)).collect();
        hashes.sort_unstable();
        let names = names.iter().map(|name| Name::from(*name)).collect();
        Basis::Categories(Categories::new(names, hashes, true).unwrap())
    }

    fn counted(values: &[String], basis: &Basis, unseen_cap: usize) -> FeatureSketch {
        let mut accumulator = Accumulator::new(Kind::Categorical, Arc::new(basis.clone()), unseen_cap);
        values.iter().for_each(|value| accumulator.push(&Value::Text(value.as_str().into())));
        accumulator.finish()
    }

    proptest! {
        #[test]
        fn a_recount_is_the_count_of_the_rows_or_none(
            values in prop::collection::vec("[a-h]", 0..80), unseen_cap in 1usize..8,
        ) {
            let before = basis(&["a", "b"], &["c"]);
            let after = basis(&["a", "b", "d"], &["c", "e"]);
            let sketch = counted(&values, &before, unseen_cap);
            match sketch.recounted(&before, &after) {
                Some(recounted) => prop_assert_eq!(recounted, counted(&values, &after, unseen_cap)),
                None => prop_assert!(sketch.detail.unseen.iter().count() == unseen_cap),
            }
        }
    }

    #[test]
    fn rows_of_cells_that_were_given_up_are_not_recounted() {
        let before = basis(&["a", "b"], &["c"]);
        let sketch = counted(&["a".into(), "c".into()], &before, 10);
        for other in [basis(&["b", "a"], &["c"]), basis(&["a", "b", "d"], &[]), basis(&["a"], &["c"])] {
            assert_eq!(sketch.recounted(&before, &other), None);
        }
        assert_eq!(sketch.recounted(&before, &before), Some(sketch.clone()));
    }
}
