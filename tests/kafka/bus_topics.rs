//! Topics are made as they should be, and what differs is told.

use driftline::bus::{TopicAdmin, TopicProblem};

use crate::bus_support::*;

#[test]
fn missing_topics_are_made_once_and_then_found_right() {
    let admin = TopicAdmin::new(&settings("", &[])).unwrap();
    let deltas =
        spec(&unique("deltas"), 3, &[("message.timestamp.type", "LogAppendTime"), ("retention.ms", "-1")]);
    let panes = spec(&unique("panes"), 3, &[("cleanup.policy", "compact")]);
    let specs = [deltas, panes];
    let missing: Vec<TopicProblem> =
        admin.validate(&specs).unwrap().into_iter().map(|finding| finding.problem).collect();
    assert_eq!(missing, [TopicProblem::Missing, TopicProblem::Missing]);
    let names: Vec<String> = specs.iter().map(|spec| spec.name.clone()).collect();
    assert_eq!(admin.create(&specs).unwrap(), names);
    assert_eq!(admin.validate(&specs).unwrap(), []);
    assert!(admin.create(&specs).unwrap().is_empty(), "to create again makes nothing and is no error");
    let states = admin.describe(&[&names[0], "never-made"]).unwrap();
    assert_eq!(states.len(), 1);
    let state = &states[&names[0]];
    assert_eq!((state.partitions, state.replication), (3, 1));
    assert!(state.has_broker_time());
    assert_eq!(state.max_message_bytes(), Some(1_048_588));
}

#[test]
fn what_is_wrong_with_a_topic_is_told_one_by_one() {
    let admin = TopicAdmin::new(&settings("", &[])).unwrap();
    let name = topic(2, &[("cleanup.policy", "delete")]);
    let wanted =
        spec(&name, 12, &[("cleanup.policy", "compact"), ("message.timestamp.type", "LogAppendTime")]);
    let told: Vec<String> = admin.validate(&[wanted]).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            format!("topic {name} has 2 partitions; it needs 12"),
            format!("topic {name} has cleanup.policy=delete; it needs compact"),
            format!("topic {name} has message.timestamp.type=CreateTime; it needs LogAppendTime"),
        ]
    );
}

#[test]
fn a_setting_that_the_broker_refuses_is_an_error_that_names_the_topic() {
    let admin = TopicAdmin::new(&settings("", &[])).unwrap();
    let name = unique("wrong");
    let error = admin.create(&[spec(&name, 1, &[("cleanup.policy", "sometimes")])]).unwrap_err();
    assert!(error.to_string().contains(&name), "{error}");
}

#[test]
fn brokers_that_do_not_answer_are_an_error_worth_retrying() {
    let settings = driftline::bus::KafkaSettings::new("127.0.0.1:1", "app", "", Default::default()).unwrap();
    let offsets = driftline::bus::OffsetReader::new(&settings, driftline::bus::Isolation::Committed).unwrap();
    let error = offsets.partition_count("any").unwrap_err();
    assert!(error.is_retriable(), "{error}");
    assert!(error.to_string().contains("kafka.brokers"), "{error}");
}
