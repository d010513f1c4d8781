//! Retraining triggers.

use crate::reference::ReferenceId;
use crate::words::{Name, Severity, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why retraining is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Enough of the features drifted.
    Share,
    /// A feature drifted.
    Feature,
    /// A prediction drifted.
    Prediction,
    /// Its time had come.
    Schedule,
    /// Someone asked for it.
    Manual,
}

impl Cause {
    /// The name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Share => "share",
            Cause::Feature => "feature",
            Cause::Prediction => "prediction",
            Cause::Schedule => "schedule",
            Cause::Manual => "manual",
        }
    }
}

/// One of the drifts behind a trigger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerReason {
    /// Its last published event; null when none was.
    pub event_id: Option<String>,
    /// Its incident; null when none is open.
    pub incident_id: Option<String>,
    /// The feature.
    pub feature: Name,
    /// The measure that shows it most.
    pub measure: String,
    /// Its certain, corrected value.
    pub value: f64,
    /// The value from which it is drift.
    pub threshold: f64,
    /// The feature's weight.
    pub importance: f64,
}

/// A time range of the stream with its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowRange {
    /// Its first instant.
    pub start: Time,
    /// Its end, not part of it.
    pub end: Time,
    /// Rows of the version in it.
    pub rows: u64,
}

/// What of the topics holds the data to train on: a superset, to be filtered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerData {
    /// Which rows of the offsets are meant.
    pub filter: DataFilter,
    /// The window that drifted.
    pub drifted: RowRange,
    /// What to train on.
    pub recommended: RowRange,
    /// The Kafka cluster; null where it is not known.
    pub cluster_id: Option<String>,
    /// Offsets of the recommended range.
    pub offsets: Vec<OffsetsInfo>,
    /// Where labels are; null without labels.
    pub labels: Option<String>,
    /// How good the data are.
    pub quality: DataQuality,
}

/// Which rows are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFilter {
    /// The model.
    pub model: Name,
    /// Its versions.
    pub versions: Vec<Name>,
}

/// Half-open offsets of an input partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetsInfo {
    /// Topic.
    pub topic: Name,
    /// Partition.
    pub partition: i32,
    /// First offset.
    pub first_offset: i64,
    /// The offset after the last.
    pub next_offset: i64,
    /// Whether the partition still had all of them when it was decided; the engine takes it to have.
    pub complete: bool,
    /// Why not: what is deleted from the log.
    pub reason: Option<String>,
}

/// How good the data of a range are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DataQuality {
    /// Events over events and those left out (0 to 1).
    pub completeness: f64,
    /// Records of the offsets that went to the dead letters; null where not known, which is everywhere so
    /// far: what could not be read is of no model, and stage 2 does not hear of it.
    pub dead_letters: Option<u64>,
    /// Rows that came too late.
    pub late: u64,
}

/// What a model may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerBudget {
    /// Triggers of the UTC day, this one included.
    pub used_today: u32,
    /// Triggers a day.
    pub daily: u32,
    /// No other before this.
    pub cooldown_until: Time,
}

/// A request to retrain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetrainingTrigger {
    /// [`SCHEMA_VERSION`](super::SCHEMA_VERSION).
    pub schema_version: u32,
    /// Always `retraining_trigger`.
    pub r#type: String,
    /// Its id.
    pub id: String,
    /// The deployment.
    pub application_id: String,
    /// The model.
    pub model: Name,
    /// The version.
    pub version: Name,
    /// The segment: always all traffic.
    pub segment: Vec<Name>,
    /// The window's end.
    pub decided_at: Time,
    /// When it expires unless acted on.
    pub expires_at: Time,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// How many attempts there are.
    pub max_attempts: u32,
    /// The trigger that it takes the place of.
    pub supersedes: Option<String>,
    /// Why.
    pub cause: Cause,
    /// The worst of its reasons.
    pub severity: Severity,
    /// The worst drifts, at most ten.
    pub reasons: Vec<TriggerReason>,
    /// How many there are.
    pub reasons_total: u32,
    /// The drift share.
    pub drift_share: Option<f64>,
    /// The share from which retraining is asked for.
    pub drift_share_threshold: f64,
    /// How the model performs; null without labels.
    pub performance: Option<String>,
    /// The reference that it was measured against.
    pub reference: TriggerReference,
    /// The data to train on.
    pub data: TriggerData,
    /// What is left of the budget.
    pub budget: TriggerBudget,
    /// One sentence for a person.
    pub explanation: String,
    /// The configuration that decided.
    pub config_id: String,
    /// Who is responsible.
    pub owner: Option<String>,
    /// The operator's own.
    pub labels: BTreeMap<String, String>,
    /// Whether it is a test.
    pub test: bool,
}

/// The reference of a trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerReference {
    /// Its id.
    pub id: ReferenceId,
    /// Since when it holds.
    pub effective_from: Time,
}
