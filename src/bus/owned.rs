//! What a stage's consumer hands out, and where it stands in each partition that it owns.

use std::sync::Arc;

use crate::bus::record::TopicPartition;
use crate::bus::records::Records;
use crate::error::Error;

/// What one [`crate::bus::StageConsumer::poll`] brought.
pub enum Polled<'a> {
    /// The next records of one of the partitions: at least one.
    Records(Records<'a>),
    /// These partitions are now this member's. Answer with [`crate::bus::StageConsumer::start`] soon: until
    /// then the member cannot take part in the next rebalance.
    Assigned(Vec<TopicPartition>),
    /// These partitions are gone, given back or lost. Discard what was made of their records since
    /// the last commit; where other partitions share the same uncommitted work, discard all of it
    /// and rewind those that stay.
    Revoked(Vec<TopicPartition>),
    /// All committed records of this partition were handed out. Told once each time.
    Eof(TopicPartition),
    /// Records were deleted before they were read. Nothing more comes from these partitions until
    /// they are rewound, for example to `first`.
    Lost(Vec<LostOffsets>),
    /// Something failed that librdkafka goes on to try: count it, log it, poll on.
    Trouble(Error),
    /// Nothing within the timeout.
    Nothing,
}

/// A partition whose next offset does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostOffsets {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset that was to be read next.
    pub wanted: i64,
    /// The first offset that there is.
    pub first: i64,
    /// The offset after the last.
    pub end: i64,
}

/// What a group has committed for a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The next offset to process; `None` where nothing was committed.
    pub offset: Option<i64>,
    /// What was kept beside it.
    pub metadata: String,
}

/// Where this member stands in a partition and where it ends, as seen about once a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionEnds {
    /// The partition.
    pub partition: TopicPartition,
    /// The next offset to hand out.
    pub position: i64,
    /// The end of what is committed.
    pub stable_end: i64,
    /// The end of what is written.
    pub high_watermark: i64,
}

/// One owned partition.
pub(super) struct Cursor {
    pub(super) position: i64,
    pub(super) paused: bool,
    /// The end was reached and told, and nothing came since.
    pub(super) at_end: bool,
}

/// The owned partitions. A stage reads few topics, so that a search through their names is quick,
/// and a partition is an index.
#[derive(Default)]
pub(super) struct Table(Vec<(Arc<str>, Vec<Option<Cursor>>)>);

impl Table {
    /// The cursor of an owned partition.
    pub(super) fn get(&mut self, topic: &str, partition: i32) -> Option<&mut Cursor> {
        let (_, partitions) = self.0.iter_mut().find(|(name, _)| **name == *topic)?;
        partitions.get_mut(usize::try_from(partition).ok()?)?.as_mut()
    }

    /// Takes a partition in, or out.
    pub(super) fn set(&mut self, partition: &TopicPartition, cursor: Option<Cursor>) {
        let index = usize::try_from(partition.partition).expect("Kafka numbers partitions from 0");
        let at = match self.0.iter().position(|(name, _)| *name == partition.topic) {
            Some(at) => at,
            None => {
                self.0.push((partition.topic.clone(), Vec::new()));
                self.0.len() - 1
            }
        };
        let partitions = &mut self.0[at].1;
        if partitions.len() <= index {
            partitions.resize_with(index + 1, || None);
        }
        partitions[index] = cursor;
    }

    /// An owned partition, and where its cursor is.
    pub(super) fn find(&self, topic: &str, partition: i32) -> Option<(TopicPartition, Slot)> {
        let at = self.0.iter().position(|(name, _)| **name == *topic)?;
        let (topic, partitions) = &self.0[at];
        let index = usize::try_from(partition).ok()?;
        partitions.get(index)?.as_ref()?;
        Some((TopicPartition::new(topic.clone(), partition), Slot(at, index)))
    }

    /// The cursor in a slot, while its partition is owned.
    pub(super) fn at(&mut self, Slot(topic, partition): Slot) -> Option<&mut Cursor> {
        self.0.get_mut(topic)?.1.get_mut(partition)?.as_mut()
    }

    /// All owned partitions.
    pub(super) fn iter(&self) -> impl Iterator<Item = (TopicPartition, &Cursor)> {
        self.0.iter().flat_map(|(topic, partitions)| {
            (0..).zip(partitions).filter_map(move |(number, cursor)| {
                cursor.as_ref().map(|cursor| (TopicPartition::new(topic.clone(), number), cursor))
            })
        })
    }
}

/// Where the cursor of a partition is; it stays there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot(usize, usize);
