//! How a policy did on a history.

use super::marks::Mark;
use crate::engine::Output;
use crate::policy::record::{DriftEvent, Scope, Transition};
use crate::words::{Name, Severity, Time};
use serde::Serialize;

/// What a policy told of a history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Score {
    #[serde(skip)]
    size_ms: i64,
    #[serde(skip)]
    history: Option<(Time, Time)>,
    /// Windows that were judged, of all models, versions and segments.
    pub windows: u64,
    /// Incidents that were told of.
    pub alarms: u64,
    /// Those that early sight told first.
    pub early: u64,
    /// Events that an incident got worse.
    pub escalated: u64,
    /// Events that an incident was over.
    pub resolved: u64,
    /// Retraining triggers.
    pub triggers: u64,
    /// Alarms that nothing known explains; null where nothing is known.
    pub false_alarms: Option<u64>,
    /// Those of early sight.
    pub false_early: Option<u64>,
    /// Triggers that nothing known explains; null where nothing is known.
    pub false_triggers: Option<u64>,
    /// The first event about each known incident; null: it was missed.
    pub found: Vec<Option<First>>,
    #[serde(skip)]
    marks: Vec<Mark>,
    /// Incidents that were told of, each with the event that told, and when it was over.
    #[serde(skip)]
    told: Vec<(DriftEvent, Option<Time>)>,
}

/// The first that was told of an incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct First {
    /// When.
    pub detected_at: Time,
    /// How long after it began, in event time; negative: an incident was open before.
    pub delay_seconds: f64,
    /// Whether early sight saw it.
    pub early: bool,
    /// How bad it was then.
    pub severity: Severity,
    /// Where it showed; null: in the model as a whole.
    pub feature: Option<Name>,
}

impl Score {
    /// Nothing told yet. `size_ms` is the windows' length.
    pub fn new(marks: Option<&[Mark]>, size_ms: i64) -> Score {
        let (known, none) = (marks.map(|_| 0), marks.unwrap_or_default().iter().map(|_| None));
        Score {
            size_ms,
            history: None,
            windows: 0,
            alarms: 0,
            early: 0,
            escalated: 0,
            resolved: 0,
            triggers: 0,
            false_alarms: known,
            false_early: known,
            false_triggers: known,
            found: none.collect(),
            marks: marks.unwrap_or_default().to_vec(),
            told: Vec::new(),
        }
    }

    /// The ends of the first and the last window.
    pub fn history(&self) -> Option<(Time, Time)> {
        self.history
    }

    /// False alarms, or all where nothing is known.
    pub fn unwanted(&self) -> u64 {
        self.false_alarms.unwrap_or(self.alarms)
    }

    /// Those of them that early sight told.
    pub fn unwanted_early(&self) -> u64 {
        self.false_early.unwrap_or(self.early)
    }

    /// Counts an output of the engine.
    pub fn take(&mut self, output: &Output) {
        match output {
            Output::Report(report) => {
                self.windows += 1;
                let (start, end) = self.history.unwrap_or((report.decided_at, report.decided_at));
                self.history = Some((start.min(report.decided_at), end.max(report.decided_at)));
            }
            Output::Event(event) if event.trigger.is_none() => self.event(event),
            Output::Trigger(trigger) => {
                self.triggers += 1;
                let is_known = self.marks.iter().any(|mark| mark.covers(trigger.decided_at, self.size_ms));
                count(&mut self.false_triggers, !is_known);
            }
            _ => {}
        }
    }

    /// Ends the history: what was told of before a known incident began, and not taken back, is found too.
    #[must_use]
    pub fn finish(mut self) -> Score {
        for (mark, found) in self.marks.iter().zip(&mut self.found) {
            let is_open = |over: &Option<Time>| over.is_none_or(|over| over > mark.start);
            let before = self
                .told
                .iter()
                .find(|(event, over)| event.decided_at <= mark.start && is_open(over) && mark.is_of(event));
            *found = found.take().or_else(|| before.map(|(event, _)| First::of(event, mark)));
        }
        self
    }

    fn event(&mut self, event: &DriftEvent) {
        let is_detected = event.transition == Transition::Detected;
        match event.transition {
            Transition::Detected => {
                self.alarms += 1;
                self.early += u64::from(event.early);
                self.told.push((event.clone(), None));
            }
            Transition::Resolved => {
                self.resolved += 1;
                let told =
                    self.told.iter_mut().rev().find(|(first, _)| first.incident.id == event.incident.id);
                if let Some((_, over)) = told {
                    *over = Some(event.decided_at);
                }
                return;
            }
            _ => self.escalated += 1,
        }
        let mut is_known = false;
        for (mark, found) in self.marks.iter().zip(&mut self.found) {
            if mark.explains(event, self.size_ms) {
                is_known = true;
                found.get_or_insert_with(|| First::of(event, mark));
            }
        }
        count(&mut self.false_alarms, is_detected && !is_known);
        count(&mut self.false_early, is_detected && event.early && !is_known);
    }
}

impl First {
    fn of(event: &DriftEvent, mark: &Mark) -> First {
        First {
            detected_at: event.decided_at,
            delay_seconds: event.decided_at.since_ms(mark.start) as f64 / 1000.0,
            early: event.early,
            severity: event.severity,
            feature: event.feature.clone().filter(|_| event.scope == Scope::Feature),
        }
    }
}

/// Counts one where anything is known.
fn count(known: &mut Option<u64>, is_one: bool) {
    if let Some(number) = known {
        *number += u64::from(is_one);
    }
}
