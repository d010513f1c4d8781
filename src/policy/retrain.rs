//! When to ask for retraining, and the life of what was asked.
//!
//! One open trigger, one daily budget and one cooldown for each model and version; all of it runs on
//! the ends of windows. A trigger that is due but held back says why.

use super::book::{IncidentBook, JudgedFeature};
use super::explain;
use super::ids::{event_id, incident_id, trigger_id};
use super::record::{
    Category, Cause, DataFilter, DataQuality, DriftEvent, IncidentInfo, OffsetsInfo, ReferenceInfo,
    RetrainingTrigger, RowRange, SCHEMA_VERSION, Scope, Transition, TriggerBudget, TriggerData, TriggerInfo,
    TriggerReason, TriggerReference, WindowInfo, WindowState,
};
use super::settings::{BlockOn, Mode, ModelSettings, RetrainOn};
use super::verdict::{Answered, severity, sized};
use crate::reference::Origin;
use crate::words::{ModelKey, Question, Role, Severity, Time};
use serde::{Deserialize, Serialize};

/// Reasons named in a trigger.
const REASONS_NAMED: usize = 10;
const DAY_MS: i64 = 86_400_000;

/// The trigger that waits to be acted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Its id.
    id: String,
    /// When it was decided.
    decided_at: Time,
    /// When its time is up.
    expires_at: Time,
    /// How bad the drift was.
    severity: Severity,
}

/// What retraining of a model version has come to. State: it is kept in the changelog.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RetrainState {
    /// The open trigger.
    open: Option<Open>,
    /// When the last one was decided.
    last_decided_at: Option<Time>,
    /// UTC day of the last trigger, in days since 1970-01-01.
    used_day: i64,
    /// Triggers of that day.
    used: u32,
    /// End of the first window since which retraining has been due without a break.
    due_since: Option<Time>,
    /// Rows since then.
    due_rows: u64,
}

/// A version's window that may ask for retraining.
#[derive(Debug, Clone, Copy)]
pub struct Due<'a> {
    /// The deployment.
    pub app: &'a str,
    /// Model and version.
    pub key: &'a ModelKey,
    /// The model's settings.
    pub settings: &'a ModelSettings,
    /// Their id.
    pub config_id: &'a str,
    /// The window.
    pub window: WindowInfo,
    /// The reference.
    pub reference: &'a ReferenceInfo,
    /// Whether one that was made of first rows may trigger.
    pub trusts_bootstrap: bool,
    /// Since when the version has been seen with this reference.
    pub epoch_start: Time,
    /// Rows of the window's last pane.
    pub pane_rows: u64,
    /// The version's share of its model's rows in the window (0 to 1).
    pub traffic_share: f64,
    /// Weight of the drifted over weight of the judgeable features.
    pub drift_share: Option<f64>,
    /// All features, judged.
    pub features: &'a [JudgedFeature],
    /// The version's incidents.
    pub book: &'a IncidentBook,
    /// Where the rows of the look-back stand, with how many there are and how many were late.
    pub data: &'a DataIndex,
}

/// Where the rows of a version stand in the input, for the look-back.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DataIndex {
    /// Offsets by input partition.
    pub offsets: Vec<OffsetsInfo>,
    /// The range that they cover.
    pub start: Time,
    /// Rows of the version.
    pub rows: u64,
    /// Rows that came too late.
    pub late: u64,
    /// Events over events and those left out.
    pub completeness: f64,
}

/// What a window led to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// The request.
    pub trigger: Option<RetrainingTrigger>,
    /// Why there is none although it was due.
    pub withheld: Vec<String>,
}

impl RetrainState {
    /// Whether a trigger is open.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// When the open trigger expires.
    pub fn expires_at(&self) -> Option<Time> {
        self.open.as_ref().map(|open| open.expires_at)
    }

    /// Frees the slot of a trigger that ran out of time by `now`, and says so.
    pub fn expire(
        &mut self,
        app: &str,
        key: &ModelKey,
        settings: &ModelSettings,
        config_id: &str,
        now: Time,
    ) -> Option<DriftEvent> {
        let open = self.open.take_if(|open| open.expires_at <= now)?;
        let id = incident_id(app, key, Scope::Model, None, Category::Retraining, open.decided_at);
        Some(DriftEvent {
            schema_version: SCHEMA_VERSION,
            r#type: "drift_event".into(),
            id: event_id(app, &id, 1, Transition::Expired),
            application_id: app.into(),
            transition: Transition::Expired,
            reason: None,
            early: false,
            decided_at: now,
            trigger: Some(TriggerInfo {
                id: open.id.clone(),
                state: "expired".into(),
                outcome: None,
                run_url: None,
            }),
            model: key.model.clone(),
            version: key.version.clone(),
            segment: Vec::new(),
            scope: Scope::Model,
            category: Category::Retraining,
            feature: None,
            role: None,
            kind: None,
            severity: open.severity,
            previous_severity: open.severity,
            incident: IncidentInfo {
                id,
                opened_at: open.decided_at,
                onset_estimate: open.decided_at,
                sequence: 1,
                closed_at: Some(now),
                parent_id: None,
            },
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
            explanation: format!(
                "trigger {} of {} expired at {}: nobody acted on it since {}",
                open.id,
                explain::model(key),
                open.expires_at,
                open.decided_at
            ),
            config_id: config_id.into(),
            owner: settings.owner.clone(),
            runbook_url: settings.runbook_url.clone(),
            labels: settings.labels.clone(),
            test: false,
        })
    }

    /// Takes a window of all traffic of the version, and decides.
    pub fn step(&mut self, due: &Due<'_>) -> Decision {
        let retrain = &due.settings.policy.retrain;
        let Some(cause) = cause(due) else {
            // A window that could not be judged neither starts nor ends what is due.
            if due.drift_share.is_some() {
                self.due_since = None;
            }
            return Decision::default();
        };
        let end = due.window.end;
        let (since, before) = self.due_since.map_or((end, 0), |since| (since, self.due_rows));
        let rows = before + due.pane_rows;
        (self.due_since, self.due_rows) = (Some(since), rows);
        if due.settings.policy.mode < Mode::Trigger {
            return Decision::default();
        }
        let withheld = self.withheld(due, since, rows);
        if !withheld.is_empty() {
            return Decision { trigger: None, withheld };
        }
        let day = end.ms().div_euclid(DAY_MS);
        let used = if self.used_day == day { self.used + 1 } else { 1 };
        (self.used_day, self.used) = (day, used);
        self.last_decided_at = Some(end);
        let trigger = trigger(due, cause, used);
        let (id, severity) = (trigger.id.clone(), trigger.severity);
        self.open = Some(Open { id, decided_at: end, expires_at: end.plus_ms(retrain.ttl_ms), severity });
        Decision { trigger: Some(trigger), withheld }
    }

    fn withheld(&self, due: &Due<'_>, since: Time, rows: u64) -> Vec<String> {
        let (policy, end) = (&due.settings.policy, due.window.end);
        let retrain = &policy.retrain;
        let blocked = |block: &BlockOn| match block {
            BlockOn::Quality => {
                drifted(due).any(|judged| due.book.is_open(&judged.report.feature, Category::Quality))
            }
            BlockOn::Completeness => due.window.state == WindowState::Insufficient,
            // Incidents of the schema do not exist yet, so none is open.
            BlockOn::Schema => false,
        };
        let day = end.ms().div_euclid(DAY_MS);
        let cooled = |last: Time| end.since_ms(last) < retrain.cooldown_ms;
        let reasons = [
            ("inherited_reference", due.reference.inherited),
            ("bootstrap_reference", due.reference.origin == Origin::Bootstrap && !due.trusts_bootstrap),
            ("min_traffic_share", due.traffic_share < policy.min_traffic_share),
            ("warmup", end.since_ms(due.epoch_start) < policy.warmup_ms),
            ("settle", end.since_ms(since) < retrain.settle_ms),
            ("min_rows_since_onset", rows < retrain.min_rows_since_onset),
            ("block_on", retrain.block_on.iter().any(blocked)),
            ("open_trigger", self.open.is_some()),
            ("cooldown", self.last_decided_at.is_some_and(cooled)),
            ("daily_budget", self.used_day == day && self.used >= retrain.daily_budget),
        ];
        reasons.into_iter().filter(|(_, holds)| *holds).map(|(reason, _)| reason.to_owned()).collect()
    }
}

/// Features at drift or worse, which may ask for retraining.
fn drifted<'a>(due: &Due<'a>) -> impl Iterator<Item = &'a JudgedFeature> {
    due.features.iter().filter(|judged| judged.report.drift)
}

/// What asks for retraining, the first of the causes in the order of their weight.
fn cause(due: &Due<'_>) -> Option<Cause> {
    let retrain = &due.settings.policy.retrain;
    let of_role = |role: Role| drifted(due).filter(move |judged| judged.report.role == role).count();
    let share = due.drift_share.is_some_and(|share| share >= retrain.share)
        && of_role(Role::Feature) >= retrain.share_min_features as usize;
    let asks = |on: RetrainOn, holds: bool| holds && retrain.on.contains(&on);
    if asks(RetrainOn::Share, share) {
        Some(Cause::Share)
    } else if asks(RetrainOn::Prediction, of_role(Role::Prediction) > 0) {
        Some(Cause::Prediction)
    } else if asks(RetrainOn::Feature, of_role(Role::Feature) > 0) {
        Some(Cause::Feature)
    } else {
        None
    }
}

fn trigger(due: &Due<'_>, cause: Cause, used_today: u32) -> RetrainingTrigger {
    let (settings, end) = (due.settings, due.window.end);
    let retrain = &settings.policy.retrain;
    let mut reasons: Vec<(Severity, TriggerReason)> =
        drifted(due).filter_map(|judged| reason(due, judged)).collect();
    reasons.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.feature.cmp(&b.1.feature)));
    let total = reasons.len();
    let severity = reasons.first().map_or(Severity::Drift, |(severity, _)| *severity);
    let names: Vec<&str> = reasons.iter().take(3).map(|(_, reason)| &*reason.feature).collect();
    let share = due.drift_share.unwrap_or(0.0) * 100.0;
    let explanation = format!(
        "retrain {}: {total} features drifted ({share:.0} % of the weight), the worst {}",
        explain::model(due.key),
        names.join(", ")
    );
    let cooldown_until = end.plus_ms(retrain.cooldown_ms);
    RetrainingTrigger {
        schema_version: SCHEMA_VERSION,
        r#type: "retraining_trigger".into(),
        id: trigger_id(due.app, due.key, end, cause),
        application_id: due.app.into(),
        model: due.key.model.clone(),
        version: due.key.version.clone(),
        segment: Vec::new(),
        decided_at: end,
        expires_at: end.plus_ms(retrain.ttl_ms),
        attempt: 1,
        max_attempts: 1,
        supersedes: None,
        cause,
        severity,
        reasons: reasons.into_iter().take(REASONS_NAMED).map(|(_, reason)| reason).collect(),
        reasons_total: total as u32,
        drift_share: due.drift_share,
        drift_share_threshold: retrain.share,
        performance: None,
        reference: TriggerReference {
            id: due.reference.id.clone(),
            effective_from: due.reference.effective_from,
        },
        data: TriggerData {
            filter: DataFilter { model: due.key.model.clone(), versions: vec![due.key.version.clone()] },
            drifted: RowRange { start: due.window.start, end, rows: due.window.events },
            recommended: RowRange { start: due.data.start, end, rows: due.data.rows },
            cluster_id: None,
            offsets: due.data.offsets.clone(),
            labels: None,
            quality: DataQuality {
                completeness: due.data.completeness,
                dead_letters: None,
                late: due.data.late,
            },
        },
        budget: TriggerBudget { used_today, daily: retrain.daily_budget, cooldown_until },
        explanation,
        config_id: due.config_id.into(),
        owner: settings.owner.clone(),
        labels: settings.labels.clone(),
        test: false,
    }
}

/// The size that shows a feature's drift most.
fn reason(due: &Due<'_>, judged: &JudgedFeature) -> Option<(Severity, TriggerReason)> {
    let feature = &judged.report.feature;
    let thresholds = due.settings.feature(feature).thresholds;
    let significant = || {
        judged.answers.iter().filter(|answered| {
            let mut tests = judged.report.tests;
            tests.slot(answered.question).is_some_and(|test| answered.tested.p_certain <= test.level)
        })
    };
    let candidates = significant().flat_map(|Answered { question, tested, .. }| {
        sized(&tested.sizes, &thresholds).map(move |(name, size, levels)| {
            let measure = match (name, question) {
                ("share", Question::Missing) => "missing_share",
                ("share", _) => "unseen_share",
                _ => name,
            };
            (measure, size, levels.drift)
        })
    });
    let (measure, value, threshold) = candidates.max_by(|a, b| (a.1 / a.2).total_cmp(&(b.1 / b.2)))?;
    let worst = significant().map(|answered| severity(&answered.tested.sizes, &thresholds, 1.0)).max()?;
    let incident = due.book.of_feature(feature);
    let reason = TriggerReason {
        event_id: incident.and_then(|incident| incident.last_event_id.clone()),
        incident_id: incident.map(|incident| incident.id.clone()),
        feature: feature.clone(),
        measure: measure.into(),
        value,
        threshold,
        importance: judged.report.importance,
    };
    Some((worst, reason))
}
