//! What a transaction writes, encoded before it is opened.

use super::StageTopics;
use crate::bus::Outgoing;
use crate::bus::OutgoingHeaders;
use crate::bus::TransactionalProducer;
use crate::bus::partition_of;
use crate::error::Result;
use crate::wire::{self, DeltaMessage, DeltaRecord, Encoding, encode};

/// A record with everything but its timestamp.
struct Encoded {
    topic: String,
    partition: Option<i32>,
    key: Vec<u8>,
    /// `None` is a tombstone.
    payload: Option<Vec<u8>>,
    headers: Vec<(String, String)>,
}

/// The records of a transaction, in order.
#[derive(Default)]
pub(super) struct Outbox {
    records: Vec<Encoded>,
    bytes: usize,
}

impl Outbox {
    /// Adds a record; `payload` `None` is a tombstone.
    pub fn push(
        &mut self,
        topic: &str,
        partition: Option<i32>,
        key: Vec<u8>,
        payload: Option<Vec<u8>>,
        headers: Vec<(String, String)>,
    ) {
        self.bytes += key.len() + payload.as_ref().map_or(0, Vec::len);
        self.records.push(Encoded { topic: topic.to_owned(), partition, key, payload, headers });
    }

    /// Adds a delta, to the partition of its model.
    pub fn push_delta(&mut self, topics: &StageTopics, chunk: wire::Encoded<DeltaRecord>) {
        let wire::Encoded { record, payload } = chunk;
        let partition = partition_of(record.model.as_bytes(), topics.partitions.unsigned_abs());
        self.push(&topics.deltas, Some(partition), record.key().to_bytes(), Some(payload), Vec::new());
    }

    /// Adds a message to every partition of the deltas, after everything else of the transaction.
    pub fn push_to_all(
        &mut self,
        topics: &StageTopics,
        message: &DeltaMessage,
        encoding: Encoding,
    ) -> Result<()> {
        let payload = encode(message, encoding)?;
        for partition in 0..topics.partitions {
            self.push(
                &topics.deltas,
                Some(partition),
                message.key().to_bytes(),
                Some(payload.clone()),
                Vec::new(),
            );
        }
        Ok(())
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Their bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sends all.
    pub fn send(&self, producer: &TransactionalProducer) -> Result<()> {
        for Encoded { topic, partition, key, payload, headers } in &self.records {
            let named = headers.iter().fold(OutgoingHeaders::new(), |headers, (name, value)| {
                headers.with(name, Some(value.as_bytes()))
            });
            let headers = (!headers.is_empty()).then_some(named);
            let (key, payload) = (Some(key.as_slice()), payload.as_deref());
            producer.send(Outgoing {
                topic,
                partition: *partition,
                key,
                payload,
                headers,
                timestamp: None,
            })?;
        }
        Ok(())
    }
}
