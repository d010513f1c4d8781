//! What stage 1 tells stage 2.

use crate::reference::ReferenceId;
use crate::window::{PaneData, PartitionProgress};
use crate::words::{ModelKey, Name, Pane};

/// What an instance's partitions contributed to one pane of a model key between two commits.
#[derive(Debug, Clone, PartialEq)]
pub struct Delta {
    /// Model, version and segment.
    pub key: ModelKey,
    /// The pane.
    pub pane: Pane,
    /// The reference whose cells the rows were counted in; `None`: rows alone were counted.
    pub reference: Option<ReferenceId>,
    /// The rows, with sketches in the order of the reference's features.
    pub data: PaneData,
}

/// How far an instance's input partitions have come, and which partitions there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// All input topics with the number of their partitions.
    pub topics: Vec<(Name, i32)>,
    /// The partitions that the instance owns.
    pub partitions: Vec<PartitionProgress>,
}
