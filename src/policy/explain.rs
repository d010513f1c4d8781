//! One sentence for a person. Informs; nothing reads it back.

use super::book::JudgedFeature;
use super::record::{Category, FeatureBrief, ResolveReason, WindowInfo};
use crate::words::{Kind, ModelKey, Question};

/// What was found in a feature.
pub(super) fn detected(
    judged: &JudgedFeature,
    category: Category,
    key: &ModelKey,
    window: &WindowInfo,
) -> String {
    let report = &judged.report;
    let subject = format!("{} of {}", report.feature, model(key));
    let over = span(window);
    if category == Category::Quality {
        let all = (report.rows + report.missing + report.invalid).max(1) as f64;
        let now = (report.missing + report.invalid) as f64 / all * 100.0;
        let before = report.summary.reference.missing_rate.unwrap_or(0.0) * 100.0;
        let verb =
            if now >= before { "is missing or invalid in" } else { "is no longer missing as often: in" };
        return format!("{subject} {verb} {now:.1} % of rows over {over}, {before:.1} % in the reference");
    }
    let unseen =
        judged.judgement.distribution.as_ref().is_some_and(|f| f.decided_by.contains(&Question::Unseen));
    let mut what = match (report.kind, report.summary.reference.p50, report.summary.current.p50) {
        (Kind::Continuous | Kind::Discrete, Some(before), Some(now)) => {
            let direction = match now.total_cmp(&before) {
                std::cmp::Ordering::Greater => "moved up",
                std::cmp::Ordering::Less => "moved down",
                std::cmp::Ordering::Equal => "changed shape",
            };
            format!("{direction}: median {} to {}", short(before), short(now))
        }
        _ if unseen => "has categories that the reference never saw".to_owned(),
        _ => match report.top_bins.first() {
            Some(bin) => format!(
                "changed its mix: {} from {:.1} % to {:.1} %",
                bin.label,
                bin.reference_share * 100.0,
                bin.current_share * 100.0
            ),
            None => "changed its mix".to_owned(),
        },
    };
    if let Some(psi) = report.measures.psi {
        let drift =
            psi.threshold.map(|threshold| format!(" ({} is drift)", short(threshold))).unwrap_or_default();
        what.push_str(&format!(", PSI {:.3}{drift}", psi.value));
    }
    format!("{subject} {what} over {over}")
}

/// Why an incident of a feature closed.
pub(super) fn resolved(feature: &str, key: &ModelKey, reason: ResolveReason) -> String {
    format!("{feature} of {}: {}", model(key), because(reason))
}

/// What was found in many features at once.
pub(super) fn group(briefs: &[FeatureBrief], total: usize, key: &ModelKey, window: &WindowInfo) -> String {
    let names: Vec<&str> = briefs.iter().take(5).map(|brief| &*brief.feature).collect();
    let more = if total > names.len() { ", …" } else { "" };
    format!(
        "{total} features of {} changed at once over {}: {}{more}",
        model(key),
        span(window),
        names.join(", ")
    )
}

/// Why an incident of the whole model closed.
pub(super) fn group_resolved(total: u32, key: &ModelKey, reason: ResolveReason) -> String {
    format!("all {total} features of {}: {}", model(key), because(reason))
}

fn because(reason: ResolveReason) -> &'static str {
    match reason {
        ResolveReason::Recovered => "back to the reference",
        ResolveReason::Stale => "no window could be judged for long",
        ResolveReason::Silent => "the model has gone quiet",
        ResolveReason::NewReference => "a new reference is in force",
        ResolveReason::VersionRetired => "the version has gone quiet",
        ResolveReason::ConfigChanged => "windows are cut differently now",
        ResolveReason::FeatureRemoved => "the reference no longer has it",
    }
}

/// `model/version`, with the segment where there is one.
pub(super) fn model(key: &ModelKey) -> String {
    let mut text = key.model.to_string();
    if !key.version.is_empty() {
        text = format!("{text}/{}", key.version);
    }
    if !key.segment.is_empty() {
        text = format!("{text} [{}]", key.segment.join(", "));
    }
    text
}

fn span(window: &WindowInfo) -> String {
    let seconds = window.end.since_ms(window.start) / 1000;
    match seconds {
        s if s >= 3600 && s % 3600 == 0 => format!("{} h", s / 3600),
        s if s >= 60 && s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// Four significant digits, without an exponent where that is short.
fn short(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e7).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = (3 - magnitude.max(1e-4).log10().floor() as i32).clamp(0, 7) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown: Vec<String> =
            [0.1, 71.0, 203.512, 1234.56, 1e9, 0.0, 1e-7].iter().map(|v| short(*v)).collect();
        assert_eq!(shown, ["0.1", "71", "203.5", "1235", "1.000e9", "0", "1.000e-7"]);
    }
}
