//! The parts of the running service, put together from a configuration.

use super::columns::ColumnArgs;
use super::profiles;
use crate::bus::{KafkaSettings, Registry, Start};
use crate::config::{Config, HttpConfig};
use crate::error::{Error, Result};
use crate::event::SchemaSource;
use crate::observe::{Clock, Health, Metrics, Stage};
use crate::serve::{self, Identity, Pages, Server};
use crate::service::{
    CommandDesk, Encodings, Following, RegistrySchemas, StageContext, Stop, ViewFeed, find_topics,
    run_evaluate, run_sketch, run_view,
};
use crate::view::{Limits, SharedView, View};
use crate::wire::Record;
use axum::Router;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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
        let schemas = Arc::new(RegistrySchemas::new(registry.clone(), config.writer_schemas()?));
        Ok(Connection { kafka: config.kafka_settings()?, registry, schemas })
    }

    /// Follows a topic of our records from `start` on.
    pub fn follow<R: Record>(&self, topic: &str, start: Start) -> Result<Following<R>> {
        Following::open(&self.kafka, self.schemas.clone(), topic, start)
    }

    /// How records are written: with a registry their schemas are registered.
    pub fn encodings(&self, config: &Config) -> Result<Encodings> {
        let Some(registry) = &self.registry else { return Ok(Encodings::without_registry()) };
        let (topics, references) = (config.stage_topics(), &config.topics.references);
        Encodings::register(registry, &topics, references, config.writes_avro())
    }
}

/// What waits for a broker or a registry says so again after this time.
const SAY_AGAIN: Duration = Duration::from_secs(15);
/// Pause before another try.
const RETRY: Duration = Duration::from_millis(500);

/// The service of `config`, ready to start.
pub(super) struct Service {
    context: StageContext,
    view: SharedView,
    connection: Connection,
    config: Config,
}

impl Service {
    /// Asks nothing of brokers and registry yet, so that probes can be answered first.
    pub fn new(config: Config, is_embedded: bool, stop: Stop) -> Result<Self> {
        let connection = Connection::new(&config)?;
        let load = |path: &std::path::Path| profiles::load(path, None, &ColumnArgs::default(), None, None);
        let references = config.reference_settings(load)?;
        let context = StageContext {
            kafka: connection.kafka.clone(),
            worker: 0,
            topics: config.stage_topics(),
            encodings: Encodings::without_registry(),
            max_record_bytes: None,
            cluster_id: None,
            registry_url: config
                .schema_registry
                .as_ref()
                .map(|registry| registry.url.clone())
                .unwrap_or_default(),
            schemas: connection.schemas.clone(),
            references,
            commit_interval: Duration::from_millis(config.commit.interval_ms.unsigned_abs()),
            is_embedded,
            metrics: Metrics::new(env!("CARGO_PKG_VERSION")),
            health: Health::new(Clock::monotonic()),
            stop,
        };
        Ok(Service { context, view: SharedView::default(), connection, config })
    }

    pub fn metrics(&self) -> &Metrics {
        &self.context.metrics
    }

    pub fn health(&self) -> &Health {
        &self.context.health
    }

    /// The paths that take commands; `None` where commands are written as Avro, by ids that only the
    /// registry knows, which is not asked before the server answers.
    fn commands(&self) -> Option<Router> {
        if self.connection.registry.is_some() && self.config.writes_avro() {
            return None;
        }
        let (kafka, encodings) = (&self.context.kafka, Encodings::without_registry());
        let desk = CommandDesk::new(kafka, &self.context.topics, &encodings, self.context.schemas.clone());
        Some(serve::command_routes(Arc::new(desk)))
    }

    /// Serves page, API and probes where the configuration says, or at the first of `others` that is
    /// free.
    pub fn serve(&self, others: &[SocketAddr]) -> Result<Server> {
        let HttpConfig { listen, probe_listen, token, allow_anonymous } = &self.config.http;
        let mut settings = serve::Settings {
            listen: *listen,
            probe_listen: *probe_listen,
            token: token.as_ref().map(|token| token.reveal().into()),
            anyone_reads: *allow_anonymous,
        };
        let (mut others, commands) = (others.iter(), self.commands());
        loop {
            let identity = Identity {
                application_id: self.config.kafka.application_id.clone(),
                instance: self.config.kafka.instance.clone().unwrap_or_default(),
            };
            let pages = Pages { view: self.view.clone(), identity, commands: commands.clone() };
            match (serve::start(&settings, self.metrics(), self.health(), pages), others.next()) {
                (Err(_), Some(other)) => settings.listen = *other,
                (outcome, _) => return outcome,
            }
        }
    }

    /// Waits for broker and registry, then starts `stages`, each on threads of its own; one that
    /// fails asks the others to stop.
    ///
    /// # Errors
    /// Topics are missing or wrong, the registry refuses, or a stop was asked for first (retriable).
    pub fn start(&self, stages: &[Stage]) -> Result<Vec<JoinHandle<Result<()>>>> {
        let mut context = self.context.clone();
        if !context.is_embedded {
            (context.max_record_bytes, context.cluster_id) = self.topics(stages)?;
        }
        context.encodings = self.patiently(stages, || self.connection.encodings(&self.config))?;
        let mut threads = vec![self.view(&context)?];
        for stage in stages {
            let workers = if *stage == Stage::Sketch { self.config.input.workers } else { 1 };
            for number in 0..workers {
                threads.push(self.spawn(*stage, context.worker(number))?);
            }
        }
        Ok(threads)
    }

    fn spawn(&self, stage: Stage, context: StageContext) -> Result<JoinHandle<Result<()>>> {
        context.beat(stage);
        let thread = std::thread::Builder::new().name(stage.to_string());
        let spawned = match stage {
            Stage::Sketch => {
                let decoder = self.config.decoder(Some(context.schemas.clone()))?;
                let mut settings = self.config.sketch_settings(decoder);
                // The embedded broker has no clock that an idle claim could lapse by.
                settings.idle_timeout = settings.idle_timeout.filter(|_| !context.is_embedded);
                thread.spawn(move || stopping_all(&context, || run_sketch(&context, settings)))
            }
            Stage::Evaluate => {
                let settings = self.config.evaluate_settings();
                thread.spawn(move || stopping_all(&context, || run_evaluate(&context, settings)))
            }
        };
        spawned.map_err(|error| Error::file(format!("cannot start a thread: {error}")))
    }

    /// What is on the topics now, of the last `back`.
    pub fn gather(&self, back: Duration) -> Result<View> {
        let mut feed = ViewFeed::open(&self.context, back)?;
        while !feed.step(&self.view)? {}
        Ok(self.view.take())
    }

    /// The thread that gathers what all instances publish, as far back as the page shows it.
    fn view(&self, context: &StageContext) -> Result<JoinHandle<Result<()>>> {
        let slides = u32::try_from(Limits::default().windows).unwrap_or(u32::MAX);
        let slide = Duration::from_millis(self.config.window.grid.slide_ms().unsigned_abs());
        let back = slide.saturating_mul(slides);
        let (context, view) = (context.clone(), self.view.clone());
        let gather = move || {
            run_view(&context, back, &view);
            Ok(())
        };
        let thread = std::thread::Builder::new().name("view".into()).spawn(gather);
        thread.map_err(|error| Error::file(format!("cannot start a thread: {error}")))
    }

    /// The largest record that the topics take, and the cluster's id. Missing inputs are told and waited for by stage 1.
    fn topics(&self, stages: &[Stage]) -> Result<(Option<usize>, Option<String>)> {
        let StageContext { kafka, topics, references, .. } = &self.context;
        let inputs = &self.config.input.topics;
        let found = self.patiently(stages, || find_topics(kafka, topics, &references.topic, inputs))?;
        for topic in found.missing_inputs.iter().filter(|_| stages.contains(&Stage::Sketch)) {
            tracing::warn!(
                topic,
                "the input topic does not exist; it is read once it does: mend `input.topics` if the name is wrong"
            );
        }
        Ok((found.max_record_bytes, found.cluster_id))
    }

    /// Tries until it works or cannot work. Says why not, at first and now and then; the probes see
    /// that the process is alive.
    fn patiently<T>(&self, stages: &[Stage], attempt: impl Fn() -> Result<T>) -> Result<T> {
        let mut said: Option<Instant> = None;
        loop {
            stages.iter().for_each(|stage| self.context.beat(*stage));
            match attempt() {
                Err(error) if error.is_retriable() && !self.context.stop.is_requested() => {
                    if said.is_none_or(|at| at.elapsed() >= SAY_AGAIN) {
                        said = Some(Instant::now());
                        tracing::warn!("{error}; trying again");
                    }
                    std::thread::sleep(RETRY);
                }
                outcome => return outcome,
            }
        }
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
