//! Facts worth telling: each is a struct that says itself to the log and to the metrics together,
//! so that the two never disagree and no caller makes up names.
//!
//! A fact is told with [`emit`](crate::observe::Fact::emit). Facts hold plain values. What becomes a
//! label comes from a bounded set: an enum, a `&'static str` of the code, a configured topic, or a
//! model and version that the caller monitors; names that merely occur in the stream go to the log,
//! a capped number of times. Counters are told after the commit that makes them true. Gauges that
//! count what is (open incidents, panes) are told whole, so that a rewind after an abort heals them.
//!
//! [`Health`] is the other thing that the stages say of themselves. Nothing
//! here does network or decides anything.

mod clock;
mod health;
pub mod logging;
mod metrics;
mod models;
mod partitions;
mod process;
mod records;
mod restraint;
#[cfg(test)]
mod tests;
mod transactions;

pub use clock::Clock;
pub use health::{Health, Liveness, LoopHealth, Readiness, RestoringPartition};
pub use metrics::{Lag, Metrics};
pub use models::{
    CommandAnswered, DriftEventPublished, IncidentsCounted, ModelHeard, ModelReleased, NoReference,
    PaneClosed, PanesCounted, ReferenceActivated, ReferenceMade, TriggerPublished, TriggersCounted,
    UnknownModel, VersionRetired, WindowJudged,
};
pub use partitions::{
    ConsumerLagged, PartitionsAssigned, PartitionsRevoked, RestoreFinished, RestoreProgressed,
    RestoreStarted, RowsUnrouted, WatermarkMoved, WatermarksCompared,
};
pub use process::{BrokerTroubled, ListenerOpened, RegistryUnavailable, Started, Stopped, Stopping};
pub use records::{
    ConflictRows, IdleLateRows, LateRecords, RecordDeadLettered, RecordsConsumed, RowsLimited,
};
pub use transactions::{InstanceFenced, ProducerLost, TransactionAborted, TransactionCommitted};

use serde::Serialize;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Something that happened or that is, told to the log and the metrics in one step.
pub trait Fact {
    /// Tells it.
    fn emit(self, metrics: &Metrics);
}

/// One of the two halves of the service; its name is the label `stage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Inference events to deltas.
    Sketch,
    /// Deltas to drift events and triggers.
    Evaluate,
}

impl Stage {
    /// The name in labels, logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Sketch => "sketch",
            Stage::Evaluate => "evaluate",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The lock, also after another thread panicked with it: what these locks guard (times, sets,
/// counts) is valid after every single step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
