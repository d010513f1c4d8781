//! Panes of event time, the windows made of them, and the watermark that closes them.
//!
//! A pane is filled while it is open and never after. A window is the last panes of a model key; its
//! cost per slide does not grow with its length. Nothing here judges, and nothing reads a clock.

mod closed;
mod pane;
mod running;
mod sliding;
mod watermark;

pub use closed::ClosedPane;
pub use pane::{Flow, LookTally, OffsetRange, PaneData, Source};
pub use sliding::SlidingWindow;
pub use watermark::{KnownPartition, PartitionProgress, Passed, Watermarks};
