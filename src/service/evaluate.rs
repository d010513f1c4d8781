//! Stage 2 on Kafka: deltas to reports, drift events, triggers and state, in one transaction.

use super::POLL;
use super::StageContext;
use super::outgoing::Outbox;
use super::references::ReferenceFeed;
use super::restore::{Restored, restore};
use crate::bus::StageConsumer;
use crate::bus::TopicAdmin;
use crate::bus::TransactionalProducer;
use crate::bus::{CommitFailure, CommittedOffset};
use crate::bus::{LostOffsets, Polled};
use crate::bus::{Record, TopicPartition};
use crate::engine::{Delta, Evaluator, EvaluatorSettings, Output, Progress, StateKey, StateValue};
use crate::error::{Error, Result};
use crate::observe::{
    BrokerTroubled, DriftEventPublished, Fact, IdleLateRows, IncidentsCounted, InstanceFenced, ModelReleased,
    NoReference, PanesCounted, PartitionsAssigned, PartitionsRevoked, ProducerLost, Stage,
    TransactionAborted, TransactionCommitted, TriggerPublished, TriggersCounted, VersionRetired,
    WindowJudged,
};
use crate::policy::record::{DriftEvent, RetrainingTrigger, WindowReport};
use crate::wire::{CloudEvent, DeltaMessage, Encoding, decode, encode, state_records};
use crate::words::{ModelKey, Name, Pane, Severity, Time, Verdict};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

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
    owned: BTreeMap<i32, Owned>,
    next_commit: Instant,
    next_snapshot: Instant,
    next_trim: Instant,
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
        context.health.beat(Stage::Evaluate);
        let keep_going = || context.keeps_going(Stage::Evaluate);
        let references = ReferenceFeed::open(
            &context.kafka,
            &context.references,
            context.schemas.clone(),
            None,
            &keep_going,
        )?;
        let producer =
            TransactionalProducer::connect(&context.kafka, STAGE, context.max_record_bytes, &keep_going)?;
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
            owned,
            next_commit: now,
            next_snapshot,
            next_trim: now + TRIM,
        })
    }

    fn run(mut self) -> Result<()> {
        while !self.context.stop.is_requested() {
            self.turn()?;
        }
        self.commit()?;
        self.context.health.ended(Stage::Evaluate);
        Ok(())
    }

    /// One poll, and what is due after it.
    fn turn(&mut self) -> Result<()> {
        self.context.health.beat(Stage::Evaluate);
        let wait = POLL.min(self.next_commit.saturating_duration_since(Instant::now()));
        match self.consumer.poll(wait)? {
            Polled::Record(record) => {
                take(&record, &mut self.owned, &mut self.references, self.context, &self.settings)?
            }
            Polled::Assigned(partitions) => self.assigned(&partitions)?,
            Polled::Revoked(partitions) => self.revoked(&partitions),
            Polled::Eof(_) => self.context.health.broker_seen(),
            Polled::Lost(lost) => return Err(self.lost(&lost)),
            Polled::Trouble(error) => {
                BrokerTroubled { stage: Stage::Evaluate, why: &error.to_string() }
                    .emit(&self.context.metrics);
            }
            Polled::Nothing => {}
        }
        if Instant::now() >= self.next_commit {
            self.commit()?;
            self.trim();
        }
        Ok(())
    }

    fn assigned(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let named: Vec<(&str, i32)> = partitions.iter().map(|p| (&*p.topic, p.partition)).collect();
        PartitionsAssigned { stage: Stage::Evaluate, partitions: &named }.emit(&self.context.metrics);
        for partition in partitions {
            self.context.health.assigned(Stage::Evaluate, &partition.topic, partition.partition);
        }
        // The others wait: nothing is polled while this one restores.
        let kept: Vec<TopicPartition> = self.consumer.partitions();
        self.consumer.pause(&kept)?;
        let starts = self.restore(partitions)?;
        self.consumer.start(&starts, false)?;
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
        Ok(starts)
    }

    /// What was decided of partitions that go, and not committed, is decided again by their new owner.
    fn revoked(&mut self, partitions: &[TopicPartition]) {
        let named: Vec<(&str, i32)> = partitions.iter().map(|p| (&*p.topic, p.partition)).collect();
        PartitionsRevoked { stage: Stage::Evaluate, partitions: &named, lost: false }
            .emit(&self.context.metrics);
        for partition in partitions {
            self.context.health.revoked(Stage::Evaluate, &partition.topic, partition.partition);
            if let Some(owned) = self.owned.remove(&partition.partition) {
                for (model, _) in owned.evaluator.triggers() {
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
        self.references.catch_up(Duration::from_millis(200))?;
        let is_moved = |owned: &Owned| owned.evaluator.next_offset() != owned.committed;
        if !self.owned.values().any(is_moved) {
            return Ok(());
        }
        let snapshot = started >= self.next_snapshot;
        if snapshot {
            self.next_snapshot = started + self.settings.snapshot_interval;
        }
        let prepared = self.prepare(snapshot)?;
        match self.transact(&prepared) {
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
            let outputs = owned.evaluator.take_outputs();
            for output in &outputs {
                publish(&mut prepared.outbox, self.context, output)?;
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
        Ok(prepared)
    }

    fn transact(&mut self, prepared: &Prepared) -> Result<(), CommitFailure> {
        let keep_going = || self.context.stop.may_finish();
        self.producer.begin()?;
        match prepared.outbox.send(&self.producer) {
            Ok(()) => self.producer.commit(&prepared.offsets, &self.consumer.group_metadata(), &keep_going),
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
            for (model, is_open) in owned.evaluator.triggers() {
                TriggersCounted { model, open: usize::from(is_open), withheld: &[] }.emit(metrics);
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
                ProducerLost { stage: Stage::Evaluate, why: &error.to_string() }.emit(metrics);
                let (context, keep_going) = (self.context, || self.context.keeps_going(Stage::Evaluate));
                let limit = context.max_record_bytes;
                self.producer = TransactionalProducer::connect(&context.kafka, STAGE, limit, &keep_going)?;
            }
            CommitFailure::Aborted(error) => {
                TransactionAborted { stage: Stage::Evaluate, why: &error.to_string() }.emit(metrics);
                // What made it fail may last: do not spin.
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        // What was decided is in no topic: state goes back to the last commit.
        self.owned.clear();
        let kept = self.consumer.partitions();
        let starts = self.restore(&kept)?;
        self.consumer.rewind(&starts)
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
            owned.evaluator.hear(offset, broker_time, &Progress::from(progress));
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

/// Adds what an output publishes.
fn publish(outbox: &mut Outbox, context: &StageContext, output: &Output) -> Result<()> {
    let (topics, encodings) = (&context.topics, &context.encodings);
    match output {
        Output::Report(report) => {
            let payload = encode::<WindowReport>(report, encodings.reports)?;
            outbox.push(&topics.reports, None, report.model.as_bytes().to_vec(), Some(payload), Vec::new());
        }
        Output::Event(event) => {
            let payload = encode::<DriftEvent>(event, encodings.events)?;
            let headers = cloud_event(&**event, context, encodings.events);
            outbox.push(&topics.events, None, event.model.as_bytes().to_vec(), Some(payload), headers);
        }
        Output::Trigger(trigger) => {
            let payload = encode::<RetrainingTrigger>(trigger, encodings.triggers)?;
            let headers = cloud_event(&**trigger, context, encodings.triggers);
            outbox.push(&topics.triggers, None, trigger.model.as_bytes().to_vec(), Some(payload), headers);
        }
        Output::VersionRetired { .. } | Output::IdleLate { .. } | Output::Limited { .. } => {}
    }
    Ok(())
}

/// CloudEvents headers, and when the record was sent by this machine's clock.
fn cloud_event(event: &impl CloudEvent, context: &StageContext, encoding: Encoding) -> Vec<(String, String)> {
    let headers = event.headers(encoding, &context.registry_url);
    let mut headers: Vec<(String, String)> =
        headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    headers.push(("driftline_emitted_at".into(), Time::from_ms(now.as_millis() as i64).to_string()));
    headers
}

/// Tells what was committed.
fn tell(output: &Output, context: &StageContext) {
    let metrics = &context.metrics;
    match output {
        Output::Report(report) if report.segment.is_empty() && report.chunk.index == 0 => {
            WindowJudged {
                model: &report.model,
                version: &report.version,
                end: report.decided_at,
                drift_share: report.drift_share,
            }
            .emit(metrics);
            if report.verdict == Verdict::NoReference {
                NoReference { model: &report.model, version: &report.version }.emit(metrics);
            }
        }
        Output::Report(_) => {}
        Output::Event(event) => DriftEventPublished {
            id: &event.id,
            model: &event.model,
            version: &event.version,
            transition: event.transition.as_str(),
            severity: event.severity,
            explanation: &event.explanation,
        }
        .emit(metrics),
        Output::Trigger(trigger) => TriggerPublished {
            id: &trigger.id,
            model: &trigger.model,
            version: &trigger.version,
            cause: trigger.cause.as_str(),
            explanation: &trigger.explanation,
        }
        .emit(metrics),
        Output::VersionRetired { model, version } => VersionRetired { model, version }.emit(metrics),
        Output::IdleLate { model, rows } => IdleLateRows { model, rows: *rows }.emit(metrics),
        Output::Limited { what, rows } => {
            tracing::warn!(rows, "{what} is over its limit and is not monitored: see [limits]");
        }
    }
}
