//! The rows of a pane, as deltas and the changelog carry them.
//!
//! Features go by name and only those with rows; a reader puts them in the order of the reference
//! and refuses what the reference does not have.

use crate::error::{Error, Result};
use crate::reference::{Profile, ReferenceId};
use crate::sketch::{Census, CensusRecord, FeatureSketch, LookCounts, SketchRecord, UnseenCount, sparse};
use crate::window::{Flow, LookTally, OffsetRange, PaneData};
use crate::words::{Grid, Name, Pane, Time};
use serde::{Deserialize, Serialize};

/// Half-open offsets of an input partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceOffsets {
    /// Topic.
    pub topic: Name,
    /// Partition.
    pub partition: i32,
    /// Offset of the first record counted.
    pub first_offset: i64,
    /// The offset after the last record counted.
    pub next_offset: i64,
}

/// A feature's summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureSketchRecord {
    /// The feature.
    pub feature: Name,
    /// Its summary; empty where its values are gathered.
    pub sketch: SketchRecord,
    /// Its values, gathered for a reference to come; null where they are counted by one.
    #[serde(default)]
    pub census: Option<CensusRecord>,
}

/// Rows of one pane, summarized. Chunks add up: what is not by feature stands in the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaneContent {
    /// What became of the rows.
    pub flow: Flow,
    /// Where the rows that are in the pane stand in the input.
    pub offsets: Vec<SourceOffsets>,
    /// Columns that the reference does not have, with their rows.
    pub unknown_features: Vec<UnseenCount>,
    /// The features that had rows, ascending by name.
    pub features: Vec<FeatureSketchRecord>,
}

impl PaneContent {
    /// What `data` holds, whose sketches must be in the order of `profile`'s features (none without
    /// a profile).
    pub(super) fn of(data: &PaneData, profile: Option<&Profile>) -> PaneContent {
        let features = profile.map_or(&[][..], Profile::features);
        assert!(
            data.features.is_empty() || data.features.len() == features.len(),
            "{} sketches of a reference of {} features",
            data.features.len(),
            features.len()
        );
        let offsets = data.offsets.iter().map(|((topic, partition), range)| SourceOffsets {
            topic: topic.clone(),
            partition: *partition,
            first_offset: range.first,
            next_offset: range.next,
        });
        let with_rows = features.iter().zip(&data.features).enumerate();
        let with_rows = with_rows.filter(|(_, (_, sketch))| sketch.tally.rows() > 0);
        PaneContent {
            flow: data.flow,
            offsets: offsets.collect(),
            unknown_features: data
                .unknown
                .iter()
                .map(|(name, count)| UnseenCount { name: name.clone(), count })
                .collect(),
            features: with_rows
                .map(|(at, (feature, sketch))| FeatureSketchRecord {
                    feature: feature.name.clone(),
                    sketch: SketchRecord { looks: looks_of(data, at), ..SketchRecord::from(sketch) },
                    census: None,
                })
                .chain(data.census.iter().map(gathered))
                .collect(),
        }
    }

    /// The same as data to merge, in the order of `profile`'s features.
    pub(super) fn data(&self, profile: Option<&Profile>) -> Result<PaneData> {
        let mut data = PaneData { flow: self.flow, ..PaneData::default() };
        for offsets in &self.offsets {
            let range = OffsetRange { first: offsets.first_offset, next: offsets.next_offset };
            OffsetRange::widen_in(&mut data.offsets, &(offsets.topic.clone(), offsets.partition), range);
        }
        self.unknown_features.iter().for_each(|unknown| data.unknown.add(&unknown.name, unknown.count));
        for record in &self.features {
            let Some(census) = &record.census else { continue };
            let refused = |why: String| Error::input(format!("feature `{}`: {why}", record.feature));
            data.census.insert(record.feature.clone(), Census::try_from(census).map_err(refused)?);
        }
        let mut counted = self.features.iter().filter(|record| record.census.is_none());
        if let Some(profile) = profile {
            data.features = vec![FeatureSketch::default(); profile.features().len()];
            for record in counted {
                place(record, profile, &mut data)?;
            }
        } else if let Some(record) = counted.next() {
            return Err(Error::input(format!("feature `{}` without a reference", record.feature)));
        }
        Ok(data)
    }

    /// Takes out what only the first chunk carries.
    pub(super) fn strip(&mut self) {
        self.flow = Flow::default();
        self.offsets.clear();
        self.unknown_features.clear();
    }
}

/// A column whose values are gathered.
fn gathered((name, census): (&Name, &Census)) -> FeatureSketchRecord {
    let sketch = SketchRecord::from(&FeatureSketch::default());
    FeatureSketchRecord { feature: name.clone(), sketch, census: Some(census.into()) }
}

/// The counts by look of the feature at `position`.
fn looks_of(data: &PaneData, position: usize) -> Vec<LookCounts> {
    let of = |(look, counts): (&i64, &LookTally)| {
        let (cells, counts) = sparse(counts.get(position).map_or(&[], Vec::as_slice));
        LookCounts { look: *look, cells, counts }
    };
    data.looks.iter().map(of).filter(|look| !look.cells.is_empty()).collect()
}

/// Puts a feature's sketch and looks in their place. Its cells are checked first, so that no record can claim
/// more of them than the reference has.
fn place(record: &FeatureSketchRecord, profile: &Profile, data: &mut PaneData) -> Result<()> {
    let refused = |why: String| Error::input(format!("feature `{}`: {why}", record.feature)).at(profile.id());
    let position = profile.position(&record.feature);
    let position = position.ok_or_else(|| refused("the reference does not have it".into()))?;
    let cells = profile.features()[position].basis.cells();
    if record.sketch.cells_total as usize != cells {
        return Err(refused(format!("{} cells, but {cells} in the reference", record.sketch.cells_total)));
    }
    if !data.features[position].tally.cells.is_empty() {
        return Err(refused("there twice".into()));
    }
    data.features[position] = FeatureSketch::try_from(&record.sketch).map_err(refused)?;
    for LookCounts { look, cells: counted, counts } in &record.sketch.looks {
        // Coarse cells are unions of the feature's own, and two beside them.
        let is_sound = counted.len() == counts.len() && counted.iter().all(|at| (*at as usize) < cells + 2);
        if !is_sound {
            return Err(refused(format!("look {look} counts cells that the feature does not have")));
        }
        let of_look = data.looks.entry(*look).or_insert_with(|| vec![Vec::new(); profile.features().len()]);
        let dense = &mut of_look[position];
        for (cell, count) in counted.iter().zip(counts) {
            dense.resize(dense.len().max(*cell as usize + 1), 0);
            dense[*cell as usize] += count;
        }
    }
    Ok(())
}

/// The pane that starts at `start`.
pub(super) fn pane_at(start: Time, grid: &Grid) -> Result<Pane> {
    let pane = grid.pane_of(start);
    if grid.start(pane) == start {
        return Ok(pane);
    }
    let what = format!("no pane of {} ms starts at {start}", grid.slide_ms());
    Err(Error::state(what).hint("the slide was changed while records of the old one were left"))
}

/// The profile that a record is counted in, when `profile` is it.
pub(super) fn the_profile<'p>(
    id: Option<&ReferenceId>,
    profile: Option<&'p Profile>,
) -> Result<Option<&'p Profile>> {
    match (id, profile) {
        (None, _) => Ok(None),
        (Some(id), Some(profile)) if profile.id() == id => Ok(Some(profile)),
        (Some(id), _) => Err(Error::input(format!("rows counted by {id}, which was not given"))),
    }
}
