//! Window reports, and the form of a feature that they share with `check`.

use super::Mute;
use crate::measure::sequential::Support;
use crate::measure::{BinShare, CategoryCount, Distribution, Measures, Summary};
use crate::reference::{ReferenceId, SeasonLevel};
use crate::window::Flow;
use crate::words::{Kind, Name, Question, Role, Time, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much of the stream a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowState {
    /// All its panes are of the epoch.
    Complete,
    /// It starts before the epoch's first pane.
    Partial,
    /// It reaches back further than windows do, for want of rows.
    Grown,
    /// Too few rows, or too much of them lost, to judge.
    Insufficient,
}

/// The window that was judged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WindowInfo {
    /// Its first instant.
    pub start: Time,
    /// Its end, not part of it.
    pub end: Time,
    /// How much of the stream it is.
    pub state: WindowState,
    /// Rows in it.
    pub events: u64,
    /// Rows that came too late for it.
    pub late: u64,
    /// Rows that came too late because their partition had been idle.
    pub idle_late: u64,
    /// Rows counted by another reference.
    pub conflict: u64,
    /// Rows that the input lost.
    pub lost: u64,
    /// Events over events and all those left out (0 to 1).
    pub completeness: f64,
}

impl WindowInfo {
    /// The window from `start` to `end` with these rows.
    pub fn new(start: Time, end: Time, state: WindowState, flow: Flow) -> Self {
        let Flow { events, late, idle_late, conflict, lost } = flow;
        let completeness = flow.completeness();
        WindowInfo { start, end, state, events, late, idle_late, conflict, lost, completeness }
    }
}

/// The part of a window that shows a change most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suffix {
    /// How many panes, the last of the window.
    pub panes: u32,
    /// Where it starts.
    pub start: Time,
    /// Rows in it.
    pub rows: u64,
}

/// The answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TestReport {
    /// p at the measured value; informs.
    pub p_value: Option<f64>,
    /// p at the certain side; decides.
    pub p_certain: Option<f64>,
    /// The level it was held against.
    pub level: f64,
    /// The part of the window that decided; null: the whole.
    pub suffix: Option<Suffix>,
}

/// The answers to all questions; null where one could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Tests {
    /// [`Question::Shape`].
    pub shape: Option<TestReport>,
    /// [`Question::Missing`].
    pub missing: Option<TestReport>,
    /// [`Question::Unseen`].
    pub unseen: Option<TestReport>,
}

impl Tests {
    /// The answer to `question`.
    pub fn slot(&mut self, question: Question) -> &mut Option<TestReport> {
        match question {
            Question::Shape => &mut self.shape,
            Question::Missing => &mut self.missing,
            Question::Unseen => &mut self.unseen,
        }
    }
}

/// Summaries of both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summaries {
    /// The reference.
    pub reference: Summary,
    /// The window.
    pub current: Summary,
}

/// All that is said of a feature in a window; the form that reports and `check` share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureReport {
    /// The feature.
    pub feature: Name,
    /// Its role.
    pub role: Role,
    /// Its kind.
    pub kind: Kind,
    /// Rows of the reference with a valid value.
    pub reference_rows: u64,
    /// Rows of the reference where it was missing.
    pub reference_missing: u64,
    /// Rows of the window with a valid value.
    pub rows: u64,
    /// Rows of the window where it was missing.
    pub missing: u64,
    /// Rows of the window where it was invalid.
    pub invalid: u64,
    /// Rows of the window in categories that the reference never saw; they are among `rows`.
    #[serde(default)]
    pub unseen: u64,
    /// Its weight in the drift share.
    pub importance: f64,
    /// The verdict.
    pub verdict: Verdict,
    /// Whether the verdict is drift or worse.
    pub drift: bool,
    /// How many rows count as one, found from the reference's own windows; null: rows are taken as
    /// independent.
    #[serde(default)]
    pub dependence: Option<f64>,
    /// The tests.
    pub tests: Tests,
    /// The measures of the whole window.
    pub measures: Measures,
    /// Mean, quantiles, missing rate.
    pub summary: Summaries,
    /// The bins that moved most.
    pub top_bins: Vec<BinShare>,
    /// The rows of both sides by bin, to be drawn; null: a side has no valid row.
    #[serde(default)]
    pub distribution: Option<Distribution>,
    /// The most frequent categories that the reference never saw.
    #[serde(default)]
    pub new_categories: Vec<CategoryCount>,
    /// What to mind when reading the measures.
    #[serde(default)]
    pub warnings: Vec<FeatureWarning>,
    /// Where the reference's hours of the season were taken from; null: it has none, and is taken whole.
    #[serde(default)]
    pub season: Option<SeasonLevel>,
    /// From what change on early sight would tell; null: it is not on.
    #[serde(default)]
    pub early: Option<Support>,
}

/// What to mind when reading a feature's measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureWarning {
    /// A few far values make the reference's standard deviation, by which wasserstein is measured.
    HeavyTail,
}

/// Which part of a chunked record this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// From 0.
    pub index: u32,
    /// How many there are.
    pub total: u32,
}

/// What was judged at the end of a window of a model key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowReport {
    /// [`SCHEMA_VERSION`](super::SCHEMA_VERSION).
    pub schema_version: u32,
    /// Always `window_report`.
    pub r#type: String,
    /// Its id.
    pub id: String,
    /// The deployment.
    pub application_id: String,
    /// The window's end.
    pub decided_at: Time,
    /// The model.
    pub model: Name,
    /// The version.
    pub version: Name,
    /// The segment.
    pub segment: Vec<Name>,
    /// The window.
    pub window: WindowInfo,
    /// The reference; null where there was none.
    pub reference_id: Option<ReferenceId>,
    /// The configuration that judged.
    pub config_id: String,
    /// Worst verdict of its features.
    pub verdict: Verdict,
    /// Weight of the drifted over weight of the judgeable features; null when none was judgeable.
    pub drift_share: Option<f64>,
    /// Features at drift or worse.
    pub drifted: u32,
    /// Features that could be judged.
    pub judgeable: u32,
    /// Features that could not.
    pub insufficient: u32,
    /// Why retraining was not asked for although it was due.
    pub triggers_withheld: Vec<String>,
    /// The mutes in force: what they cover is measured and tracked, and not published.
    #[serde(default)]
    pub mutes: Vec<Mute>,
    /// Columns that the reference does not have, with their rows (at most 20, chosen by hash).
    pub unknown_features: BTreeMap<String, u64>,
    /// This part of the report.
    pub chunk: Chunk,
    /// Its features, by name.
    pub features: Vec<FeatureReport>,
}
