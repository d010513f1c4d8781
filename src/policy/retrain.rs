//! When to ask for retraining.
//!
//! One open trigger, one daily budget and one cooldown for each model and version; all of it runs on
//! the ends of windows. A trigger that is due but held back says why. What becomes of one that was
//! asked for is in `life`; one that came to nothing is asked for again, so often and no more.

use super::book::{IncidentBook, JudgedFeature};
use super::life::Moment;
use super::record::{
    Category, Cause, Command, DriftEvent, Mute, OffsetsInfo, ReferenceInfo, RetrainingTrigger, WindowInfo,
    WindowState,
};
use super::settings::{BlockOn, Mode, ModelSettings, RetrainOn};
use super::trigger::trigger;
use crate::reference::Origin;
use crate::words::{ModelKey, Name, Role, Severity, Time};
use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;

/// The trigger that waits to be acted on, or is being acted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Its id.
    pub(super) id: String,
    /// When it was decided.
    pub(super) decided_at: Time,
    /// When its time is up.
    pub(super) expires_at: Time,
    /// How bad the drift was.
    pub(super) severity: Severity,
    /// Which attempt it is, from 1.
    #[serde(default = "first")]
    pub(super) attempt: u32,
    /// Whether someone acts on it.
    #[serde(default)]
    pub(super) acknowledged: bool,
    /// The run that it started.
    #[serde(default)]
    pub(super) run_url: Option<String>,
    /// The features that had drifted.
    #[serde(default)]
    pub(super) features: Vec<Name>,
}

fn first() -> u32 {
    1
}

/// A trigger that came to nothing while its drift goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Its id.
    pub(super) id: String,
    /// Which attempt it was.
    pub(super) attempt: u32,
}

/// A trigger that was not wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Until when there is no other for the same features.
    pub(super) until: Time,
    /// The features that had drifted.
    pub(super) features: Vec<Name>,
}

/// The incident of a drift that all attempts left as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// Its id.
    pub(super) incident_id: String,
    /// When it opened.
    pub(super) opened_at: Time,
    /// When someone acknowledged it.
    pub(super) acknowledged_at: Option<Time>,
}

/// What retraining of a model version has come to. State: it is kept in the changelog.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RetrainState {
    /// The open trigger.
    pub(super) open: Option<Open>,
    /// When the last one was decided.
    pub(super) last_decided_at: Option<Time>,
    /// UTC day of the last trigger, in days since 1970-01-01.
    pub(super) used_day: i64,
    /// Triggers of that day.
    pub(super) used: u32,
    /// End of the first window since which retraining has been due without a break.
    pub(super) due_since: Option<Time>,
    /// Rows since then.
    pub(super) due_rows: u64,
    /// The last attempt, where it came to nothing.
    #[serde(default)]
    pub(super) failed: Option<Failed>,
    /// The last rejection.
    #[serde(default)]
    pub(super) rejected: Option<Rejected>,
    /// The incident that stands for another attempt once there were enough.
    #[serde(default)]
    pub(super) given_up: Option<GivenUp>,
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
    /// The model's mutes.
    pub mutes: &'a [Mute],
    /// The command that asks for it.
    pub requested: Option<&'a Command>,
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
    /// That there have been enough attempts, or that this is over.
    pub event: Option<DriftEvent>,
    /// Why there is none although it was due.
    pub withheld: Vec<&'static str>,
}

impl RetrainState {
    /// Whether a trigger is open.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Takes a window of all traffic of the version, and decides.
    pub fn step(&mut self, due: &Due<'_>) -> Decision {
        let drift = drift_cause(due);
        let event = self.follow(due, drift.is_some());
        let scheduled = self.is_scheduled(due).then_some(Cause::Schedule);
        let manual = due.requested.map(|_| Cause::Manual);
        if manual.is_none() && due.settings.policy.mode < Mode::Trigger {
            return Decision { event, ..Decision::default() };
        }
        let mut decision = Decision { event, ..Decision::default() };
        for cause in [manual, drift, scheduled].into_iter().flatten() {
            let withheld = self.withheld(due, cause);
            if withheld.is_empty() {
                return self.ask(due, cause, decision);
            }
            if decision.withheld.is_empty() {
                decision.withheld = withheld;
            }
        }
        decision
    }

    /// Keeps account of how long the drift has lasted, which is all over once it has ended.
    fn follow(&mut self, due: &Due<'_>, is_due: bool) -> Option<DriftEvent> {
        let end = due.window.end;
        if is_due {
            let (since, before) = self.due_since.map_or((end, 0), |since| (since, self.due_rows));
            (self.due_since, self.due_rows) = (Some(since), before + due.pane_rows);
            return None;
        }
        // A window that could not be judged neither starts nor ends what is due.
        due.drift_share?;
        (self.due_since, self.failed) = (None, None);
        self.recover(&Moment::of(due))
    }

    /// Asks for it, unless there have been enough attempts.
    fn ask(&mut self, due: &Due<'_>, cause: Cause, decision: Decision) -> Decision {
        let (retrain, end) = (&due.settings.policy.retrain, due.window.end);
        let failed = self.failed.take().filter(|_| is_drift(cause));
        if failed.as_ref().is_some_and(|failed| failed.attempt >= retrain.max_attempts) {
            self.failed = failed;
            let event = self.give_up(&Moment::of(due));
            return Decision { event, withheld: vec!["max_attempts"], ..decision };
        }
        let day = end.ms().div_euclid(DAY_MS);
        let used = if self.used_day == day { self.used + 1 } else { 1 };
        (self.used_day, self.used) = (day, used);
        self.last_decided_at = Some(end);
        let trigger = trigger(due, cause, used, failed.as_ref());
        self.open = Some(Open {
            id: trigger.id.clone(),
            decided_at: end,
            expires_at: trigger.expires_at,
            severity: trigger.severity,
            attempt: trigger.attempt,
            acknowledged: false,
            run_url: None,
            features: drifted(due).map(|judged| judged.report.feature.clone()).collect(),
        });
        Decision { trigger: Some(trigger), withheld: vec![], ..decision }
    }

    fn is_scheduled(&self, due: &Due<'_>) -> bool {
        let since = self.last_decided_at.map_or(due.epoch_start, |last| last.max(due.epoch_start));
        let schedule = due.settings.policy.retrain.schedule_ms;
        schedule.is_some_and(|every| due.window.end.since_ms(since) >= every)
    }

    /// What holds back a trigger for `cause`; one that someone asked for is the only one that is open,
    /// and that is all.
    fn withheld(&self, due: &Due<'_>, cause: Cause) -> Vec<&'static str> {
        let (policy, end) = (&due.settings.policy, due.window.end);
        let retrain = &policy.retrain;
        let is_open = |category: Category| {
            drifted(due).any(|judged| due.book.is_open(&judged.report.feature, category))
        };
        let blocked = |block: &BlockOn| match block {
            BlockOn::Quality => is_open(Category::Quality),
            BlockOn::Schema => is_open(Category::Schema),
            BlockOn::Completeness => due.window.state == WindowState::Insufficient,
        };
        let is_untrusted = due.reference.origin == Origin::Bootstrap && !due.trusts_bootstrap;
        let day = end.ms().div_euclid(DAY_MS);
        let cooled = |last: Time| end.since_ms(last) < retrain.cooldown_ms;
        let is_muted = |judged: &JudgedFeature| {
            due.mutes.iter().any(|mute| mute.covers(due.key, &judged.report.feature, end))
        };
        let is_held = |rejected: &Rejected| {
            end < rejected.until
                && drifted(due).all(|judged| rejected.features.contains(&judged.report.feature))
        };
        let (drift, is_asked) = (is_drift(cause), cause == Cause::Manual);
        let lasting = self.due_since.map_or(0, |since| end.since_ms(since));
        let reasons = [
            ("inherited_reference", !is_asked && due.reference.inherited),
            ("bootstrap_reference", !is_asked && is_untrusted),
            ("min_traffic_share", !is_asked && due.traffic_share < policy.min_traffic_share),
            ("warmup", !is_asked && end.since_ms(due.epoch_start) < policy.warmup_ms),
            ("settle", drift && lasting < retrain.settle_ms),
            ("min_rows_since_onset", drift && self.due_rows < retrain.min_rows_since_onset),
            ("block_on", !is_asked && retrain.block_on.iter().any(blocked)),
            ("muted", drift && drifted(due).all(is_muted)),
            ("rejected", drift && self.rejected.as_ref().is_some_and(is_held)),
            ("open_trigger", self.open.is_some()),
            ("cooldown", !is_asked && self.last_decided_at.is_some_and(cooled)),
            ("daily_budget", !is_asked && self.used_day == day && self.used >= retrain.daily_budget),
        ];
        reasons.into_iter().filter(|(_, holds)| *holds).map(|(reason, _)| reason).collect()
    }
}

fn is_drift(cause: Cause) -> bool {
    !matches!(cause, Cause::Manual | Cause::Schedule)
}

/// Features at drift or worse, which may ask for retraining.
pub(super) fn drifted<'a>(due: &Due<'a>) -> impl Iterator<Item = &'a JudgedFeature> {
    due.features.iter().filter(|judged| judged.report.drift)
}

/// What of the data asks for retraining, the first of the causes in the order of their weight.
fn drift_cause(due: &Due<'_>) -> Option<Cause> {
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
