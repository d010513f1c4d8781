//! Both sides in bins, to be drawn over each other.
//!
//! Counts only, and exact. Nothing decides on them: what decides has its own bins and cells.

use super::bins::{Bin, Bins, What};
use serde::{Deserialize, Serialize};

/// Bins that are told apart: more can neither be drawn nor read.
const BINS: usize = 24;
/// The label of the rest.
const ALL_OTHERS: &str = "all others";

/// Rows of the reference and of the window by bin; the three lists are of one length, 24 at most.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Distribution {
    /// Which values, as in [`BinShare`](super::BinShare), or from which to which; `all others` are categories that are not
    /// told apart. Numbers are in their order, categories by their share of either side.
    pub labels: Vec<String>,
    /// Valid rows of the reference.
    pub reference: Vec<u64>,
    /// Valid rows of the window.
    pub current: Vec<u64>,
}

impl Distribution {
    fn push(&mut self, label: String, reference: u64, current: u64) {
        self.labels.push(label);
        self.reference.push(reference);
        self.current.push(current);
    }
}

impl Bins<'_> {
    /// The valid rows of both sides by bin: of numbers neighbours are put together where there are too many, of
    /// categories the least frequent.
    pub fn distribution(&self) -> Distribution {
        let filled: Vec<&Bin<'_>> = self.bins.iter().filter(|bin| bin.reference + bin.current > 0).collect();
        let is_ordered = filled.iter().all(|bin| matches!(bin.what, What::Cells(_)));
        if is_ordered { self.ordered(&filled) } else { self.categories(filled) }
    }

    fn ordered(&self, all: &[&Bin<'_>]) -> Distribution {
        let label = |bin: &Bin<'_>| bin.what.label(self.basis);
        let mut told = Distribution::default();
        for bins in all.chunks(all.len().div_ceil(BINS)) {
            let (reference, current) = sums(bins.iter().copied());
            let value = |label: &str| label.trim_start_matches("= ").to_owned();
            let label = match bins {
                [one] => label(one),
                _ => format!("{} to {}", value(&label(bins[0])), value(&label(bins[bins.len() - 1]))),
            };
            told.push(label, reference, current);
        }
        told
    }

    fn categories(&self, all: Vec<&Bin<'_>>) -> Distribution {
        let largest = |bin: &Bin<'_>| {
            let (reference, current) = self.shares(bin);
            reference.max(current)
        };
        let (mut named, rest): (Vec<&Bin<'_>>, Vec<&Bin<'_>>) =
            all.into_iter().partition(|bin| matches!(bin.what, What::Category(_)));
        named.sort_by(|a, b| largest(b).total_cmp(&largest(a)));
        let less_frequent = named.split_off(named.len().min(BINS - 1));
        let mut told = Distribution::default();
        for bin in named {
            told.push(bin.what.label(self.basis), bin.reference, bin.current);
        }
        let (reference, current) = sums(less_frequent.into_iter().chain(rest));
        if reference + current > 0 {
            told.push(ALL_OTHERS.into(), reference, current);
        }
        told
    }
}

fn sums<'a, 'b: 'a>(bins: impl Iterator<Item = &'a Bin<'b>>) -> (u64, u64) {
    bins.fold((0, 0), |(reference, current), bin| (reference + bin.reference, current + bin.current))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testdata::{categories, discrete, numbers, ordered, sketch, texts};
    use crate::reference::FeatureProfile;
    use crate::sketch::FeatureSketch;
    use crate::words::Kind;

    fn distribution(reference: &FeatureProfile, window: &FeatureSketch) -> Option<Distribution> {
        Bins::of(reference, window).map(|bins| bins.distribution())
    }

    fn rows(told: &Distribution) -> Vec<(&str, u64, u64)> {
        let counts = told.reference.iter().zip(&told.current);
        told.labels.iter().zip(counts).map(|(label, (r, c))| (&**label, *r, *c)).collect()
    }

    #[test]
    fn numbers_are_told_by_the_bins_of_psi_in_their_order() {
        let reference =
            ordered(Kind::Continuous, vec![1.0, 2.0, 3.0], vec![0, 2], &[0.5, 1.5, 2.5, 2.6, 9.0]);
        let window = sketch(Kind::Continuous, &reference.basis, numbers(&[2.5, 8.0, 8.5]));
        let told = distribution(&reference, &window).unwrap();
        assert_eq!(rows(&told), [("(-inf, 1]", 1, 0), ("(1, 3]", 3, 1), ("(3, +inf)", 1, 2)]);
    }

    #[test]
    fn many_distinct_numbers_are_put_together_by_neighbours_and_none_is_lost() {
        let values: Vec<f64> = (0..60).map(f64::from).collect();
        let reference = discrete(&values);
        let window = sketch(Kind::Discrete, &reference.basis, numbers(&[0.0, 59.0, 59.0, 7.5]));
        let told = distribution(&reference, &window).unwrap();
        assert!(told.labels.len() <= BINS, "{told:?}");
        assert_eq!((told.reference.iter().sum::<u64>(), told.current.iter().sum::<u64>()), (60, 4));
        assert_eq!((told.current.first(), told.current.last()), (Some(&1), Some(&2)));
        assert_eq!((&*told.labels[0], &*told.labels[1]), ("0 to 2", "3 to 5"));
    }

    #[test]
    fn categories_come_by_their_share_of_either_side_and_the_rest_is_one() {
        let names: Vec<String> = (0..40).map(|i| format!("c{i:02}")).collect();
        let counts: Vec<(&str, usize)> =
            names.iter().enumerate().map(|(i, name)| (&**name, 100 - i)).collect();
        let reference = categories(&counts, &[("hidden", 3)]);
        let window = [("c39", 50), ("never seen", 30), ("hidden", 5)];
        let window = sketch(Kind::Categorical, &reference.basis, texts(&window));
        let told = distribution(&reference, &window).unwrap();
        assert_eq!(told.labels.len(), BINS);
        assert_eq!(rows(&told)[..3], [("c39", 61, 50), ("never seen", 0, 30), ("c00", 100, 0)]);
        let least: u64 = (21..39).map(|i| 100 - i).sum();
        assert_eq!(rows(&told)[BINS - 1], (ALL_OTHERS, least + 3, 5));
    }

    #[test]
    fn without_a_valid_row_there_is_nothing_to_draw() {
        let reference = discrete(&[1.0, 2.0]);
        assert_eq!(distribution(&reference, &FeatureSketch::default()), None);
    }
}
