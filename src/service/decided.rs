//! What stage 2 decided: as records before the commit, as facts after it.

use super::StageContext;
use super::outgoing::Outbox;
use crate::bus::partition_of;
use crate::engine::{MadeReference, Output};
use crate::error::Result;
use crate::observe::{
    CommandAnswered, DriftEventPublished, Fact, IdleLateRows, NoReference, ReferenceMade, RowsLimited,
    TriggerPublished, VersionRetired, WindowJudged,
};
use crate::policy::record::{Command, DriftEvent, RetrainingTrigger, WindowReport};
use crate::wire::{
    CloudEvent, Encoded, Encoding, ReferenceKey, ReferenceMessage, encode, profile_chunks, report_chunks,
};
use crate::words::{Time, Verdict};
use std::time::SystemTime;

/// Adds what an output publishes, in records of at most `limit` bytes.
pub(super) fn publish(
    outbox: &mut Outbox,
    context: &StageContext,
    output: &Output,
    limit: usize,
) -> Result<()> {
    let (topics, encodings) = (&context.topics, &context.encodings);
    match output {
        Output::Report(report) => {
            let key = report.model.as_bytes();
            let mut push = |payload| outbox.push(&topics.reports, None, key.to_vec(), Some(payload), vec![]);
            let payload = encode::<WindowReport>(report, encodings.reports)?;
            if payload.len() <= limit {
                push(payload);
                return Ok(());
            }
            report_chunks(report, limit, encodings.reports)?
                .into_iter()
                .for_each(|chunk| push(chunk.payload));
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
        Output::Reference(made) => publish_reference(outbox, context, made, limit)?,
        Output::Command(command) => {
            let key = command.model.as_bytes();
            let partition = partition_of(key, topics.partitions.unsigned_abs());
            let payload = encode::<Command>(command, encodings.control)?;
            outbox.push(&topics.control, Some(partition), key.to_vec(), Some(payload), vec![]);
        }
        Output::VersionRetired { .. } | Output::IdleLate { .. } | Output::Limited { .. } => {}
    }
    Ok(())
}

/// Adds a profile and its activation, in the order in which readers need them.
fn publish_reference(
    outbox: &mut Outbox,
    context: &StageContext,
    made: &MadeReference,
    limit: usize,
) -> Result<()> {
    let (topic, encoding) = (&context.references.topic, context.encodings.references);
    // The whole of a model's references is in one partition, as those that others publish.
    let mut push = |key: ReferenceKey, payload: Vec<u8>| {
        outbox.push(topic, Some(0), key.to_bytes(), Some(payload), Vec::new());
    };
    for Encoded { record, payload } in profile_chunks(&made.profile, limit, encoding)? {
        let (model, id, chunk) = (made.model.clone(), record.id, record.chunk_index);
        push(ReferenceKey::Profile { model, id, chunk }, payload);
    }
    let activation = made.activation(now());
    let key = ReferenceKey::Activation {
        model: activation.model.clone(),
        version: activation.version.clone(),
        effective_from: activation.effective_from,
        reference_id: activation.reference_id.clone(),
    };
    push(key, encode(&ReferenceMessage::Activation(activation), encoding)?);
    Ok(())
}

/// The time by this machine's clock.
fn now() -> Time {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time::from_ms(now.as_millis() as i64)
}

/// CloudEvents headers, and when the record was sent by this machine's clock.
fn cloud_event(event: &impl CloudEvent, context: &StageContext, encoding: Encoding) -> Vec<(String, String)> {
    let headers = event.headers(encoding, &context.registry_url);
    let mut headers: Vec<(String, String)> =
        headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    headers.push(("driftline_emitted_at".into(), now().to_string()));
    headers
}

/// Tells what was committed.
pub(super) fn tell(output: &Output, context: &StageContext) {
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
        Output::Reference(made) => ReferenceMade {
            model: &made.model,
            version: &made.version,
            reference: made.reference_id.as_str(),
            origin: made.origin.as_str(),
            effective_from: made.effective_from,
            rows: made.rows,
            stable: made.stable,
        }
        .emit(metrics),
        Output::Command(command) => CommandAnswered {
            id: &command.id,
            kind: &command.r#type,
            model: &command.model,
            actor: &command.actor,
            refusal: command.refusal.as_deref(),
        }
        .emit(metrics),
        Output::VersionRetired { model, version } => VersionRetired { model, version }.emit(metrics),
        Output::IdleLate { model, rows } => IdleLateRows { model, rows: *rows }.emit(metrics),
        Output::Limited { key, limit, rows } => RowsLimited { key, limit, rows: *rows }.emit(metrics),
    }
}
