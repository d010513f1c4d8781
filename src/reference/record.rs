//! The form of a profile in files and on the references topic.

use super::{Calibration, EarlySight, FeatureProfile, Profile, ReferenceId, SeasonCounts};
use crate::error::{Error, Result};
use crate::sketch::{Basis, Categories, FeatureSketch, OrderedCells, SketchRecord};
use crate::words::{Kind, Name, Role};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Version of the form of profiles.
pub const PROFILE_SCHEMA_VERSION: u32 = 1;

/// One feature of a profile, as records carry it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureProfileRecord {
    /// The feature.
    pub feature: Name,
    /// Its role.
    pub role: Role,
    /// Its kind.
    pub kind: Kind,
    /// Edges between cells; empty for categories.
    pub edges: Vec<f64>,
    /// Positions of the edges that also end a bin of PSI.
    pub bin_ends: Vec<u32>,
    /// Categories with a count of their own, in the order of their cells; empty for numbers.
    pub categories: Vec<Name>,
    /// XXH3-64 hashes of the other categories, as signed numbers of the same bits, in the order of the unsigned.
    pub other_hashes: Vec<i64>,
    /// Whether all categories of the reference are known.
    pub categories_complete: bool,
    /// Categories seen exactly once.
    pub singletons: u64,
    /// Categories seen exactly twice.
    #[serde(default)]
    pub doubletons: u64,
    /// What the reference counted.
    pub sketch: SketchRecord,
    /// How much its chunks differ, by their length.
    #[serde(default)]
    pub calibration: Vec<Calibration>,
    /// What was counted by hour of the day or week.
    #[serde(default)]
    pub season: Option<SeasonCounts>,
    /// What came of trying early sight on the reference's rows.
    #[serde(default)]
    pub early: Option<EarlySight>,
}

/// A profile, or one chunk of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileRecord {
    /// [`PROFILE_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Always `reference_profile`.
    pub r#type: String,
    /// The profile's id.
    pub id: ReferenceId,
    /// Rows it was built from.
    pub rows: u64,
    /// This chunk's number, from 0.
    pub chunk_index: u32,
    /// How many chunks there are.
    pub chunk_total: u32,
    /// The features of this chunk, ascending by name over all chunks.
    pub features: Vec<FeatureProfileRecord>,
}

impl ProfileRecord {
    /// The whole profile in one record.
    pub fn whole(profile: &Profile) -> ProfileRecord {
        ProfileRecord::chunks(profile, usize::MAX).remove(0)
    }

    /// The profile in chunks of at most `features_per_chunk` features.
    pub fn chunks(profile: &Profile, features_per_chunk: usize) -> Vec<ProfileRecord> {
        let chunks: Vec<_> = profile.features().chunks(features_per_chunk.max(1)).collect();
        let total = chunks.len().max(1) as u32;
        let record = |index: usize, features: &[FeatureProfile]| ProfileRecord {
            schema_version: PROFILE_SCHEMA_VERSION,
            r#type: "reference_profile".into(),
            id: profile.id().clone(),
            rows: profile.rows(),
            chunk_index: index as u32,
            chunk_total: total,
            features: features.iter().map(FeatureProfileRecord::from).collect(),
        };
        if chunks.is_empty() {
            return vec![record(0, &[])];
        }
        chunks.into_iter().enumerate().map(|(index, features)| record(index, features)).collect()
    }

    /// The profile of all its chunks, in any order. Refuses what is not whole, breaks a promise or
    /// does not hash to its id.
    pub fn assemble(chunks: &[ProfileRecord]) -> Result<Profile> {
        let first = chunks.first().ok_or_else(|| Error::input("a profile without records"))?;
        let refused = |why: String| Error::input(why).at(&first.id).hint("build the reference again");
        if first.schema_version > PROFILE_SCHEMA_VERSION {
            return Err(refused(format!("profile of schema version {}", first.schema_version)));
        }
        let mut indices: Vec<u32> = chunks.iter().map(|chunk| chunk.chunk_index).collect();
        indices.sort_unstable();
        indices.dedup();
        if indices.len() != first.chunk_total as usize || chunks.iter().any(|c| c.id != first.id) {
            return Err(refused(format!("{} of {} chunks of a profile", indices.len(), first.chunk_total)));
        }
        let features = chunks.iter().flat_map(|chunk| &chunk.features);
        let features: Vec<FeatureProfile> =
            features.map(FeatureProfile::try_from).collect::<Result<_, _>>().map_err(refused)?;
        let profile = Profile::new(first.rows, features);
        if *profile.id() != first.id {
            return Err(refused(format!("the profile's content hashes to {}", profile.id())));
        }
        Ok(profile)
    }
}

impl From<&FeatureProfile> for FeatureProfileRecord {
    fn from(feature: &FeatureProfile) -> Self {
        let mut record = FeatureProfileRecord {
            feature: feature.name.clone(),
            role: feature.role,
            kind: feature.kind,
            edges: Vec::new(),
            bin_ends: Vec::new(),
            categories: Vec::new(),
            other_hashes: Vec::new(),
            categories_complete: true,
            singletons: feature.singletons,
            doubletons: feature.doubletons,
            sketch: SketchRecord::from(&feature.sketch),
            calibration: feature.calibration.clone(),
            season: feature.season.clone(),
            early: feature.early.clone(),
        };
        match &*feature.basis {
            Basis::Ordered(cells) => {
                record.edges = cells.edges().to_vec();
                record.bin_ends = cells.bin_ends().to_vec();
            }
            Basis::Categories(categories) => {
                record.categories = categories.names().to_vec();
                record.other_hashes = categories.others().iter().map(|hash| hash.cast_signed()).collect();
                record.categories_complete = categories.is_complete();
            }
        }
        record
    }
}

impl TryFrom<&FeatureProfileRecord> for FeatureProfile {
    type Error = String;

    fn try_from(record: &FeatureProfileRecord) -> Result<Self, String> {
        let of = |why: String| format!("feature `{}`: {why}", record.feature);
        let basis = if record.kind.is_numeric() {
            Basis::Ordered(OrderedCells::new(record.edges.clone(), record.bin_ends.clone()).map_err(of)?)
        } else {
            let others = record.other_hashes.iter().map(|hash| hash.cast_unsigned()).collect();
            let categories = Categories::new(record.categories.clone(), others, record.categories_complete);
            Basis::Categories(categories.map_err(of)?)
        };
        let sketch = FeatureSketch::try_from(&record.sketch).map_err(of)?;
        if sketch.tally.cells.len() != basis.cells() {
            return Err(of(format!("{} counts for {} cells", sketch.tally.cells.len(), basis.cells())));
        }
        let profile = FeatureProfile {
            name: record.feature.clone(),
            role: record.role,
            kind: record.kind,
            basis: Arc::new(basis),
            sketch,
            singletons: record.singletons,
            doubletons: record.doubletons,
            calibration: record.calibration.clone(),
            season: record.season.clone(),
            early: record.early.clone(),
        };
        match profile.season.as_ref().map_or(Ok(()), |season| season.check(&profile)) {
            Ok(()) => Ok(profile),
            Err(why) => Err(of(why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::reference::{BuildOptions, ProfileBuilder};

    fn profile() -> Profile {
        let mut builder = ProfileBuilder::new(BuildOptions::default());
        let names = [Name::from("n"), Name::from("c"), Name::from("b")];
        for i in 0..2000_u32 {
            let row = [
                Value::Number(f64::from(i * 7919 % 2003)),
                Value::Text(format!("c{}", i % 1500).into()),
                Value::Bool(i % 3 == 0),
            ];
            builder.push(names.iter().zip(&row));
        }
        builder.finish().unwrap()
    }

    #[test]
    fn a_profile_comes_back_whole_from_its_chunks_in_any_order() {
        let profile = profile();
        let mut chunks = ProfileRecord::chunks(&profile, 2);
        assert_eq!(chunks.len(), 2);
        chunks.reverse();
        let text = serde_json::to_string(&chunks).unwrap();
        let back: Vec<ProfileRecord> = serde_json::from_str(&text).unwrap();
        assert_eq!(ProfileRecord::assemble(&back).unwrap(), profile);
    }

    #[test]
    fn a_missing_chunk_or_a_changed_count_is_refused() {
        let mut chunks = ProfileRecord::chunks(&profile(), 2);
        assert!(ProfileRecord::assemble(&chunks[..1]).unwrap_err().to_string().contains("1 of 2 chunks"));
        chunks[1].features[0].sketch.missing += 1;
        assert!(ProfileRecord::assemble(&chunks).unwrap_err().to_string().contains("hashes to"));
    }
}
