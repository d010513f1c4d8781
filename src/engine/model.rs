//! A model in stage 2: its versions and segments, their panes and windows.

use super::early::Tests;
use super::state::Desk;
use crate::policy::record::{Command, OffsetsInfo, ReferenceInfo, ResolveReason};
use crate::policy::{DataIndex, HourlyLimit, IncidentBook, RetrainState, Suffixes};
use crate::reference::{Profile, Resolved};
use crate::sketch::FeatureSketch;
use crate::window::{Flow, OffsetRange, PaneData, SlidingWindow, Source};
use crate::words::{Grid, Name, Pane, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const DAY_MS: i64 = 86_400_000;

/// A reference in force, with what records say of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Held {
    pub info: ReferenceInfo,
    pub profile: Arc<Profile>,
}

impl From<Resolved> for Held {
    fn from(resolved: Resolved) -> Self {
        let Resolved { profile, effective_from, origin, inherited } = resolved;
        let info = ReferenceInfo {
            id: profile.id().clone(),
            rows: profile.rows(),
            effective_from,
            inherited,
            origin,
        };
        Held { info, profile }
    }
}

/// An empty window of `grid`, whose rows are counted by the reference that is `held`, with the suffixes
/// that are asked for.
pub(super) fn new_window(grid: Grid, suffixes: Suffixes, held: Option<&Held>) -> SlidingWindow {
    let features = || held.iter().flat_map(|held| held.profile.features());
    let is_calibrated = |panes: u32| {
        let duration_ms = i64::from(panes) * grid.slide_ms();
        features().filter_map(|feature| feature.calibrated(duration_ms)).any(|found| found.shape.is_some())
    };
    let lengths: Vec<u32> = match suffixes {
        Suffixes::None => vec![],
        Suffixes::All => grid.suffixes().collect(),
        Suffixes::Calibrated => grid.suffixes().filter(|panes| is_calibrated(*panes)).collect(),
    };
    SlidingWindow::new(grid.panes(), grid.reach(), &lengths)
}

/// A pane that still takes rows.
#[derive(Debug, Clone)]
pub(super) struct OpenPane {
    pub held: Option<Held>,
    pub data: PaneData,
    /// Offset of the oldest delta that no snapshot has; `None` when the snapshot is current.
    pub dirty_since: Option<i64>,
    /// Whether it must be in the next commit, because its deltas alone do not tell its content.
    pub must_save: bool,
    /// Whether the changelog has a snapshot of it.
    pub saved: bool,
}

/// One segment of a version's traffic.
#[derive(Debug, Clone)]
pub(super) struct SegmentState {
    pub open: BTreeMap<Pane, OpenPane>,
    pub window: SlidingWindow,
    pub epoch: Option<Pane>,
    pub held: Option<Held>,
    pub book: IncidentBook,
    /// The sequential tests of its features.
    pub tests: Tests,
    /// Why incidents are to be closed at the next window end.
    pub reset: Option<ResolveReason>,
}

impl SegmentState {
    pub fn new(window: SlidingWindow) -> Self {
        SegmentState {
            open: BTreeMap::new(),
            window,
            epoch: None,
            held: None,
            book: IncidentBook::default(),
            tests: Tests::default(),
            reset: None,
        }
    }

    /// Whether there is nothing to judge: no rows in the window and nothing open from before.
    pub fn is_blank(&self) -> bool {
        self.window.is_empty() && self.book.is_empty() && self.reset.is_none()
    }

    /// How many panes in the window's reach are of its epoch.
    pub fn filled(&self, grid: Grid) -> u32 {
        let since = self.window.last().zip(self.epoch).map(|(last, epoch)| last.0 - epoch.0 + 1);
        since.map_or(grid.panes(), |panes| panes.clamp(1, i64::from(grid.reach())) as u32)
    }

    /// The sketches of its `features` in a window that reaches back over `panes` panes.
    pub fn sketches(&self, grid: Grid, panes: u32, features: usize) -> impl Iterator<Item = FeatureSketch> {
        let is_plain = panes == grid.panes();
        let count = if is_plain { self.window.counted() } else { features };
        (0..count).map(
            move |at| {
                if is_plain { self.window.sketch(at) } else { self.window.sketch_of(at, panes) }
            },
        )
    }

    pub fn reference_id(&self) -> Option<&str> {
        self.held.as_ref().map(|held| held.info.id.as_str())
    }
}

/// Rows of a version in a UTC day.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Day {
    pub flow: Flow,
    pub offsets: BTreeMap<Source, OffsetRange>,
}

/// A version of a model.
#[derive(Debug, Clone)]
pub(super) struct VersionState {
    pub segments: BTreeMap<Vec<Name>, SegmentState>,
    pub retrain: RetrainState,
    pub last_rows_end: Time,
    pub days: BTreeMap<i64, Day>,
    /// The command that asks for retraining at the window's end that is being judged.
    pub requested: Option<Command>,
    /// What held back a trigger at the last window's end.
    pub withheld: Vec<&'static str>,
}

impl VersionState {
    pub fn new(now: Time) -> Self {
        VersionState {
            segments: BTreeMap::new(),
            retrain: RetrainState::default(),
            last_rows_end: now,
            days: BTreeMap::new(),
            requested: None,
            withheld: Vec::new(),
        }
    }

    /// Adds a closed pane of all traffic to the index, and forgets days beyond the look-back.
    pub fn index(&mut self, start: Time, end: Time, data: &PaneData, lookback_ms: i64) {
        if data.flow.events > 0 {
            self.last_rows_end = end;
        }
        if !data.is_empty() {
            let day = self.days.entry(start.ms().div_euclid(DAY_MS)).or_default();
            day.flow.add(&data.flow);
            for (source, range) in &data.offsets {
                OffsetRange::widen_in(&mut day.offsets, source, *range);
            }
        }
        let oldest = end.plus_ms(-lookback_ms).ms().div_euclid(DAY_MS);
        self.days.retain(|day, _| *day >= oldest);
    }

    /// Where the rows of the look-back before `end` stand.
    pub fn data(&self, end: Time, lookback_ms: i64) -> DataIndex {
        let mut flow = Flow::default();
        let mut offsets: BTreeMap<Source, OffsetRange> = BTreeMap::new();
        for day in self.days.values() {
            flow.add(&day.flow);
            for (source, range) in &day.offsets {
                OffsetRange::widen_in(&mut offsets, source, *range);
            }
        }
        let first = self.days.keys().next().map_or(end, |day| Time::from_ms(day * DAY_MS));
        let info = |((topic, partition), range): (Source, OffsetRange)| OffsetsInfo {
            topic,
            partition,
            first_offset: range.first,
            next_offset: range.next,
            complete: true,
            reason: None,
        };
        DataIndex {
            offsets: offsets.into_iter().map(info).collect(),
            start: first.max(end.plus_ms(-lookback_ms - DAY_MS)),
            rows: flow.events,
            late: flow.late,
            completeness: flow.completeness(),
        }
    }
}

/// A model.
#[derive(Debug, Clone, Default)]
pub(super) struct ModelState {
    /// The last pane that is closed; `None` before the first.
    pub closed_through: Option<Pane>,
    /// The last look that is taken.
    pub looked_through: Option<i64>,
    pub versions: BTreeMap<Name, VersionState>,
    pub limit: HourlyLimit,
    /// How many sequential tests share the budget, from the last pane that closed.
    pub tests: u64,
    /// What was asked of it.
    pub desk: Desk,
    /// Versions that someone retires at the window's end that is being judged.
    pub retiring: BTreeSet<Name>,
}

impl ModelState {
    /// The first pane that is to be closed next, given how far the watermark has come: the one after
    /// the last, or the oldest open one.
    pub fn next_pane(&self) -> Option<Pane> {
        let oldest = || {
            let segments = self.versions.values().flat_map(|version| version.segments.values());
            segments.filter_map(|segment| segment.open.keys().next().copied()).min()
        };
        self.closed_through.map(|pane| Pane(pane.0 + 1)).or_else(oldest)
    }

    /// The first pane from `from` on that has rows, where nothing is decided before it: every window
    /// is empty and without incidents, no trigger is open, no command waits, and no version can be
    /// retired, since each waits for rows.
    /// `None` where `from` itself has to be closed. One event from decades ago would otherwise have
    /// every pane since then closed one by one.
    pub fn blank_until(&self, from: Pane) -> Option<Pane> {
        let segments = || self.versions.values().flat_map(|version| version.segments.values());
        let is_waiting =
            |version: &VersionState| version.segments.values().any(|segment| !segment.open.is_empty());
        let is_idle =
            self.desk.waiting.is_empty() && self.versions.values().all(|version| version.retrain.is_idle());
        if !is_idle || !segments().all(SegmentState::is_blank) || !self.versions.values().all(is_waiting) {
            return None;
        }
        let oldest = segments().filter_map(|segment| segment.open.keys().next().copied()).min();
        oldest.filter(|oldest| *oldest > from)
    }
}
