//! Records of one partition as a stage takes them, one after the other.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ptr;

use rdkafka::bindings::rd_kafka_topic_t;

use crate::bus::fetched::Fetched;
use crate::bus::owned::{Slot, Table};
use crate::bus::record::{Record, TopicPartition, topic_of};

/// The next records of one partition, in order. Those that are not taken are handed out later;
/// those of a partition that is paused, rewound or revoked meanwhile are not handed out any more.
pub struct Records<'a> {
    partition: TopicPartition,
    /// librdkafka's name of the topic, by which records are told apart quickly.
    topic: *const rd_kafka_topic_t,
    slot: Slot,
    waiting: &'a RefCell<VecDeque<Fetched>>,
    table: &'a RefCell<Table>,
}

impl<'a> Records<'a> {
    /// The records at the front of `waiting`, if the first one may be handed out.
    pub(super) fn of_next(
        waiting: &'a RefCell<VecDeque<Fetched>>,
        table: &'a RefCell<Table>,
    ) -> Option<Self> {
        let (topic, (partition, slot)) = {
            let waiting = waiting.borrow();
            let message = waiting.front()?.native();
            (message.rkt.cast_const(), table.borrow().find(topic_of(message), message.partition)?)
        };
        let records = Records { partition, topic, slot, waiting, table };
        records.has_next().then_some(records)
    }

    /// Their partition.
    pub fn source(&self) -> &TopicPartition {
        &self.partition
    }

    /// Whether the next record is one of this partition that may be handed out: it is owned, not
    /// paused, and was not rewound past it while it was in flight.
    fn has_next(&self) -> bool {
        let waiting = self.waiting.borrow();
        let Some(fetched) = waiting.front() else { return false };
        let message = fetched.native();
        fetched.error().is_none()
            && message.partition == self.partition.partition
            && ptr::eq(message.rkt, self.topic)
            && self
                .table
                .borrow_mut()
                .at(self.slot)
                .is_some_and(|cursor| !cursor.paused && message.offset >= cursor.position)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        if !self.has_next() {
            return None;
        }
        let record = self.waiting.borrow_mut().pop_front().map(Record::fetched)?;
        if let Some(cursor) = self.table.borrow_mut().at(self.slot) {
            cursor.position = record.offset() + 1;
            cursor.at_end = false;
        }
        Some(record)
    }
}
