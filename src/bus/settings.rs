//! Brokers, names and properties, checked, and the client configurations made of them.
//!
//! A property of librdkafka passes through unless it would break exactly-once, in which case it is
//! refused with its reason. Secrets never show in `Debug` or in an error.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

use crate::error::{Error, Result};

/// Properties that are refused, each with the reason.
const REFUSED: &[(&str, &str)] = &[
    ("bootstrap.servers", "the brokers are set by `kafka.brokers`"),
    ("metadata.broker.list", "the brokers are set by `kafka.brokers`"),
    ("group.id", "groups are named by `kafka.application_id` and the stage"),
    ("group.instance.id", "static membership is set by `kafka.instance`"),
    (
        "transactional.id",
        "transactional ids are named by `kafka.application_id`, the stage and `kafka.instance`",
    ),
    ("enable.idempotence", "a transaction needs it on"),
    ("acks", "a transaction needs acknowledgement by all replicas"),
    ("request.required.acks", "a transaction needs acknowledgement by all replicas"),
    ("enable.gapless.guarantee", "a failed record aborts its transaction, which is retried"),
    ("enable.auto.commit", "offsets are committed in the transaction of what was made of their records"),
    ("auto.commit.enable", "offsets are committed in the transaction of what was made of their records"),
    (
        "enable.auto.offset.store",
        "offsets are committed in the transaction of what was made of their records",
    ),
    ("isolation.level", "only committed records and offsets may be read"),
    (
        "auto.offset.reset",
        "where to start is set by `input.start`, and lost offsets by `input.on_lost_offsets`",
    ),
    ("enable.partition.eof", "idle partitions are known by it"),
    ("partitioner", "keys go to the partition that Kafka's Java clients give them"),
    ("test.mock.num.brokers", "it would put a fake in the place of the brokers"),
];

/// Parts of a property's name that mark its value as a secret.
const SECRET_PARTS: &[&str] =
    &["password", "secret", "key.pem", "passphrase", "oauthbearer.config", "username", "token"];

/// Milliseconds that a transaction may stay open; after them the broker aborts it.
const TRANSACTION_TIMEOUT_MS: u64 = 10_000;

/// Properties that would break exactly-once or that another key sets, each with the reason why
/// they are refused in `[kafka.properties]`.
pub fn refused_properties() -> &'static [(&'static str, &'static str)] {
    REFUSED
}

/// How this process speaks to Kafka: checked when made.
#[derive(Clone)]
pub struct KafkaSettings {
    brokers: String,
    application_id: String,
    instance: String,
    is_static: bool,
    properties: BTreeMap<String, String>,
}

impl KafkaSettings {
    /// Settings for the brokers `brokers` (`host:port,…`), under names that begin with
    /// `application_id`. `instance` names this process in static membership and transactional ids;
    /// empty: a random name and no static membership.
    ///
    /// # Errors
    /// The first property that is refused, unknown or has a value that it cannot have.
    pub fn new(
        brokers: impl Into<String>,
        application_id: impl Into<String>,
        instance: &str,
        properties: BTreeMap<String, String>,
    ) -> Result<Self> {
        for (key, value) in &properties {
            check_property(key, value)?;
        }
        let is_static = !instance.is_empty();
        let instance = if is_static { instance.to_owned() } else { format!("{:08x}", rand::random::<u32>()) };
        Ok(KafkaSettings {
            brokers: brokers.into(),
            application_id: application_id.into(),
            instance,
            is_static,
            properties,
        })
    }

    /// The brokers as given.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The prefix of groups and transactional ids.
    pub fn application_id(&self) -> &str {
        &self.application_id
    }

    /// This process's name: the one given, or a random one that stays while the process lives.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The same for one of several threads that do the same: each has a name of its own, the first
    /// the process's.
    pub fn worker(&self, number: u32) -> Self {
        let mut settings = self.clone();
        if number > 0 {
            settings.instance = format!("{}.{number}", self.instance);
        }
        settings
    }

    /// The consumer group of `stage`.
    pub fn group(&self, stage: &str) -> String {
        format!("{}-{stage}", self.application_id)
    }

    /// The transactional id of `stage` in this process.
    pub fn transactional_id(&self, stage: &str) -> String {
        format!("{}-{stage}-{}", self.application_id, self.instance)
    }

    /// Milliseconds that a transaction may stay open.
    pub(super) fn transaction_timeout_ms(&self) -> u64 {
        let given = self.properties.get("transaction.timeout.ms").and_then(|value| value.parse().ok());
        given.unwrap_or(TRANSACTION_TIMEOUT_MS)
    }

    /// A subscribed member of the group of `stage`.
    pub(super) fn consumer(&self, stage: &str) -> ClientConfig {
        let mut config = self.client(stage);
        if self.properties.get("group.protocol").is_none_or(|protocol| protocol != "consumer") {
            config.set("partition.assignment.strategy", "cooperative-sticky");
        }
        // Own statistics, once a second, tell where partitions end.
        config.set("statistics.interval.ms", "1000");
        self.reading(&mut config);
        // When ends come in a batch of records, librdkafka takes each for a record that was handed out,
        // and leaves the next one out when it pauses and goes on, as in every rebalance.
        config.set("enable.partition.eof", "false");
        if self.is_static {
            config.set("group.instance.id", &self.instance);
        }
        config.set("group.id", self.group(stage));
        config
    }

    /// A consumer that joins no group and reads what is assigned to it. Its group id is never
    /// joined and nothing is committed under it; librdkafka assigns nothing without one.
    pub(super) fn reader(&self) -> ClientConfig {
        let mut config = self.client("reader");
        self.reading(&mut config);
        config.set("group.id", self.group("reader"));
        // Both belong to members of a group, which this is not.
        config.remove("group.protocol");
        config.remove("group.remote.assignor");
        config
    }

    /// A client that asks what the group of `stage` has committed, and does not join it.
    pub(super) fn observer(&self, stage: &str) -> ClientConfig {
        let mut config = self.reader();
        config.set("group.id", self.group(stage));
        config
    }

    /// A producer outside transactions.
    pub(super) fn publisher(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("linger.ms", "5").set("compression.type", "lz4").set("enable.idempotence", "true");
        config.set("partitioner", "murmur2_random");
        self.own(&mut config, "publish");
        config.remove("transaction.timeout.ms");
        config
    }

    /// A client that asks for offsets and metadata.
    pub(super) fn lookup(&self, isolation: &str) -> ClientConfig {
        let mut config = self.client("lookup");
        config.set("isolation.level", isolation);
        config.remove("group.protocol");
        config.remove("group.remote.assignor");
        config
    }

    /// A transactional producer for `stage`. `max_record_bytes` is the least `max.message.bytes`
    /// of the topics that it writes to.
    pub(super) fn producer(&self, stage: &str, max_record_bytes: usize) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("linger.ms", "2").set("compression.type", "lz4");
        config.set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string());
        self.own(&mut config, stage);
        // A batch is refused as a whole, so that it must not pass the limit either.
        let bytes = max_record_bytes.to_string();
        let batch = self.properties.get("batch.size").and_then(|size| size.parse().ok());
        config.set("message.max.bytes", &bytes);
        config.set("batch.size", batch.unwrap_or(1_000_000).min(max_record_bytes).to_string());
        config.set("partitioner", "murmur2_random");
        config.set("transactional.id", self.transactional_id(stage));
        config
    }

    /// The largest record that a producer takes where nothing is known of its topics, or less
    /// where the user wants less.
    pub(super) fn max_record_bytes(&self, topics: Option<usize>) -> usize {
        let given = self.properties.get("message.max.bytes").and_then(|value| value.parse().ok());
        match (topics, given) {
            (Some(topics), Some(given)) => topics.min(given),
            (Some(bytes), None) | (None, Some(bytes)) => bytes,
            (None, None) => 1_000_000,
        }
    }

    /// A client of the cluster's administration.
    pub(super) fn admin(&self) -> ClientConfig {
        let mut config = self.client("admin");
        config.remove("group.protocol");
        config.remove("group.remote.assignor");
        config
    }

    fn client(&self, role: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        // The default of a second between a full queue and the next fetch starves a fast reader.
        config.set("fetch.queue.backoff.ms", "20");
        config.set("fetch.wait.max.ms", "100");
        config.set("fetch.message.max.bytes", "4194304");
        self.own(&mut config, role);
        config
    }

    fn reading(&self, config: &mut ClientConfig) {
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("isolation.level", "read_committed");
        config.set("enable.partition.eof", "true");
        // An offset that is gone must be heard of, not skipped.
        config.set("auto.offset.reset", "error");
    }

    fn own(&self, config: &mut ClientConfig, role: &str) {
        config.set("allow.auto.create.topics", "false");
        config.set("client.id", format!("{}-{role}-{}", self.application_id, self.instance));
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config.set("bootstrap.servers", &self.brokers);
    }
}

/// The brokers, names and properties, with the values of secrets left out.
impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties: BTreeMap<&str, &str> = self
            .properties
            .iter()
            .map(|(key, value)| (key.as_str(), if is_secret(key) { "***" } else { value }))
            .collect();
        f.debug_struct("KafkaSettings")
            .field("brokers", &self.brokers)
            .field("application_id", &self.application_id)
            .field("instance", &self.instance)
            .field("properties", &properties)
            .finish()
    }
}

/// Whether the value of property `key` must never be shown.
pub fn is_secret(key: &str) -> bool {
    SECRET_PARTS.iter().any(|part| key.contains(part))
}

/// Checks one property of `[kafka.properties]`.
///
/// # Errors
/// It is refused, librdkafka does not know it, or it cannot have this value. A secret value is not
/// quoted.
pub fn check_property(key: &str, value: &str) -> Result<()> {
    if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| *refused == key) {
        return Err(Error::config(format!("the Kafka property `{key}` cannot be set"))
            .at(format!("kafka.properties.{key}"))
            .hint(*reason));
    }
    let place = format!("kafka.properties.{key}");
    match ClientConfig::new().set(key, value).create_native_config() {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(rdkafka::types::RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            Err(Error::config(format!("there is no Kafka property `{key}`"))
                .at(place)
                .hint("the names are those of librdkafka's CONFIGURATION.md"))
        }
        Err(KafkaError::ClientConfig(_, reason, ..)) => {
            let what = if is_secret(key) {
                format!("the Kafka property `{key}` cannot have this value")
            } else {
                format!("the Kafka property `{key}` cannot be `{value}`")
            };
            let error = Error::config(what).at(place);
            Err(if is_secret(key) { error } else { error.hint(reason) })
        }
        Err(other) => Err(Error::config(format!("the Kafka property `{key}` is refused: {other}")).at(place)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(instance: &str, properties: &[(&str, &str)]) -> Result<KafkaSettings> {
        let properties = properties.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        KafkaSettings::new("127.0.0.1:9092", "app", instance, properties)
    }

    #[test]
    fn what_would_break_exactly_once_is_refused_with_its_reason() {
        for (key, reason) in refused_properties() {
            let error = settings("", &[(key, "true")]).expect_err(key);
            assert!(error.to_string().contains(key) && error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn every_refused_property_is_one_that_librdkafka_knows() {
        for (key, _) in refused_properties() {
            let made = ClientConfig::new().set(*key, "?").create_native_config().map(|_| ());
            let unknown = rdkafka::types::RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN;
            assert!(!matches!(made, Err(KafkaError::ClientConfig(code, ..)) if code == unknown), "{key}");
        }
    }

    #[test]
    fn an_unknown_property_is_named() {
        let error = settings("", &[("fetch.wait.max.msec", "5")]).unwrap_err();
        assert!(error.to_string().contains("no Kafka property `fetch.wait.max.msec`"), "{error}");
    }

    #[test]
    fn a_bad_value_is_quoted_unless_it_is_a_secret() {
        let error = settings("", &[("fetch.wait.max.ms", "soon")]).unwrap_err();
        assert!(error.to_string().contains("cannot be `soon`"), "{error}");
        let shown =
            format!("{:?}", settings("", &[("sasl.password", "hush"), ("client.rack", "a")]).unwrap());
        assert!(!shown.contains("hush") && shown.contains("\"client.rack\": \"a\""), "{shown}");
        for key in ["ssl.key.password", "ssl.key.pem", "sasl.oauthbearer.client.secret", "sasl.username"] {
            assert!(is_secret(key), "{key}");
        }
    }

    #[test]
    fn the_new_group_protocol_leaves_out_what_it_forbids() {
        let classic = settings("a", &[]).unwrap().consumer("sketch");
        assert_eq!(classic.get("partition.assignment.strategy"), Some("cooperative-sticky"));
        assert_eq!(classic.get("group.instance.id"), Some("a"));
        let new = settings("", &[("group.protocol", "consumer")]).unwrap();
        assert_eq!(new.consumer("sketch").get("partition.assignment.strategy"), None);
        assert_eq!(new.consumer("sketch").get("group.instance.id"), None);
        assert_eq!(new.reader().get("group.protocol"), None);
    }

    #[test]
    fn users_properties_win_over_defaults_and_names_are_made_of_the_application() {
        let settings = settings("one", &[("fetch.wait.max.ms", "7"), ("message.max.bytes", "2000")]).unwrap();
        assert_eq!(settings.consumer("sketch").get("fetch.wait.max.ms"), Some("7"));
        assert_eq!(settings.group("sketch"), "app-sketch");
        assert_eq!(settings.transactional_id("sketch"), "app-sketch-one");
        assert_eq!(settings.max_record_bytes(Some(5_000)), 2_000);
        assert_eq!(settings.producer("sketch", 2_000).get("batch.size"), Some("2000"));
    }

    #[test]
    fn an_instance_without_a_name_gets_a_random_one_that_stays() {
        let (one, other) = (settings("", &[]).unwrap(), settings("", &[]).unwrap());
        assert_ne!(one.instance(), other.instance());
        assert_eq!(one.transactional_id("sketch"), one.transactional_id("sketch"));
    }
}
