//! From verdicts to incidents, drift events and retraining triggers.

mod ids;
mod incident;
pub mod record;
mod settings;
mod verdict;

pub use settings::{
    BlockOn, Budget, Clear, EventsPolicy, FeatureSettings, Levels, Mode, ModelSettings, OnMissingReference,
    PolicySettings, Raise, ReferenceSource, RetrainOn, RetrainPolicy, Thresholds,
};
