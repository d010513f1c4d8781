//! What a person expects of data: bounds on figures of a check, beside what the tests find.
//!
//! An expectation is a rule of the house ("at most 1 % of `amount` is missing"). No chance is
//! weighed: the figure is within its bounds or it is not.

use super::explain::short;
use super::record::FeatureReport;
use crate::measure::{MEASURES, Measure, Summary};
use crate::words::fits_pattern;
use serde::Serialize;

/// A figure of the data as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Rows of the current data.
    Rows,
    /// Features that drifted.
    Drifted,
    /// Weight of the drifted over weight of the judgeable features (0 to 1).
    DriftShare,
}

impl Total {
    /// All of them, by the names that files use.
    pub const ALL: [(&'static str, Total); 3] =
        [("rows", Total::Rows), ("drifted", Total::Drifted), ("drift_share", Total::DriftShare)];
}

/// A figure of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Rows where it was missing, as a share of all (0 to 1).
    MissingRate,
    /// Rows where it was invalid, as a share of all (0 to 1).
    InvalidRate,
    /// Rows in categories that the reference never saw, as a share of the valid ones (0 to 1).
    UnseenRate,
    /// A figure of where its numbers lie.
    Place(Place),
    /// A measure's value.
    Measure(Measure),
}

/// A figure of where numbers lie: their mean, spread, extremes or a quantile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(usize);

impl Place {
    fn of(self, summary: &Summary) -> Option<f64> {
        PLACES[self.0].1(summary)
    }
}

/// Reads a figure from a summary.
type Read = fn(&Summary) -> Option<f64>;

/// Figures of where numbers lie.
const PLACES: [(&str, Read); 9] = [
    ("mean", |summary| summary.mean),
    ("std", |summary| summary.std),
    ("min", |summary| summary.min),
    ("p05", |summary| summary.p05),
    ("p25", |summary| summary.p25),
    ("p50", |summary| summary.p50),
    ("p75", |summary| summary.p75),
    ("p95", |summary| summary.p95),
    ("max", |summary| summary.max),
];

impl Figure {
    /// All figures, by the names that files use.
    pub fn all() -> impl Iterator<Item = (&'static str, Figure)> {
        let rates = [
            ("missing_rate", Figure::MissingRate),
            ("invalid_rate", Figure::InvalidRate),
            ("unseen_rate", Figure::UnseenRate),
        ];
        let places = PLACES.iter().enumerate().map(|(index, (name, _))| (*name, Figure::Place(Place(index))));
        let measures = MEASURES.iter().map(|info| (info.name, Figure::Measure(info.measure)));
        rates.into_iter().chain(places).chain(measures)
    }

    /// Whether the reference has it too, so that a change can be bounded.
    pub fn has_reference(self) -> bool {
        matches!(self, Figure::MissingRate | Figure::Place(_))
    }

    /// Whether columns such as this one have it.
    fn applies(self, column: &FeatureReport) -> bool {
        match self {
            Figure::MissingRate | Figure::InvalidRate => true,
            Figure::UnseenRate => !column.kind.is_numeric(),
            Figure::Place(_) => column.kind.is_numeric(),
            Figure::Measure(measure) => {
                MEASURES.iter().any(|info| info.measure == measure && info.kinds.contains(&column.kind))
            }
        }
    }

    fn of(self, column: &FeatureReport) -> Option<f64> {
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let all = column.rows + column.missing + column.invalid;
        match self {
            Figure::MissingRate => share(column.missing, all),
            Figure::InvalidRate => share(column.invalid, all),
            Figure::UnseenRate => share(column.unseen, column.rows),
            Figure::Place(place) => place.of(&column.summary.current),
            Figure::Measure(measure) => column.measures.get(measure).map(|measure| measure.value),
        }
    }

    fn of_reference(self, column: &FeatureReport) -> Option<f64> {
        match self {
            Figure::MissingRate => column.summary.reference.missing_rate,
            Figure::Place(place) => place.of(&column.summary.reference),
            _ => None,
        }
    }
}

/// What a figure may be. At least one bound is set.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Bounds {
    /// At least this.
    pub min: Option<f64>,
    /// At most this.
    pub max: Option<f64>,
    /// At most this share of the reference's figure away from it.
    pub within: Option<f64>,
}

impl Bounds {
    fn hold(self, value: f64, reference: Option<f64>) -> bool {
        let near = |share: f64| {
            reference.is_some_and(|reference| (value - reference).abs() <= share * reference.abs())
        };
        self.min.is_none_or(|min| value >= min)
            && self.max.is_none_or(|max| value <= max)
            && self.within.is_none_or(near)
    }

    fn in_words(self, reference: Option<f64>) -> String {
        let told = [
            self.min.map(|min| format!("at least {min}")),
            self.max.map(|max| format!("at most {max}")),
            self.within.map(|share| match reference {
                Some(reference) => format!("within {share} of the reference's {}", short(reference)),
                None => format!("within {share} of the reference's, which has none"),
            }),
        ];
        told.into_iter().flatten().collect::<Vec<_>>().join(" and ")
    }
}

/// All that is expected.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expectations {
    /// Of the data as a whole.
    pub totals: Vec<(Total, Bounds)>,
    /// Of the columns that fit a pattern, where `*` stands for any text.
    pub columns: Vec<(String, Vec<(Figure, Bounds)>)>,
}

/// How an expectation came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expected {
    /// The column; null: the data as a whole.
    pub column: Option<String>,
    /// The figure.
    pub figure: &'static str,
    /// What it is; null: there is none.
    pub value: Option<f64>,
    /// What it may be.
    #[serde(flatten)]
    pub bounds: Bounds,
    /// Whether it is so.
    pub met: bool,
    /// The same in words.
    pub message: String,
}

impl Expectations {
    /// How each came out, totals first, then in their order. `totals` says what a total is.
    ///
    /// A column that is named and not there, or has no such figure, does not meet what is expected of
    /// it; a pattern with `*` stands for those columns that can have the figure.
    pub fn answer(&self, totals: impl Fn(Total) -> Option<f64>, columns: &[FeatureReport]) -> Vec<Expected> {
        let of_totals = self.totals.iter().map(|(total, bounds)| {
            let name = Total::ALL.iter().find(|(_, known)| known == total).map_or("", |(name, _)| name);
            told(None, name, totals(*total), None, *bounds)
        });
        let mut all: Vec<Expected> = of_totals.collect();
        for (pattern, expected) in &self.columns {
            for (figure, bounds) in expected {
                let is_named = !pattern.contains('*');
                let fits = |column: &&FeatureReport| fits_pattern(pattern, &column.feature);
                let before = all.len();
                for column in columns.iter().filter(fits) {
                    let name = Some(column.feature.to_string());
                    if figure.applies(column) {
                        let (value, reference) = (figure.of(column), figure.of_reference(column));
                        all.push(told(name, figure.name(), value, reference, *bounds));
                    } else if is_named {
                        let what = format!("a {} column has none", column.kind);
                        all.push(unmet(name, figure.name(), *bounds, what));
                    }
                }
                if is_named && all.len() == before {
                    let what = "there is no such column".to_owned();
                    all.push(unmet(Some(pattern.clone()), figure.name(), *bounds, what));
                }
            }
        }
        all
    }
}

impl Figure {
    /// The name that files use.
    pub fn name(self) -> &'static str {
        Figure::all().find(|(_, figure)| *figure == self).map_or("", |(name, _)| name)
    }
}

fn told(
    column: Option<String>,
    figure: &'static str,
    value: Option<f64>,
    reference: Option<f64>,
    bounds: Bounds,
) -> Expected {
    let Some(number) = value else {
        return unmet(column, figure, bounds, "there is none".to_owned());
    };
    let met = bounds.hold(number, reference);
    let of = column.as_ref().map(|column| format!(" of {column}")).unwrap_or_default();
    let must = if met { "as expected" } else { "expected" };
    let message = format!("{figure}{of} is {}, {must} {}", short(number), bounds.in_words(reference));
    Expected { column, figure, value, bounds, met, message }
}

fn unmet(column: Option<String>, figure: &'static str, bounds: Bounds, why: String) -> Expected {
    let of = column.as_ref().map(|column| format!(" of {column}")).unwrap_or_default();
    let message = format!("{figure}{of}: {why}, expected {}", bounds.in_words(None));
    Expected { column, figure, value: None, bounds, met: false, message }
}
