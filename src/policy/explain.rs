//! One sentence for a person. Informs; nothing reads it back.

use super::book::{Gone, JudgedFeature};
use super::record::{Category, FeatureBrief, FeatureReport, ResolveReason, WindowInfo};
use crate::measure::{MEASURES, Measure, MeasureValue, Summary};
use crate::words::{Kind, ModelKey, Question, Time};

/// What was found in a feature, since about `onset`.
pub(super) fn detected(
    judged: &JudgedFeature,
    category: Category,
    key: &ModelKey,
    window: &WindowInfo,
    onset: Time,
) -> String {
    let report = judged.shown(category);
    let over = over(judged, category, window);
    let subject = format!("{} of {}", report.feature, model(key));
    let since = format!("since about {}", minute(onset));
    match (category, judged.gone) {
        (Category::Schema, Some(gone)) => return format!("{subject} {}, {since}", schema(report.kind, gone)),
        (Category::Schema | Category::Quality, _) => {
            return format!("{subject} {} over {over}, {since}", quality(report));
        }
        (Category::Distribution | Category::Retraining, _) => {}
    }
    let unseen =
        judged.judgement.distribution.as_ref().is_some_and(|f| f.decided_by.contains(&Question::Unseen));
    let what = match (&report.summary.reference, &report.summary.current) {
        _ if unseen => new_categories(report),
        (before, now) if report.kind.is_numeric() => {
            moved(before, now).unwrap_or_else(|| "changed shape".to_owned())
        }
        _ => "changed its mix".to_owned(),
    };
    let size = shown_by(report).map(|size| format!(", {size}")).unwrap_or_default();
    let bins = moved_most(report).map(|bins| format!("; most in {bins}")).unwrap_or_default();
    let rows = grouped(report.rows);
    format!("{subject} {what}{size} over {over} ({rows} rows), {since}{bins}")
}

/// How long the part of the window is that shows it.
fn over(judged: &JudgedFeature, category: Category, window: &WindowInfo) -> String {
    let suffix = judged.judgement.finding(category).and_then(|finding| finding.suffix);
    match suffix {
        Some(suffix) => format!("the last {}", span(suffix.start, window.end)),
        None => span(window.start, window.end),
    }
}

/// The share of rows without a valid value, before and now.
fn quality(report: &FeatureReport) -> String {
    let (bad, all) = (report.missing + report.invalid, report.rows + report.missing + report.invalid);
    let now = bad as f64 / all.max(1) as f64 * 100.0;
    let before = report.summary.reference.missing_rate.unwrap_or(0.0) * 100.0;
    let verb = if now >= before { "is missing or invalid in" } else { "is no longer missing as often: in" };
    format!("{verb} {now:.1} % of {} rows, {before:.1} % in the reference,", grouped(all))
}

/// That it is gone, or that what is there is of another type.
fn schema(kind: Kind, Gone { rows, invalid }: Gone) -> String {
    let (rows, bad) = (grouped(rows), grouped(invalid));
    match invalid {
        0 => format!("is gone: none of the last {rows} rows has a value"),
        _ => format!("has another type: none of the last {rows} rows has a {kind} value, {bad} have another"),
    }
}

/// That rows have a column which the reference does not have, since about `onset`.
pub(super) fn new_column(column: &str, rows: u64, key: &ModelKey, onset: Time) -> String {
    let (model, rows, since) = (model(key), grouped(rows), minute(onset));
    format!(
        "{column} of {model} is new: {rows} rows of the last pane have it and the reference does not, since about {since}"
    )
}

/// New categories by name, with their rows.
fn new_categories(report: &FeatureReport) -> String {
    let new = &report.new_categories;
    let named: Vec<String> =
        new.iter().take(3).map(|new| format!("{} ({} rows)", new.category, grouped(new.rows))).collect();
    let more = if new.len() > named.len() { " and others" } else { "" };
    format!("has categories that the reference never saw: {}{more}", named.join(", "))
}

/// How the middle of the numbers moved; where it hardly did, how far they spread. None where neither.
fn moved(before: &Summary, now: &Summary) -> Option<String> {
    let (was, is) = (before.p50?, now.p50?);
    let (was_wide, is_wide) = (before.p95? - before.p05?, now.p95? - now.p05?);
    if (is - was).abs() >= 0.02 * was_wide && is != was {
        let direction = if is > was { "up" } else { "down" };
        return Some(format!("moved {direction}: median {} to {}", short(was), short(is)));
    }
    let wider = match () {
        () if is_wide > 1.1 * was_wide => "spread",
        () if is_wide < was_wide / 1.1 => "narrowed",
        () => return None,
    };
    let middle = |summary: &Summary| Some(format!("{} to {}", short(summary.p05?), short(summary.p95?)));
    Some(format!("{wider}: nine tenths in {}, now {}", middle(before)?, middle(now)?))
}

/// The measure that is furthest over its threshold of drift.
fn shown_by(report: &FeatureReport) -> Option<String> {
    let judged = MEASURES.iter().filter_map(|info| {
        let measure = (*report.measures.get(info.measure))?;
        Some((info, measure, measure.threshold.filter(|_| info.question == Question::Shape)?))
    });
    let beyond = |(_, measure, threshold): &(_, MeasureValue, f64)| measure.corrected.abs() / threshold;
    let (info, measure, threshold) = judged.max_by(|a, b| beyond(a).total_cmp(&beyond(b)))?;
    let name = match info.measure {
        Measure::Psi | Measure::Ks => info.name.to_uppercase(),
        _ => info.name.replace('_', " "),
    };
    Some(format!("{name} {:.3} ({} is drift)", measure.value, short(threshold)))
}

/// The two bins that moved most, with their shares before and now.
fn moved_most(report: &FeatureReport) -> Option<String> {
    let share = |share: f64| format!("{:.1} %", share * 100.0);
    let moved = report.top_bins.iter().take(2).map(|bin| {
        format!("{} from {} to {}", bin.label, share(bin.reference_share), share(bin.current_share))
    });
    let moved: Vec<String> = moved.collect();
    (!moved.is_empty()).then(|| moved.join(" and "))
}

/// Why an incident of a feature closed.
pub(super) fn resolved(feature: &str, key: &ModelKey, reason: ResolveReason) -> String {
    format!("{feature} of {}: {}", model(key), because(reason))
}

/// What was found in many features at once, since about `onset`.
pub(super) fn group(
    briefs: &[FeatureBrief],
    total: usize,
    key: &ModelKey,
    window: Option<&WindowInfo>,
    onset: Time,
) -> String {
    let names: Vec<&str> = briefs.iter().take(5).map(|brief| &*brief.feature).collect();
    let more = if total > names.len() { ", …" } else { "" };
    let over = match window {
        Some(window) => format!("changed at once over {}", span(window.start, window.end)),
        None => "seem to change at once".to_owned(),
    };
    let (model, since) = (model(key), minute(onset));
    format!("{total} features of {model} {over}, since about {since}: {}{more}", names.join(", "))
}

/// What early sight saw in a feature, since about `onset`.
pub(super) fn early(feature: &str, what: &str, key: &ModelKey, onset: Time) -> String {
    format!(
        "{feature} of {} seems to change since about {}: {what}; the windows that close next confirm it or not",
        model(key),
        minute(onset)
    )
}

/// Why an incident of the whole model closed.
pub(super) fn group_resolved(total: u32, key: &ModelKey, reason: ResolveReason) -> String {
    format!("all {total} features of {}: {}", model(key), because(reason))
}

pub(super) fn because(reason: ResolveReason) -> &'static str {
    match reason {
        ResolveReason::Recovered => "back to the reference",
        ResolveReason::NotConfirmed => "early sight saw a change that the windows since do not show",
        ResolveReason::Stale => "no window could be judged for long",
        ResolveReason::Silent => "the model has gone quiet",
        ResolveReason::NewReference => "a new reference is in force",
        ResolveReason::VersionRetired => "the version has gone quiet",
        ResolveReason::ConfigChanged => "windows are cut differently now",
        ResolveReason::FeatureRemoved => "the reference no longer has it",
        ResolveReason::ClosedByUser => "someone closed it",
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

fn span(start: Time, end: Time) -> String {
    let seconds = end.since_ms(start) / 1000;
    match seconds {
        s if s >= 3600 && s % 3600 == 0 => format!("{} h", s / 3600),
        s if s >= 60 && s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// A time to the minute.
fn minute(time: Time) -> String {
    let text = time.to_string();
    match text.strip_suffix('Z').and_then(|text| text.rsplit_once(':')) {
        Some((minute, _)) => format!("{} UTC", minute.replace('T', " ")),
        None => text,
    }
}

/// A count with a comma before every third digit.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Four significant digits, without an exponent where that is short.
pub(super) fn short(value: f64) -> String {
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
    use super::super::record::{Summaries, Tests, WindowState};
    use super::super::verdict::{Finding, Judgement};
    use super::*;
    use crate::measure::{BinShare, CategoryCount, Measures};
    use crate::window::Flow;
    use crate::words::{Kind, Role, Severity, Verdict};

    fn quantiles(p05: f64, p50: f64, p95: f64) -> Summary {
        let missing_rate = Some(0.001);
        Summary { p05: Some(p05), p50: Some(p50), p95: Some(p95), missing_rate, ..Summary::default() }
    }

    fn measure(value: f64, threshold: f64) -> Option<MeasureValue> {
        Some(MeasureValue { value, low: value, high: value, corrected: value, threshold: Some(threshold) })
    }

    fn bin(label: &str, reference_share: f64, current_share: f64) -> BinShare {
        BinShare { label: label.into(), reference_share, current_share, contribution: 0.1 }
    }

    /// A feature of a window of 482,103 rows over 24 h.
    fn report(kind: Kind) -> FeatureReport {
        FeatureReport {
            feature: "amount".into(),
            role: Role::Feature,
            kind,
            reference_rows: 1_200_000,
            reference_missing: 1200,
            rows: 481_792,
            missing: 311,
            invalid: 0,
            unseen: 0,
            importance: 1.0,
            verdict: Verdict::Drift,
            drift: true,
            dependence: None,
            tests: Tests::default(),
            measures: Measures { psi: measure(0.312, 0.1), ks: measure(0.2, 0.125), ..Measures::default() },
            summary: Summaries {
                reference: quantiles(9.9, 71.0, 203.5),
                current: quantiles(12.0, 95.4, 310.0),
            },
            top_bins: vec![bin("(203.5, +inf)", 0.1, 0.231), bin("(-inf, 9.9]", 0.1, 0.05)],
            new_categories: vec![],
            warnings: vec![],
            distribution: None,
            season: None,
            early: None,
        }
    }

    fn told(report: FeatureReport, category: Category, decided_by: Question) -> String {
        let finding = || Finding {
            severity: Severity::Drift,
            is_clear: false,
            decided_by: vec![decided_by],
            suffix: None,
        };
        let judgement = Judgement {
            verdict: Verdict::Drift,
            distribution: (category == Category::Distribution).then(finding),
            quality: (category == Category::Quality).then(finding),
            tests: Tests::default(),
        };
        let time = |text| Time::parse(text).unwrap();
        let window = WindowInfo::new(
            time("2026-03-03T11:00:00Z"),
            time("2026-03-04T11:00:00Z"),
            WindowState::Complete,
            Flow::default(),
        );
        let key = ModelKey { model: "fraud".into(), version: "7".into(), segment: vec!["eu".into()] };
        let onset = time("2026-03-04T03:00:00Z");
        detected(
            &JudgedFeature { report, judgement, answers: vec![], parts: vec![], gone: None },
            category,
            &key,
            &window,
            onset,
        )
    }

    fn shape(report: FeatureReport) -> String {
        told(report, Category::Distribution, Question::Shape)
    }

    #[test]
    fn a_shift_is_told_by_the_median_the_measure_the_rows_the_onset_and_the_bins() {
        assert_eq!(
            shape(report(Kind::Continuous)),
            "amount of fraud/7 [eu] moved up: median 71 to 95.4, PSI 0.312 (0.1 is drift) over 24 h (481,792 rows), \
             since about 2026-03-04 03:00 UTC; most in (203.5, +inf) from 10.0 % to 23.1 % and (-inf, 9.9] from \
             10.0 % to 5.0 %"
        );
    }

    #[test]
    fn a_change_that_leaves_the_median_is_told_by_the_spread_or_the_bins() {
        let mut wider = report(Kind::Continuous);
        wider.summary.current = quantiles(-40.0, 71.5, 290.0);
        assert!(
            shape(wider.clone()).starts_with(
                "amount of fraud/7 [eu] spread: nine tenths in 9.9 to 203.5, now -40 to 290, PSI"
            )
        );
        wider.summary.current = quantiles(50.0, 71.0, 100.0);
        assert!(shape(wider.clone()).contains(" narrowed: nine tenths in 9.9 to 203.5, now 50 to 100, PSI"));
        wider.summary.current = quantiles(9.9, 71.0, 203.5);
        assert!(shape(wider).contains(" changed shape, PSI"));
    }

    #[test]
    fn the_measure_furthest_over_its_threshold_is_told() {
        let mut by_distance = report(Kind::Discrete);
        by_distance.measures.wasserstein = measure(0.8, 0.2);
        by_distance.measures.missing_z_score = measure(99.0, 1.0);
        assert!(shape(by_distance).contains(", wasserstein 0.800 (0.2 is drift) over"));
    }

    #[test]
    fn a_mix_is_told_by_the_categories_that_moved_most() {
        let mut mix = report(Kind::Categorical);
        (mix.summary.reference.p50, mix.summary.current.p50) = (None, None);
        mix.top_bins = vec![bin("web", 0.4, 0.55)];
        let told = shape(mix);
        assert!(told.contains(" changed its mix, PSI 0.312"), "{told}");
        assert!(told.ends_with("; most in web from 40.0 % to 55.0 %"), "{told}");
    }

    #[test]
    fn new_categories_are_named_with_their_rows() {
        let mut new = report(Kind::Categorical);
        let named = |category: &str, rows| CategoryCount { category: category.into(), rows };
        new.new_categories = vec![named("tablet", 8120), named("watch", 90), named("tv", 7), named("car", 1)];
        let unseen = |report| told(report, Category::Distribution, Question::Unseen);
        assert!(
            unseen(new.clone()).contains(
                " has categories that the reference never saw: tablet (8,120 rows), watch (90 rows), tv (7 rows) and others, PSI"
            )
        );
        new.new_categories.truncate(1);
        assert!(unseen(new).contains(" never saw: tablet (8,120 rows), PSI"));
    }

    #[test]
    fn missing_values_are_told_as_shares_before_and_now() {
        let mut gone = report(Kind::Continuous);
        (gone.rows, gone.missing, gone.invalid) = (400_000, 90_000, 10_000);
        let quality = |report| told(report, Category::Quality, Question::Missing);
        assert_eq!(
            quality(gone.clone()),
            "amount of fraud/7 [eu] is missing or invalid in 20.0 % of 500,000 rows, 0.1 % in the reference, over 24 h, \
             since about 2026-03-04 03:00 UTC"
        );
        gone.summary.reference.missing_rate = Some(0.5);
        assert!(
            quality(gone).contains(" is no longer missing as often: in 20.0 % of 500,000 rows, 50.0 % in")
        );
    }

    #[test]
    fn a_feature_that_is_gone_or_of_another_type_is_called_so() {
        let told = |invalid| schema(Kind::Continuous, Gone { rows: 6234, invalid });
        assert_eq!(told(0), "is gone: none of the last 6,234 rows has a value");
        assert_eq!(
            told(5000),
            "has another type: none of the last 6,234 rows has a continuous value, 5,000 have another"
        );
    }

    #[test]
    fn numbers_are_short() {
        let shown: Vec<String> =
            [0.1, 71.0, 203.512, 1234.56, 1e9, 0.0, 1e-7].iter().map(|v| short(*v)).collect();
        assert_eq!(shown, ["0.1", "71", "203.5", "1235", "1.000e9", "0", "1.000e-7"]);
        let counts: Vec<String> = [0, 999, 1000, 1_234_567].iter().map(|count| grouped(*count)).collect();
        assert_eq!(counts, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_time_that_has_no_calendar_is_told_as_it_is() {
        assert_eq!(minute(Time::EPOCH), "1970-01-01 00:00 UTC");
        assert_eq!(minute(Time::from_ms(i64::MAX)), "9223372036854775807ms");
    }
}
