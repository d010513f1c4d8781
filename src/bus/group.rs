//! What a group has committed, looked at from outside.

use crate::bus::fault;
use crate::bus::owned::Committed;
use crate::bus::record::TopicPartition;
use crate::bus::settings::KafkaSettings;
use crate::error::{Error, Result};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::time::Duration;

/// How long the broker may take.
const REQUEST: Duration = Duration::from_secs(10);

/// The offsets and metadata that the group of `stage` has committed for `partitions`, in their order.
/// Joins nothing.
///
/// # Errors
/// The brokers do not answer (retriable).
pub fn committed_by(
    settings: &KafkaSettings,
    stage: &str,
    partitions: &[TopicPartition],
) -> Result<Vec<Committed>> {
    let cannot = format!("cannot read what `{}` has committed", settings.group(stage));
    let consumer: BaseConsumer =
        settings.observer(stage).create().map_err(|error| fault::kafka(&cannot, &error))?;
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    let found = consumer.committed_offsets(list, REQUEST).map_err(|error| fault::kafka(&cannot, &error))?;
    let of = |partition: &TopicPartition| {
        let element = found
            .find_partition(&partition.topic, partition.partition)
            .ok_or_else(|| Error::bus(cannot.clone()).at(partition))?;
        let offset = element.offset().to_raw().filter(|offset| *offset >= 0);
        Ok(Committed { offset, metadata: element.metadata().to_owned() })
    };
    partitions.iter().map(of).collect()
}
