//! Numbers that compare a window with a reference, and how surprising they are.
//!
//! Two kinds of numbers, kept apart. A **measure** is an effect size: what people read, and what
//! decides whether a change matters. A **p-value** says whether chance explains it; each of the
//! three [questions](crate::words::Question) has one. [`compare`] gives both for one feature.
//! [`MEASURES`] is the list of all measures: configuration, records and documents follow it.
//!
//! Pure functions of two sketches. What decides rests on integer counts, on the least and greatest
//! value, and on what the reference's bytes say, and is the same to the bit in whatever order rows
//! came; what a window's digest or sums of floats estimate is shown and decides nothing. Every
//! number is finite, whatever the data. Levels, thresholds and verdicts are the policy's.
//!
//! A measure has a file, and each file says the same in the same order: what it is, its source, its
//! error, and when not to go by it. `docs/measures.md` has all of them side by side.

mod adjust;
mod answer;
mod bins;
mod compare;
mod cumulative;
mod curve;
mod distribution;
mod chi_square;
mod clipped;
mod hellinger;
mod jensen_shannon;
mod ks;
mod list;
mod new_categories;
mod psi;
mod quantile;
mod questions;
pub mod sequential;
pub mod significance;
mod standard;
mod summary;
#[cfg(test)]
mod testdata;
mod wasserstein;
mod z_score;

pub use adjust::{benjamini_hochberg, holm};
pub use answer::{Answer, Dependence, MIN_ROWS, Sizes, Tested, Untestable};
pub use bins::Bins;
pub use compare::{Comparison, compare};
pub use distribution::Distribution;
pub use list::{MEASURES, Measure, MeasureInfo, MeasureValue, Measures, PerMeasure, Range};
pub use new_categories::{CategoryCount, new_categories};
pub use psi::BinShare;
pub use questions::p_certain;
pub use standard::{Figures, Standard};
pub use summary::Summary;
