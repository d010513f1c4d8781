//! The features of a window: measured, and judged once the level is known.

use super::model::SegmentState;
use super::season::{Against, Seasonal, Slots};
use crate::measure::{Bins, Comparison, Figures, MEASURES, MIN_ROWS, Standard, Summary, new_categories};
use crate::policy::record::{FeatureReport, FeatureWarning, Suffix, Summaries, Tests};
use crate::policy::{Answered, Gone, JudgedFeature, ModelSettings, Part, judge, strongest};
use crate::reference::{FeatureProfile, Profile};
use crate::sketch::{FeatureSketch, Tally};
use crate::words::{Grid, Name, Pane, Question, Verdict};

/// A feature of a window, compared with its reference.
#[derive(Debug)]
pub(super) struct Measured {
    pub comparison: Comparison,
    /// All that there is to tell of it before it is judged: its sketch is large, and not kept.
    report: FeatureReport,
    /// The last panes of the window, as far as they can be judged.
    parts: Vec<Part>,
    /// Fewer rows are not judged.
    pub min_rows: u64,
    filled: u32,
}

/// Measures all features of the window of `state`, whose rows were counted by `profile`, where it
/// reaches back over `panes` panes. Parts with fewer rows than `min_rows` are left out.
pub(super) fn measure_window(
    settings: &ModelSettings,
    state: &SegmentState,
    (profile, figures): (&Profile, &[Figures]),
    grid: Grid,
    panes: u32,
    slots: &Slots,
) -> Vec<Measured> {
    let min_rows = settings.policy.min_rows;
    let sketches = state.sketches(grid, panes, profile.features().len());
    let end = state.window.last().unwrap_or(Pane(0));
    let measure = |(at, (standard, sketch)): (usize, (Standard<'_>, FeatureSketch))| {
        let against = Against::new(&standard, slots, grid, state.filled(grid));
        let mut parts = Vec::new();
        state.window.for_each_suffix(at, |panes, tally| {
            let start = grid.start(Pane(end.0 + 1 - i64::from(panes)));
            let valid = tally.valid();
            let suffix = Suffix { panes, start, rows: valid + tally.missing + tally.invalid };
            let p_certain = enough((suffix.rows, valid), min_rows, against.p_certain(tally, panes));
            parts.push(Part { suffix, p_certain });
        });
        let (comparison, seasonal) = against.compare(&sketch, panes);
        let sides = Sides { standard: &standard, sketch: &sketch, seasonal: seasonal.as_ref() };
        let mut report = describe(settings, sides, &comparison);
        report.dependence = against.calibration(panes).and_then(|found| found.shape);
        Measured { comparison, report, parts, min_rows, filled: state.filled(grid) }
    };
    Standard::all(profile, figures).zip(sketches).enumerate().map(measure).collect()
}

/// The answers for which there are at least `min_rows` of all rows, or of the valid ones.
fn enough((rows, valid): (u64, u64), min_rows: u64, p: [Option<f64>; 3]) -> [Option<f64>; 3] {
    Question::ALL.map(|question| {
        let rows = if question == Question::Missing { rows } else { valid };
        p[question as usize].filter(|_| rows >= min_rows)
    })
}

impl Measured {
    /// Its name.
    pub fn name(&self) -> &Name {
        &self.report.feature
    }

    /// Judges the feature. `sketch_of` gives the sketch of the last panes of the window: it is asked
    /// where these decide.
    pub fn judge(
        self,
        standard: &Standard<'_>,
        context: &FeatureContext<'_>,
        all_rows: u64,
        grid: Grid,
        slots: &Slots,
        sketch_of: impl Fn(u32) -> FeatureSketch,
    ) -> JudgedFeature {
        let mut answers = strongest(&self.comparison, all_rows, self.min_rows, &self.parts);
        let against = Against::new(standard, slots, grid, self.filled);
        let mut shown: Vec<(Suffix, FeatureSketch, Comparison, Option<Seasonal>)> = Vec::new();
        for answer in answers.iter_mut().filter(|answer| answer.tested.p_certain <= context.level) {
            let Some(suffix) = answer.suffix else { continue };
            if !shown.iter().any(|(known, ..)| *known == suffix) {
                let sketch = sketch_of(suffix.panes);
                let (comparison, seasonal) = against.compare(&sketch, suffix.panes);
                shown.push((suffix, sketch, comparison, seasonal));
            }
            let of_part = shown.iter().find(|(known, ..)| *known == suffix);
            if let Some(tested) = of_part.and_then(|(.., found, _)| found.answer(answer.question).tested()) {
                answer.tested.sizes = tested.sizes;
            }
        }
        let mut judged = context.decide(self.report, answers);
        let report = |(suffix, sketch, comparison, seasonal): &(Suffix, _, _, Option<Seasonal>)| {
            let sides = Sides { standard, sketch, seasonal: seasonal.as_ref() };
            let described = describe(context.settings, sides, comparison);
            (*suffix, judged.judgement.told_in(described))
        };
        judged.parts = shown.iter().map(report).collect();
        judged
    }
}

/// Whether a pane's rows of a feature have no valid value, where by the reference there should be enough
/// of them to judge.
pub fn gone(profile: &FeatureProfile, pane: &Tally) -> Option<Gone> {
    let reference = &profile.sketch.tally;
    let share = reference.valid() as f64 / reference.rows().max(1) as f64;
    let is_gone = pane.valid() == 0 && share * pane.rows() as f64 >= MIN_ROWS as f64;
    is_gone.then_some(Gone { rows: pane.rows(), invalid: pane.invalid })
}

/// A feature of the reference and of a window.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    standard: &'a Standard<'a>,
    sketch: &'a FeatureSketch,
    /// What they were compared as, where the reference has a season.
    seasonal: Option<&'a Seasonal>,
}

impl<'a> Sides<'a> {
    /// The two sides, compared as they are.
    pub fn new(standard: &'a Standard<'a>, sketch: &'a FeatureSketch) -> Self {
        Sides { standard, sketch, seasonal: None }
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
    pub fn judge(&self, sides: Sides<'_>, comparison: &Comparison, answers: Vec<Answered>) -> JudgedFeature {
        self.decide(describe(self.settings, sides, comparison), answers)
    }

    fn decide(&self, report: FeatureReport, answers: Vec<Answered>) -> JudgedFeature {
        let thresholds = &self.settings.feature(&report.feature).thresholds;
        let judgement = judge(&answers, self.level, thresholds, self.settings.policy.clear.factor);
        let report = judgement.told_in(report);
        JudgedFeature { report, judgement, answers, parts: Vec::new(), gone: None }
    }
}

/// The report of a feature that is yet to be judged.
fn describe(
    settings: &ModelSettings,
    Sides { standard, sketch, seasonal }: Sides<'_>,
    comparison: &Comparison,
) -> FeatureReport {
    let profile = standard.profile;
    let (against, counted) =
        seasonal.map_or((profile, sketch), |seasonal| (&seasonal.profile, &seasonal.sketch));
    let feature = settings.feature(&profile.name);
    let mut measures = comparison.measures;
    for info in &MEASURES {
        if let Some(measure) = measures.get_mut(info.measure) {
            measure.threshold = feature.thresholds.measures.get(info.measure).map(|levels| levels.drift);
        }
    }
    let bins = Bins::of(against, counted);
    let is_ruled = measures.wasserstein.is_some() && standard.has_heavy_tail();
    let warnings = if is_ruled { vec![FeatureWarning::HeavyTail] } else { vec![] };
    let summaries = Summaries { reference: standard.summary(), current: Summary::of(sketch, &profile.basis) };
    FeatureReport {
        feature: profile.name.clone(),
        role: feature.role.unwrap_or(profile.role),
        kind: profile.kind,
        reference_rows: against.valid(),
        reference_missing: against.sketch.tally.missing,
        rows: sketch.tally.valid(),
        missing: sketch.tally.missing,
        invalid: sketch.tally.invalid,
        unseen: sketch.tally.unseen,
        importance: feature.importance,
        verdict: Verdict::Insufficient,
        drift: false,
        dependence: None,
        tests: Tests::default(),
        measures,
        summary: summaries,
        top_bins: bins.as_ref().map(Bins::top).unwrap_or_default(),
        distribution: bins.as_ref().map(Bins::distribution),
        new_categories: new_categories(sketch),
        warnings,
        season: seasonal.map(|seasonal| seasonal.level),
        early: None,
    }
}
