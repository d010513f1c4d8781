//! The last panes of a model key as one aggregate, at a cost per slide that does not grow with their
//! number.
//!
//! Counts are running sums, of the whole window and of the suffixes that a change is looked for in: the
//! new pane is added, the leaving one subtracted. What only merges
//! ([`Detail`]) goes by blocks of as many panes as a window has, on the grid of pane numbers (two
//! passes over each block: M. van Herk, "A fast algorithm for local minimum and maximum filters",
//! 1992): a window is the suffix of one block and the prefix of the next. When a block is full its
//! suffixes are made once. Blocks are fixed by pane numbers, so a restored window is the same to the
//! bit, whatever came before its first pane.

use super::{Flow, PaneData};
use crate::sketch::{Detail, FeatureSketch, Tally, Unseen};
use crate::words::Pane;
use std::collections::VecDeque;
use std::sync::Arc;

/// The sliding aggregate over the last `panes` panes. Panes before them are kept, uncounted, as far
/// back as a window with few rows may reach.
#[derive(Debug, Clone)]
pub struct SlidingWindow {
    length: i64,
    reach: i64,
    /// How many panes are kept.
    kept: i64,
    last: Option<Pane>,
    /// Panes that are kept and are not empty, oldest first.
    panes: VecDeque<(Pane, Arc<PaneData>)>,
    whole: RunningSum,
    /// The last panes of the window, by length, ascending.
    parts: Vec<RunningSum>,
    /// Aggregates of the previous block from each of its panes to its end, by position.
    suffixes: Vec<Option<Arc<Vec<Detail>>>>,
    /// Aggregate of the present block so far.
    prefix: Vec<Detail>,
}

/// The counts of the last panes of a window.
#[derive(Debug, Clone)]
pub struct RunningSum {
    length: i64,
    flow: Flow,
    tallies: Vec<Tally>,
}

impl RunningSum {
    fn new(panes: u32) -> Self {
        RunningSum { length: i64::from(panes.max(1)), flow: Flow::default(), tallies: Vec::new() }
    }

    /// How many panes it reaches back.
    pub fn panes(&self) -> u32 {
        self.length as u32
    }

    /// Rows in them.
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Counts of each feature, in the reference's order; empty while no row was counted by one.
    pub fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    fn add(&mut self, data: &PaneData) {
        self.flow.add(&data.flow);
        if self.tallies.is_empty() {
            self.tallies = vec![Tally::default(); data.features.len()];
        }
        self.tallies.iter_mut().zip(&data.features).for_each(|(sum, sketch)| sum.add(&sketch.tally));
    }

    fn subtract(&mut self, data: &PaneData) {
        self.flow.subtract(&data.flow);
        self.tallies.iter_mut().zip(&data.features).for_each(|(sum, sketch)| sum.subtract(&sketch.tally));
    }

    /// Lets go of what lies before it when the window that ended with `last` ends with `now`.
    fn advance(&mut self, panes: &VecDeque<(Pane, Arc<PaneData>)>, last: Pane, now: Pane) {
        let (from, to) = (last.0 - self.length, now.0 - self.length);
        let leaving = panes.iter().filter(|(pane, _)| from < pane.0 && pane.0 <= to);
        leaving.for_each(|(_, data)| self.subtract(data));
    }
}

impl SlidingWindow {
    /// An empty window of `panes` panes that may reach back over `reach` panes, which also keeps the
    /// counts of its last panes by the lengths of `suffixes`.
    pub fn new(panes: u32, reach: u32, suffixes: &[u32]) -> Self {
        SlidingWindow {
            length: i64::from(panes.max(1)),
            reach: i64::from(reach.max(panes).max(1)),
            kept: i64::from(reach.max(panes).max(1)),
            last: None,
            panes: VecDeque::new(),
            whole: RunningSum::new(panes),
            parts: suffixes.iter().map(|length| RunningSum::new(*length)).collect(),
            suffixes: Vec::new(),
            prefix: Vec::new(),
        }
    }

    /// The same window, with its last `panes` panes kept, whatever it reaches.
    #[must_use]
    pub fn keeping(self, panes: u32) -> Self {
        SlidingWindow { kept: self.reach.max(i64::from(panes)), ..self }
    }

    /// Slides the window to end with `pane`, which must come after the last one; panes between them
    /// are empty. Returns the panes that are no longer kept.
    pub fn push(&mut self, pane: Pane, data: Arc<PaneData>) -> Vec<Pane> {
        assert!(self.last.is_none_or(|last| last < pane), "a window slides forward only");
        let left = self.advance_to(pane);
        if !data.is_empty() {
            self.parts.iter_mut().chain([&mut self.whole]).for_each(|sum| sum.add(&data));
            merge_details(&mut self.prefix, data.features.iter().map(|sketch| &sketch.detail));
            self.panes.push_back((pane, data));
        }
        left
    }

    /// Rows of the window.
    pub fn flow(&self) -> Flow {
        self.whole.flow
    }

    /// The counts of its suffixes, ascending by length.
    pub fn parts(&self) -> &[RunningSum] {
        &self.parts
    }

    /// How many panes the window must reach back over to have `rows` rows, and what became of the rows
    /// there: its own panes, where these have them or no pane that it can reach makes up for them.
    pub fn reaching(&self, rows: u64) -> (u32, Flow) {
        let (own, mut flow) = (self.length as u32, self.whole.flow);
        let Some(last) = self.last.filter(|_| flow.events < rows) else { return (own, flow) };
        let before = self.panes.iter().rev().skip_while(|(pane, _)| last.0 - pane.0 < self.length);
        let before = before.take_while(|(pane, _)| last.0 - pane.0 < self.reach);
        for (pane, data) in before {
            flow.add(&data.flow);
            if flow.events >= rows {
                return ((last.0 + 1 - pane.0) as u32, flow);
            }
        }
        (own, self.whole.flow)
    }

    /// The sketch of the feature at `position` over the last `panes` panes, made anew of them.
    pub fn sketch_of(&self, position: usize, panes: u32) -> FeatureSketch {
        let sketches = self.last_panes(panes).filter_map(|data| data.features.get(position));
        sketches.fold(FeatureSketch::default(), |mut sum, sketch| {
            sum.merge(sketch);
            sum
        })
    }

    /// Whether there are no rows at all, in the window or in reach of it.
    pub fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }

    /// The last pane pushed.
    pub fn last(&self) -> Option<Pane> {
        self.last
    }

    /// Panes that are kept and are not empty, oldest first.
    pub fn panes(&self) -> impl Iterator<Item = (Pane, &Arc<PaneData>)> {
        self.panes.iter().map(|(pane, data)| (*pane, data))
    }

    /// The sketch of each feature over the window, in the reference's order; empty while no row was
    /// counted by a reference.
    pub fn features(&self) -> Vec<FeatureSketch> {
        let suffix = self.last.and_then(|last| {
            let position = last.0.rem_euclid(self.length) as usize;
            self.suffixes.get(position + 1).and_then(Option::as_ref)
        });
        let sketch = |(at, tally): (usize, &Tally)| {
            let mut detail = suffix.and_then(|details| details.get(at)).cloned().unwrap_or_default();
            if let Some(prefix) = self.prefix.get(at) {
                detail.merge(prefix);
            }
            FeatureSketch { tally: tally.clone(), detail }
        };
        self.whole.tallies.iter().enumerate().map(sketch).collect()
    }

    /// Names of columns that the reference does not have, over the last `panes` panes.
    pub fn unknown(&self, panes: u32) -> Unseen {
        let mut unknown = PaneData::default().unknown;
        self.last_panes(panes).for_each(|data| unknown.merge(&data.unknown));
        unknown
    }

    fn last_panes(&self, panes: u32) -> impl Iterator<Item = &Arc<PaneData>> {
        let first = self.last.map_or(0, |last| last.0 + 1 - i64::from(panes));
        self.panes.iter().filter(move |(pane, _)| pane.0 >= first).map(|(_, data)| data)
    }

    fn advance_to(&mut self, pane: Pane) -> Vec<Pane> {
        let block = |pane: Pane| pane.0.div_euclid(self.length);
        if let Some(last) = self.last.filter(|last| block(*last) != block(pane)) {
            self.flip(block(last), block(pane));
        }
        if let Some(last) = self.last {
            let sums = self.parts.iter_mut().chain([&mut self.whole]);
            sums.for_each(|sum| sum.advance(&self.panes, last, pane));
        }
        self.last = Some(pane);
        let mut left = Vec::new();
        while let Some((oldest, _)) = self.panes.pop_front_if(|(oldest, _)| oldest.0 + self.kept <= pane.0) {
            left.push(oldest);
        }
        left
    }

    /// Leaves block `from` for block `to`: makes the suffixes of `from` when `to` follows it.
    fn flip(&mut self, from: i64, to: i64) {
        self.prefix.clear();
        self.suffixes.clear();
        if to != from + 1 {
            return;
        }
        let mut suffixes = vec![None; self.length as usize];
        let mut aggregate: Vec<Detail> = Vec::new();
        let mut next = self.length as usize;
        let of_block = |pane: &Pane| pane.0.div_euclid(self.length) == from;
        for (pane, data) in self.panes.iter().rev().filter(|(pane, _)| of_block(pane)) {
            let position = pane.0.rem_euclid(self.length) as usize;
            // Positions between this pane and the later one share the later one's aggregate.
            let shared = (!aggregate.is_empty()).then(|| Arc::new(aggregate.clone()));
            suffixes[position + 1..next].fill(shared);
            merge_details(&mut aggregate, data.features.iter().map(|sketch| &sketch.detail));
            next = position + 1;
        }
        let shared = (!aggregate.is_empty()).then(|| Arc::new(aggregate));
        suffixes[..next].fill(shared);
        self.suffixes = suffixes;
    }
}

fn merge_details<'a>(into: &mut Vec<Detail>, details: impl ExactSizeIterator<Item = &'a Detail>) {
    if into.is_empty() {
        *into = details.cloned().collect();
    } else {
        into.iter_mut().zip(details).for_each(|(mine, theirs)| mine.merge(theirs));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::sketch::{Accumulator, Basis, OrderedCells};
    use crate::words::Kind;
    use proptest::prelude::*;

    const SUFFIXES: [u32; 3] = [1, 2, 4];

    fn data(values: &[f64]) -> Arc<PaneData> {
        let cells = OrderedCells::new(vec![0.25, 0.5, 0.75], vec![1]).unwrap();
        let mut accumulator = Accumulator::new(Kind::Continuous, Arc::new(Basis::Ordered(cells)), 10);
        values.iter().for_each(|value| accumulator.push(&Value::Number(*value)));
        let flow = Flow { events: values.len() as u64, ..Flow::default() };
        let features = if values.is_empty() { vec![] } else { vec![accumulator.finish()] };
        Arc::new(PaneData { flow, features, ..PaneData::default() })
    }

    proptest! {
        #[test]
        fn the_sliding_aggregate_is_the_aggregate_from_scratch(
            length in 1u32..7,
            more in 0u32..9,
            wanted in 0u64..150,
            start in -20i64..20,
            panes in prop::collection::vec((1i64..9, prop::collection::vec(0.0..1.0f64, 0..40)), 1..40),
        ) {
            let reach = length + more;
            let mut window = SlidingWindow::new(length, reach, &SUFFIXES);
            let mut all: Vec<(i64, Vec<f64>)> = Vec::new();
            let mut number = start;
            for (gap, values) in panes {
                // Mostly the next pane, now and then a jump.
                number += if gap < 7 { 1 } else { gap };
                window.push(Pane(number), data(&values));
                all.push((number, values));
                let inside = all.iter().filter(|(pane, _)| *pane > number - i64::from(length));
                let mut expected: Vec<f64> = inside.flat_map(|(_, values)| values.clone()).collect();
                expected.sort_by(f64::total_cmp);
                prop_assert_eq!(window.flow().events, expected.len() as u64);
                for part in window.parts().iter().filter(|part| part.panes() < length) {
                    let first = number - i64::from(part.panes());
                    let inside = all.iter().filter(|(pane, _)| *pane > first).flat_map(|(_, values)| values);
                    let (rows, below) = inside.fold((0, 0), |(rows, below), value| {
                        (rows + 1, below + u64::from(*value <= 0.25))
                    });
                    prop_assert_eq!(part.flow().events, rows);
                    let sketch = window.sketch_of(0, part.panes());
                    prop_assert_eq!(sketch.detail.digest.count(), rows);
                    if rows > 0 {
                        prop_assert_eq!(part.tallies()[0].cells[0], below);
                        prop_assert_eq!(&part.tallies()[0], &sketch.tally);
                    }
                }
                let rows_of = |panes: u32| {
                    let first = number - i64::from(panes);
                    let inside = all.iter().filter(|(pane, _)| *pane > first);
                    inside.flat_map(|(_, values)| values.iter().copied()).collect::<Vec<f64>>()
                };
                // The shortest of the longer ones that has the rows; its own length where none has.
                let is_enough = |panes: &u32| rows_of(*panes).len() as u64 >= wanted;
                let grown = (length..=reach).find(is_enough).unwrap_or(length);
                let (panes, flow) = window.reaching(wanted);
                prop_assert_eq!((panes, flow.events), (grown, rows_of(grown).len() as u64));
                let sketch = window.sketch_of(0, panes);
                prop_assert_eq!(sketch.tally.valid(), flow.events);
                if flow.events > 0 {
                    let below = rows_of(grown).iter().filter(|value| **value <= 0.25).count() as u64;
                    prop_assert_eq!(sketch.tally.cells[0], below);
                }
                prop_assert!(window.panes().all(|(pane, _)| pane.0 > number - i64::from(reach)));
                let features = window.features();
                if !expected.is_empty() {
                    prop_assert_eq!(features[0].tally.valid(), expected.len() as u64);
                    let below = expected.iter().filter(|v| **v <= 0.25).count() as u64;
                    prop_assert_eq!(features[0].tally.cells[0], below);
                    prop_assert_eq!(features[0].detail.digest.count(), expected.len() as u64);
                    prop_assert_eq!(features[0].detail.digest.min(), expected.first().copied());
                    prop_assert_eq!(features[0].detail.digest.max(), expected.last().copied());
                }
            }
        }

        #[test]
        fn a_window_restored_from_its_panes_is_the_same_to_the_bit(
            length in 1u32..6, more in 0u32..6, panes in prop::collection::vec(prop::collection::vec(0.0..1.0f64, 0..400), 1..25), cut in 0usize..25,
        ) {
            let mut window = SlidingWindow::new(length, length + more, &SUFFIXES);
            let cut = cut.min(panes.len() - 1);
            for (number, values) in panes[..=cut].iter().enumerate() {
                window.push(Pane(number as i64), data(values));
            }
            let mut restored = SlidingWindow::new(length, length + more, &SUFFIXES);
            for (pane, data) in window.panes() {
                restored.push(pane, data.clone());
            }
            for (number, values) in panes.iter().enumerate().skip(cut + 1) {
                window.push(Pane(number as i64), data(values));
                restored.push(Pane(number as i64), data(values));
                prop_assert_eq!(window.features(), restored.features());
                prop_assert_eq!(window.flow(), restored.flow());
                for rows in [0, 300, 600, 1200] {
                    let (panes, flow) = window.reaching(rows);
                    prop_assert_eq!((panes, flow), restored.reaching(rows));
                    prop_assert_eq!(window.sketch_of(0, panes), restored.sketch_of(0, panes));
                }
            }
        }
    }
}
