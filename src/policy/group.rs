//! Incidents of the whole model, which speak for several features: one fault is one message.

use super::book::{Found, IncidentBook, Step};
use super::event::event;
use super::explain;
use super::hourly::HourlyLimit;
use super::ids::incident_id;
use super::incident::Incident;
use super::record::{Category, DriftEvent, FeatureBrief, ResolveReason, Scope, Transition};
use crate::words::{Name, Severity};
use serde::{Deserialize, Serialize};

/// Features named in an event of the whole model.
const FEATURES_NAMED: usize = 10;

/// An incident of the whole model, which speaks for several features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The incident.
    pub(super) incident: Incident,
    /// Its category.
    pub(super) category: Category,
    /// The features that it speaks for and whose incidents are open.
    pub(super) children: Vec<Child>,
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

impl IncidentBook {
    /// Opens an incident of the whole model for a group of features, and tells it.
    pub(super) fn group(
        &mut self,
        step: &Step<'_>,
        group: Vec<(Name, Category)>,
        found: Found<'_>,
        limit: &mut HourlyLimit,
    ) -> Option<DriftEvent> {
        let policy = &step.settings.policy;
        let end = step.decided_at;
        let are_most = |wanted: &[Category]| {
            group.iter().filter(|(_, category)| wanted.contains(category)).count() * 2 > group.len()
        };
        let category = match () {
            () if are_most(&[Category::Schema]) => Category::Schema,
            () if are_most(&[Category::Schema, Category::Quality]) => Category::Quality,
            () => Category::Distribution,
        };
        let incidents =
            || group.iter().filter_map(|key| self.tracks.get(key)?.incident.as_ref().map(|open| (key, open)));
        let severity = incidents().map(|(_, incident)| incident.severity).max().unwrap_or(Severity::Ok);
        let onset = incidents().map(|(_, incident)| incident.onset_estimate).min().unwrap_or(end);
        let mut incident = Incident::opened(
            incident_id(step.app, step.key, Scope::Model, None, category, end),
            end,
            onset,
            severity,
        );
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
                child.muted = false;
                child.last_event_id = Some(event.id.clone());
            }
        }
        let total = group.len() as u32;
        let children = group.into_iter().map(|(feature, category)| Child { feature, category }).collect();
        self.parents.push(Parent { incident, category, children, total });
        Some(event)
    }

    /// Closes the incidents of the whole model whose features' incidents have all closed.
    pub(super) fn resolve_parents(
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
