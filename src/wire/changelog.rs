//! Changes of state to records of the changelog and back.

use super::{Encoded, Encoding, PaneRecord, StateKey, StateMessage, decode, encode};
use crate::engine::{self, PaneState, StateChange, StateValue};
use crate::error::{Error, Result};
use crate::event::SchemaSource;
use crate::reference::References;
use crate::words::{Grid, ModelKey, Pane, Time};
use std::collections::BTreeMap;

/// A record of the changelog; without payload it is a tombstone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRecord {
    /// Its key.
    pub key: Vec<u8>,
    /// Its value.
    pub payload: Option<Vec<u8>>,
}

/// The records of a change. A pane that stood in more chunks `before` gets tombstones for the rest.
/// Refuses a pane whose reference is not in `references`.
pub fn state_records(
    change: &StateChange,
    references: &References,
    grid: &Grid,
    limit: usize,
    encoding: Encoding,
    before: u32,
) -> Result<Vec<StateRecord>> {
    let (key, value) = change;
    let message = match (key, value) {
        (engine::StateKey::Pane(key, pane), value) => {
            return pane_records(key, *pane, value.as_ref(), references, grid, limit, encoding, before);
        }
        (_, None) => None,
        (_, Some(StateValue::Incidents(book))) => Some(StateMessage::Incident(book.clone())),
        (_, Some(StateValue::Sequential(test))) => Some(StateMessage::Sequential(test.clone())),
        (_, Some(StateValue::Model(model))) => Some(StateMessage::Model(model.clone())),
        (_, Some(StateValue::Watermark(known))) => Some(StateMessage::Watermark(known.clone())),
        (_, Some(StateValue::Layout(layout))) => Some(StateMessage::Layout(*layout)),
        (_, Some(StateValue::Pane(_))) => return Err(Error::state("a pane under another key")),
    };
    let payload = message.map(|message| encode(&message, encoding)).transpose()?;
    Ok(vec![StateRecord { key: small_key(key)?.to_bytes(), payload }])
}

fn small_key(key: &engine::StateKey) -> Result<StateKey> {
    match key {
        engine::StateKey::Incidents(key) => Ok(StateKey::Incident(key.clone())),
        engine::StateKey::Sequential(key, name) => Ok(StateKey::Sequential(key.clone(), name.clone())),
        engine::StateKey::Model(name) => Ok(StateKey::Model(name.clone())),
        engine::StateKey::Watermark => Ok(StateKey::Watermark),
        engine::StateKey::Layout => Ok(StateKey::Layout),
        engine::StateKey::Pane(..) => Err(Error::state("a pane has a key for each chunk")),
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of a pane, and how it is written")]
fn pane_records(
    key: &ModelKey,
    pane: Pane,
    value: Option<&StateValue>,
    references: &References,
    grid: &Grid,
    limit: usize,
    encoding: Encoding,
    before: u32,
) -> Result<Vec<StateRecord>> {
    let mut records = Vec::new();
    if let Some(StateValue::Pane(state)) = value {
        let id = state.reference.as_ref().map(|reference| &reference.id);
        let profile = id.map(|id| references.profile(id).ok_or_else(|| gone(id.as_str()))).transpose()?;
        let profile = profile.map(|profile| &**profile);
        for Encoded { record, payload } in
            PaneRecord::chunks(key, pane, state, profile, grid, limit, encoding)?
        {
            records.push(StateRecord { key: record.key().to_bytes(), payload: Some(payload) });
        }
    }
    let pane_start = grid.start(pane);
    let rest = records.len() as u32..before.max(u32::from(value.is_none()));
    let tombstone = |chunk| StateKey::Pane { key: key.clone(), pane_start, chunk }.to_bytes();
    records.extend(rest.map(|chunk| StateRecord { key: tombstone(chunk), payload: None }));
    Ok(records)
}

fn gone(id: &str) -> Error {
    Error::state(format!("the state was counted by reference {id}, which is gone"))
        .hint("publish the reference again with `driftline reference publish`")
}

/// Gathers the records of a changelog partition, of which the last of a key counts.
#[derive(Debug, Default)]
pub struct StateReader {
    panes: BTreeMap<(ModelKey, Time), BTreeMap<u32, PaneRecord>>,
    values: BTreeMap<engine::StateKey, StateValue>,
}

/// In how many chunks panes stand in the changelog.
pub type PaneChunks = BTreeMap<(ModelKey, Pane), u32>;

impl StateReader {
    /// Nothing read yet.
    pub fn new() -> Self {
        StateReader::default()
    }

    /// Takes a record; the caller adds where it stood to an error.
    pub fn read(&mut self, key: &[u8], payload: Option<&[u8]>, schemas: &dyn SchemaSource) -> Result<()> {
        let key = StateKey::parse(key)?;
        let message = payload.map(|payload| decode::<StateMessage>(payload, schemas)).transpose()?;
        let value = match (key, message) {
            (StateKey::Pane { key, pane_start, chunk }, Some(StateMessage::Pane(record))) => {
                self.panes.entry((key, pane_start)).or_default().insert(chunk, record);
                return Ok(());
            }
            (StateKey::Pane { key, pane_start, chunk }, None) => {
                if let Some(chunks) = self.panes.get_mut(&(key, pane_start)) {
                    chunks.remove(&chunk);
                }
                return Ok(());
            }
            (StateKey::Incident(key), message) => (engine::StateKey::Incidents(key), message),
            (StateKey::Sequential(key, name), message) => (engine::StateKey::Sequential(key, name), message),
            (StateKey::Model(name), message) => (engine::StateKey::Model(name), message),
            (StateKey::Watermark, message) => (engine::StateKey::Watermark, message),
            (StateKey::Layout, message) => (engine::StateKey::Layout, message),
            (key, _) => return Err(Error::state(format!("a record of another kind under the key {key:?}"))),
        };
        match value {
            (key, None) => {
                self.values.remove(&key);
            }
            (key, Some(message)) => {
                let value = match message {
                    StateMessage::Incident(book) => StateValue::Incidents(book),
                    StateMessage::Sequential(test) => StateValue::Sequential(test),
                    StateMessage::Model(model) => StateValue::Model(model),
                    StateMessage::Watermark(known) => StateValue::Watermark(known),
                    StateMessage::Layout(layout) => StateValue::Layout(layout),
                    StateMessage::Pane(_) => {
                        return Err(Error::state(format!("a pane under the key {key:?}")));
                    }
                };
                self.values.insert(key, value);
            }
        }
        Ok(())
    }

    /// The state, and in how many chunks each pane stands. Refuses a pane that is not whole.
    pub fn finish(self, references: &References, grid: &Grid) -> Result<(Vec<StateChange>, PaneChunks)> {
        let mut changes: Vec<StateChange> =
            self.values.into_iter().map(|(key, value)| (key, Some(value))).collect();
        let mut standing = PaneChunks::new();
        for ((key, start), chunks) in self.panes {
            let Some(first) = chunks.get(&0) else { continue };
            if chunks.len() < first.chunk_total as usize {
                let what = format!("{} of {} chunks of a pane", chunks.len(), first.chunk_total);
                return Err(Error::state(what).at(format!("{key} {start}")));
            }
            let mut whole: Option<(Pane, PaneState)> = None;
            for chunk in chunks.values() {
                let id = chunk.reference.as_ref().map(|reference| &reference.id);
                let profile =
                    id.map(|id| references.profile(id).ok_or_else(|| gone(id.as_str()))).transpose()?;
                let (_, pane, state) = chunk.part(profile.map(|profile| &**profile), grid)?;
                match &mut whole {
                    None => whole = Some((pane, state)),
                    Some((_, first)) => first.data.merge(&state.data),
                }
            }
            if let Some((pane, state)) = whole {
                standing.insert((key.clone(), pane), chunks.len() as u32);
                changes.push((engine::StateKey::Pane(key, pane), Some(StateValue::Pane(state))));
            }
        }
        Ok((changes, standing))
    }
}
