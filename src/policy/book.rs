//! The incidents of a model key, and which of their changes are published.
//!
//! One fault is one message: when more features than `max_feature_events` change at once, one event
//! of the whole model speaks for them, and they are silent while it is open unless one becomes
//! critical. What is under the least severity, cooled down or over the hourly limit is tracked but
//! not told; it is told later, as detected, if it is still open when nothing keeps it back.

use super::early::{self, EarlyFinding};
use super::event::event;
use super::explain;
use super::ids::incident_id;
use super::incident::{Change, Incident, Track};
use super::record::{
    Category, DriftEvent, FeatureBrief, FeatureReport, ModelStateInfo, ReferenceInfo, ResolveReason, Scope,
    Suffix, Suppressed, Transition, WindowInfo,
};
use super::settings::{Mode, ModelSettings};
use super::verdict::{Answered, Judgement};
use crate::words::{ModelKey, Name, Severity, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Features named in an event of the whole model.
const FEATURES_NAMED: usize = 10;
const HOUR_MS: i64 = 3_600_000;

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
}

impl JudgedFeature {
    /// The report that shows a category of fault most: that of the part of the window that decided, or
    /// of the whole.
    pub fn shown(&self, category: Category) -> &FeatureReport {
        let suffix = self.judgement.finding(category).and_then(|finding| finding.suffix);
        let part = self.parts.iter().find(|(known, _)| Some(*known) == suffix);
        part.map_or(&self.report, |(_, report)| report)
    }
}

/// A model's events in the hour of `decided_at`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HourlyLimit {
    hour: i64,
    published: u32,
    suppressed: Option<Suppressed>,
}

impl HourlyLimit {
    /// Whether one more event may be published at `now`; counts it either way.
    fn admit(&mut self, now: Time, most: u32, always: bool) -> bool {
        let hour = now.ms().div_euclid(HOUR_MS);
        if self.hour != hour {
            (self.hour, self.published) = (hour, 0);
        }
        let admitted = always || self.published < most;
        if admitted {
            self.published += 1;
        } else {
            self.suppressed.get_or_insert(Suppressed { count: 0, since: now }).count += 1;
        }
        admitted
    }

    fn take_suppressed(&mut self) -> Option<Suppressed> {
        self.suppressed.take()
    }
}

/// An incident of the whole model, which speaks for several features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The incident.
    incident: Incident,
    /// Its category.
    category: Category,
    /// The features that it speaks for and whose incidents are open.
    children: Vec<Child>,
    /// How many there were.
    total: u32,
}

/// A feature's incident under a [`Parent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Child {
    /// The feature.
    feature: Name,
    /// The category of its incident.
    category: Category,
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
    tracks: BTreeMap<(Name, Category), Track>,
    parents: Vec<Parent>,
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
enum Found<'a> {
    InWindow(&'a [JudgedFeature]),
    Early(&'a [EarlyFinding]),
}

impl<'a> Found<'a> {
    fn judged(self, feature: &Name) -> Option<&'a JudgedFeature> {
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
            Found::Early(findings) => {
                let is_it = |one: &&EarlyFinding| one.feature == *feature && one.category == event.category;
                if let Some(finding) = findings.iter().find(is_it) {
                    finding.tell(event, key);
                }
            }
        }
    }

    /// Marks an event of the whole model as early, where it is.
    fn mark(self, event: &mut DriftEvent) {
        if let Found::Early(_) = self {
            early::mark(event);
        }
    }
}

/// A change that may be told.
struct Pending {
    feature: Name,
    category: Category,
    change: Change,
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

    /// The open incident of a feature that is worst, distribution before quality.
    pub fn of_feature(&self, feature: &Name) -> Option<&Incident> {
        let of = |category| {
            self.tracks.get(&(feature.clone(), category)).and_then(|track| track.incident.as_ref())
        };
        of(Category::Distribution).or(of(Category::Quality))
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
            for category in [Category::Distribution, Category::Quality] {
                let feature = &judged.report.feature;
                let track = self.tracks.entry((feature.clone(), category)).or_default();
                let finding = judged.judgement.finding(category);
                let change = track.step(step.app, step.key, feature, category, policy, (start, end), finding);
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

    fn tell(
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
                    event.explanation = explain::resolved(&feature, step.key, reason);
                    events.push(event);
                }
                if let Some(track) = self.tracks.get_mut(&(feature, category)) {
                    track.quiet_until =
                        Some(end.plus_ms(policy.event_cooldown_ms)).filter(|_| incident.steps > 0);
                }
                continue;
            }
            let Some(track) = self.tracks.get(&(feature.clone(), category)) else { continue };
            let Some(incident) = &track.incident else { continue };
            let is_news = incident.severity > incident.told;
            let is_critical = incident.severity == Severity::Critical;
            let is_quiet =
                incident.steps == 0 && track.quiet_until.is_some_and(|until| end < until) && !is_critical;
            let is_spoken_for = incident.parent_id.is_some() && !is_critical;
            let is_silent = policy.mode < Mode::Alert || incident.severity < policy.events.min_severity;
            if is_news && !is_quiet && !is_spoken_for && !is_silent && !covered(&feature, category) {
                told.push((feature, category));
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
            incident.told = incident.severity;
            incident.last_event_id = Some(event.id.clone());
            events.push(event);
        }
        events
    }

    /// Opens an incident of the whole model for a group of features, and tells it.
    fn group(
        &mut self,
        step: &Step<'_>,
        group: Vec<(Name, Category)>,
        found: Found<'_>,
        limit: &mut HourlyLimit,
    ) -> Option<DriftEvent> {
        let policy = &step.settings.policy;
        let end = step.decided_at;
        let quality = group.iter().filter(|(_, category)| *category == Category::Quality).count();
        let category = if quality * 2 > group.len() { Category::Quality } else { Category::Distribution };
        let incidents =
            || group.iter().filter_map(|key| self.tracks.get(key)?.incident.as_ref().map(|open| (key, open)));
        let severity = incidents().map(|(_, incident)| incident.severity).max().unwrap_or(Severity::Ok);
        let mut incident = Incident {
            id: incident_id(step.app, step.key, Scope::Model, None, category, end),
            opened_at: end,
            onset_estimate: incidents().map(|(_, incident)| incident.onset_estimate).min().unwrap_or(end),
            severity,
            last_judged: end,
            steps: 0,
            told: Severity::Ok,
            last_event_id: None,
            parent_id: None,
            unconfirmed: false,
        };
        if !limit.admit(end, policy.events.max_events_per_hour, severity == Severity::Critical) {
            return None;
        }
        let brief = |((feature, category), incident): (&(Name, Category), &Incident)| FeatureBrief {
            feature: feature.clone(),
            category: *category,
            severity: incident.severity,
            incident_id: incident.id.clone(),
            psi: found.judged(feature).and_then(|judged| judged.report.measures.psi).map(|psi| psi.value),
        };
        let mut briefs: Vec<FeatureBrief> = incidents().map(brief).collect();
        briefs.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.feature.cmp(&b.feature)));
        briefs.truncate(FEATURES_NAMED);
        let mut event = event(step, &incident, Transition::Detected, category, None);
        event.explanation =
            explain::group(&briefs, group.len(), step.key, step.window.as_ref(), incident.onset_estimate);
        found.mark(&mut event);
        event.features = briefs;
        event.features_total = group.len() as u32;
        event.suppressed = limit.take_suppressed();
        incident.steps = 1;
        incident.told = severity;
        incident.last_event_id = Some(event.id.clone());
        for key in &group {
            if let Some(child) = self.tracks.get_mut(key).and_then(|track| track.incident.as_mut()) {
                child.parent_id = Some(incident.id.clone());
                child.told = child.severity;
                child.last_event_id = Some(event.id.clone());
            }
        }
        let total = group.len() as u32;
        let children = group.into_iter().map(|(feature, category)| Child { feature, category }).collect();
        self.parents.push(Parent { incident, category, children, total });
        Some(event)
    }

    /// Closes the incidents of the whole model whose features' incidents have all closed.
    fn resolve_parents(
        &mut self,
        step: &Step<'_>,
        reason: ResolveReason,
        limit: &mut HourlyLimit,
    ) -> Vec<DriftEvent> {
        let mut events = Vec::new();
        let tracks = &self.tracks;
        self.parents.retain_mut(|parent| {
            let id = &parent.incident.id;
            let is_open = |child: &Child| {
                let open = tracks
                    .get(&(child.feature.clone(), child.category))
                    .and_then(|track| track.incident.as_ref());
                open.is_some_and(|incident| incident.parent_id.as_ref() == Some(id))
            };
            parent.children.retain(is_open);
            if !parent.children.is_empty() {
                return true;
            }
            limit.admit(step.decided_at, u32::MAX, true);
            let mut event = event(step, &parent.incident, Transition::Resolved, parent.category, None);
            event.reason = Some(reason);
            event.incident.closed_at = Some(step.decided_at);
            event.features_total = parent.total;
            event.suppressed = limit.take_suppressed();
            event.explanation = explain::group_resolved(parent.total, step.key, reason);
            events.push(event);
            false
        });
        events
    }
}
