//! Names of categories that the reference never saw: a bottom-k sample by hash, with exact counts.
//!
//! The k names of the smallest hashes are kept. A name that is kept was among the k smallest of
//! every part it came from, so it was never evicted and its count is exact, in whatever order parts
//! are merged (cf. E. Cohen, H. Kaplan, "Summarizing data using bottom-k sketches", 2007).

use super::basis::hash_of;
use crate::words::Name;
use std::collections::BTreeMap;

/// The cap of a sample that has none of its own: what is merged into it brings one. Records can say it.
const NO_CAP: usize = i32::MAX as usize;

/// Bottom-k names with exact counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    cap: usize,
    kept: BTreeMap<(u64, Name), u64>,
}

impl Default for Unseen {
    fn default() -> Self {
        Unseen::with_cap(NO_CAP)
    }
}

impl Unseen {
    /// An empty sample of at most `cap` names.
    pub fn with_cap(cap: usize) -> Self {
        Unseen { cap, kept: BTreeMap::new() }
    }

    /// Counts `count` more rows of `name`.
    pub fn add(&mut self, name: &str, count: u64) {
        let hash = hash_of(name);
        let beyond = self.kept.len() >= self.cap
            && self
                .kept
                .last_key_value()
                .is_none_or(|((largest, last), _)| (hash, name) > (*largest, &**last));
        if !beyond {
            *self.kept.entry((hash, name.into())).or_default() += count;
            if self.kept.len() > self.cap {
                self.kept.pop_last();
            }
        }
    }

    /// Merges `other` into this; the smaller cap holds.
    pub fn merge(&mut self, other: &Unseen) {
        self.cap = self.cap.min(other.cap);
        for (key, count) in &other.kept {
            *self.kept.entry(key.clone()).or_default() += count;
        }
        while self.kept.len() > self.cap {
            self.kept.pop_last();
        }
    }

    /// Most names kept.
    pub fn cap(&self) -> usize {
        self.cap
    }

    /// Names and counts, in the order of their hashes.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, u64)> {
        self.kept.iter().map(|((_, name), count)| (name, *count))
    }

    /// Whether no name is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(names: &[u8], cap: usize) -> Unseen {
        let mut unseen = Unseen::with_cap(cap);
        names.iter().for_each(|name| unseen.add(&name.to_string(), 1));
        unseen
    }

    #[test]
    fn a_sample_without_a_cap_takes_on_that_of_the_first_one_merged() {
        let names: Vec<u8> = (0..40).collect();
        for cap in [10, 5000] {
            let mut merged = Unseen::default();
            merged.merge(&of(&names, cap));
            assert_eq!((merged.cap(), merged.iter().count()), (cap, cap.min(40)));
        }
    }

    proptest! {
        #[test]
        fn merged_in_any_split_and_order_it_is_the_same_and_its_counts_are_exact(
            names in prop::collection::vec(0u8..40, 0..300), split in 0usize..300,
        ) {
            let whole = of(&names, 10);
            let (left, right) = names.split_at(split.min(names.len()));
            let (mut forth, mut back) = (of(left, 10), of(right, 10));
            forth.merge(&of(right, 10));
            back.merge(&of(left, 10));
            prop_assert_eq!(&forth, &whole);
            prop_assert_eq!(&back, &whole);
            for (name, count) in whole.iter() {
                prop_assert_eq!(count, names.iter().filter(|n| n.to_string() == **name).count() as u64);
            }
        }
    }
}
