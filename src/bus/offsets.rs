//! Where partitions begin and end, and where to start reading one that nobody has read.
//!
//! Each question is one request for all the partitions asked about. What "the end" is depends on
//! the isolation: with [`Isolation::Uncommitted`] it is the high watermark, with
//! [`Isolation::Committed`] the offset of the first record that still belongs to an open
//! transaction.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use crate::bus::fault::{self, Quiet};
use crate::bus::record::TopicPartition;
use crate::bus::settings::KafkaSettings;
use crate::error::{Error, Result};

/// How long a question may take.
const LOOKUP: Duration = Duration::from_secs(10);
/// How long a partition may be without a leader.
const ELECTION: Duration = Duration::from_secs(5);
/// Pause before it is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// The logical offset "beginning" and "end" of Kafka's ListOffsets request.
const EARLIEST: i64 = -2;
const LATEST: i64 = -1;

/// Which end of a partition is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// The end of what is committed.
    Committed,
    /// The high watermark.
    Uncommitted,
}

/// Where a partition without a committed offset starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At its first record.
    Earliest,
    /// After its last record.
    Latest,
    /// At the first record with this timestamp or a later one, in milliseconds since 1970; after
    /// the last where there is none.
    Time(i64),
}

/// A client that asks where partitions begin and end.
pub struct OffsetReader {
    client: BaseConsumer<Quiet>,
}

impl OffsetReader {
    /// A client that sees the ends of `isolation`. It connects with the first question.
    ///
    /// # Errors
    /// The settings do not make a client.
    pub fn new(settings: &KafkaSettings, isolation: Isolation) -> Result<Self> {
        let level = match isolation {
            Isolation::Committed => "read_committed",
            Isolation::Uncommitted => "read_uncommitted",
        };
        let client = settings
            .lookup(level)
            .create_with_context(Quiet)
            .map_err(|error| fault::kafka("cannot make a Kafka client", &error))?;
        Ok(OffsetReader { client })
    }

    /// The ends of `partitions`, in their order.
    ///
    /// # Errors
    /// The brokers cannot be reached in time, or do not know a partition (both retriable).
    pub fn ends(&self, partitions: &[TopicPartition]) -> Result<Vec<i64>> {
        list_offsets(&self.client, partitions, LATEST)
    }

    /// The offsets of the first records still there of `partitions`, in their order.
    ///
    /// # Errors
    /// As [`OffsetReader::ends`].
    pub fn beginnings(&self, partitions: &[TopicPartition]) -> Result<Vec<i64>> {
        list_offsets(&self.client, partitions, EARLIEST)
    }

    /// Where each of `partitions` starts by `start`, in their order. To be asked once for a
    /// partition and committed before its first record is processed, so that a restart does not
    /// ask again.
    ///
    /// # Errors
    /// As [`OffsetReader::ends`].
    pub fn starts(&self, partitions: &[TopicPartition], start: Start) -> Result<Vec<i64>> {
        match start {
            Start::Earliest => self.beginnings(partitions),
            Start::Latest => self.ends(partitions),
            Start::Time(ms) => {
                // The end is asked first: a record that comes between the two questions may be
                // found by the second, never skipped.
                let ends = self.ends(partitions)?;
                let found = list_offsets(&self.client, partitions, ms.max(0))?;
                Ok(found.into_iter().zip(ends).map(|(at, end)| if at < 0 { end } else { at }).collect())
            }
        }
    }

    /// How many partitions `topic` has; `None` where there is no such topic.
    ///
    /// # Errors
    /// The brokers cannot be reached in time.
    pub fn partition_count(&self, topic: &str) -> Result<Option<i32>> {
        let cannot = |error| fault::kafka("cannot read the topic's metadata", &error).at(topic);
        let metadata = self.client.fetch_metadata(Some(topic), LOOKUP).map_err(cannot)?;
        let count = metadata
            .topics()
            .iter()
            .find(|found| found.name() == topic && found.error().is_none())
            .map(|found| found.partitions().len())
            .filter(|count| *count > 0);
        Ok(count.map(|count| i32::try_from(count).expect("Kafka numbers partitions with 31 bits")))
    }
}

/// The first offset of each of `partitions` at `time` or later (negative where there is none), or the
/// first and last for the logical times. A partition that has just been made, or moved, has no
/// leader for a moment, or is not known to all brokers: it is asked again.
pub(super) fn list_offsets<C>(
    client: &BaseConsumer<C>,
    partitions: &[TopicPartition],
    time: i64,
) -> Result<Vec<i64>>
where
    C: rdkafka::consumer::ConsumerContext,
{
    let deadline = Instant::now() + ELECTION;
    loop {
        match ask_offsets(client, partitions, time) {
            Err(error) if error.is_retriable() && Instant::now() < deadline => sleep(AGAIN),
            outcome => return outcome,
        }
    }
}

/// One ListOffsets request.
fn ask_offsets<C>(client: &BaseConsumer<C>, partitions: &[TopicPartition], time: i64) -> Result<Vec<i64>>
where
    C: rdkafka::consumer::ConsumerContext,
{
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let cannot = |error: &KafkaError| {
        let failed = fault::kafka("cannot look up offsets", error);
        // Of a partition whose leader has just come back brokers say for a while that they don't know it.
        if fault::code_of(error).is_some_and(fault::is_unknown) { failed.retriable() } else { failed }
    };
    let mut asked = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        asked
            .add_partition_offset(&partition.topic, partition.partition, Offset::from_raw(time))
            .map_err(|error| cannot(&error).at(partition))?;
    }
    let found = client.offsets_for_times(asked, LOOKUP).map_err(|error| {
        let error = cannot(&error);
        if let [only] = partitions { error.at(only) } else { error.at(&partitions[0].topic) }
    })?;
    let elements = found.elements();
    if elements.len() != partitions.len() {
        return Err(Error::bus("the broker answered for other partitions than were asked for"));
    }
    let offsets = partitions.iter().zip(elements).map(|(partition, element)| {
        element.error().map_err(|error| cannot(&error).at(partition))?;
        match element.offset() {
            Offset::Offset(offset) => Ok(offset),
            Offset::End if time >= 0 => Ok(LATEST),
            other => Err(Error::bus(format!("the broker answered with no offset ({other:?})")).at(partition)),
        }
    });
    offsets.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::EmbeddedBroker;
    use rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART as UNKNOWN;
    use std::collections::BTreeMap;

    fn reader(broker: &EmbeddedBroker) -> OffsetReader {
        broker.create_topic("events", 1).unwrap();
        let settings = KafkaSettings::new(broker.brokers(), "app", "instance", BTreeMap::new()).unwrap();
        OffsetReader::new(&settings, Isolation::Uncommitted).unwrap()
    }

    #[test]
    fn a_partition_whose_leader_has_just_come_back_is_asked_for_again() {
        let broker = EmbeddedBroker::start().unwrap();
        let reader = reader(&broker);
        broker.fail_lookups(&[UNKNOWN; 8]);
        assert_eq!(reader.ends(&[TopicPartition::new("events", 0)]).unwrap(), [0]);
    }

    #[test]
    fn a_partition_that_is_still_not_there_after_some_seconds_may_yet_come() {
        let broker = EmbeddedBroker::start().unwrap();
        let error = reader(&broker).ends(&[TopicPartition::new("events", 7)]).unwrap_err();
        assert!(error.is_retriable() && error.to_string().contains("create the topic"), "{error}");
    }
}
