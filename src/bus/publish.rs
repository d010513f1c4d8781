//! Records outside a transaction: what a person or a simulation publishes.

use crate::bus::fault;
use crate::bus::outgoing::{Deliveries, Outgoing, Refused};
use crate::bus::record::OutgoingHeaders;
use crate::bus::settings::KafkaSettings;
use crate::error::{Error, Result};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use std::time::Duration;

/// How long what was sent may take to be taken.
const FLUSH: Duration = Duration::from_secs(30);

/// An idempotent producer.
pub struct Publisher {
    producer: ThreadedProducer<Deliveries>,
}

impl Publisher {
    /// A producer for these brokers.
    ///
    /// # Errors
    /// The settings do not make a producer.
    pub fn new(settings: &KafkaSettings) -> Result<Self> {
        let made = settings.publisher().create_with_context(Deliveries::default());
        Ok(Publisher { producer: made.map_err(|error| fault::kafka("cannot make a producer", &error))? })
    }

    /// Sends a record; a full queue is waited for. Whether it was taken is known at the flush.
    ///
    /// # Errors
    /// The record is refused before it is sent.
    pub fn send(&self, record: Outgoing<'_>) -> Result<()> {
        let topic = record.topic;
        let mut native = BaseRecord {
            topic,
            partition: record.partition,
            payload: record.payload,
            key: record.key,
            timestamp: record.timestamp,
            headers: record.headers.map(OutgoingHeaders::into_native),
            delivery_opaque: (),
        };
        loop {
            match self.producer.send(native) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(Code::QueueFull), back)) => {
                    native = back;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((error, _)) => return Err(fault::kafka("cannot send a record", &error).at(topic)),
            }
        }
    }

    /// Waits until everything was taken.
    ///
    /// # Errors
    /// A record was refused, or the broker did not answer in 30 s (retriable).
    pub fn flush(&self) -> Result<()> {
        let flushed = self.producer.flush(FLUSH);
        match self.producer.context().refused() {
            Some(Refused::TooLarge(record)) => Err(Error::bus(record.to_string())),
            Some(Refused::Other(error)) => Err(error),
            None => flushed.map_err(|error| fault::kafka("records were not taken in time", &error)),
        }
    }
}
