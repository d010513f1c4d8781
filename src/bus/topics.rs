//! Topics as they should be and as they are: make the missing ones, say what is wrong with others.
//!
//! Nothing here changes a topic that exists, except that records can be deleted from its beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{Thread, sleep};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use crate::bus::fault::{self, Quiet};
use crate::bus::record::TopicPartition;
use crate::bus::settings::KafkaSettings;
use crate::error::{Error, Result};

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(15);

/// How long is waited for the first answer of a broker.
const REACH: Duration = Duration::from_secs(3);

/// A topic as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions; `None`: made with 1, and any number is right.
    pub partitions: Option<i32>,
    /// How many replicas; `None`: the brokers' default, and any number is right.
    pub replication: Option<i32>,
    /// Settings that it must have; others are the brokers' business.
    pub config: BTreeMap<String, String>,
}

/// A topic as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// How many partitions.
    pub partitions: i32,
    /// How many replicas the first partition has.
    pub replication: i32,
    /// All settings in force, the brokers' defaults included.
    pub config: BTreeMap<String, String>,
}

impl TopicState {
    /// The largest record that the topic takes, in bytes.
    pub fn max_message_bytes(&self) -> Option<usize> {
        self.config.get("max.message.bytes")?.parse().ok()
    }

    /// Whether the broker stamps records when it appends them.
    pub fn has_broker_time(&self) -> bool {
        self.config.get("message.timestamp.type").is_some_and(|kind| kind == "LogAppendTime")
    }
}

/// What is wrong with one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicFinding {
    /// The topic.
    pub topic: String,
    /// What is wrong.
    pub problem: TopicProblem,
}

/// How a topic differs from what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicProblem {
    /// It does not exist.
    Missing,
    /// It has another number of partitions.
    Partitions {
        /// What it should have.
        wanted: i32,
        /// What it has.
        found: i32,
    },
    /// It has fewer replicas than it should.
    Replication {
        /// What it should have.
        wanted: i32,
        /// What it has.
        found: i32,
    },
    /// A setting has another value.
    Setting {
        /// The setting's name.
        name: String,
        /// What it should be.
        wanted: String,
        /// What it is; `None` where the broker does not know the setting.
        found: Option<String>,
    },
}

impl fmt::Display for TopicFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topic = &self.topic;
        match &self.problem {
            TopicProblem::Missing => write!(f, "topic {topic} does not exist"),
            TopicProblem::Partitions { wanted, found } => {
                write!(f, "topic {topic} has {found} partitions; it needs {wanted}")
            }
            TopicProblem::Replication { wanted, found } => {
                write!(f, "topic {topic} has {found} replicas; it needs {wanted}")
            }
            TopicProblem::Setting { name, wanted, found } => {
                let found = found.as_deref().unwrap_or("nothing");
                write!(f, "topic {topic} has {name}={found}; it needs {wanted}")
            }
        }
    }
}

/// A client of the cluster's administration.
pub struct TopicAdmin {
    client: AdminClient<Quiet>,
    brokers: String,
}

impl TopicAdmin {
    /// A client; it connects with the first request.
    ///
    /// # Errors
    /// The settings do not make a client.
    pub fn new(settings: &KafkaSettings) -> Result<Self> {
        let client = settings.admin().create_with_context(Quiet);
        let client = client.map_err(|error| fault::kafka("cannot make a Kafka client", &error))?;
        Ok(TopicAdmin { client, brokers: settings.brokers().to_owned() })
    }

    /// Whether a broker answers, found out in a few seconds.
    ///
    /// # Errors
    /// None does (retriable), or it lets us not in.
    pub fn reach(&self) -> Result<()> {
        let answer = self.client.inner().fetch_metadata(None, REACH);
        answer.map(drop).map_err(|error| fault::kafka("no Kafka broker answers", &error).at(&self.brokers))
    }

    /// The cluster's id, where the brokers tell it.
    pub fn cluster_id(&self) -> Option<String> {
        self.client.inner().fetch_cluster_id(REACH).filter(|id| !id.is_empty())
    }

    /// The first offset that a partition has, or will have.
    ///
    /// # Errors
    /// There is no such partition, or the brokers do not answer (retriable).
    pub fn log_start(&self, partition: &TopicPartition) -> Result<i64> {
        let cannot = |error| fault::kafka("cannot look up offsets", &error).at(partition);
        let client = self.client.inner();
        let found = client.fetch_watermarks(&partition.topic, partition.partition, REACH).map_err(cannot)?;
        Ok(found.0)
    }

    /// Those of `names` that exist and that this user may see, with the number of their partitions.
    ///
    /// # Errors
    /// The brokers do not answer, or a partition has no leader now (retriable).
    pub fn partitions(&self, names: &[&str]) -> Result<BTreeMap<String, i32>> {
        let metadata = self
            .client
            .inner()
            .fetch_metadata(None, REQUEST)
            .map_err(|error| fault::kafka("cannot list topics", &error))?;
        let ready = self.layouts(names)?;
        for topic in metadata.topics().iter().filter(|topic| names.contains(&topic.name())) {
            if !ready.contains_key(topic.name()) {
                return Err(Error::bus("the topic has no leader now").at(topic.name()).retriable());
            }
        }
        Ok(ready.into_iter().map(|(name, state)| (name, state.partitions)).collect())
    }

    /// Those of `names` that exist, as they are.
    ///
    /// # Errors
    /// The brokers do not answer (retriable), or a right is missing.
    pub fn describe(&self, names: &[&str]) -> Result<BTreeMap<String, TopicState>> {
        let mut states = self.layouts(names)?;
        let found: Vec<String> = states.keys().cloned().collect();
        if found.is_empty() {
            return Ok(states);
        }
        let asked: Vec<ResourceSpecifier<'_>> =
            found.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let cannot = "cannot read the settings of topics";
        let answers = block_on(self.client.describe_configs(&asked, &options()))
            .map_err(|error| fault::kafka(cannot, &error))?;
        for (name, answer) in found.iter().zip(answers) {
            let resource = answer.map_err(|code| fault::coded(cannot, code).at(name))?;
            if let Some(state) = states.get_mut(name) {
                let entries = resource.entries.into_iter();
                state.config = entries.filter_map(|entry| Some((entry.name, entry.value?))).collect();
            }
        }
        Ok(states)
    }

    /// Makes those of `specs` that do not exist, and waits until they can be used. Returns the
    /// names of those it made; one that exists is left as it is.
    ///
    /// # Errors
    /// The brokers do not answer (retriable), a right is missing, or a setting is refused. Topics
    /// before the one in the error may have been made; the call can be repeated.
    pub fn create(&self, specs: &[TopicSpec]) -> Result<Vec<String>> {
        if specs.is_empty() {
            return Ok(Vec::new());
        }
        let topics: Vec<NewTopic<'_>> = specs.iter().map(new_topic).collect();
        let answers = block_on(self.client.create_topics(&topics, &options()))
            .map_err(|error| fault::kafka("cannot create topics", &error))?;
        let mut made = Vec::new();
        let mut failed = None;
        for answer in answers {
            match answer {
                Ok(name) => made.push(name),
                Err((_, Code::TopicAlreadyExists)) => {}
                Err((name, code)) => {
                    failed.get_or_insert_with(|| fault::coded("cannot create the topic", code).at(name));
                }
            }
        }
        failed.map_or(Ok(()), Err)?;
        let names: Vec<&str> = made.iter().map(String::as_str).collect();
        let deadline = Instant::now() + REQUEST;
        while self.layouts(&names)?.len() < names.len() {
            if Instant::now() >= deadline {
                return Err(
                    Error::bus("the topics were created, but the brokers do not show them yet").retriable()
                );
            }
            sleep(Duration::from_millis(20));
        }
        Ok(made)
    }

    /// What is missing or wrong, in the order of `specs`; empty where all is well.
    ///
    /// # Errors
    /// As [`TopicAdmin::describe`].
    pub fn validate(&self, specs: &[TopicSpec]) -> Result<Vec<TopicFinding>> {
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        let states = self.describe(&names)?;
        Ok(specs.iter().flat_map(|spec| findings(spec, states.get(&spec.name))).collect())
    }

    /// Deletes the records of `partition` before `before` for good.
    ///
    /// # Errors
    /// The brokers do not answer (retriable), a right is missing, or `before` is past the end.
    pub fn delete_records(&self, partition: &TopicPartition, before: i64) -> Result<()> {
        let cannot = |error| fault::kafka("cannot delete records", &error).at(partition);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(before))
            .map_err(cannot)?;
        let answers = block_on(self.client.delete_records(&list, &options())).map_err(cannot)?;
        answers.elements().iter().try_for_each(|element| element.error()).map_err(cannot)
    }

    /// Partitions and replicas of those of `names` that exist and have a leader everywhere.
    fn layouts(&self, names: &[&str]) -> Result<BTreeMap<String, TopicState>> {
        let wanted: BTreeSet<&str> = names.iter().copied().collect();
        // Asked for by name, a missing topic might be made by a broker that does so by itself.
        let metadata = self
            .client
            .inner()
            .fetch_metadata(None, REQUEST)
            .map_err(|error| fault::kafka("cannot list topics", &error))?;
        let topics = metadata.topics().iter().filter(|topic| wanted.contains(topic.name()));
        let ready = topics.filter(|topic| {
            topic.error().is_none()
                && !topic.partitions().is_empty()
                && topic.partitions().iter().all(|partition| partition.leader() >= 0)
        });
        let states = ready.map(|topic| {
            let partitions = topic.partitions();
            let count = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
            let state = TopicState {
                partitions: count(partitions.len()),
                replication: count(partitions[0].replicas().len()),
                config: BTreeMap::new(),
            };
            (topic.name().to_owned(), state)
        });
        Ok(states.collect())
    }
}

fn new_topic(spec: &TopicSpec) -> NewTopic<'_> {
    // -1 leaves it to the brokers.
    let replication = TopicReplication::Fixed(spec.replication.unwrap_or(-1));
    let topic = NewTopic::new(&spec.name, spec.partitions.unwrap_or(1), replication);
    spec.config.iter().fold(topic, |topic, (name, value)| topic.set(name, value))
}

fn findings(spec: &TopicSpec, state: Option<&TopicState>) -> Vec<TopicFinding> {
    let finding = |problem| TopicFinding { topic: spec.name.clone(), problem };
    let Some(state) = state else { return vec![finding(TopicProblem::Missing)] };
    let mut problems = Vec::new();
    if let Some(wanted) = spec.partitions.filter(|wanted| *wanted != state.partitions) {
        problems.push(TopicProblem::Partitions { wanted, found: state.partitions });
    }
    if let Some(wanted) = spec.replication.filter(|wanted| *wanted > state.replication) {
        problems.push(TopicProblem::Replication { wanted, found: state.replication });
    }
    for (name, wanted) in &spec.config {
        let found = state.config.get(name);
        if found != Some(wanted) {
            let (name, wanted) = (name.clone(), wanted.clone());
            problems.push(TopicProblem::Setting { name, wanted, found: found.cloned() });
        }
    }
    problems.into_iter().map(finding).collect()
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(REQUEST)).operation_timeout(Some(REQUEST))
}

/// Waits for an answer that another thread (librdkafka's) brings.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> TopicSpec {
        let config = BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]);
        TopicSpec { name: "t".into(), partitions: Some(12), replication: Some(3), config }
    }

    #[test]
    fn a_topic_that_differs_is_told_in_every_way_that_it_differs() {
        let config = BTreeMap::from([("cleanup.policy".to_owned(), "delete".to_owned())]);
        let state = TopicState { partitions: 6, replication: 1, config };
        let told: Vec<String> = findings(&spec(), Some(&state)).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "topic t has 6 partitions; it needs 12",
                "topic t has 1 replicas; it needs 3",
                "topic t has cleanup.policy=delete; it needs compact",
            ]
        );
    }

    #[test]
    fn a_topic_as_it_should_be_and_with_more_replicas_is_fine() {
        let state = TopicState { partitions: 12, replication: 5, config: spec().config };
        assert_eq!(findings(&spec(), Some(&state)), []);
        assert_eq!(findings(&spec(), None)[0].problem, TopicProblem::Missing);
    }
}
