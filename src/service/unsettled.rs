//! What a stage has yet to do before it takes and commits records again.
//!
//! Partitions that came are started, and work that was given up is read again from the committed
//! offsets. Both ask the broker, which may not answer: so they are written down here, and done as
//! soon as it does.

use crate::bus::TopicPartition;

/// What is left to do.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    /// Partitions that were assigned and not yet started.
    pub fresh: Vec<TopicPartition>,
    /// Whether the partitions that stay must go back to what is committed.
    pub is_stale: bool,
}

impl Unsettled {
    /// Whether nothing is left to do.
    pub fn is_empty(&self) -> bool {
        self.fresh.is_empty() && !self.is_stale
    }

    /// Partitions that go need no start.
    pub fn revoked(&mut self, partitions: &[TopicPartition]) {
        self.fresh.retain(|partition| !partitions.contains(partition));
    }
}
