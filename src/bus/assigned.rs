//! Partitions that are read beside those of a group: assigned, never subscribed.
//!
//! No assignor keeps the partitions of two topics together, so whoever owns one by a group reads the
//! one of the same number of another topic like this. Nothing is committed here: offsets belong into
//! the transaction of what was made of the records.

use std::collections::BTreeMap;

use crate::bus::offsets::{Isolation, OffsetReader};
use crate::bus::record::{Record, TopicPartition};
use crate::bus::settings::KafkaSettings;
use crate::bus::tail::Tail;
use crate::error::Result;

/// Most records that one call gives.
const RECORDS_MAX: usize = 1000;

/// A reader of some partitions of one topic.
pub struct AssignedReader {
    tail: Tail,
    offsets: OffsetReader,
    topic: String,
}

impl AssignedReader {
    /// A reader of `topic`, of no partition yet.
    ///
    /// # Errors
    /// The settings do not make a consumer.
    pub fn new(settings: &KafkaSettings, topic: &str) -> Result<Self> {
        let offsets = OffsetReader::new(settings, Isolation::Uncommitted)?;
        Ok(AssignedReader { tail: Tail::new(settings)?, offsets, topic: topic.to_owned() })
    }

    /// Reads these partitions from now on and no others, each from its offset, or from the first record
    /// there is where that one is gone or nothing is known.
    ///
    /// # Errors
    /// The brokers do not answer (retriable).
    pub fn assign(&mut self, wanted: &BTreeMap<i32, Option<i64>>) -> Result<()> {
        let places: Vec<TopicPartition> =
            wanted.keys().map(|number| TopicPartition::new(self.topic.as_str(), *number)).collect();
        let ranges = self.offsets.beginnings(&places)?.into_iter().zip(self.offsets.ends(&places)?);
        let start = |((number, offset), (first, end)): ((&i32, &Option<i64>), (i64, i64))| {
            (*number, offset.unwrap_or(first).clamp(first, end))
        };
        let starts: Vec<(i32, i64)> = wanted.iter().zip(ranges).map(start).collect();
        self.tail.assign(&self.topic, &starts)
    }

    /// Gives the committed records that have come since the last call to `on_record`, those of one
    /// partition in their order. It waits for none.
    ///
    /// # Errors
    /// What `on_record` returns; records were deleted before they were read.
    pub fn take(&mut self, on_record: &mut dyn FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        self.tail.take(RECORDS_MAX, on_record)
    }

    /// The next offset to give of a partition that is read.
    pub fn position(&self, partition: i32) -> Option<i64> {
        self.tail.position(partition)
    }
}
