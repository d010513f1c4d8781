//! The deltas' topic: contributions to panes, and how far the input has come.

use super::chunks::{Chunked, Encoded, cut};
use super::content::{FeatureSketchRecord, PaneContent, pane_at, the_profile};
use super::{SCHEMA_VERSION, check_version, no_branch};
use crate::engine::{Delta, Progress};
use crate::error::Result;
use crate::reference::{Profile, ReferenceId};
use crate::window::PartitionProgress;
use crate::wire::codec::encode_as;
use crate::wire::{DeltaKey, Encoding, Record, SchemaName};
use crate::words::{Grid, ModelKey, Name, Time};
use serde::{Deserialize, Serialize, Serializer};

/// What an instance's partitions contributed to one pane between two commits, or a chunk of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeltaRecord {
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
    /// This chunk's number, from 0.
    pub chunk_index: u32,
    /// How many chunks there are.
    pub chunk_total: u32,
    /// The rows.
    pub content: PaneContent,
}

impl DeltaRecord {
    /// `delta` in chunks of at most `limit` bytes each in this `encoding`. `profile` must be the
    /// delta's reference, and `grid` what its pane is numbered on.
    ///
    /// # Panics
    /// When the delta's sketches are not those of `profile`.
    pub fn chunks(
        delta: &Delta,
        profile: Option<&Profile>,
        grid: &Grid,
        limit: usize,
        encoding: Encoding,
    ) -> Result<Vec<Encoded<DeltaRecord>>> {
        let whole = DeltaRecord {
            model: delta.key.model.clone(),
            version: delta.key.version.clone(),
            segment: delta.key.segment.clone(),
            pane_start: grid.start(delta.pane),
            reference_id: delta.reference.clone(),
            chunk_index: 0,
            chunk_total: 1,
            content: PaneContent::of(&delta.data, profile),
        };
        cut(whole, limit, encoding)
    }

    /// What this chunk adds to its pane, in the order of `profile`'s features. Refuses what
    /// `profile`, which must be the record's reference, does not have.
    pub fn part(&self, profile: Option<&Profile>, grid: &Grid) -> Result<Delta> {
        let profile = the_profile(self.reference_id.as_ref(), profile)?;
        Ok(Delta {
            key: self.model_key(),
            pane: pane_at(self.pane_start, grid)?,
            reference: self.reference_id.clone(),
            data: self.content.data(profile)?,
        })
    }

    /// The same rows without sketches and the reference that they were counted by.
    pub fn rows_alone(&self) -> DeltaRecord {
        let mut alone = DeltaRecord { reference_id: None, ..self.clone() };
        alone.content.features.clear();
        alone
    }

    /// The key of its record.
    pub fn key(&self) -> DeltaKey {
        let chunk = (self.chunk_total > 1).then_some(self.chunk_index);
        DeltaKey::Delta { key: self.model_key(), chunk }
    }

    /// Model, version and segment.
    pub fn model_key(&self) -> ModelKey {
        ModelKey { model: self.model.clone(), version: self.version.clone(), segment: self.segment.clone() }
    }
}

impl Chunked for DeltaRecord {
    type Item = FeatureSketchRecord;

    fn items(&mut self) -> &mut Vec<FeatureSketchRecord> {
        &mut self.content.features
    }

    fn bytes(&self, encoding: Encoding) -> Result<Vec<u8>> {
        encode_as(SchemaName::Delta, &Branches::delta(self), encoding)
    }

    fn number(&mut self, index: u32, total: u32) {
        (self.chunk_index, self.chunk_total) = (index, total);
    }

    fn strip(&mut self) {
        self.content.strip();
    }
}

/// An input topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicPartitions {
    /// Topic.
    pub topic: Name,
    /// How many partitions it has.
    pub partitions: i32,
}

/// How far an instance's input partitions have come, and which partitions there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressRecord {
    /// All input topics.
    pub topics: Vec<TopicPartitions>,
    /// The partitions that the instance owns.
    pub partitions: Vec<PartitionProgress>,
}

impl From<&Progress> for ProgressRecord {
    fn from(progress: &Progress) -> Self {
        let topic = |(topic, partitions): &(Name, i32)| TopicPartitions {
            topic: topic.clone(),
            partitions: *partitions,
        };
        ProgressRecord {
            topics: progress.topics.iter().map(topic).collect(),
            partitions: progress.partitions.clone(),
        }
    }
}

impl From<ProgressRecord> for Progress {
    fn from(record: ProgressRecord) -> Self {
        Progress {
            topics: record.topics.into_iter().map(|topic| (topic.topic, topic.partitions)).collect(),
            partitions: record.partitions,
        }
    }
}

/// A record of the deltas' topic.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Parts")]
pub enum DeltaMessage {
    /// `delta`: a contribution to a pane.
    Delta(DeltaRecord),
    /// `watermark`: how far the input has come.
    Watermark(ProgressRecord),
}

impl DeltaMessage {
    /// The key of its record.
    pub fn key(&self) -> DeltaKey {
        match self {
            DeltaMessage::Delta(delta) => delta.key(),
            DeltaMessage::Watermark(_) => DeltaKey::Watermark,
        }
    }
}

impl Record for DeltaMessage {
    const SCHEMA: SchemaName = SchemaName::Delta;
    const VERSION: u32 = SCHEMA_VERSION;

    /// A message of a later version is refused as it is read.
    fn schema_version(&self) -> u32 {
        SCHEMA_VERSION
    }
}

impl Serialize for DeltaMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            DeltaMessage::Delta(delta) => Branches::delta(delta).serialize(serializer),
            DeltaMessage::Watermark(progress) => Branches::watermark(progress).serialize(serializer),
        }
    }
}

/// The message as it is written.
#[derive(Serialize)]
struct Branches<'a> {
    schema_version: u32,
    r#type: &'static str,
    delta: Option<&'a DeltaRecord>,
    watermark: Option<&'a ProgressRecord>,
}

impl<'a> Branches<'a> {
    fn delta(delta: &'a DeltaRecord) -> Self {
        Branches { schema_version: SCHEMA_VERSION, r#type: "delta", delta: Some(delta), watermark: None }
    }

    fn watermark(progress: &'a ProgressRecord) -> Self {
        let watermark = Some(progress);
        Branches { schema_version: SCHEMA_VERSION, r#type: "watermark", delta: None, watermark }
    }
}

/// The message as it is read.
#[derive(Deserialize)]
struct Parts {
    schema_version: u32,
    r#type: String,
    delta: Option<DeltaRecord>,
    watermark: Option<ProgressRecord>,
}

impl TryFrom<Parts> for DeltaMessage {
    type Error = String;

    fn try_from(parts: Parts) -> Result<Self, String> {
        check_version(parts.schema_version)?;
        match (&*parts.r#type, parts.delta, parts.watermark) {
            ("delta", Some(delta), _) => Ok(DeltaMessage::Delta(delta)),
            ("watermark", _, Some(progress)) => Ok(DeltaMessage::Watermark(progress)),
            (kind, _, _) => Err(no_branch(kind)),
        }
    }
}
