//! A deltas partition's state, from the changelog partition of the same number.
//!
//! In this order: the committed offset (the caller has it), the changelog up to its end, then the
//! deltas that open panes need and no snapshot holds.

use super::StageContext;
use crate::bus::StageConsumer;
use crate::bus::{From, LogReader, Until};
use crate::bus::{Outcome, Progress};
use crate::bus::{Record, TopicPartition};
use crate::engine::{Delta, Evaluator, EvaluatorSettings, Restore};
use crate::error::{Error, Result};
use crate::observe::{Fact, RestoreFinished, RestoreProgressed, RestoreStarted, Stage};
use crate::reference::References;
use crate::wire::{DeltaMessage, DeltaRecord, StateReader, decode};
use crate::words::{Grid, ModelKey, Pane};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

/// A restored partition.
pub(super) struct Restored {
    pub evaluator: Evaluator,
    pub restore_from: i64,
    pub chunks: BTreeMap<(ModelKey, Pane), u32>,
}

/// Restores partition `number` as of the committed delta offset `committed`.
pub(super) fn restore(
    context: &StageContext,
    settings: &Arc<EvaluatorSettings>,
    number: i32,
    committed: i64,
    references: &References,
    consumer: &StageConsumer,
) -> Result<Restored> {
    let started = Instant::now();
    let mut reader = LogReader::new(&context.kafka)?;
    let mut records = 0;
    let mut first = true;
    let trouble = RefCell::new(None);
    let mut on_progress = |progress: &Progress| {
        let remaining = u64::try_from(progress.remaining).unwrap_or(0);
        if std::mem::take(&mut first) {
            RestoreStarted { partition: number, records: remaining }.emit(&context.metrics);
        }
        if progress.waiting_for_transaction {
            tracing::info!(partition = number, "waiting for a transaction on the changelog to finish");
        }
        RestoreProgressed { partition: number, remaining }.emit(&context.metrics);
        context.beat(Stage::Evaluate);
        // The group must see this member alive while it restores; what comes of it is polled later.
        *trouble.borrow_mut() = consumer.tend().err();
        let is_to_end = context.stop.is_requested() || trouble.borrow().is_some();
        if is_to_end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };

    let mut state = StateReader::new();
    let panes = TopicPartition::new(context.topics.panes.as_str(), number);
    let mut on_state = |record: &Record<'_>| {
        records += 1;
        let taken = state.read(record.key().unwrap_or_default(), record.payload(), &*context.schemas);
        taken.map_err(|error| error.at(record.place()))
    };
    finished(reader.read(&panes, From::Beginning, Until::End, &mut on_state, &mut on_progress)?, &trouble)?;
    let (changes, chunks) = state.finish(references, &settings.grid)?;
    let mut restore = Restore::default();
    changes.into_iter().for_each(|change| restore.apply(change));
    let (mut evaluator, restore_from) = restore.finish(settings.clone(), committed, references)?;

    if restore_from < committed {
        let deltas = TopicPartition::new(context.topics.deltas.as_str(), number);
        let mut on_delta = |record: &Record<'_>| {
            records += 1;
            let Some(payload) = record.payload() else { return Ok(()) };
            let again =
                decode::<DeltaMessage>(payload, &*context.schemas).and_then(|message| match message {
                    DeltaMessage::Delta(message) => {
                        delta_part(&message, references, &settings.grid).map(Some)
                    }
                    DeltaMessage::Watermark(_) => Ok(None),
                });
            if let Some(delta) = again.map_err(|error| error.at(record.place()))? {
                evaluator.merge_again(record.offset(), delta, references);
            }
            Ok(())
        };
        let (from, until) = (From::Offset(restore_from), Until::Offset(committed));
        finished(reader.read(&deltas, from, until, &mut on_delta, &mut on_progress)?, &trouble)?;
    }
    RestoreFinished { partition: number, records, took: started.elapsed() }.emit(&context.metrics);
    Ok(Restored { evaluator, restore_from, chunks })
}

fn finished(outcome: Outcome, trouble: &RefCell<Option<Error>>) -> Result<()> {
    let stopped = || Error::bus("stopped while state was restored").retriable();
    match outcome {
        Outcome::Complete => Ok(()),
        Outcome::Stopped => Err(trouble.take().unwrap_or_else(stopped)),
    }
}

/// What a delta record adds. Rows by a reference that is gone come without sketches: they are told as
/// a conflict, never merged.
pub(super) fn delta_part(message: &DeltaRecord, references: &References, grid: &Grid) -> Result<Delta> {
    match &message.reference_id {
        Some(id) => match references.profile(id) {
            Some(profile) => message.part(Some(profile), grid),
            None => {
                let delta = message.rows_alone().part(None, grid)?;
                Ok(Delta { reference: Some(id.clone()), ..delta })
            }
        },
        None => message.part(None, grid),
    }
}
