//! Members come and go: no partition has two owners, no record comes before its assignment, and
//! what goes is told.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use driftline::bus::{Polled, StageConsumer, TopicPartition};

use crate::bus_support::*;

const PARTITIONS: i32 = 4;

/// A consumer and what it was told it owns.
struct Member {
    consumer: StageConsumer,
    owned: BTreeSet<TopicPartition>,
    revoked: usize,
    records: usize,
}

impl Member {
    fn join(settings: &driftline::bus::KafkaSettings, topic: &str) -> Self {
        let consumer = StageConsumer::subscribe(settings, "stage", &[topic]).unwrap();
        Member { consumer, owned: BTreeSet::new(), revoked: 0, records: 0 }
    }

    fn step(&mut self) {
        match self.consumer.poll(Duration::from_millis(20)).unwrap() {
            Polled::Assigned(partitions) => {
                start(&self.consumer, &partitions);
                for partition in partitions {
                    assert!(self.owned.insert(partition), "assigned twice");
                }
            }
            Polled::Revoked(partitions) => {
                self.revoked += partitions.len();
                for partition in partitions {
                    assert!(self.owned.remove(&partition), "revoked, but never assigned");
                }
            }
            Polled::Records(records) => {
                let from = records.source().clone();
                assert!(self.owned.contains(&from), "a record of {from} came before its assignment");
                for record in records {
                    self.records += 1;
                    assert_eq!(TopicPartition::new(record.topic(), record.partition()), from);
                }
            }
            _ => {}
        }
        assert_eq!(self.consumer.partitions().into_iter().collect::<BTreeSet<_>>(), self.owned);
    }
}

fn two_members_share(properties: &[(&str, &str)]) {
    let topic = topic(PARTITIONS, &[]);
    let application = unique("app");
    let mut producer = producer();
    let mut write_everywhere = |value: &str| {
        producer.begin().unwrap();
        for partition in 0..PARTITIONS {
            send(&producer, &TopicPartition::new(topic.as_str(), partition), &[value; 50]);
        }
        commit(&mut producer);
    };
    write_everywhere("before");
    let mut first = Member::join(&settings_of(&application, "", properties), &topic);
    let deadline = Instant::now() + PATIENCE;
    while first.records < 200 {
        assert!(Instant::now() < deadline, "the first member owns {:?}", first.owned);
        first.step();
    }
    let mut second = Member::join(&settings_of(&application, "", properties), &topic);
    while first.owned.len() != 2 || second.owned.len() != 2 || second.records < 100 {
        assert!(Instant::now() < deadline, "{:?} and {:?}", first.owned, second.owned);
        first.step();
        second.step();
    }
    assert!(first.owned.is_disjoint(&second.owned));
    assert!(first.revoked >= 2, "what goes is told");
    drop(second);
    write_everywhere("after");
    while first.owned.len() < 4 {
        assert!(Instant::now() < deadline, "{:?}", first.owned);
        first.step();
    }
}

#[test]
fn two_members_share_by_the_new_protocol() {
    two_members_share(&[("group.protocol", "consumer")]);
}

#[test]
fn two_members_share_by_the_classic_protocol_cooperatively() {
    two_members_share(&[("group.protocol", "classic")]);
}

#[test]
fn two_members_share_where_the_user_asks_for_an_eager_strategy() {
    two_members_share(&[("group.protocol", "classic"), ("partition.assignment.strategy", "range")]);
}
