//! Commands on their way to the owners of their models, and what these say became of them.

use super::StageTopics;
use super::schemas::Encodings;
use crate::bus::{Follower, KafkaSettings, Outgoing, Publisher, Record, partition_of};
use crate::error::{Error, Result};
use crate::event::SchemaSource;
use crate::policy::record::Command;
use crate::wire::{Encoding, decode, encode};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long one look at the control topic may take.
const LOOK: Duration = Duration::from_secs(2);
/// Most commands of which is remembered what became of them: the latest.
const REMEMBERED_MAX: usize = 10_000;

/// Sends commands and says what became of them. It may be shared by threads, and waits for brokers.
pub struct CommandDesk {
    kafka: KafkaSettings,
    topic: String,
    partitions: u32,
    encoding: Encoding,
    schemas: Arc<dyn SchemaSource>,
    publisher: Publisher,
    heard: Mutex<Heard>,
}

/// What was read of the control topic.
#[derive(Default)]
struct Heard {
    follower: Option<Follower>,
    /// The last record of each command.
    commands: BTreeMap<String, Command>,
    /// Their ids, the oldest first.
    order: VecDeque<String>,
}

impl CommandDesk {
    /// A desk for the control topic among `topics`; it connects when it is first used.
    ///
    /// # Errors
    /// The settings do not make a producer.
    pub fn new(
        kafka: &KafkaSettings,
        topics: &StageTopics,
        encodings: &Encodings,
        schemas: Arc<dyn SchemaSource>,
    ) -> Result<Self> {
        Ok(CommandDesk {
            kafka: kafka.clone(),
            topic: topics.control.clone(),
            partitions: topics.partitions.unsigned_abs(),
            encoding: encodings.control,
            schemas,
            publisher: Publisher::new(kafka)?,
            heard: Mutex::default(),
        })
    }

    /// Sends a command to the owner of its model; it is on the topic when this returns.
    ///
    /// # Errors
    /// The brokers refuse it, or do not answer in 30 s (retriable).
    pub fn send(&self, command: &Command) -> Result<()> {
        let (key, payload) = (command.model.as_bytes(), encode(command, self.encoding)?);
        self.publisher.send(Outgoing {
            topic: &self.topic,
            partition: Some(partition_of(key, self.partitions)),
            key: Some(key),
            payload: Some(&payload),
            ..Outgoing::default()
        })?;
        self.publisher.flush()
    }

    /// The command of this id, with what became of it as far as it is known now; `None`: there is
    /// none, or it was sent too long ago.
    ///
    /// # Errors
    /// The topic can't be read.
    pub fn latest(&self, id: &str) -> Result<Option<Command>> {
        // Each change is one insertion, so a panic elsewhere leaves nothing half done.
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.follower.is_none() {
            heard.follower = Some(Follower::open(&self.kafka, &self.topic)?);
        }
        let Heard { follower, commands, order } = &mut *heard;
        let mut on_record = |record: &Record<'_>| {
            let Some(payload) = record.payload() else { return Ok(()) };
            match decode::<Command>(payload, &*self.schemas) {
                Ok(command) => remember(commands, order, command),
                Err(error) if error.is_retriable() => return Err(error),
                // It is in the dead letters.
                Err(_) => {}
            }
            Ok(())
        };
        let read = follower.as_mut().map(|follower| follower.catch_up(LOOK, &mut on_record));
        if let Some(Err(error)) = read {
            // What was deleted before it was read needs no answer: reading begins anew.
            *follower = None;
            return Err(Error::retriable(error));
        }
        Ok(commands.get(id).cloned())
    }
}

/// Keeps the last record of each command; what became of one is never followed by the command itself.
fn remember(commands: &mut BTreeMap<String, Command>, order: &mut VecDeque<String>, command: Command) {
    match commands.get_mut(&command.id) {
        Some(known) if command.status.is_some() => *known = command,
        Some(_) => {}
        None => {
            order.push_back(command.id.clone());
            commands.insert(command.id.clone(), command);
            if order.len() > REMEMBERED_MAX
                && let Some(oldest) = order.pop_front()
            {
                commands.remove(&oldest);
            }
        }
    }
}

/// A new id: `cmd_` and a random UUID (RFC 9562, version 4).
pub fn command_id() -> String {
    let bits = rand::random::<u128>();
    let bits = bits & !(0xf << 76) | (4 << 76);
    let bits = bits & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    format!("cmd_{}", parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_random_uuid() {
        let id = command_id();
        let parts: Vec<&str> = id.trim_start_matches("cmd_").split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']), "{id}");
        assert_ne!(id, command_id());
    }
}
