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
