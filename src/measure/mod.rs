//! Numbers that compare a window with a reference, and how surprising they are.
//!
//! Two kinds of numbers, kept apart. A **measure** is an effect size: what people read, and what
//! decides whether a change matters. A **p-value** says whether chance explains it; each of the
//! three [questions](crate::words::Question) has one. [`compare`] gives both for one feature.
//! [`MEASURES`] is the list of all measures: configuration, records and documents follow it.
//!
//! Pure functions of two sketches. What decides rests on integer counts only and is the same to the
//! bit in whatever order rows came; what a digest estimates is shown and decides nothing. Every
//! number is finite, whatever the data. Levels, thresholds and verdicts are the policy's.

mod adjust;
mod compare;
mod ks;
mod psi;
pub mod significance;
mod summary;
#[cfg(test)]
mod testdata;

pub use adjust::{benjamini_hochberg, holm};
pub use compare::{Answer, Comparison, MIN_ROWS, Sizes, Tested, Untestable, compare};
pub use psi::{BinShare, top_bins};
pub use summary::Summary;

use crate::words::Kind;
use serde::{Deserialize, Serialize};

/// What there is to know of a measure before it is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeasureInfo {
    /// Its name in records and configuration.
    pub name: &'static str,
    /// The kinds that it applies to.
    pub kinds: &'static [Kind],
    /// Whether this version computes it; its place in records is null otherwise.
    pub is_built: bool,
    /// What it is, in a line.
    pub doc: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}

const ORDERED: &[Kind] = &[Kind::Continuous, Kind::Discrete];
const COUNTED: &[Kind] = &[Kind::Discrete, Kind::Categorical, Kind::Boolean];
const NUMERIC_OR_BOOLEAN: &[Kind] = &[Kind::Continuous, Kind::Discrete, Kind::Boolean];
const ALL: &[Kind] = &[Kind::Continuous, Kind::Discrete, Kind::Categorical, Kind::Boolean];

/// All measures, in the order of records.
pub const MEASURES: [MeasureInfo; 7] = [
    MeasureInfo {
        name: "psi",
        kinds: ALL,
        is_built: true,
        doc: "population stability index over the reference's deciles or its categories",
        source: "H. Jeffreys, An invariant form for the prior probability, Proc. R. Soc. A 186 (1946)",
    },
    MeasureInfo {
        name: "ks",
        kinds: ORDERED,
        is_built: true,
        doc: "greatest distance between the two cumulative distributions",
        source: "N. Smirnov, Table for estimating the goodness of fit, Ann. Math. Statist. 19 (1948)",
    },
    MeasureInfo {
        name: "jensen_shannon",
        kinds: ALL,
        is_built: false,
        doc: "square root of the base-2 Jensen-Shannon divergence over the bins of psi",
        source: "J. Lin, Divergence measures based on the Shannon entropy, IEEE Trans. Inf. Th. 37 (1991)",
    },
    MeasureInfo {
        name: "hellinger",
        kinds: ALL,
        is_built: false,
        doc: "Hellinger distance over the bins of psi",
        source: "E. Hellinger, Neue Begründung der Theorie quadratischer Formen, J. r. a. Math. 136 (1909)",
    },
    MeasureInfo {
        name: "wasserstein",
        kinds: ORDERED,
        is_built: false,
        doc: "area between the cumulative distributions, in standard deviations of the reference",
        source: "S. Vallender, Calculation of the Wasserstein distance on the line, Th. Prob. Appl. 18 (1974)",
    },
    MeasureInfo {
        name: "chi_square",
        kinds: COUNTED,
        is_built: false,
        doc: "two-sample chi-square statistic over pooled cells",
        source: "K. Pearson, On the criterion that a given system of deviations, Phil. Mag. 50 (1900)",
    },
    MeasureInfo {
        name: "z_score",
        kinds: NUMERIC_OR_BOOLEAN,
        is_built: false,
        doc: "difference of clipped means over its standard error",
        source: "B. L. Welch, The generalization of Student's problem, Biometrika 34 (1947)",
    },
];

/// One measure of one feature. All numbers are finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeasureValue {
    /// The best estimate; within `low` and `high`.
    pub value: f64,
    /// What the measure is at least, certain whatever a digest says.
    pub low: f64,
    /// What it is at most, certain likewise.
    pub high: f64,
    /// The certain part of it that chance does not explain on average; what thresholds judge.
    pub corrected: f64,
    /// The threshold of `drift`; the policy fills it in.
    pub threshold: Option<f64>,
}

/// The measures of one feature, in the order of [`MEASURES`]; `None` where a measure does not apply
/// to the kind, is not built, or a side has no rows.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Measures {
    /// Population stability index.
    pub psi: Option<MeasureValue>,
    /// Kolmogorov-Smirnov distance. None for categories: it would depend on the order they are
    /// listed in.
    pub ks: Option<MeasureValue>,
    /// Jensen-Shannon distance.
    pub jensen_shannon: Option<MeasureValue>,
    /// Hellinger distance.
    pub hellinger: Option<MeasureValue>,
    /// Wasserstein distance.
    pub wasserstein: Option<MeasureValue>,
    /// Chi-square statistic.
    pub chi_square: Option<MeasureValue>,
    /// Difference of means in standard errors.
    pub z_score: Option<MeasureValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_carry_every_measure_in_the_order_of_the_list() {
        let text = serde_json::to_string(&Measures::default()).unwrap();
        let listed: Vec<String> = MEASURES.iter().map(|info| format!("\"{}\":null", info.name)).collect();
        assert_eq!(text, format!("{{{}}}", listed.join(",")));
    }
}
