//! Mean and deviation of a side's numbers, clipped at quantiles of the reference so that no outlier rules
//! them: what counts and extremes make certain, and what the digest tells.
//!
//! Places are 0 at the lower end of the clipping range and 1 at the upper.

use super::quantile::quantiles;
use crate::sketch::{Digest, FeatureSketch, OrderedCells};

/// The quantiles of the reference that numbers are clipped at.
const CLIP: [f64; 2] = [0.001, 0.999];
/// So far, in clipping ranges, is as far as anything need be: what is farther has no finite place.
const FAR: f64 = 1e150;

/// A power of two, near the middle of the exponents below 0.
const TINY: f64 = f64::from_bits(500 << 52);

/// Where numbers are clipped.
#[derive(Debug)]
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

    fn unbounded(&self, number: f64) -> f64 {
        (number * self.factor - self.lower) * self.per_width
    }

    fn place(&self, number: f64) -> f64 {
        self.unbounded(number).clamp(-FAR, FAR)
    }

    fn clipped(&self, number: f64) -> f64 {
        let place = self.unbounded(number);
        // Numbers are finite here, so that plain comparisons, which are quicker, are enough.
        let place = if place > 0.0 { place } else { 0.0 };
        if place < 1.0 { place } else { 1.0 }
    }

    /// Mean and standard deviation of the clipped numbers that `digest` stands for.
    pub fn estimate(&self, digest: &Digest) -> (f64, f64) {
        let origin = digest.min().map_or(0.0, |min| self.clipped(min));
        let (mut within, mut beyond) = (Places::about(origin), Places::about(origin));
        let mut add = |mean: f64, reach: f64, rows: f64| {
            let (middle, half) = (self.unbounded(mean), reach * self.factor * self.per_width);
            if half <= middle && middle + half <= 1.0 {
                within.add(rows, middle, half);
            } else {
                self.add_beyond(mean - reach, mean + reach, rows, &mut beyond);
            }
        };
        match digest {
            Digest::Exact(values) => values.iter().for_each(|value| add(*value, 0.0, 1.0)),
            Digest::Compressed(centroids) => centroids.for_each(add),
        }
        let all = within.and(&beyond);
        (all.mean(), all.deviation())
    }

    /// Adds rows that lie evenly between two numbers, of which one at least is beyond the range: they are at its
    /// end.
    #[cold]
    fn add_beyond(&self, from: f64, to: f64, rows: f64, places: &mut Places) {
        let (from, to) = (self.place(from), self.place(to));
        let width = (to - from).max(f64::MIN_POSITIVE);
        let below = ((to.min(0.0) - from) / width).max(0.0);
        let above = ((to - from.max(1.0)) / width).max(0.0);
        let (from, to) = (from.clamp(0.0, 1.0), to.clamp(0.0, 1.0));
        places.add(rows * below, 0.0, 0.0);
        places.add(rows * (1.0 - below - above), from / 2.0 + to / 2.0, to / 2.0 - from / 2.0);
        places.add(rows * above, 1.0, 0.0);
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
        let (mut middles, mut halves, mut squares) = (Places::about(least), 0.0, 0.0);
        let mut add = |start: f64, end: f64, is_atom: bool, count: u64| {
            // Signed numbers are quicker to convert, and as good for counts.
            let (from, rows) = (if is_atom { end } else { start }, count as i64 as f64);
            let half = (end - from) * 0.5;
            middles.add_point(rows, from + half);
            halves += rows * half;
            squares += rows * (half * half);
        };
        // No row is in a cell beyond the extremes.
        let (first, last) = (cells.locate(min), cells.locate(max));
        let (counts, atoms) = (&sketch.tally.cells[first..=last], &cells.atoms()[first..=last]);
        let mut start = least;
        for ((edge, count), is_atom) in cells.edges()[first..last].iter().zip(counts).zip(atoms) {
            let end = range.clipped(*edge);
            add(start, end, *is_atom, *count);
            start = end;
        }
        add(start, greatest, atoms[last - first], counts[last - first]);
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

    /// Adds rows at a place.
    fn add_point(&mut self, rows: f64, place: f64) {
        let off = place - self.origin;
        self.rows += rows;
        self.sum += rows * off;
        self.squares += rows * (off * off);
    }

    /// Adds rows that lie evenly about a place, so far on either side.
    fn add(&mut self, rows: f64, middle: f64, half: f64) {
        self.add_point(rows, middle);
        self.squares += rows * (half * half * (1.0 / 3.0));
    }

    /// These and `others`, about the same place.
    fn and(&self, others: &Places) -> Places {
        let (rows, sum) = (self.rows + others.rows, self.sum + others.sum);
        Places { origin: self.origin, rows, sum, squares: self.squares + others.squares }
    }

    fn mean(&self) -> f64 {
        self.origin + self.sum / self.rows
    }

    fn deviation(&self) -> f64 {
        let off = self.sum / self.rows;
        (self.squares / self.rows - off * off).max(0.0).sqrt()
    }
}
