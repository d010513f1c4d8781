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
use crate::words::{ModelKey, Name, Severity, Time};

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

    /// Asks for nothing because of these features until then: someone takes what they show for the normal
    /// state.
    pub fn hold(&mut self, until: Time, features: Vec<Name>) {
        self.rejected = Some(Rejected { until, features });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const HOUR_MS: i64 = 3_600_000;

    fn open(attempt: u32) -> RetrainState {
        let open = Open {
            id: format!("trg_{attempt}"),
            decided_at: Time::EPOCH,
            expires_at: Time::from_ms(72 * HOUR_MS),
            severity: Severity::Drift,
            attempt,
            acknowledged: false,
            run_url: None,
            features: vec!["amount".into()],
        };
        RetrainState { open: Some(open), ..RetrainState::default() }
    }

    /// At so many hours, with the built-in settings.
    fn at<T>(hours: i64, act: impl FnOnce(&Moment<'_>) -> T) -> T {
        let (key, settings) = (ModelKey::whole("fraud", "7"), Config::default().unlisted_model("fraud"));
        let now = Time::from_ms(hours * HOUR_MS);
        act(&Moment { app: "driftline", key: &key, settings: &settings, config_id: "cfg_1", now })
    }

    fn told(event: &DriftEvent) -> (Transition, u32, Option<&str>, Option<&str>) {
        let trigger = event.trigger.as_ref().unwrap();
        (event.transition, event.incident.sequence, trigger.outcome.as_deref(), trigger.run_url.as_deref())
    }

    #[test]
    fn a_trigger_that_nobody_acknowledges_expires_after_its_ttl_and_counts_as_failed() {
        let mut state = open(1);
        assert_eq!(at(71, |now| state.expire(now)), None);
        let event = at(72, |now| state.expire(now)).unwrap();
        assert_eq!(told(&event), (Transition::Expired, 1, None, None));
        assert!(event.explanation.contains("nobody acted on it"), "{}", event.explanation);
        assert_eq!(state.failed, Some(Failed { id: "trg_1".into(), attempt: 1 }));
        assert!(at(73, |now| state.expire(now)).is_none() && !state.is_open());
    }

    #[test]
    fn an_acknowledged_one_has_the_time_of_a_run_and_is_acknowledged_once() {
        let mut state = open(1);
        let event = at(10, |now| state.acknowledge(now, "trg_1", Some("https://ci/1"))).unwrap();
        assert_eq!(told(&event), (Transition::Acknowledged, 1, None, Some("https://ci/1")));
        let again = at(11, |now| state.acknowledge(now, "trg_1", None)).unwrap_err();
        assert!(again.contains("acknowledged already"));
        assert!(at(11, |now| state.acknowledge(now, "trg_2", None)).unwrap_err().contains("not open"));
        assert_eq!(at(10 + 7 * 24 - 1, |now| state.expire(now)), None);
        let event = at(10 + 7 * 24, |now| state.expire(now)).unwrap();
        assert_eq!(told(&event), (Transition::Expired, 2, None, Some("https://ci/1")));
        assert!(event.explanation.contains("its run did not end"), "{}", event.explanation);
    }

    #[test]
    fn how_a_trigger_was_closed_decides_what_comes_next() {
        let close = |outcome| {
            let mut state = open(2);
            let event = at(5, |now| state.close(now, "trg_2", outcome, None, "so said me")).unwrap();
            assert_eq!(told(&event), (Transition::Closed, 1, Some(outcome.as_str()), None));
            assert!(at(5, |now| state.close(now, "trg_2", outcome, None, "again")).is_err());
            (state.failed, state.rejected)
        };
        assert_eq!(close(Outcome::Succeeded), (None, None));
        assert_eq!(close(Outcome::Failed), (Some(Failed { id: "trg_2".into(), attempt: 2 }), None));
        let until = Time::from_ms((5 + 7 * 24) * HOUR_MS);
        let rejected = Rejected { until, features: vec!["amount".into()] };
        assert_eq!(close(Outcome::Rejected), (None, Some(rejected)));
    }

    #[test]
    fn giving_up_is_one_critical_incident_until_the_drift_ends_or_someone_closes_it() {
        let failed = Some(Failed { id: "trg_3".into(), attempt: 3 });
        let mut state = RetrainState { failed, ..RetrainState::default() };
        let event = at(1, |now| state.give_up(now)).unwrap();
        assert_eq!((event.transition, event.severity), (Transition::Detected, Severity::Critical));
        assert_eq!((event.category, event.trigger.as_ref()), (Category::Retraining, None));
        assert!(event.explanation.contains("after 3 retraining triggers"), "{}", event.explanation);
        assert!(at(2, |now| state.give_up(now)).is_none() && state.holds(&event.incident.id));
        state.acknowledge_incident(&event.incident.id, Time::from_ms(3));
        let resolved = at(4, |now| state.resolve(now, ResolveReason::ClosedByUser)).unwrap();
        assert_eq!((resolved.transition, resolved.incident.sequence), (Transition::Resolved, 2));
        assert_eq!(resolved.incident.id, event.incident.id);
        assert_eq!(resolved.incident.acknowledged_at, Some(Time::from_ms(3)));
        assert_eq!((state.failed, state.given_up), (None, None));
    }
}
