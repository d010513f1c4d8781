//! Stage 1 on Kafka: inference events to deltas, dead letters and offsets, in one transaction.

use super::committer::{Commit, Committer, Outcome};
use super::dead_letters::DeadLetters;
use super::references::ReferenceFeed;
use super::unsettled::Unsettled;
use super::{AGAIN, POLL, REFUSED, StageContext};
use crate::bus::CommittedOffset;
use crate::bus::StageConsumer;
use crate::bus::{Isolation, OffsetReader, Start};
use crate::bus::{LostOffsets, Polled};
use crate::bus::{Records, TopicPartition};
use crate::engine::{Position, Sketcher, SketcherSettings, SourceState, Taken};
use crate::error::{Error, Result};
use crate::event::{DecodeError, Reader};
use crate::observe::{
    BrokerTroubled, Fact, PartitionsAssigned, PartitionsRevoked, RegistryUnavailable, Stage, UnknownModel,
};
use crate::words::{Name, Time};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Name of the stage in groups and transactional ids.
const STAGE: &str = "sketch";
/// Accumulators after which a commit does not wait for its time.
const BUFFERED_FEATURES: usize = 20_000;
/// Bytes of dead letters after which a commit does not wait for its time.
const DEAD_LETTER_BYTES: usize = 16 << 20;
/// Pause after a schema could not be fetched.
const RETRY: Duration = Duration::from_secs(1);

/// What happens when the log no longer has what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLostOffsets {
    /// The instance stops and says which range is gone.
    Stop,
    /// It goes on at the first offset that is left.
    Continue,
}

/// What stage 1 needs beside [`StageContext`].
pub struct SketchSettings {
    /// The input topics.
    pub inputs: Vec<String>,
    /// Where to start where nothing is committed.
    pub start: Start,
    /// What happens when offsets are lost.
    pub on_lost_offsets: OnLostOffsets,
    /// How events are read.
    pub reader: Reader,
    /// How they are counted.
    pub sketcher: SketcherSettings,
    /// Quiet time after which a partition that is read to its end is idle; `None`: never.
    pub idle_timeout: Option<Duration>,
    /// How far a partition may run ahead of the slowest, in milliseconds of event time.
    pub max_ahead_ms: i64,
    /// Bytes of deltas a second, above which commits wait.
    pub max_delta_rate: u64,
}

/// Runs stage 1 until it is asked to stop; what is gathered then is committed first.
pub fn run_sketch(context: &StageContext, settings: SketchSettings) -> Result<()> {
    SketchStage::open(context, settings)?.run()
}

/// What a partition was last seen to do, by the wall clock.
pub(super) struct Quiet {
    pub since: Instant,
    pub claimed: Option<Instant>,
}

pub(super) struct SketchStage<'c> {
    pub context: &'c StageContext,
    pub settings: SketchSettings,
    pub consumer: StageConsumer,
    pub committer: Committer,
    pub offsets: OffsetReader,
    pub work: Work,
    pub next_commit: Instant,
    pub next_survey: Instant,
    pub quiet: BTreeMap<TopicPartition, Quiet>,
    pub ahead: Vec<TopicPartition>,
    /// Partitions that wait for the registry, and when each is tried again.
    pub waiting: BTreeMap<TopicPartition, Instant>,
    pub unsettled: Unsettled,
}

/// What was made of records since the last commit.
pub(super) struct Work {
    pub sketcher: Sketcher,
    pub references: ReferenceFeed,
    pub dead_letters: DeadLetters,
    pub consumed: BTreeMap<TopicPartition, u64>,
    pub late: BTreeMap<Name, u64>,
}

impl<'c> SketchStage<'c> {
    fn open(context: &'c StageContext, settings: SketchSettings) -> Result<Self> {
        context.beat(Stage::Sketch);
        let keep_going = || context.goes_on(Stage::Sketch);
        let references = ReferenceFeed::open(
            &context.kafka,
            &context.references,
            context.schemas.clone(),
            Some(context.metrics.clone()),
            &keep_going,
        )?;
        let producer = context.producer(Stage::Sketch, STAGE)?;
        let topics: Vec<&str> = settings.inputs.iter().map(String::as_str).collect();
        let consumer = StageConsumer::subscribe(&context.kafka, STAGE, &topics)?;
        let work = Work {
            sketcher: Sketcher::new(settings.sketcher.clone()),
            references,
            dead_letters: DeadLetters::default(),
            consumed: BTreeMap::new(),
            late: BTreeMap::new(),
        };
        let offsets = OffsetReader::new(&context.kafka, Isolation::Committed)?;
        let grid = settings.sketcher.grid;
        let now = Instant::now();
        Ok(SketchStage {
            context,
            settings,
            consumer,
            committer: Committer::new(context, STAGE, producer, grid),
            offsets,
            work,
            next_commit: now,
            next_survey: now,
            quiet: BTreeMap::new(),
            ahead: Vec::new(),
            waiting: BTreeMap::new(),
            unsettled: Unsettled::default(),
        })
    }

    fn run(mut self) -> Result<()> {
        while !self.context.stop.is_requested() {
            match self.turn() {
                Err(error) if error.is_retriable() => self.recover(&error)?,
                outcome => outcome?,
            }
        }
        self.end_commit()?;
        self.commit()?;
        self.end_commit()?;
        self.context.health.ended(Stage::Sketch, self.context.worker);
        Ok(())
    }

    /// After trouble that may pass: back to the last commit, in a while.
    fn recover(&mut self, error: &Error) -> Result<()> {
        BrokerTroubled { stage: Stage::Sketch, why: &error.to_string() }.emit(&self.context.metrics);
        self.go_back();
        std::thread::sleep(AGAIN);
        match self.consumer.tend() {
            Err(error) if !error.is_retriable() => return Err(error),
            _ => {}
        }
        if self.consumer.is_dead() {
            std::thread::sleep(REFUSED);
            let fresh = std::mem::take(&mut self.unsettled.fresh);
            self.let_go(&[self.consumer.partitions(), fresh].concat());
            let topics: Vec<&str> = self.settings.inputs.iter().map(String::as_str).collect();
            self.consumer = StageConsumer::subscribe(&self.context.kafka, STAGE, &topics)?;
        }
        Ok(())
    }

    /// One poll, and what is due after it.
    fn turn(&mut self) -> Result<()> {
        self.context.beat(Stage::Sketch);
        // What the group has to say comes first: it may take away what would be settled.
        if !self.unsettled.is_empty() && !self.consumer.has_changes() {
            self.settle()?;
        }
        let wait = match self.committer.is_busy() {
            true => POLL / 10,
            false => POLL.min(self.next_commit.saturating_duration_since(Instant::now())),
        };
        match self.consumer.poll(wait)? {
            Polled::Records(records) => {
                let partition = records.source().clone();
                if let Err((offset, why)) = self.work.take(records, &mut self.settings.reader, self.context) {
                    self.wait_for_schema(partition, offset, &why)?;
                }
            }
            Polled::Assigned(partitions) => self.assigned(partitions),
            Polled::Revoked(partitions) => self.revoked(&partitions),
            Polled::Eof(_) => self.context.health.broker_seen(),
            Polled::Lost(lost) => self.lost(&lost)?,
            Polled::Trouble(error) => {
                BrokerTroubled { stage: Stage::Sketch, why: &error.to_string() }.emit(&self.context.metrics);
            }
            Polled::Nothing => {}
        }
        let outcome = self.committer.ended()?;
        self.committed(outcome);
        let is_full = self.work.sketcher.buffered_features() > BUFFERED_FEATURES
            || self.work.dead_letters.bytes() > DEAD_LETTER_BYTES;
        if is_full {
            self.end_commit()?;
        }
        let is_due = is_full || Instant::now() >= self.next_commit;
        if is_due && self.unsettled.is_empty() && !self.committer.is_busy() {
            self.survey()?;
            self.commit()?;
        }
        Ok(())
    }

    /// Stops reading a partition until the registry answers; the record is read again then.
    fn wait_for_schema(&mut self, partition: TopicPartition, offset: i64, why: &str) -> Result<()> {
        RegistryUnavailable { why }.emit(&self.context.metrics);
        self.consumer.rewind(&[(partition.clone(), offset)])?;
        self.consumer.pause(std::slice::from_ref(&partition))?;
        self.waiting.insert(partition, Instant::now() + RETRY);
        Ok(())
    }

    fn assigned(&mut self, partitions: Vec<TopicPartition>) {
        let named: Vec<(&str, i32)> = partitions.iter().map(|p| (&*p.topic, p.partition)).collect();
        PartitionsAssigned { stage: Stage::Sketch, partitions: &named }.emit(&self.context.metrics);
        for partition in &partitions {
            self.quiet.insert(partition.clone(), Quiet { since: Instant::now(), claimed: None });
            self.context.health.assigned(Stage::Sketch, &partition.topic, partition.partition);
        }
        self.unsettled.fresh.extend(partitions);
    }

    /// Starts the partitions that came, and goes back with the others if work was given up.
    fn settle(&mut self) -> Result<()> {
        // The commit under way moves what is committed.
        self.end_commit()?;
        if self.unsettled.is_stale {
            let kept = self.consumer.partitions();
            let positions = self.positions(&kept)?;
            self.consumer.rewind(&starts(&positions))?;
            positions.into_iter().for_each(|position| self.work.sketcher.assign(position));
            self.unsettled.is_stale = false;
        }
        if !self.unsettled.fresh.is_empty() {
            let positions = self.positions(&self.unsettled.fresh)?;
            self.consumer.start(&starts(&positions), false)?;
            positions.into_iter().for_each(|position| self.work.sketcher.assign(position));
            for TopicPartition { topic, partition } in std::mem::take(&mut self.unsettled.fresh) {
                self.context.health.restored(Stage::Sketch, &topic, partition);
            }
            self.next_survey = Instant::now();
        }
        Ok(())
    }

    /// Where partitions stand: as committed, or where the configuration says to start. A partition
    /// that appeared later starts at its beginning.
    fn positions(&self, partitions: &[TopicPartition]) -> Result<Vec<Position>> {
        let committed = self.consumer.committed(partitions)?;
        let fresh: Vec<TopicPartition> = partitions
            .iter()
            .zip(&committed)
            .filter(|(_, c)| c.offset.is_none())
            .map(|(p, _)| p.clone())
            .collect();
        let mut starts = BTreeMap::new();
        for topic in &self.settings.inputs {
            let of_topic: Vec<TopicPartition> =
                fresh.iter().filter(|p| *p.topic == **topic).cloned().collect();
            if of_topic.is_empty() {
                continue;
            }
            let start = if self.is_known(topic)? { Start::Earliest } else { self.settings.start };
            let offsets = self.offsets.starts(&of_topic, start)?;
            starts.extend(of_topic.into_iter().zip(offsets));
        }
        let position = |(partition, committed): (&TopicPartition, crate::bus::Committed)| Position {
            source: (partition.topic.clone(), partition.partition),
            next_offset: committed.offset.or_else(|| starts.get(partition).copied()).unwrap_or(0),
            state: SourceState::from_metadata(&committed.metadata),
        };
        Ok(partitions.iter().zip(committed).map(position).collect())
    }

    /// Whether the group has committed an offset of this topic before.
    fn is_known(&self, topic: &str) -> Result<bool> {
        let count = self.offsets.partition_count(topic)?.unwrap_or(0);
        let all: Vec<TopicPartition> = (0..count).map(|number| TopicPartition::new(topic, number)).collect();
        Ok(self.consumer.committed(&all)?.iter().any(|committed| committed.offset.is_some()))
    }

    /// Rows of the partitions that stay are mixed with those that go: all of it is read again.
    fn revoked(&mut self, partitions: &[TopicPartition]) {
        self.let_go(partitions);
        self.go_back();
    }

    fn let_go(&mut self, partitions: &[TopicPartition]) {
        let named: Vec<(&str, i32)> = partitions.iter().map(|p| (&*p.topic, p.partition)).collect();
        PartitionsRevoked { stage: Stage::Sketch, partitions: &named, lost: false }
            .emit(&self.context.metrics);
        for partition in partitions {
            self.quiet.remove(partition);
            self.context.health.revoked(Stage::Sketch, &partition.topic, partition.partition);
        }
        self.unsettled.revoked(partitions);
        self.ahead.retain(|partition| !partitions.contains(partition));
        self.waiting.retain(|partition, _| !partitions.contains(partition));
    }

    /// Forgets what was not committed; it is read again from the committed offsets.
    fn go_back(&mut self) {
        self.work.clear();
        self.unsettled.is_stale = true;
    }

    fn lost(&mut self, lost: &[LostOffsets]) -> Result<()> {
        for LostOffsets { partition, wanted, first, end } in lost {
            let what = format!(
                "the input no longer has offsets {wanted} to {first} of {partition} (it ends at {end})"
            );
            if self.settings.on_lost_offsets == OnLostOffsets::Stop {
                return Err(Error::bus(what).hint(
                    "set input.on_lost_offsets = \"continue\" to go on without them, or restore the topic",
                ));
            }
            tracing::error!("{what}; going on at {first}");
            self.work.sketcher.lose(&(partition.topic.clone(), partition.partition), *wanted, *first);
        }
        // What was gathered stays: the next record is simply another one.
        let on: Vec<(TopicPartition, i64)> = lost.iter().map(|l| (l.partition.clone(), l.first)).collect();
        self.consumer.rewind(&on)
    }

    /// Begins to commit everything since the last commit.
    fn commit(&mut self) -> Result<()> {
        let started = Instant::now();
        self.next_commit = started + self.context.commit_interval;
        let group = self.consumer.group_metadata().filter(|_| self.unsettled.is_empty());
        let Some(group) = group else { return Ok(()) };
        if !self.work.references.catch_up(Duration::from_millis(500))? && self.work.references.is_stale() {
            tracing::warn!(
                "the references topic could not be read to its end for half of the lead; not committing"
            );
            return Ok(());
        }
        let drained = self.work.sketcher.drain();
        if drained.is_empty() && self.work.dead_letters.is_empty() {
            return Ok(());
        }
        self.committer.begin(Commit {
            started,
            drained,
            dead_letters: std::mem::take(&mut self.work.dead_letters),
            offsets: self.work.sketcher.positions().into_iter().map(committed_offset).collect(),
            group,
            consumed: std::mem::take(&mut self.work.consumed),
            late: std::mem::take(&mut self.work.late),
        })
    }

    /// Waits for the commit under way, if there is one.
    fn end_commit(&mut self) -> Result<()> {
        let context = self.context;
        let outcome = self.committer.end(|| context.beat(Stage::Sketch))?;
        self.committed(outcome);
        Ok(())
    }

    fn committed(&mut self, outcome: Option<Outcome>) {
        match outcome {
            Some(Outcome::Committed(bytes)) => self.wait_for_rate(bytes),
            Some(Outcome::GoBack) => self.go_back(),
            None => {}
        }
    }

    /// Puts the next commit off while deltas pass the rate, but at most by a look.
    fn wait_for_rate(&mut self, bytes: usize) {
        let wait = Duration::from_secs_f64(bytes as f64 / self.settings.max_delta_rate.max(1) as f64);
        let look = Duration::from_millis(self.settings.sketcher.grid.look_ms().unsigned_abs());
        self.next_commit += wait.min(look).saturating_sub(self.context.commit_interval);
    }
}

/// Where partitions go on.
fn starts(positions: &[Position]) -> Vec<(TopicPartition, i64)> {
    let start = |Position { source: (topic, partition), next_offset, .. }: &Position| {
        (TopicPartition::new(topic.clone(), *partition), *next_offset)
    };
    positions.iter().map(start).collect()
}

fn committed_offset(position: Position) -> CommittedOffset {
    CommittedOffset {
        partition: TopicPartition::new(position.source.0, position.source.1),
        next_offset: position.next_offset,
        metadata: position.state.to_metadata(),
    }
}

impl Work {
    /// Reads records and counts them. Stops at one whose schema cannot be had now, and says why.
    fn take(
        &mut self,
        records: Records<'_>,
        reader: &mut Reader,
        context: &StageContext,
    ) -> Result<(), (i64, String)> {
        let partition = records.source().clone();
        let source = self.sketcher.source(&partition.topic, partition.partition);
        let mut taken = 0;
        let mut outcome = Ok(());
        for record in records {
            let record_time = record.timestamp_ms().map(Time::from_ms);
            let schema_id = if reader.reads_schema_ids() { record.header("__value_schema_id") } else { None };
            let row = match reader.read(record.payload(), schema_id, record_time) {
                Ok(row) => Ok(row),
                Err(DecodeError::Bad(bad)) => Err(bad),
                Err(DecodeError::Unavailable(why)) => {
                    outcome = Err((record.offset(), why));
                    break;
                }
            };
            match self.sketcher.take(source, record.offset(), record_time, row, self.references.table()) {
                Taken::Counted => {}
                Taken::Late { model } => *self.late.entry(model).or_default() += 1,
                Taken::Unrouted { model } => UnknownModel { model: &model }.emit(&context.metrics),
                Taken::Bad(bad) => self.dead_letters.push(&record, bad),
            }
            taken += 1;
        }
        if taken > 0 {
            *self.consumed.entry(partition).or_default() += taken;
        }
        outcome
    }

    fn clear(&mut self) {
        self.sketcher.clear();
        self.dead_letters.clear();
        self.consumed.clear();
        self.late.clear();
    }
}
