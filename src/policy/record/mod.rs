//! The records that leave driftline: window reports, drift events, retraining triggers; and the
//! commands that come in.
//!
//! Their fields are a contract: every field is there, and what is not there is null. The schemas in
//! `schemas/` say the same; a test holds the two together.

mod command;
mod event;
mod report;
mod trigger;

pub use command::{Action, Command, Mute, MuteScope, Outcome, Status};
pub use event::{
    Category, DecidedBy, DriftEvent, FeatureBrief, IncidentInfo, ModelStateInfo, ReferenceInfo,
    ResolveReason, Scope, Suppressed, Transition, TriggerInfo,
};
pub use report::{
    Chunk, FeatureReport, FeatureWarning, Suffix, Summaries, TestReport, Tests, WindowInfo, WindowReport,
    WindowState,
};
pub use trigger::{
    Cause, DataFilter, DataQuality, OffsetsInfo, RetrainingTrigger, RowRange, TriggerBudget, TriggerData,
    TriggerReason, TriggerReference,
};

/// Version of the form of the records in this file.
pub const SCHEMA_VERSION: u32 = 1;
