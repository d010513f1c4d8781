//! What `check` says, as JSON.

use super::current::Current;
use crate::measure::{Answer, Comparison, Untestable};
use crate::policy::Expected;
use crate::policy::record::{FeatureReport, FeatureWarning};
use crate::reference::ReferenceId;
use crate::words::{Kind, Name, Question, Verdict};
use serde::Serialize;

/// The result of a check; its form is a contract.
#[derive(Serialize)]
pub(super) struct CheckReport {
    pub schema_version: u32,
    pub tool_version: &'static str,
    pub reference: ReferenceInfo,
    pub current: CurrentInfo,
    pub verdict: Verdict,
    pub drift: bool,
    pub drift_share: Option<f64>,
    pub drifted: u32,
    pub judgeable: u32,
    pub insufficient: u32,
    /// The level that each question was held against.
    pub level: f64,
    pub warnings: Vec<Warning>,
    /// How what `--expect` names came out.
    pub expectations: Vec<Expected>,
    pub features: Vec<FeatureReport>,
}

#[derive(Serialize)]
pub(super) struct ReferenceInfo {
    pub id: ReferenceId,
    pub rows: u64,
}

#[derive(Serialize)]
pub(super) struct CurrentInfo {
    pub rows: u64,
}

/// Something about the data that a verdict does not say.
#[derive(Serialize)]
pub(super) struct Warning {
    pub code: Code,
    pub feature: Name,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Code {
    /// A column is on one side only.
    Schema,
    /// Values are not of the feature's kind.
    Invalid,
    /// A question could not be asked.
    NotTested,
    /// A few far values make the reference's standard deviation.
    HeavyTail,
}

impl Warning {
    /// Whether it says that the two sides have other columns.
    pub(super) fn is_schema(&self) -> bool {
        self.code == Code::Schema
    }
}

/// All warnings: schema first, then by feature.
pub(super) fn warnings(
    current: &Current,
    features: &[FeatureReport],
    comparisons: &[Comparison],
) -> Vec<Warning> {
    let schema = |feature: &Name, message: &str| Warning {
        code: Code::Schema,
        feature: feature.clone(),
        message: message.into(),
    };
    let gone = current.gone.iter().map(|name| schema(name, "the current data have no such column"));
    let new = current.new.iter().map(|name| schema(name, "the reference has no such column"));
    let mut warnings: Vec<Warning> = gone.chain(new).collect();
    for (feature, comparison) in features.iter().zip(comparisons) {
        if feature.invalid > 0 {
            let kind = match feature.kind {
                Kind::Continuous | Kind::Discrete => "numbers",
                Kind::Boolean => "true or false",
                Kind::Categorical => "categories",
            };
            let message = format!("{} of its values are not {kind}", feature.invalid);
            warnings.push(Warning { code: Code::Invalid, feature: feature.feature.clone(), message });
        }
        if feature.warnings.contains(&FeatureWarning::HeavyTail) {
            let message =
                "a few far values make the reference's standard deviation: by it, wasserstein is small";
            let message = message.to_owned();
            warnings.push(Warning { code: Code::HeavyTail, feature: feature.feature.clone(), message });
        }
        for question in Question::ALL {
            // That only categories can be unseen is no news.
            let is_news = question != Question::Unseen || feature.kind == Kind::Categorical;
            if let Answer::Untestable(why @ (Untestable::NotApplicable(_) | Untestable::TooFewCells)) =
                comparison.answer(question)
                && is_news
            {
                let message = format!("{question} was not tested: {why}");
                warnings.push(Warning { code: Code::NotTested, feature: feature.feature.clone(), message });
            }
        }
    }
    warnings
}
