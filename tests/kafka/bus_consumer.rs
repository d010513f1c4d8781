//! What a stage's consumer hands out, in which order, and what it says about where it stands.

use std::time::{Duration, Instant};

use driftline::bus::{
    Isolation, OffsetReader, Outgoing, Polled, StageConsumer, Start, TopicAdmin, TopicPartition,
};

use crate::bus_support::*;

fn end(consumer: &StageConsumer) -> TopicPartition {
    poll_until(consumer, "an end", |polled| match polled {
        Polled::Eof(partition) => Some(partition),
        Polled::Records(records) => {
            records.for_each(drop);
            None
        }
        _ => None,
    })
}

#[test]
fn rewinding_hands_records_out_again_and_nothing_of_what_was_in_flight() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    write(&mut producer(), &partition, &["a", "b", "c", "d"]);
    let consumer = StageConsumer::subscribe(&settings("", &[]), "stage", &[&partition.topic]).unwrap();
    join(&consumer);
    assert_eq!([next_value(&consumer), next_value(&consumer)], ["a", "b"]);
    assert_eq!(consumer.position(&partition), Some(2));
    consumer.rewind(&[(partition.clone(), 1)]).unwrap();
    assert_eq!(consumer.position(&partition), Some(1));
    let rest: Vec<String> = (0..3).map(|_| next_value(&consumer)).collect();
    assert_eq!(rest, ["b", "c", "d"]);
}

#[test]
fn a_partition_started_paused_waits_and_one_that_is_rewound_at_once_starts_there() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    write(&mut producer(), &partition, &["a", "b"]);
    let consumer = StageConsumer::subscribe(&settings("", &[]), "stage", &[&partition.topic]).unwrap();
    poll_until(&consumer, "an assignment", |polled| matches!(polled, Polled::Assigned(_)).then_some(()));
    consumer.start(&[(partition.clone(), 0)], true).unwrap();
    consumer.rewind(&[(partition.clone(), 1)]).unwrap();
    for _ in 0..5 {
        assert!(!consumer.tend().unwrap());
        assert!(matches!(consumer.poll(Duration::from_millis(50)).unwrap(), Polled::Nothing));
    }
    consumer.resume(std::slice::from_ref(&partition)).unwrap();
    assert_eq!(next_value(&consumer), "b");
}

#[test]
fn pausing_loses_nothing() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    let values: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    write(&mut producer(), &partition, &values.iter().map(String::as_str).collect::<Vec<_>>());
    let consumer = StageConsumer::subscribe(&settings("", &[]), "stage", &[&partition.topic]).unwrap();
    join(&consumer);
    let mut seen = Vec::new();
    while seen.len() < values.len() {
        seen.push(next_value(&consumer));
        if seen.len() % 100 == 50 {
            consumer.pause(std::slice::from_ref(&partition)).unwrap();
            for _ in 0..3 {
                consumer.tend().unwrap();
                assert!(!matches!(consumer.poll(Duration::from_millis(10)).unwrap(), Polled::Records(_)));
            }
            consumer.resume(std::slice::from_ref(&partition)).unwrap();
        }
    }
    assert_eq!(seen, values);
}

#[test]
fn the_end_of_a_partition_is_told_once_each_time_it_is_reached() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    let mut producer = producer();
    write(&mut producer, &partition, &["a"]);
    let consumer = StageConsumer::subscribe(&settings("", &[]), "stage", &[&partition.topic]).unwrap();
    join(&consumer);
    assert_eq!(next_value(&consumer), "a");
    assert_eq!(end(&consumer), partition);
    assert!(consumer.is_at_end(&partition));
    let quiet = Instant::now() + Duration::from_secs(3);
    while Instant::now() < quiet {
        assert!(!matches!(consumer.poll(Duration::from_millis(100)).unwrap(), Polled::Eof(_)));
    }
    write(&mut producer, &partition, &["b"]);
    assert_eq!(next_value(&consumer), "b");
    assert!(!consumer.is_at_end(&partition));
    assert_eq!(end(&consumer), partition);
}

#[test]
fn ends_are_told_with_their_topic_where_two_topics_have_the_same_partition() {
    let (one, other) = (TopicPartition::new(topic(1, &[]), 0), TopicPartition::new(topic(1, &[]), 0));
    write(&mut producer(), &one, &["a"]);
    let consumer =
        StageConsumer::subscribe(&settings("", &[]), "stage", &[&one.topic, &other.topic]).unwrap();
    assert_eq!(join(&consumer).len(), 2);
    let mut ends = vec![end(&consumer), end(&consumer)];
    ends.sort();
    let mut both = vec![one.clone(), other];
    both.sort();
    assert_eq!(ends, both);
    let seen = consumer.ends();
    let at = seen.iter().find(|ends| ends.partition == one).unwrap();
    // The record and the marker of its transaction.
    assert_eq!((at.position, at.stable_end, at.high_watermark), (1, 2, 2));
}

#[test]
fn a_pause_of_a_partition_that_is_read_to_its_end_skips_nothing() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    let mut producer = producer();
    write(&mut producer, &partition, &["a"]);
    let consumer = StageConsumer::subscribe(&settings("", &[]), "stage", &[&partition.topic]).unwrap();
    join(&consumer);
    assert_eq!(next_value(&consumer), "a");
    assert_eq!(end(&consumer), partition);
    // Every rebalance pauses what stays, inside librdkafka, and in the same way.
    consumer.pause(std::slice::from_ref(&partition)).unwrap();
    consumer.resume(std::slice::from_ref(&partition)).unwrap();
    write(&mut producer, &partition, &["b", "c"]);
    assert_eq!([next_value(&consumer), next_value(&consumer)], ["b", "c"]);
}

#[test]
fn an_open_transaction_of_the_group_is_waited_for_before_its_offsets_are_told() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    let settings = settings("", &[]);
    let consumer = StageConsumer::subscribe(&settings, "stage", &[&partition.topic]).unwrap();
    join(&consumer);
    let only = std::slice::from_ref(&partition);
    let mut producer = producer_of(&settings);
    for next in 1..20 {
        producer.begin().unwrap();
        producer
            .commit(&[offset(&partition, next, "")], &consumer.group_metadata().unwrap(), &always)
            .unwrap();
        assert_eq!(consumer.committed(only).unwrap()[0].offset, Some(next));
    }
}

#[test]
fn records_deleted_before_they_were_read_are_told_with_their_range() {
    for strategy in ["cooperative-sticky", "range"] {
        deleted_records_are_told(&[
            ("group.protocol", "classic"),
            ("partition.assignment.strategy", strategy),
        ]);
    }
    deleted_records_are_told(&[("group.protocol", "consumer")]);
}

fn deleted_records_are_told(properties: &[(&str, &str)]) {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    let settings = settings("", properties);
    write(&mut producer(), &partition, &["a", "b", "c"]);
    TopicAdmin::new(&settings).unwrap().delete_records(&partition, 2).unwrap();
    let consumer = StageConsumer::subscribe(&settings, "stage", &[&partition.topic]).unwrap();
    join(&consumer);
    let lost = poll_until(&consumer, "the loss", |polled| match polled {
        Polled::Lost(lost) => Some(lost),
        Polled::Records(_) => panic!("nothing may be skipped in silence"),
        _ => None,
    });
    assert_eq!((lost[0].partition.clone(), lost[0].wanted, lost[0].first), (partition.clone(), 0, 2));
    consumer.rewind(&[(partition, lost[0].first)]).unwrap();
    assert_eq!(next_value(&consumer), "c");
}

#[test]
fn a_member_that_never_answered_its_assignment_can_still_leave() {
    let topic = topic(4, &[]);
    for protocol in ["consumer", "classic"] {
        let settings = settings("", &[("group.protocol", protocol)]);
        let consumer = StageConsumer::subscribe(&settings, "stage", &[&topic]).unwrap();
        let unpolled = StageConsumer::subscribe(&settings, "other", &[&topic]).unwrap();
        poll_until(&consumer, "an assignment", |polled| matches!(polled, Polled::Assigned(_)).then_some(()));
        let left = Instant::now();
        drop(consumer);
        drop(unpolled);
        assert!(left.elapsed() < Duration::from_secs(10), "{protocol}: {:?}", left.elapsed());
    }
}

/// Two members of one name, of which both are polled until one is told.
fn twins_are_told(protocol: &str) {
    let topic = topic(2, &[]);
    let application = unique("app");
    let of_twin = || settings_of(&application, "twin", &[("group.protocol", protocol)]);
    let first = StageConsumer::subscribe(&of_twin(), "stage", &[&topic]).unwrap();
    join(&first);
    let second = StageConsumer::subscribe(&of_twin(), "stage", &[&topic]).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let error = loop {
        assert!(Instant::now() < deadline, "{protocol}: neither was told");
        let polled = [&second, &first].map(|twin| twin.poll(Duration::from_millis(50)));
        if let Some(error) = polled.into_iter().find_map(Result::err) {
            break error;
        }
    };
    assert!(error.to_string().contains("same instance name"), "{protocol}: {error}");
}

#[test]
fn two_processes_of_one_name_do_not_share_a_group_in_silence() {
    twins_are_told("classic");
    twins_are_told("consumer");
}

#[test]
fn where_to_start_is_found_by_policy() {
    let partition = TopicPartition::new(topic(1, &[]), 0);
    let mut producer = producer();
    producer.begin().unwrap();
    for timestamp in [1_000, 2_000, 3_000] {
        let topic = &*partition.topic;
        let record =
            Outgoing { topic, partition: Some(0), timestamp: Some(timestamp), ..Outgoing::default() };
        producer.send(record).unwrap();
    }
    commit(&mut producer);
    let settings = settings("", &[]);
    let offsets = OffsetReader::new(&settings, Isolation::Uncommitted).unwrap();
    let start = |policy| offsets.starts(std::slice::from_ref(&partition), policy).unwrap()[0];
    assert_eq!(start(Start::Earliest), 0);
    // The transaction's marker follows the commit.
    let is_marked = || start(Start::Latest) == 4;
    crate::support::wait_until(std::time::Duration::from_secs(10), "the marker is written", is_marked);
    assert_eq!(start(Start::Time(1_500)), 1);
    assert_eq!(start(Start::Time(9_000_000_000_000)), 4);
    assert_eq!(offsets.partition_count(&partition.topic).unwrap(), Some(1));
    assert_eq!(offsets.partition_count(&unique("none")).unwrap(), None);
    let error = offsets.ends(&[TopicPartition::new(partition.topic.clone(), 7)]).unwrap_err();
    assert!(error.to_string().contains(&format!("{}[7]", partition.topic)), "{error}");
}
