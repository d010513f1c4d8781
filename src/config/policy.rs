//! `[policy]`: from how surprising and how large a change is to what is published.
//!
//! A model's `[model.policy]` is laid over it before it is read, so that one reader serves both.

use super::section::Section;
use super::values::{
    self, choice, duration, fraction, list, percent, positive, small_count, some_duration, some_fraction,
};
use crate::words::Severity;
use serde::Serialize;

/// `[policy]`, for one model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyConfig {
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
    /// What is published of incidents.
    pub events: EventsPolicy,
    /// When retraining is asked for.
    pub retrain: RetrainPolicy,
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
    /// Population stability index.
    pub psi: Levels,
    /// Kolmogorov-Smirnov distance.
    pub ks: Levels,
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
    /// A trigger that nobody acted on expires.
    pub ttl_ms: i64,
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
    /// A feature gone, new, or of another type.
    Schema,
    /// Windows that lost too much.
    Completeness,
}

/// Reads `[policy]`.
pub(super) fn read(mut section: Section) -> Option<PolicyConfig> {
    let mode = section.read(
        "mode",
        choice(&[("observe", Mode::Observe), ("alert", Mode::Alert), ("trigger", Mode::Trigger)], &[]),
    );
    let warmup_ms = section.read("warmup", duration);
    let min_rows = section.read("min_rows", values::count(1..=u64::MAX));
    let min_completeness = section.read("min_completeness", fraction);
    let budget = read_budget(section.section("budget"));
    // Features have the same table, and a mistake in it is told once.
    let thresholds = read_thresholds(section.section_called("thresholds", "thresholds"));
    let raise_and_clear = read_raise_and_clear(&mut section);
    let event_cooldown_ms = section.read("event_cooldown", duration);
    let stale_after_ms = section.read("stale_after", some_duration);
    let version_retire_after_ms = section.read("version_retire_after", some_duration);
    let min_traffic_share = section.read("min_traffic_share", fraction);
    let events = read_events(section.section("events"));
    let retrain = read_retrain(section.section("retrain"));
    section.close();
    let (raise, clear) = raise_and_clear?;
    Some(PolicyConfig {
        mode: mode?,
        warmup_ms: warmup_ms?,
        min_rows: min_rows?,
        min_completeness: min_completeness?,
        budget: budget?,
        thresholds: thresholds?,
        raise,
        clear,
        event_cooldown_ms: event_cooldown_ms?,
        stale_after_ms: stale_after_ms?,
        version_retire_after_ms: version_retire_after_ms?,
        min_traffic_share: min_traffic_share?,
        events: events?,
        retrain: retrain?,
    })
}

fn read_budget(mut section: Section) -> Option<Budget> {
    let false_events = section.read("false_events", positive);
    let per_ms = section.read("per", some_duration);
    section.close();
    Some(Budget { false_events: false_events?, per_ms: per_ms? })
}

/// Reads `thresholds`, of a policy or a feature.
pub(super) fn read_thresholds(section: Section) -> Option<Thresholds> {
    let mut section = section.known_as("policy.thresholds");
    let psi = read_levels(section.section("psi"), "psi", false);
    let ks = read_levels(section.section("ks"), "ks", true);
    let share = read_levels(section.section("share"), "share", true);
    section.close();
    Some(Thresholds { psi: psi?, ks: ks?, share: share? })
}

fn read_levels(mut section: Section, measure: &str, at_most_one: bool) -> Option<Levels> {
    let mut level = |key| section.read(key, if at_most_one { some_fraction } else { positive });
    let (warning, drift, critical) = (level("warning"), level("drift"), level("critical"));
    let levels = match (warning, drift, critical) {
        (Some(warning), Some(drift), Some(critical)) => Some(Levels { warning, drift, critical }),
        _ => None,
    };
    if let Some(Levels { warning, drift, critical }) = levels {
        let ascend = |below: (&str, f64), above: (&str, f64)| {
            if below.1 > above.1 {
                let what = format!(
                    "`thresholds.{measure}.{}` ({}) is above `thresholds.{measure}.{}` ({})",
                    below.0, below.1, above.0, above.1
                );
                let hint = "thresholds ascend: warning, drift, critical";
                section.complain(&[below.0, above.0], what, Some(hint.into()));
            }
        };
        ascend(("warning", warning), ("drift", drift));
        ascend(("drift", drift), ("critical", critical));
    }
    section.close();
    levels
}

fn read_raise_and_clear(policy: &mut Section) -> Option<(Raise, Clear)> {
    let mut section = policy.section("raise");
    let windows = || small_count(1..=10_000);
    let (k, n) = (section.read("k", windows()), section.read("n", windows()));
    let min_spread = section.read("min_spread", percent);
    if let (Some(k), Some(n)) = (k, n)
        && k > n
    {
        section.complain(&["k", "n"], format!("`policy.raise` asks for {k} of {n} windows"), None);
    }
    let raise_place = section.place_of(&["k"]);
    section.close();
    let raise = k.zip(n).zip(min_spread).map(|((k, n), min_spread)| Raise { k, n, min_spread });

    let mut section = policy.section("clear");
    let (k, n) = (section.read("k", windows()), section.read("n", windows()));
    let factor = section.read("factor", some_fraction);
    if let (Some(k), Some(n)) = (k, n)
        && k > n
    {
        section.complain(&["k", "n"], format!("`policy.clear` asks for {k} of {n} windows"), None);
    }
    if let (Some(raise), Some(k)) = (raise, k)
        && k < raise.k
    {
        let what = format!("`policy.clear.k` ({k}) is below `policy.raise.k` ({})", raise.k);
        let hint = "the budget holds only where clearing takes at least as many windows as raising";
        let place = section.place_of(&["k"]).or(raise_place);
        section.mistakes().add(place.as_ref(), what, Some(hint.into()));
    }
    section.close();
    Some((raise?, Clear { k: k?, n: n?, factor: factor? }))
}

fn read_events(mut section: Section) -> Option<EventsPolicy> {
    let max_feature_events = section.read("max_feature_events", small_count(1..=u32::MAX));
    let max_events_per_hour = section.read("max_events_per_hour", small_count(1..=u32::MAX));
    let min_severity = section.read(
        "min_severity",
        choice(
            &[("warning", Severity::Warning), ("drift", Severity::Drift), ("critical", Severity::Critical)],
            &[],
        ),
    );
    section.close();
    Some(EventsPolicy {
        max_feature_events: max_feature_events?,
        max_events_per_hour: max_events_per_hour?,
        min_severity: min_severity?,
    })
}

fn read_retrain(mut section: Section) -> Option<RetrainPolicy> {
    let on = section.read(
        "on",
        list(choice(
            &[
                ("share", RetrainOn::Share),
                ("feature", RetrainOn::Feature),
                ("prediction", RetrainOn::Prediction),
            ],
            &["performance"],
        )),
    );
    let block_on = section.read(
        "block_on",
        list(choice(
            &[
                ("quality", BlockOn::Quality),
                ("schema", BlockOn::Schema),
                ("completeness", BlockOn::Completeness),
            ],
            &[],
        )),
    );
    let share = section.read("share", some_fraction);
    let share_min_features = section.read("share_min_features", small_count(1..=u32::MAX));
    let settle_ms = section.read("settle", duration);
    let min_rows_since_onset = section.read("min_rows_since_onset", values::count(0..=u64::MAX));
    let lookback_ms = section.read("lookback", some_duration);
    let cooldown_ms = section.read("cooldown", duration);
    let daily_budget = section.read("daily_budget", small_count(1..=u32::MAX));
    let ttl_ms = section.read("ttl", some_duration);
    section.close();
    Some(RetrainPolicy {
        on: on?,
        block_on: block_on?,
        share: share?,
        share_min_features: share_min_features?,
        settle_ms: settle_ms?,
        min_rows_since_onset: min_rows_since_onset?,
        lookback_ms: lookback_ms?,
        cooldown_ms: cooldown_ms?,
        daily_budget: daily_budget?,
        ttl_ms: ttl_ms?,
    })
}
