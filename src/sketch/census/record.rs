//! The flat form of a census that records carry.

use super::{Census, MOST_CELLS, NumberCensus};
use crate::sketch::{Unseen, UnseenCount};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A [`Census`] as records carry it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CensusRecord {
    /// Nulls.
    pub missing: u64,
    /// Values that are neither a finite number nor a truth nor a text.
    pub invalid: u64,
    /// Rows that are false.
    pub falses: u64,
    /// Rows that are true.
    pub trues: u64,
    /// How many last bits of a number's key do not count.
    pub shift: u32,
    /// Cells of numbers with rows, ascending: each as its distance from the one before.
    pub gaps: Vec<i64>,
    /// Their rows.
    pub counts: Vec<u64>,
    /// Least number.
    pub least: Option<f64>,
    /// Greatest number.
    pub greatest: Option<f64>,
    /// Of the numbers those that were written as text.
    pub literals: u64,
    /// Texts that are no numbers.
    pub texts: u64,
    /// Of these the words true and false.
    pub words: u64,
    /// Texts that are kept by name.
    pub names: Vec<UnseenCount>,
}

impl From<&Census> for CensusRecord {
    fn from(census: &Census) -> Self {
        let mut before = 0;
        let gap = |key: &u64| key.wrapping_sub(std::mem::replace(&mut before, *key)).cast_signed();
        let keys = census.numbers.keys();
        let extremes = census.numbers.extremes();
        CensusRecord {
            missing: census.missing,
            invalid: census.invalid,
            falses: census.truths[0],
            trues: census.truths[1],
            shift: census.numbers.shift(),
            gaps: keys.keys().map(gap).collect(),
            counts: keys.values().copied().collect(),
            least: extremes.map(|ends| ends.0),
            greatest: extremes.map(|ends| ends.1),
            literals: census.literals,
            texts: census.texts,
            words: census.words,
            names: census
                .names
                .iter()
                .map(|(name, count)| UnseenCount { name: name.clone(), count })
                .collect(),
        }
    }
}

impl TryFrom<&CensusRecord> for Census {
    type Error = String;

    fn try_from(record: &CensusRecord) -> Result<Self, String> {
        let is_sound = record.gaps.len() == record.counts.len() && !record.counts.contains(&0);
        let mut key = 0_u64;
        let step = |(gap, rows): (&i64, &u64)| {
            key = key.wrapping_add(gap.cast_unsigned());
            (key, *rows)
        };
        let counts: BTreeMap<u64, u64> = record.gaps.iter().zip(&record.counts).map(step).collect();
        if !is_sound || counts.len() < record.gaps.len() || record.names.len() > MOST_CELLS {
            return Err("as many counts as cells are wanted, each of some rows, and names that fit".into());
        }
        let extremes = record.least.zip(record.greatest);
        let mut names = Unseen::with_cap(MOST_CELLS);
        record.names.iter().for_each(|kept| names.add(&kept.name, kept.count));
        let census = Census {
            missing: record.missing,
            invalid: record.invalid,
            truths: [record.falses, record.trues],
            numbers: NumberCensus::of_keys(record.shift, counts, extremes)?,
            literals: record.literals,
            texts: record.texts,
            words: record.words,
            names,
        };
        let kept: u64 = census.names.iter().map(|(_, rows)| rows).sum();
        let is_sound = census.literals <= census.numbers.rows()
            && census.words <= census.texts
            && kept <= census.texts + census.literals;
        is_sound.then_some(census).ok_or_else(|| "more of a part than of the whole".into())
    }
}
