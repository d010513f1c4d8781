//! From verdicts to incidents, drift events and retraining triggers.
//!
//! [`judge`] says what a window means, an [`IncidentBook`] follows it over time and tells its changes,
//! a [`RetrainState`] asks for retraining. All of it is a function of integer counts and window
//! ends: no clock, and nothing that a digest estimates, decides.

mod book;
mod early;
mod event;
mod expectation;
mod explain;
mod group;
mod hourly;
mod ids;
mod incident;
mod life;
mod new_column;
pub mod record;
mod retrain;
mod settings;
mod trigger;
mod verdict;

pub use book::{BookRecord, Gone, IncidentBook, JudgedFeature, Step, TrackRecord};
pub use early::EarlyFinding;
pub use expectation::{Bounds, Expectations, Expected, Figure, Place, Total};
pub use group::{Child, Parent};
pub use hourly::HourlyLimit;
pub use ids::report_id;
pub use incident::{Hit, Incident, Track};
pub use life::Moment;
pub use new_column::NewColumn;
pub use retrain::{DataIndex, Decision, Due, Failed, GivenUp, Open, Rejected, RetrainState};
pub use settings::{
    BlockOn, BootstrapSettings, Budget, Clear, Early, EventsPolicy, FeatureSettings, Levels, Mode,
    ModelSettings, OnMissingReference, PolicySettings, Raise, ReferenceSource, RetrainOn, RetrainPolicy,
    Suffixes, Thresholds,
};
pub use verdict::{Answered, Finding, Judgement, Part, judge, judgeable, level, severity, sized, strongest};
