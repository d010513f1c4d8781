//! The references topic as a table that follows it.

use crate::bus::KafkaSettings;
use crate::bus::Record;
use crate::bus::{CatchUp, Follower};
use crate::error::{Error, Result};
use crate::event::SchemaSource;
use crate::observe::{Fact, Metrics, ReferenceActivated};
use crate::reference::{Profile, References};
use crate::wire::{ReferenceKey, ReferenceMessage, decode};
use crate::words::Name;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where references come from.
#[derive(Debug, Clone)]
pub struct ReferenceSettings {
    /// The topic.
    pub topic: String,
    /// How far ahead of the stream a published reference takes effect.
    pub lead: Duration,
    /// Profiles that were given as files: they hold for all versions of a model that have no
    /// activation of their own.
    pub files: Vec<(Name, Arc<Profile>)>,
    /// A profile with more features is not used.
    pub max_features: usize,
}

/// Follows the references topic.
pub struct ReferenceFeed {
    follower: Follower,
    schemas: Arc<dyn SchemaSource>,
    table: References,
    read_to_end_at: Instant,
    lead: Duration,
    max_features: usize,
    metrics: Option<Metrics>,
}

impl ReferenceFeed {
    /// A feed that has read the topic to its end; `keep_going` is asked while it has not.
    pub fn open(
        kafka: &KafkaSettings,
        settings: &ReferenceSettings,
        schemas: Arc<dyn SchemaSource>,
        metrics: Option<Metrics>,
        keep_going: &dyn Fn() -> bool,
    ) -> Result<Self> {
        let mut table = References::default();
        for (model, profile) in &settings.files {
            profile.check_size(settings.max_features)?;
            table.set_default(model.clone(), profile.clone());
        }
        let follower = loop {
            match Follower::open(kafka, &settings.topic) {
                Err(error) if error.is_retriable() && keep_going() => {
                    tracing::warn!(%error, "references cannot be read yet");
                    std::thread::sleep(Duration::from_secs(1));
                }
                outcome => break outcome?,
            }
        };
        let (read_to_end_at, lead, max_features) = (Instant::now(), settings.lead, settings.max_features);
        let mut feed =
            ReferenceFeed { follower, schemas, table, read_to_end_at, lead, max_features, metrics };
        while !feed.catch_up(Duration::from_secs(1))? {
            if !keep_going() {
                return Err(Error::bus("stopped before the references were read").retriable());
            }
        }
        Ok(feed)
    }

    /// The references read so far.
    pub fn table(&self) -> &References {
        &self.table
    }

    /// Knows a profile that is about to be published. It is named by its content and holds nowhere without
    /// an activation, so that it does no harm where nothing comes of that.
    pub fn add_profile(&mut self, profile: Arc<Profile>) {
        self.table.add_profile(profile);
    }

    /// Reads on; says whether everything that was written before the call was read.
    pub fn catch_up(&mut self, timeout: Duration) -> Result<bool> {
        let (table, schemas, metrics) = (&mut self.table, &self.schemas, &self.metrics);
        let most = self.max_features;
        let mut on_record = |record: &Record<'_>| {
            // A record that is no reference cannot be mended by stopping: it is told and passed by.
            if let Err(error) = take(table, &**schemas, metrics.as_ref(), most, record) {
                if error.is_retriable() {
                    return Err(error);
                }
                tracing::error!(error = %error.at(record.place()), "a record of the references topic was passed by");
            }
            Ok(())
        };
        let is_read = self.follower.catch_up(timeout, &mut on_record)? == CatchUp::ReadToEnd;
        if is_read {
            self.read_to_end_at = Instant::now();
        }
        Ok(is_read)
    }

    /// Whether the end was not confirmed for half of the lead: then an activation could be missed.
    pub fn is_stale(&self) -> bool {
        self.read_to_end_at.elapsed() > self.lead / 2
    }
}

fn take(
    table: &mut References,
    schemas: &dyn SchemaSource,
    metrics: Option<&Metrics>,
    max_features: usize,
    record: &Record<'_>,
) -> Result<()> {
    let key = ReferenceKey::parse(record.key().unwrap_or_default())?;
    let message = record.payload().map(|payload| decode::<ReferenceMessage>(payload, schemas)).transpose()?;
    match (key, message) {
        (_, Some(ReferenceMessage::Profile(chunk))) => {
            table.add_chunk(chunk, max_features)?;
        }
        (_, Some(ReferenceMessage::Activation(activation))) => {
            if let Some(metrics) = metrics {
                ReferenceActivated {
                    model: &activation.model,
                    version: &activation.version,
                    reference: activation.reference_id.as_str(),
                    effective_from: activation.effective_from,
                }
                .emit(metrics);
            }
            table.activate(activation);
        }
        (ReferenceKey::Profile { id, .. }, None) => table.remove_profile(&id),
        (ReferenceKey::Activation { model, version, effective_from, reference_id }, None) => {
            table.deactivate(&model, &version, effective_from, &reference_id);
        }
    }
    Ok(())
}
