//! The changelog: what a new owner of a partition restores.

use super::chunks::{Chunked, Encoded, cut};
use super::content::{FeatureSketchRecord, PaneContent, pane_at, the_profile};
use super::{SCHEMA_VERSION, check_version, no_branch};
use crate::engine::{Layout, ModelRecord, PaneState, PartitionRecord, SequentialRecord};
use crate::error::Result;
use crate::policy::BookRecord;
use crate::policy::record::ReferenceInfo;
use crate::reference::Profile;
use crate::wire::codec::encode_as;
use crate::wire::{Encoding, Record, SchemaName, StateKey};
use crate::words::{Grid, ModelKey, Name, Pane, Time};
use serde::{Deserialize, Serialize};

/// A pane as it stood when it closed or was saved, or a chunk of it.
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
    pub reference: Option<ReferenceInfo>,
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
    /// `state` in chunks of at most `limit` bytes each in this `encoding`. `profile` must be the
    /// state's reference, and `grid` what its pane is numbered on.
    ///
    /// # Panics
    /// When the state's sketches are not those of `profile`.
    pub fn chunks(
        key: &ModelKey,
        pane: Pane,
        state: &PaneState,
        profile: Option<&Profile>,
        grid: &Grid,
        limit: usize,
        encoding: Encoding,
    ) -> Result<Vec<Encoded<PaneRecord>>> {
        let whole = PaneRecord {
            model: key.model.clone(),
            version: key.version.clone(),
            segment: key.segment.clone(),
            pane_start: grid.start(pane),
            reference: state.reference.clone(),
            closed: state.closed,
            included_offset: state.included_offset,
            chunk_index: 0,
            chunk_total: 1,
            content: PaneContent::of(&state.data, profile),
        };
        cut(whole, limit, encoding)
    }

    /// What this chunk holds of its pane, in the order of `profile`'s features; the data of all
    /// chunks, merged, are the pane's. Refuses what `profile`, which must be the record's reference,
    /// does not have.
    pub fn part(&self, profile: Option<&Profile>, grid: &Grid) -> Result<(ModelKey, Pane, PaneState)> {
        let profile = the_profile(self.reference.as_ref().map(|reference| &reference.id), profile)?;
        let state = PaneState {
            reference: self.reference.clone(),
            closed: self.closed,
            included_offset: self.included_offset,
            data: self.content.data(profile)?,
        };
        Ok((self.model_key(), pane_at(self.pane_start, grid)?, state))
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

impl Chunked for PaneRecord {
    type Item = FeatureSketchRecord;

    fn items(&mut self) -> &mut Vec<FeatureSketchRecord> {
        &mut self.content.features
    }

    fn bytes(&self, encoding: Encoding) -> Result<Vec<u8>> {
        type OfPane<'a> = Branches<&'a PaneRecord, (), (), (), (), ()>;
        let message: OfPane<'_> = Branches { pane: Some(self), ..Branches::of("pane") };
        encode_as(SchemaName::Pane, &message, encoding)
    }

    fn number(&mut self, index: u32, total: u32) {
        (self.chunk_index, self.chunk_total) = (index, total);
    }

    fn strip(&mut self) {
        self.content.strip();
    }
}

/// A record of the changelog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub enum StateMessage {
    /// `pane`: a pane, or a chunk of it.
    Pane(PaneRecord),
    /// `incident`: the incidents of a model key.
    Incident(BookRecord),
    /// `sequential`: the sequential test of a feature.
    Sequential(SequentialRecord),
    /// `model`: a model.
    Model(ModelRecord),
    /// `watermark`: the input partitions.
    Watermark(PartitionRecord),
    /// `layout`: how the state is cut.
    Layout(Layout),
}

impl Record for StateMessage {
    const SCHEMA: SchemaName = SchemaName::Pane;
    const VERSION: u32 = SCHEMA_VERSION;

    /// A message of a later version is refused as it is read.
    fn schema_version(&self) -> u32 {
        SCHEMA_VERSION
    }
}

/// The message as it is written and read, with what its branches hold by value or by reference.
#[derive(Serialize, Deserialize)]
struct Branches<P, I, S, M, W, L> {
    schema_version: u32,
    r#type: String,
    pane: Option<P>,
    incident: Option<I>,
    sequential: Option<S>,
    model: Option<M>,
    watermark: Option<W>,
    layout: Option<L>,
}

type Parts = Branches<PaneRecord, BookRecord, SequentialRecord, ModelRecord, PartitionRecord, Layout>;

impl<P, I, S, M, W, L> Branches<P, I, S, M, W, L> {
    fn of(kind: &str) -> Self {
        Branches {
            schema_version: SCHEMA_VERSION,
            r#type: kind.to_owned(),
            pane: None,
            incident: None,
            sequential: None,
            model: None,
            watermark: None,
            layout: None,
        }
    }
}

impl From<StateMessage> for Parts {
    fn from(message: StateMessage) -> Self {
        match message {
            StateMessage::Pane(pane) => Branches { pane: Some(pane), ..Branches::of("pane") },
            StateMessage::Incident(book) => Branches { incident: Some(book), ..Branches::of("incident") },
            StateMessage::Sequential(test) => {
                Branches { sequential: Some(test), ..Branches::of("sequential") }
            }
            StateMessage::Model(model) => Branches { model: Some(model), ..Branches::of("model") },
            StateMessage::Watermark(known) => {
                Branches { watermark: Some(known), ..Branches::of("watermark") }
            }
            StateMessage::Layout(layout) => Branches { layout: Some(layout), ..Branches::of("layout") },
        }
    }
}

impl TryFrom<Parts> for StateMessage {
    type Error = String;

    fn try_from(parts: Parts) -> Result<Self, String> {
        check_version(parts.schema_version)?;
        let message = match &*parts.r#type {
            "pane" => parts.pane.map(StateMessage::Pane),
            "incident" => parts.incident.map(StateMessage::Incident),
            "sequential" => parts.sequential.map(StateMessage::Sequential),
            "model" => parts.model.map(StateMessage::Model),
            "watermark" => parts.watermark.map(StateMessage::Watermark),
            "layout" => parts.layout.map(StateMessage::Layout),
            _ => None,
        };
        message.ok_or_else(|| no_branch(&parts.r#type))
    }
}
