//! The form of a trigger: its reasons, the worst first, and the data to train on.

use super::book::JudgedFeature;
use super::explain;
use super::ids::trigger_id;
use super::record::{
    Cause, DataFilter, DataQuality, RetrainingTrigger, RowRange, SCHEMA_VERSION, TriggerBudget, TriggerData,
    TriggerReason, TriggerReference,
};
use super::retrain::{Due, Failed, drifted};
use super::verdict::{Answered, severity, sized};
use crate::words::{Question, Severity};

/// Reasons named in a trigger.
const REASONS_NAMED: usize = 10;

/// The request to retrain for `cause`, the `used_today`th of its day. Where an attempt for the same drift
/// `failed` it takes that one's place.
pub(super) fn trigger(
    due: &Due<'_>,
    cause: Cause,
    used_today: u32,
    failed: Option<&Failed>,
) -> RetrainingTrigger {
    let (settings, end) = (due.settings, due.window.end);
    let retrain = &settings.policy.retrain;
    let mut reasons: Vec<(Severity, TriggerReason)> =
        drifted(due).filter_map(|judged| reason(due, judged)).collect();
    reasons.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.feature.cmp(&b.1.feature)));
    let total = reasons.len();
    let severity = reasons.first().map_or(Severity::Ok, |(severity, _)| *severity);
    let names: Vec<&str> = reasons.iter().take(3).map(|(_, reason)| &*reason.feature).collect();
    let explanation = format!("retrain {}: {}", explain::model(due.key), because(due, cause, &names, total));
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
        attempt: failed.map_or(1, |failed| failed.attempt + 1),
        max_attempts: retrain.max_attempts,
        supersedes: failed.map(|failed| failed.id.clone()),
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
        data: data(due),
        budget: TriggerBudget { used_today, daily: retrain.daily_budget, cooldown_until },
        explanation,
        config_id: due.config_id.into(),
        owner: settings.owner.clone(),
        labels: settings.labels.clone(),
        test: false,
    }
}

fn data(due: &Due<'_>) -> TriggerData {
    let end = due.window.end;
    TriggerData {
        filter: DataFilter { model: due.key.model.clone(), versions: vec![due.key.version.clone()] },
        drifted: RowRange { start: due.window.start, end, rows: due.window.events },
        recommended: RowRange { start: due.data.start, end, rows: due.data.rows },
        cluster_id: None,
        offsets: due.data.offsets.clone(),
        labels: None,
        quality: DataQuality { completeness: due.data.completeness, dead_letters: None, late: due.data.late },
    }
}

/// Why, for a person.
fn because(due: &Due<'_>, cause: Cause, worst: &[&str], total: usize) -> String {
    let share = due.drift_share.unwrap_or(0.0) * 100.0;
    let drift = match total {
        0 => "no feature has drifted".to_owned(),
        _ => format!("{total} features drifted ({share:.0} % of the weight), the worst {}", worst.join(", ")),
    };
    match (cause, due.requested) {
        (Cause::Manual, Some(command)) => {
            let why = command.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            format!("{} asked for it{why}; {drift}", command.actor)
        }
        (Cause::Schedule, _) => format!("its time has come; {drift}"),
        _ => drift,
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
