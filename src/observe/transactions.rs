//! Facts about the transactions in which everything leaves an instance.

use super::{Fact, Metrics, Stage};
use std::time::Duration;
use tracing::{debug, error, warn};

/// What a transaction came to; the label `outcome`.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    Committed,
    Aborted,
    Fenced,
    Lost,
}

impl Outcome {
    const ALL: [Outcome; 4] = [Outcome::Committed, Outcome::Aborted, Outcome::Fenced, Outcome::Lost];

    fn as_str(self) -> &'static str {
        match self {
            Outcome::Committed => "committed",
            Outcome::Aborted => "aborted",
            Outcome::Fenced => "fenced",
            Outcome::Lost => "lost",
        }
    }
}

/// Shows all outcomes of a stage as 0, so that the first of each is seen as a rise.
pub(super) fn show_zeros(stage: Stage, metrics: &Metrics) {
    for outcome in Outcome::ALL {
        metrics.families.transactions.with_label_values(&[stage.as_str(), outcome.as_str()]);
    }
}

fn count(stage: Stage, outcome: Outcome, metrics: &Metrics) {
    metrics.families.transactions.with_label_values(&[stage.as_str(), outcome.as_str()]).inc();
}

/// A transaction is committed.
#[derive(Debug, Clone, Copy)]
pub struct TransactionCommitted {
    /// The stage whose it is.
    pub stage: Stage,
    /// From its begin to the broker's word that it is committed.
    pub took: Duration,
    /// Records written in it.
    pub records: u64,
}

impl Fact for TransactionCommitted {
    fn emit(self, metrics: &Metrics) {
        let TransactionCommitted { stage, took, records } = self;
        count(stage, Outcome::Committed, metrics);
        metrics.families.commit_duration.with_label_values(&[stage.as_str()]).observe(took.as_secs_f64());
        debug!(%stage, ?took, records, "transaction committed");
    }
}

/// A transaction was given up; the stage goes back to its last commit and does the work again.
#[derive(Debug, Clone, Copy)]
pub struct TransactionAborted<'a> {
    /// The stage whose it was.
    pub stage: Stage,
    /// Why.
    pub why: &'a str,
}

impl Fact for TransactionAborted<'_> {
    fn emit(self, metrics: &Metrics) {
        let TransactionAborted { stage, why } = self;
        count(stage, Outcome::Aborted, metrics);
        warn!(%stage, why, "transaction aborted, its work is done again");
    }
}

/// Whether a transaction was committed is not known; the producer is made anew and the committed
/// offsets say what happened.
#[derive(Debug, Clone, Copy)]
pub struct ProducerLost<'a> {
    /// The stage whose it was.
    pub stage: Stage,
    /// What the producer said.
    pub why: &'a str,
}

impl Fact for ProducerLost<'_> {
    fn emit(self, metrics: &Metrics) {
        let ProducerLost { stage, why } = self;
        count(stage, Outcome::Lost, metrics);
        warn!(%stage, why, "producer lost with the outcome of a commit unknown, made anew");
    }
}

/// Another instance has taken over what this one wrote; nothing of its transaction counts.
#[derive(Debug, Clone, Copy)]
pub struct InstanceFenced<'a> {
    /// The stage that was fenced.
    pub stage: Stage,
    /// What the broker said.
    pub why: &'a str,
}

impl Fact for InstanceFenced<'_> {
    fn emit(self, metrics: &Metrics) {
        let InstanceFenced { stage, why } = self;
        count(stage, Outcome::Fenced, metrics);
        error!(%stage, why, "fenced: another instance owns its partitions or has its `kafka.instance` name");
    }
}
