//! The incidents of a model key, and which of their changes are published.
//!
//! One fault is one message: when more features than `max_feature_events` change at once, one event
//! of the whole model speaks for them, and they are silent while it is open unless one becomes
//! critical. What is muted, under the least severity, cooled down or over the hourly limit is tracked
//! but not told; it is told later, as detected, if it is still open when nothing keeps it back.

use super::early::{self, EarlyFinding};
use super::event::event;
use super::explain;
use super::group::Parent;
use super::hourly::HourlyLimit;
use super::incident::{Change, Incident, Track};
use super::new_column::NewColumn;
use super::record::{
    Category, DriftEvent, FeatureReport, ModelStateInfo, Mute, ReferenceInfo, ResolveReason, Scope, Suffix,
    Transition, WindowInfo,
};
use super::settings::{Mode, ModelSettings};
use super::verdict::{Answered, Finding, Judgement};
use crate::words::{ModelKey, Name, Severity, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What all events of a step have in common.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The deployment.
    pub app: &'a str,
    /// Model, version and segment.
    pub key: &'a ModelKey,
    /// The model's settings.
    pub settings: &'a ModelSettings,
    /// Their id.
    pub config_id: &'a str,
    /// The window's end, or the look's.
    pub decided_at: Time,
    /// The window; `None` at a look.
    pub window: Option<WindowInfo>,
    /// The reference.
    pub reference: &'a ReferenceInfo,
    /// The model as a whole; its open incidents are filled in here.
    pub model_state: ModelStateInfo,
    /// The model's mutes.
    pub mutes: &'a [Mute],
}

impl Step<'_> {
    /// Whether a mute keeps events of `feature` from being published.
    fn is_muted(&self, feature: &Name) -> bool {
        self.mutes.iter().any(|mute| mute.covers(self.key, feature, self.decided_at))
    }
}

/// A feature with what the window says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedFeature {
    /// The feature's report.
    pub report: FeatureReport,
    /// The judgement behind it.
    pub judgement: Judgement,
    /// The answers behind the judgement.
    pub answers: Vec<Answered>,
    /// Reports of the parts of the window that decided.
    pub parts: Vec<(Suffix, FeatureReport)>,
    /// That the last rows have no valid value.
    pub gone: Option<Gone>,
}

/// The rows of a window's last pane, of which none has a valid value, and many should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// How many rows.
    pub rows: u64,
    /// Of these the ones with an invalid value.
    pub invalid: u64,
}

impl JudgedFeature {
    /// The report that shows a category of fault most: that of the part of the window that decided, or
    /// of the whole.
    pub fn shown(&self, category: Category) -> &FeatureReport {
        let suffix = self.judgement.finding(category).and_then(|finding| finding.suffix);
        let part = self.parts.iter().find(|(known, _)| Some(*known) == suffix);
        part.map_or(&self.report, |(_, report)| report)
    }

    /// What was found of a category. Missing values are a matter of the schema too once the feature is
    /// gone, and until they are as rare as they should be.
    fn found(&self, category: Category) -> Option<Finding> {
        let finding = self.judgement.finding(category)?;
        Some(match category == Category::Schema && self.gone.is_none() {
            true => Finding { is_clear: finding.is_clear, ..Finding::NOTHING },
            false => finding.clone(),
        })
    }
}

/// A [`Track`] with what it is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackRecord {
    /// The feature.
    feature: Name,
    /// The category.
    category: Category,
    /// Its state.
    track: Track,
}

/// All incidents of a model key. State: it is kept in the changelog.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IncidentBook {
    pub(super) tracks: BTreeMap<(Name, Category), Track>,
    pub(super) parents: Vec<Parent>,
}

/// An [`IncidentBook`] as the changelog keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BookRecord {
    /// What is followed.
    tracks: Vec<TrackRecord>,
    /// Incidents of the whole model.
    parents: Vec<Parent>,
}

/// What a step found, by feature.
#[derive(Clone, Copy)]
pub(super) enum Found<'a> {
    InWindow(&'a [JudgedFeature]),
    New(&'a [NewColumn]),
    Early(&'a [EarlyFinding]),
}

impl<'a> Found<'a> {
    pub(super) fn judged(self, feature: &Name) -> Option<&'a JudgedFeature> {
        let Found::InWindow(features) = self else { return None };
        let at = features.binary_search_by(|judged| judged.report.feature.cmp(feature)).ok()?;
        Some(&features[at])
    }

    /// Writes into an event of `feature` what was found.
    fn explain(self, event: &mut DriftEvent, feature: &Name, key: &ModelKey) {
        match self {
            Found::InWindow(_) => {
                let onset = event.incident.onset_estimate;
                if let Some((judged, window)) = self.judged(feature).zip(event.window) {
                    event.explanation = explain::detected(judged, event.category, key, &window, onset);
                }
            }
            Found::New(columns) => {
                if let Some(column) = columns.iter().find(|column| column.name == *feature) {
                    column.tell(event, key);
                }
            }
            Found::Early(findings) => {
                let is_it = |one: &&EarlyFinding| one.feature == *feature && one.category == event.category;
                if let Some(finding) = findings.iter().find(is_it) {
                    finding.tell(event, key);
                }
            }
        }
    }

    /// Marks an event of the whole model as early, where it is.
    pub(super) fn mark(self, event: &mut DriftEvent) {
        if let Found::Early(_) = self {
            early::mark(event);
        }
    }
}

/// A change that may be told.
pub(super) struct Pending {
    pub(super) feature: Name,
    pub(super) category: Category,
    pub(super) change: Change,
}

impl IncidentBook {
    /// Whether it holds nothing worth keeping.
    pub fn is_empty(&self) -> bool {
        self.tracks.is_empty() && self.parents.is_empty()
    }

    /// For the changelog.
    pub fn to_record(&self) -> BookRecord {
        let record = |((feature, category), track): (&(Name, Category), &Track)| TrackRecord {
            feature: feature.clone(),
            category: *category,
            track: track.clone(),
        };
        let tracks = self.tracks.iter().map(record);
        BookRecord { tracks: tracks.collect(), parents: self.parents.clone() }
    }

    /// From the changelog.
    pub fn from_record(record: BookRecord) -> Self {
        let tracks =
            record.tracks.into_iter().map(|record| ((record.feature, record.category), record.track));
        IncidentBook { tracks: tracks.collect(), parents: record.parents }
    }

    /// Open incidents of features, with their feature and category.
    pub fn open(&self) -> impl Iterator<Item = (&Name, Category, &Incident)> {
        self.tracks.iter().filter_map(|((name, category), track)| {
            track.incident.as_ref().map(|open| (name, *category, open))
        })
    }

    /// Whether an incident of this category is open on the feature.
    pub fn is_open(&self, feature: &Name, category: Category) -> bool {
        self.tracks.get(&(feature.clone(), category)).is_some_and(|track| track.incident.is_some())
    }

    /// The open incident of a feature that is worst, distribution before the others.
    pub fn of_feature(&self, feature: &Name) -> Option<&Incident> {
        let of = |category| {
            self.tracks.get(&(feature.clone(), category)).and_then(|track| track.incident.as_ref())
        };
        of(Category::Distribution).or(of(Category::Schema)).or(of(Category::Quality))
    }

    /// Takes what a window says of all features, in the order of their names, and returns the events
    /// to publish. `covered` says whether an incident of the whole model's traffic speaks for a
    /// feature and category already.
    pub fn step(
        &mut self,
        step: &Step<'_>,
        features: &[JudgedFeature],
        covered: impl Fn(&Name, Category) -> bool,
        limit: &mut HourlyLimit,
    ) -> Vec<DriftEvent> {
        let end = step.decided_at;
        let start = step.window.map_or(end, |window| window.start);
        let policy = &step.settings.policy;
        let mut pending = Vec::new();
        for judged in features {
            for category in [Category::Distribution, Category::Quality, Category::Schema] {
                let feature = &judged.report.feature;
                let track = self.tracks.entry((feature.clone(), category)).or_default();
                let (finding, window) = (judged.found(category), (start, end));
                let finding = finding.as_ref();
                let change = track.step(step.app, step.key, feature, category, policy, window, finding);
                pending.push(Pending { feature: feature.clone(), category, change });
            }
        }
        let mut events = self.tell(step, Found::InWindow(features), pending, covered, limit);
        events.extend(self.resolve_parents(step, ResolveReason::Recovered, limit));
        self.tracks.retain(|_, track| !track.is_trivial(end));
        events
    }

    /// Takes what early sight found at a look, in the order of the features' names, and returns the
    /// events to publish. What is open already is known.
    pub fn step_early(
        &mut self,
        step: &Step<'_>,
        found: &[EarlyFinding],
        covered: impl Fn(&Name, Category) -> bool,
        limit: &mut HourlyLimit,
    ) -> Vec<DriftEvent> {
        let open = |EarlyFinding { feature, category, onset, .. }: &EarlyFinding| {
            let track = self.tracks.entry((feature.clone(), *category)).or_default();
            let time = (*onset, step.decided_at);
            let change = track.open_early(step.app, step.key, feature, *category, time);
            Pending { feature: feature.clone(), category: *category, change }
        };
        let pending: Vec<Pending> =
            found.iter().map(open).filter(|one| one.change == Change::Opened).collect();
        self.tell(step, Found::Early(found), pending, covered, limit)
    }

    /// Closes every incident for a reason from outside; returns the events to publish.
    pub fn resolve_all(
        &mut self,
        step: &Step<'_>,
        reason: ResolveReason,
        limit: &mut HourlyLimit,
    ) -> Vec<DriftEvent> {
        let close = |((feature, category), track): (&(Name, Category), &mut Track)| Pending {
            feature: feature.clone(),
            category: *category,
            change: track.resolve(reason),
        };
        let pending = self.tracks.iter_mut().map(close).collect();
        let mut events = self.tell(step, Found::InWindow(&[]), pending, |_, _| false, limit);
        events.extend(self.resolve_parents(step, reason, limit));
        self.tracks.clear();
        events
    }

    /// Whether the incident of this id is open: a feature's, or one of the whole model.
    pub fn holds(&self, id: &str) -> bool {
        self.open().any(|(_, _, incident)| incident.id == id)
            || self.parents.iter().any(|parent| parent.incident.id == id)
    }

    /// Closes an incident because someone says so, and those that it speaks for; returns the events
    /// to publish.
    pub fn close(&mut self, step: &Step<'_>, id: &str, limit: &mut HourlyLimit) -> Vec<DriftEvent> {
        let is_meant = |incident: &Incident| incident.id == id || incident.parent_id.as_deref() == Some(id);
        let close = |((feature, category), track): (&(Name, Category), &mut Track)| {
            track.incident.as_ref().filter(|incident| is_meant(incident))?;
            let change = track.resolve(ResolveReason::ClosedByUser);
            Some(Pending { feature: feature.clone(), category: *category, change })
        };
        let pending = self.tracks.iter_mut().filter_map(close).collect();
        let mut events = self.tell(step, Found::InWindow(&[]), pending, |_, _| false, limit);
        events.extend(self.resolve_parents(step, ResolveReason::ClosedByUser, limit));
        events
    }

    /// Notes that someone looks at an incident.
    pub fn acknowledge(&mut self, id: &str, now: Time) {
        let of_features = self.tracks.values_mut().filter_map(|track| track.incident.as_mut());
        let all = of_features.chain(self.parents.iter_mut().map(|parent| &mut parent.incident));
        all.filter(|incident| incident.id == id).for_each(|incident| incident.acknowledged_at = Some(now));
    }

    pub(super) fn tell(
        &mut self,
        step: &Step<'_>,
        found: Found<'_>,
        pending: Vec<Pending>,
        covered: impl Fn(&Name, Category) -> bool,
        limit: &mut HourlyLimit,
    ) -> Vec<DriftEvent> {
        let policy = &step.settings.policy;
        let end = step.decided_at;
        let state = ModelStateInfo { open_incidents: self.open().count() as u32, ..step.model_state };
        let step = &Step { model_state: state, ..*step };
        let mut events = Vec::new();
        let mut told = Vec::new();
        for Pending { feature, category, change } in pending {
            if let Change::Closed(incident, reason) = change {
                if incident.steps > 0 && policy.mode >= Mode::Alert {
                    limit.admit(end, policy.events.max_events_per_hour, true);
                    let mut event =
                        event(step, &incident, Transition::Resolved, category, found.judged(&feature));
                    event.scope = Scope::Feature;
                    event.feature = Some(feature.clone());
                    event.reason = Some(reason);
                    event.incident.closed_at = Some(end);
                    event.suppressed = limit.take_suppressed();
                    event.muted = step.is_muted(&feature);
                    event.explanation = explain::resolved(&feature, step.key, reason);
                    events.push(event);
                }
                if let Some(track) = self.tracks.get_mut(&(feature, category)) {
                    track.quiet_until =
                        Some(end.plus_ms(policy.event_cooldown_ms)).filter(|_| incident.steps > 0);
                }
                continue;
            }
            // That a feature is gone says that its values are missing.
            let is_said = category == Category::Quality && self.is_open(&feature, Category::Schema);
            let Some(track) = self.tracks.get_mut(&(feature.clone(), category)) else { continue };
            let Some(incident) = &mut track.incident else { continue };
            let is_news = incident.severity > incident.told;
            let is_critical = incident.severity == Severity::Critical;
            let is_quiet =
                incident.steps == 0 && track.quiet_until.is_some_and(|until| end < until) && !is_critical;
            let is_spoken_for = is_said || (incident.parent_id.is_some() && !is_critical);
            let is_silent = policy.mode < Mode::Alert || incident.severity < policy.events.min_severity;
            if is_news && !is_quiet && !is_spoken_for && !is_silent && !covered(&feature, category) {
                if step.is_muted(&feature) {
                    incident.muted = true;
                } else {
                    told.push((feature, category));
                }
            }
        }
        let fresh = |(feature, category): &&(Name, Category)| {
            self.tracks[&(feature.clone(), *category)]
                .incident
                .as_ref()
                .is_some_and(|incident| incident.steps == 0)
        };
        if told.iter().filter(fresh).count() > policy.events.max_feature_events as usize {
            let group: Vec<(Name, Category)> = told.iter().filter(fresh).cloned().collect();
            told.retain(|one| !group.contains(one));
            events.extend(self.group(step, group, found, limit));
        }
        for (feature, category) in told {
            let Some(track) = self.tracks.get_mut(&(feature.clone(), category)) else { continue };
            let Some(incident) = &mut track.incident else { continue };
            let always = incident.severity == Severity::Critical;
            if !limit.admit(end, policy.events.max_events_per_hour, always) {
                continue;
            }
            let transition = if incident.steps == 0 { Transition::Detected } else { Transition::Escalated };
            let mut event = event(step, incident, transition, category, found.judged(&feature));
            event.suppressed = limit.take_suppressed();
            found.explain(&mut event, &feature, step.key);
            incident.steps += 1;
            incident.muted = false;
            incident.told = incident.severity;
            incident.last_event_id = Some(event.id.clone());
            events.push(event);
        }
        events
    }
}
