//! The two stages on Kafka: each a thread that polls, feeds its state machine and commits.
//!
//! A stage owns its consumer and its transactional producer. Everything that it writes, and the
//! offsets of what it read, go into one transaction, which is open only while it is sent. What was
//! not committed is forgotten and read again: after a rebalance, an abort or a lost producer, state
//! goes back to the committed offsets. Decisions are the engine's; here is no statistic and no time
//! but that of commits, idleness and retries.

mod committer;
mod control;
mod dead_letters;
mod decided;
mod desk;
mod evaluate;
mod following;
mod outgoing;
mod references;
mod restore;
mod schemas;
mod sketch;
mod survey;
mod unsettled;
mod topics;
mod training_data;
mod viewing;

pub use desk::{CommandDesk, command_id};
pub use evaluate::{EvaluateSettings, run_evaluate};
pub use following::Following;
pub use references::{ReferenceFeed, ReferenceSettings};
pub use schemas::{Encodings, RegistrySchemas};
pub use sketch::{OnLostOffsets, SketchSettings, run_sketch};
pub use topics::{FoundTopics, find_topics};
pub use viewing::{ViewFeed, run_view};

use crate::bus::{KafkaSettings, TransactionalProducer};
use crate::error::{Error, Result};
use crate::event::SchemaSource;
use crate::observe::{Fact, Health, Metrics, ProducerLost, Stage};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Pause after trouble that may pass.
const AGAIN: Duration = Duration::from_millis(200);

/// Pause after a group has refused a member.
const REFUSED: Duration = Duration::from_secs(3);
/// How long a poll waits at most: the stages look at the clock and at the stop this often.
const POLL: Duration = Duration::from_millis(50);

/// The topics that the stages write, and how many partitions the deltas have.
#[derive(Debug, Clone)]
pub struct StageTopics {
    /// Contributions to panes.
    pub deltas: String,
    /// The changelog of stage 2.
    pub panes: String,
    /// Commands to stage 2, and what became of them.
    pub control: String,
    /// Partitions of these three.
    pub partitions: i32,
    /// Drift events.
    pub events: String,
    /// Retraining triggers.
    pub triggers: String,
    /// Window reports.
    pub reports: String,
    /// Input records that could not be read.
    pub dead_letters: String,
}

/// How long a stop waits for the last transaction.
const LAST_TRANSACTION: Duration = Duration::from_secs(20);

/// A request to stop, shared by all threads: when, and whether a user asked.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// The first request: when, and whether it is the user's.
    first: Arc<OnceLock<(Instant, bool)>>,
    user: Arc<OnceLock<()>>,
}

impl Stop {
    /// Asks everyone to stop.
    pub fn request(&self) {
        self.first.get_or_init(|| (Instant::now(), false));
    }

    /// Asks everyone to stop because the user wants it.
    pub fn request_by_user(&self) {
        self.first.get_or_init(|| (Instant::now(), true));
        self.user.get_or_init(|| ());
    }

    /// Whether the user has asked for it, be it after others.
    pub fn is_heard_from_user(&self) -> bool {
        self.user.get().is_some()
    }

    /// Whether the user wanted the stop, and no failure came first.
    pub fn is_asked_by_user(&self) -> bool {
        self.first.get().is_some_and(|(_, by_user)| *by_user)
    }

    /// Whether to stop.
    pub fn is_requested(&self) -> bool {
        self.first.get().is_some()
    }

    /// Whether the last transaction may still be waited for.
    fn may_finish(&self) -> bool {
        self.first.get().is_none_or(|(at, _)| at.elapsed() < LAST_TRANSACTION)
    }
}

/// What both stages need.
#[derive(Clone)]
pub struct StageContext {
    /// The brokers.
    pub kafka: KafkaSettings,
    /// Which of a stage's threads this is, from 0 on.
    pub worker: u32,
    /// The topics.
    pub topics: StageTopics,
    /// How records are written.
    pub encodings: Encodings,
    /// The largest record that all topics take, in bytes, where it is known.
    pub max_record_bytes: Option<usize>,
    /// The Kafka cluster, where its id is known.
    pub cluster_id: Option<String>,
    /// The schema registry's address; empty without one.
    pub registry_url: String,
    /// Where schemas that records name are found.
    pub schemas: Arc<dyn SchemaSource>,
    /// References.
    pub references: ReferenceSettings,
    /// Shortest time between two commits.
    pub commit_interval: Duration,
    /// Whether the broker is real: an embedded one keeps no offsets of transactions.
    pub is_embedded: bool,
    /// Counters and gauges.
    pub metrics: Metrics,
    /// What probes read.
    pub health: Health,
    /// When to stop.
    pub stop: Stop,
}

impl StageContext {
    /// The same for another of a stage's threads, which is a member of the group by its own name.
    pub fn worker(&self, number: u32) -> Self {
        StageContext { kafka: self.kafka.worker(number), worker: number, ..self.clone() }
    }

    /// The loop of this thread of `stage` turned. Call it also where the thread is started, so that a loop
    /// that never gets to its first turn is missed.
    pub fn beat(&self, stage: Stage) {
        self.health.beat(stage, self.worker);
    }

    /// Whether `stage`, which waits for something outside, is to go on; its loop counts as turning.
    fn goes_on(&self, stage: Stage) -> bool {
        self.beat(stage);
        !self.stop.is_requested()
    }

    /// The same for a transaction, which a stop leaves some time.
    fn goes_on_to_its_end(&self, stage: Stage) -> bool {
        self.beat(stage);
        self.stop.may_finish()
    }

    /// A producer for the transactions of `stage`, which goes by `name`. It ends what one before it left
    /// open, so that the committed offsets then tell.
    fn producer(&self, stage: Stage, name: &'static str) -> Result<TransactionalProducer> {
        let keep_going = || self.goes_on(stage);
        TransactionalProducer::connect(&self.kafka, name, self.max_record_bytes, &keep_going)
    }

    /// A producer in the place of one that was lost because of `error`. None where this instance is to end: it
    /// may have been lost to another process, which a new one would fence.
    fn producer_after(
        &self,
        error: Error,
        stage: Stage,
        name: &'static str,
    ) -> Result<TransactionalProducer> {
        if self.stop.is_requested() {
            return Err(error.retriable());
        }
        ProducerLost { stage, why: &error.to_string() }.emit(&self.metrics);
        self.producer(stage, name)
    }
}
