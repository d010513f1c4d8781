//! The two stages as pure state machines: values in, values out.
//!
//! [`Sketcher`] turns events into [`Delta`]s and remembers nothing across commits but how far event
//! time has come. [`Evaluator`] merges deltas into panes, slides windows, judges and decides. Whoever
//! drives them brings records, references and time; `run`, `replay`, tests and benches drive the
//! same code.

mod accept;
mod admission;
mod bootstrap;
mod buffer;
mod by_reference;
mod changes;
mod commands;
mod delta;
mod early;
mod evaluator;
mod features;
mod judging;
mod loss;
mod made;
mod merging;
mod model;
mod new_columns;
mod pipeline;
mod season;
mod sketcher;
mod state;
mod triggers;

pub use buffer::Gathered;
pub use changes::Restore;
pub use delta::{Delta, Progress};
pub use evaluator::{Evaluator, EvaluatorSettings};
pub use features::{FeatureContext, Sides};
pub use judging::{model_state, worst};
pub use made::MadeReference;
pub use pipeline::Pipeline;
pub use sketcher::{Drained, Position, Sketcher, SketcherSettings, SourceState, Taken, UnknownModels};
pub use state::{
    DayRecord, Desk, Layout, ModelRecord, PaneState, PartitionRecord, STATE_VERSION, SeenCommand,
    SegmentRecord, SequentialRecord, SourceRange, StateChange, StateKey, StateValue, VersionRecord,
};

use crate::policy::record::{Command, DriftEvent, RetrainingTrigger, WindowReport};
use crate::words::{ModelKey, Name};

/// What stage 2 decided, or has to say, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// A window was judged.
    Report(Box<WindowReport>),
    /// A change of verdict is published.
    Event(Box<DriftEvent>),
    /// Retraining is asked for.
    Trigger(Box<RetrainingTrigger>),
    /// A reference was made of a version's first rows or of a window, and is to be published.
    Reference(Box<MadeReference>),
    /// What became of a command.
    Command(Box<Command>),
    /// A version went quiet and its state is gone.
    VersionRetired {
        /// Its model.
        model: Name,
        /// The version.
        version: Name,
    },
    /// Rows came for a pane that was closed while their partition was idle.
    IdleLate {
        /// Their model.
        model: Name,
        /// How many.
        rows: u64,
    },
    /// Something passed a limit and is not monitored.
    Limited {
        /// What.
        key: ModelKey,
        /// The limit, by its name in the configuration.
        limit: &'static str,
        /// Its rows.
        rows: u64,
    },
}
