//! One transaction for records and for the offsets of what they were made of.
//!
//! A transaction is begun when everything that it shall hold is ready, so that it stays open for
//! milliseconds only. However it ends, the caller knows whether its work counts: committed;
//! aborted, so that the work is discarded and the consumer goes back; or unknown, so that a new
//! producer is made and the committed offsets say what happened. It retries for as long as the
//! caller wants, and nothing in it waits without asking.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::bus::fault;
use crate::bus::outgoing::{
    CommitFailure, CommittedOffset, Deliveries, Outgoing, Refused, SendFailure, TooLarge,
};
use crate::bus::record::OutgoingHeaders;
use crate::bus::settings::KafkaSettings;
use crate::error::{Error, Result};

/// How long one call into librdkafka may take before the caller is asked whether to go on.
const STEP: Duration = Duration::from_secs(1);
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// A producer whose records count when their transaction is committed. Its own thread serves the
/// acknowledgements, so that an abort never waits for them.
pub struct TransactionalProducer {
    producer: ThreadedProducer<Deliveries>,
    config: ClientConfig,
    transactional_id: String,
    timeout: Duration,
    max_record_bytes: usize,
    /// When the open transaction began.
    begun: Option<Instant>,
}

impl TransactionalProducer {
    /// Connects the producer of `stage`. What an earlier process of the same name left open is
    /// aborted, and that process, if it still lives, can commit no more. `max_record_bytes` is the
    /// least `max.message.bytes` of the topics to be written. While a broker does not answer,
    /// `keep_going` is asked about once a second.
    ///
    /// # Errors
    /// The settings do not make a producer, rights are missing, or `keep_going` said no (retriable).
    pub fn connect(
        settings: &KafkaSettings,
        stage: &str,
        max_record_bytes: Option<usize>,
        keep_going: &dyn Fn() -> bool,
    ) -> Result<Self> {
        let max_record_bytes = settings.max_record_bytes(max_record_bytes);
        let transactional_id = settings.transactional_id(stage);
        let config = settings.producer(stage, max_record_bytes);
        Ok(TransactionalProducer {
            producer: open(&config, &transactional_id, keep_going)?,
            config,
            transactional_id,
            timeout: Duration::from_millis(settings.transaction_timeout_ms()),
            max_record_bytes,
            begun: None,
        })
    }

    /// The most bytes that a record may have, with key, headers and what the format adds.
    pub fn max_record_bytes(&self) -> usize {
        self.max_record_bytes
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// [`CommitFailure::Lost`] or [`CommitFailure::Fenced`].
    pub fn begin(&mut self) -> Result<(), CommitFailure> {
        self.producer.context().reset();
        self.begun = Some(Instant::now());
        self.producer.begin_transaction().map_err(|error| {
            match self.judge("cannot begin a transaction", &error) {
                Verdict::Fenced(error) => CommitFailure::Fenced(error),
                Verdict::Again(error) | Verdict::Abort(error) | Verdict::Lost(error) => {
                    CommitFailure::Lost(error)
                }
            }
        })
    }

    /// Adds a record to the transaction. A full queue is waited for. Whether the broker takes the
    /// record is known at the commit.
    ///
    /// # Errors
    /// See [`SendFailure`].
    pub fn send(&self, record: Outgoing<'_>) -> Result<(), SendFailure> {
        let bytes = record.bytes();
        let topic = record.topic;
        let too_large = || {
            let limit = Some(self.max_record_bytes);
            SendFailure::TooLarge(TooLarge { topic: topic.to_owned(), bytes, limit })
        };
        if bytes > self.max_record_bytes {
            return Err(too_large());
        }
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
                    // Records leave the queue when they are acknowledged or when their time is
                    // over, so this ends.
                    native = back;
                    sleep(Duration::from_millis(2));
                }
                Err((KafkaError::MessageProduction(Code::MessageSizeTooLarge), _)) => return Err(too_large()),
                Err((error, _)) => {
                    let error = fault::kafka("cannot add a record to the transaction", &error).at(topic);
                    return Err(SendFailure::Refused(error));
                }
            }
        }
    }

    /// Commits the records sent since [`TransactionalProducer::begin`] together with `offsets` of
    /// the group of `group`. While a broker does not answer, `keep_going` is asked about once a
    /// second; where it says no the outcome is [`CommitFailure::Lost`].
    ///
    /// # Errors
    /// See [`CommitFailure`]; unless it is `Lost` or `Fenced` the next transaction may begin.
    pub fn commit(
        &mut self,
        offsets: &[CommittedOffset],
        group: &ConsumerGroupMetadata,
        keep_going: &dyn Fn() -> bool,
    ) -> Result<(), CommitFailure> {
        self.wait_for_acknowledgements(keep_going)?;
        if let Some(refused) = self.producer.context().refused() {
            return Err(self.give_up(refused, keep_going));
        }
        if !offsets.is_empty() {
            let list =
                offset_list(offsets).map_err(|error| self.give_up(Refused::from(error), keep_going))?;
            let cannot = "cannot add offsets to the transaction";
            let sent = self.retry(cannot, keep_going, |producer| {
                producer.send_offsets_to_transaction(&list, group, STEP)
            });
            if let Err(verdict) = sent {
                return Err(self.end(verdict, keep_going));
            }
        }
        let committed = self
            .retry("cannot commit the transaction", keep_going, |producer| producer.commit_transaction(STEP));
        match committed {
            Ok(()) => {
                self.begun = None;
                Ok(())
            }
            Err(verdict) => Err(self.end(verdict, keep_going)),
        }
    }

    /// Aborts the open transaction: nothing of it counts.
    ///
    /// # Errors
    /// [`CommitFailure::Lost`] or [`CommitFailure::Fenced`]; nothing of it counts either.
    pub fn abort(&mut self, keep_going: &dyn Fn() -> bool) -> Result<(), CommitFailure> {
        let aborted = self
            .retry("cannot abort the transaction", keep_going, |producer| producer.abort_transaction(STEP));
        match aborted {
            Ok(()) => {
                self.begun = None;
                Ok(())
            }
            Err(Verdict::Fenced(error)) => Err(CommitFailure::Fenced(error)),
            Err(Verdict::Again(error) | Verdict::Abort(error) | Verdict::Lost(error)) => {
                Err(CommitFailure::Lost(error))
            }
        }
    }

    /// Waits until every record is acknowledged or refused. To commit with records in flight costs
    /// 100 ms, since rdkafka then waits for them in steps of that length.
    fn wait_for_acknowledgements(&self, keep_going: &dyn Fn() -> bool) -> Result<(), CommitFailure> {
        let mut wait = Duration::from_micros(100);
        let mut asked = Instant::now();
        while self.producer.in_flight_count() > 0 {
            // After a fatal error nothing is acknowledged any more, and the next call says what it was.
            if self.producer.client().fatal_error().is_some() {
                return Ok(());
            }
            if asked.elapsed() >= STEP {
                asked = Instant::now();
                if !keep_going() {
                    return Err(CommitFailure::Lost(self.interrupted("waiting for acknowledgements")));
                }
            }
            sleep(wait);
            wait = (wait * 2).min(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Makes the call until it succeeds, fails for good, or the caller has had enough.
    fn retry(
        &self,
        what: &str,
        keep_going: &dyn Fn() -> bool,
        call: impl Fn(&ThreadedProducer<Deliveries>) -> Result<(), KafkaError>,
    ) -> Result<(), Verdict> {
        let mut waits = Waits::new(keep_going);
        while let Err(error) = call(&self.producer) {
            match self.judge(what, &error) {
                Verdict::Again(_) if waits.wait() => {}
                Verdict::Again(_) => return Err(Verdict::Lost(self.interrupted(what))),
                verdict => return Err(verdict),
            }
        }
        Ok(())
    }

    /// What a failed call means for the transaction.
    fn judge(&self, what: &str, error: &KafkaError) -> Verdict {
        let described = fault::kafka(what, error).at(&self.transactional_id);
        let KafkaError::Transaction(inner) = error else {
            let timed_out = matches!(error, KafkaError::Flush(Code::OperationTimedOut));
            return if timed_out { Verdict::Again(described) } else { Verdict::Lost(described) };
        };
        let fatal = self.producer.client().fatal_error();
        if inner.is_fatal() || fatal.is_some() {
            let codes = [Some(inner.code()), fatal.map(|(code, _)| code)];
            let fenced = codes
                .into_iter()
                .flatten()
                .any(|code| matches!(code, Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch));
            // The broker says the same to one whose transaction it timed out. That takes the whole
            // timeout; sooner, it can only have been another process.
            let within_time = self.begun.is_none_or(|begun| begun.elapsed() < self.timeout);
            return if fenced && within_time {
                Verdict::Fenced(self.fenced())
            } else {
                Verdict::Lost(described)
            };
        }
        if inner.txn_requires_abort() {
            Verdict::Abort(described)
        } else if inner.is_retriable() {
            Verdict::Again(described)
        } else {
            Verdict::Lost(described)
        }
    }

    /// Ends a transaction that cannot be committed.
    fn end(&mut self, verdict: Verdict, keep_going: &dyn Fn() -> bool) -> CommitFailure {
        match verdict {
            Verdict::Abort(error) => {
                self.give_up(self.producer.context().refused().unwrap_or(error.into()), keep_going)
            }
            Verdict::Fenced(error) => CommitFailure::Fenced(error),
            Verdict::Again(error) | Verdict::Lost(error) => CommitFailure::Lost(error),
        }
    }

    /// Aborts because of `reason`.
    fn give_up(&mut self, reason: Refused, keep_going: &dyn Fn() -> bool) -> CommitFailure {
        if let Err(failure) = self.abort(keep_going) {
            return failure;
        }
        if self.producer.context().refused().is_some() {
            // A refused record leaves a gap in the numbers of its partition's records, for which
            // the broker would refuse the next transaction too. A new producer counts anew.
            match open(&self.config, &self.transactional_id, keep_going) {
                Ok(producer) => self.producer = producer,
                Err(error) => return CommitFailure::Lost(error),
            }
        }
        match reason {
            Refused::TooLarge(record) => CommitFailure::TooLarge(record),
            Refused::Other(error) => CommitFailure::Aborted(error),
        }
    }

    fn fenced(&self) -> Error {
        Error::bus("another process took over under the same transactional id")
            .at(&self.transactional_id)
            .hint(
                "two instances share one `kafka.instance` and `kafka.application_id`; give each its own name",
            )
    }

    fn interrupted(&self, what: &str) -> Error {
        let what = format!("{what}: stopped before the broker answered; the outcome is unknown");
        Error::bus(what).at(&self.transactional_id).retriable()
    }
}

/// What a failed call means.
enum Verdict {
    Again(Error),
    Abort(Error),
    Lost(Error),
    Fenced(Error),
}

/// A producer that may begin transactions; whoever had its id before may not.
fn open(
    config: &ClientConfig,
    transactional_id: &str,
    keep_going: &dyn Fn() -> bool,
) -> Result<ThreadedProducer<Deliveries>> {
    let cannot = format!("cannot connect the producer `{transactional_id}`");
    let producer: ThreadedProducer<Deliveries> =
        config.create_with_context(Deliveries::default()).map_err(|error| fault::kafka(&cannot, &error))?;
    let mut waits = Waits::new(keep_going);
    while let Err(error) = producer.init_transactions(STEP) {
        let again =
            matches!(&error, KafkaError::Transaction(inner) if inner.is_retriable() && !inner.is_fatal());
        if !again || !waits.wait() {
            let error = fault::kafka(&cannot, &error);
            return Err(if again { error.retriable() } else { error });
        }
    }
    Ok(producer)
}

fn offset_list(offsets: &[CommittedOffset]) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for CommittedOffset { partition, next_offset, metadata } in offsets {
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*next_offset))
            .map_err(|error| fault::kafka("cannot commit this offset", &error).at(partition))?;
        if !metadata.is_empty()
            && let Some(mut element) = list.find_partition(&partition.topic, partition.partition)
        {
            element.set_metadata(metadata);
        }
    }
    Ok(list)
}

/// Growing waits between tries, for as long as the caller wants.
struct Waits<'a> {
    keep_going: &'a dyn Fn() -> bool,
    next: Duration,
}

impl<'a> Waits<'a> {
    fn new(keep_going: &'a dyn Fn() -> bool) -> Self {
        Waits { keep_going, next: Duration::from_millis(20) }
    }

    /// Waits; false where the caller has had enough.
    fn wait(&mut self) -> bool {
        if !(self.keep_going)() {
            return false;
        }
        sleep(self.next);
        self.next = (self.next * 2).min(LONGEST_WAIT);
        true
    }
}
