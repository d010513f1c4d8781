//! Profiles and activations on their way to the references topic.

use crate::bus::{KafkaSettings, Outgoing, Publisher};
use crate::error::Result;
use crate::reference::{Activation, Profile};
use crate::wire::{Encoded, Encoding, ReferenceKey, ReferenceMessage, encode, profile_chunks};
use crate::words::Name;

/// The largest record of a profile, in bytes.
const CHUNK_BYTES: usize = 900_000;

/// Publishes to a references topic, in the order in which readers need it.
pub(in crate::cli) struct ReferenceSender {
    topic: String,
    encoding: Encoding,
    publisher: Publisher,
}

impl ReferenceSender {
    pub fn new(kafka: &KafkaSettings, topic: &str, encoding: Encoding) -> Result<Self> {
        Ok(ReferenceSender { topic: topic.to_owned(), encoding, publisher: Publisher::new(kafka)? })
    }

    /// Publishes a profile of `model`; it is taken when this returns, so that an activation is never
    /// read before its profile.
    pub fn profile(&self, model: &Name, profile: &Profile) -> Result<()> {
        for Encoded { record, payload } in profile_chunks(profile, CHUNK_BYTES, self.encoding)? {
            let (id, chunk) = (profile.id().clone(), record.chunk_index);
            self.send(&ReferenceKey::Profile { model: model.clone(), id, chunk }, &payload)?;
        }
        self.publisher.flush()
    }

    /// Publishes an activation; it is taken when this returns.
    pub fn activation(&self, activation: Activation) -> Result<()> {
        let key = ReferenceKey::Activation {
            model: activation.model.clone(),
            version: activation.version.clone(),
            effective_from: activation.effective_from,
            reference_id: activation.reference_id.clone(),
        };
        self.send(&key, &encode(&ReferenceMessage::Activation(activation), self.encoding)?)?;
        self.publisher.flush()
    }

    fn send(&self, key: &ReferenceKey, payload: &[u8]) -> Result<()> {
        let key = key.to_bytes();
        self.publisher.send(Outgoing {
            topic: &self.topic,
            partition: Some(0),
            key: Some(&key),
            payload: Some(payload),
            ..Outgoing::default()
        })
    }
}
