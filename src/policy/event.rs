//! The form of an incident's events.

use super::book::{JudgedFeature, Step};
use super::ids::event_id;
use super::incident::Incident;
use super::record::{Category, DriftEvent, IncidentInfo, SCHEMA_VERSION, Scope, Transition};

/// The next event of an incident; a feature's own where `judged` is given.
pub(super) fn event(
    step: &Step<'_>,
    incident: &Incident,
    transition: Transition,
    category: Category,
    judged: Option<&JudgedFeature>,
) -> DriftEvent {
    let sequence = incident.steps + 1;
    let report = judged.map(|judged| &judged.report);
    let shown = judged.map(|judged| judged.shown(category));
    let finding = judged.and_then(|judged| judged.judgement.finding(category));
    let settings = step.settings;
    DriftEvent {
        schema_version: SCHEMA_VERSION,
        r#type: "drift_event".into(),
        id: event_id(step.app, &incident.id, sequence, transition),
        application_id: step.app.into(),
        transition,
        reason: None,
        early: false,
        decided_at: step.decided_at,
        trigger: None,
        model: step.key.model.clone(),
        version: step.key.version.clone(),
        segment: step.key.segment.clone(),
        scope: if report.is_some() { Scope::Feature } else { Scope::Model },
        category,
        feature: report.map(|report| report.feature.clone()),
        role: report.map(|report| report.role),
        kind: report.map(|report| report.kind),
        severity: incident.severity,
        previous_severity: incident.told,
        incident: IncidentInfo {
            id: incident.id.clone(),
            opened_at: incident.opened_at,
            onset_estimate: incident.onset_estimate,
            sequence,
            closed_at: None,
            parent_id: incident.parent_id.clone(),
            acknowledged_at: incident.acknowledged_at,
        },
        window: step.window,
        rows: report.map(|report| report.rows),
        missing: report.map(|report| report.missing),
        invalid: report.map(|report| report.invalid),
        unseen: report.map(|report| report.unseen),
        reference: Some(step.reference.clone()),
        reference_rows: report.map(|report| report.reference_rows),
        decided_by: finding
            .map(|finding| finding.decided_by.iter().map(|question| (*question).into()).collect())
            .unwrap_or_default(),
        suffix: finding.and_then(|finding| finding.suffix),
        tests: report.map(|report| report.tests),
        measures: shown.map(|report| report.measures),
        summary: shown.map(|report| report.summary.clone()),
        top_bins: shown.map(|report| report.top_bins.clone()).unwrap_or_default(),
        new_categories: shown.map(|report| report.new_categories.clone()).unwrap_or_default(),
        model_state: Some(step.model_state),
        features: Vec::new(),
        features_total: 1,
        suppressed: None,
        muted: incident.muted,
        explanation: String::new(),
        config_id: step.config_id.into(),
        owner: settings.owner.clone(),
        runbook_url: settings.runbook_url.clone(),
        labels: settings.labels.clone(),
        test: false,
    }
}
