//! Stage 1's commits, in a thread of their own: while one is encoded, sent and acknowledged, which
//! takes the broker tens of milliseconds, records are read on.
//!
//! One commit is under way at most. Until the stage has heard how it ended it reads no committed
//! offsets; and if nothing of it counts, newer work goes back with it to the last commit before.

use super::dead_letters::DeadLetters;
use super::outgoing::Outbox;
use super::{AGAIN, POLL, StageContext};
use crate::bus::{
    CommitFailure, CommittedOffset, ConsumerGroupMetadata, TopicPartition, TransactionalProducer,
};
use crate::engine::Drained;
use crate::error::{Error, Result};
use crate::observe::{
    Fact, InstanceFenced, LateRecords, RecordsConsumed, Stage, TransactionAborted, TransactionCommitted,
};
use crate::wire::{DeltaMessage, DeltaRecord, ProgressRecord};
use crate::words::{Grid, Name};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread;
use std::time::Instant;

/// Everything since the last commit.
pub(super) struct Commit {
    pub started: Instant,
    pub drained: Drained,
    pub dead_letters: DeadLetters,
    /// Where each partition goes on.
    pub offsets: Vec<CommittedOffset>,
    /// The membership under which the records were read.
    pub group: ConsumerGroupMetadata,
    /// Records read, by partition.
    pub consumed: BTreeMap<TopicPartition, u64>,
    /// Late ones among them, by model.
    pub late: BTreeMap<Name, u64>,
}

/// How a commit ended.
pub(super) enum Outcome {
    /// All of it counts; so many bytes were sent.
    Committed(usize),
    /// Nothing of it counts, or the committed offsets say whether it does.
    GoBack,
}

/// The thread that commits, as its stage sees it.
pub(super) struct Committer {
    commits: Sender<Commit>,
    outcomes: Receiver<Result<Outcome>>,
    is_busy: bool,
}

impl Committer {
    /// A committer with this producer. It ends when it is dropped, after the commit under way.
    pub fn new(
        context: &StageContext,
        stage: &'static str,
        producer: TransactionalProducer,
        grid: Grid,
    ) -> Self {
        let (commits, to_commit) = channel::<Commit>();
        let (ended, outcomes) = channel();
        let context = context.clone();
        thread::spawn(move || {
            let mut work = CommitWork { context, stage, producer, grid };
            while let Ok(commit) = to_commit.recv() {
                if ended.send(work.commit(commit)).is_err() {
                    return;
                }
            }
        });
        Committer { commits, outcomes, is_busy: false }
    }

    /// Whether a commit is under way.
    pub fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Begins a commit; none may be under way.
    pub fn begin(&mut self, commit: Commit) -> Result<()> {
        self.is_busy = true;
        self.commits.send(commit).map_err(|_| gone())
    }

    /// How the commit under way ended, if it has.
    pub fn ended(&mut self) -> Result<Option<Outcome>> {
        match self.outcomes.try_recv() {
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(gone()),
            Ok(outcome) => self.heard(outcome).map(Some),
        }
    }

    /// Waits until the commit under way has ended; `None` if there is none. `beat` is called while
    /// it waits.
    pub fn end(&mut self, beat: impl Fn()) -> Result<Option<Outcome>> {
        while self.is_busy {
            beat();
            match self.outcomes.recv_timeout(POLL) {
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
                Ok(outcome) => return self.heard(outcome).map(Some),
            }
        }
        Ok(None)
    }

    fn heard(&mut self, outcome: Result<Outcome>) -> Result<Outcome> {
        self.is_busy = false;
        outcome
    }
}

fn gone() -> Error {
    Error::bus("the thread that commits is gone")
}

/// The thread's side.
struct CommitWork {
    context: StageContext,
    stage: &'static str,
    producer: TransactionalProducer,
    grid: Grid,
}

impl CommitWork {
    fn commit(&mut self, mut commit: Commit) -> Result<Outcome> {
        let outbox = self.encode(&mut commit.drained)?;
        match self.transact(&outbox, &commit) {
            Ok(dead_letters) => {
                self.tell(&commit, outbox.len() as u64 + dead_letters);
                Ok(Outcome::Committed(outbox.bytes()))
            }
            Err(failure) => self.failed(failure).map(|()| Outcome::GoBack),
        }
    }

    fn encode(&self, drained: &mut Drained) -> Result<Outbox> {
        let mut outbox = Outbox::default();
        let (topics, encoding) = (&self.context.topics, self.context.encodings.deltas);
        let limit = self.producer.max_record_bytes() - 1024;
        for gathered in drained.deltas.drain(..) {
            let profile = gathered.profile().cloned();
            let delta = gathered.into_delta();
            for chunk in DeltaRecord::chunks(&delta, profile.as_deref(), &self.grid, limit, encoding)? {
                outbox.push_delta(topics, chunk);
            }
        }
        if let Some(progress) = &drained.progress {
            let message = DeltaMessage::Watermark(ProgressRecord::from(progress));
            outbox.push_to_all(topics, &message, encoding)?;
        }
        Ok(outbox)
    }

    /// One transaction; returns how many dead letters were sent.
    fn transact(&mut self, outbox: &Outbox, commit: &Commit) -> Result<u64, CommitFailure> {
        let keep_going = || self.context.goes_on_to_its_end(Stage::Sketch);
        self.producer.begin()?;
        let send = || -> Result<u64> {
            outbox.send(&self.producer)?;
            commit.dead_letters.send(&self.producer, &self.context.topics.dead_letters)
        };
        match send() {
            Ok(dead_letters) => {
                self.producer.commit(&commit.offsets, &commit.group, &keep_going)?;
                Ok(dead_letters)
            }
            Err(error) => {
                self.producer.abort(&keep_going)?;
                Err(CommitFailure::Aborted(error))
            }
        }
    }

    fn tell(&self, commit: &Commit, records: u64) {
        let metrics = &self.context.metrics;
        self.context.health.broker_seen();
        TransactionCommitted { stage: Stage::Sketch, took: commit.started.elapsed(), records }.emit(metrics);
        for (partition, records) in &commit.consumed {
            RecordsConsumed { topic: &partition.topic, partition: partition.partition, records: *records }
                .emit(metrics);
        }
        for (model, records) in &commit.late {
            LateRecords { model, records: *records }.emit(metrics);
        }
        commit.dead_letters.tell(metrics);
    }

    /// Makes the producer fit for the next commit; an error where that can't be.
    fn failed(&mut self, failure: CommitFailure) -> Result<()> {
        let metrics = &self.context.metrics;
        match failure {
            CommitFailure::Fenced(error) => {
                InstanceFenced { stage: Stage::Sketch, why: &error.to_string() }.emit(metrics);
                return Err(error);
            }
            CommitFailure::Lost(error) => {
                self.producer = self.context.producer_after(error, Stage::Sketch, self.stage)?;
            }
            failure => {
                let why = failure.into_error().to_string();
                TransactionAborted { stage: Stage::Sketch, why: &why }.emit(metrics);
                // What made it fail may last: do not spin.
                thread::sleep(AGAIN);
            }
        }
        Ok(())
    }
}
