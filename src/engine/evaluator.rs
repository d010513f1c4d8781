//! Stage 2: deltas to panes, windows, verdicts, events and triggers, for one deltas partition.
//!
//! It decides nothing by arrival: a pane closes when the watermark across the input partitions is at
//! or past its end, and everything a decision rests on is order-free. The one exception is a delta of
//! a pane already closed, which only an idle partition's waking can cause; its rows are counted as
//! `idle_late`.

use super::Output;
use super::bootstrap::keep_census;
use super::by_reference::ByReference;
use super::commands::obey;
use super::delta::{Delta, Progress};
use super::early::last_look;
use super::judging::{judge_model, open_incidents, retire_version};
use super::made::MadeReference;
use super::model::{ModelState, SegmentState, VersionState, new_window};
use super::new_columns::judge_new_columns;
use super::state::{Layout, StateChange, StateKey};
use super::triggers::settle;
use crate::measure::Figures;
use crate::measure::sequential::Plan;
use crate::policy::record::{Category, Command, ResolveReason};
use crate::policy::{BootstrapSettings, ModelSettings};
use crate::reference::References;
use crate::window::{PaneData, Watermarks};
use crate::words::{Grid, ModelKey, Name, Pane, SeasonClock, Severity, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How stage 2 works.
#[derive(Debug, Clone)]
pub struct EvaluatorSettings {
    /// The deployment's name; part of every id.
    pub app: String,
    /// Panes, looks and windows.
    pub grid: Grid,
    /// How long an idle claim holds without renewal, in milliseconds.
    pub idle_timeout_ms: i64,
    /// How the state is cut.
    pub layout: Layout,
    /// The listed models, with the ids of their configuration.
    pub models: BTreeMap<Name, (ModelSettings, String)>,
    /// The settings of all others.
    pub unlisted: (ModelSettings, String),
    /// Most models of a partition.
    pub max_models: usize,
    /// Most live versions of a model.
    pub max_versions: usize,
    /// Most segments of a version.
    pub max_segments: usize,
    /// Most features of a reference that is made here.
    pub max_features: usize,
    /// Most names of unseen categories kept for a feature and pane.
    pub unseen_cap: usize,
    /// How references are made of first rows.
    pub bootstrap: BootstrapSettings,
    /// How far ahead of the stream they take effect, in milliseconds.
    pub lead_ms: i64,
    /// The season that they are made with.
    pub season: Option<SeasonClock>,
}

impl EvaluatorSettings {
    /// The settings of a model and the id of its configuration.
    pub fn model(&self, name: &Name) -> (&ModelSettings, &str) {
        let (settings, config_id) = self.models.get(name).unwrap_or(&self.unlisted);
        (settings, config_id)
    }
}

/// Stage 2 of one deltas partition.
#[derive(Debug)]
pub struct Evaluator {
    pub(super) settings: Arc<EvaluatorSettings>,
    pub(super) watermarks: Watermarks,
    pub(super) models: BTreeMap<Name, ModelState>,
    /// How the features of references are tested in early sight.
    pub(super) plans: ByReference<Arc<Plan>>,
    /// What comparisons take of references alone.
    figures: ByReference<Figures>,
    /// References that were made here and are not yet read back.
    pub(super) made: Vec<MadeReference>,
    pub(super) next_offset: i64,
    pub(super) changed: Changed,
    pub(super) outputs: Vec<Output>,
    /// Commands with the time from which each is to be done.
    pub(super) scheduled: Vec<(Time, Command)>,
}

/// What changed since the last commit.
#[derive(Debug, Default)]
pub(super) struct Changed {
    pub models: BTreeSet<Name>,
    /// Panes that closed, with their content as it was.
    pub closed: Vec<(ModelKey, Pane, Arc<PaneData>)>,
    /// State that is no longer needed.
    pub gone: BTreeSet<StateKey>,
    pub progress: bool,
    pub layout: bool,
}

impl Evaluator {
    /// A stage 2 without state.
    pub fn new(settings: Arc<EvaluatorSettings>) -> Self {
        let watermarks = Watermarks::new(settings.idle_timeout_ms);
        let changed = Changed { layout: true, ..Changed::default() };
        Evaluator {
            settings,
            watermarks,
            models: BTreeMap::new(),
            plans: ByReference::default(),
            figures: ByReference::default(),
            made: Vec::new(),
            next_offset: 0,
            changed,
            outputs: Vec::new(),
            scheduled: Vec::new(),
        }
    }

    /// The next delta offset to take.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Takes a delta at `offset` of its partition, in a record of this broker time.
    pub fn merge(&mut self, offset: i64, broker_time: Time, delta: Delta, references: &References) {
        self.next_offset = offset + 1;
        self.watermarks.lapse(broker_time);
        self.merge_into(offset, delta, references, false);
    }

    /// Takes a delta again that was taken before the state was restored: it fills the panes that were
    /// open, and does nothing else.
    pub fn merge_again(&mut self, offset: i64, delta: Delta, references: &References) {
        self.merge_into(offset, delta, references, true);
    }

    /// Hears how far input partitions have come, closes the panes that the watermark has passed and
    /// judges the windows that end there. References that a version's first rows are enough for, or that
    /// someone asks for, are made.
    pub fn hear(&mut self, offset: i64, broker_time: Time, progress: &Progress, references: &References) {
        self.next_offset = offset + 1;
        self.watermarks.set_partitions(progress.topics.iter().map(|(topic, count)| (topic, *count)));
        self.watermarks.lapse(broker_time);
        for partition in &progress.partitions {
            self.watermarks.hear(partition, broker_time);
        }
        self.changed.progress = true;
        self.forget_made(references);
        self.advance(references);
    }

    /// Skips an offset that holds nothing to take.
    pub fn skip(&mut self, offset: i64) {
        self.next_offset = offset + 1;
    }

    /// Closes all panes that are open, whatever the watermark: the end of a file.
    pub fn close_all(&mut self, references: &References) {
        let names: Vec<Name> = self.models.keys().cloned().collect();
        for name in names {
            let segments = |model: &ModelState| {
                let versions = model.versions.values();
                versions.flat_map(|v| v.segments.values()).filter_map(|s| s.open.keys().last().copied()).max()
            };
            if let Some(last) = self.models.get(&name).and_then(segments) {
                self.close_through(&name, last, references);
            }
        }
    }

    /// What was decided since the last call, in order.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// Forgets what changed: for whoever keeps no changelog.
    pub fn forget_changes(&mut self) {
        self.changed = Changed::default();
    }

    /// Panes that are open.
    pub fn open_panes(&self) -> usize {
        let segments =
            self.models.values().flat_map(|m| m.versions.values()).flat_map(|v| v.segments.values());
        segments.map(|segment| segment.open.len()).sum()
    }

    /// Open incidents: model, version, severity, category.
    pub fn open_incidents(&self) -> impl Iterator<Item = (&Name, &Name, Severity, Category)> {
        let of = |(name, model)| {
            open_incidents(model)
                .map(move |(version, severity, category)| (name, version, severity, category))
        };
        self.models.iter().flat_map(of)
    }

    /// Live models and versions.
    pub fn versions(&self) -> impl Iterator<Item = (&Name, &Name)> {
        self.models.iter().flat_map(|(name, model)| model.versions.keys().map(move |version| (name, version)))
    }

    /// Models with how many of their triggers are open, and how many are held back for a reason.
    pub fn triggers(&self) -> impl Iterator<Item = (&Name, usize, BTreeMap<&'static str, usize>)> {
        self.models.iter().map(|(name, model)| {
            let mut withheld = BTreeMap::new();
            for reason in model.versions.values().flat_map(|version| &version.withheld) {
                *withheld.entry(*reason).or_default() += 1;
            }
            let open = model.versions.values().filter(|version| version.retrain.is_open()).count();
            (name, open, withheld)
        })
    }

    /// The watermark across all input partitions.
    pub fn watermark(&self) -> Option<Time> {
        self.watermarks.across(&[])
    }

    /// Rows in panes that are still open, of all traffic.
    pub fn open_rows(&self) -> u64 {
        let versions = self.models.values().flat_map(|model| model.versions.values());
        let whole = versions.filter_map(|version| version.segments.get(&Vec::new()));
        whole.flat_map(|segment| segment.open.values()).map(|pane| pane.data.flow.events).sum()
    }

    pub(super) fn topics_of(&self, name: &Name) -> Vec<Name> {
        let (settings, _) = self.settings.model(name);
        settings.topics.iter().map(|topic| Name::from(topic.as_str())).collect()
    }

    /// Closes what the watermark has passed, model by model.
    fn advance(&mut self, references: &References) {
        let names: Vec<Name> = self.models.keys().cloned().collect();
        for name in names {
            let topics = self.topics_of(&name);
            if let Some(watermark) = self.watermarks.passed(&topics) {
                let grid = self.settings.grid;
                self.close_through(&name, Pane(grid.pane_of(watermark).0 - 1), references);
                self.look_through(&name, last_look(watermark, grid));
            }
        }
    }

    /// Closes the panes of a model up to and with `last`, in order, judging the windows at each end.
    fn close_through(&mut self, name: &Name, last: Pane, references: &References) {
        while let Some(model) = self.models.get_mut(name) {
            let next = model.next_pane().filter(|next| *next <= last && !model.versions.is_empty());
            let Some(pane) = next else {
                if model.closed_through.is_none_or(|closed| closed < last) {
                    model.closed_through = Some(last);
                    self.changed.models.insert(name.clone());
                }
                return;
            };
            let is_asked = self.scheduled.iter().any(|(_, command)| command.model == *name);
            match model.blank_until(pane).filter(|_| !is_asked) {
                Some(busy) => model.closed_through = Some(Pane(busy.0 - 1).min(last)),
                None => self.close(name, pane, references),
            }
        }
    }

    fn close(&mut self, name: &Name, pane: Pane, references: &References) {
        let settings = self.settings.clone();
        let grid = settings.grid;
        self.look_through(name, grid.last_look(pane));
        self.take_scheduled(name, grid.end(pane));
        let Some(model) = self.models.get_mut(name) else { return };
        self.changed.models.insert(name.clone());
        model.closed_through = Some(pane);
        let of_model = settings.model(name).0;
        let policy = &of_model.policy;
        for (version_name, version) in &mut model.versions {
            let mut whole = None;
            for (segment, state) in &mut version.segments {
                let key =
                    ModelKey { model: name.clone(), version: version_name.clone(), segment: segment.clone() };
                let data = close_segment(state, pane, &settings, of_model, &key, &mut self.changed);
                if segment.is_empty() {
                    whole = Some(data);
                }
            }
            version.index(
                grid.start(pane),
                grid.end(pane),
                &whole.unwrap_or_default(),
                policy.retrain.lookback_ms,
            );
        }
        settle(&settings, name, model, pane, references, &mut self.outputs);
        let accepted = obey(&settings, name, model, pane, &mut self.outputs);
        let judgeable = judge_model(&settings, name, model, pane, &mut self.figures, &mut self.outputs);
        judge_new_columns(&settings, name, model, pane, &mut self.outputs);
        let retire_ms = policy.version_retire_after_ms;
        let is_quiet = |version: &VersionState| {
            grid.end(pane).since_ms(version.last_rows_end) >= retire_ms
                && version.segments.values().all(|segment| segment.open.is_empty())
        };
        let quiet: Vec<Name> = model
            .versions
            .iter()
            .filter(|(name, version)| is_quiet(version) || model.retiring.contains(*name))
            .map(|(name, _)| name.clone())
            .collect();
        let began = model.versions.values().flat_map(|v| v.segments.values()).any(|s| s.epoch == Some(pane));
        for version in &quiet {
            forget_version(model, name, version, &mut self.changed);
            retire_version(&settings, name, model, version, pane, &mut self.outputs);
        }
        model.retiring.clear();
        accepted.into_iter().for_each(|made| self.put_in_force(made));
        self.end_bootstraps(name, pane, references);
        self.renew_tests(name, &judgeable);
        if began || !quiet.is_empty() {
            self.forget_references();
        }
    }

    /// Forgets what was worked out of references that no segment is counted by any more.
    fn forget_references(&mut self) {
        let versions = self.models.values().flat_map(|model| model.versions.values());
        let segments = versions.flat_map(|version| version.segments.values());
        let used: BTreeSet<&str> = segments.filter_map(SegmentState::reference_id).collect();
        self.plans.keep(&used);
        self.figures.keep(&used);
    }
}

/// Takes the closing pane out of the open ones and slides the segment's window over it.
fn close_segment(
    state: &mut SegmentState,
    pane: Pane,
    settings: &EvaluatorSettings,
    of_model: &ModelSettings,
    key: &ModelKey,
    changed: &mut Changed,
) -> Arc<PaneData> {
    let open = state.open.remove(&pane);
    if let Some(open) = &open {
        let id = open.held.as_ref().map(|held| held.info.id.as_str());
        if state.epoch.is_none() || id != state.reference_id() {
            if state.held.is_some() {
                state.reset = Some(ResolveReason::NewReference);
            }
            for (left, _) in state.window.panes() {
                changed.gone.insert(StateKey::Pane(key.clone(), left));
            }
            let held = open.held.as_ref();
            let window = new_window(settings.grid, of_model.policy.suffixes, held);
            state.window = window.keeping(settings.kept_panes(of_model, held));
            state.epoch = Some(pane);
            if let Some(held) = &state.held {
                changed.gone.extend(std::mem::take(&mut state.tests).keys(key, &held.profile));
            }
        }
        // Another activation of the same profile changes what records say of it, not the epoch.
        state.held.clone_from(&open.held);
    }
    let saved = open.as_ref().is_some_and(|open| open.saved);
    let mut data = open.map(|open| open.data).unwrap_or_default();
    data.looks.clear();
    keep_census(&mut data, key.segment.is_empty() && state.held.is_none() && of_model.bootstraps());
    for left in state.window.push(pane, &data) {
        changed.gone.insert(StateKey::Pane(key.clone(), left));
    }
    let data = Arc::new(data);
    if data.is_empty() {
        if saved {
            changed.gone.insert(StateKey::Pane(key.clone(), pane));
        }
    } else {
        changed.closed.push((key.clone(), pane, data.clone()));
    }
    data
}

/// Puts tombstones on everything of a version.
fn forget_version(model: &ModelState, name: &Name, version: &Name, changed: &mut Changed) {
    let segments = model.versions.get(version).into_iter().flat_map(|state| &state.segments);
    for (segment, state) in segments {
        let key = ModelKey { model: name.clone(), version: version.clone(), segment: segment.clone() };
        changed.gone.extend(state.window.panes().map(|(pane, _)| StateKey::Pane(key.clone(), pane)));
        if let Some(held) = &state.held {
            changed.gone.extend(state.tests.keys(&key, &held.profile));
        }
        changed.gone.insert(StateKey::Incidents(key));
    }
}

impl Evaluator {
    /// Takes what changed since the last commit, as the changelog is to hold it. With `snapshot`,
    /// open panes are written too.
    pub fn take_changes(&mut self, snapshot: bool) -> Vec<StateChange> {
        super::changes::take(self, snapshot)
    }
}
