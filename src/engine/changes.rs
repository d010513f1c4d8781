//! State to the changelog and back.

use super::early::{last_look, pace, plan, state_key};
use super::evaluator::{Changed, Evaluator, EvaluatorSettings};
use super::model::{Day, Held, ModelState, OpenPane, SegmentState, VersionState, new_window};
use super::state::{
    DayRecord, Desk, ModelRecord, PaneState, PartitionRecord, SegmentRecord, SequentialRecord, SourceRange,
    StateChange, StateKey, StateValue, VersionRecord,
};
use crate::error::{Error, Result};
use crate::policy::record::{ReferenceInfo, ResolveReason};
use crate::policy::{IncidentBook, ModelSettings, Suffixes};
use crate::reference::References;
use crate::window::Watermarks;
use crate::words::{ModelKey, Name, Pane};
use std::collections::BTreeMap;
use std::sync::Arc;

/// See [`Evaluator::take_changes`].
pub(super) fn take(evaluator: &mut Evaluator, snapshot: bool) -> Vec<StateChange> {
    let changed = std::mem::take(&mut evaluator.changed);
    let mut changes: BTreeMap<StateKey, Option<StateValue>> = BTreeMap::new();
    if changed.layout {
        changes.insert(StateKey::Layout, Some(StateValue::Layout(evaluator.settings.layout)));
    }
    let included_offset = evaluator.next_offset;
    for (key, pane, data) in changed.closed {
        let Some(state) = evaluator.models.get(&key.model).and_then(|model| segment(model, &key)) else {
            continue;
        };
        if !state.window.panes().any(|(kept, _)| kept == pane) {
            continue;
        }
        let reference = state.held.as_ref().map(|held| held.info.clone());
        let value = PaneState { reference, closed: true, included_offset, data: Arc::unwrap_or_clone(data) };
        changes.insert(StateKey::Pane(key, pane), Some(StateValue::Pane(value)));
    }
    let mut restore_from = included_offset;
    for (name, model) in &mut evaluator.models {
        for (version, state) in &mut model.versions {
            for (segment, state) in &mut state.segments {
                let key =
                    ModelKey { model: name.clone(), version: version.clone(), segment: segment.clone() };
                // A pane that is saved has lost the looks that were taken: the tests must have them.
                let mut saves_tests = changed.models.contains(name);
                for (pane, open) in &mut state.open {
                    let Some(since) = open.dirty_since else { continue };
                    if !snapshot && !open.must_save {
                        restore_from = restore_from.min(since);
                        continue;
                    }
                    saves_tests = true;
                    let value = StateValue::Pane(open.save(included_offset));
                    changes.insert(StateKey::Pane(key.clone(), *pane), Some(value));
                }
                let Some((held, through)) = state.held.as_ref().zip(model.looked_through) else { continue };
                if saves_tests {
                    for (at, record) in state.tests.take_changes(through) {
                        let value = Some(StateValue::Sequential(record));
                        changes.insert(state_key(&key, &held.profile, at), value);
                    }
                }
            }
        }
    }
    for name in &changed.models {
        let Some(model) = evaluator.models.get(name) else { continue };
        changes.insert(StateKey::Model(name.clone()), Some(StateValue::Model(record(model))));
        for (version, state) in &model.versions {
            for (segment, state) in &state.segments {
                let key =
                    ModelKey { model: name.clone(), version: version.clone(), segment: segment.clone() };
                let book = (!state.book.is_empty()).then(|| StateValue::Incidents(state.book.to_record()));
                changes.insert(StateKey::Incidents(key), book);
            }
        }
    }
    for gone in changed.gone {
        changes.entry(gone).or_insert(None);
    }
    if changed.progress || !changes.is_empty() {
        let value = PartitionRecord {
            partitions: evaluator.watermarks.known(),
            restore_from,
            passed: evaluator.watermarks.all_passed(),
        };
        changes.insert(StateKey::Watermark, Some(StateValue::Watermark(value)));
    }
    changes.into_iter().collect()
}

impl OpenPane {
    fn save(&mut self, included_offset: i64) -> PaneState {
        self.dirty_since = None;
        self.must_save = false;
        self.saved = true;
        let reference = self.held.as_ref().map(|held| held.info.clone());
        PaneState { reference, closed: false, included_offset, data: self.data.clone() }
    }
}

fn segment<'a>(model: &'a ModelState, key: &ModelKey) -> Option<&'a SegmentState> {
    model.versions.get(&key.version)?.segments.get(&key.segment)
}

fn record(model: &ModelState) -> ModelRecord {
    let day = |(day, state): (&i64, &Day)| DayRecord {
        day: *day,
        flow: state.flow,
        offsets: state
            .offsets
            .iter()
            .map(|((topic, partition), range)| SourceRange {
                topic: topic.clone(),
                partition: *partition,
                range: *range,
            })
            .collect(),
    };
    let segment = |(segment, state): (&Vec<Name>, &SegmentState)| SegmentRecord {
        segment: segment.clone(),
        epoch: state.epoch,
        reference: state.held.as_ref().map(|held| held.info.clone()),
    };
    let version = |(version, state): (&Name, &VersionState)| VersionRecord {
        version: version.clone(),
        last_rows_end: state.last_rows_end,
        retrain: state.retrain.clone(),
        days: state.days.iter().map(day).collect(),
        segments: state.segments.iter().map(segment).collect(),
    };
    let versions = model.versions.iter().map(version).collect();
    let (closed_through, limit, tests) = (model.closed_through, model.limit.clone(), model.tests);
    let desk = Some(model.desk.clone()).filter(|desk| *desk != Desk::default());
    ModelRecord { closed_through, limit, versions, tests, desk }
}

/// Gathers a partition's changelog and makes an [`Evaluator`] of it.
#[derive(Debug, Default)]
pub struct Restore {
    panes: BTreeMap<(ModelKey, Pane), PaneState>,
    values: BTreeMap<StateKey, StateValue>,
}

impl Restore {
    /// Takes a record of the changelog: a value, or a tombstone. The last of a key counts.
    pub fn apply(&mut self, (key, value): StateChange) {
        match (key, value) {
            (StateKey::Pane(key, pane), Some(StateValue::Pane(state))) => {
                self.panes.insert((key, pane), state);
            }
            (StateKey::Pane(key, pane), _) => {
                self.panes.remove(&(key, pane));
            }
            (key, Some(value)) => {
                self.values.insert(key, value);
            }
            (key, None) => {
                self.values.remove(&key);
            }
        }
    }

    /// The restored stage 2, with `next_offset` the committed delta offset, and the offset from which
    /// deltas are to be merged again. Refuses state of another layout, or by a reference that is gone.
    pub fn finish(
        self,
        settings: Arc<EvaluatorSettings>,
        next_offset: i64,
        references: &References,
    ) -> Result<(Evaluator, i64)> {
        let mut evaluator = Evaluator::new(settings.clone());
        evaluator.next_offset = next_offset;
        let mut restore_from = next_offset;
        let mut is_cut_anew = false;
        let (mut books, mut tests) = (Vec::new(), Vec::new());
        for (key, value) in self.values {
            match value {
                StateValue::Layout(layout) => {
                    settings.layout.accept(&layout)?;
                    is_cut_anew = layout.window_panes != settings.layout.window_panes;
                    evaluator.changed = Changed { layout: layout != settings.layout, ..Changed::default() };
                }
                StateValue::Watermark(record) => {
                    evaluator.watermarks =
                        Watermarks::restore(settings.idle_timeout_ms, &record.partitions, record.passed);
                    restore_from = record.restore_from.min(next_offset);
                }
                StateValue::Model(record) => {
                    if let StateKey::Model(name) = key {
                        let of_model = settings.model(&name).0;
                        evaluator.models.insert(name, model(record, &settings, of_model, references)?);
                    }
                }
                StateValue::Incidents(record) => {
                    if let StateKey::Incidents(key) = key {
                        books.push((key, IncidentBook::from_record(record)));
                    }
                }
                StateValue::Sequential(record) => {
                    if let StateKey::Sequential(key, feature) = key {
                        tests.push((key, feature, record));
                    }
                }
                StateValue::Pane(_) => {}
            }
        }
        for (key, book) in books {
            if let Some(state) = segment_mut(&mut evaluator, &key) {
                state.book = book;
                state.reset = is_cut_anew.then_some(ResolveReason::ConfigChanged);
            }
        }
        for (key, feature, record) in tests {
            put_test(&mut evaluator, &key, &feature, record);
        }
        for ((key, pane), state) in self.panes {
            put_pane(&mut evaluator, key, pane, state, is_cut_anew, references)?;
        }
        let names: Vec<Name> = evaluator.models.keys().cloned().collect();
        for name in names {
            let topics = evaluator.topics_of(&name);
            let passed = evaluator.watermarks.passed(&topics);
            if let Some(model) = evaluator.models.get_mut(&name) {
                model.looked_through = passed.map(|watermark| last_look(watermark, settings.grid));
            }
        }
        Ok((evaluator, restore_from))
    }
}

fn segment_mut<'a>(evaluator: &'a mut Evaluator, key: &ModelKey) -> Option<&'a mut SegmentState> {
    evaluator.models.get_mut(&key.model)?.versions.get_mut(&key.version)?.segments.get_mut(&key.segment)
}

/// Goes on with a test, where its feature is still in the reference.
fn put_test(evaluator: &mut Evaluator, key: &ModelKey, feature: &Name, record: SequentialRecord) {
    let settings = evaluator.settings.clone();
    let Some(model) = evaluator.models.get_mut(&key.model) else { return };
    let pace = pace(settings.model(&key.model).0, settings.grid, model.tests);
    let state =
        model.versions.get_mut(&key.version).and_then(|version| version.segments.get_mut(&key.segment));
    let Some((state, held)) = state.and_then(|state| state.held.clone().map(|held| (state, held))) else {
        return;
    };
    if let Some(at) = held.profile.position(feature) {
        state.tests.restore(at, &evaluator.plans.of(&held.profile, plan)[at], pace, record);
    }
}

fn put_pane(
    evaluator: &mut Evaluator,
    key: ModelKey,
    pane: Pane,
    saved: PaneState,
    is_cut_anew: bool,
    references: &References,
) -> Result<()> {
    let grid = evaluator.settings.grid;
    let held = saved.reference.map(|info| hold(info, references)).transpose()?;
    if saved.closed {
        // What is gathered for a reference to come is not cut by windows.
        if is_cut_anew && saved.data.census.is_empty() {
            evaluator.changed.gone.insert(StateKey::Pane(key, pane));
        } else if let Some(state) = segment_mut(evaluator, &key) {
            // With a shorter `grow_to` than before, some are out of reach already.
            for left in state.window.push(pane, &saved.data) {
                evaluator.changed.gone.insert(StateKey::Pane(key.clone(), left));
            }
        }
        return Ok(());
    }
    // A pane may be open in a version that no window end has written yet.
    let model = evaluator.models.entry(key.model).or_default();
    let now = grid.end(pane);
    let version = model.versions.entry(key.version).or_insert_with(|| VersionState::new(now));
    let empty = || SegmentState::new(new_window(grid, Suffixes::None, None));
    let state = version.segments.entry(key.segment).or_insert_with(empty);
    let dirty_since = Some(saved.included_offset);
    state.open.insert(pane, OpenPane { held, data: saved.data, dirty_since, must_save: false, saved: true });
    Ok(())
}

fn model(
    record: ModelRecord,
    settings: &EvaluatorSettings,
    of_model: &ModelSettings,
    references: &References,
) -> Result<ModelState> {
    let mut versions = BTreeMap::new();
    for version in record.versions {
        let mut segments = BTreeMap::new();
        for SegmentRecord { segment, epoch, reference } in version.segments {
            let held = reference.map(|info| hold(info, references)).transpose()?;
            let window = new_window(settings.grid, of_model.policy.suffixes, held.as_ref());
            let window = window.keeping(settings.kept_panes(of_model, held.as_ref()));
            segments.insert(segment, SegmentState { epoch, held, ..SegmentState::new(window) });
        }
        let day = |record: DayRecord| {
            let offsets = record.offsets.into_iter().map(|o| ((o.topic, o.partition), o.range)).collect();
            (record.day, Day { flow: record.flow, offsets })
        };
        let days = version.days.into_iter().map(day).collect();
        let (retrain, last_rows_end) = (version.retrain, version.last_rows_end);
        let fresh = VersionState::new(last_rows_end);
        versions.insert(version.version, VersionState { segments, retrain, days, ..fresh });
    }
    let (closed_through, limit, tests) = (record.closed_through, record.limit, record.tests);
    let desk = record.desk.unwrap_or_default();
    Ok(ModelState { closed_through, versions, limit, tests, desk, ..ModelState::default() })
}

fn hold(info: ReferenceInfo, references: &References) -> Result<Held> {
    match references.profile(&info.id) {
        Some(profile) => Ok(Held { profile: profile.clone(), info }),
        None => {
            Err(Error::state(format!("the stored state was counted by reference {}, which is gone", info.id))
                .hint("publish the reference again with `driftline reference publish`"))
        }
    }
}
