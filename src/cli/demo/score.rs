//! What was injected against what was found.

use crate::measure::MEASURES;
use crate::policy::record::{Category, DecidedBy, DriftEvent, Transition};
use crate::simulate::{Injected, Scenario};
use crate::words::{Name, Time};
use serde::{Serialize, Serializer};

/// The drifts of a scenario, what found them, and what was raised without cause.
#[derive(Serialize)]
pub(super) struct Score {
    #[serde(skip)]
    scenario: Scenario,
    /// The injected drifts, in the order of the schedule.
    pub injected: Vec<Row>,
    /// Drift events that nothing explains.
    pub unexpected: Vec<DriftEvent>,
}

/// An injected drift.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub feature: Name,
    pub kind: &'static str,
    pub at: Time,
    /// When it ends; null: never.
    pub until: Option<Time>,
    /// Whose; empty: all versions.
    pub versions: Vec<Name>,
    #[serde(flatten)]
    pub found: Found,
}

/// What found it first; all null where nothing did.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found(pub Option<First>);

/// The first drift event that an injected drift explains.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct First {
    pub detected_at: Time,
    /// The version in which it was seen.
    pub version: Name,
    /// The measure that shows it most.
    pub measure: &'static str,
    /// Its value.
    pub value: Option<f64>,
    pub delay_seconds: f64,
}

impl Serialize for Found {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'a> {
            detected_at: Option<Time>,
            version: Option<&'a Name>,
            measure: Option<&'static str>,
            value: Option<f64>,
            delay_seconds: Option<f64>,
        }
        let first = self.0.as_ref();
        let fields = Fields {
            detected_at: first.map(|first| first.detected_at),
            version: first.map(|first| &first.version),
            measure: first.map(|first| first.measure),
            value: first.and_then(|first| first.value),
            delay_seconds: first.map(|first| first.delay_seconds),
        };
        fields.serialize(serializer)
    }
}

impl Score {
    /// Nothing found yet.
    pub fn new(scenario: &Scenario) -> Score {
        let row = |injected: Injected| {
            let Injected { feature, kind, at, until, versions } = injected;
            Row { feature, kind, at, until, versions, found: Found::default() }
        };
        Score {
            scenario: scenario.clone(),
            injected: scenario.injected().into_iter().map(row).collect(),
            unexpected: Vec::new(),
        }
    }

    /// How many injected drifts were found.
    pub fn found(&self) -> usize {
        self.injected.iter().filter(|row| row.found.0.is_some()).count()
    }

    /// Takes a drift event. One that raises an alarm is explained by the schedule or unexpected; for the
    /// injected drifts that explain it and were not found yet, it is what found them.
    pub fn take(&mut self, event: &DriftEvent) {
        let raises = matches!(event.transition, Transition::Detected | Transition::Escalated)
            && event.category != Category::Retraining;
        if !raises {
            return;
        }
        let since = event.incident.onset_estimate..event.decided_at;
        let seen = event.window.map_or(since, |window| window.start..window.end);
        let features: Vec<&Name> = match &event.feature {
            Some(feature) => vec![feature],
            None => event.features.iter().map(|brief| &brief.feature).collect(),
        };
        let is_explained = |feature: &&Name| self.scenario.explains(&event.version, feature, seen.clone());
        if features.is_empty() || !features.iter().all(is_explained) {
            self.unexpected.push(event.clone());
        }
        for row in self.injected.iter_mut().filter(|row| row.found.0.is_none()) {
            let concerns = features.contains(&&row.feature)
                && (row.versions.is_empty() || row.versions.contains(&event.version))
                && row.at < seen.end
                && row.until.is_none_or(|until| seen.start < until);
            if concerns {
                let (measure, value) = shown_by(event);
                row.found = Found(Some(First {
                    detected_at: event.decided_at,
                    version: event.version.clone(),
                    measure,
                    value,
                    delay_seconds: event.decided_at.since_ms(row.at) as f64 / 1000.0,
                }));
            }
        }
    }
}

/// What shows the change of an event most: a measure, or the share of missing rows.
fn shown_by(event: &DriftEvent) -> (&'static str, Option<f64>) {
    match event.decided_by.first() {
        Some(DecidedBy::Sequential) => ("early sight", None),
        Some(DecidedBy::Missing) => {
            let rows = event.window.map(|window| window.events).filter(|rows| *rows > 0);
            let missing = event.missing.zip(event.invalid).map(|(missing, invalid)| missing + invalid);
            ("missing", missing.zip(rows).map(|(missing, rows)| missing as f64 / rows as f64))
        }
        Some(DecidedBy::Unseen) => ("unseen", None),
        Some(DecidedBy::Shape) | None => {
            let measures = event.measures.unwrap_or_default();
            let beyond = |measure: crate::measure::MeasureValue| {
                measure.corrected.abs() / measure.threshold.unwrap_or(f64::INFINITY)
            };
            let most = MEASURES
                .iter()
                .filter_map(|info| Some((info.name, (*measures.get(info.measure))?)))
                .max_by(|(_, one), (_, other)| beyond(*one).total_cmp(&beyond(*other)));
            most.map_or(("psi", None), |(name, measure)| (name, Some(measure.value)))
        }
    }
}

#[cfg(test)]
mod tests;
