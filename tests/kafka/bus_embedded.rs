//! The embedded broker carries a demo: produce, join, read, find the end. It needs no Kafka.

use std::collections::BTreeMap;

use driftline::bus::{EmbeddedBroker, KafkaSettings, Outgoing, Polled, StageConsumer, TransactionalProducer};

use crate::bus_support::{always, poll_until, text};

#[test]
fn records_go_through_the_embedded_broker() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("events", 2).unwrap();
    let properties = BTreeMap::from([("group.protocol".to_owned(), "consumer".to_owned())]);
    let settings = KafkaSettings::new(broker.brokers(), "demo", "", properties).unwrap();
    let mut producer = TransactionalProducer::connect(&settings, "stage", None, &always).unwrap();
    let consumer = StageConsumer::subscribe(&settings, "stage", &["events"]).unwrap();
    let assigned = poll_until(&consumer, "an assignment", |polled| match polled {
        Polled::Assigned(partitions) => Some(partitions),
        _ => None,
    });
    let starts: Vec<_> = assigned.into_iter().map(|partition| (partition, 0)).collect();
    consumer.start(&starts, false).unwrap();
    producer.begin().unwrap();
    let record =
        Outgoing { topic: "events", partition: Some(1), payload: Some(b"hello"), ..Outgoing::default() };
    producer.send(record).unwrap();
    producer.commit(&[], &consumer.group_metadata().unwrap(), &always).unwrap();
    let value = poll_until(&consumer, "a record", |polled| match polled {
        Polled::Records(mut records) => records.next().map(|record| text(record.payload())),
        _ => None,
    });
    assert_eq!(value, "hello");
    poll_until(&consumer, "an end", |polled| matches!(polled, Polled::Eof(_)).then_some(()));
}
