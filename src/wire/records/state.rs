//! The changelog: what a new owner of a partition restores.
//!
//! A further kind of state is a variant of [`StateMessage`], a branch in `schemas/pane.avsc`, a
//! field in [`Branches`] and [`Parts`], and a key in [`StateKey`].

use super::chunks::{Chunked, cut};
use super::content::{FeatureSketchRecord, PaneContent, pane_at, the_profile};
use super::{SCHEMA_VERSION, check_version, no_branch};
use crate::error::Result;
use crate::reference::{Profile, ReferenceId};
use crate::window::PaneData;
use crate::wire::codec::encode_as;
use crate::wire::{Encoding, Record, SchemaName, StateKey};
use crate::words::{Grid, ModelKey, Name, Pane, Time};
use serde::{Deserialize, Serialize, Serializer};

/// A pane as it stood when it closed or was saved.
#[derive(Debug, Clone, PartialEq)]
pub struct PaneSnapshot {
    /// Model, version and segment.
    pub key: ModelKey,
    /// The pane.
    pub pane: Pane,
    /// The reference whose cells the rows are counted in.
    pub reference: Option<ReferenceId>,
    /// Whether the pane is closed.
    pub closed: bool,
    /// The first offset of the deltas' partition that is not merged into it.
    pub included_offset: i64,
    /// The rows, with sketches in the order of the reference's features.
    pub data: PaneData,
}

/// A [`PaneSnapshot`], or a chunk of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaneRecord {
    /// The model.
    pub model: Name,
    /// Its version.
    pub version: Name,
    /// The segment.
    pub segment: Vec<Name>,
    /// Where the pane starts.
    pub pane_start: Time,
    /// The reference whose cells the rows are counted in; null: rows alone are counted.
    pub reference_id: Option<ReferenceId>,
    /// Whether the pane is closed; else it is a snapshot of an open one.
    pub closed: bool,
    /// The first offset of the deltas' partition that is not merged into it.
    pub included_offset: i64,
    /// This chunk's number, from 0.
    pub chunk_index: u32,
    /// How many chunks there are.
    pub chunk_total: u32,
    /// The rows.
    pub content: PaneContent,
}

impl PaneRecord {
    /// `snapshot` in chunks of at most `limit` bytes each in this `encoding`. `profile` must be the
    /// snapshot's reference, and `grid` what its pane is numbered on. Where there were more chunks
    /// before, the rest need tombstones.
    ///
    /// # Panics
    /// When the snapshot's sketches are not those of `profile`.
    pub fn chunks(
        snapshot: &PaneSnapshot,
        profile: Option<&Profile>,
        grid: &Grid,
        limit: usize,
        encoding: Encoding,
    ) -> Result<Vec<PaneRecord>> {
        let whole = PaneRecord {
            model: snapshot.key.model.clone(),
            version: snapshot.key.version.clone(),
            segment: snapshot.key.segment.clone(),
            pane_start: grid.start(snapshot.pane),
            reference_id: snapshot.reference.clone(),
            closed: snapshot.closed,
            included_offset: snapshot.included_offset,
            chunk_index: 0,
            chunk_total: 1,
            content: PaneContent::of(&snapshot.data, profile),
        };
        let chunks = cut(Sized { record: whole, encoding }, limit)?;
        Ok(chunks.into_iter().map(|chunk| chunk.record).collect())
    }

    /// What this chunk holds of its pane, in the order of `profile`'s features; the data of all
    /// chunks, merged, are the snapshot's. Refuses what `profile`, which must be the record's
    /// reference, does not have.
    pub fn part(&self, profile: Option<&Profile>, grid: &Grid) -> Result<PaneSnapshot> {
        let profile = the_profile(self.reference_id.as_ref(), profile)?;
        Ok(PaneSnapshot {
            key: self.model_key(),
            pane: pane_at(self.pane_start, grid)?,
            reference: self.reference_id.clone(),
            closed: self.closed,
            included_offset: self.included_offset,
            data: self.content.data(profile)?,
        })
    }

    /// The key of its record.
    pub fn key(&self) -> StateKey {
        StateKey::Pane { key: self.model_key(), pane_start: self.pane_start, chunk: self.chunk_index }
    }

    /// Model, version and segment.
    pub fn model_key(&self) -> ModelKey {
        ModelKey { model: self.model.clone(), version: self.version.clone(), segment: self.segment.clone() }
    }
}

/// A record beside the encoding that its size is asked in.
#[derive(Clone)]
struct Sized {
    record: PaneRecord,
    encoding: Encoding,
}

impl Chunked for Sized {
    type Item = FeatureSketchRecord;

    fn items(&mut self) -> &mut Vec<FeatureSketchRecord> {
        &mut self.record.content.features
    }

    fn size(&self) -> Result<usize> {
        Ok(encode_as(SchemaName::Pane, &Branches::pane(&self.record), self.encoding)?.len())
    }

    fn number(&mut self, index: u32, total: u32) {
        (self.record.chunk_index, self.record.chunk_total) = (index, total);
    }

    fn strip(&mut self) {
        self.record.content.strip();
    }
}

/// A record of the changelog.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Parts")]
pub enum StateMessage {
    /// `pane`: a pane.
    Pane(PaneRecord),
}

impl StateMessage {
    /// The key of its record.
    pub fn key(&self) -> StateKey {
        match self {
            StateMessage::Pane(pane) => pane.key(),
        }
    }
}

impl Record for StateMessage {
    const SCHEMA: SchemaName = SchemaName::Pane;
    const VERSION: u32 = SCHEMA_VERSION;

    /// A message of a later version is refused as it is read.
    fn schema_version(&self) -> u32 {
        SCHEMA_VERSION
    }
}

impl Serialize for StateMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            StateMessage::Pane(pane) => Branches::pane(pane).serialize(serializer),
        }
    }
}

/// The message as it is written.
#[derive(Serialize)]
struct Branches<'a> {
    schema_version: u32,
    r#type: &'static str,
    pane: Option<&'a PaneRecord>,
}

impl<'a> Branches<'a> {
    fn pane(pane: &'a PaneRecord) -> Self {
        Branches { schema_version: SCHEMA_VERSION, r#type: "pane", pane: Some(pane) }
    }
}

/// The message as it is read.
#[derive(Deserialize)]
struct Parts {
    schema_version: u32,
    r#type: String,
    pane: Option<PaneRecord>,
}

impl TryFrom<Parts> for StateMessage {
    type Error = String;

    fn try_from(parts: Parts) -> Result<Self, String> {
        check_version(parts.schema_version)?;
        match (&*parts.r#type, parts.pane) {
            ("pane", Some(pane)) => Ok(StateMessage::Pane(pane)),
            (kind, _) => Err(no_branch(kind)),
        }
    }
}
