//! Facts about records on their way in.

use super::{Fact, Metrics};
use crate::words::ModelKey;
use tracing::{debug, warn};

/// Records were read from an input partition and counted by a committed transaction.
#[derive(Debug, Clone, Copy)]
pub struct RecordsConsumed<'a> {
    /// The input topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// How many.
    pub records: u64,
}

impl Fact for RecordsConsumed<'_> {
    fn emit(self, metrics: &Metrics) {
        let partition = self.partition.to_string();
        metrics.families.records_consumed.with_label_values(&[self.topic, &partition]).inc_by(self.records);
    }
}

/// A record could not be used and goes to the dead letters. Every one is counted; of one reason a
/// few lines a minute are logged, each with the number left out before it.
#[derive(Debug, Clone, Copy)]
pub struct RecordDeadLettered<'a> {
    /// The topic it came from.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// Why, from the code's own list of reasons.
    pub reason: &'static str,
    /// Why, in words. Must not quote the payload, which may be private.
    pub message: &'a str,
}

impl Fact for RecordDeadLettered<'_> {
    fn emit(self, metrics: &Metrics) {
        let RecordDeadLettered { topic, partition, offset, reason, message } = self;
        metrics.families.dead_letters.with_label_values(&[reason]).inc();
        if let Some(left_out) = metrics.restraint.line("dead letter", reason) {
            warn!(
                topic,
                partition,
                offset,
                reason,
                why = message,
                left_out,
                "record goes to the dead letters"
            );
        }
    }
}

/// Rows came after their pane's end had passed the watermark.
#[derive(Debug, Clone, Copy)]
pub struct LateRecords<'a> {
    /// The model they belong to.
    pub model: &'a str,
    /// How many.
    pub records: u64,
}

impl Fact for LateRecords<'_> {
    fn emit(self, metrics: &Metrics) {
        let LateRecords { model, records } = self;
        metrics.families.records_late.with_label_values(&[model]).inc_by(records);
        debug!(model, records, "late records counted");
    }
}

/// Rows were sketched against another reference than the one their pane has; they are left out of it.
#[derive(Debug, Clone, Copy)]
pub struct ConflictRows<'a> {
    /// The model they belong to.
    pub model: &'a str,
    /// How many.
    pub rows: u64,
}

impl Fact for ConflictRows<'_> {
    fn emit(self, metrics: &Metrics) {
        let ConflictRows { model, rows } = self;
        metrics.families.conflict_rows.with_label_values(&[model]).inc_by(rows);
        if let Some(left_out) = metrics.restraint.line("conflict rows", "") {
            warn!(model, rows, left_out, "rows left out: sketched against another reference than their pane");
        }
    }
}

/// Rows passed a limit and are not monitored.
#[derive(Debug, Clone, Copy)]
pub struct RowsLimited<'a> {
    /// Model, version and segment that they belong to.
    pub key: &'a ModelKey,
    /// The limit, by its name in `[limits]`.
    pub limit: &'static str,
    /// How many.
    pub rows: u64,
}

impl Fact for RowsLimited<'_> {
    fn emit(self, metrics: &Metrics) {
        let RowsLimited { key, limit, rows } = self;
        metrics.families.limited_rows.with_label_values(&[limit]).inc_by(rows);
        if let Some(left_out) = metrics.restraint.line("limited rows", limit) {
            warn!(%key, limit, rows, left_out, "rows are not monitored: more came than the limit has room for");
        }
    }
}

/// Rows came from a partition that was thought idle, after their pane had closed.
#[derive(Debug, Clone, Copy)]
pub struct IdleLateRows<'a> {
    /// The model they belong to.
    pub model: &'a str,
    /// How many.
    pub rows: u64,
}

impl Fact for IdleLateRows<'_> {
    fn emit(self, metrics: &Metrics) {
        let IdleLateRows { model, rows } = self;
        metrics.families.idle_late_rows.with_label_values(&[model]).inc_by(rows);
        if let Some(left_out) = metrics.restraint.line("idle late rows", "") {
            warn!(model, rows, left_out, "rows left out: an idle partition woke after their pane had closed");
        }
    }
}
