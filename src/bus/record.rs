//! Records as they come from a partition and headers as they go into one.
//!
//! A [`Record`] borrows the bytes that were fetched; nothing is copied and nothing is decoded. The
//! name of a header may be any bytes, since any producer may have written it.

use std::ffi::{CStr, c_void};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use rdkafka::bindings::{self, rd_kafka_headers_t, rd_kafka_message_t, rd_kafka_timestamp_type_t};
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Header, Headers as _, OwnedHeaders};
use rdkafka::types::RDKafkaRespErr;

use crate::bus::fetched::Fetched;

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
pub struct Record<'a>(Held<'a>);

/// How a record is held on to.
enum Held<'a> {
    Polled(BorrowedMessage<'a>),
    /// One of a batch, with what holds on to the client.
    Fetched(Fetched, PhantomData<&'a ()>),
}

impl<'a> Record<'a> {
    pub(super) fn new(message: BorrowedMessage<'a>) -> Self {
        Record(Held::Polled(message))
    }

    /// A record that was fetched from a client which lives for `'a`.
    pub(super) fn fetched(message: Fetched) -> Self {
        Record(Held::Fetched(message, PhantomData))
    }

    fn native(&self) -> &rd_kafka_message_t {
        match &self.0 {
            // SAFETY: rdkafka's pointer is valid for as long as its message.
            Held::Polled(message) => unsafe { &*message.ptr() },
            Held::Fetched(message, _) => message.native(),
        }
    }

    /// The topic that it came from.
    pub fn topic(&self) -> &str {
        topic_of(self.native())
    }

    /// The partition that it came from.
    pub fn partition(&self) -> i32 {
        self.native().partition
    }

    /// Its offset in the partition.
    pub fn offset(&self) -> i64 {
        self.native().offset
    }

    /// Its key; `None` where it has none.
    pub fn key(&self) -> Option<&[u8]> {
        let message = self.native();
        // SAFETY: so librdkafka describes the key, which lives as long as the message.
        unsafe { bytes(message.key, message.key_len) }
    }

    /// Its value; `None` for a tombstone.
    pub fn payload(&self) -> Option<&[u8]> {
        let message = self.native();
        // SAFETY: so librdkafka describes the value, which lives as long as the message.
        unsafe { bytes(message.payload, message.len) }
    }

    /// Its timestamp in milliseconds since 1970.
    pub fn timestamp_ms(&self) -> Option<i64> {
        self.timestamp().map(|(timestamp, _)| timestamp)
    }

    /// Whether the broker set the timestamp when it appended the record (else its producer did).
    pub fn is_broker_time(&self) -> bool {
        let of_broker = rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
        self.timestamp().is_some_and(|(_, kind)| kind == of_broker)
    }

    fn timestamp(&self) -> Option<(i64, rd_kafka_timestamp_type_t)> {
        let none = rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        let mut kind = none;
        // SAFETY: the message lives as long as `self`.
        let timestamp = unsafe { bindings::rd_kafka_message_timestamp(self.native(), &mut kind) };
        (kind != none && timestamp != -1).then_some((timestamp, kind))
    }

    /// The list of its headers, which lives as long as the message; `None` where it has none.
    fn native_headers(&self) -> Option<*mut rd_kafka_headers_t> {
        let mut headers = std::ptr::null_mut();
        // SAFETY: the message lives as long as `self`; librdkafka parses its headers once and they
        // then live in the message.
        let found = unsafe { bindings::rd_kafka_message_headers(self.native(), &mut headers) };
        (found == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then_some(headers)
    }

    /// Its headers in order: name and value.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let headers = self.native_headers();
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
        let headers = match self.native_headers() {
            // SAFETY: rdkafka's type is a name for the list itself, as which it casts it likewise.
            Some(headers) => unsafe { &*headers.cast::<BorrowedHeaders>() }.detach(),
            None => OwnedHeaders::new(),
        };
        OutgoingHeaders { headers, bytes }
    }

    /// Where it stands.
    pub fn place(&self) -> RecordPlace {
        RecordPlace { partition: TopicPartition::new(self.topic(), self.partition()), offset: self.offset() }
    }
}

/// The topic of a message.
pub(super) fn topic_of(message: &rd_kafka_message_t) -> &str {
    // SAFETY: a message that came from a partition has a topic, whose name ends with a zero and lives
    // as long as the message.
    let name = unsafe { CStr::from_ptr(bindings::rd_kafka_topic_name(message.rkt)) };
    name.to_str().expect("Kafka allows ASCII in the names of topics")
}

/// # Safety
/// `start` is null, or `size` bytes stand there for `'a`.
unsafe fn bytes<'a>(start: *const c_void, size: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller says.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), size) })
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
