//! Where a stage's consumer reads: partitions are started, rewound, paused and resumed.
//!
//! What was fetched from a partition that moves is dropped, so that the next record handed out is the
//! one at the place it moved to.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::consumer::{Consumer, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use crate::bus::consumer::{REQUEST, StageConsumer};
use crate::bus::fault;
use crate::bus::owned::Cursor;
use crate::bus::rebalance::assign;
use crate::bus::record::{TopicPartition, topic_of};
use crate::error::{Error, Result};

/// After this time a partition that cannot be moved is started anew.
const SETTLE: Duration = Duration::from_millis(500);

impl StageConsumer {
    /// Starts all partitions of the last [`Polled::Assigned`](super::Polled::Assigned), each at its
    /// offset; `paused` ones wait for [`StageConsumer::resume`] (while their state is restored, say).
    ///
    /// # Errors
    /// librdkafka refuses, or the broker does not answer.
    ///
    /// # Panics
    /// A partition that was assigned and not yet started is left out, or another is named.
    pub fn start(&self, offsets: &[(TopicPartition, i64)], paused: bool) -> Result<()> {
        let mut pending = self.pending.borrow_mut();
        let mut named: Vec<TopicPartition> = offsets.iter().map(|(partition, _)| partition.clone()).collect();
        pending.sort();
        named.sort();
        assert_eq!(*pending, named, "all assigned partitions are started, and no others");
        let cannot = "cannot start reading assigned partitions";
        let list = offset_list(offsets)?;
        self.forget_fetched(&named);
        named.iter().try_for_each(|partition| self.receive(partition))?;
        assign(&self.consumer, &list).map_err(|error| fault::kafka(cannot, &error))?;
        self.unheard.borrow_mut().append(&mut pending);
        // A pause outlives an assignment in librdkafka, so that it is always set anew.
        let set = if paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        set.map_err(|error| fault::kafka(cannot, &error))?;
        let mut table = self.table.borrow_mut();
        for (partition, offset) in offsets {
            table.set(partition, Some(Cursor { position: *offset, paused, at_end: false }));
        }
        Ok(())
    }

    /// Goes to these offsets: the next record of each partition is the one there or the first after
    /// it. Paused partitions stay paused.
    ///
    /// # Errors
    /// The broker does not answer within ten seconds.
    ///
    /// # Panics
    /// A partition is not owned.
    pub fn rewind(&self, offsets: &[(TopicPartition, i64)]) -> Result<()> {
        let cannot = "cannot go back to an offset";
        let started = Instant::now();
        let mut left: Vec<(TopicPartition, i64)> = offsets.to_vec();
        while !left.is_empty() {
            let result = self.consumer.seek_partitions(offset_list(&left)?, REQUEST);
            let list = result.map_err(|error| fault::kafka(cannot, &error))?;
            let mut failed = Vec::new();
            for (partition, offset) in left {
                let element = list.find_partition(&partition.topic, partition.partition);
                match element.map_or(Ok(()), |element| element.error()) {
                    Ok(()) => self.moved(&partition, offset),
                    Err(KafkaError::OffsetFetch(Code::State | Code::PreviousInProgress)) => {
                        failed.push((partition, offset));
                    }
                    Err(error) => return Err(fault::kafka(cannot, &error).at(partition)),
                }
            }
            left = failed;
            // A partition that was just started cannot be moved for some milliseconds, one whose
            // fetching ended in an error never.
            if !left.is_empty() && started.elapsed() >= SETTLE {
                if self.has_changes() {
                    let error = Error::bus("the group is rebalancing: poll first").at(&left[0].0);
                    return Err(error.retriable());
                }
                return self.restart(&left).map_err(|error| fault::kafka(cannot, &error).at(&left[0].0));
            }
            if !left.is_empty() {
                sleep(Duration::from_millis(10));
            }
        }
        Ok(())
    }

    /// Takes partitions out of the assignment and in again at these offsets.
    fn restart(&self, offsets: &[(TopicPartition, i64)]) -> Result<(), KafkaError> {
        let partitions: Vec<TopicPartition> =
            offsets.iter().map(|(partition, _)| partition.clone()).collect();
        for (partition, offset) in offsets {
            self.moved(partition, *offset);
        }
        match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => {
                self.consumer.incremental_unassign(&partition_list(&partitions))?;
                self.unheard.borrow_mut().extend(partitions);
                self.consumer.incremental_assign(&native_offsets(offsets)?)
            }
            RebalanceProtocol::Eager | RebalanceProtocol::None => {
                let all: Vec<(TopicPartition, i64)> = self
                    .table
                    .borrow()
                    .iter()
                    .map(|(partition, cursor)| (partition, cursor.position))
                    .collect();
                self.unheard.replace(self.partitions());
                self.consumer.assign(&native_offsets(&all)?)
            }
        }
    }

    fn moved(&self, partition: &TopicPartition, offset: i64) {
        self.forget_fetched(std::slice::from_ref(partition));
        let mut table = self.table.borrow_mut();
        let cursor =
            table.get(&partition.topic, partition.partition).expect("only owned partitions are rewound");
        cursor.position = offset;
        cursor.at_end = false;
    }

    /// Hands out no more records of these partitions.
    ///
    /// # Errors
    /// librdkafka refuses.
    pub fn pause(&self, partitions: &[TopicPartition]) -> Result<()> {
        let list = partition_list(partitions);
        self.consumer.pause(&list).map_err(|error| fault::kafka("cannot pause partitions", &error))?;
        self.mark_paused(partitions, true);
        // librdkafka takes what it gave for handed out, and would go on after it.
        let taken = self.forget_fetched(partitions);
        let back = taken.into_iter().filter_map(|partition| Some((self.position(&partition)?, partition)));
        self.rewind(&back.map(|(position, partition)| (partition, position)).collect::<Vec<_>>())
    }

    /// Hands out records of these partitions again, from where they were.
    ///
    /// # Errors
    /// librdkafka refuses.
    pub fn resume(&self, partitions: &[TopicPartition]) -> Result<()> {
        let list = partition_list(partitions);
        self.consumer.resume(&list).map_err(|error| fault::kafka("cannot resume partitions", &error))?;
        self.mark_paused(partitions, false);
        Ok(())
    }

    fn mark_paused(&self, partitions: &[TopicPartition], paused: bool) {
        let mut table = self.table.borrow_mut();
        for partition in partitions {
            if let Some(cursor) = table.get(&partition.topic, partition.partition) {
                cursor.paused = paused;
            }
        }
    }

    /// Drops what was fetched from these partitions and not handed out; says from which.
    pub(super) fn forget_fetched(&self, partitions: &[TopicPartition]) -> Vec<TopicPartition> {
        let mut from: Vec<TopicPartition> = Vec::new();
        self.waiting.borrow_mut().retain(|fetched| {
            let message = fetched.native();
            let (topic, number) = (topic_of(message), message.partition);
            let known = partitions.iter().find(|p| p.partition == number && *p.topic == *topic);
            if let Some(partition) = known.filter(|partition| !from.contains(partition)) {
                from.push(partition.clone());
            }
            known.is_none()
        });
        from
    }

    /// Sees to it that a record which must not be handed out now comes again later, where its
    /// partition is owned.
    pub(super) fn put_back(&self, partition: &TopicPartition, offset: i64) -> Result<()> {
        match self.position(partition) {
            Some(position) if position <= offset => self.rewind(&[(partition.clone(), position)]),
            _ => Ok(()),
        }
    }

    /// Has a partition deliver its records where they are taken.
    pub(super) fn receive(&self, partition: &TopicPartition) -> Result<()> {
        // SAFETY: it is the client of the fetches.
        unsafe { self.fetches.borrow().receive(self.consumer.client().native_ptr(), partition) }
    }
}

fn partition_list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

fn offset_list(offsets: &[(TopicPartition, i64)]) -> Result<TopicPartitionList> {
    native_offsets(offsets).map_err(|error| fault::kafka("there is no such offset", &error))
}

fn native_offsets(offsets: &[(TopicPartition, i64)]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (partition, offset) in offsets {
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*offset))?;
    }
    Ok(list)
}
