//! From p-values and sizes to verdicts.
//!
//! A verdict needs significance (the certain p-value at or under the level) **and** size: so a
//! million rows don't make a trifle an alarm, nor fifty a fluke. The level is not a taste but what
//! the model's false-alarm budget leaves for each question.

use super::record::{Category, FeatureReport, Suffix, TestReport, Tests};
use super::settings::{Budget, Levels, Thresholds};
use crate::measure::{Comparison, MEASURES, Sizes, Tested};
use crate::words::{Question, Severity, Verdict};

/// The level of each question judged at a window's end: `raise_k · (false_events / 2) · slide /
/// (per · questions)`. Half of the budget is the sequential test's, whether it is on or not, so that
/// turning it on changes no level.
pub fn level(budget: Budget, raise_k: u32, slide_ms: i64, questions: u64) -> f64 {
    let windows = budget.per_ms as f64 / slide_ms as f64;
    (f64::from(raise_k) * budget.false_events / 2.0 / (windows * questions.max(1) as f64)).min(1.0)
}

/// What was found of one category of fault in a feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// How bad: [`Severity::Ok`] when it is not significant or too small.
    pub severity: Severity,
    /// Whether it would be ok with the thresholds of clearing too.
    pub is_clear: bool,
    /// The questions that make the severity.
    pub decided_by: Vec<Question>,
    /// The part of the window that shows the worst of it; `None`: the whole, or nothing to show.
    pub suffix: Option<Suffix>,
}

/// What a window says of a feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The worst of its findings, or why there are none.
    pub verdict: Verdict,
    /// Values and shape; `None` when it could not be judged.
    pub distribution: Option<Finding>,
    /// Missing and invalid values; `None` when it could not be judged.
    pub quality: Option<Finding>,
    /// The tests, for reports.
    pub tests: Tests,
}

impl Finding {
    /// That there is nothing.
    pub const NOTHING: Finding =
        Finding { severity: Severity::Ok, is_clear: true, decided_by: Vec::new(), suffix: None };
}

impl Judgement {
    /// The finding that `category` rests on.
    pub fn finding(&self, category: Category) -> Option<&Finding> {
        match category {
            Category::Distribution => self.distribution.as_ref(),
            Category::Quality | Category::Schema => self.quality.as_ref(),
            Category::Retraining => None,
        }
    }

    /// `report`, with the verdict that this is.
    pub(crate) fn told_in(&self, report: FeatureReport) -> FeatureReport {
        FeatureReport { verdict: self.verdict, drift: self.verdict.is_drift(), tests: self.tests, ..report }
    }
}

/// The questions of `comparison` that can be judged with at least `min_rows` rows, with their tests.
pub fn judgeable(
    comparison: &Comparison,
    all_rows: u64,
    min_rows: u64,
) -> impl Iterator<Item = (Question, &Tested)> {
    Question::ALL.into_iter().filter_map(move |question| {
        let rows = if question == Question::Missing { all_rows } else { comparison.rows };
        comparison.answer(question).tested().filter(|_| rows >= min_rows).map(|tested| (question, tested))
    })
}

/// The last panes of a window, asked the same questions as the whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Which panes.
    pub suffix: Suffix,
    /// The certain p-value of each question, in the order of [`Question::ALL`]; `None` where it can't be
    /// judged there.
    pub p_certain: [Option<f64>; 3],
}

/// The answer that counts for a question: that of the part of the window that shows a change most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answered {
    /// The question.
    pub question: Question,
    /// p-values for having looked at all parts; sizes of the part that is named.
    pub tested: Tested,
    /// The part; `None`: the whole window.
    pub suffix: Option<Suffix>,
}

/// The answers that count: of each question the smallest p of the whole window and its `parts`
/// (ascending by length), times their number (Bonferroni). Of equal ones the shortest part counts,
/// where a change is thinned least. Where a part counts, the sizes are still the whole's.
pub fn strongest(comparison: &Comparison, all_rows: u64, min_rows: u64, parts: &[Part]) -> Vec<Answered> {
    let answer = |(question, whole): (Question, &Tested)| {
        let asked =
            || parts.iter().filter_map(|part| Some((part.p_certain[question as usize]?, part.suffix)));
        let looks = (1 + asked().count()) as f64;
        let least = asked().reduce(|least, next| if next.0 < least.0 { next } else { least });
        let (p_certain, p_value, suffix) = match least.filter(|(p, _)| *p <= whole.p_certain) {
            Some((p, suffix)) => (p, p, Some(suffix)),
            None => (whole.p_certain, whole.p_value, None),
        };
        let corrected = |p: f64| (looks * p).min(1.0);
        let (p_certain, p_value) = (corrected(p_certain), corrected(p_value));
        Answered { question, tested: Tested { p_value, p_certain, sizes: whole.sizes }, suffix }
    };
    judgeable(comparison, all_rows, min_rows).map(answer).collect()
}

/// Judges a feature by its `answers` at `level`. A category clears when it is ok with the thresholds
/// times `clear_factor`.
pub fn judge(answers: &[Answered], level: f64, thresholds: &Thresholds, clear_factor: f64) -> Judgement {
    let mut judgement = Judgement {
        verdict: Verdict::Insufficient,
        distribution: None,
        quality: None,
        tests: Tests::default(),
    };
    for Answered { question, tested, suffix } in answers {
        let Tested { p_value, p_certain, sizes } = *tested;
        *judgement.tests.slot(*question) =
            Some(TestReport { p_value: Some(p_value), p_certain: Some(p_certain), level, suffix: *suffix });
        let is_significant = p_certain <= level;
        let severity = if is_significant { severity(&sizes, thresholds, 1.0) } else { Severity::Ok };
        let is_clear = !is_significant || self::severity(&sizes, thresholds, clear_factor) == Severity::Ok;
        let slot = match Category::of(*question) {
            Category::Quality => &mut judgement.quality,
            _ => &mut judgement.distribution,
        };
        let finding = slot.get_or_insert(Finding::NOTHING);
        if severity > finding.severity {
            (finding.severity, finding.suffix) = (severity, *suffix);
        }
        finding.is_clear &= is_clear;
        if severity > Severity::Ok {
            finding.decided_by.push(*question);
        }
    }
    let findings = [&judgement.distribution, &judgement.quality];
    if let Some(worst) = findings.into_iter().flatten().map(|finding| finding.severity).max() {
        judgement.verdict = worst.into();
    }
    judgement
}

/// The highest severity that a size reaches with `thresholds` times `factor`.
pub fn severity(sizes: &Sizes, thresholds: &Thresholds, factor: f64) -> Severity {
    let sized = sized(sizes, thresholds);
    sized.map(|(_, size, levels)| levels.reached(size, factor)).max().unwrap_or(Severity::Ok)
}

/// The sizes that have a threshold, each with its name, its magnitude and its levels.
pub fn sized(sizes: &Sizes, thresholds: &Thresholds) -> impl Iterator<Item = (&'static str, f64, Levels)> {
    let measures = MEASURES
        .iter()
        .map(|info| (info.name, *sizes.measures.get(info.measure), *thresholds.measures.get(info.measure)));
    let all = measures.chain([("share", sizes.share, Some(thresholds.share))]);
    all.filter_map(|(name, size, levels)| Some((name, size?.abs(), levels?)))
}

impl Levels {
    /// The severity that `size` reaches with these levels times `factor`.
    pub fn reached(&self, size: f64, factor: f64) -> Severity {
        match size {
            size if size >= self.critical * factor => Severity::Critical,
            size if size >= self.drift * factor => Severity::Drift,
            size if size >= self.warning * factor => Severity::Warning,
            _ => Severity::Ok,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Answer, Measures, PerMeasure, Untestable};
    use crate::words::Time;

    fn thresholds() -> Thresholds {
        let psi = Some(Levels { warning: 0.04, drift: 0.1, critical: 0.25 });
        let ks = Some(Levels { warning: 0.08, drift: 0.125, critical: 0.2 });
        let share = Levels { warning: 0.02, drift: 0.1, critical: 0.5 };
        Thresholds { measures: PerMeasure { psi, ks, ..PerMeasure::default() }, share }
    }

    fn comparison(p_certain: f64, ks: f64, missing: f64) -> Comparison {
        let measures = PerMeasure { ks: Some(ks), ..PerMeasure::default() };
        let sizes = Sizes { measures, share: None };
        let share = Sizes { share: Some(missing), ..Sizes::default() };
        Comparison {
            rows: 1000,
            reference_rows: 1000,
            measures: Measures::default(),
            shape: Answer::Tested(Tested { p_value: p_certain, p_certain, sizes }),
            missing: Answer::Tested(Tested { p_value: 1e-9, p_certain: 1e-9, sizes: share }),
            unseen: Answer::Untestable(Untestable::NotApplicable("numbers are not categories")),
        }
    }

    fn verdict(comparison: &Comparison) -> Judgement {
        judge(&strongest(comparison, 1000, 500, &[]), 1e-4, &thresholds(), 0.8)
    }

    #[test]
    fn a_verdict_needs_significance_and_size() {
        assert_eq!(verdict(&comparison(1e-3, 0.5, 0.0)).verdict, Verdict::Ok);
        assert_eq!(verdict(&comparison(1e-9, 0.07, 0.0)).verdict, Verdict::Ok);
        assert_eq!(verdict(&comparison(1e-9, 0.08, 0.0)).verdict, Verdict::Warning);
        assert_eq!(verdict(&comparison(1e-9, 0.13, 0.0)).verdict, Verdict::Drift);
        assert_eq!(verdict(&comparison(1e-9, 0.2, 0.0)).verdict, Verdict::Critical);
    }

    #[test]
    fn any_measure_decides_once_it_has_thresholds_and_a_negative_one_by_its_magnitude() {
        for info in &MEASURES {
            let mut sizes = Sizes::default();
            *sizes.measures.get_mut(info.measure) = Some(-3.0);
            let mut of_it = Thresholds { measures: PerMeasure::default(), ..thresholds() };
            assert_eq!(severity(&sizes, &of_it, 1.0), Severity::Ok, "{}", info.name);
            let levels = Levels { warning: 1.0, drift: 2.0, critical: 4.0 };
            *of_it.measures.get_mut(info.measure) = Some(levels);
            assert_eq!(severity(&sizes, &of_it, 1.0), Severity::Drift, "{}", info.name);
            assert_eq!(severity(&sizes, &of_it, 0.75), Severity::Critical, "{}", info.name);
        }
    }

    #[test]
    fn missing_is_a_finding_of_its_own_category_and_a_fall_counts_like_a_rise() {
        let judgement = verdict(&comparison(1.0, 0.0, -0.15));
        assert_eq!(judgement.verdict, Verdict::Drift);
        assert_eq!(judgement.distribution.unwrap().severity, Severity::Ok);
        assert_eq!(judgement.quality.unwrap().decided_by, [Question::Missing]);
    }

    #[test]
    fn it_clears_only_below_the_factor() {
        assert!(!verdict(&comparison(1e-9, 0.07, 0.0)).distribution.unwrap().is_clear);
        assert!(verdict(&comparison(1e-9, 0.06, 0.0)).distribution.unwrap().is_clear);
    }

    fn part(panes: u32, p: Option<f64>) -> Part {
        let suffix = Suffix { panes, start: Time::EPOCH, rows: 100 };
        Part { suffix, p_certain: [p, None, None] }
    }

    #[test]
    fn the_part_of_the_window_that_shows_most_counts_and_pays_for_every_part_looked_at() {
        let whole = comparison(1e-3, 0.05, 0.0);
        let parts = [part(1, Some(1e-6)), part(2, Some(1e-8)), part(4, None), part(8, Some(1e-5))];
        let shape = strongest(&whole, 1000, 500, &parts)[0];
        assert_eq!(shape.suffix.map(|suffix| suffix.panes), Some(2));
        assert_eq!(shape.tested.p_certain, 4.0 * 1e-8);
        let missing = strongest(&whole, 1000, 500, &parts)[1];
        assert_eq!(
            (missing.suffix, missing.tested.p_certain),
            (None, 1e-9),
            "parts that say nothing cost nothing"
        );
        let shape = strongest(&whole, 1000, 500, &[part(1, Some(0.5)), part(2, Some(0.4))])[0];
        assert_eq!((shape.suffix, shape.tested.p_certain), (None, 3.0 * 1e-3));
        let shape =
            strongest(&comparison(0.0, 0.5, 0.0), 1000, 500, &[part(1, Some(0.0)), part(2, Some(0.0))])[0];
        assert_eq!(shape.suffix.map(|suffix| suffix.panes), Some(1), "where all are certain, the shortest");
    }

    #[test]
    fn a_finding_names_the_part_that_makes_its_severity() {
        let mut answers = strongest(&comparison(1e-9, 0.05, 0.0), 1000, 500, &[part(2, Some(1e-12))]);
        assert_eq!(judge(&answers, 1e-4, &thresholds(), 0.8).distribution.unwrap().suffix, None);
        answers[0].tested.sizes.measures.ks = Some(0.3);
        let finding = judge(&answers, 1e-4, &thresholds(), 0.8).distribution.unwrap();
        assert_eq!((finding.severity, finding.suffix.unwrap().panes), (Severity::Critical, 2));
    }

    #[test]
    fn too_few_rows_are_not_judged() {
        let judgement =
            judge(&strongest(&comparison(1e-9, 0.5, 0.9), 400, 1001, &[]), 1e-4, &thresholds(), 0.8);
        assert_eq!(judgement.verdict, Verdict::Insufficient);
    }

    #[test]
    fn the_levels_of_all_windows_in_the_budgets_time_add_up_to_half_of_it() {
        let (hour, month) = (3_600_000, 30 * 24 * 3_600_000);
        let level = level(Budget { false_events: 1.0, per_ms: month }, 1, hour, 75);
        assert!((level * 75.0 * 720.0 - 0.5).abs() < 1e-12);
    }
}
