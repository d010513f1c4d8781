//! The parts of the running service, put together from a configuration.

use super::columns::ColumnArgs;
use super::profiles;
use crate::bus::{KafkaSettings, Registry};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::event::SchemaSource;
use crate::observe::{Clock, Health, Metrics, Stage};
use crate::service::{Encodings, RegistrySchemas, StageContext, Stop, run_evaluate, run_sketch};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// What all commands that talk to Kafka need.
pub(super) struct Connection {
    pub kafka: KafkaSettings,
    pub registry: Option<Arc<Registry>>,
    pub schemas: Arc<dyn SchemaSource>,
}

impl Connection {
    /// The brokers and the registry of `config`; nothing is asked of them yet.
    pub fn new(config: &Config) -> Result<Self> {
        let registry = config.registry()?;
        let schemas = Arc::new(RegistrySchemas::new(registry.clone(), Vec::new()));
        Ok(Connection { kafka: config.kafka_settings()?, registry, schemas })
    }

    /// How records are written: with a registry their schemas are registered, and asked again until
    /// it answers or `stop` is requested.
    pub fn encodings(&self, config: &Config, stop: &Stop) -> Result<Encodings> {
        let Some(registry) = &self.registry else { return Ok(Encodings::without_registry()) };
        let (topics, references) = (config.stage_topics(), &config.topics.references);
        loop {
            match Encodings::register(registry, &topics, references, config.writes_avro()) {
                Err(error) if error.is_retriable() && !stop.is_requested() => {
                    tracing::warn!(%error, "the schema registry does not answer; trying again");
                    std::thread::sleep(Duration::from_secs(1));
                }
                outcome => return outcome,
            }
        }
    }
}

/// The service of `config`, ready to start.
pub(super) struct Service {
    context: StageContext,
    config: Config,
}

impl Service {
    pub fn new(config: Config, is_embedded: bool, stop: Stop) -> Result<Self> {
        let connection = Connection::new(&config)?;
        let load = |path: &std::path::Path| profiles::load(path, None, &ColumnArgs::default(), None);
        let references = config.reference_settings(load)?;
        let encodings = connection.encodings(&config, &stop)?;
        let context = StageContext {
            kafka: connection.kafka,
            topics: config.stage_topics(),
            encodings,
            registry_url: config
                .schema_registry
                .as_ref()
                .map(|registry| registry.url.clone())
                .unwrap_or_default(),
            schemas: connection.schemas,
            references,
            commit_interval: Duration::from_millis(config.commit.interval_ms.unsigned_abs()),
            is_embedded,
            metrics: Metrics::new(env!("CARGO_PKG_VERSION")),
            health: Health::new(Clock::monotonic()),
            stop,
        };
        Ok(Service { context, config })
    }

    pub fn metrics(&self) -> &Metrics {
        &self.context.metrics
    }

    pub fn health(&self) -> &Health {
        &self.context.health
    }

    /// Starts `stages`, each on a thread of its own; one that fails asks the others to stop.
    pub fn start(&self, stages: &[Stage]) -> Result<Vec<JoinHandle<Result<()>>>> {
        let mut threads = Vec::new();
        for stage in stages {
            self.context.health.beat(*stage);
            let context = self.context.clone();
            let thread = std::thread::Builder::new().name(stage.to_string());
            let spawned = match stage {
                Stage::Sketch => {
                    let mut settings =
                        self.config.sketch_settings(self.config.decoder(Some(context.schemas.clone()))?);
                    // The embedded broker has no clock that an idle claim could lapse by.
                    settings.idle_timeout = settings.idle_timeout.filter(|_| !context.is_embedded);
                    thread.spawn(move || stopping_all(&context, || run_sketch(&context, settings)))
                }
                Stage::Evaluate => {
                    let settings = self.config.evaluate_settings();
                    thread.spawn(move || stopping_all(&context, || run_evaluate(&context, settings)))
                }
            };
            threads.push(spawned.map_err(|error| Error::file(format!("cannot start a thread: {error}")))?);
        }
        Ok(threads)
    }
}

/// Runs a stage; when it ends, for whatever reason, the others are asked to end too.
fn stopping_all(context: &StageContext, stage: impl FnOnce() -> Result<()>) -> Result<()> {
    let outcome = stage();
    context.stop.request();
    outcome
}

/// Waits for the stages to end; the first failure that is not the stop itself counts.
pub(super) fn join(threads: Vec<JoinHandle<Result<()>>>) -> Result<()> {
    let mut failures = Vec::new();
    for thread in threads {
        match thread.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => failures.push(error),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    let stopped = failures.iter().position(|error| !error.is_retriable());
    match failures.is_empty() {
        true => Ok(()),
        false => Err(failures.swap_remove(stopped.unwrap_or(0))),
    }
}
