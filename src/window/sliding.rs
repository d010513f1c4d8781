//! The last panes of a model key as one aggregate, at a cost per slide that does not grow with their
//! number.
//!
//! Counts are running sums, of the whole window and of the suffixes that a change is looked for in: the
//! new pane is added, the leaving one subtracted. Short suffixes are added up when they are asked for. What only merges
//! ([`Detail`]) goes by blocks of as many panes as a window has, on the grid of pane numbers (two
//! passes over each block: M. van Herk, "A fast algorithm for local minimum and maximum filters",
//! 1992): a window is the suffix of one block and the prefix of the next. When a block is full, each of
//! its panes takes the suffix that it begins in the place of its own detail. Blocks are fixed by pane
//! numbers, so a restored window is the same to the bit, whatever came before its first pane.

use super::closed::ClosedPane;
use super::running::RunningSum;
use super::{Flow, PaneData};
use crate::sketch::{Detail, FeatureSketch, Packed, Tally, TallySum, Unseen};
use crate::words::Pane;
use std::collections::VecDeque;

/// Centroids that the panes of a window keep together of a feature's digests: merged again, they tell
/// quantiles about as well as one digest of all rows.
const CENTROIDS: usize = 960;
/// The least of them and the most that one pane keeps.
const CENTROIDS_OF_PANE: (usize, usize) = (16, 200);
/// Those of a block that is not full yet, which each pane is merged into anew.
const CENTROIDS_OF_PREFIX: usize = 200;
/// So many panes are sooner added up than a sum of them is kept running: to slide that is to read it, the pane
/// that enters and the one that leaves, and to write it.
const SHORT: u32 = 16;

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
    panes: VecDeque<(Pane, ClosedPane)>,
    whole: RunningSum,
    /// The lengths of those of its suffixes that are short enough to be added up anew.
    short: Vec<u32>,
    /// The counts of the longer ones, ascending.
    long: Vec<RunningSum>,
    /// Aggregate of the present block so far.
    prefix: Packed<Detail>,
}

impl SlidingWindow {
    /// An empty window of `panes` panes that may reach back over `reach` panes, which also has the
    /// counts of its last panes by the lengths of `suffixes`, which ascend.
    pub fn new(panes: u32, reach: u32, suffixes: &[u32]) -> Self {
        let (short, long) = suffixes.split_at(suffixes.partition_point(|panes| *panes <= SHORT));
        SlidingWindow {
            length: i64::from(panes.max(1)),
            reach: i64::from(reach.max(panes).max(1)),
            kept: i64::from(reach.max(panes).max(1)),
            last: None,
            panes: VecDeque::new(),
            whole: RunningSum::new(panes),
            short: short.to_vec(),
            long: long.iter().map(|length| RunningSum::new(*length)).collect(),
            prefix: Packed::default(),
        }
    }

    /// The same window, with its last `panes` panes kept, whatever it reaches.
    #[must_use]
    pub fn keeping(self, panes: u32) -> Self {
        SlidingWindow { kept: self.reach.max(i64::from(panes)), ..self }
    }

    /// Slides the window to end with `pane`, which must come after the last one; panes between them
    /// are empty. Returns the panes that are no longer kept.
    pub fn push(&mut self, pane: Pane, data: &PaneData) -> Vec<Pane> {
        assert!(self.last.is_none_or(|last| last < pane), "a window slides forward only");
        let last = self.last.replace(pane).unwrap_or(pane);
        if self.block(last) != self.block(pane) {
            self.fill_block(self.block(last));
        }
        let closed = (!data.is_empty()).then(|| ClosedPane::of(data, self.centroids()));
        for sum in self.long.iter_mut().chain([&mut self.whole]) {
            sum.slide(&self.panes, last, pane, closed.as_ref());
        }
        if let Some(closed) = closed {
            let features = closed.details.len().max(self.prefix.len());
            self.prefix = Packed::of(features, CENTROIDS_OF_PREFIX, |at| {
                let mut detail = self.prefix.get(at);
                detail.merge(&closed.details.get(at));
                detail
            });
            self.panes.push_back((pane, closed));
        }
        let mut left = Vec::new();
        while let Some((oldest, _)) = self.panes.pop_front_if(|(oldest, _)| oldest.0 + self.kept <= pane.0) {
            left.push(oldest);
        }
        left
    }

    /// Rows of the window.
    pub fn flow(&self) -> Flow {
        self.whole.flow()
    }

    /// The lengths of its suffixes, ascending.
    pub fn suffixes(&self) -> impl Iterator<Item = u32> {
        self.short.iter().copied().chain(self.long.iter().map(RunningSum::panes))
    }

    /// Gives `each` the length and the counts of every suffix, of the feature at this position.
    pub fn for_each_suffix(&self, position: usize, mut each: impl FnMut(u32, &Tally)) {
        let (mut sum, last) = (TallySum::default(), self.last.map_or(0, |last| last.0));
        let mut panes = self.panes.iter().rev().peekable();
        for length in &self.short {
            while let Some((_, closed)) = panes.next_if(|(pane, _)| last - pane.0 < i64::from(*length)) {
                closed.tallies.add_up(position, &mut sum);
            }
            each(*length, sum.tally());
        }
        for long in &self.long {
            let mut sum = Tally::default();
            long.tallies().add_to(position, &mut sum);
            each(long.panes(), &sum);
        }
    }

    /// How many panes the window must reach back over to have `rows` rows, and what became of the rows
    /// there: its own panes, where these have them or no pane that it can reach makes up for them.
    pub fn reaching(&self, rows: u64) -> (u32, Flow) {
        let (own, mut flow) = (self.length as u32, self.whole.flow());
        let Some(last) = self.last.filter(|_| flow.events < rows) else { return (own, flow) };
        let before = self.panes.iter().rev().skip_while(|(pane, _)| last.0 - pane.0 < self.length);
        let before = before.take_while(|(pane, _)| last.0 - pane.0 < self.reach);
        for (pane, closed) in before {
            flow.add(&closed.flow);
            if flow.events >= rows {
                return ((last.0 + 1 - pane.0) as u32, flow);
            }
        }
        (own, self.whole.flow())
    }

    /// The sketch of the feature at `position` over the last `panes` panes.
    pub fn sketch_of(&self, position: usize, panes: u32) -> FeatureSketch {
        let mut sum = TallySum::default();
        self.last_panes(panes).for_each(|(_, closed)| closed.tallies.add_up(position, &mut sum));
        FeatureSketch { tally: sum.tally().clone(), detail: self.detail(position, panes) }
    }

    /// The detail of the feature at `position` over the last `panes` panes: of each full block what lies
    /// in them, and of the present one all of it, or its last panes.
    fn detail(&self, position: usize, panes: u32) -> Detail {
        let mut detail = Detail::default();
        let mut merged = None;
        let present = self.last.map(|last| self.block(last));
        let is_whole = self.last.is_some_and(|last| i64::from(panes) > last.0.rem_euclid(self.length));
        for (pane, closed) in self.last_panes(panes) {
            let block = Some(self.block(pane));
            if block == present && is_whole {
                break;
            }
            if block == present || merged.replace(block) != Some(block) {
                detail.gather(&closed.details.get(position));
            }
        }
        if is_whole {
            detail.gather(&self.prefix.get(position));
        }
        detail
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
    pub fn panes(&self) -> impl DoubleEndedIterator<Item = (Pane, &ClosedPane)> {
        self.panes.iter().map(|(pane, closed)| (*pane, closed))
    }

    /// How many features there are counts of; 0 while no row was counted by a reference.
    pub fn counted(&self) -> usize {
        self.whole.tallies().len()
    }

    /// The sketch of the feature at `position` over the window.
    pub fn sketch(&self, position: usize) -> FeatureSketch {
        let mut tally = Tally::default();
        self.whole.tallies().add_to(position, &mut tally);
        FeatureSketch { tally, detail: self.detail(position, self.length as u32) }
    }

    /// Names of columns that the reference does not have, over the last `panes` panes.
    pub fn unknown(&self, panes: u32) -> Unseen {
        let mut unknown = PaneData::default().unknown;
        self.last_panes(panes).for_each(|(_, closed)| unknown.merge(&closed.unknown));
        unknown
    }

    fn last_panes(&self, panes: u32) -> impl Iterator<Item = (Pane, &ClosedPane)> {
        let first = self.last.map_or(0, |last| last.0 + 1 - i64::from(panes));
        self.panes().skip_while(move |(pane, _)| pane.0 < first)
    }

    fn block(&self, pane: Pane) -> i64 {
        pane.0.div_euclid(self.length)
    }

    fn centroids(&self) -> usize {
        let (least, most) = CENTROIDS_OF_PANE;
        (CENTROIDS / self.length as usize).clamp(least, most)
    }

    /// Gives each pane of `block`, in which no more panes come, the details from it to the block's end.
    fn fill_block(&mut self, block: i64) {
        let (length, centroids) = (self.length, self.centroids());
        let mut suffix: Vec<Detail> = Vec::new();
        let panes = self.panes.iter_mut().rev().take_while(|(pane, _)| pane.0.div_euclid(length) == block);
        for (_, closed) in panes {
            suffix.resize_with(suffix.len().max(closed.details.len()), Detail::default);
            suffix.iter_mut().enumerate().for_each(|(at, detail)| detail.merge(&closed.details.get(at)));
            closed.details = Packed::of(suffix.len(), centroids, |at| &suffix[at]);
        }
        self.prefix = Packed::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::sketch::{Accumulator, Basis, OrderedCells};
    use crate::words::Kind;
    use proptest::prelude::*;
    use std::sync::Arc;

    const SUFFIXES: [u32; 5] = [1, 2, 4, 17, 20];

    fn features(window: &SlidingWindow) -> Vec<FeatureSketch> {
        (0..window.counted()).map(|position| window.sketch(position)).collect()
    }

    fn data(values: &[f64]) -> PaneData {
        let cells = OrderedCells::new(vec![0.25, 0.5, 0.75], vec![1]).unwrap();
        let mut accumulator = Accumulator::new(Kind::Continuous, Arc::new(Basis::Ordered(cells)), 10);
        values.iter().for_each(|value| accumulator.push(&Value::Number(*value)));
        let flow = Flow { events: values.len() as u64, ..Flow::default() };
        let features = if values.is_empty() { vec![] } else { vec![accumulator.finish()] };
        PaneData { flow, features, ..PaneData::default() }
    }

    #[test]
    fn the_quantiles_of_a_long_window_are_near_those_of_its_rows() {
        let rows = |pane: i64| {
            let unit = move |row: i64| ((pane * 977 + row) * 7919 % 10_007) as f64 / 10_007.0;
            (0..1000).map(unit).map(|unit| unit * unit * unit).collect::<Vec<f64>>()
        };
        let mut window = SlidingWindow::new(24, 24, &[]);
        let mut worst: f64 = 0.0;
        for pane in 0..72 {
            window.push(Pane(pane), &data(&rows(pane)));
            let mut all: Vec<f64> = (pane - 23..=pane).filter(|pane| *pane >= 0).flat_map(rows).collect();
            all.sort_by(f64::total_cmp);
            let digest = &window.sketch(0).detail.digest;
            for q in 1..20 {
                let q = f64::from(q) / 20.0;
                let value = digest.quantile(q).unwrap();
                let rank = all.partition_point(|other| *other <= value) as f64 / all.len() as f64;
                worst = worst.max((rank - q).abs());
            }
        }
        assert!(worst < 0.025, "{worst}");
    }

    proptest! {
        #[test]
        fn the_sliding_aggregate_is_the_aggregate_from_scratch(
            length in prop_oneof![4 => 1u32..7, 1 => 18u32..24],
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
                window.push(Pane(number), &data(&values));
                all.push((number, values));
                let inside = all.iter().filter(|(pane, _)| *pane > number - i64::from(length));
                let mut expected: Vec<f64> = inside.flat_map(|(_, values)| values.clone()).collect();
                expected.sort_by(f64::total_cmp);
                prop_assert_eq!(window.flow().events, expected.len() as u64);
                let mut suffixes = Vec::new();
                window.for_each_suffix(0, |panes, tally| suffixes.push((panes, tally.clone())));
                prop_assert!(suffixes.iter().map(|(panes, _)| *panes).eq(SUFFIXES));
                for (panes, tally) in suffixes.into_iter().filter(|(panes, _)| *panes < length) {
                    let first = number - i64::from(panes);
                    let inside = all.iter().filter(|(pane, _)| *pane > first).flat_map(|(_, values)| values);
                    let (rows, below) = inside.fold((0, 0), |(rows, below), value| {
                        (rows + 1, below + u64::from(*value <= 0.25))
                    });
                    prop_assert_eq!(tally.valid(), rows);
                    let sketch = window.sketch_of(0, panes);
                    prop_assert_eq!(sketch.detail.digest.count(), rows);
                    if rows > 0 {
                        prop_assert_eq!(tally.cells[0], below);
                        prop_assert_eq!(&tally, &sketch.tally);
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
                let features = features(&window);
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
                window.push(Pane(number as i64), &data(values));
            }
            let mut restored = SlidingWindow::new(length, length + more, &SUFFIXES);
            for (pane, _) in window.panes() {
                restored.push(pane, &data(&panes[pane.0 as usize]));
            }
            for (number, values) in panes.iter().enumerate().skip(cut + 1) {
                window.push(Pane(number as i64), &data(values));
                restored.push(Pane(number as i64), &data(values));
                prop_assert_eq!(features(&window), features(&restored));
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
