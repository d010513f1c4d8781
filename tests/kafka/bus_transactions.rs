//! Records and offsets count together or not at all, and a failure says which it was.

use std::time::Duration;

use driftline::bus::{
    CommitFailure, Isolation, OffsetReader, Outgoing, OutgoingHeaders, Polled, SendFailure, StageConsumer,
    TopicPartition, TransactionalProducer,
};

use crate::bus_support::*;

#[test]
fn a_commit_moves_offsets_and_their_metadata_with_the_records() {
    let (input, output) = (TopicPartition::new(topic(1, &[]), 0), TopicPartition::new(topic(1, &[]), 0));
    write(&mut producer(), &input, &["a", "b"]);
    let settings = settings("", &[]);
    let consumer = StageConsumer::subscribe(&settings, "stage", &[&input.topic]).unwrap();
    join(&consumer);
    assert_eq!(next_value(&consumer), "a");
    let mut producer = producer_of(&settings);
    producer.begin().unwrap();
    send(&producer, &output, &["made of a"]);
    producer
        .commit(&[offset(&input, 1, "watermark 7 é")], &consumer.group_metadata().unwrap(), &always)
        .unwrap();

    let committed = consumer.committed(std::slice::from_ref(&input)).unwrap();
    assert_eq!((committed[0].offset, committed[0].metadata.as_str()), (Some(1), "watermark 7 é"));
    assert_eq!(read_all(&output), ["made of a"]);
    drop(consumer);
    let next = StageConsumer::subscribe(&settings, "stage", &[&input.topic]).unwrap();
    join(&next);
    assert_eq!(next_value(&next), "b");
}

#[test]
fn an_aborted_transaction_is_never_seen_and_moves_no_offset() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    let settings = settings("", &[]);
    let consumer = StageConsumer::subscribe(&settings, "stage", &[&partition.topic]).unwrap();
    join(&consumer);
    let mut producer = producer_of(&settings);
    write(&mut producer, &partition, &["kept"]);
    producer.begin().unwrap();
    send(&producer, &partition, &["dropped"]);
    producer.abort(&always).unwrap();
    write(&mut producer, &partition, &["kept too"]);
    assert_eq!(read_all(&partition), ["kept", "kept too"]);
    assert_eq!(next_value(&consumer), "kept");
    assert_eq!(next_value(&consumer), "kept too");
    assert_eq!(consumer.committed(std::slice::from_ref(&partition)).unwrap()[0].offset, None);
}

#[test]
fn an_offset_of_a_member_that_has_left_aborts_and_the_next_transaction_goes_on() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    let settings = settings("", &[]);
    let consumer = StageConsumer::subscribe(&settings, "stage", &[&partition.topic]).unwrap();
    join(&consumer);
    let left = consumer.group_metadata().unwrap();
    drop(consumer);
    let mut producer = producer_of(&settings);
    producer.begin().unwrap();
    send(&producer, &partition, &["dropped"]);
    let failure = producer.commit(&[offset(&partition, 0, "")], &left, &always).unwrap_err();
    assert!(matches!(failure, CommitFailure::Aborted(_)), "{failure:?}");
    write(&mut producer, &partition, &["kept"]);
    assert_eq!(read_all(&partition), ["kept"]);
}

#[test]
fn a_zombie_is_fenced_and_told_that_a_name_is_shared() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    let settings = settings("twin", &[]);
    let mut zombie = producer_of(&settings);
    write(&mut zombie, &partition, &["before"]);
    zombie.begin().unwrap();
    send(&zombie, &partition, &["too late"]);
    let mut heir = producer_of(&settings);
    write(&mut heir, &partition, &["after"]);
    let group = StageConsumer::subscribe(&settings, "none", &["none"]).unwrap();
    let failure = zombie.commit(&[], &group.group_metadata().unwrap(), &always).unwrap_err();
    let CommitFailure::Fenced(error) = failure else { panic!("{failure:?}") };
    assert!(error.to_string().contains("another process took over"), "{error}");
    assert!(error.to_string().contains("kafka.instance"), "{error}");
    assert_eq!(read_all(&partition), ["before", "after"]);
}

#[test]
fn a_transaction_that_the_broker_timed_out_is_lost_but_not_taken_for_another_process() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    let settings = settings("", &[("transaction.timeout.ms", "1000")]);
    let mut producer = producer_of(&settings);
    producer.begin().unwrap();
    send(&producer, &partition, &["dropped"]);
    // The record is on the broker before the clock starts to matter; the broker then looks for
    // transactions over their time once a second.
    let offsets = OffsetReader::new(&settings, Isolation::Uncommitted).unwrap();
    while offsets.ends(std::slice::from_ref(&partition)).unwrap()[0] < 2 {
        std::thread::sleep(Duration::from_millis(50));
    }
    let group = StageConsumer::subscribe(&settings, "none", &["none"]).unwrap();
    let failure = producer.commit(&[], &group.group_metadata().unwrap(), &always).unwrap_err();
    assert!(matches!(failure, CommitFailure::Lost(_)), "{failure:?}");
    drop(producer);
    write(&mut producer_of(&settings), &partition, &["kept"]);
    assert_eq!(read_all(&partition), ["kept"]);
}

#[test]
fn a_record_larger_than_the_known_limit_is_refused_at_once_and_the_rest_is_committed() {
    let partition = TopicPartition::new(topic(1, &[("max.message.bytes", "2000")]), 0);
    let settings = settings("", &[]);
    let mut producer = TransactionalProducer::connect(&settings, "stage", Some(2_000), &always).unwrap();
    assert_eq!(producer.max_record_bytes(), 2_000);
    producer.begin().unwrap();
    let large = [b'x'; 1_900];
    let record = |payload| Outgoing {
        topic: &partition.topic,
        partition: Some(0),
        payload: Some(payload),
        headers: Some(OutgoingHeaders::new().with("why", Some(b"test"))),
        ..Outgoing::default()
    };
    let failure = producer.send(record(&large)).unwrap_err();
    let SendFailure::TooLarge(told) = failure else { panic!("{failure:?}") };
    assert_eq!(told.topic, *partition.topic);
    assert!(told.bytes > 2_000 && told.limit == Some(2_000), "{told:?}");
    // As large as it may be, several times, so that batches meet the limit too.
    for _ in 0..20 {
        producer.send(record(&large[..1_800])).unwrap();
    }
    commit(&mut producer);
    assert_eq!(read_all(&partition).len(), 20);
}

#[test]
fn a_record_too_large_for_the_broker_alone_aborts_with_its_topic_and_size() {
    let partition = TopicPartition::new(topic(1, &[("max.message.bytes", "2000")]), 0);
    let mut producer = producer();
    producer.begin().unwrap();
    let noise: String = (0..20_000).map(|_| char::from(rand::random_range(b'!'..=b'~'))).collect();
    send(&producer, &partition, &[&noise]);
    let group = StageConsumer::subscribe(&settings("", &[]), "none", &["none"]).unwrap();
    let failure = producer.commit(&[], &group.group_metadata().unwrap(), &always).unwrap_err();
    let CommitFailure::TooLarge(told) = failure else { panic!("{failure:?}") };
    assert_eq!(told.topic, *partition.topic);
    assert!(told.bytes > 40_000, "{told:?}");
    write(&mut producer, &partition, &["small"]);
    assert_eq!(read_all(&partition), ["small"]);
}

#[test]
fn headers_are_carried_whole_repeated_and_empty_ones_too() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    let settings = settings("", &[]);
    let mut producer = producer_of(&settings);
    producer.begin().unwrap();
    let headers = OutgoingHeaders::new().with("a", Some(b"1")).with("a", Some(b"2")).with("none", None);
    let record = Outgoing {
        topic: &partition.topic,
        partition: Some(0),
        headers: Some(headers),
        timestamp: Some(1_000),
        ..Outgoing::default()
    };
    producer.send(record).unwrap();
    commit(&mut producer);
    let consumer = StageConsumer::subscribe(&settings, "stage", &[&partition.topic]).unwrap();
    join(&consumer);
    poll_until(&consumer, "a record", |polled| {
        let Polled::Records(mut records) = polled else { return None };
        let record = records.next()?;
        let headers: Vec<_> = record.headers().collect();
        assert_eq!(headers, [(&b"a"[..], Some(&b"1"[..])), (b"a", Some(b"2")), (b"none", None)]);
        assert_eq!((record.header("a"), record.header("b")), (Some(&b"2"[..]), None));
        assert_eq!((record.key(), record.payload(), record.timestamp_ms()), (None, None, Some(1_000)));
        assert_eq!(record.place().to_string(), format!("{}[0]@0", partition.topic));
        assert_eq!(record.copy_headers().with("more", Some(b"")).count(), 4);
        assert!(!record.is_broker_time());
        Some(())
    });
}

#[test]
fn a_caller_who_has_had_enough_is_not_held() {
    let settings = driftline::bus::KafkaSettings::new("127.0.0.1:1", "app", "", Default::default()).unwrap();
    let error = TransactionalProducer::connect(&settings, "stage", None, &|| false).err().unwrap();
    assert!(error.is_retriable() && error.to_string().contains("app-stage-"), "{error}");
}
