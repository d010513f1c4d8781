//! The features of a window: measured, and judged once the level is known.

use super::model::SegmentState;
use crate::measure::{
    Comparison, Dependence, MEASURES, Summary, compare, new_categories, p_certain, tail_rules, top_bins,
};
use crate::policy::record::{FeatureReport, FeatureWarning, Suffix, Summaries};
use crate::policy::{Answered, JudgedFeature, Judgement, ModelSettings, Part, judge, strongest};
use crate::reference::{FeatureProfile, Profile};
use crate::sketch::{FeatureSketch, Tally};
use crate::window::RunningSum;
use crate::words::{Grid, Name, Pane, Question};

/// A feature of a window, compared with its reference.
#[derive(Debug)]
pub(super) struct Measured {
    pub name: Name,
    sketch: FeatureSketch,
    pub comparison: Comparison,
    /// The last panes of the window, as far as they can be judged.
    parts: Vec<Part>,
    /// Fewer rows are not judged.
    pub min_rows: u64,
}

/// Measures all features of the window of `state`, whose rows were counted by `profile`. Parts with
/// fewer rows than `min_rows` are left out.
pub(super) fn measure_window(
    state: &SegmentState,
    profile: &Profile,
    grid: Grid,
    min_rows: u64,
) -> Vec<Measured> {
    let sketches = state.window.features();
    let end = state.window.last().unwrap_or(Pane(0));
    let measure = |(at, (profile, sketch)): (usize, (&FeatureProfile, FeatureSketch))| {
        let part = |sum: &RunningSum| {
            let tally = sum.tallies().get(at)?;
            let suffix = Suffix {
                panes: sum.panes(),
                start: grid.start(Pane(end.0 + 1 - i64::from(sum.panes()))),
                rows: tally.rows(),
            };
            let dependence = dependence(profile, sum.panes(), grid);
            Some(Part { suffix, p_certain: enough(tally, min_rows, p_certain(profile, tally, dependence)) })
        };
        Measured {
            name: profile.name.clone(),
            comparison: compare(profile, &sketch, dependence(profile, grid.panes(), grid)),
            parts: state.window.parts().iter().filter_map(part).collect(),
            sketch,
            min_rows,
        }
    };
    profile.features().iter().zip(sketches).enumerate().map(measure).collect()
}

/// How the rows of the last `panes` panes hang together, as far as the reference was calibrated for it.
fn dependence(profile: &FeatureProfile, panes: u32, grid: Grid) -> Dependence {
    Dependence::of(profile.calibrated(i64::from(panes) * grid.slide_ms()))
}

/// The answers for which `tally` has at least `min_rows` rows.
fn enough(tally: &Tally, min_rows: u64, p: [Option<f64>; 3]) -> [Option<f64>; 3] {
    Question::ALL.map(|question| {
        let rows = if question == Question::Missing { tally.rows() } else { tally.valid() };
        p[question as usize].filter(|_| rows >= min_rows)
    })
}

impl Measured {
    /// Judges the feature. `sketch_of` gives the sketch of the last panes of the window: it is asked
    /// where these decide.
    pub fn judge(
        &self,
        profile: &FeatureProfile,
        context: &FeatureContext<'_>,
        all_rows: u64,
        grid: Grid,
        sketch_of: impl Fn(u32) -> FeatureSketch,
    ) -> JudgedFeature {
        let mut answers = strongest(&self.comparison, all_rows, self.min_rows, &self.parts);
        let mut shown: Vec<(Suffix, FeatureSketch, Comparison)> = Vec::new();
        for answer in answers.iter_mut().filter(|answer| answer.tested.p_certain <= context.level) {
            let Some(suffix) = answer.suffix else { continue };
            if !shown.iter().any(|(known, ..)| *known == suffix) {
                let sketch = sketch_of(suffix.panes);
                let comparison = compare(profile, &sketch, dependence(profile, suffix.panes, grid));
                shown.push((suffix, sketch, comparison));
            }
            let of_part = shown.iter().find(|(known, ..)| *known == suffix);
            if let Some(tested) = of_part.and_then(|(.., found)| found.answer(answer.question).tested()) {
                answer.tested.sizes = tested.sizes;
            }
        }
        let mut judged = context.judge(profile, &self.sketch, &self.comparison, answers);
        let calibration = profile.calibrated(grid.size_ms());
        judged.report.dependence = calibration.and_then(|calibration| calibration.shape);
        let report = |(suffix, sketch, comparison): (Suffix, FeatureSketch, Comparison)| {
            (suffix, context.report(profile, &sketch, &comparison, &judged.judgement))
        };
        judged.parts = shown.into_iter().map(report).collect();
        judged
    }
}

/// A feature's weight and settings come from the model; everything else from the comparison.
pub struct FeatureContext<'a> {
    /// The model's settings.
    pub settings: &'a ModelSettings,
    /// The level of each question.
    pub level: f64,
}

impl FeatureContext<'_> {
    /// Judges one feature by its answers and writes its report.
    pub fn judge(
        &self,
        profile: &FeatureProfile,
        sketch: &FeatureSketch,
        comparison: &Comparison,
        answers: Vec<Answered>,
    ) -> JudgedFeature {
        let thresholds = &self.settings.feature(&profile.name).thresholds;
        let judgement = judge(&answers, self.level, thresholds, self.settings.policy.clear.factor);
        let report = self.report(profile, sketch, comparison, &judgement);
        JudgedFeature { report, judgement, answers, parts: Vec::new() }
    }

    fn report(
        &self,
        profile: &FeatureProfile,
        sketch: &FeatureSketch,
        comparison: &Comparison,
        judgement: &Judgement,
    ) -> FeatureReport {
        let feature = self.settings.feature(&profile.name);
        let mut measures = comparison.measures;
        for info in &MEASURES {
            if let Some(measure) = measures.get_mut(info.measure) {
                measure.threshold = feature.thresholds.measures.get(info.measure).map(|levels| levels.drift);
            }
        }
        let is_ruled = measures.wasserstein.is_some() && tail_rules(profile);
        let warnings = if is_ruled { vec![FeatureWarning::HeavyTail] } else { vec![] };
        let reference = &profile.sketch;
        FeatureReport {
            feature: profile.name.clone(),
            role: feature.role.unwrap_or(profile.role),
            kind: profile.kind,
            reference_rows: reference.tally.valid(),
            reference_missing: reference.tally.missing,
            rows: sketch.tally.valid(),
            missing: sketch.tally.missing,
            invalid: sketch.tally.invalid,
            unseen: sketch.tally.unseen,
            importance: feature.importance,
            verdict: judgement.verdict,
            drift: judgement.verdict.is_drift(),
            dependence: None,
            tests: judgement.tests,
            measures,
            summary: Summaries { reference: Summary::of(reference), current: Summary::of(sketch) },
            top_bins: top_bins(profile, sketch),
            new_categories: new_categories(sketch),
            warnings,
            early: None,
        }
    }
}
