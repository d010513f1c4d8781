//! The words that everything else is said in: names, kinds, verdicts, event time, panes.
//!
//! Nothing here computes a statistic or knows where a value comes from.

mod key;
mod pattern;
mod season;
mod time;

pub use key::{ModelKey, Name};
pub use pattern::fits_pattern;
pub use season::{Hour, Season, SeasonClock};
pub use time::{Grid, Pane, Time, parse_duration_ms};

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a monitored column is to its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// An input.
    Feature,
    /// An output.
    Prediction,
    /// The truth, known later.
    Label,
    /// Says something about the data, not about the world.
    Quality,
}

/// How the values of a column compare: by order, by equality, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Numbers, many distinct.
    Continuous,
    /// Numbers, at most 64 distinct in the reference.
    Discrete,
    /// Text.
    Categorical,
    /// True or false.
    Boolean,
}

impl Kind {
    /// Whether values are numbers with an order.
    pub fn is_numeric(self) -> bool {
        matches!(self, Kind::Continuous | Kind::Discrete)
    }
}

/// How bad a drift is. The order is the order of severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing; only as the severity before a detection.
    Ok,
    /// Worth a look.
    Warning,
    /// The data have moved.
    Drift,
    /// Act now.
    Critical,
}

/// What is said of a feature in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Judged, and no drift.
    Ok,
    /// Judged: see [`Severity::Warning`].
    Warning,
    /// Judged: see [`Severity::Drift`].
    Drift,
    /// Judged: see [`Severity::Critical`].
    Critical,
    /// Too little data to judge.
    Insufficient,
    /// Nothing to compare with.
    NoReference,
}

impl Verdict {
    /// The severity of a judged window, or `None` where it could not be judged.
    pub fn severity(self) -> Option<Severity> {
        match self {
            Verdict::Ok => Some(Severity::Ok),
            Verdict::Warning => Some(Severity::Warning),
            Verdict::Drift => Some(Severity::Drift),
            Verdict::Critical => Some(Severity::Critical),
            Verdict::Insufficient | Verdict::NoReference => None,
        }
    }

    /// Whether the verdict is drift or worse.
    pub fn is_drift(self) -> bool {
        matches!(self, Verdict::Drift | Verdict::Critical)
    }
}

impl From<Severity> for Verdict {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Ok => Verdict::Ok,
            Severity::Warning => Verdict::Warning,
            Severity::Drift => Verdict::Drift,
            Severity::Critical => Verdict::Critical,
        }
    }
}

/// What a test asks of a feature; each question has one p-value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Do the values have the reference's distribution?
    Shape,
    /// Are missing and invalid values as frequent as in the reference?
    Missing,
    /// Are categories that the reference never saw as rare as they should be?
    Unseen,
}

impl Question {
    /// All questions, in the order in which they are judged.
    pub const ALL: [Question; 3] = [Question::Shape, Question::Missing, Question::Unseen];
}

macro_rules! display_as_serialized {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            /// The name used in records and configuration.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.serialize(f)
            }
        }
    )*};
}
display_as_serialized!(Role, Kind, Severity, Verdict, Question);

macro_rules! parse_as_serialized {
    ($($type:ty),*) => {$(
        impl std::str::FromStr for $type {
            type Err = serde::de::value::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::deserialize(serde::de::value::StrDeserializer::new(text))
            }
        }
    )*};
}
parse_as_serialized!(Role, Kind, Severity);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_and_print_as_they_are_serialized() {
        assert_eq!(Kind::Continuous.to_string(), "continuous");
        assert_eq!("categorical".parse::<Kind>().ok(), Some(Kind::Categorical));
        assert!("number".parse::<Kind>().is_err());
        assert_eq!(Verdict::NoReference.to_string(), "no_reference");
    }
}
