//! Records as they come from a partition and headers as they go into one.
//!
//! A [`Record`] borrows the bytes that were fetched; nothing is copied and nothing is decoded. The
//! name of a header may be any bytes, since any producer may have written it.

use std::ffi::CStr;
use std::fmt;
use std::sync::Arc;

use rdkafka::bindings;
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders, Timestamp};
use rdkafka::types::RDKafkaRespErr;

/// One partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        TopicPartition { topic: topic.into(), partition }
    }
}

/// `topic[partition]`.
impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}

/// A record as fetched. It borrows from its consumer.
pub struct Record<'a>(BorrowedMessage<'a>);

impl<'a> Record<'a> {
    pub(super) fn new(message: BorrowedMessage<'a>) -> Self {
        Record(message)
    }

    /// The topic that it came from.
    pub fn topic(&self) -> &str {
        self.0.topic()
    }

    /// The partition that it came from.
    pub fn partition(&self) -> i32 {
        self.0.partition()
    }

    /// Its offset in the partition.
    pub fn offset(&self) -> i64 {
        self.0.offset()
    }

    /// Its key; `None` where it has none.
    pub fn key(&self) -> Option<&[u8]> {
        self.0.key()
    }

    /// Its value; `None` for a tombstone.
    pub fn payload(&self) -> Option<&[u8]> {
        self.0.payload()
    }

    /// Its timestamp in milliseconds since 1970.
    pub fn timestamp_ms(&self) -> Option<i64> {
        self.0.timestamp().to_millis()
    }

    /// Whether the broker set the timestamp when it appended the record (else its producer did).
    pub fn is_broker_time(&self) -> bool {
        matches!(self.0.timestamp(), Timestamp::LogAppendTime(_))
    }

    /// Its headers in order: name and value.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let mut headers = std::ptr::null_mut();
        // SAFETY: the message lives as long as `self`; librdkafka parses its headers once and they
        // then live in the message.
        let found = unsafe { bindings::rd_kafka_message_headers(self.0.ptr(), &mut headers) };
        let headers = (found == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then_some(headers);
        (0..).map_while(move |index| {
            let (mut name, mut value, mut size) = (std::ptr::null(), std::ptr::null(), 0);
            // SAFETY: `headers` is the list found above. librdkafka writes all three places or
            // returns an error when `index` is past the end.
            let found = unsafe {
                bindings::rd_kafka_header_get_all(headers?, index, &mut name, &mut value, &mut size)
            };
            if found != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                return None;
            }
            // SAFETY: a name ends with a zero and a value has `size` bytes; both live in the message.
            unsafe {
                let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size));
                Some((CStr::from_ptr(name).to_bytes(), value))
            }
        })
    }

    /// The value of the last header called `name`.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().filter(|(found, _)| *found == name.as_bytes()).last().and_then(|(_, value)| value)
    }

    /// Its headers, copied as they are, to be sent on with others.
    pub fn copy_headers(&self) -> OutgoingHeaders {
        let bytes = self.headers().map(|(name, value)| header_bytes(name.len(), value)).sum();
        let headers = self.0.headers().map_or_else(OwnedHeaders::new, |headers| headers.detach());
        OutgoingHeaders { headers, bytes }
    }

    /// Where it stands.
    pub fn place(&self) -> RecordPlace {
        RecordPlace { partition: TopicPartition::new(self.topic(), self.partition()), offset: self.offset() }
    }
}

/// Where a record stands. Shows as `topic[partition]@offset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPlace {
    /// Its partition.
    pub partition: TopicPartition,
    /// Its offset there.
    pub offset: i64,
}

impl fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.partition, self.offset)
    }
}

/// Headers of a record that is to be sent.
#[derive(Clone)]
pub struct OutgoingHeaders {
    headers: OwnedHeaders,
    bytes: usize,
}

impl OutgoingHeaders {
    /// No headers.
    pub fn new() -> Self {
        OutgoingHeaders { headers: OwnedHeaders::new(), bytes: 0 }
    }

    /// These and one more.
    #[must_use]
    pub fn with(self, name: &str, value: Option<&[u8]>) -> Self {
        let bytes = self.bytes + header_bytes(name.len(), value);
        OutgoingHeaders { headers: self.headers.insert(Header { key: name, value }), bytes }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.headers.count()
    }

    /// The bytes that they take in a record, at most.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn into_native(self) -> OwnedHeaders {
        self.headers
    }
}

impl Default for OutgoingHeaders {
    fn default() -> Self {
        OutgoingHeaders::new()
    }
}

/// Two lengths of at most five bytes each, the name and the value.
fn header_bytes(name: usize, value: Option<&[u8]>) -> usize {
    10 + name + value.map_or(0, <[u8]>::len)
}
