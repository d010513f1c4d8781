//! The windows of one model key, by feature and in columns.
//!
//! *Invariant.* A column is empty, where no window ever had a value, or as long as the list of windows,
//! which is ascending by their ends. What windows say does not depend on the order in which they came.

use crate::measure::MEASURES;
use crate::policy::record::{FeatureReport, WindowInfo, WindowReport};
use crate::reference::ReferenceId;
use crate::words::{Kind, Name, Role, Time, Verdict};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// What is kept of a feature and window beside the measures of [`MEASURES`], in the order of the columns.
pub const FIGURES: [&str; 8] =
    ["p05", "p50", "p95", "missing_rate", "invalid_rate", "unseen_rate", "rows", "size"];
const COLUMNS: usize = MEASURES.len() + FIGURES.len();
/// The place of `size`: the greatest of the measures as a part of its threshold; at least what the verdict
/// says, which may rest on a question without a measure.
const SIZE: usize = COLUMNS - 1;

/// What is said of a window as a whole.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Window {
    pub info: WindowInfo,
    pub verdict: Verdict,
    pub drift_share: Option<f64>,
    pub drifted: u32,
    pub judgeable: u32,
    pub insufficient: u32,
    pub reference_id: Option<ReferenceId>,
}

impl Window {
    fn of(report: &WindowReport) -> Window {
        Window {
            info: report.window,
            verdict: report.verdict,
            drift_share: report.drift_share,
            drifted: report.drifted,
            judgeable: report.judgeable,
            insufficient: report.insufficient,
            reference_id: report.reference_id.clone(),
        }
    }
}

/// A feature in all windows.
#[derive(Debug, Clone)]
pub(super) struct FeatureHistory {
    pub role: Role,
    pub kind: Kind,
    pub importance: f64,
    /// When these three were said.
    said_at: Time,
    /// One of [`letter`] for each window.
    verdicts: VecDeque<u8>,
    columns: [VecDeque<f32>; COLUMNS],
}

/// What was said of the windows of one key.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    pub windows: VecDeque<Window>,
    pub features: BTreeMap<Name, FeatureHistory>,
}

/// No report of the feature came with that window.
const ABSENT: u8 = b'.';

/// A verdict in one letter.
pub(super) fn letter(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Ok => b'o',
        Verdict::Warning => b'w',
        Verdict::Drift => b'd',
        Verdict::Critical => b'c',
        Verdict::Insufficient => b'i',
        Verdict::NoReference => b'n',
    }
}

impl History {
    /// Takes a report, or a chunk of one.
    pub fn take(&mut self, report: &WindowReport) {
        let at = self.row(report);
        let windows = self.windows.len();
        for feature in &report.features {
            let history = self
                .features
                .entry(feature.feature.clone())
                .or_insert_with(|| FeatureHistory::new(feature, windows));
            history.set(at, windows, report.window.end, feature);
        }
    }

    /// The place of the report's window, made where it is new.
    fn row(&mut self, report: &WindowReport) -> usize {
        let end = report.window.end;
        let at = self.windows.partition_point(|window| window.info.end < end);
        if self.windows.get(at).is_none_or(|window| window.info.end != end) {
            self.windows.insert(at, Window::of(report));
            self.features.values_mut().for_each(|feature| feature.insert(at));
        }
        at
    }

    /// The letters of the verdicts of the last windows, at most so many.
    pub fn recent(&self, most: usize) -> String {
        let from = self.windows.len().saturating_sub(most);
        self.windows.range(from..).map(|window| char::from(letter(window.verdict))).collect()
    }

    /// Features times windows.
    pub fn cells(&self) -> usize {
        self.features.len() * self.windows.len()
    }

    /// Forgets the oldest window, and features that are in none any more.
    pub fn drop_oldest(&mut self) {
        self.windows.pop_front();
        for feature in self.features.values_mut() {
            feature.verdicts.pop_front();
            for column in &mut feature.columns {
                column.pop_front();
            }
        }
        self.features.retain(|_, feature| feature.verdicts.iter().any(|verdict| *verdict != ABSENT));
    }
}

impl FeatureHistory {
    fn new(report: &FeatureReport, windows: usize) -> Self {
        FeatureHistory {
            role: report.role,
            kind: report.kind,
            importance: report.importance,
            said_at: Time::from_ms(i64::MIN),
            verdicts: std::iter::repeat_n(ABSENT, windows).collect(),
            columns: std::array::from_fn(|_| VecDeque::new()),
        }
    }

    fn insert(&mut self, at: usize) {
        self.verdicts.insert(at, ABSENT);
        for column in self.columns.iter_mut().filter(|column| !column.is_empty()) {
            column.insert(at, f32::NAN);
        }
    }

    fn set(&mut self, at: usize, windows: usize, end: Time, report: &FeatureReport) {
        if end >= self.said_at {
            self.said_at = end;
            (self.role, self.kind, self.importance) = (report.role, report.kind, report.importance);
        }
        self.verdicts[at] = letter(report.verdict);
        for (column, value) in self.columns.iter_mut().zip(figures(report)) {
            if column.is_empty() {
                if value.is_none() {
                    continue;
                }
                column.resize(windows, f32::NAN);
            }
            column[at] = value.map_or(f32::NAN, |value| value as f32);
        }
    }

    /// The letters of its verdicts; `.` where a window has none.
    pub fn verdicts(&self) -> String {
        self.verdicts.iter().map(|letter| char::from(*letter)).collect()
    }

    /// Whether any window was at warning or worse.
    pub fn was_raised(&self) -> bool {
        self.verdicts.iter().any(|letter| matches!(letter, b'w' | b'd' | b'c'))
    }

    /// For each window a digit: `size` in fifths, so that 5 is the threshold and 9 is 1.8 of it or more.
    pub fn sizes(&self) -> String {
        let digit = |size: &f32| match *size {
            size if size.is_nan() => '.',
            size => char::from(b'0' + (size * 5.0).clamp(0.0, 9.0) as u8),
        };
        self.columns[SIZE].iter().map(digit).collect()
    }

    /// Columns by name, those without any value left out.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, &VecDeque<f32>)> {
        let names = MEASURES.iter().map(|info| info.name).chain(FIGURES);
        names.zip(&self.columns).filter(|(_, column)| !column.is_empty())
    }
}

/// What is kept of a report, in the order of the columns.
fn figures(report: &FeatureReport) -> [Option<f64>; COLUMNS] {
    let all = report.rows + report.missing + report.invalid;
    let rate = |rows: u64| (all > 0).then(|| rows as f64 / all as f64);
    let measures = MEASURES.iter().map(|info| *report.measures.get(info.measure));
    let size = |measure: crate::measure::MeasureValue| {
        measure.threshold.filter(|threshold| *threshold > 0.0).map(|t| measure.corrected.abs() / t)
    };
    let judged = match report.verdict {
        Verdict::Warning => Some(0.8),
        Verdict::Drift => Some(1.0),
        Verdict::Critical => Some(1.8),
        Verdict::Ok | Verdict::Insufficient | Verdict::NoReference => None,
    };
    let largest = measures.clone().filter_map(|measure| size(measure?)).chain(judged).reduce(f64::max);
    let current = &report.summary.current;
    let others = [
        current.p05,
        current.p50,
        current.p95,
        rate(report.missing),
        rate(report.invalid),
        rate(report.unseen).filter(|_| !report.kind.is_numeric()),
        Some(report.rows as f64),
        largest,
    ];
    let mut values = measures.map(|measure| measure.map(|measure| measure.value)).chain(others);
    std::array::from_fn(|_| values.next().flatten())
}

/// The whole windows of a history, in columns.
#[derive(Debug, Serialize)]
pub(super) struct WindowColumns {
    /// Their starts and ends.
    pub starts: Vec<Time>,
    pub ends: Vec<Time>,
    /// A letter each.
    pub verdicts: String,
    pub drift_share: Vec<Option<f64>>,
    pub events: Vec<u64>,
    pub completeness: Vec<f64>,
    pub reference_ids: Vec<Option<ReferenceId>>,
}

impl From<&History> for WindowColumns {
    fn from(history: &History) -> Self {
        let windows = &history.windows;
        WindowColumns {
            starts: windows.iter().map(|window| window.info.start).collect(),
            ends: windows.iter().map(|window| window.info.end).collect(),
            verdicts: windows.iter().map(|window| char::from(letter(window.verdict))).collect(),
            drift_share: windows.iter().map(|window| window.drift_share).collect(),
            events: windows.iter().map(|window| window.info.events).collect(),
            completeness: windows.iter().map(|window| window.info.completeness).collect(),
            reference_ids: windows.iter().map(|window| window.reference_id.clone()).collect(),
        }
    }
}
