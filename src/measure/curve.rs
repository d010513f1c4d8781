//! The cumulative shares of a side along the number line, on which ks and wasserstein rest.
//!
//! At the ends of cells a curve is exact, which certifies. Between them it follows the digest, held
//! within the exact ends, where the digest can tell more than a straight line: while it holds all
//! values, in the cells of the extremes, and in a cell that holds more than a centroid does. It is not
//! stretched to the ends: towards an extreme a digest's ranks are right, and what is off belongs to
//! the other end.

use super::cumulative::Cumulative;
use crate::sketch::{Digest, OrderedCells};
use std::ops::Range;

/// The share of rows that the largest centroids hold, those at the median. In a cell with less the
/// digest is the coarser of the two.
const CENTROID_SHARE: f64 = 0.01;

/// The curves of both sides.
pub(super) struct Curves<'a> {
    /// The cells that both are counted in.
    pub cells: &'a OrderedCells,
    /// The reference's.
    pub f: Curve<'a>,
    /// The window's.
    pub g: Curve<'a>,
    /// The cells in which one of them is thought to bend, ascending.
    bent: Vec<usize>,
    /// What lies between them in these cells.
    pub pieces: Vec<Piece>,
}

impl<'a> Curves<'a> {
    /// The curves of the reference and of a window, both counted in `cells`.
    pub fn of(cells: &'a OrderedCells, reference: Side<'a>, window: Side<'a>) -> Curves<'a> {
        let (f, g) = (Curve::of(cells, reference), Curve::of(cells, window));
        let (of_f, of_g) = (Estimate::of(&f), Estimate::of(&g));
        let (mut points_of_f, mut points_of_g) = (Vec::with_capacity(64), Vec::with_capacity(64));
        let (mut bent, mut pieces) = (Vec::new(), Vec::with_capacity(24));
        let inner = of_f.inner.start.max(of_g.inner.start)..of_f.inner.end.min(of_g.inner.end);
        for (cell, (at_f, at_g)) in f.shares.windows(2).zip(g.shares.windows(2)).enumerate() {
            let (held_f, held_g) = (at_f[1] - at_f[0], at_g[1] - at_g[0]);
            // Few cells are worth asking.
            let may_bend = held_f > CENTROID_SHARE || held_g > CENTROID_SHARE || !inner.contains(&cell);
            if may_bend && (of_f.bends(cell, held_f, held_g) || of_g.bends(cell, held_g, held_f)) {
                of_f.points(cell, held_g, &mut points_of_f);
                of_g.points(cell, held_f, &mut points_of_g);
                between(&points_of_f, &points_of_g, &mut pieces);
                bent.push(cell);
            }
        }
        Curves { cells, f, g, bent, pieces }
    }

    /// Runs of cells in which both are straight, without the outer ones, which have no width.
    pub fn straight(&self) -> impl Iterator<Item = Range<usize>> {
        let mut start = 1;
        let ends = self.bent.iter().copied().filter(|cell| *cell > 0).chain([self.cells.len() - 1]);
        ends.map(move |end| std::mem::replace(&mut start, end + 1)..end)
    }
}

/// What a curve is made of: rows up to the ends of cells, and the digest that tells of what is between.
pub(super) type Side<'a> = (&'a Cumulative, &'a Digest);

/// The cumulative shares of a side.
pub(super) struct Curve<'a> {
    /// Rows up to the ends of cells.
    pub passed: &'a Cumulative,
    cells: &'a OrderedCells,
    digest: &'a Digest,
    /// Of the rows before each cell, and of all.
    pub shares: Vec<f64>,
}

impl<'a> Curve<'a> {
    fn of(cells: &'a OrderedCells, (passed, digest): Side<'a>) -> Self {
        let shares = passed.shares();
        assert_eq!(shares.len(), cells.len() + 1, "a sketch was compared in cells of another basis");
        Curve { passed, cells, digest, shares }
    }

    /// Cumulative shares where `cell` starts and ends.
    pub fn at(&self, cell: usize) -> Range<f64> {
        self.shares[cell]..self.shares[cell + 1]
    }

    /// The least and the greatest value.
    pub fn extremes(&self) -> Option<(f64, f64)> {
        self.digest.extremes()
    }
}

/// How a curve is thought to run inside cells: a line through points that ascend in place and share. Where
/// it jumps, two stand at one place. It is 0 before the first of all and 1 after the last.
struct Estimate<'a> {
    curve: &'a Curve<'a>,
    /// The cells in which the digest tells no more than a straight line, unless they hold a larger share.
    inner: Range<usize>,
}

impl<'a> Estimate<'a> {
    fn of(curve: &'a Curve<'a>) -> Self {
        let inner = match curve.digest {
            Digest::Exact(_) => 0..0,
            Digest::Compressed(centroids) => {
                let (min, max) = centroids.extremes();
                curve.cells.locate(min) + 1..curve.cells.locate(max)
            }
        };
        Estimate { curve, inner }
    }

    /// Whether it bends in `cell`, of which this holds the share `held` and the other curve `theirs`.
    fn bends(&self, cell: usize, held: f64, theirs: f64) -> bool {
        held > 0.0
            && (self.is_known(cell, held) || theirs > CENTROID_SHARE)
            && !self.curve.cells.is_atom(cell)
    }

    /// Whether the digest can tell more of `cell` than a straight line.
    fn is_known(&self, cell: usize, held: f64) -> bool {
        held > CENTROID_SHARE || !self.inner.contains(&cell)
    }

    /// Its points in `cell`, ends included. Where the other curve holds more than this can tell, this stays
    /// in the middle.
    fn points(&self, cell: usize, theirs: f64, points: &mut Vec<Point>) {
        let curve = self.curve;
        let (exact, lower, upper) = (curve.at(cell), curve.cells.lower(cell), curve.cells.upper(cell));
        let held = exact.end - exact.start;
        points.clear();
        if lower.is_finite() {
            points.push(Point { x: lower, share: exact.start });
        }
        if self.bends(cell, held, theirs) && self.is_known(cell, held) {
            let within = |x, share: f64| points.push(Point { x, share: share.clamp(exact.start, exact.end) });
            curve.digest.course(lower, upper, within);
        } else if self.bends(cell, held, theirs) {
            // Theirs may rise anywhere inside, so the best guess of ours is its middle.
            let share = (exact.start + exact.end) / 2.0;
            points.extend([lower, upper].map(|x| Point { x, share }));
        }
        if upper.is_finite() {
            points.push(Point { x: upper, share: exact.end });
        }
    }
}

/// A place on a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    /// Where.
    x: f64,
    /// The share of rows up to there.
    share: f64,
}

/// A piece between neighbouring points of two curves, on which both are straight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    /// Where it starts.
    pub from: f64,
    /// Where it ends; after the start.
    pub to: f64,
    /// How far the first curve is above the second just after the start.
    pub first: f64,
    /// And just before the end.
    pub last: f64,
}

/// Adds the pieces of two curves, from the first point of either to the last, to `found`.
fn between(f: &[Point], g: &[Point], found: &mut Vec<Piece>) {
    let (mut f, mut g) = (Cursor::new(f), Cursor::new(g));
    let mut start: Option<(f64, f64)> = None;
    loop {
        let x = if f.x < g.x { f.x } else { g.x };
        if x == f64::INFINITY {
            return;
        }
        let ((f_before, f_after), (g_before, g_after)) = (f.pass(x), g.pass(x));
        if let Some((from, first)) = start.replace((x, f_after - g_after)) {
            found.push(Piece { from, to: x, first, last: f_before - g_before });
        }
    }
}

/// A place between the points of a curve.
struct Cursor<'p> {
    /// The point passed last; before the first a curve has no share.
    last: Point,
    /// The points to come.
    left: &'p [Point],
    /// Where the next of them is; infinitely far where none is left.
    x: f64,
}

impl<'p> Cursor<'p> {
    fn new(left: &'p [Point]) -> Self {
        let x = left.first().map_or(f64::INFINITY, |point| point.x);
        Cursor { last: Point { x: f64::NEG_INFINITY, share: 0.0 }, left, x }
    }

    fn has_begun(&self) -> bool {
        self.last.x > f64::NEG_INFINITY
    }

    /// Goes to `x`, which is not beyond the next point: the shares just before and just after it.
    fn pass(&mut self, x: f64) -> (f64, f64) {
        let [next, ..] = self.left else {
            let all = if self.has_begun() { 1.0 } else { 0.0 };
            return (all, all);
        };
        if x < next.x {
            let rise = next.share - self.last.share;
            let is_flat = rise == 0.0 || !self.has_begun();
            let part = if is_flat { 0.0 } else { fraction(x, self.last.x, next.x) };
            let share = self.last.share + part * rise;
            return (share, share);
        }
        let before = if self.has_begun() { next.share } else { 0.0 };
        while let [next, rest @ ..] = self.left
            && next.x == x
        {
            (self.last, self.left) = (*next, rest);
        }
        self.x = self.left.first().map_or(f64::INFINITY, |point| point.x);
        (before, if self.left.is_empty() { 1.0 } else { self.last.share })
    }
}

/// Where `x` lies between `from` (0) and `to` (1), also where their distance overflows.
fn fraction(x: f64, from: f64, to: f64) -> f64 {
    let width = to - from;
    if width.is_finite() { (x - from) / width } else { (x / 2.0 - from / 2.0) / (to / 2.0 - from / 2.0) }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::sketch::FeatureSketch;

    /// What `of` makes of the curves of two sketches; `None` where one is empty.
    pub fn curves<T>(
        cells: &OrderedCells,
        reference: &FeatureSketch,
        window: &FeatureSketch,
        of: impl FnOnce(Curves<'_>) -> T,
    ) -> Option<T> {
        let passed = |sketch: &FeatureSketch| Cumulative::of(&sketch.tally.cells);
        let (f, g) = (passed(reference)?, passed(window)?);
        Some(of(Curves::of(cells, (&f, &reference.detail.digest), (&g, &window.detail.digest))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::sketch_numbers;

    fn point(x: f64, share: f64) -> Point {
        Point { x, share }
    }

    /// All of a curve's estimate, beside another like it.
    fn estimate(curve: &Curve<'_>) -> Vec<Point> {
        let estimate = Estimate::of(curve);
        let (mut all, mut points) = (Vec::new(), Vec::new());
        for cell in 0..curve.cells.len() {
            estimate.points(cell, curve.at(cell).end - curve.at(cell).start, &mut points);
            all.append(&mut points);
        }
        all.dedup();
        all
    }

    #[test]
    fn a_curve_is_exact_at_the_ends_of_cells_and_follows_the_values_between() {
        let cells = OrderedCells::new(vec![0.0, 10.0], vec![]).unwrap();
        let sketch = sketch_numbers(&cells, &[1.0, 2.0, 12.0, 14.0]);
        let passed = Cumulative::of(&sketch.tally.cells).unwrap();
        let curve = Curve::of(&cells, (&passed, &sketch.detail.digest));
        assert_eq!((curve.at(0), curve.at(1), curve.at(2)), (0.0..0.0, 0.0..0.5, 0.5..1.0));
        let expected = [
            point(0.0, 0.0),
            point(1.0, 0.0),
            point(1.0, 0.25),
            point(2.0, 0.25),
            point(2.0, 0.5),
            point(10.0, 0.5),
            point(12.0, 0.5),
            point(12.0, 0.75),
            point(14.0, 0.75),
            point(14.0, 1.0),
        ];
        assert_eq!(estimate(&curve), expected);
    }

    #[test]
    fn a_digest_is_held_within_what_the_cells_count() {
        // The digest smears a step of 3,000 equal values; the cells around it know better.
        let mut values: Vec<f64> = (0..3000).map(|i| f64::from(i) / 3000.0).collect();
        values.extend([0.5; 3000]);
        values.sort_by(f64::total_cmp);
        let cells = OrderedCells::new(vec![0.5_f64.next_down(), 0.5], vec![]).unwrap();
        let sketch = sketch_numbers(&cells, &values);
        let passed = Cumulative::of(&sketch.tally.cells).unwrap();
        let curve = Curve::of(&cells, (&passed, &sketch.detail.digest));
        let points = estimate(&curve);
        assert!(points.is_sorted_by(|a, b| a.x <= b.x && a.share <= b.share), "{points:?}");
        let at = |x: f64| points.iter().rfind(|point| point.x == x).unwrap().share;
        assert_eq!((at(0.5_f64.next_down()), at(0.5)), (0.25, 0.750_166_666_666_666_7));
        assert_eq!(points.last(), Some(&point(2999.0 / 3000.0, 1.0)));
    }

    #[test]
    fn two_curves_are_compared_on_both_sides_of_every_jump() {
        let f = [point(0.0, 0.0), point(1.0, 1.0)];
        let g = [point(0.5, 0.0), point(0.5, 1.0)];
        let expected = [
            Piece { from: 0.0, to: 0.5, first: 0.0, last: 0.5 },
            Piece { from: 0.5, to: 1.0, first: -0.5, last: 0.0 },
        ];
        let mut found = Vec::new();
        between(&f, &g, &mut found);
        assert_eq!(found, expected);
    }

    #[test]
    fn a_place_between_the_largest_numbers_is_found() {
        assert_eq!(fraction(0.0, f64::MIN, f64::MAX), 0.5);
        assert_eq!(fraction(5e-324, 0.0, 1e-323), 0.5);
    }
}
