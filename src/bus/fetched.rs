//! Records taken from librdkafka many at a time.
//!
//! rdkafka hands out one record a call, each with locks, looks at the clock and an allocation of its
//! own; that costs more than to count the record. So the partitions of a consumer are made to deliver
//! into one queue of ours, from which librdkafka gives a batch with one call. What the group says (a
//! rebalance, an error, statistics) does not come there, and is still polled for.
//!
//! This is one of two files that call librdkafka past rdkafka. What the unsafe code rests on:
//! - [`Fetches`] and every [`Fetched`] are owned by the `StageConsumer` that owns the client, or
//!   borrow from it, and its fields are dropped before the client's: no pointer outlives the client.
//! - A message belongs to whoever got it from the batch, until it is destroyed, once, by its drop.
//! - The pointers are not shared with other threads: neither type is `Send` or `Sync`.

use std::ffi::CString;
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::bindings::{self, rd_kafka_message_t, rd_kafka_queue_t, rd_kafka_t};
use rdkafka::types::RDKafkaRespErr;

use crate::bus::record::TopicPartition;
use crate::error::{Error, Result};

/// Most records taken with one call.
const BATCH: usize = 1000;

/// The queue that a consumer's partitions deliver to.
pub(super) struct Fetches {
    queue: NonNull<rd_kafka_queue_t>,
    batch: Vec<*mut rd_kafka_message_t>,
}

/// A record, or an error of a partition, taken from librdkafka.
pub(super) struct Fetched(NonNull<rd_kafka_message_t>);

impl Fetches {
    /// A queue of the client `client`.
    ///
    /// # Safety
    /// `client` is a consumer that outlives this.
    pub(super) unsafe fn new(client: *mut rd_kafka_t) -> Self {
        // SAFETY: the client is valid, as the caller says. The queue is ours to destroy.
        let queue = NonNull::new(unsafe { bindings::rd_kafka_queue_new(client) });
        Fetches { queue: queue.expect("librdkafka makes a queue or ends the process"), batch: Vec::new() }
    }

    /// Makes a partition deliver here. It must not be read from yet, or what it has delivered
    /// elsewhere is not seen.
    ///
    /// # Safety
    /// `client` is the one that this was made with.
    pub(super) unsafe fn receive(&self, client: *mut rd_kafka_t, partition: &TopicPartition) -> Result<()> {
        let topic = CString::new(&*partition.topic)
            .map_err(|_| Error::bus("a topic's name has a zero in it").at(partition))?;
        // SAFETY: the client is valid, and librdkafka copies the name. What it returns is a handle of
        // ours, or null. Forwarding holds on to both queues itself, so the handle may go at once.
        unsafe {
            let from = bindings::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition.partition);
            if from.is_null() {
                return Err(Error::bus("cannot read the partition").at(partition));
            }
            bindings::rd_kafka_queue_forward(from, self.queue.as_ptr());
            bindings::rd_kafka_queue_destroy(from);
        }
        Ok(())
    }

    /// Takes what is there, in order; where nothing is, waits for at most `timeout`.
    pub(super) fn take(&mut self, timeout: Duration, fetched: &mut impl Extend<Fetched>) {
        self.batch.resize(BATCH, ptr::null_mut());
        let mut count = self.consume(BATCH, Duration::ZERO);
        if count == 0 && !timeout.is_zero() {
            // A call waits for as many as it may take: so for one, and then whatever came with it.
            count = self.consume(1, timeout);
        }
        let messages = self.batch[..count].iter().map(|message| {
            Fetched(NonNull::new(*message).expect("librdkafka fills as many places as it says"))
        });
        fetched.extend(messages);
    }

    fn consume(&mut self, most: usize, timeout: Duration) -> usize {
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is valid, and `batch` has `BATCH` places, of which at most `most` are
        // written. The messages in them are ours.
        let count = unsafe {
            bindings::rd_kafka_consume_batch_queue(
                self.queue.as_ptr(),
                timeout_ms,
                self.batch.as_mut_ptr(),
                most.min(BATCH),
            )
        };
        usize::try_from(count).unwrap_or(0)
    }
}

impl Drop for Fetches {
    fn drop(&mut self) {
        // SAFETY: the client still lives (see above), and the queue is not used again.
        unsafe { bindings::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

impl Fetched {
    /// The message, as librdkafka describes it.
    pub(super) fn native(&self) -> &rd_kafka_message_t {
        // SAFETY: it lives until it is destroyed by the drop, and nobody writes to it.
        unsafe { self.0.as_ref() }
    }

    /// Why this is no record: the code of an error of its partition.
    pub(super) fn error(&self) -> Option<RDKafkaRespErr> {
        let code = self.native().err;
        (code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then_some(code)
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        // SAFETY: the client still lives (see above); this is the only owner, and destroys it once.
        unsafe { bindings::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}
