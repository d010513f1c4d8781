//! Deltas into open panes.
//!
//! The order in which deltas come decides nothing: counts add, and a delta of a pane that is closed
//! (which only an idle partition's waking can cause) is counted in the first pane that is open.

use super::Output;
use super::admission::{Admission, admit, dismiss_segment, dismiss_version};
use super::bootstrap::merge_gathered;
use super::delta::Delta;
use super::early::last_look;
use super::evaluator::Evaluator;
use super::made::{counted_anew, resolve};
use super::model::{Held, ModelState, OpenPane, SegmentState, VersionState, new_window};
use super::state::StateKey;
use crate::policy::Suffixes;
use crate::reference::{Origin, Profile, ReferenceId, References};
use crate::window::PaneData;
use crate::words::{ModelKey, Name, Pane};

/// Where a delta's rows go.
struct Target {
    /// Its pane, or the first open one where that is closed.
    pane: Pane,
    is_closed: bool,
    segments: Vec<Vec<Name>>,
}

impl Evaluator {
    /// Merges a delta into its open panes: those of its segment and of all traffic.
    pub(super) fn merge_into(&mut self, offset: i64, delta: Delta, references: &References, again: bool) {
        self.forget_made(references);
        let Delta { key, pane, reference, mut data } = delta;
        let rows = data.flow.events;
        let Some(target) = self.target(&key, pane, rows) else { return };
        if target.is_closed && again {
            return;
        }
        let grid = self.settings.grid;
        let (of_model, _) = self.settings.models.get(&key.model).unwrap_or(&self.settings.unlisted);
        let resolve = || {
            let start = self.settings.grid.start(target.pane);
            resolve(references, &self.made, (&key.model, &key.version), start, of_model)
        };
        if !of_model.bootstraps() {
            data.census.clear();
        }
        let unseen_cap = self.settings.unseen_cap;
        let counted_by = reference.as_ref().map(|id| (id, references.profile(id).map(AsRef::as_ref)));
        let Some(model) = self.models.get_mut(&key.model) else { return };
        // A look that was taken without these rows stays as it was, also after a restore.
        let comes_late = !again && forget_looks(&mut data, model.looked_through);
        let Some(version) = model.versions.get_mut(&key.version) else { return };
        for segment in target.segments {
            let state = version
                .segments
                .entry(segment)
                .or_insert_with(|| SegmentState::new(new_window(grid, Suffixes::None, None)));
            let open = state.open.entry(target.pane).or_insert_with(|| OpenPane::new(resolve()));
            // While restoring, `dirty_since` is where the snapshot ends: the snapshot has it already.
            if again && open.saved && open.dirty_since.is_none_or(|since| offset < since) {
                continue;
            }
            open.dirty_since.get_or_insert(offset);
            if target.is_closed {
                let flow = &mut open.data.flow;
                flow.idle_late += rows;
                flow.late += data.flow.late;
                flow.lost += data.flow.lost;
                open.must_save = true;
            } else {
                open.merge(counted_by, &data, unseen_cap);
                open.must_save |= comes_late;
                forget_looks(&mut open.data, state.tests.saved_through);
            }
        }
        if target.is_closed {
            self.outputs.push(Output::IdleLate { model: key.model, rows });
        }
    }

    /// Finds where rows of `key` in `pane` go, and makes room for names that are new. `None`: there
    /// is none for its model or version, and they are told.
    fn target(&mut self, key: &ModelKey, pane: Pane, rows: u64) -> Option<Target> {
        let settings = self.settings.clone();
        if !self.has_model(key, pane, settings.max_models) {
            self.outputs.push(Output::Limited { key: key.clone(), limit: "models", rows });
            return None;
        }
        let model = self.models.get_mut(&key.model)?;
        let closed_through = model.closed_through.filter(|closed| pane <= *closed);
        let target = closed_through.map_or(pane, |closed| Pane(closed.0 + 1));
        let outputs = &mut self.outputs;
        if !model.versions.contains_key(&key.version) {
            match admit(&mut model.versions, settings.max_versions, &key.version, target) {
                Admission::Room => {}
                Admission::Instead(version, state) => {
                    outputs.push(dismiss_version(&key.model, &version, &state, &mut self.changed));
                }
                Admission::Full => {
                    outputs.push(Output::Limited { key: key.clone(), limit: "live_versions", rows });
                    return None;
                }
            }
            model.versions.insert(key.version.clone(), VersionState::new(settings.grid.end(target)));
        }
        let version = model.versions.get_mut(&key.version)?;
        let mut segments = vec![Vec::new()];
        if !key.segment.is_empty() {
            let (limit, wanted) = ("segments", key.segment.clone());
            // The map holds all traffic too, which comes before every segment and so never gives way.
            let most = settings.max_segments + 1;
            let admission = match version.segments.contains_key(&wanted) {
                true => Admission::Room,
                false => admit(&mut version.segments, most, &wanted, target),
            };
            match admission {
                Admission::Room => segments.push(wanted),
                Admission::Instead(segment, state) => {
                    let key = ModelKey { segment, ..key.clone() };
                    let rows = dismiss_segment(&key, &state, &mut self.changed);
                    outputs.push(Output::Limited { key, limit, rows });
                    segments.push(wanted);
                }
                Admission::Full => outputs.push(Output::Limited { key: key.clone(), limit, rows }),
            }
        }
        Some(Target { pane: target, is_closed: closed_through.is_some(), segments })
    }

    /// Whether the model is monitored, from now on at the latest.
    fn has_model(&mut self, key: &ModelKey, pane: Pane, most: usize) -> bool {
        if self.models.contains_key(&key.model) {
            return true;
        }
        match admit(&mut self.models, most, &key.model, pane) {
            Admission::Room => {}
            Admission::Instead(name, state) => {
                for (version, state) in &state.versions {
                    self.outputs.push(dismiss_version(&name, version, state, &mut self.changed));
                }
                self.changed.models.remove(&name);
                self.changed.gone.insert(StateKey::Model(name));
            }
            Admission::Full => return false,
        }
        // Panes that the watermark has passed are closed, also for a model that is new.
        let (topics, grid) = (self.topics_of(&key.model), self.settings.grid);
        let passed = self.watermarks.passed(&topics);
        let closed_through = passed.map(|watermark| Pane(grid.pane_of(watermark).0 - 1));
        let looked_through = passed.map(|watermark| last_look(watermark, grid));
        let model = ModelState { closed_through, looked_through, ..ModelState::default() };
        self.models.insert(key.model.clone(), model);
        true
    }
}

/// By which reference rows were counted, and its profile where it is known.
type CountedBy<'a> = (&'a ReferenceId, Option<&'a Profile>);

impl OpenPane {
    fn new(held: Option<Held>) -> Self {
        OpenPane { held, data: PaneData::default(), dirty_since: None, must_save: false, saved: false }
    }

    /// Takes rows that were counted by a reference, or gathered without one.
    fn merge(&mut self, by: Option<CountedBy<'_>>, data: &PaneData, unseen_cap: usize) {
        let Some(held) = &self.held else {
            let (features, looks) = Default::default();
            return merge_gathered(&mut self.data, PaneData { features, looks, ..data.clone() });
        };
        let anew = |before| counted_anew(&held.profile, before, data, unseen_cap);
        let counted = match by {
            None => anew(None),
            Some((id, _)) if held.info.id == *id => return self.data.merge(data),
            // Who counted has not heard yet that this one holds.
            Some((_, Some(before))) if held.info.origin == Origin::AcceptedWindow => anew(Some(before)),
            Some(_) => None,
        };
        match counted {
            Some(counted) => self.data.merge(&counted),
            None => self.data.flow.add(&data.flow.turned_away()),
        }
    }
}

/// Forgets the looks that are `taken` already; whether there were any.
fn forget_looks(data: &mut PaneData, taken: Option<i64>) -> bool {
    let before = data.looks.len();
    data.looks.retain(|look, _| taken.is_none_or(|taken| *look > taken));
    data.looks.len() < before
}
