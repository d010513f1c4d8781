//! The view of an instance: it follows what all instances publish, so that each can show all models.
//!
//! Plain readers without a group, of committed records only. They begin a while back and hold up
//! nobody: what fails is told and tried again, and a record that is read twice changes nothing.

use super::{AGAIN, Following, StageContext};
use crate::bus::{CatchUp, Follower, Record, Start};
use crate::error::Result;
use crate::event::SchemaSource;
use crate::policy::record::{Command, DriftEvent, RetrainingTrigger, WindowReport};
use crate::view::{SharedView, View};
use crate::wire::{ReferenceKey, ReferenceMessage, decode};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How often the topics are looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Pause before what failed is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// How far back events and triggers are read: incidents last.
const EVENTS_BACK: Duration = Duration::from_secs(30 * 86_400);

/// The topics that a view is filled from.
pub struct ViewFeed {
    schemas: Arc<dyn SchemaSource>,
    references: Follower,
    reports: Following<WindowReport>,
    events: Following<DriftEvent>,
    triggers: Following<RetrainingTrigger>,
    commands: Following<Command>,
}

impl ViewFeed {
    /// A feed of the window reports of the last `back`, and of events and triggers of a month.
    ///
    /// # Errors
    /// The brokers do not answer (retriable), or a topic is missing.
    pub fn open(context: &StageContext, back: Duration) -> Result<Self> {
        let StageContext { kafka, topics, schemas, .. } = context;
        let start = |back: Duration| match context.is_embedded {
            // It keeps no times to look records up by, and little else.
            true => Start::Earliest,
            false => Start::Time(before(back)),
        };
        Ok(ViewFeed {
            references: Follower::open(kafka, &context.references.topic)?,
            reports: Following::open(kafka, schemas.clone(), &topics.reports, start(back))?,
            events: Following::open(kafka, schemas.clone(), &topics.events, start(EVENTS_BACK))?,
            triggers: Following::open(kafka, schemas.clone(), &topics.triggers, start(EVENTS_BACK))?,
            commands: Following::open(kafka, schemas.clone(), &topics.control, start(EVENTS_BACK))?,
            schemas: schemas.clone(),
        })
    }

    /// Reads on, some seconds at most; says whether all that was written before is in the view.
    ///
    /// # Errors
    /// Records were deleted before they were read; the registry does not answer (retriable).
    pub fn step(&mut self, view: &SharedView) -> Result<bool> {
        let mut is_read = catch_up(&mut self.references, &*self.schemas, view)?;
        is_read &= self.events.each(&mut |event| view.change(|view| view.event(event)))?;
        is_read &= self.triggers.each(&mut |trigger| view.change(|view| view.trigger(trigger)))?;
        is_read &= self.commands.each(&mut |command| view.change(|view| view.command(command)))?;
        is_read &= self.reports.each(&mut |report| view.change(|view| view.report(report)))?;
        Ok(is_read)
    }
}

/// Fills `view` until the stop, with window reports of the last `back`.
pub fn run_view(context: &StageContext, back: Duration, view: &SharedView) {
    for (model, profile) in &context.references.files {
        view.change(|view| view.reference_file(model, profile));
    }
    while !context.stop.is_requested() {
        if let Err(error) = follow(context, back, view) {
            tracing::warn!(%error, "what the page shows stands still; trying again");
            wait(context, RETRY);
        }
    }
}

fn follow(context: &StageContext, back: Duration, view: &SharedView) -> Result<()> {
    let mut feed = ViewFeed::open(context, back)?;
    while !context.stop.is_requested() {
        feed.step(view)?;
        wait(context, LOOK);
    }
    Ok(())
}

/// The moment that was so long ago, in milliseconds since 1970.
fn before(back: Duration) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.saturating_sub(back).as_millis()).unwrap_or_default()
}

fn wait(context: &StageContext, time: Duration) {
    let mut left = time;
    while !left.is_zero() && !context.stop.is_requested() {
        let step = left.min(AGAIN);
        std::thread::sleep(step);
        left -= step;
    }
}

fn catch_up(references: &mut Follower, schemas: &dyn SchemaSource, view: &SharedView) -> Result<bool> {
    let read = references.catch_up(Duration::from_secs(1), &mut |record| {
        match view_of(record, schemas) {
            Ok(change) => view.change(change),
            Err(error) if error.is_retriable() => return Err(error.at(record.place())),
            // The stages tell it: they can't do without.
            Err(_) => {}
        }
        Ok(())
    })?;
    Ok(read == CatchUp::ReadToEnd)
}

/// A change of a view.
type Change = Box<dyn FnOnce(&mut View)>;

/// What a record of the references topic changes.
fn view_of(record: &Record<'_>, schemas: &dyn SchemaSource) -> Result<Change> {
    let key = ReferenceKey::parse(record.key().unwrap_or_default())?;
    let message = record.payload().map(|payload| decode::<ReferenceMessage>(payload, schemas)).transpose()?;
    Ok(match (key, message) {
        (_, Some(ReferenceMessage::Profile(chunk))) => Box::new(move |view| view.profile(&chunk)),
        (_, Some(ReferenceMessage::Activation(activation))) => {
            Box::new(move |view| view.activation(activation))
        }
        (ReferenceKey::Profile { id, .. }, None) => Box::new(move |view| view.remove_profile(&id)),
        (ReferenceKey::Activation { model, version, effective_from, reference_id }, None) => {
            Box::new(move |view| view.remove_activation(&model, &version, effective_from, &reference_id))
        }
    })
}
