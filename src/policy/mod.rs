//! From verdicts to incidents, drift events and retraining triggers.

mod settings;

pub use settings::{
    BlockOn, Budget, Clear, EventsPolicy, FeatureSettings, Levels, Mode, ModelSettings, OnMissingReference,
    PolicySettings, Raise, ReferenceSource, RetrainOn, RetrainPolicy, Thresholds,
};
