//! A small broker inside this process, on loopback, for the demo and for quick tests.
//!
//! It is librdkafka's mock cluster and not Kafka: transactions are only played (aborted records are
//! seen, offsets sent with a transaction are not kept), nothing is compacted or written to disk, a
//! partition keeps its last 5 MiB, and topics cannot be administered. Never test exactly-once on it.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::bus::fault;
use crate::error::Result;

/// A running embedded broker; it ends when dropped.
pub struct EmbeddedBroker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedBroker {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port or no memory.
    pub fn start() -> Result<Self> {
        let cluster =
            MockCluster::new(1).map_err(|error| fault::kafka("cannot start the embedded broker", &error))?;
        Ok(EmbeddedBroker { cluster })
    }

    /// Its address, for [`crate::bus::KafkaSettings`]. With the property `group.protocol` set to
    /// `consumer` a group is joined in a tenth of a second, else in three seconds.
    pub fn brokers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// It exists.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<()> {
        let made = self.cluster.create_topic(name, partitions, 1);
        made.map_err(|error| fault::kafka("cannot create a topic on the embedded broker", &error).at(name))
    }

    /// Answers the next questions for offsets with these errors.
    #[cfg(test)]
    pub(super) fn fail_lookups(&self, errors: &[rdkafka::types::RDKafkaRespErr]) {
        self.cluster.request_errors(rdkafka::types::RDKafkaApiKey::ListOffsets, errors);
    }
}
