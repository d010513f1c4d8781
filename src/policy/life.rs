//! The life of a trigger that was asked for, to its end: acknowledged, closed, or out of time; and the
//! incident that says that all attempts came to nothing.
//!
//! Each change is told as a drift event of the whole model, category `retraining`. A trigger always
//! comes to an end, so none can be in another's way for good.

use super::explain;
use super::ids::{event_id, incident_id};
use super::record::{
    Category, DriftEvent, IncidentInfo, Outcome, ResolveReason, SCHEMA_VERSION, Scope, Transition,
    TriggerInfo,
};
use super::retrain::{Due, Failed, GivenUp, Open, Rejected, RetrainState};
use super::settings::ModelSettings;
use crate::words::{ModelKey, Severity, Time};

/// A window's end of a model version.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// The deployment.
    pub app: &'a str,
    /// Model and version.
    pub key: &'a ModelKey,
    /// The model's settings.
    pub settings: &'a ModelSettings,
    /// Their id.
    pub config_id: &'a str,
    /// The window's end.
    pub now: Time,
}

impl<'a> Moment<'a> {
    pub(super) fn of(due: &Due<'a>) -> Self {
        let Due { app, key, settings, config_id, .. } = *due;
        Moment { app, key, settings, config_id, now: due.window.end }
    }
}

impl RetrainState {
    /// Whether a trigger is open or an incident stands for one, so that something may come of time alone.
    pub fn is_idle(&self) -> bool {
        self.open.is_none() && self.given_up.is_none()
    }

    /// The id of the open trigger with the time at which it was decided.
    pub fn open(&self) -> Option<(&str, Time)> {
        self.open.as_ref().map(|open| (&*open.id, open.decided_at))
    }

    /// Frees the slot of a trigger that ran out of time, and says so.
    pub fn expire(&mut self, moment: &Moment<'_>) -> Option<DriftEvent> {
        let open = self.open.take_if(|open| open.expires_at <= moment.now)?;
        Some(self.expired(moment, open))
    }

    /// The same of any trigger that is open: nobody can act on one of a version that is gone.
    pub fn expire_early(&mut self, moment: &Moment<'_>) -> Option<DriftEvent> {
        let open = self.open.take()?;
        Some(self.expired(moment, open))
    }

    fn expired(&mut self, moment: &Moment<'_>, open: Open) -> DriftEvent {
        let why = match open.acknowledged {
            true => "its run did not end in time",
            false => "nobody acted on it",
        };
        self.failed = Some(Failed { id: open.id.clone(), attempt: open.attempt });
        let explanation = format!(
            "trigger {} of {} expired at {}: {why} since {}",
            open.id,
            explain::model(moment.key),
            open.expires_at,
            open.decided_at
        );
        open.event(moment, Transition::Expired, None, explanation)
    }

    /// Notes that someone acts on the open trigger, which now has the time of a run.
    pub fn acknowledge(
        &mut self,
        moment: &Moment<'_>,
        id: &str,
        run_url: Option<&str>,
    ) -> Result<DriftEvent, String> {
        let Some(open) = self.open.as_mut().filter(|open| open.id == id) else { return Err(not_open(id)) };
        if open.acknowledged {
            return Err(format!("trigger {id} is acknowledged already"));
        }
        open.acknowledged = true;
        open.run_url = run_url.map(str::to_owned);
        open.expires_at = moment.now.plus_ms(moment.settings.policy.retrain.run_ttl_ms);
        let (model, until) = (explain::model(moment.key), open.expires_at);
        let explanation = format!("trigger {id} of {model} is acted on; it has until {until}");
        Ok(open.event(moment, Transition::Acknowledged, None, explanation))
    }

    /// Ends the open trigger.
    pub fn close(
        &mut self,
        moment: &Moment<'_>,
        id: &str,
        outcome: Outcome,
        run_url: Option<&str>,
        why: &str,
    ) -> Result<DriftEvent, String> {
        let Some(mut open) = self.open.take_if(|open| open.id == id) else { return Err(not_open(id)) };
        match outcome {
            Outcome::Succeeded => {}
            Outcome::Failed => self.failed = Some(Failed { id: open.id.clone(), attempt: open.attempt }),
            Outcome::Rejected => {
                let until = moment.now.plus_ms(moment.settings.policy.retrain.reject_hold_ms);
                self.rejected = Some(Rejected { until, features: open.features.clone() });
            }
        }
        open.run_url = run_url.map(str::to_owned).or(open.run_url);
        let (model, outcome_name) = (explain::model(moment.key), outcome.as_str());
        let explanation = format!("trigger {id} of {model} was closed as {outcome_name}: {why}");
        Ok(open.event(moment, Transition::Closed, Some(outcome), explanation))
    }

    /// Opens the incident that stands for another attempt, unless it is open.
    pub(super) fn give_up(&mut self, moment: &Moment<'_>) -> Option<DriftEvent> {
        if self.given_up.is_some() {
            return None;
        }
        let Moment { app, key, now, .. } = *moment;
        let incident_id = incident_id(app, key, Scope::Model, None, Category::Retraining, now);
        let attempts = self.failed.as_ref().map_or(0, |failed| failed.attempt);
        let explanation = format!(
            "{} still drifts after {attempts} retraining triggers that came to nothing: someone has to look",
            explain::model(key)
        );
        let given_up = self.given_up.insert(GivenUp { incident_id, opened_at: now, acknowledged_at: None });
        Some(given_up.event(moment, Transition::Detected, None, explanation))
    }

    /// Closes that incident, since the drift has ended.
    pub(super) fn recover(&mut self, moment: &Moment<'_>) -> Option<DriftEvent> {
        self.resolve(moment, ResolveReason::Recovered)
    }

    /// Closes that incident for a reason from outside; what was is no longer counted.
    pub fn resolve(&mut self, moment: &Moment<'_>, reason: ResolveReason) -> Option<DriftEvent> {
        (self.due_since, self.failed) = (None, None);
        let given_up = self.given_up.take()?;
        let explanation = format!(
            "retraining of {} may be asked for again: {}",
            explain::model(moment.key),
            explain::because(reason)
        );
        Some(given_up.event(moment, Transition::Resolved, Some(reason), explanation))
    }

    /// Whether that incident has this id.
    pub fn holds(&self, id: &str) -> bool {
        self.given_up.as_ref().is_some_and(|given_up| given_up.incident_id == id)
    }

    /// Notes that someone looks at that incident.
    pub fn acknowledge_incident(&mut self, id: &str, now: Time) {
        if let Some(given_up) = self.given_up.as_mut().filter(|given_up| given_up.incident_id == id) {
            given_up.acknowledged_at = Some(now);
        }
    }
}

fn not_open(id: &str) -> String {
    format!("trigger {id} is not open")
}

impl Open {
    /// A change of its life. Acknowledging is the first, whatever ends it comes next.
    fn event(
        &self,
        moment: &Moment<'_>,
        transition: Transition,
        outcome: Option<Outcome>,
        explanation: String,
    ) -> DriftEvent {
        let Moment { app, key, now, .. } = *moment;
        let id = incident_id(app, key, Scope::Model, None, Category::Retraining, self.decided_at);
        let is_end = transition != Transition::Acknowledged;
        let trigger = TriggerInfo {
            id: self.id.clone(),
            state: transition.as_str().into(),
            outcome: outcome.map(|outcome| outcome.as_str().into()),
            run_url: self.run_url.clone(),
        };
        let incident = IncidentInfo {
            id,
            opened_at: self.decided_at,
            onset_estimate: self.decided_at,
            sequence: 1 + u32::from(is_end && self.acknowledged),
            closed_at: is_end.then_some(now),
            parent_id: None,
            acknowledged_at: None,
        };
        let event = event(moment, incident, transition, explanation);
        let severity = self.severity;
        DriftEvent { trigger: Some(trigger), severity, previous_severity: severity, ..event }
    }
}

impl GivenUp {
    fn event(
        &self,
        moment: &Moment<'_>,
        transition: Transition,
        reason: Option<ResolveReason>,
        explanation: String,
    ) -> DriftEvent {
        let is_end = transition == Transition::Resolved;
        let incident = IncidentInfo {
            id: self.incident_id.clone(),
            opened_at: self.opened_at,
            onset_estimate: self.opened_at,
            sequence: 1 + u32::from(is_end),
            closed_at: is_end.then_some(moment.now),
            parent_id: None,
            acknowledged_at: self.acknowledged_at,
        };
        let previous_severity = if is_end { Severity::Critical } else { Severity::Ok };
        DriftEvent { reason, previous_severity, ..event(moment, incident, transition, explanation) }
    }
}

/// What all of these events have in common: they are of no feature and no window.
fn event(
    moment: &Moment<'_>,
    incident: IncidentInfo,
    transition: Transition,
    explanation: String,
) -> DriftEvent {
    let Moment { app, key, settings, config_id, now } = *moment;
    DriftEvent {
        schema_version: SCHEMA_VERSION,
        r#type: "drift_event".into(),
        id: event_id(app, &incident.id, incident.sequence, transition),
        application_id: app.into(),
        transition,
        reason: None,
        early: false,
        decided_at: now,
        trigger: None,
        model: key.model.clone(),
        version: key.version.clone(),
        segment: Vec::new(),
        scope: Scope::Model,
        category: Category::Retraining,
        feature: None,
        role: None,
        kind: None,
        severity: Severity::Critical,
        previous_severity: Severity::Critical,
        incident,
        window: None,
        rows: None,
        missing: None,
        invalid: None,
        unseen: None,
        reference: None,
        reference_rows: None,
        decided_by: Vec::new(),
        suffix: None,
        tests: None,
        measures: None,
        summary: None,
        top_bins: Vec::new(),
        new_categories: Vec::new(),
        model_state: None,
        features: Vec::new(),
        features_total: 0,
        suppressed: None,
        muted: false,
        explanation,
        config_id: config_id.into(),
        owner: settings.owner.clone(),
        runbook_url: settings.runbook_url.clone(),
        labels: settings.labels.clone(),
        test: false,
    }
}
