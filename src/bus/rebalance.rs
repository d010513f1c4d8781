//! What the group says while a consumer polls: partitions that come and partitions that go.
//!
//! A revocation is carried out at once, since leaving the group waits for it. An assignment is only
//! written down: nothing is fetched from a new partition until its consumer was told where to
//! start, so no record can come before its assignment was handled.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Statistics, TopicPartitionList};

use crate::bus::fault;
use crate::bus::record::TopicPartition;

/// A change of what this member owns.
#[derive(Debug)]
pub(super) enum Change {
    Assigned(Vec<TopicPartition>),
    Revoked(Vec<TopicPartition>),
    Failed(KafkaError),
}

/// Where librdkafka saw a partition end, once a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// The offset after the last record taken, control records included.
    pub app_offset: i64,
    /// The end of what is committed.
    pub stable_end: i64,
    /// The high watermark.
    pub high_watermark: i64,
}

/// The callbacks of a stage's consumer.
#[derive(Default)]
pub(super) struct Rebalances {
    changes: Mutex<VecDeque<Change>>,
    readings: Mutex<Option<BTreeMap<TopicPartition, Reading>>>,
    /// Something above was written since it was last looked at.
    news: AtomicBool,
}

impl Rebalances {
    /// The oldest change not yet taken.
    pub(super) fn next(&self) -> Option<Change> {
        lock(&self.changes).pop_front()
    }

    /// Whether something may have come since [`Rebalances::seen`]. Callbacks run in the thread that
    /// polls, so nothing comes between a look and the next poll.
    pub(super) fn has_news(&self) -> bool {
        self.news.load(Ordering::Acquire)
    }

    /// Everything was looked at.
    pub(super) fn seen(&self) {
        self.news.store(false, Ordering::Release);
    }

    /// Whether a change of partitions waits to be taken.
    pub(super) fn has_changes(&self) -> bool {
        let is_empty = |change: &Change| match change {
            Change::Assigned(partitions) | Change::Revoked(partitions) => partitions.is_empty(),
            Change::Failed(_) => false,
        };
        !lock(&self.changes).iter().all(is_empty)
    }

    /// The readings that came since they were last taken.
    pub(super) fn take_readings(&self) -> Option<BTreeMap<TopicPartition, Reading>> {
        lock(&self.readings).take()
    }

    fn push(&self, change: Change) {
        lock(&self.changes).push_back(change);
        self.news.store(true, Ordering::Release);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is one call, so a panic elsewhere leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes `partitions` into the assignment, by the protocol that the group uses.
pub(super) fn assign(
    consumer: &BaseConsumer<Rebalances>,
    partitions: &TopicPartitionList,
) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_assign(partitions),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.assign(partitions),
    }
}

/// The partitions of a list.
pub(super) fn names(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements().iter().map(|element| TopicPartition::new(element.topic(), element.partition())).collect()
}

impl ClientContext for Rebalances {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, line: &str) {
        fault::forward_log(level, facility, line);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        // It comes out of `poll` as well, where it is counted.
        tracing::debug!(target: "librdkafka", "{error}: {reason}");
    }
    fn stats(&self, statistics: Statistics) {
        let mut readings = BTreeMap::new();
        for (topic, partitions) in statistics.topics {
            let topic: std::sync::Arc<str> = topic.into();
            for (partition, reading) in partitions.partitions {
                if partition >= 0 && reading.ls_offset >= 0 {
                    readings.insert(
                        TopicPartition::new(topic.clone(), partition),
                        Reading {
                            app_offset: reading.app_offset,
                            stable_end: reading.ls_offset,
                            high_watermark: reading.hi_offset,
                        },
                    );
                }
            }
        }
        *lock(&self.readings) = Some(readings);
        self.news.store(true, Ordering::Release);
    }
}

impl ConsumerContext for Rebalances {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.push(Change::Assigned(names(list))),
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => {
                self.push(Change::Revoked(names(list)));
                let gone = match consumer.rebalance_protocol() {
                    RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
                    RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
                };
                if let Err(error) = gone {
                    self.push(Change::Failed(error));
                }
            }
            other => {
                self.push(Change::Failed(KafkaError::Rebalance(other.into())));
                if let Err(error) = consumer.unassign() {
                    self.push(Change::Failed(error));
                }
            }
        }
    }
}
