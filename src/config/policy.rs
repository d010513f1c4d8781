//! `[policy]`: from how surprising and how large a change is to what is published.
//!
//! A model's `[model.policy]` is laid over it before it is read, so that one reader serves both.

use super::section::Section;
use super::tree::{Node, Value};
use super::values::{
    self, choice, duration, fraction, list, percent, positive, small_count, some_duration, some_fraction,
};
use crate::measure::{MEASURES, PerMeasure, Range};
use crate::policy::{
    BlockOn, Budget, Clear, Early, EventsPolicy, Levels, Mode, PolicySettings, Raise, RetrainOn,
    RetrainPolicy, Suffixes, Thresholds,
};
use crate::words::{Severity, parse_duration_ms};

/// Reads `[policy]`.
pub(super) fn read(mut section: Section) -> Option<PolicySettings> {
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
    let suffixes = section.read(
        "suffixes",
        choice(
            &[("calibrated", Suffixes::Calibrated), ("all", Suffixes::All), ("none", Suffixes::None)],
            &[],
        ),
    );
    let early = read_early(section.section("early"));
    let raise_and_clear = read_raise_and_clear(&mut section);
    let event_cooldown_ms = section.read("event_cooldown", duration);
    let stale_after_ms = section.read("stale_after", some_duration);
    let version_retire_after_ms = section.read("version_retire_after", some_duration);
    let min_traffic_share = section.read("min_traffic_share", fraction);
    let mute_max_ms = read_mute(section.section("mute"));
    let events = read_events(section.section("events"));
    let retrain = read_retrain(section.section("retrain"));
    section.close();
    let (raise, clear) = raise_and_clear?;
    Some(PolicySettings {
        mode: mode?,
        warmup_ms: warmup_ms?,
        min_rows: min_rows?,
        min_completeness: min_completeness?,
        budget: budget?,
        thresholds: thresholds?,
        suffixes: suffixes?,
        early: early?,
        raise,
        clear,
        event_cooldown_ms: event_cooldown_ms?,
        stale_after_ms: stale_after_ms?,
        version_retire_after_ms: version_retire_after_ms?,
        min_traffic_share: min_traffic_share?,
        mute_max_ms: mute_max_ms?,
        events: events?,
        retrain: retrain?,
    })
}

fn read_early(mut section: Section) -> Option<Early> {
    let enabled = section.read("enabled", |node| match &node.value {
        Value::Flag(true) => Ok(Early::On),
        Value::Flag(false) => Ok(Early::Off),
        _ => choice(&[("auto", Early::Auto)], &[])(node),
    });
    section.close();
    enabled
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
    let mut measures = PerMeasure::default();
    let mut complete = true;
    for info in &MEASURES {
        if section.optional(info.name).is_some() {
            let levels = read_levels(section.section(info.name), info.name, info.range == Range::Fraction);
            complete &= levels.is_some();
            *measures.get_mut(info.measure) = levels;
        }
    }
    let share = read_levels(section.section("share"), "share", true);
    section.close();
    complete.then_some(Thresholds { measures, share: share? })
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

fn read_mute(mut section: Section) -> Option<i64> {
    let max_ms = section.read("max", some_duration);
    section.close();
    max_ms
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
    let schedule_ms = section.read("schedule", every);
    let max_attempts = section.read("max_attempts", small_count(1..=u32::MAX));
    let ttl_ms = section.read("ttl", some_duration);
    let run_ttl_ms = section.read("run_ttl", some_duration);
    let reject_hold_ms = section.read("reject_hold", duration);
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
        schedule_ms: schedule_ms?,
        max_attempts: max_attempts?,
        ttl_ms: ttl_ms?,
        run_ttl_ms: run_ttl_ms?,
        reject_hold_ms: reject_hold_ms?,
    })
}

/// `"every 30d"`; the empty text stands for never.
fn every(node: &Node) -> values::Read<Option<i64>> {
    let Some(text) = values::optional_text(node)? else { return Ok(None) };
    let ms = text.strip_prefix("every ").and_then(|length| parse_duration_ms(length).ok());
    match ms.filter(|ms| *ms > 0) {
        Some(ms) => Ok(Some(ms)),
        None => values::refuse_with(format!("must be a schedule, not {text:?}"), "write \"every 30d\""),
    }
}
