//! What is written to each topic, as serde sees it.
//!
//! A topic with several kinds of records has one schema: a message with a nullable branch for each
//! kind, of which `type` names the one that is set.

mod chunks;
mod content;
mod delta;
mod public;
mod reference;
mod state;

pub use chunks::Encoded;
pub use content::{FeatureSketchRecord, PaneContent, SourceOffsets};
pub use delta::{DeltaMessage, DeltaRecord, ProgressRecord, TopicPartitions};
pub use public::report_chunks;
pub use reference::{ReferenceMessage, profile_chunks};
pub use state::{PaneRecord, StateMessage};

/// Version of the form of the messages in here.
const SCHEMA_VERSION: u32 = 1;

/// Refuses a message of a later form.
fn check_version(version: u32) -> Result<(), String> {
    if version > SCHEMA_VERSION {
        return Err(format!("schema version {version}, and this reads up to {SCHEMA_VERSION}"));
    }
    Ok(())
}

/// Why a message is none: its `type` names no branch that is set.
fn no_branch(kind: &str) -> String {
    format!("a message of type `{kind}` without that branch")
}
