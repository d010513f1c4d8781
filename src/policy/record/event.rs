//! Drift events.

use super::{Suffix, Summaries, Tests, WindowInfo};
use crate::measure::{BinShare, CategoryCount, Measures};
use crate::reference::{Origin, ReferenceId};
use crate::words::{Kind, Name, Question, Role, Severity, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an incident is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One feature.
    Feature,
    /// The model as a whole.
    Model,
}

/// What kind of fault an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// The values have moved: shape, or categories that were never seen.
    Distribution,
    /// Missing or invalid values.
    Quality,
    /// No row has a valid value any more: the feature is gone, or of another type; or a column is new.
    Schema,
    /// A retraining trigger's life.
    Retraining,
}

impl Category {
    /// The name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::Distribution => "distribution",
            Category::Quality => "quality",
            Category::Schema => "schema",
            Category::Retraining => "retraining",
        }
    }

    /// The category that a question's answer belongs to; that of missing values may be one of the schema.
    pub fn of(question: Question) -> Category {
        match question {
            Question::Shape | Question::Unseen => Category::Distribution,
            Question::Missing => Category::Quality,
        }
    }
}

/// What decided an event: a question asked of a window, or the sequential test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// [`Question::Shape`].
    Shape,
    /// [`Question::Missing`].
    Missing,
    /// [`Question::Unseen`].
    Unseen,
    /// Early sight.
    Sequential,
}

impl From<Question> for DecidedBy {
    fn from(question: Question) -> Self {
        match question {
            Question::Shape => DecidedBy::Shape,
            Question::Missing => DecidedBy::Missing,
            Question::Unseen => DecidedBy::Unseen,
        }
    }
}

/// What happened to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// It opened.
    Detected,
    /// It became worse.
    Escalated,
    /// It closed.
    Resolved,
    /// Someone is acting on a trigger.
    Acknowledged,
    /// A trigger was answered.
    Closed,
    /// A trigger ran out of time.
    Expired,
}

impl Transition {
    /// The name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Transition::Detected => "detected",
            Transition::Escalated => "escalated",
            Transition::Resolved => "resolved",
            Transition::Acknowledged => "acknowledged",
            Transition::Closed => "closed",
            Transition::Expired => "expired",
        }
    }
}

/// Why an incident closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResolveReason {
    /// Enough windows were ok.
    Recovered,
    /// Early sight opened it, and the windows that closed since do not show it.
    NotConfirmed,
    /// No window could be judged for long.
    Stale,
    /// The whole model went quiet.
    Silent,
    /// Another reference came into force.
    NewReference,
    /// The version went quiet.
    VersionRetired,
    /// The windows are cut differently now.
    ConfigChanged,
    /// The reference no longer has the feature.
    FeatureRemoved,
    /// Someone closed it.
    ClosedByUser,
}

/// The incident that an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentInfo {
    /// Its id.
    pub id: String,
    /// When it opened.
    pub opened_at: Time,
    /// Since when the data have probably been different.
    pub onset_estimate: Time,
    /// The number of this published event of the incident, from 1.
    pub sequence: u32,
    /// When it closed.
    pub closed_at: Option<Time>,
    /// The incident of the whole model that it is part of.
    pub parent_id: Option<String>,
    /// When someone acknowledged it; null while nobody has.
    #[serde(default)]
    pub acknowledged_at: Option<Time>,
}

/// The reference that a window was measured against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceInfo {
    /// Its id.
    pub id: ReferenceId,
    /// Its rows.
    pub rows: u64,
    /// Since when it holds.
    pub effective_from: Time,
    /// Whether it is another version's.
    pub inherited: bool,
    /// Where it came from.
    pub origin: Origin,
}

/// The model as a whole when an event was decided.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ModelStateInfo {
    /// See [`WindowReport::drift_share`](super::WindowReport::drift_share).
    pub drift_share: Option<f64>,
    /// Features at drift or worse.
    pub drifted: u32,
    /// Features that could be judged.
    pub judgeable: u32,
    /// Features that could not.
    pub insufficient: u32,
    /// Incidents that are open.
    pub open_incidents: u32,
}

/// One of the features that an event of the whole model stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureBrief {
    /// The feature.
    pub feature: Name,
    /// What kind of fault.
    pub category: Category,
    /// How bad.
    pub severity: Severity,
    /// Its own incident.
    pub incident_id: String,
    /// Its psi, where measured.
    pub psi: Option<f64>,
}

/// Events that the hourly limit kept back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    /// How many.
    pub count: u64,
    /// Since when.
    pub since: Time,
}

/// The state of a trigger, in an event of its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerInfo {
    /// Its id.
    pub id: String,
    /// What it has become.
    pub state: String,
    /// How it ended.
    pub outcome: Option<String>,
    /// The run that it started.
    pub run_url: Option<String>,
}

/// A change of verdict that the policy lets through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftEvent {
    /// [`SCHEMA_VERSION`](super::SCHEMA_VERSION).
    pub schema_version: u32,
    /// Always `drift_event`.
    pub r#type: String,
    /// Its id.
    pub id: String,
    /// The deployment.
    pub application_id: String,
    /// What happened.
    pub transition: Transition,
    /// Why it closed; null unless resolved.
    pub reason: Option<ResolveReason>,
    /// Whether the sequential test decided it.
    pub early: bool,
    /// The window's end; of an early event, the look's.
    pub decided_at: Time,
    /// The trigger whose life it tells; null in all others.
    pub trigger: Option<TriggerInfo>,
    /// The model.
    pub model: Name,
    /// The version.
    pub version: Name,
    /// The segment.
    pub segment: Vec<Name>,
    /// A feature's or the whole model's.
    pub scope: Scope,
    /// What kind of fault.
    pub category: Category,
    /// The feature; null for the whole model.
    pub feature: Option<Name>,
    /// Its role.
    pub role: Option<Role>,
    /// Its kind.
    pub kind: Option<Kind>,
    /// The incident's peak so far.
    pub severity: Severity,
    /// The peak before.
    pub previous_severity: Severity,
    /// The incident.
    pub incident: IncidentInfo,
    /// The window; null in early events and in those of a trigger's life.
    pub window: Option<WindowInfo>,
    /// Rows with a valid value; null for the whole model and in early events.
    pub rows: Option<u64>,
    /// Rows where the feature was missing.
    pub missing: Option<u64>,
    /// Rows where it was invalid.
    pub invalid: Option<u64>,
    /// Rows of categories that the reference never saw; they are among `rows`.
    pub unseen: Option<u64>,
    /// The reference.
    pub reference: Option<ReferenceInfo>,
    /// Rows of the reference with a valid value.
    pub reference_rows: Option<u64>,
    /// What decided.
    pub decided_by: Vec<DecidedBy>,
    /// The part of the window that shows the change most; null: the whole.
    pub suffix: Option<Suffix>,
    /// The tests.
    pub tests: Option<Tests>,
    /// The measures.
    pub measures: Option<Measures>,
    /// Both sides summarized.
    pub summary: Option<Summaries>,
    /// The bins that moved most.
    pub top_bins: Vec<BinShare>,
    /// The most frequent categories that the reference never saw.
    #[serde(default)]
    pub new_categories: Vec<CategoryCount>,
    /// The model as a whole.
    pub model_state: Option<ModelStateInfo>,
    /// The worst features, in an event of the whole model.
    pub features: Vec<FeatureBrief>,
    /// How many features the event stands for.
    pub features_total: u32,
    /// Events that the hourly limit kept back since the last one.
    pub suppressed: Option<Suppressed>,
    /// Whether a mute kept it back until now; of a resolve, whether one is in force.
    pub muted: bool,
    /// One sentence for a person.
    pub explanation: String,
    /// The configuration that decided.
    pub config_id: String,
    /// Who is responsible.
    pub owner: Option<String>,
    /// What to do.
    pub runbook_url: Option<String>,
    /// The operator's own.
    pub labels: BTreeMap<String, String>,
    /// Whether it is a test.
    pub test: bool,
}
