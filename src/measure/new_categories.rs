//! The categories that a window has and the reference never saw, by name.

use crate::sketch::FeatureSketch;
use crate::words::Name;
use serde::{Deserialize, Serialize};

/// How many are named.
const NAMED: usize = 10;

/// A category with its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryCount {
    /// The category.
    pub category: Name,
    /// Its rows.
    pub rows: u64,
}

/// The most frequent categories of `window` that the reference never saw, ties by name. Counts are
/// exact; where more are new than a sketch keeps, those of the smallest hashes stand for all.
pub fn new_categories(window: &FeatureSketch) -> Vec<CategoryCount> {
    let mut new: Vec<(&Name, u64)> = window.detail.unseen.iter().collect();
    new.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    new.truncate(NAMED);
    new.into_iter().map(|(category, rows)| CategoryCount { category: category.clone(), rows }).collect()
}
