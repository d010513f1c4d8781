//! What a stage sends in a transaction, and what becomes of it.
//!
//! A record's size is known before it is sent; whether the broker takes it is heard from another
//! thread, and kept until the transaction ends.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::ProducerContext;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::bus::fault;
use crate::bus::record::{OutgoingHeaders, TopicPartition};
use crate::error::Error;

/// What a record takes beside its key, value and headers: the batch's header, lengths, times.
const RECORD_OVERHEAD: usize = 128;

/// A record to be sent. `partition: None` leaves the choice to the key, as Kafka's Java client
/// makes it; `payload: None` is a tombstone; `timestamp` is in milliseconds since 1970, now if
/// `None`.
#[derive(Default)]
pub struct Outgoing<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition, or by the key.
    pub partition: Option<i32>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub payload: Option<&'a [u8]>,
    /// The headers.
    pub headers: Option<OutgoingHeaders>,
    /// The producer's timestamp.
    pub timestamp: Option<i64>,
}

impl Outgoing<'_> {
    /// Its size, at most.
    pub(super) fn bytes(&self) -> usize {
        let lengths = self.key.map_or(0, <[u8]>::len) + self.payload.map_or(0, <[u8]>::len);
        RECORD_OVERHEAD + lengths + self.headers.as_ref().map_or(0, OutgoingHeaders::bytes)
    }
}

/// Where a partition goes on after a commit, with a note of at most a few kilobytes beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset of the next record to process.
    pub next_offset: i64,
    /// What is kept beside the offset.
    pub metadata: String,
}

/// A record that is larger than its topic takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLarge {
    /// The topic that it was meant for.
    pub topic: String,
    /// Its size in bytes, with key, headers and what the format adds.
    pub bytes: usize,
    /// The most that is taken, where it is known.
    pub limit: Option<usize>,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a record of {} bytes is too large for topic {}", self.bytes, self.topic)?;
        self.limit.map_or(Ok(()), |limit| write!(f, ", which takes {limit}"))
    }
}

/// Why a record was not taken.
#[derive(Debug)]
pub enum SendFailure {
    /// It is too large. The transaction goes on without it.
    TooLarge(TooLarge),
    /// The producer takes nothing more in this transaction: commit or abort to learn why.
    Refused(Error),
}

/// How a transaction ended without a commit.
#[derive(Debug)]
pub enum CommitFailure {
    /// It was aborted: nothing of it counts. Discard the work since the last commit and go back to
    /// the committed offsets, on all partitions.
    Aborted(Error),
    /// It was aborted because the broker found a record too large: as `Aborted`, but the same
    /// record would fail again.
    TooLarge(TooLarge),
    /// The producer is of no more use and the outcome may be unknown. Drop it, connect a new one,
    /// read the committed offsets and go back to them.
    Lost(Error),
    /// Another process took over under the same transactional id. End with this error.
    Fenced(Error),
}

impl CommitFailure {
    /// The error to log or to end with.
    pub fn into_error(self) -> Error {
        match self {
            CommitFailure::Aborted(error) | CommitFailure::Lost(error) | CommitFailure::Fenced(error) => {
                error
            }
            CommitFailure::TooLarge(record) => Error::bus(record.to_string()),
        }
    }
}

/// Why a transaction cannot be committed.
#[derive(Debug, Clone)]
pub(super) enum Refused {
    TooLarge(TooLarge),
    Other(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused::Other(error)
    }
}

/// Keeps the first refusal of the open transaction's records, or the largest of too large ones.
#[derive(Default)]
pub(super) struct Deliveries {
    refused: Mutex<Option<Refused>>,
}

impl Deliveries {
    /// A new transaction begins.
    pub(super) fn reset(&self) {
        *self.lock() = None;
    }

    /// The refusal, if there was one.
    pub(super) fn refused(&self) -> Option<Refused> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Refused>> {
        // Each change is one assignment, so a panic elsewhere leaves nothing half done.
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, line: &str) {
        fault::forward_log(level, facility, line);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", "{error}: {reason}");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let Err((error, record)) = result else { return };
        let code = fault::code_of(error);
        if matches!(code, Some(Code::PurgeQueue | Code::PurgeInflight)) {
            // A consequence of a failure or an abort; the transaction itself says why.
            return;
        }
        let mut refused = self.lock();
        if code == Some(Code::MessageSizeTooLarge) {
            let bytes = record.key_len() + record.payload_len() + RECORD_OVERHEAD;
            if !matches!(&*refused, Some(Refused::TooLarge(larger)) if larger.bytes >= bytes) {
                let topic = record.topic().to_owned();
                *refused = Some(Refused::TooLarge(TooLarge { topic, bytes, limit: None }));
            }
        } else if refused.is_none() {
            let place = TopicPartition::new(record.topic(), record.partition());
            *refused = Some(fault::kafka("a record was not taken", error).at(place).into());
        }
    }
}
