//! What a model's operator decides: what is an alarm, what is published, when to retrain.

use crate::measure::PerMeasure;
use crate::reference::FeatureProfile;
use crate::words::{Kind, Name, Role, Severity};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// `[[model]]`, complete.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelSettings {
    /// Its name in the events; not empty.
    pub name: Name,
    /// Its input topics, some of `input.topics`; empty: all.
    pub topics: Vec<String>,
    /// What it is compared with.
    pub reference: ReferenceSource,
    /// What a version without a reference does.
    pub on_missing_reference: OnMissingReference,
    /// JSON Pointers of the values that cut its traffic into segments.
    pub segments: Vec<String>,
    /// Who is responsible.
    pub owner: Option<String>,
    /// What to do about its alarms.
    pub runbook_url: Option<String>,
    /// Free text by name.
    pub labels: BTreeMap<String, String>,
    /// `[policy]` with `[model.policy]` over it.
    pub policy: PolicySettings,
    /// The features that have settings of their own; for any, [`ModelSettings::feature`].
    pub features: BTreeMap<Name, FeatureSettings>,
}

impl ModelSettings {
    /// The settings of a feature, listed or not.
    pub fn feature(&self, name: &str) -> FeatureSettings {
        let default = || FeatureSettings {
            role: None,
            kind: None,
            importance: 1.0,
            thresholds: self.policy.thresholds,
        };
        self.features.get(name).copied().unwrap_or_else(default)
    }

    /// Whether a version without a reference takes the model's own.
    pub fn inherits(&self) -> bool {
        self.on_missing_reference == OnMissingReference::Inherit
    }

    /// Whether a version without a reference gets one of its own first rows.
    pub fn bootstraps(&self) -> bool {
        self.on_missing_reference == OnMissingReference::Bootstrap
    }

    /// The kinds that are said of features whose values are gathered; `None`: none are gathered.
    pub fn gathers(&self) -> Option<BTreeMap<Name, Kind>> {
        let kind = |(name, feature): (&Name, &FeatureSettings)| Some((name.clone(), feature.kind?));
        self.bootstraps().then(|| self.features.iter().filter_map(kind).collect())
    }
}

/// `model.reference`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceSource {
    /// What was published to the references topic.
    Topic,
    /// A file.
    File {
        /// As the configuration names it.
        written: String,
        /// Where it is: beside the configuration, unless absolute. Not part of a `config_id`, which
        /// is the same wherever the files lie.
        #[serde(skip)]
        path: PathBuf,
    },
}

/// `model.on_missing_reference`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMissingReference {
    /// Count, and judge nothing.
    Wait,
    /// Use the model's own, mark it, and never trigger.
    Inherit,
    /// Make one of the version's own first rows.
    Bootstrap,
}

/// `[model.features.*]`, complete.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FeatureSettings {
    /// What it is to the model; `None`: by where the event has it.
    pub role: Option<Role>,
    /// How its values compare; `None`: as the reference has it.
    pub kind: Option<Kind>,
    /// Its weight in the drift share, 0 or more.
    pub importance: f64,
    /// The model's, with the feature's own over them.
    pub thresholds: Thresholds,
}

/// `[policy]`, for one model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicySettings {
    /// What is published.
    pub mode: Mode,
    /// No trigger before a version has been seen for this long.
    pub warmup_ms: i64,
    /// A window with fewer rows is not judged.
    pub min_rows: u64,
    /// A less complete window is not judged; 0 to 1.
    pub min_completeness: f64,
    /// False alarms that a model may have in a time.
    pub budget: Budget,
    /// Sizes of change.
    pub thresholds: Thresholds,
    /// In which parts of a window a change is looked for, beside the whole.
    pub suffixes: Suffixes,
    /// Whether changes are looked for inside panes too.
    pub early: Early,
    /// When an incident is raised.
    pub raise: Raise,
    /// When it is cleared.
    pub clear: Clear,
    /// Quiet after an incident's event, for the same feature and category.
    pub event_cooldown_ms: i64,
    /// An incident without a window that could be judged for this long resolves.
    pub stale_after_ms: i64,
    /// A version without events for this long is retired.
    pub version_retire_after_ms: i64,
    /// A version with a smaller share of its model's events triggers no retraining; 0 to 1.
    pub min_traffic_share: f64,
    /// The longest that a mute may last.
    pub mute_max_ms: i64,
    /// What is published of incidents.
    pub events: EventsPolicy,
    /// When retraining is asked for.
    pub retrain: RetrainPolicy,
}

/// `[bootstrap]`: when a reference is made of a version's first rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootstrapSettings {
    /// It takes so many rows …
    pub min_rows: u64,
    /// … and so much event time, in milliseconds.
    pub min_duration_ms: i64,
    /// Rows from further back are not taken, in milliseconds; not less than the shortest.
    pub max_duration_ms: i64,
    /// Whether drift from it may trigger retraining.
    pub trust_bootstrap: bool,
}

/// `policy.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Reports only.
    Observe,
    /// And drift events.
    Alert,
    /// And retraining triggers.
    Trigger,
}

/// `policy.suffixes`: a change inside a window is thinned by what came before, and shows undiluted in
/// the window's last panes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Suffixes {
    /// Those for whose length the reference was calibrated.
    Calibrated,
    /// All; rows are taken as independent where the reference says nothing else.
    All,
    /// None.
    None,
}

/// `policy.early.enabled`: the sequential test inside panes. Its alarms are warnings, and never a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Early {
    /// Of the features that it was tried on, and found to suit, as the reference was built.
    Auto,
    /// Of all features.
    On,
    /// Of none.
    Off,
}

impl Early {
    /// Whether it is on for a feature of a reference.
    pub fn is_on(self, feature: &FeatureProfile) -> bool {
        match self {
            Early::Auto => feature.early.as_ref().is_some_and(|early| early.enabled),
            Early::On => true,
            Early::Off => false,
        }
    }
}

/// `policy.budget`: at most `false_events` false alarms in `per_ms` are expected.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Budget {
    /// Above 0.
    pub false_events: f64,
    /// Above 0.
    pub per_ms: i64,
}

/// `thresholds`: the sizes of change that make a verdict, by measure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Thresholds {
    /// By measure; `None`: it decides nothing.
    #[serde(flatten)]
    pub measures: PerMeasure<Option<Levels>>,
    /// Absolute change of the share of missing, invalid or unseen values.
    pub share: Levels,
}

/// The sizes from which a change is of a severity; above 0, none below the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Levels {
    /// From here on [`Severity::Warning`].
    pub warning: f64,
    /// From here on [`Severity::Drift`].
    pub drift: f64,
    /// From here on [`Severity::Critical`].
    pub critical: f64,
}

/// `policy.raise`: by `k` of the last `n` windows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Raise {
    /// At least 1, at most `n`.
    pub k: u32,
    /// At least 1.
    pub n: u32,
    /// Part of the window's size between first and last hit; 0 to 1.
    pub min_spread: f64,
}

/// `policy.clear`: by `k` of the last `n` windows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Clear {
    /// At least [`Raise::k`], at most `n`.
    pub k: u32,
    /// At least 1.
    pub n: u32,
    /// A window counts when it is ok by the thresholds times this; above 0, at most 1.
    pub factor: f64,
}

/// `[policy.events]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EventsPolicy {
    /// More features than this at once are one event of the whole model.
    pub max_feature_events: u32,
    /// A model's events an hour of stream time.
    pub max_events_per_hour: u32,
    /// What is published, and worse; not [`Severity::Ok`].
    pub min_severity: Severity,
}

/// `[policy.retrain]`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetrainPolicy {
    /// What asks for retraining.
    pub on: Vec<RetrainOn>,
    /// Open incidents of these on a feature that is a reason hold it back.
    pub block_on: Vec<BlockOn>,
    /// Share of the weight of judgeable features at drift or worse; above 0, at most 1.
    pub share: f64,
    /// And at least so many features.
    pub share_min_features: u32,
    /// A drift must have lasted this long.
    pub settle_ms: i64,
    /// And this many rows must have come since it began.
    pub min_rows_since_onset: u64,
    /// How far back recommended training data reach.
    pub lookback_ms: i64,
    /// Quiet after a trigger.
    pub cooldown_ms: i64,
    /// Triggers a day (UTC), model and version.
    pub daily_budget: u32,
    /// A trigger is asked for this long after the last one, or after the version was first seen,
    /// whatever its data say; `None`: never.
    pub schedule_ms: Option<i64>,
    /// Attempts to answer one drift; at least 1.
    pub max_attempts: u32,
    /// A trigger that nobody acknowledges expires.
    pub ttl_ms: i64,
    /// One that was acknowledged and not closed expires.
    pub run_ttl_ms: i64,
    /// Quiet after a trigger was rejected, unless other features drift.
    pub reject_hold_ms: i64,
}

/// `policy.retrain.on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RetrainOn {
    /// Enough of the features drifted.
    Share,
    /// One feature drifted.
    Feature,
    /// The prediction drifted.
    Prediction,
}

/// `policy.retrain.block_on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockOn {
    /// Missing, invalid or out of range.
    Quality,
    /// A feature gone, or of another type. (A new column is no reason for a trigger.)
    Schema,
    /// Windows that lost too much.
    Completeness,
}
