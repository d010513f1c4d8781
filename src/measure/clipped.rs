//! Mean and deviation of a side's numbers, clipped at quantiles of the reference so that no outlier rules
//! them: what counts and extremes make certain, and what the digest tells.
//!
//! Places are 0 at the lower end of the clipping range and 1 at the upper.

use super::quantile::quantiles;
use crate::sketch::{Digest, FeatureSketch, OrderedCells, Span};

/// The quantiles of the reference that numbers are clipped at.
const CLIP: [f64; 2] = [0.001, 0.999];
/// So far, in clipping ranges, is as far as anything need be: what is farther has no finite place.
const FAR: f64 = 1e150;

/// A power of two, near the middle of the exponents below 0.
const TINY: f64 = f64::from_bits(500 << 52);

/// Where numbers are clipped.
pub(super) struct ClippingRange {
    /// What numbers are taken times, so that neither the width nor its inverse is too large.
    factor: f64,
    lower: f64,
    per_width: f64,
}

impl ClippingRange {
    /// That of a reference; `None` where its ends are equal.
    pub fn of(cells: &OrderedCells, reference: &FeatureSketch) -> Option<ClippingRange> {
        let [Some(lower), Some(upper)] = quantiles(cells, reference, CLIP) else { return None };
        // The score is the same in any unit.
        let factor = match upper - lower {
            width if !width.is_finite() => 0.25,
            width if width < TINY => 1.0 / TINY,
            _ => 1.0,
        };
        let (lower, width) = (lower * factor, upper * factor - lower * factor);
        (width > 0.0).then_some(ClippingRange { factor, lower, per_width: 1.0 / width })
    }

    fn place(&self, number: f64) -> f64 {
        ((number * self.factor - self.lower) * self.per_width).clamp(-FAR, FAR)
    }

    fn clipped(&self, number: f64) -> f64 {
        self.place(number).clamp(0.0, 1.0)
    }

    /// Mean and standard deviation of the clipped numbers that `digest` stands for.
    pub fn estimate(&self, digest: &Digest) -> (f64, f64) {
        let mut places = Places::about(digest.min().map_or(0.0, |min| self.clipped(min)));
        digest.for_each_span(|Span { from, to, rows }| {
            let (from, to) = (self.place(from), self.place(to));
            if 0.0 <= from && to <= 1.0 {
                return places.add(rows, from, to);
            }
            let width = (to - from).max(f64::MIN_POSITIVE);
            let below = ((to.min(0.0) - from) / width).max(0.0);
            let above = ((to - from.max(1.0)) / width).max(0.0);
            places.add(rows * below, 0.0, 0.0);
            places.add(rows * (1.0 - below - above), from.clamp(0.0, 1.0), to.clamp(0.0, 1.0));
            places.add(rows * above, 1.0, 1.0);
        });
        (places.mean(), places.deviation())
    }
}

/// What counts and extremes say of a side's clipped numbers, at least and at most.
pub(super) struct Certain {
    /// How many there are.
    pub rows: f64,
    /// Their mean.
    pub mean: (f64, f64),
    /// Their standard deviation (divisor n).
    pub deviation: (f64, f64),
}

impl Certain {
    /// What `sketch`, counted in `cells`, says; `None` where it has no rows.
    pub fn of(cells: &OrderedCells, range: &ClippingRange, sketch: &FeatureSketch) -> Option<Certain> {
        let (min, max) = sketch.detail.digest.extremes()?;
        let (least, greatest) = (range.clipped(min), range.clipped(max));
        let mut middles = Places::about(least);
        let (mut halves, mut squares, mut start) = (0.0, 0.0, least);
        for (cell, count) in sketch.tally.cells.iter().enumerate() {
            let end = range.clipped(cells.upper(cell)).clamp(least, greatest);
            let (first, rows) = (if cells.is_atom(cell) { end } else { start }, *count as f64);
            let half = (end - first) / 2.0;
            middles.add(rows, first + half, first + half);
            halves += rows * half;
            squares += rows * (half * half);
            start = end;
        }
        let rows = middles.rows;
        if rows == 0.0 {
            return None;
        }
        let mean = (middles.mean() - halves / rows, middles.mean() + halves / rows);
        // Values are no farther from the middles, in the root of mean squares, than these from the ends.
        let (deviation, off) = (middles.deviation(), (squares / rows).sqrt());
        Some(Certain { rows, mean, deviation: ((deviation - off).max(0.0), deviation + off) })
    }
}

/// Sums over places, about one of them, so that little cancels.
struct Places {
    origin: f64,
    rows: f64,
    sum: f64,
    squares: f64,
}

impl Places {
    fn about(origin: f64) -> Places {
        Places { origin, rows: 0.0, sum: 0.0, squares: 0.0 }
    }

    /// Adds rows that are evenly spread from one place to another.
    fn add(&mut self, rows: f64, from: f64, to: f64) {
        let (middle, half) = (from / 2.0 + to / 2.0 - self.origin, to / 2.0 - from / 2.0);
        self.rows += rows;
        self.sum += rows * middle;
        self.squares += rows * (middle * middle + half * half / 3.0);
    }

    fn mean(&self) -> f64 {
        self.origin + self.sum / self.rows
    }

    fn deviation(&self) -> f64 {
        let off = self.sum / self.rows;
        (self.squares / self.rows - off * off).max(0.0).sqrt()
    }
}
