//! What the tests of the bus share: names of their own, topics, records, and polling with an end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use driftline::bus::{
    Committed, CommittedOffset, From, KafkaSettings, LogReader, Outcome, Outgoing, Polled, StageConsumer,
    TopicAdmin, TopicPartition, TopicSpec, TransactionalProducer, Until,
};

/// Long enough for anything that a test waits for, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The broker's address.
pub fn brokers() -> String {
    std::env::var("KAFKA_BROKERS").expect("set KAFKA_BROKERS or run `make test`")
}

/// A name that no other test and no other run uses.
pub fn unique(what: &str) -> String {
    format!("{what}-{:016x}", rand::random::<u64>())
}

/// Settings of an application of its own.
pub fn settings(instance: &str, properties: &[(&str, &str)]) -> KafkaSettings {
    settings_of(&unique("app"), instance, properties)
}

/// Settings of the application `application`.
pub fn settings_of(application: &str, instance: &str, properties: &[(&str, &str)]) -> KafkaSettings {
    let mut all: BTreeMap<String, String> =
        properties.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    // The new protocol joins within a tenth of a second.
    if !all.contains_key("group.protocol") && !all.contains_key("partition.assignment.strategy") {
        all.insert("group.protocol".into(), "consumer".into());
    }
    if all.get("group.protocol").is_some_and(|protocol| protocol == "classic") {
        all.insert("session.timeout.ms".into(), "10000".into());
        all.insert("heartbeat.interval.ms".into(), "500".into());
    }
    KafkaSettings::new(brokers(), application, instance, all).unwrap()
}

/// A topic as the tests want it.
pub fn spec(name: &str, partitions: i32, config: &[(&str, &str)]) -> TopicSpec {
    TopicSpec {
        name: name.to_owned(),
        partitions: Some(partitions),
        replication: Some(1),
        config: config.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
    }
}

/// Makes a topic with a name of its own.
pub fn topic(partitions: i32, config: &[(&str, &str)]) -> String {
    let name = unique("topic");
    TopicAdmin::new(&settings("", &[])).unwrap().create(&[spec(&name, partitions, config)]).unwrap();
    name
}

/// A producer of an application of its own.
pub fn producer() -> TransactionalProducer {
    producer_of(&settings("", &[]))
}

/// A producer of stage `stage`.
pub fn producer_of(settings: &KafkaSettings) -> TransactionalProducer {
    TransactionalProducer::connect(settings, "stage", None, &always).unwrap()
}

/// Never gives up.
pub fn always() -> bool {
    true
}

/// Sends values to one partition in the open transaction.
pub fn send(producer: &TransactionalProducer, to: &TopicPartition, values: &[&str]) {
    for value in values {
        let record = Outgoing {
            topic: &to.topic,
            partition: Some(to.partition),
            key: Some(value.as_bytes()),
            payload: Some(value.as_bytes()),
            ..Outgoing::default()
        };
        producer.send(record).unwrap();
    }
}

/// Writes values to one partition in a transaction of their own.
pub fn write(producer: &mut TransactionalProducer, to: &TopicPartition, values: &[&str]) {
    producer.begin().unwrap();
    send(producer, to, values);
    commit(producer);
}

/// Commits records without offsets.
pub fn commit(producer: &mut TransactionalProducer) {
    let group = StageConsumer::subscribe(&settings("", &[]), "none", &["none"]).unwrap();
    producer.commit(&[], &group.group_metadata().unwrap(), &always).unwrap();
}

/// Where partition 0 or another of `topic` goes on.
pub fn offset(partition: &TopicPartition, next_offset: i64, metadata: &str) -> CommittedOffset {
    CommittedOffset { partition: partition.clone(), next_offset, metadata: metadata.to_owned() }
}

/// The committed records of a partition, as text, and how reading ended.
pub fn read_all(partition: &TopicPartition) -> Vec<String> {
    let mut values = Vec::new();
    let mut reader = LogReader::new(&settings("", &[])).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let outcome = reader.read(
        partition,
        From::Beginning,
        Until::End,
        &mut |record| {
            values.push(text(record.payload()));
            Ok(())
        },
        &mut |_| keep_going_until(deadline),
    );
    assert_eq!(outcome.unwrap(), Outcome::Complete);
    values
}

/// Goes on until the deadline.
pub fn keep_going_until(deadline: Instant) -> std::ops::ControlFlow<()> {
    if Instant::now() < deadline {
        std::ops::ControlFlow::Continue(())
    } else {
        std::ops::ControlFlow::Break(())
    }
}

/// Bytes as text; a tombstone as `-`.
pub fn text(bytes: Option<&[u8]>) -> String {
    bytes.map_or("-".into(), |bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

/// Polls until `take` returns something.
pub fn poll_until<T>(
    consumer: &StageConsumer,
    what: &str,
    mut take: impl FnMut(Polled<'_>) -> Option<T>,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(taken) = take(consumer.poll(Duration::from_millis(100)).unwrap()) {
            return taken;
        }
    }
    panic!("{what} did not come");
}

/// Waits for the assignment and starts every partition where the group left off, or at 0.
pub fn join(consumer: &StageConsumer) -> Vec<TopicPartition> {
    let partitions = poll_until(consumer, "an assignment", |polled| match polled {
        Polled::Assigned(partitions) => Some(partitions),
        _ => None,
    });
    start(consumer, &partitions);
    partitions
}

/// Starts partitions where the group left off, or at 0.
pub fn start(consumer: &StageConsumer, partitions: &[TopicPartition]) {
    let committed: Vec<Committed> = consumer.committed(partitions).unwrap();
    let offsets: Vec<(TopicPartition, i64)> = partitions
        .iter()
        .zip(committed)
        .map(|(partition, committed)| (partition.clone(), committed.offset.unwrap_or(0)))
        .collect();
    consumer.start(&offsets, false).unwrap();
}

/// The next record's value.
pub fn next_value(consumer: &StageConsumer) -> String {
    poll_until(consumer, "a record", |polled| match polled {
        Polled::Records(mut records) => records.next().map(|record| text(record.payload())),
        _ => None,
    })
}
