//! The flat form of a sketch that records carry: sparse counts, plain values while they are few.
//!
//! The schemas in `schemas/` describe it. Reading checks everything that the types promise, and the
//! round trip gives the same bits back.

use super::{Detail, Digest, FeatureSketch, MAX_CELLS, MAX_COUNTED_CATEGORIES, Moments, Tally, Unseen};
use crate::words::Name;
use serde::{Deserialize, Serialize};
use tdigest::Centroid;

/// Rows of an unseen category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnseenCount {
    /// The category.
    pub name: Name,
    /// Its rows.
    pub count: u64,
}

/// Counts of one look, on the coarse cells of the sequential test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookCounts {
    /// Number of the look on the grid of the Unix epoch.
    pub look: i64,
    /// Coarse cells with a count.
    pub cells: Vec<u32>,
    /// Their counts.
    pub counts: Vec<u64>,
}

/// A [`FeatureSketch`] as records carry it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SketchRecord {
    /// Missing values.
    pub missing: u64,
    /// Invalid values.
    pub invalid: u64,
    /// Values of unseen categories.
    pub unseen: u64,
    /// How many cells the basis has.
    pub cells_total: u32,
    /// Cells with a count, ascending.
    pub cells: Vec<u32>,
    /// Their counts.
    pub counts: Vec<u64>,
    /// Unseen categories that are kept by name.
    pub unseen_names: Vec<UnseenCount>,
    /// Most names kept.
    pub unseen_cap: u32,
    /// The valid numbers themselves, ascending, while they are few.
    pub values: Vec<f64>,
    /// Means of the digest's centroids, once they are many.
    pub means: Vec<f64>,
    /// Their weights.
    pub weights: Vec<f64>,
    /// Least valid number.
    pub min: Option<f64>,
    /// Greatest valid number.
    pub max: Option<f64>,
    /// Mean of the valid numbers; null when there are none or it overflowed.
    pub mean: Option<f64>,
    /// Sum of squared deviations from the mean; null likewise.
    pub squares: Option<f64>,
    /// Counts by look; empty while early sight is off.
    pub looks: Vec<LookCounts>,
}

/// The cells with a count, ascending, and their counts.
pub(crate) fn sparse(counts: &[u64]) -> (Vec<u32>, Vec<u64>) {
    let used = counts.iter().filter(|count| **count > 0).count();
    let (mut cells, mut rows) = (Vec::with_capacity(used), Vec::with_capacity(used));
    for (cell, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        cells.push(cell as u32);
        rows.push(*count);
    }
    (cells, rows)
}

impl From<&FeatureSketch> for SketchRecord {
    fn from(sketch: &FeatureSketch) -> Self {
        let FeatureSketch { tally, detail } = sketch;
        let (cells, counts) = sparse(&tally.cells);
        let (values, centroids) = match (&detail.digest, detail.digest.centroids()) {
            (Digest::Exact(values), _) => (values.clone(), &[][..]),
            (_, centroids) => (Vec::new(), centroids.unwrap_or_default()),
        };
        let finite = |number: f64| number.is_finite().then_some(number);
        SketchRecord {
            missing: tally.missing,
            invalid: tally.invalid,
            unseen: tally.unseen,
            cells_total: tally.cells.len() as u32,
            cells,
            counts,
            unseen_names: detail
                .unseen
                .iter()
                .map(|(name, count)| UnseenCount { name: name.clone(), count })
                .collect(),
            unseen_cap: detail.unseen.cap() as u32,
            values,
            means: centroids.iter().map(Centroid::mean).collect(),
            weights: centroids.iter().map(Centroid::weight).collect(),
            min: detail.digest.min(),
            max: detail.digest.max(),
            mean: finite(detail.moments.mean).filter(|_| detail.moments.count > 0),
            squares: finite(detail.moments.squares).filter(|_| detail.moments.count > 0),
            looks: Vec::new(),
        }
    }
}

impl TryFrom<&SketchRecord> for FeatureSketch {
    type Error = String;

    fn try_from(record: &SketchRecord) -> Result<Self, String> {
        let cells_total = record.cells_total as usize;
        if cells_total > MAX_CELLS.max(MAX_COUNTED_CATEGORIES + 1) {
            return Err(format!("{cells_total} cells are more than any feature has"));
        }
        let mut cells = vec![0; cells_total];
        if record.cells.len() != record.counts.len() {
            return Err("as many counts as cells are wanted".into());
        }
        for (cell, count) in record.cells.iter().zip(&record.counts) {
            *cells.get_mut(*cell as usize).ok_or_else(|| format!("no cell {cell}"))? = *count;
        }
        let mut unseen = Unseen::with_cap(record.unseen_cap as usize);
        record.unseen_names.iter().for_each(|kept| unseen.add(&kept.name, kept.count));
        let digest = digest_of(record)?;
        let count = digest.count();
        let moments = Moments {
            count,
            mean: if count == 0 { 0.0 } else { record.mean.unwrap_or(f64::INFINITY) },
            squares: if count == 0 { 0.0 } else { record.squares.unwrap_or(f64::INFINITY) },
        };
        let tally = Tally { missing: record.missing, invalid: record.invalid, unseen: record.unseen, cells };
        Ok(FeatureSketch { tally, detail: Detail { digest, moments, unseen } })
    }
}

fn digest_of(record: &SketchRecord) -> Result<Digest, String> {
    if record.means.is_empty() {
        if !record.values.iter().all(|v| v.is_finite()) || !record.values.is_sorted() {
            return Err("values must be finite and ascending".into());
        }
        return Ok(Digest::Exact(record.values.clone()));
    }
    let sound = record.means.len() == record.weights.len()
        && record.means.iter().all(|mean| mean.is_finite())
        && record.means.is_sorted()
        && record.weights.iter().all(|weight| weight.is_finite() && *weight > 0.0);
    match (record.min, record.max) {
        (Some(min), Some(max)) if sound && min.is_finite() && max.is_finite() && min <= max => {
            let centroids =
                record.means.iter().zip(&record.weights).map(|(m, w)| Centroid::new(*m, *w)).collect();
            Ok(Digest::from_centroids(centroids, min, max))
        }
        _ => Err("centroids must be finite, ascending and of positive weight, with their extremes".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::sketch::{Accumulator, Basis, Categories, OrderedCells};
    use crate::words::Kind;
    use std::sync::Arc;

    fn round_trip(sketch: &FeatureSketch) -> FeatureSketch {
        let text = serde_json::to_string(&SketchRecord::from(sketch)).unwrap();
        FeatureSketch::try_from(&serde_json::from_str::<SketchRecord>(&text).unwrap()).unwrap()
    }

    #[test]
    fn a_sketch_comes_back_bit_for_bit_from_its_record() {
        let cells = OrderedCells::new(vec![0.0, 0.5], vec![0]).unwrap();
        for rows in [0, 10, 5000] {
            let mut numbers = Accumulator::new(Kind::Continuous, Arc::new(Basis::Ordered(cells.clone())), 10);
            (0..rows).for_each(|i| numbers.push(&Value::Number(f64::from(i * 7919 % 1000) / 997.0)));
            let sketch = numbers.finish();
            assert_eq!(round_trip(&sketch), sketch, "{rows} rows");
        }
        let basis = Categories::new(vec!["a".into()], vec![], true).unwrap();
        let mut names = Accumulator::new(Kind::Categorical, Arc::new(Basis::Categories(basis)), 3);
        (0..10).for_each(|i| names.push(&Value::Text(i.to_string().into())));
        let sketch = names.finish();
        assert_eq!(round_trip(&sketch), sketch);
    }

    #[test]
    fn a_record_that_breaks_a_promise_is_refused() {
        let sound = SketchRecord::from(&FeatureSketch::default());
        let broken = [
            SketchRecord { cells: vec![3], counts: vec![1], ..sound.clone() },
            SketchRecord { cells_total: u32::MAX, ..sound.clone() },
            SketchRecord { cells: vec![], counts: vec![1], ..sound.clone() },
            SketchRecord { values: vec![2.0, 1.0], ..sound.clone() },
            SketchRecord {
                means: vec![1.0],
                weights: vec![-1.0],
                min: Some(1.0),
                max: Some(1.0),
                ..sound.clone()
            },
            SketchRecord { means: vec![1.0], weights: vec![1.0], ..sound.clone() },
        ];
        for record in broken {
            assert!(FeatureSketch::try_from(&record).is_err(), "{record:?}");
        }
    }
}
