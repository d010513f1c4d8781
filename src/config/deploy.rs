//! From a configuration to the service: brokers, topics, stages.

use super::{Config, Format, OnLostOffsets, Start};
use crate::bus::{self, KafkaSettings, Registry, RegistrySettings, TopicSpec};
use crate::error::{Error, Result};
use crate::event::{Decoder, Reader};
use crate::policy::ReferenceSource;
use crate::reference::Profile;
use crate::service::{self, EvaluateSettings, ReferenceSettings, SketchSettings, StageTopics};
use crate::words::Name;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;

fn duration(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}

impl Config {
    /// The brokers and how to talk to them.
    ///
    /// # Errors
    /// `Config`: a librdkafka property is unknown or wrong.
    pub fn kafka_settings(&self) -> Result<KafkaSettings> {
        let properties: BTreeMap<String, String> =
            self.kafka.properties.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let instance = self.kafka.instance.as_deref().unwrap_or_default();
        KafkaSettings::new(&self.kafka.brokers, &self.kafka.application_id, instance, properties)
    }

    /// The schema registry, where one is configured.
    ///
    /// # Errors
    /// `Config`: its address or credentials are wrong.
    pub fn registry(&self) -> Result<Option<Arc<Registry>>> {
        let Some(configured) = &self.schema_registry else { return Ok(None) };
        let mut settings = RegistrySettings::new(configured.url.as_str());
        if let Some(secret) = &configured.basic_auth {
            let (user, password) = secret.reveal().split_once(':').ok_or_else(|| {
                Error::config("`schema_registry.basic_auth` has no colon").hint("write \"user:password\"")
            })?;
            settings.user = Some((user.to_owned(), password.to_owned()));
        }
        Ok(Some(Arc::new(Registry::new(&settings)?)))
    }

    /// The topics that the stages write.
    pub fn stage_topics(&self) -> StageTopics {
        StageTopics {
            deltas: self.topics.deltas.clone(),
            panes: self.topics.panes.clone(),
            control: self.topics.control.clone(),
            partitions: self.topics.partitions.cast_signed(),
            events: self.output.events.clone(),
            triggers: self.output.triggers.clone(),
            reports: self.output.reports.clone(),
            dead_letters: self.output.dead_letters.clone(),
        }
    }

    /// Where references come from; `load` reads a profile or a table that is named as a file.
    ///
    /// # Errors
    /// Those of `load`.
    pub fn reference_settings(
        &self,
        load: impl Fn(&std::path::Path) -> Result<Profile>,
    ) -> Result<ReferenceSettings> {
        let mut files: Vec<(Name, Arc<Profile>)> = Vec::new();
        for model in &self.models {
            if let ReferenceSource::File { path, .. } = &model.reference {
                files.push((model.name.clone(), Arc::new(load(path)?)));
            }
        }
        let lead = duration(self.references.lead_ms);
        let (topic, max_features) = (self.topics.references.clone(), self.limits.features);
        Ok(ReferenceSettings { topic, lead, files, max_features })
    }

    /// Whether events and triggers are written as Avro.
    pub fn writes_avro(&self) -> bool {
        self.output.format == Format::Avro
    }

    /// The settings of stage 1 on Kafka.
    pub fn sketch_settings(&self, decoder: Decoder) -> SketchSettings {
        SketchSettings {
            inputs: self.input.topics.clone(),
            start: match self.input.start {
                Start::Earliest => bus::Start::Earliest,
                Start::Latest => bus::Start::Latest,
                Start::At(time) => bus::Start::Time(time.ms()),
            },
            on_lost_offsets: match self.input.on_lost_offsets {
                OnLostOffsets::Stop => service::OnLostOffsets::Stop,
                OnLostOffsets::Continue => service::OnLostOffsets::Continue,
            },
            reader: Reader::new(decoder),
            sketcher: self.sketcher(),
            idle_timeout: Some(duration(self.window.idle_timeout_ms)),
            max_ahead_ms: self.input.max_ahead_ms,
            max_delta_rate: self.commit.max_delta_rate_bytes / u64::from(self.input.workers),
        }
    }

    /// The settings of stage 2 on Kafka.
    pub fn evaluate_settings(&self) -> EvaluateSettings {
        EvaluateSettings {
            evaluator: Arc::new(self.evaluator(self.topics.partitions.cast_signed())),
            snapshot_interval: duration(self.commit.snapshot_interval_ms),
        }
    }

    /// The topics as they should be: three replicas of which two must have a record, or one and one
    /// for development. Inputs are the user's and not among them.
    pub fn topic_specs(&self, is_development: bool) -> Vec<TopicSpec> {
        let (replication, in_sync) = if is_development { (1, "1") } else { (3, "2") };
        let spec = |name: &str, partitions: u32, config: &[(&str, &str)]| TopicSpec {
            name: name.to_owned(),
            partitions: Some(partitions.cast_signed()),
            replication: Some(replication),
            config: config
                .iter()
                .copied()
                .chain([("min.insync.replicas", in_sync)])
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        };
        let days = |days: i64| (days * DAY_MS).to_string();
        let kept = |name: &str, retention: &str| {
            spec(name, self.topics.partitions, &[("cleanup.policy", "delete"), ("retention.ms", retention)])
        };
        let by_broker = ("message.timestamp.type", "LogAppendTime");
        let compacted = ("cleanup.policy", "compact");
        let forever =
            [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1"), by_broker];
        // Small segments, so that compaction and trimming bite.
        let often = ("segment.ms", "3600000");
        vec![
            spec(&self.topics.references, 1, &[compacted]),
            spec(&self.topics.deltas, self.topics.partitions, &forever),
            spec(&self.topics.panes, self.topics.partitions, &[compacted, by_broker, often]),
            spec(
                &self.topics.control,
                self.topics.partitions,
                &[("cleanup.policy", "delete"), ("retention.ms", &days(7)), by_broker],
            ),
            kept(&self.output.reports, &days(30)),
            kept(&self.output.events, &days(90)),
            kept(&self.output.triggers, &days(90)),
            kept(&self.output.dead_letters, &days(14)),
        ]
    }
}
