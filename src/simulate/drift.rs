//! What can go wrong with a feature, and when.

use super::catalogue::{Feature, Shape};
use super::dice::{Dice, pick, rounded};
use crate::error::{Error, Result};
use crate::event::Value;
use crate::words::{Name, Time};
use std::borrow::Cow;

/// A change of one feature.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// All numbers move by so many standard deviations of the undrifted feature.
    MeanShift {
        /// Standard deviations; negative is down.
        sigmas: f64,
    },
    /// All numbers move away from the mean by this factor, or towards it when below 1.
    Scale {
        /// The factor.
        factor: f64,
    },
    /// This share of the values is drawn from the reversed order of the categories, the rarest most
    /// often. Of a boolean, this share is turned round.
    CategoryMix {
        /// The share, 0 to 1.
        share: f64,
    },
    /// This share of the values is a category never seen before.
    NewCategory {
        /// Its name.
        name: Name,
        /// The share, 0 to 1.
        share: f64,
    },
    /// More values are missing.
    Missing {
        /// How many more, in percentage points.
        points: f64,
    },
    /// A sensor that is stuck: always the mean, the most frequent category, or false.
    Constant,
    /// A pipeline that broke: the unit is another one.
    UnitChange {
        /// What numbers are multiplied by, such as 1000.
        factor: f64,
    },
    /// A pipeline that broke: all values are null.
    AllNull,
}

impl Change {
    /// The kind, as reports name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Change::MeanShift { .. } => "mean_shift",
            Change::Scale { .. } => "scale",
            Change::CategoryMix { .. } => "category_mix",
            Change::NewCategory { .. } => "new_category",
            Change::Missing { .. } => "missing",
            Change::Constant => "constant",
            Change::UnitChange { .. } | Change::AllNull => "broken_pipeline",
        }
    }
}

/// A change on the schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// The feature that changes.
    pub feature: Name,
    /// How.
    pub change: Change,
    /// When it starts, in milliseconds of event time from the scenario's start.
    pub start_ms: i64,
    /// When it ends, counted likewise, not part of it; `None`: never.
    pub end_ms: Option<i64>,
    /// How long it takes to reach its full strength, in milliseconds; 0 is sudden.
    pub ramp_ms: i64,
    /// The versions that it happens to; empty: all.
    pub versions: Vec<Name>,
}

impl Drift {
    /// A sudden change of a feature, of all versions, that stays.
    pub fn sudden(feature: impl Into<Name>, change: Change, start_ms: i64) -> Drift {
        Drift { feature: feature.into(), change, start_ms, end_ms: None, ramp_ms: 0, versions: Vec::new() }
    }

    /// The same, reaching its full strength only after `ramp_ms`.
    #[must_use]
    pub fn gradual(mut self, ramp_ms: i64) -> Drift {
        self.ramp_ms = ramp_ms;
        self
    }

    /// The same, over after `ms`.
    #[must_use]
    pub fn lasting(mut self, ms: i64) -> Drift {
        self.end_ms = Some(self.start_ms.saturating_add(ms));
        self
    }

    /// The same, for this version only.
    #[must_use]
    pub fn only(mut self, version: impl Into<Name>) -> Drift {
        self.versions.push(version.into());
        self
    }

    /// Whether it can happen to the version.
    pub(super) fn concerns(&self, version: &str) -> bool {
        self.versions.is_empty() || self.versions.iter().any(|name| **name == *version)
    }

    /// How strong it is at `ms` after the scenario's start: 0 (not there) to 1.
    pub(super) fn strength(&self, ms: i64) -> f64 {
        let since = ms.saturating_sub(self.start_ms);
        if since < 0 || self.end_ms.is_some_and(|end| ms >= end) {
            return 0.0;
        }
        if since >= self.ramp_ms { 1.0 } else { since as f64 / self.ramp_ms as f64 }
    }

    /// From when to when it is there, for a scenario that starts at `start`.
    pub(super) fn span(&self, start: Time) -> (Time, Option<Time>) {
        (start.plus_ms(self.start_ms), self.end_ms.map(|end| start.plus_ms(end)))
    }

    /// Whether the change makes sense for the feature.
    pub(super) fn check(&self, feature: &Feature) -> Result<()> {
        let is_number = matches!(feature.shape, Shape::Number { .. } | Shape::Count { .. });
        let fits = match self.change {
            Change::MeanShift { .. } | Change::Scale { .. } | Change::UnitChange { .. } => is_number,
            Change::CategoryMix { .. } => !is_number,
            Change::NewCategory { .. } => matches!(feature.shape, Shape::Category { .. }),
            Change::Missing { .. } | Change::Constant | Change::AllNull => true,
        };
        let sane = match self.change {
            Change::MeanShift { sigmas } => sigmas.is_finite(),
            Change::Scale { factor } | Change::UnitChange { factor } => factor.is_finite(),
            Change::CategoryMix { share } | Change::NewCategory { share, .. } => (0.0..=1.0).contains(&share),
            Change::Missing { points } => (0.0..=100.0).contains(&points),
            Change::Constant | Change::AllNull => true,
        };
        let name = &self.feature;
        if !fits {
            let what = format!("a {} can't happen to `{name}`", self.change.kind());
            return Err(Error::config(what).hint(
                "numbers shift, scale and change unit; categories mix; any feature goes missing or sticks",
            ));
        }
        if !sane {
            return Err(Error::config(format!("the {} of `{name}` is out of range", self.change.kind()))
                .hint("shares are 0 to 1, points 0 to 100, factors and sigmas finite"));
        }
        if self.ramp_ms < 0 || self.end_ms.is_some_and(|end| end <= self.start_ms) {
            return Err(Error::config(format!(
                "the {} of `{name}` ends before it starts",
                self.change.kind()
            ))
            .hint("an end must be after the start, a ramp not negative"));
        }
        Ok(())
    }
}

/// What a feature is like without drift.
#[derive(Debug, Clone, Default)]
pub(super) struct Usual {
    /// The mean of its numbers.
    pub(super) mean: f64,
    /// Their standard deviation.
    pub(super) sigma: f64,
    /// The cumulated shares of its categories.
    pub(super) cumulated: Vec<f64>,
}

/// Changes `value` as `change` says, at `strength` above 0 and up to 1.
pub(super) fn apply(
    change: &Change,
    strength: f64,
    feature: &Feature,
    usual: &Usual,
    value: &mut Value<'static>,
    dice: &mut Dice,
) {
    match change {
        Change::MeanShift { sigmas } => {
            change_number(feature, value, dice, |x| x + sigmas * strength * usual.sigma);
        }
        Change::Scale { factor } => {
            let factor = 1.0 + (factor - 1.0) * strength;
            change_number(feature, value, dice, |x| usual.mean + factor * (x - usual.mean));
        }
        Change::CategoryMix { share } => {
            let (hit, place) = (dice.chance(share * strength), dice.uniform());
            match (hit, &mut *value, &feature.shape) {
                (true, Value::Bool(value), _) => *value = !*value,
                (true, Value::Text(text), Shape::Category { names, .. }) => {
                    let rank = pick(&usual.cumulated, place);
                    *text = Cow::Borrowed(names[names.len() - 1 - rank]);
                }
                _ => {}
            }
        }
        Change::NewCategory { name, share } => {
            if dice.chance(share * strength) && matches!(value, Value::Text(_)) {
                *value = Value::Text(Cow::Owned(name.as_ref().to_owned()));
            }
        }
        Change::Missing { points } => {
            if dice.chance(points / 100.0 * strength) {
                *value = Value::Missing;
            }
        }
        Change::Constant => {
            if dice.chance(strength) {
                *value = match &feature.shape {
                    Shape::Number { decimals, .. } => Value::Number(rounded(usual.mean, *decimals)),
                    Shape::Count { .. } => Value::Number(usual.mean.round()),
                    Shape::Category { names, .. } => Value::Text(Cow::Borrowed(names[0])),
                    Shape::Boolean { .. } => Value::Bool(false),
                };
            }
        }
        Change::UnitChange { factor } => {
            // Beyond the feature's range on purpose: that is what gives it away.
            if let (true, Value::Number(number)) = (dice.chance(strength), value) {
                *number *= factor;
            }
        }
        Change::AllNull => {
            if dice.chance(strength) {
                *value = Value::Missing;
            }
        }
    }
}

/// Changes a number and keeps it what the feature can be.
fn change_number(
    feature: &Feature,
    value: &mut Value<'static>,
    dice: &mut Dice,
    change: impl Fn(f64) -> f64,
) {
    let Value::Number(number) = value else { return };
    match feature.shape {
        Shape::Number { decimals, min, max, .. } => {
            *number = rounded(change(*number), decimals).clamp(min, max);
        }
        Shape::Count { min, max, .. } => *number = dice.round(change(*number)).clamp(min, max),
        Shape::Category { .. } | Shape::Boolean { .. } => {}
    }
}
