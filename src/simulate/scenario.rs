//! What is simulated: the model, its versions and traffic, and the schedule of drifts.

use super::catalogue::{FEATURES, TERMS};
use super::drift::{Change, Drift};
use super::{PREDICTION, feature_names};
use crate::error::{Error, Result};
use crate::words::{Name, Time};
use std::ops::Range;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// A version of the simulated model. All versions score alike, so one reference holds for all.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// Its name.
    pub name: Name,
    /// Its share of the traffic, in any unit.
    pub share: f64,
}

/// What is simulated. With a seed it is a stream: see [`super::Simulator`].
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The model's name.
    pub model: Name,
    /// Its versions.
    pub versions: Vec<Version>,
    /// The event time of the first event.
    pub start: Time,
    /// Events in a second of event time.
    pub rate: f64,
    /// How long the stream is, in milliseconds of event time; `None`: endless.
    pub duration_ms: Option<i64>,
    /// Events are out of order by up to so many milliseconds of event time.
    pub disorder_ms: i64,
    /// The drifts. Several of one feature apply in this order.
    pub drifts: Vec<Drift>,
}

/// A drift of the schedule, as reports list it.
#[derive(Debug, Clone, PartialEq)]
pub struct Injected {
    /// The feature.
    pub feature: Name,
    /// The kind: see [`Change::kind`].
    pub kind: &'static str,
    /// When it starts.
    pub at: Time,
    /// When it ends, not part of it; `None`: never.
    pub until: Option<Time>,
    /// The versions that it happens to; empty: all.
    pub versions: Vec<Name>,
}

impl Scenario {
    /// A model without drift: `fraud` with the versions `7` (80 % of the traffic) and `8` (20 %), 20
    /// events a second from `start` on.
    pub fn quiet(start: Time) -> Scenario {
        Scenario {
            model: "fraud".into(),
            versions: vec![
                Version { name: "7".into(), share: 0.8 },
                Version { name: "8".into(), share: 0.2 },
            ],
            start,
            rate: 20.0,
            duration_ms: None,
            disorder_ms: 2000,
            drifts: Vec::new(),
        }
    }

    /// A day of the same with the default schedule: four quiet hours, then a drift every two hours.
    pub fn demo() -> Scenario {
        Scenario {
            duration_ms: Some(24 * HOUR_MS),
            drifts: Scenario::default_schedule(4 * HOUR_MS, 2 * HOUR_MS),
            // 2026-03-02T00:00:00Z, a Monday.
            ..Scenario::quiet(Time::from_ms(1_772_409_600_000))
        }
    }

    /// Drifts of every kind: the first after `quiet_ms`, the others each `step_ms` after the one before.
    /// The broken pipelines and the missing values are mended after a while, all others stay.
    pub fn default_schedule(quiet_ms: i64, step_ms: i64) -> Vec<Drift> {
        let at = |step: i64| quiet_ms.saturating_add(step_ms.saturating_mul(step));
        let new_device = Change::NewCategory { name: "smart_tv".into(), share: 0.08 };
        vec![
            Drift::sudden("amount", Change::MeanShift { sigmas: 0.3 }, at(0)),
            Drift::sudden("merchant_category", Change::CategoryMix { share: 0.35 }, at(1)),
            Drift::sudden("income", Change::UnitChange { factor: 1000.0 }, at(2)).lasting(step_ms).only("8"),
            Drift::sudden("utilisation", Change::MeanShift { sigmas: 0.8 }, at(3)).gradual(step_ms),
            Drift::sudden("ip_risk", Change::Missing { points: 20.0 }, at(4)).lasting(step_ms),
            Drift::sudden("device_type", new_device, at(5)),
            Drift::sudden("typing_speed", Change::Constant, at(6)),
            Drift::sudden("session_seconds", Change::AllNull, at(7)).lasting(step_ms / 2),
            Drift::sudden("debt_to_income", Change::Scale { factor: 1.8 }, at(8)),
        ]
    }

    /// The drifts that the schedule injects, in its order.
    pub fn injected(&self) -> Vec<Injected> {
        let injected = |drift: &Drift| {
            let (at, until) = drift.span(self.start);
            Injected {
                feature: drift.feature.clone(),
                kind: drift.change.kind(),
                at,
                until,
                versions: drift.versions.clone(),
            }
        };
        self.drifts.iter().map(injected).collect()
    }

    /// Whether the schedule explains that `feature` of `version` is found drifted in `window` (start
    /// included, end not): a drift of it is there in that time. The prediction is also explained by a
    /// drift of a feature that it is computed from, and by nothing else.
    pub fn explains(&self, version: &str, feature: &str, window: Range<Time>) -> bool {
        self.drifts.iter().any(|drift| {
            let (at, until) = drift.span(self.start);
            let is_there = at < window.end && until.is_none_or(|until| window.start < until);
            is_there
                && drift.concerns(version)
                && (*drift.feature == *feature || moves(&drift.feature, feature))
        })
    }

    /// Checks that the scenario can be simulated.
    ///
    /// # Errors
    /// `Config`, where a rate or a share is not positive, no version is there, a feature is not
    /// known, or a drift can't happen to its feature.
    pub(super) fn check(&self) -> Result<()> {
        let is_positive = |number: f64| number.is_finite() && number > 0.0;
        if !is_positive(self.rate) {
            return Err(Error::config("the rate of events must be above 0"));
        }
        if self.versions.is_empty() || !self.versions.iter().all(|version| is_positive(version.share)) {
            return Err(Error::config("a simulated model needs versions, each with a share above 0"));
        }
        if self.disorder_ms < 0 || self.duration_ms.is_some_and(|ms| ms < 0) {
            return Err(Error::config("the stream's length and its disorder can't be negative"));
        }
        for drift in &self.drifts {
            let Some(feature) = FEATURES.iter().find(|feature| *feature.name == *drift.feature) else {
                let names = feature_names().collect::<Vec<_>>().join(", ");
                return Err(Error::config(format!("no feature is named `{}`", drift.feature))
                    .hint(format!("the features are {names}")));
            };
            drift.check(feature)?;
        }
        Ok(())
    }
}

/// Whether a drift of the feature `input` moves `output`.
fn moves(input: &str, output: &str) -> bool {
    output == PREDICTION && TERMS.iter().any(|term| term.feature == input)
}
