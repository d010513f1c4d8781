//! A profile: per feature its cells and what the reference counted in them.

use super::calibration::Calibration;
use super::season::SeasonCounts;
use crate::error::{Error, Result};
use crate::sketch::{Basis, FeatureSketch};
use crate::words::{Kind, Name, Role};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The name of a profile: `ref_` and 32 hex digits of SHA-256 over its content.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReferenceId(Name);

impl ReferenceId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ReferenceId {
    fn from(text: &str) -> Self {
        ReferenceId(text.into())
    }
}

impl fmt::Display for ReferenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether early sight suits a feature: what came of trying it on the reference's own rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlySight {
    /// Whether it may be on.
    pub enabled: bool,
    /// Why not.
    pub reason: Option<String>,
    /// How many rows it takes for one, at least 1. It knows no season, so that a cycle counts in too.
    #[serde(default = "every_row")]
    pub dependence: f64,
}

fn every_row() -> f64 {
    1.0
}

/// What the reference says of one feature.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureProfile {
    /// The feature.
    pub name: Name,
    /// What it is to the model.
    pub role: Role,
    /// How its values compare.
    pub kind: Kind,
    /// The cells it is counted in; fits the kind.
    pub basis: Arc<Basis>,
    /// The reference's own sketch in these cells.
    pub sketch: FeatureSketch,
    /// Categories that the reference saw exactly once.
    pub singletons: u64,
    /// Categories that it saw exactly twice.
    pub doubletons: u64,
    /// How much chunks of the reference differ, by their length; empty where its rows have no times.
    pub calibration: Vec<Calibration>,
    /// What was counted by hour of the day or week; `None`: not asked for, or rows without times.
    pub season: Option<SeasonCounts>,
    /// What came of trying early sight; `None` where the rows were not tried.
    pub early: Option<EarlySight>,
}

impl FeatureProfile {
    /// Rows with a valid value.
    pub fn valid(&self) -> u64 {
        self.sketch.tally.valid()
    }

    /// The calibration for chunks of `duration_ms`, where it was made.
    pub fn calibrated(&self, duration_ms: i64) -> Option<&Calibration> {
        self.calibration.iter().find(|calibration| calibration.duration_ms == duration_ms)
    }

    /// The calibration for chunks of `duration_ms`; where it was made for shorter and longer ones alone,
    /// the largest factors of those next to it, up to `longest_ms`.
    pub fn calibrated_about(&self, duration_ms: i64, longest_ms: i64) -> Option<Calibration> {
        if let Some(exact) = self.calibrated(duration_ms) {
            return Some(*exact);
        }
        let shorter = self.calibration.iter().filter(|found| found.duration_ms < duration_ms);
        let longer = self.calibration.iter().filter(|found| found.duration_ms > duration_ms);
        let near = longer.filter(|found| found.duration_ms <= longest_ms);
        let near = near.chain(shorter.max_by_key(|found| found.duration_ms));
        near.copied().reduce(|one, other| Calibration {
            duration_ms,
            chunks: one.chunks.min(other.chunks),
            shape: largest(one.shape, other.shape),
            missing: largest(one.missing, other.missing),
        })
    }

    /// Whether rows of unseen categories can be told: not for numbers, and not past 100,000
    /// categories.
    pub fn tells_unseen(&self) -> bool {
        matches!(&*self.basis, Basis::Categories(categories) if categories.is_complete())
    }
}

fn largest(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::max)
}

/// The features of a reference, immutable and named by content.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    id: ReferenceId,
    rows: u64,
    features: Vec<FeatureProfile>,
}

impl Profile {
    /// A profile of `rows` rows; features are put in the order of their names.
    pub fn new(rows: u64, mut features: Vec<FeatureProfile>) -> Self {
        features.sort_by(|a, b| a.name.cmp(&b.name));
        Profile { id: content_id(rows, &features), rows, features }
    }

    /// The profile with what came of trying early sight on its rows, by feature.
    #[must_use]
    pub fn with_early(mut self, mut found: BTreeMap<Name, EarlySight>) -> Self {
        self.features.iter_mut().for_each(|feature| feature.early = found.remove(&feature.name));
        Profile::new(self.rows, self.features)
    }

    /// Its name.
    pub fn id(&self) -> &ReferenceId {
        &self.id
    }

    /// Rows it was built from.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Its features, ascending by name.
    pub fn features(&self) -> &[FeatureProfile] {
        &self.features
    }

    /// Refuses a profile of more than `most` features (`limits.features`): its state would be as large.
    pub fn check_size(&self, most: usize) -> Result<()> {
        let count = self.features.len();
        if count <= most {
            return Ok(());
        }
        Err(Error::input(format!("reference {} has {count} features; limits.features is {most}", self.id))
            .hint("raise limits.features, or build the reference with `--columns` or `--ignore`"))
    }

    /// The position of a feature in [`Profile::features`].
    pub fn position(&self, feature: &str) -> Option<usize> {
        self.features.binary_search_by(|profile| (*profile.name).cmp(feature)).ok()
    }
}

/// SHA-256 over what comparisons rest on: names, kinds, cells, categories and counts of the
/// features, each text and list preceded by its length, calibrations and whether early sight suits
/// where that was found out. Not digests, times or names of models.
fn content_id(rows: u64, features: &[FeatureProfile]) -> ReferenceId {
    let mut hash = Hasher(Sha256::new());
    hash.text("driftline profile 1");
    hash.number(rows);
    hash.number(features.len() as u64);
    for feature in features {
        hash.text(&feature.name);
        hash.text(&feature.kind.to_string());
        match &*feature.basis {
            Basis::Ordered(cells) => {
                hash.numbers(cells.edges().iter().map(|edge| edge.to_bits()));
                hash.numbers(cells.bin_ends().iter().map(|end| u64::from(*end)));
            }
            Basis::Categories(categories) => {
                hash.number(categories.names().len() as u64);
                categories.names().iter().for_each(|name| hash.text(name));
                hash.numbers(categories.others().iter().copied());
                hash.number(u64::from(categories.is_complete()));
            }
        }
        let tally = &feature.sketch.tally;
        hash.numbers(tally.cells.iter().copied());
        hash.numbers([tally.missing, tally.invalid, tally.unseen, feature.singletons, feature.doubletons]);
        // Tests rest on it, so that two profiles that differ in it alone must not share a name.
        for Calibration { duration_ms, chunks, shape, missing } in &feature.calibration {
            let bits = |factor: &Option<f64>| factor.unwrap_or(0.0).to_bits();
            hash.numbers([duration_ms.cast_unsigned(), u64::from(*chunks), bits(shape), bits(missing)]);
        }
        if let Some(season) = &feature.season {
            hash.text(&season.time_zone);
            for slot in &season.slots {
                hash.numbers([u64::from(slot.occurrences), slot.bad]);
                hash.numbers(slot.counts.iter().copied());
            }
        }
        if let Some(early) = &feature.early {
            hash.numbers([u64::from(early.enabled), early.dependence.to_bits()]);
        }
    }
    let digest = hash.0.finalize();
    let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    ReferenceId(format!("ref_{hex}").into())
}

struct Hasher(Sha256);

impl Hasher {
    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn numbers(&mut self, numbers: impl IntoIterator<Item = u64, IntoIter: ExactSizeIterator>) {
        let numbers = numbers.into_iter();
        self.number(numbers.len() as u64);
        numbers.for_each(|number| self.number(number));
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }
}
