//! The two stages as pure state machines: values in, values out.
//!
//! [`Sketcher`] turns events into [`Delta`]s and remembers nothing across commits but how far event
//! time has come. [`Evaluator`] merges deltas into panes, slides windows, judges and decides. Whoever
//! drives them brings records, references and time; `run`, `replay`, tests and benches drive the
//! same code.

mod delta;
mod sketcher;

pub use delta::{Delta, Progress};
pub use sketcher::{Drained, Position, Sketcher, SketcherSettings, SourceState, Taken, UnknownModels};
