//! The population stability index: Σ (q-p)·ln(q/p) over bins fixed by the reference.
//!
//! Bins are the reference's deciles (continuous), its values and the gaps between them (discrete),
//! or categories: each counted one, the reference's `other`, each unseen one that is kept by name,
//! and the rest of the unseen. Shares are floored at 1e-4 and not renormalised, so an empty bin is
//! finite. The value is exact and rests on counts only. Chance alone makes it (B-1)(1/n+1/m) on
//! average over B bins, which `corrected` takes off.

use super::MeasureValue;
use crate::reference::FeatureProfile;
use crate::sketch::{Basis, FeatureSketch, OrderedCells};
use crate::words::{Kind, Name};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Shares below this are raised to it.
const FLOOR: f64 = 1e-4;
/// How many bins [`top_bins`] names.
const TOP_BINS: usize = 5;

/// A bin's part in the index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BinShare {
    /// Which values: `(60, 71]`, `(203.5, +inf)`, `= 0`, a category, `other` (the reference's
    /// uncounted categories) or `other unseen`.
    pub label: String,
    /// Share of the reference's valid rows, as counted.
    pub reference_share: f64,
    /// Share of the window's valid rows, as counted.
    pub current_share: f64,
    /// What the bin adds to the index; from floored shares.
    pub contribution: f64,
}

/// The index of `window` against `reference`; `None` where one has no valid row.
pub(super) fn psi(reference: &FeatureProfile, window: &FeatureSketch) -> Option<MeasureValue> {
    let (m, n) = totals(reference, window)?;
    let (mut value, mut filled) = (0.0, 0_u32);
    for bin in bins(reference, window) {
        value += contribution(bin.reference as f64 / m, bin.current as f64 / n);
        filled += u32::from(bin.reference + bin.current > 0);
    }
    let by_chance = f64::from(filled.saturating_sub(1)) * (1.0 / n + 1.0 / m);
    let corrected = (value - by_chance).max(0.0);
    Some(MeasureValue { value, low: value, high: value, corrected, threshold: None })
}

/// The bins that make most of the index, largest first, ties in the order of the bins; those that
/// add nothing are left out. Empty where a side has no valid row.
pub fn top_bins(reference: &FeatureProfile, window: &FeatureSketch) -> Vec<BinShare> {
    let Some((m, n)) = totals(reference, window) else { return Vec::new() };
    let mut ranked: Vec<(f64, Bin<'_>)> = bins(reference, window)
        .into_iter()
        .map(|bin| (contribution(bin.reference as f64 / m, bin.current as f64 / n), bin))
        .filter(|(contribution, _)| *contribution > 0.0)
        .collect();
    ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    ranked.truncate(TOP_BINS);
    let named = |(contribution, bin): (f64, Bin<'_>)| BinShare {
        label: bin.what.label(&reference.basis),
        reference_share: bin.reference as f64 / m,
        current_share: bin.current as f64 / n,
        contribution,
    };
    ranked.into_iter().map(named).collect()
}

fn totals(reference: &FeatureProfile, window: &FeatureSketch) -> Option<(f64, f64)> {
    let (m, n) = (reference.valid(), window.tally.valid());
    (m > 0 && n > 0).then_some((m as f64, n as f64))
}

fn contribution(reference_share: f64, current_share: f64) -> f64 {
    let (p, q) = (reference_share.max(FLOOR), current_share.max(FLOOR));
    (q - p) * (q / p).ln()
}

struct Bin<'a> {
    what: What<'a>,
    reference: u64,
    current: u64,
}

enum What<'a> {
    Cells(Range<usize>),
    Category(&'a Name),
    Other,
    OtherUnseen,
}

/// All bins in order, with their counts.
fn bins<'a>(reference: &'a FeatureProfile, window: &'a FeatureSketch) -> Vec<Bin<'a>> {
    let ordered = |cells: Range<usize>| Bin {
        reference: count(&reference.sketch, cells.clone()),
        current: count(window, cells.clone()),
        what: What::Cells(cells),
    };
    match &*reference.basis {
        Basis::Ordered(cells) if reference.kind == Kind::Discrete => {
            (0..cells.len()).map(|cell| ordered(cell..cell + 1)).collect()
        }
        Basis::Ordered(cells) => cells.bins().map(ordered).collect(),
        Basis::Categories(categories) => {
            let named = |what, cell: usize| Bin {
                what,
                reference: count(&reference.sketch, cell..cell + 1),
                current: count(window, cell..cell + 1),
            };
            let unseen = |what, rows| Bin { what, reference: 0, current: rows };
            let kept: Vec<_> = window.detail.unseen.iter().collect();
            let rest = window.tally.unseen.saturating_sub(kept.iter().map(|(_, rows)| rows).sum());
            let counted = categories.names().iter().enumerate();
            counted
                .map(|(cell, name)| named(What::Category(name), cell))
                .chain([named(What::Other, categories.names().len())])
                .chain(kept.into_iter().map(|(name, rows)| unseen(What::Category(name), rows)))
                .chain([unseen(What::OtherUnseen, rest)])
                .collect()
        }
    }
}

/// Valid rows in `cells`; a sketch without cells has counted nothing.
fn count(sketch: &FeatureSketch, cells: Range<usize>) -> u64 {
    sketch.tally.cells.get(cells).unwrap_or_default().iter().sum()
}

impl What<'_> {
    fn label(&self, basis: &Basis) -> String {
        match (self, basis) {
            (What::Cells(range), Basis::Ordered(cells)) => interval(cells, range),
            (What::Category(name), _) => name.to_string(),
            (What::OtherUnseen, _) => "other unseen".into(),
            (What::Other | What::Cells(_), _) => "other".into(),
        }
    }
}

fn interval(cells: &OrderedCells, range: &Range<usize>) -> String {
    let (first, last) = (range.start, range.end - 1);
    if first == last && cells.is_atom(last) {
        return format!("= {}", short(cells.upper(last)));
    }
    let from = match cells.lower(first) {
        f64::NEG_INFINITY => "-inf".into(),
        lower => short(lower),
    };
    // Before a value with a cell of its own the edge is the number next to it: say the value.
    let to = match cells.upper(last) {
        f64::INFINITY => "+inf)".into(),
        _ if cells.is_atom(range.end) => format!("{})", short(cells.upper(range.end))),
        upper => format!("{}]", short(upper)),
    };
    format!("({from}, {to}")
}

/// The shortest text that reads back as `number`, with an exponent where it would be long.
fn short(number: f64) -> String {
    if number == 0.0 || (1e-5..1e16).contains(&number.abs()) {
        number.to_string()
    } else {
        format!("{number:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testdata::{
        Expected, assert_close, categories, discrete, numbers, ordered, sketch, texts,
    };

    fn window(reference: &FeatureProfile, counts: &[(&str, usize)]) -> FeatureSketch {
        sketch(reference.kind, &reference.basis, texts(counts))
    }

    #[test]
    fn over_deciles_it_is_that_of_an_independent_computation() {
        for case in Expected::load().samples {
            let reference = ordered(Kind::Continuous, case.edges, case.bin_ends, &case.reference);
            let window = sketch(Kind::Continuous, &reference.basis, numbers(&case.window));
            let found = psi(&reference, &window).unwrap();
            assert!((found.value - case.psi).abs() <= 1e-12 * case.psi, "{}: {found:?}", case.name);
            assert!(found.low == found.value && found.high == found.value, "{found:?}");
            assert!((0.0..=found.value).contains(&found.corrected), "{found:?}");
        }
    }

    #[test]
    fn over_categories_each_of_either_side_is_a_bin() {
        let reference = categories(&[("a", 50), ("b", 50)], &[]);
        let found = psi(&reference, &window(&reference, &[("a", 20), ("c", 5)])).unwrap();
        // a: 0.5 to 0.8; b: 0.5 to 0 (floored); c: 0 (floored) to 0.2.
        let expected = 0.3 * (1.6_f64).ln()
            + (0.5 - 1e-4) * (0.5_f64 / 1e-4).ln()
            + (0.2 - 1e-4) * (0.2_f64 / 1e-4).ln();
        assert_close(found.value, expected, 1e-14, &found);
        assert_close(found.corrected, expected - 2.0 * (1.0 / 25.0 + 1.0 / 100.0), 1e-14, &found);
    }

    #[test]
    fn rare_categories_and_unseen_ones_that_are_not_kept_share_a_bin_each() {
        let reference = categories(&[("a", 90)], &[("b", 5), ("c", 5)]);
        // The sketch keeps three unseen names; the rest is one bin.
        let window = window(&reference, &[("a", 50), ("c", 10), ("u", 10), ("v", 10), ("w", 10), ("x", 10)]);
        let mut labels: Vec<String> =
            top_bins(&reference, &window).into_iter().map(|bin| bin.label).collect();
        labels.retain(|label| label.len() > 1);
        assert_eq!(labels, ["other unseen"]);
        let bins = bins(&reference, &window);
        assert_eq!(bins.iter().map(|bin| bin.current).collect::<Vec<_>>(), [50, 10, 10, 10, 10, 10]);
        assert!(matches!((&bins[1].what, &bins[5].what), (What::Other, What::OtherUnseen)));
    }

    #[test]
    fn over_a_discrete_feature_each_value_and_each_gap_is_a_bin() {
        let reference = discrete(&[1.0, 1.0, 2.0, 4.0]);
        let values: Vec<f64> = [1.0, 2.0, 3.0, 9.0].repeat(25);
        let window = sketch(Kind::Discrete, &reference.basis, numbers(&values));
        let labels: Vec<String> = top_bins(&reference, &window).into_iter().map(|bin| bin.label).collect();
        assert_eq!(labels, ["(2, 4)", "= 4", "(4, +inf)", "= 1"]);
    }

    #[test]
    fn top_bins_name_the_intervals_that_moved_most() {
        let reference = ordered(
            Kind::Continuous,
            vec![-1e300, 0.0_f64.next_down(), 0.0, 203.5],
            vec![0, 2, 3],
            &[-5.0, 0.0, 100.0, 300.0],
        );
        let window = sketch(Kind::Continuous, &reference.basis, numbers(&[300.0, 300.0, 300.0, -1e301]));
        let top = top_bins(&reference, &window);
        let labels: Vec<&str> = top.iter().map(|bin| &*bin.label).collect();
        assert_eq!(labels, ["(-1e300, 0]", "(-inf, -1e300]", "(0, 203.5]", "(203.5, +inf)"]);
        assert_eq!((top[3].reference_share, top[3].current_share), (0.25, 0.75));
        let whole = psi(&reference, &window).unwrap().value;
        assert_close(top.iter().map(|bin| bin.contribution).sum(), whole, 1e-14, &top);
    }

    #[test]
    fn an_empty_side_has_no_index() {
        let reference = categories(&[("a", 10)], &[]);
        assert_eq!(psi(&reference, &FeatureSketch::default()), None);
        assert_eq!(psi(&categories(&[], &[]), &reference.sketch), None);
        assert_eq!(top_bins(&reference, &FeatureSketch::default()), []);
    }
}
