//! Topics, a bulk producer and a reader of whole topics, on a real broker.

use super::{brokers, unique, wait_until};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{Client, ClientContext, DefaultClientContext};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Headers, Message};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(60);

/// Topics made for one test, deleted when dropped, unless the test failed (they may tell why).
pub struct Topics {
    admin: AdminClient<DefaultClientContext>,
    created: Mutex<Vec<String>>,
}

impl Topics {
    /// No topics yet.
    pub fn new() -> Topics {
        let admin = client().create().expect("an admin client");
        Topics { admin, created: Mutex::default() }
    }

    /// Creates a topic of `partitions` with a unique name that begins with `name`; returns the full name.
    pub fn create(&self, name: &str, partitions: i32) -> String {
        let name = unique(name);
        // Records of tests may be as old as their times: none is deleted for that.
        self.create_as(&name, partitions, &[("retention.ms", "-1")]);
        name
    }

    /// Creates a topic of exactly this name, with these settings (such as `("cleanup.policy", "compact")`).
    pub fn create_as(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
        let results = wait(self.admin.create_topics([&topic], &options)).expect("the broker answers");
        for result in results {
            result.unwrap_or_else(|(name, code)| panic!("topic {name} was not created: {code}"));
        }
        self.created.lock().expect("no panic while locked").push(name.to_owned());
        // The answer may come before the broker itself has heard of it, and led it.
        wait_until(TIMEOUT, &format!("topic {name} is there"), || {
            ends(self.admin.inner(), name).is_ok_and(|ends| ends.len() == partitions as usize)
        });
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let created = std::mem::take(&mut *self.created.lock().expect("no panic while locked"));
        let names: Vec<&str> = created.iter().map(String::as_str).collect();
        if !names.is_empty() {
            // A topic that the test deleted itself, or a broker that it stopped, is no failure.
            let _ = wait(self.admin.delete_topics(&names, &AdminOptions::new()));
        }
    }
}

/// A producer for bulk loads; [`Producer::flush`] panics if any record was not delivered.
pub struct Producer {
    client: ThreadedProducer<CountFailures>,
}

impl Producer {
    /// A plain idempotent producer.
    pub fn new() -> Producer {
        Producer::from(client().set("enable.idempotence", "true"))
    }

    /// A transactional producer, initialized: its records go between `begin` and `commit` or `abort`.
    pub fn transactional(id: &str) -> Producer {
        let producer = Producer::from(client().set("transactional.id", id));
        producer.client.init_transactions(TIMEOUT).expect("transactions are initialized");
        producer
    }

    fn from(config: &mut ClientConfig) -> Producer {
        let config = config.set("linger.ms", "5").set("queue.buffering.max.messages", "1000000");
        let client = config.create_with_context(CountFailures::default()).expect("a producer");
        Producer { client }
    }

    /// Opens a transaction.
    pub fn begin(&self) {
        self.client.begin_transaction().expect("a transaction is opened");
    }

    /// Commits the open transaction.
    pub fn commit(&self) {
        self.client.commit_transaction(TIMEOUT).expect("the transaction is committed");
    }

    /// Aborts the open transaction.
    pub fn abort(&self) {
        self.client.abort_transaction(TIMEOUT).expect("the transaction is aborted");
    }

    /// Queues one record for `partition`; `None` as payload is a tombstone. `timestamp` is in milliseconds
    /// since the epoch. Waits while the queue is full.
    pub fn produce(
        &self,
        topic: &str,
        partition: i32,
        key: Option<&[u8]>,
        payload: Option<&[u8]>,
        timestamp: i64,
    ) {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(partition).timestamp(timestamp);
        record.key = key;
        record.payload = payload;
        loop {
            match self.client.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err((error, _)) => panic!("{topic}/{partition}: {error}"),
            }
        }
    }

    /// Waits until all that was queued is delivered.
    pub fn flush(&self) {
        self.client.flush(TIMEOUT).expect("all records are delivered in time");
        let failed = self.client.context().0.load(Ordering::SeqCst);
        assert_eq!(failed, 0, "{failed} records were not delivered");
    }
}

/// Counts the records that were not delivered; those purged by an abort are meant to be lost.
#[derive(Default)]
struct CountFailures(AtomicU64);

impl ClientContext for CountFailures {}

impl ProducerContext for CountFailures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let Err((error, _)) = result else { return };
        let purged = [RDKafkaErrorCode::PurgeQueue, RDKafkaErrorCode::PurgeInflight];
        if !error.rdkafka_error_code().is_some_and(|code| purged.contains(&code)) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since the epoch; -1 if it has none.
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    /// In the order written.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record {
    /// The key as text, `""` if it has none.
    pub fn key_text(&self) -> &str {
        std::str::from_utf8(self.key.as_deref().unwrap_or_default()).expect("the key is UTF-8")
    }

    /// The payload as text, `""` for a tombstone.
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.payload.as_deref().unwrap_or_default()).expect("the payload is UTF-8")
    }

    /// The first header of this name, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(key, _)| key == name)?;
        Some(std::str::from_utf8(value.as_deref()?).expect("the header is UTF-8"))
    }
}

/// The end offset of each partition of `topic`, open and aborted transactions and their markers included.
pub fn end_offsets(topic: &str) -> Vec<i64> {
    let (reader, mut found) = (reader("read_uncommitted"), Vec::new());
    // A broker that stood still does not know its own partitions for a moment.
    wait_until(TIMEOUT, &format!("the ends of {topic} can't be read"), || {
        ends(reader.client(), topic).map(|ends| found = ends).is_ok()
    });
    assert!(!found.is_empty(), "there is no topic {topic}");
    found
}

/// All committed records of `topic` up to its end at the time of the call, by partition and offset.
///
/// A transaction that is still open there is waited for, up to a minute.
pub fn consume_all(topic: &str) -> Vec<Record> {
    let goal = end_offsets(topic);
    let consumer = reader("read_committed");
    // A read_committed client is told the last stable offset as a partition's end.
    wait_until(TIMEOUT, &format!("a transaction in {topic} is still open"), || {
        ends(consumer.client(), topic)
            .is_ok_and(|stable| stable.iter().zip(&goal).all(|(stable, goal)| stable >= goal))
    });
    let mut assignment = TopicPartitionList::new();
    let mut unread = BTreeSet::new();
    for partition in 0..goal.len() as i32 {
        assignment.add_partition_offset(topic, partition, Offset::Beginning).expect("a valid offset");
        unread.insert(partition);
    }
    consumer.assign(&assignment).expect("partitions are assigned");
    let mut records = Vec::new();
    let mut heard = Instant::now();
    // The end is an event of its own: the last offsets may hold markers, which no message ever shows.
    while !unread.is_empty() {
        assert!(heard.elapsed() < TIMEOUT, "{topic}: nothing came from partitions {unread:?}");
        match consumer.poll(Duration::from_millis(100)) {
            None => continue,
            Some(Err(KafkaError::PartitionEOF(partition))) => _ = unread.remove(&partition),
            Some(Err(error)) => panic!("{topic}: {error}"),
            Some(Ok(message)) if message.offset() < goal[message.partition() as usize] => {
                records.push(record(&message));
            }
            Some(Ok(_)) => {}
        }
        heard = Instant::now();
    }
    records.sort_by_key(|record| (record.partition, record.offset));
    records
}

fn record(message: &impl Message) -> Record {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    Record {
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis().unwrap_or(-1),
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().map(<[u8]>::to_vec),
        headers: headers.map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect(),
    }
}

fn client() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers()).set("broker.address.family", "v4");
    config
}

fn reader(isolation: &str) -> BaseConsumer {
    client()
        .set("group.id", "tests-read-without-a-group")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", isolation)
        .set("fetch.wait.max.ms", "20")
        .create()
        .expect("a consumer")
}

/// The end of each partition as this client sees it; none if there is no such topic.
fn ends<C: ClientContext>(client: &Client<C>, topic: &str) -> KafkaResult<Vec<i64>> {
    let metadata = client.fetch_metadata(Some(topic), TIMEOUT)?;
    let partitions = 0..metadata.topics()[0].partitions().len() as i32;
    partitions.map(|partition| Ok(client.fetch_watermarks(topic, partition, TIMEOUT)?.1)).collect()
}

/// Runs a future of the admin client to its end; on a thread of its own, since the caller may be a
/// runtime's thread, which must not block on another.
fn wait<F: Future<Output: Send> + Send>(future: F) -> F::Output {
    std::thread::scope(|scope| {
        let runtime = || tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        scope.spawn(move || runtime().block_on(future)).join().expect("the request does not panic")
    })
}
