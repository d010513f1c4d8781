//! All windows of a model that end at the same time, judged in one step: one level from one budget,
//! one drift share a version.

use super::Output;
use super::by_reference::ByReference;
use super::commands::moment;
use super::evaluator::EvaluatorSettings;
use super::features::{FeatureContext, Measured, gone, measure_window};
use super::model::{Held, ModelState, SegmentState, VersionState, new_window};
use super::season::Slots;
use crate::measure::{Figures, Standard};
use crate::policy::record::{
    Category, Chunk, DriftEvent, FeatureReport, ModelStateInfo, Mute, ReferenceInfo, ResolveReason,
    SCHEMA_VERSION, WindowInfo, WindowReport, WindowState,
};
use crate::policy::{
    Decision, Due, HourlyLimit, IncidentBook, JudgedFeature, ModelSettings, Step, judgeable, level, report_id,
};
use crate::sketch::Tally;
use crate::words::{ModelKey, Name, Pane, Role, Severity, Time, Verdict};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A window that is about to be judged.
struct Candidate {
    version: Name,
    segment: Vec<Name>,
    info: WindowInfo,
    /// How many panes it reaches back over.
    panes: u32,
    figures: Arc<[Figures]>,
    features: Vec<Measured>,
    slots: Slots,
}

/// The model as a whole: the share of the weight of judgeable features of role `feature` that is at
/// drift or worse.
pub fn model_state<'a>(reports: impl Iterator<Item = &'a FeatureReport>) -> ModelStateInfo {
    let mut state =
        ModelStateInfo { drift_share: None, drifted: 0, judgeable: 0, insufficient: 0, open_incidents: 0 };
    let (mut drifted, mut weight) = (0.0, 0.0);
    for report in reports.filter(|report| report.role == Role::Feature) {
        if report.verdict.severity().is_none() {
            state.insufficient += 1;
            continue;
        }
        state.judgeable += 1;
        weight += report.importance;
        if report.drift {
            state.drifted += 1;
            drifted += report.importance;
        }
    }
    state.drift_share = (weight > 0.0).then(|| drifted / weight);
    state
}

/// The features that could be judged, by their place in the reference of their version and segment.
pub(super) type Judgeable = BTreeMap<(Name, Vec<Name>), Vec<usize>>;

/// Judges the windows of `model` that end with `pane`, which is closed already.
pub(super) fn judge_model(
    settings: &EvaluatorSettings,
    name: &Name,
    model: &mut ModelState,
    pane: Pane,
    known: &mut ByReference<Figures>,
    outputs: &mut Vec<Output>,
) -> Judgeable {
    let (of_model, config_id) = settings.model(name);
    let candidates = candidates(settings, of_model, model, pane, known);
    let questions: usize = candidates.iter().map(questions).sum();
    let slide_ms = settings.grid.slide_ms();
    let level = level(of_model.policy.budget, of_model.policy.raise.k, slide_ms, questions as u64);
    let whole =
        |version: &VersionState| version.segments.get(&Vec::new()).map(|whole| whole.window.flow().events);
    let rows_of_model: u64 = model.versions.values().filter_map(whole).sum();
    let mut judgeable = Judgeable::new();
    let mutes = &model.desk.mutes;
    for candidate in candidates {
        let key = (candidate.version.clone(), candidate.segment.clone());
        judgeable.insert(key, candidate.judgeable().collect());
        let Some(version) = model.versions.get_mut(&candidate.version) else { continue };
        let key = ModelKey {
            model: name.clone(),
            version: candidate.version.clone(),
            segment: candidate.segment.clone(),
        };
        let judging = Judging { settings, of_model, config_id, key, level, rows_of_model, pane, mutes };
        judging.judge(candidate, version, &mut model.limit, outputs);
    }
    judgeable
}

fn candidates(
    settings: &EvaluatorSettings,
    of_model: &ModelSettings,
    model: &ModelState,
    pane: Pane,
    known: &mut ByReference<Figures>,
) -> Vec<Candidate> {
    let segments = model.versions.iter().flat_map(|(version, state)| {
        state.segments.iter().map(move |(segment, state)| (version, segment, state))
    });
    let busy = segments.filter(|(_, _, state)| !state.is_blank());
    busy.map(|(version, segment, state)| {
        let (panes, info) = window_info(settings, of_model, state, pane);
        let grid = settings.grid;
        let held = state.held.as_ref();
        let slots = held.map(|held| Slots::of(state, &held.profile, grid, panes)).unwrap_or_default();
        let figures = held.map(|held| known.of(&held.profile, Figures::of)).unwrap_or_default();
        let measure =
            |held: &Held| measure_window(of_model, state, (&held.profile, &figures), grid, panes, &slots);
        let mut features = held.map(measure).unwrap_or_default();
        for measured in &mut features {
            measured.min_rows = min_rows(of_model, segment, &info, measured.name());
        }
        Candidate {
            version: version.clone(),
            segment: segment.clone(),
            info,
            panes,
            figures,
            features,
            slots,
        }
    })
    .collect()
}

/// The window of `state` that ends with `pane`, and how many panes it reaches back over.
pub(super) fn window_info(
    settings: &EvaluatorSettings,
    of_model: &ModelSettings,
    state: &SegmentState,
    pane: Pane,
) -> (u32, WindowInfo) {
    let (grid, policy) = (settings.grid, &of_model.policy);
    let (panes, flow) = state.window.reaching(policy.min_rows);
    let first = Pane(pane.0 + 1 - i64::from(panes));
    let window_state = if flow.events < policy.min_rows || flow.completeness() < policy.min_completeness {
        WindowState::Insufficient
    } else if panes > grid.panes() {
        WindowState::Grown
    } else if state.epoch.is_some_and(|epoch| epoch > first) {
        WindowState::Partial
    } else {
        WindowState::Complete
    };
    (panes, WindowInfo::new(grid.start(first), grid.end(pane), window_state, flow))
}

impl Candidate {
    /// The features of which a question can be judged.
    fn judgeable(&self) -> impl Iterator<Item = usize> + '_ {
        let all_rows = self.info.events;
        let is = move |measured: &Measured| {
            judgeable(&measured.comparison, all_rows, measured.min_rows).next().is_some()
        };
        self.features.iter().enumerate().filter(move |(_, measured)| is(measured)).map(|(at, _)| at)
    }
}

/// How many questions can be judged.
fn questions(candidate: &Candidate) -> usize {
    let asked = candidate
        .features
        .iter()
        .map(|measured| judgeable(&measured.comparison, candidate.info.events, measured.min_rows).count());
    asked.sum()
}

/// How many rows a feature must have to be judged in a window of this segment. One that cuts the
/// segment is constant in it, and always unlike the reference: it is not judged there.
fn min_rows(of_model: &ModelSettings, segment: &[Name], info: &WindowInfo, feature: &Name) -> u64 {
    let cuts = |pointer: &String| pointer.rsplit('/').next().is_some_and(|last| *last == **feature);
    let is_cut = !segment.is_empty() && of_model.segments.iter().any(cuts);
    if is_cut || info.state == WindowState::Insufficient { u64::MAX } else { of_model.policy.min_rows }
}

/// One window, with what it needs to be judged.
struct Judging<'a> {
    settings: &'a EvaluatorSettings,
    of_model: &'a ModelSettings,
    config_id: &'a str,
    key: ModelKey,
    level: f64,
    rows_of_model: u64,
    pane: Pane,
    mutes: &'a [Mute],
}

impl Judging<'_> {
    fn judge(
        &self,
        mut candidate: Candidate,
        version: &mut VersionState,
        limit: &mut HourlyLimit,
        outputs: &mut Vec<Output>,
    ) {
        let Some(state) = version.segments.get(&candidate.segment) else { return };
        let held = state.held.clone();
        let measured = std::mem::take(&mut candidate.features);
        let judge = |held: &Held| self.features(&candidate, measured, held, state);
        let features = held.as_ref().map(judge).unwrap_or_default();
        let state_info = model_state(features.iter().map(|judged| &judged.report));
        let mut events = Vec::new();
        if let Some(held) = &held {
            events = self.incidents(&candidate, held, &features, state_info, version, limit);
        }
        let mut decision = Decision::default();
        if let Some(held) = held.as_ref().filter(|_| candidate.segment.is_empty()) {
            decision = self.retrain(&candidate, held, &features, state_info, version);
            version.withheld.clone_from(&decision.withheld);
            events.extend(decision.event.take());
        }
        if !candidate.info_is_blank() {
            let withheld = decision.withheld.iter().map(|reason| (*reason).to_owned()).collect();
            let report = self.report(
                &candidate,
                held.as_ref().map(|held| &held.info),
                features,
                state_info,
                withheld,
                version,
            );
            outputs.push(Output::Report(Box::new(report)));
        }
        events.sort_by(|a, b| (&a.feature, a.category).cmp(&(&b.feature, b.category)));
        outputs.extend(events.into_iter().map(|event| Output::Event(Box::new(event))));
        outputs.extend(decision.trigger.map(|trigger| Output::Trigger(Box::new(trigger))));
    }

    fn features(
        &self,
        candidate: &Candidate,
        measured: Vec<Measured>,
        held: &Held,
        state: &SegmentState,
    ) -> Vec<JudgedFeature> {
        let context = FeatureContext { settings: self.of_model, level: self.level };
        let (all_rows, grid) = (candidate.info.events, self.settings.grid);
        let judge = |(at, (standard, measured)): (usize, (Standard<'_>, Measured))| {
            let sketch_of = |panes| state.window.sketch_of(at, panes);
            let mut judged = measured.judge(&standard, &context, all_rows, grid, &candidate.slots, sketch_of);
            judged.report.early = state.tests.support(at);
            let last = state.window.panes().next_back().filter(|(_, pane)| at < pane.tallies().len());
            judged.gone = last.and_then(|(_, pane)| {
                let mut tally = Tally::default();
                pane.tallies().add_to(at, &mut tally);
                gone(standard.profile, &tally)
            });
            judged
        };
        Standard::all(&held.profile, &candidate.figures).zip(measured).enumerate().map(judge).collect()
    }

    fn incidents(
        &self,
        candidate: &Candidate,
        held: &Held,
        features: &[JudgedFeature],
        model_state: ModelStateInfo,
        version: &mut VersionState,
        limit: &mut HourlyLimit,
    ) -> Vec<DriftEvent> {
        let whole = version.segments.get(&Vec::new()).map(|whole| whole.book.clone());
        let whole = whole.filter(|_| !candidate.segment.is_empty());
        let Some(state) = version.segments.get_mut(&candidate.segment) else { return Vec::new() };
        let step = self.step(candidate.info, &held.info, model_state);
        let mut events = Vec::new();
        if let Some(reason) = state.reset.take() {
            events = state.book.resolve_all(&step, reason, limit);
            if candidate.segment.is_empty() {
                let moment = moment(self.settings, &self.key, candidate.info.end);
                events.extend(version.retrain.resolve(&moment, reason));
            }
        }
        let covered = |feature: &Name, category: Category| {
            whole.as_ref().is_some_and(|book: &IncidentBook| book.is_open(feature, category))
        };
        events.extend(state.book.step(&step, features, covered, limit));
        events
    }

    fn step<'a>(
        &'a self,
        window: WindowInfo,
        reference: &'a ReferenceInfo,
        model_state: ModelStateInfo,
    ) -> Step<'a> {
        Step {
            window: Some(window),
            model_state,
            ..model_step(self.settings, &self.key, reference, self.mutes, window.end)
        }
    }

    fn retrain(
        &self,
        candidate: &Candidate,
        held: &Held,
        features: &[JudgedFeature],
        model_state: ModelStateInfo,
        version: &mut VersionState,
    ) -> Decision {
        let Some(state) = version.segments.get(&candidate.segment) else { return Decision::default() };
        let last_pane = state.window.panes().next_back().filter(|(pane, _)| *pane == self.pane);
        let data = version.data(candidate.info.end, self.of_model.policy.retrain.lookback_ms);
        let requested = version.requested.take();
        let due = Due {
            app: &self.settings.app,
            key: &self.key,
            settings: self.of_model,
            config_id: self.config_id,
            window: candidate.info,
            reference: &held.info,
            trusts_bootstrap: self.settings.bootstrap.trust_bootstrap,
            epoch_start: self.settings.grid.start(state.epoch.unwrap_or(self.pane)),
            pane_rows: last_pane.map_or(0, |(_, data)| data.flow.events),
            // Where the window reaches back further than others, its rows are no measure of traffic.
            traffic_share: state.window.flow().events as f64 / self.rows_of_model.max(1) as f64,
            drift_share: model_state.drift_share,
            features,
            book: &state.book,
            data: &data,
            mutes: self.mutes,
            requested: requested.as_ref(),
        };
        version.retrain.step(&due)
    }

    fn report(
        &self,
        candidate: &Candidate,
        reference: Option<&ReferenceInfo>,
        features: Vec<JudgedFeature>,
        state: ModelStateInfo,
        triggers_withheld: Vec<String>,
        version: &VersionState,
    ) -> WindowReport {
        let unknown =
            version.segments.get(&candidate.segment).map(|segment| segment.window.unknown(candidate.panes));
        let named =
            unknown.iter().flat_map(|unknown| unknown.iter()).map(|(name, rows)| (name.to_string(), rows));
        WindowReport {
            schema_version: SCHEMA_VERSION,
            r#type: "window_report".into(),
            id: report_id(&self.settings.app, &self.key, candidate.info.end, 0),
            application_id: self.settings.app.clone(),
            decided_at: candidate.info.end,
            model: self.key.model.clone(),
            version: self.key.version.clone(),
            segment: self.key.segment.clone(),
            window: candidate.info,
            reference_id: reference.map(|reference| reference.id.clone()),
            config_id: self.config_id.to_owned(),
            verdict: worst(reference.is_some(), &features),
            drift_share: state.drift_share,
            drifted: state.drifted,
            judgeable: state.judgeable,
            insufficient: state.insufficient,
            triggers_withheld,
            mutes: self.mutes.iter().filter(|mute| mute.touches(&self.key)).cloned().collect(),
            unknown_features: named.collect(),
            chunk: Chunk { index: 0, total: 1 },
            features: features.into_iter().map(|judged| judged.report).collect(),
        }
    }
}

impl Candidate {
    /// Whether there is nothing in the window to report.
    fn info_is_blank(&self) -> bool {
        self.info.events + self.info.late + self.info.idle_late + self.info.conflict + self.info.lost == 0
    }
}

/// What all events of a model key at `decided_at` have in common; a look's, until a window is said.
pub(super) fn model_step<'a>(
    settings: &'a EvaluatorSettings,
    key: &'a ModelKey,
    reference: &'a ReferenceInfo,
    mutes: &'a [Mute],
    decided_at: Time,
) -> Step<'a> {
    let (of_model, config_id) = settings.model(&key.model);
    let model_state = model_state(std::iter::empty());
    let (app, window) = (&*settings.app, None);
    Step { app, key, settings: of_model, config_id, decided_at, window, reference, model_state, mutes }
}

/// The worst verdict of the features; why there is none otherwise.
pub fn worst(has_reference: bool, features: &[JudgedFeature]) -> Verdict {
    let severities = features.iter().filter_map(|judged| judged.judgement.verdict.severity());
    match severities.max() {
        Some(severity) => severity.into(),
        None if has_reference => Verdict::Insufficient,
        None => Verdict::NoReference,
    }
}

/// Closes everything of a version that has gone quiet.
pub(super) fn retire_version(
    settings: &EvaluatorSettings,
    name: &Name,
    model: &mut ModelState,
    version: &Name,
    pane: Pane,
    outputs: &mut Vec<Output>,
) {
    let is_silent = model.versions.len() == 1 && !model.retiring.contains(version);
    let reason = if is_silent { ResolveReason::Silent } else { ResolveReason::VersionRetired };
    let (of_model, _) = settings.model(name);
    let Some(mut state) = model.versions.remove(version) else { return };
    let now = settings.grid.end(pane);
    let mut next = BTreeMap::new();
    for (segment, mut state) in std::mem::take(&mut state.segments) {
        next.extend((!state.open.is_empty()).then(|| (segment.clone(), std::mem::take(&mut state.open))));
        let Some(held) = &state.held else { continue };
        let key = ModelKey { model: name.clone(), version: version.clone(), segment };
        let window = Some(window_info(settings, of_model, &state, pane).1);
        let step = Step { window, ..model_step(settings, &key, &held.info, &model.desk.mutes, now) };
        let events = state.book.resolve_all(&step, reason, &mut model.limit);
        outputs.extend(events.into_iter().map(|event| Output::Event(Box::new(event))));
    }
    // Nobody can act on a trigger of a version that is gone: its time is up.
    let key = ModelKey::whole(name.clone(), version.clone());
    let moment = moment(settings, &key, now);
    let told = [state.retrain.expire_early(&moment), state.retrain.resolve(&moment, reason)];
    outputs.extend(told.into_iter().flatten().map(|event| Output::Event(Box::new(event))));
    // Rows that came since begin it anew, as they would have a moment later.
    if let Some(first) = next.values().filter_map(|open| open.keys().next()).min() {
        let fresh = VersionState::new(settings.grid.end(*first));
        let of_model = &settings.model(name).0;
        let segment = |open| SegmentState {
            open,
            ..SegmentState::new(new_window(settings.grid, of_model.policy.suffixes, None))
        };
        let segments = next.into_iter().map(|(name, open)| (name, segment(open))).collect();
        model.versions.insert(version.clone(), VersionState { segments, ..fresh });
    }
    outputs.push(Output::VersionRetired { model: name.clone(), version: version.clone() });
}

/// The highest severity among open incidents of a category, for metrics.
pub(super) fn open_incidents(model: &ModelState) -> impl Iterator<Item = (&Name, Severity, Category)> {
    let segments =
        model.versions.iter().flat_map(|(version, state)| state.segments.values().map(move |s| (version, s)));
    segments.flat_map(|(version, segment)| {
        segment.book.open().map(move |(_, category, incident)| (version, incident.severity, category))
    })
}
