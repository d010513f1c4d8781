//! Input records that could not be taken: kept until the commit that skips them, then sent whole.

use crate::bus::TransactionalProducer;
use crate::bus::{Outgoing, SendFailure};
use crate::bus::{OutgoingHeaders, Record};
use crate::error::{Error, Result};
use crate::event::BadRecord;
use crate::observe::{Fact, Metrics, RecordDeadLettered};
use crate::wire::DeadLetter;
use crate::words::Time;

/// Bytes of key and payload that are kept of a record that is too large for the broker: all, or as
/// much as these, in turn.
const CUT_TO: [usize; 2] = [64 * 1024, 256];

/// A bad record, whole.
struct Letter {
    topic: String,
    partition: i32,
    offset: i64,
    timestamp_ms: Option<i64>,
    key: Option<Vec<u8>>,
    payload: Option<Vec<u8>>,
    headers: OutgoingHeaders,
    bad: BadRecord,
}

/// The bad records since the last commit.
#[derive(Default)]
pub(super) struct DeadLetters {
    letters: Vec<Letter>,
    bytes: usize,
}

impl DeadLetters {
    /// Keeps a record.
    pub fn push(&mut self, record: &Record<'_>, bad: BadRecord) {
        self.bytes += record.payload().map_or(0, <[u8]>::len) + 256;
        self.letters.push(Letter {
            topic: record.topic().to_owned(),
            partition: record.partition(),
            offset: record.offset(),
            timestamp_ms: record.timestamp_ms(),
            key: record.key().map(<[u8]>::to_vec),
            payload: record.payload().map(<[u8]>::to_vec),
            headers: record.copy_headers(),
            bad,
        });
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// Bytes that are kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = DeadLetters::default();
    }

    /// Sends all to `topic`. One that is too large is cut, with headers for its size and hash; one
    /// that still fails is told, and the input goes on.
    pub fn send(&self, producer: &TransactionalProducer, topic: &str) -> Result<u64> {
        let mut sent = 0;
        for letter in &self.letters {
            let mut outcome = letter.send(producer, topic, None);
            for cut in CUT_TO {
                if matches!(outcome, Err(SendFailure::TooLarge(_))) {
                    outcome = letter.send(producer, topic, Some(cut));
                }
            }
            match outcome {
                Ok(()) => sent += 1,
                Err(SendFailure::TooLarge(why)) => {
                    tracing::error!(
                        topic = letter.topic,
                        partition = letter.partition,
                        offset = letter.offset,
                        "a dead letter is too large even when cut and is not kept: {why}"
                    );
                }
                Err(SendFailure::Refused(error)) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Tells what was sent, once it is committed.
    pub fn tell(&self, metrics: &Metrics) {
        for letter in &self.letters {
            RecordDeadLettered {
                topic: &letter.topic,
                partition: letter.partition,
                offset: letter.offset,
                reason: letter.bad.reason.as_str(),
                message: &letter.bad.message,
            }
            .emit(metrics);
        }
    }
}

impl Letter {
    /// Sends it whole, or with key and payload cut and without the headers of its own.
    fn send(
        &self,
        producer: &TransactionalProducer,
        topic: &str,
        cut: Option<usize>,
    ) -> Result<(), SendFailure> {
        let kept =
            |bytes: &'_ Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len).min(cut.unwrap_or(usize::MAX));
        let about = DeadLetter {
            topic: &self.topic,
            partition: self.partition,
            offset: self.offset,
            timestamp: self.timestamp_ms.map(Time::from_ms),
            class: self.bad.reason.as_str(),
            message: &self.bad.message,
            whole: self.payload.as_deref().filter(|_| cut.is_some()),
        };
        let mut headers = if cut.is_some() { OutgoingHeaders::new() } else { self.headers.clone() };
        for (name, value) in about.headers() {
            headers = headers.with(name, Some(value.as_bytes()));
        }
        let key = self.key.as_ref().map(|key| &key[..kept(&self.key)]);
        let payload = self.payload.as_ref().map(|payload| &payload[..kept(&self.payload)]);
        let (headers, timestamp) = (Some(headers), self.timestamp_ms);
        producer.send(Outgoing { topic, partition: None, key, payload, headers, timestamp })
    }
}

impl From<SendFailure> for Error {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::TooLarge(record) => Error::bus(record.to_string()),
            SendFailure::Refused(error) => error,
        }
    }
}
