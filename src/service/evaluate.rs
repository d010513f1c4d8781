//! Stage 2 on Kafka: deltas to reports, drift events, triggers and state, in one transaction.

use super::control::Control;
use super::decided::{publish, tell};
use super::outgoing::Outbox;
use super::references::ReferenceFeed;
use super::restore::{Restored, restore};
use super::training_data::locate;
use super::unsettled::Unsettled;
use super::{AGAIN, POLL, REFUSED, StageContext};
use crate::bus::StageConsumer;
use crate::bus::TopicAdmin;
use crate::bus::TransactionalProducer;
use crate::bus::{CommitFailure, CommittedOffset, ConsumerGroupMetadata};
use crate::bus::{LostOffsets, Polled};
use crate::bus::{Record, TopicPartition};
use crate::engine::{Delta, Evaluator, EvaluatorSettings, Output, Progress, StateKey, StateValue};
use crate::error::{Error, Result};
use crate::observe::{
    BrokerTroubled, Fact, IncidentsCounted, InstanceFenced, ModelReleased, PanesCounted, PartitionsAssigned,
    PartitionsRevoked, Stage, TransactionAborted, TransactionCommitted, TriggersCounted,
};
use crate::wire::{DeltaMessage, decode, state_records};
use crate::words::{ModelKey, Name, Pane, Severity, Time};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Name of the stage in groups and transactional ids.
const STAGE: &str = "evaluate";
/// How often deltas that no restore needs are deleted.
const TRIM: Duration = Duration::from_secs(60);

/// What stage 2 needs beside [`StageContext`].
#[derive(Debug, Clone)]
pub struct EvaluateSettings {
    /// How it decides.
    pub evaluator: Arc<EvaluatorSettings>,
    /// How often open panes are written whole.
    pub snapshot_interval: Duration,
}

/// Runs stage 2 until it is asked to stop; what is decided then is committed first.
pub fn run_evaluate(context: &StageContext, settings: EvaluateSettings) -> Result<()> {
    EvaluateStage::open(context, settings)?.run()
}

/// A deltas partition that this instance owns.
struct Owned {
    evaluator: Evaluator,
    /// The offset of the last commit.
    committed: i64,
    /// In how many chunks panes stand in the changelog.
    chunks: BTreeMap<(ModelKey, Pane), u32>,
    /// What the last commit said that a restore needs.
    restore_from: i64,
    trimmed: i64,
}

struct EvaluateStage<'c> {
    context: &'c StageContext,
    settings: EvaluateSettings,
    consumer: StageConsumer,
    producer: TransactionalProducer,
    references: ReferenceFeed,
    admin: TopicAdmin,
    control: Control<'c>,
    owned: BTreeMap<i32, Owned>,
    next_commit: Instant,
    next_snapshot: Instant,
    next_trim: Instant,
    unsettled: Unsettled,
}

/// Open incidents by severity and category.
type Counts = BTreeMap<(Severity, &'static str), usize>;

/// What a commit writes, with what it makes true.
#[derive(Default)]
struct Prepared {
    outbox: Outbox,
    offsets: Vec<CommittedOffset>,
    outputs: Vec<Output>,
    restore_from: BTreeMap<i32, i64>,
    chunks: Vec<(i32, (ModelKey, Pane), u32)>,
}

impl<'c> EvaluateStage<'c> {
    fn open(context: &'c StageContext, settings: EvaluateSettings) -> Result<Self> {
        context.beat(Stage::Evaluate);
        let keep_going = || context.goes_on(Stage::Evaluate);
        let references = ReferenceFeed::open(
            &context.kafka,
            &context.references,
            context.schemas.clone(),
            None,
            &keep_going,
        )?;
        let producer = context.producer(Stage::Evaluate, STAGE)?;
        let consumer = StageConsumer::subscribe(&context.kafka, STAGE, &[&context.topics.deltas])?;
        let admin = TopicAdmin::new(&context.kafka)?;
        let now = Instant::now();
        let next_snapshot = now + settings.snapshot_interval;
        let owned = BTreeMap::new();
        Ok(EvaluateStage {
            context,
            settings,
            consumer,
            producer,
            references,
            admin,
            control: Control::open(context)?,
            owned,
            next_commit: now,
            next_snapshot,
            next_trim: now + TRIM,
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
        self.commit()?;
        self.context.health.ended(Stage::Evaluate, self.context.worker);
        Ok(())
    }

    /// After trouble that may pass: back to the last commit, in a while.
    fn recover(&mut self, error: &Error) -> Result<()> {
        BrokerTroubled { stage: Stage::Evaluate, why: &error.to_string() }.emit(&self.context.metrics);
        self.unsettled.is_stale = true;
        std::thread::sleep(AGAIN);
        match self.consumer.tend() {
            Err(error) if !error.is_retriable() => return Err(error),
            _ => {}
        }
        if self.consumer.is_dead() {
            std::thread::sleep(REFUSED);
            let fresh = std::mem::take(&mut self.unsettled.fresh);
            self.revoked(&[self.consumer.partitions(), fresh].concat());
            let topics = [self.context.topics.deltas.as_str()];
            self.consumer = StageConsumer::subscribe(&self.context.kafka, STAGE, &topics)?;
        }
        Ok(())
    }

    /// One poll, and what is due after it.
    fn turn(&mut self) -> Result<()> {
        self.context.beat(Stage::Evaluate);
        // What the group has to say comes first: it may take away what would be settled.
        if !self.unsettled.is_empty() && !self.consumer.has_changes() {
            self.settle()?;
        }
        let wait = POLL.min(self.next_commit.saturating_duration_since(Instant::now()));
        match self.consumer.poll(wait)? {
            // A merge takes its time, and commits are due in between.
            Polled::Records(records) => records.take(100).try_for_each(|record| {
                take(&record, &mut self.owned, &mut self.references, self.context, &self.settings)
            })?,
            Polled::Assigned(partitions) => self.assigned(partitions),
            Polled::Revoked(partitions) => self.revoked(&partitions),
            Polled::Eof(_) => self.context.health.broker_seen(),
            Polled::Lost(lost) => return Err(self.lost(&lost)),
            Polled::Trouble(error) => {
                BrokerTroubled { stage: Stage::Evaluate, why: &error.to_string() }
                    .emit(&self.context.metrics);
            }
            Polled::Nothing => {}
        }
        if self.unsettled.is_empty() && Instant::now() >= self.next_commit {
            self.commit()?;
            self.trim();
        }
        Ok(())
    }

    fn assigned(&mut self, partitions: Vec<TopicPartition>) {
        let named: Vec<(&str, i32)> = partitions.iter().map(|p| (&*p.topic, p.partition)).collect();
        PartitionsAssigned { stage: Stage::Evaluate, partitions: &named }.emit(&self.context.metrics);
        for partition in &partitions {
            self.context.health.assigned(Stage::Evaluate, &partition.topic, partition.partition);
        }
        self.unsettled.fresh.extend(partitions);
    }

    /// Restores and starts the partitions that came, and the others too if work was given up.
    fn settle(&mut self) -> Result<()> {
        // The others wait: nothing is polled while partitions are restored.
        let kept = self.consumer.partitions();
        self.consumer.pause(&kept)?;
        if self.unsettled.is_stale {
            // What was decided and not committed is in no topic: state goes back to the last commit.
            self.owned.clear();
            self.control.discard();
            let starts = self.restore(&kept)?;
            self.consumer.rewind(&starts)?;
            self.unsettled.is_stale = false;
        }
        if !self.unsettled.fresh.is_empty() {
            let starts = self.restore(&self.unsettled.fresh.clone())?;
            self.consumer.start(&starts, false)?;
            self.unsettled.fresh.clear();
        }
        self.consumer.resume(&kept)
    }

    /// Restores partitions from the changelog; where each goes on.
    fn restore(&mut self, partitions: &[TopicPartition]) -> Result<Vec<(TopicPartition, i64)>> {
        // The committed offsets first: they wait for transactions that are still open.
        let committed = self.consumer.committed(partitions)?;
        while !self.references.catch_up(Duration::from_secs(1))? {
            if self.context.stop.is_requested() {
                return Err(Error::bus("stopped before the references were read").retriable());
            }
        }
        let mut starts = Vec::new();
        for (partition, committed) in partitions.iter().zip(committed) {
            let at = committed.offset.unwrap_or(0);
            let number = partition.partition;
            let Restored { evaluator, restore_from, chunks } = restore(
                self.context,
                &self.settings.evaluator,
                number,
                at,
                self.references.table(),
                &self.consumer,
            )?;
            let owned = Owned { evaluator, committed: at, chunks, restore_from, trimmed: 0 };
            self.owned.insert(number, owned);
            self.context.health.restored(Stage::Evaluate, &partition.topic, number);
            starts.push((partition.clone(), at));
        }
        let numbers: Vec<i32> = partitions.iter().map(|partition| partition.partition).collect();
        self.control.restore(&self.consumer, &numbers)?;
        Ok(starts)
    }

    /// What was decided of partitions that go, and not committed, is decided again by their new owner.
    fn revoked(&mut self, partitions: &[TopicPartition]) {
        let named: Vec<(&str, i32)> = partitions.iter().map(|p| (&*p.topic, p.partition)).collect();
        PartitionsRevoked { stage: Stage::Evaluate, partitions: &named, lost: false }
            .emit(&self.context.metrics);
        self.unsettled.revoked(partitions);
        self.control.revoked(partitions.iter().map(|partition| partition.partition));
        for partition in partitions {
            self.context.health.revoked(Stage::Evaluate, &partition.topic, partition.partition);
            if let Some(owned) = self.owned.remove(&partition.partition) {
                for (model, ..) in owned.evaluator.triggers() {
                    ModelReleased { model }.emit(&self.context.metrics);
                }
            }
        }
    }

    fn lost(&self, lost: &[LostOffsets]) -> Error {
        let gone = lost.first();
        let place = gone.map_or_else(String::new, |lost| lost.partition.to_string());
        let range = gone.map_or_else(String::new, |lost| format!(" {} to {}", lost.wanted, lost.first));
        Error::state(format!("deltas{range} were deleted before they were read"))
            .at(place)
            .hint("the deltas topic must have no retention by time or size: see `driftline validate`")
    }

    /// One transaction with everything since the last one.
    fn commit(&mut self) -> Result<()> {
        let started = Instant::now();
        self.next_commit = started + self.context.commit_interval;
        let group = self.consumer.group_metadata().filter(|_| self.unsettled.is_empty());
        let Some(group) = group else { return Ok(()) };
        self.references.catch_up(Duration::from_millis(200))?;
        self.control.take(|number, command, sent_at| {
            if let Some(owned) = self.owned.get_mut(&number) {
                owned.evaluator.command(command, sent_at);
            }
        })?;
        let is_moved = |owned: &Owned| owned.evaluator.next_offset() != owned.committed;
        if !self.owned.values().any(is_moved) && !self.control.is_moved() {
            return Ok(());
        }
        let snapshot = started >= self.next_snapshot;
        if snapshot {
            self.next_snapshot = started + self.settings.snapshot_interval;
        }
        let prepared = self.prepare(snapshot)?;
        match self.transact(&prepared, &group) {
            Ok(()) => {
                self.committed(started, prepared);
                Ok(())
            }
            Err(failure) => self.failed(failure),
        }
    }

    fn prepare(&mut self, snapshot: bool) -> Result<Prepared> {
        let mut prepared = Prepared::default();
        let (topics, encodings) = (&self.context.topics, &self.context.encodings);
        let limit = self.producer.max_record_bytes() - 1024;
        let grid = self.settings.evaluator.grid;
        for (number, owned) in &mut self.owned {
            let mut outputs = owned.evaluator.take_outputs();
            for output in &mut outputs {
                match output {
                    Output::Reference(made) => self.references.add_profile(made.profile.clone()),
                    Output::Trigger(trigger) => locate(trigger, self.context, &self.admin),
                    _ => {}
                }
                publish(&mut prepared.outbox, self.context, output, limit)?;
            }
            prepared.outputs.extend(outputs);
            for change in owned.evaluator.take_changes(snapshot) {
                if let (StateKey::Watermark, Some(StateValue::Watermark(record))) = &change {
                    prepared.restore_from.insert(*number, record.restore_from);
                }
                let pane = match &change.0 {
                    StateKey::Pane(key, pane) => Some((key.clone(), *pane)),
                    _ => None,
                };
                let before = pane.as_ref().and_then(|pane| owned.chunks.get(pane)).copied().unwrap_or(0);
                let records =
                    state_records(&change, self.references.table(), &grid, limit, encodings.panes, before)?;
                let now = records.iter().filter(|record| record.payload.is_some()).count() as u32;
                prepared.chunks.extend(pane.map(|pane| (*number, pane, now)));
                for record in records {
                    prepared.outbox.push(
                        &topics.panes,
                        Some(*number),
                        record.key,
                        record.payload,
                        Vec::new(),
                    );
                }
            }
            prepared.offsets.push(CommittedOffset {
                partition: TopicPartition::new(topics.deltas.as_str(), *number),
                next_offset: owned.evaluator.next_offset(),
                metadata: String::new(),
            });
        }
        prepared.offsets.extend(self.control.offsets());
        Ok(prepared)
    }

    fn transact(&mut self, prepared: &Prepared, group: &ConsumerGroupMetadata) -> Result<(), CommitFailure> {
        let keep_going = || self.context.goes_on_to_its_end(Stage::Evaluate);
        self.producer.begin()?;
        match prepared.outbox.send(&self.producer).and_then(|()| self.control.send(&self.producer)) {
            Ok(()) => self.producer.commit(&prepared.offsets, group, &keep_going),
            Err(error) => {
                self.producer.abort(&keep_going)?;
                Err(CommitFailure::Aborted(error))
            }
        }
    }

    fn committed(&mut self, started: Instant, prepared: Prepared) {
        let metrics = &self.context.metrics;
        self.context.health.broker_seen();
        let records = prepared.outbox.len() as u64;
        TransactionCommitted { stage: Stage::Evaluate, took: started.elapsed(), records }.emit(metrics);
        for (number, pane, chunks) in prepared.chunks {
            let Some(owned) = self.owned.get_mut(&number) else { continue };
            if chunks == 0 {
                owned.chunks.remove(&pane);
            } else {
                owned.chunks.insert(pane, chunks);
            }
        }
        for (number, owned) in &mut self.owned {
            owned.committed = owned.evaluator.next_offset();
            owned.restore_from = prepared.restore_from.get(number).copied().unwrap_or(owned.restore_from);
        }
        self.control.committed();
        prepared.outputs.iter().for_each(|output| tell(output, self.context));
        self.tell_state();
    }

    fn tell_state(&self) {
        let metrics = &self.context.metrics;
        let open = self.owned.values().map(|owned| owned.evaluator.open_panes()).sum();
        PanesCounted { open }.emit(metrics);
        let mut incidents: BTreeMap<(&Name, &Name), Counts> = BTreeMap::new();
        for owned in self.owned.values() {
            for (model, version) in owned.evaluator.versions() {
                incidents.entry((model, version)).or_default();
            }
            for (model, version, severity, category) in owned.evaluator.open_incidents() {
                let counts = incidents.entry((model, version)).or_default();
                *counts.entry((severity, category.as_str())).or_default() += 1;
            }
        }
        for ((model, version), counts) in incidents {
            let open: Vec<(Severity, &'static str, usize)> =
                counts.into_iter().map(|((severity, category), count)| (severity, category, count)).collect();
            IncidentsCounted { model, version, open: &open }.emit(metrics);
        }
        for owned in self.owned.values() {
            for (model, open, withheld) in owned.evaluator.triggers() {
                let withheld: Vec<(&'static str, usize)> = withheld.into_iter().collect();
                TriggersCounted { model, open, withheld: &withheld }.emit(metrics);
            }
        }
    }

    /// Deletes the deltas that no restore needs.
    fn trim(&mut self) {
        if self.context.is_embedded || Instant::now() < self.next_trim {
            return;
        }
        self.next_trim = Instant::now() + TRIM;
        for (number, owned) in &mut self.owned {
            let before = owned.restore_from.min(owned.committed);
            if before <= owned.trimmed {
                continue;
            }
            let partition = TopicPartition::new(self.context.topics.deltas.as_str(), *number);
            match self.admin.delete_records(&partition, before) {
                Ok(()) => owned.trimmed = before,
                Err(error) => tracing::warn!(%error, "old deltas could not be deleted; trying again later"),
            }
        }
    }

    fn failed(&mut self, failure: CommitFailure) -> Result<()> {
        let metrics = &self.context.metrics;
        match failure {
            CommitFailure::Fenced(error) => {
                InstanceFenced { stage: Stage::Evaluate, why: &error.to_string() }.emit(metrics);
                return Err(error);
            }
            CommitFailure::TooLarge(record) => {
                return Err(Error::bus(record.to_string()).hint("raise max.message.bytes of the topic"));
            }
            CommitFailure::Lost(error) => {
                self.producer = self.context.producer_after(error, Stage::Evaluate, STAGE)?;
            }
            CommitFailure::Aborted(error) => {
                TransactionAborted { stage: Stage::Evaluate, why: &error.to_string() }.emit(metrics);
                // What made it fail may last: do not spin.
                std::thread::sleep(AGAIN);
            }
        }
        self.unsettled.is_stale = true;
        Ok(())
    }
}

/// Takes a record of the deltas.
fn take(
    record: &Record<'_>,
    owned: &mut BTreeMap<i32, Owned>,
    references: &mut ReferenceFeed,
    context: &StageContext,
    settings: &EvaluateSettings,
) -> Result<()> {
    let Some(owned) = owned.get_mut(&record.partition()) else { return Ok(()) };
    let offset = record.offset();
    let broker_time =
        record.timestamp_ms().filter(|_| record.is_broker_time()).map_or(Time::MIN, Time::from_ms);
    let Some(payload) = record.payload() else {
        owned.evaluator.skip(offset);
        return Ok(());
    };
    let message =
        decode::<DeltaMessage>(payload, &*context.schemas).map_err(|error| error.at(record.place()))?;
    match message {
        DeltaMessage::Delta(message) => {
            let delta = delta_of(&message, references, settings).map_err(|error| error.at(record.place()))?;
            owned.evaluator.merge(offset, broker_time, delta, references.table());
        }
        DeltaMessage::Watermark(progress) => {
            let progress = Progress::from(progress);
            owned.evaluator.hear(offset, broker_time, &progress, references.table());
        }
    }
    Ok(())
}

/// A delta of its record. Its reference was published before it was counted by, so it is read by now
/// or will be; one that is gone since leaves rows without sketches, which count as a conflict.
fn delta_of(
    message: &crate::wire::DeltaRecord,
    references: &mut ReferenceFeed,
    settings: &EvaluateSettings,
) -> Result<Delta> {
    let grid = &settings.evaluator.grid;
    if let Some(id) = &message.reference_id
        && references.table().profile(id).is_none()
    {
        references.catch_up(Duration::from_secs(5))?;
    }
    super::restore::delta_part(message, references.table(), grid)
}
