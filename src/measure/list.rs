//! The list of all measures: configuration, records, documents and tests follow it.

use crate::words::{Kind, Question};
use serde::{Deserialize, Serialize};

/// A measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Population stability index.
    Psi,
    /// Kolmogorov-Smirnov distance.
    Ks,
    /// Jensen-Shannon distance.
    JensenShannon,
    /// Hellinger distance.
    Hellinger,
    /// Wasserstein distance.
    Wasserstein,
    /// Chi-square statistic.
    ChiSquare,
    /// Difference of means in standard errors.
    ZScore,
    /// Difference of missing rates in standard errors.
    MissingZScore,
}

/// What there is to know of a measure before it is computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeasureInfo {
    /// Which one.
    pub measure: Measure,
    /// Its name in records and configuration.
    pub name: &'static str,
    /// The kinds that it applies to.
    pub kinds: &'static [Kind],
    /// The question whose answer it sizes.
    pub question: Question,
    /// The values that it can have.
    pub range: Range,
    /// What it is, in a line.
    pub doc: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}

/// The values that a measure can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// From 0 to 1.
    Fraction,
    /// 0 or more.
    Positive,
    /// Any number; its magnitude is judged.
    Signed,
}

const ORDERED: &[Kind] = &[Kind::Continuous, Kind::Discrete];
const COUNTED: &[Kind] = &[Kind::Discrete, Kind::Categorical, Kind::Boolean];
const NUMERIC_OR_BOOLEAN: &[Kind] = &[Kind::Continuous, Kind::Discrete, Kind::Boolean];
const ALL: &[Kind] = &[Kind::Continuous, Kind::Discrete, Kind::Categorical, Kind::Boolean];

/// All measures, in the order of records.
pub const MEASURES: [MeasureInfo; 8] = [
    MeasureInfo {
        measure: Measure::Psi,
        name: "psi",
        kinds: ALL,
        question: Question::Shape,
        range: Range::Positive,
        doc: "population stability index over the reference's deciles or its categories",
        source: "H. Jeffreys, An invariant form for the prior probability, Proc. R. Soc. A 186 (1946)",
    },
    MeasureInfo {
        measure: Measure::Ks,
        name: "ks",
        kinds: ORDERED,
        question: Question::Shape,
        range: Range::Fraction,
        doc: "greatest distance between the two cumulative distributions",
        source: "N. Smirnov, Table for estimating the goodness of fit, Ann. Math. Statist. 19 (1948)",
    },
    MeasureInfo {
        measure: Measure::JensenShannon,
        name: "jensen_shannon",
        kinds: ALL,
        question: Question::Shape,
        range: Range::Fraction,
        doc: "square root of the base-2 Jensen-Shannon divergence over the bins of psi",
        source: "J. Lin, Divergence measures based on the Shannon entropy, IEEE Trans. Inf. Th. 37 (1991)",
    },
    MeasureInfo {
        measure: Measure::Hellinger,
        name: "hellinger",
        kinds: ALL,
        question: Question::Shape,
        range: Range::Fraction,
        doc: "Hellinger distance over the bins of psi",
        source: "E. Hellinger, Neue Begründung der Theorie quadratischer Formen, J. r. a. Math. 136 (1909)",
    },
    MeasureInfo {
        measure: Measure::Wasserstein,
        name: "wasserstein",
        kinds: ORDERED,
        question: Question::Shape,
        range: Range::Positive,
        doc: "area between the cumulative distributions, in standard deviations of the reference",
        source: "S. Vallender, Calculation of the Wasserstein distance on the line, Th. Prob. Appl. 18 (1974)",
    },
    MeasureInfo {
        measure: Measure::ChiSquare,
        name: "chi_square",
        kinds: COUNTED,
        question: Question::Shape,
        range: Range::Positive,
        doc: "two-sample chi-square statistic over pooled cells",
        source: "K. Pearson, On the criterion that a given system of deviations, Phil. Mag. 50 (1900)",
    },
    MeasureInfo {
        measure: Measure::ZScore,
        name: "z_score",
        kinds: NUMERIC_OR_BOOLEAN,
        question: Question::Shape,
        range: Range::Signed,
        doc: "difference of clipped means over its standard error",
        source: "B. L. Welch, The generalization of Student's problem, Biometrika 34 (1947)",
    },
    MeasureInfo {
        measure: Measure::MissingZScore,
        name: "missing_z_score",
        kinds: ALL,
        question: Question::Missing,
        range: Range::Signed,
        doc: "difference of the shares of missing and invalid values over its standard error",
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

impl MeasureValue {
    /// A value that counts make certain, of which chance does not explain `corrected`.
    pub(super) fn exact(value: f64, corrected: f64) -> MeasureValue {
        MeasureValue { value, low: value, high: value, corrected, threshold: None }
    }
}

/// Something for each measure, in the order of [`MEASURES`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct PerMeasure<T> {
    /// Population stability index.
    pub psi: T,
    /// Kolmogorov-Smirnov distance. None for categories: it would depend on the order they are
    /// listed in.
    pub ks: T,
    /// Jensen-Shannon distance.
    pub jensen_shannon: T,
    /// Hellinger distance.
    pub hellinger: T,
    /// Wasserstein distance.
    pub wasserstein: T,
    /// Chi-square statistic.
    pub chi_square: T,
    /// Difference of means in standard errors.
    pub z_score: T,
    /// Difference of missing rates in standard errors.
    pub missing_z_score: T,
}

impl<T> PerMeasure<T> {
    /// That of `measure`.
    pub fn get(&self, measure: Measure) -> &T {
        match measure {
            Measure::Psi => &self.psi,
            Measure::Ks => &self.ks,
            Measure::JensenShannon => &self.jensen_shannon,
            Measure::Hellinger => &self.hellinger,
            Measure::Wasserstein => &self.wasserstein,
            Measure::ChiSquare => &self.chi_square,
            Measure::ZScore => &self.z_score,
            Measure::MissingZScore => &self.missing_z_score,
        }
    }

    /// That of `measure`, to change it.
    pub fn get_mut(&mut self, measure: Measure) -> &mut T {
        match measure {
            Measure::Psi => &mut self.psi,
            Measure::Ks => &mut self.ks,
            Measure::JensenShannon => &mut self.jensen_shannon,
            Measure::Hellinger => &mut self.hellinger,
            Measure::Wasserstein => &mut self.wasserstein,
            Measure::ChiSquare => &mut self.chi_square,
            Measure::ZScore => &mut self.z_score,
            Measure::MissingZScore => &mut self.missing_z_score,
        }
    }
}

/// The measures of one feature; `None` where a measure does not apply to the kind, a side has no
/// rows, or there is no scale to measure by.
pub type Measures = PerMeasure<Option<MeasureValue>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_carry_every_measure_in_the_order_of_the_list() {
        let text = serde_json::to_string(&Measures::default()).unwrap();
        let listed: Vec<String> = MEASURES.iter().map(|info| format!("\"{}\":null", info.name)).collect();
        assert_eq!(text, format!("{{{}}}", listed.join(",")));
    }

    #[test]
    fn the_documentation_has_the_list_as_its_table_and_a_section_for_each() {
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/measures.md"));
        let row = |info: &MeasureInfo| {
            let kinds: Vec<String> = info.kinds.iter().map(Kind::to_string).collect();
            let kinds = if kinds.len() == ALL.len() { "all".into() } else { kinds.join(", ") };
            let range = match info.range {
                Range::Fraction => "0 to 1",
                Range::Positive => "0 or more",
                Range::Signed => "any number",
            };
            let (name, doc, source) = (info.name, info.doc, info.source);
            format!("| `{name}` | {kinds} | {range} | {doc} | {source} |\n")
        };
        let table: String = MEASURES.iter().map(row).collect();
        assert!(
            page.contains(&format!("|---|---|---|---|---|\n{table}<!--")),
            "the table should be\n{table}"
        );
        for info in &MEASURES {
            assert!(page.contains(&format!("\n## {}\n", info.name)), "no section on {}", info.name);
        }
    }

    #[test]
    fn every_measure_has_its_own_place() {
        let mut places = PerMeasure::<Option<&str>>::default();
        for info in &MEASURES {
            assert_eq!(places.get_mut(info.measure).replace(info.name), None, "{}", info.name);
        }
        let text = serde_json::to_string(&places).unwrap();
        for info in &MEASURES {
            assert_eq!(*places.get(info.measure), Some(info.name));
            assert!(text.contains(&format!("\"{0}\":\"{0}\"", info.name)), "{text}");
        }
    }
}
