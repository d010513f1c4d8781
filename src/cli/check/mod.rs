//! `check`: one data set against a reference, as a gate in a pipeline.
//!
//! The same measures, questions and sizes as the service's; only the level differs: one family over
//! all questions that can be judged, by Benjamini-Hochberg or Holm.

mod current;
mod pipeline;
mod report;
mod show;

use super::columns::ColumnArgs;
use super::output::{json_pretty, stdout};
use super::{Outcome, Ran, profiles};
use crate::config::{Config, load_expectations};
use crate::engine::{FeatureContext, Sides, model_state, worst};
use crate::error::{Error, Result};
use crate::files::parse_row_range;
use crate::measure::{Comparison, Dependence, Figures, Standard, benjamini_hochberg, holm};
use crate::policy::record::FeatureReport;
use crate::policy::{Expectations, ModelSettings, Total, judgeable, strongest};
use crate::reference::{FeatureProfile, Profile};
use crate::report::{Data, self_contained};
use crate::words::{Question, Role, Verdict};
use clap::{Args, ValueEnum};
use report::{CheckReport, CurrentInfo, ReferenceInfo, Warning};
use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;

/// Fewer rows than this are not judged here.
const MIN_ROWS: u64 = 50;

/// Nobody knows how long the current data are, so that no calibration fits them.
const INDEPENDENT: Dependence = Dependence::NONE;

/// Compare one data set with a reference
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    driftline check --reference train.csv --current today.csv\n  \
    driftline check --reference reference.json --current today.parquet --format json --fail-on drift,share\n  \
    driftline check --reference train.csv --current today.csv --preset data-quality --format junit > drift.xml\n  \
    driftline check --reference train.csv --current today.csv --expect expectations.toml\n  \
    driftline check --reference all.csv --reference-rows 0..50000 --current all.csv --current-rows 50000..60000\n\n\
    A feature drifted when the change is significant, at a false discovery rate of --q over all questions, \
    and large enough to matter. Exit code 1 when what --fail-on names was found, 2 when nothing could be judged.")]
pub(super) struct CheckArgs {
    /// What to compare with: a profile, or data
    #[arg(long, value_name = "FILE")]
    reference: PathBuf,
    /// What is compared: data, or a profile with the reference's cells
    #[arg(long, value_name = "FILE")]
    current: PathBuf,
    /// Take only these rows of the reference: 0-based, end excluded
    #[arg(long, value_name = "A..B", value_parser = parse_row_range)]
    reference_rows: Option<Range<u64>>,
    /// Take only these rows of the current data: 0-based, end excluded
    #[arg(long, value_name = "A..B", value_parser = parse_row_range)]
    current_rows: Option<Range<u64>>,
    /// A configuration: thresholds, kinds, roles and importance of features
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Which model of the configuration, where it has several
    #[arg(long, value_name = "NAME", requires = "config")]
    model: Option<String>,
    /// Share of false ones that is accepted among what is found
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = share)]
    q: f64,
    /// Make --q the chance of a single false one instead (Holm)
    #[arg(long)]
    fwer: bool,
    /// What makes the exit code 1
    #[arg(
        long,
        value_name = "WHAT,…",
        value_enum,
        value_delimiter = ',',
        default_value = "drift,schema,expectation"
    )]
    fail_on: Vec<FailOn>,
    /// What is asked
    #[arg(long, value_enum, default_value = "all")]
    preset: Preset,
    /// Bounds on figures of the data and its columns, as TOML
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// How the result is written
    #[arg(long, value_enum, default_value = "table")]
    format: CheckFormat,
    #[command(flatten)]
    columns: ColumnArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    /// For people
    Table,
    /// For programs
    Json,
    /// Test cases, as JUnit writes them
    Junit,
    /// Annotations of GitHub Actions
    Github,
    /// A page in one file
    Html,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Preset {
    /// Everything, of all columns
    All,
    /// Whether inputs have other values
    DataDrift,
    /// Whether inputs are missing or invalid more often
    DataQuality,
    /// Whether predictions and labels have other values
    TargetDrift,
}

impl Preset {
    /// Whether it asks `question` of columns of this role.
    fn asks(self, role: Role, question: Question) -> bool {
        let is_target = matches!(role, Role::Prediction | Role::Label);
        match self {
            Preset::All => true,
            Preset::DataDrift => !is_target && question != Question::Missing,
            Preset::DataQuality => !is_target && question == Question::Missing,
            Preset::TargetDrift => is_target && question != Question::Missing,
        }
    }

    /// Whether it asks anything of columns of this role.
    fn wants(self, role: Role) -> bool {
        Question::ALL.into_iter().any(|question| self.asks(role, question))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// A feature at drift or worse
    Drift,
    /// A feature at warning or worse
    Warning,
    /// A feature that could not be judged
    Insufficient,
    /// A column on one side only
    Schema,
    /// A figure outside the bounds of --expect
    Expectation,
    /// As large a share of drifted features as asks for retraining
    Share,
    /// Nothing
    None,
}

pub(super) fn run(args: &CheckArgs) -> Ran {
    let config = match &args.config {
        Some(path) => Config::load(path).map_err(Error::from)?,
        None => Config::default(),
    };
    let expectations = match &args.expect {
        Some(path) => load_expectations(path).map_err(Error::from)?,
        None => Expectations::default(),
    };
    let model = model(args, &config)?;
    let (rows, grid) = (args.reference_rows.clone(), Some(&config.window));
    let profile = profiles::load(&args.reference, rows, &args.columns, Some(&model), grid)?;
    let role = |feature: &FeatureProfile| model.feature(&feature.name).role.unwrap_or(feature.role);
    let asked = profile.features().iter().filter(|feature| args.preset.wants(role(feature)));
    let profile = Profile::new(profile.rows(), asked.cloned().collect());
    let current = current::load(&args.current, args.current_rows.clone(), &args.columns, &profile)?;
    let figures: Vec<Figures> = profile.features().iter().map(Figures::of).collect();
    let comparisons: Vec<Comparison> = Standard::all(&profile, &figures)
        .zip(&current.sketches)
        .map(|(standard, sketch)| standard.compare(sketch, INDEPENDENT))
        .collect();
    let questions = profile.features().iter().zip(&comparisons).flat_map(|(feature, comparison)| {
        let asked = judgeable(comparison, current.rows, MIN_ROWS);
        let role = role(feature);
        asked.filter(move |(question, _)| args.preset.asks(role, *question))
    });
    let level = level(questions.map(|(_, tested)| tested.p_certain), args.q, args.fwer);
    let context = FeatureContext { settings: &model, level };
    let parts = Standard::all(&profile, &figures).zip(&current.sketches).zip(&comparisons);
    let judged: Vec<_> = parts
        .map(|((standard, sketch), comparison)| {
            let mut answers = strongest(comparison, current.rows, MIN_ROWS, &[]);
            answers.retain(|answer| args.preset.asks(role(standard.profile), answer.question));
            context.judge(Sides::new(&standard, sketch), comparison, answers)
        })
        .collect();
    let verdict = worst(true, &judged);
    let features: Vec<FeatureReport> = judged.into_iter().map(|judged| judged.report).collect();
    let state = model_state(features.iter());
    let total = |total| match total {
        Total::Rows => Some(current.rows as f64),
        Total::Drifted => Some(f64::from(state.drifted)),
        Total::DriftShare => state.drift_share,
    };
    let expectations = expectations.answer(total, &features);
    let report = CheckReport {
        schema_version: crate::policy::record::SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        reference: ReferenceInfo { id: profile.id().clone(), rows: profile.rows() },
        current: CurrentInfo { rows: current.rows },
        verdict,
        drift: features.iter().any(|feature| feature.drift),
        drift_share: state.drift_share,
        drifted: state.drifted,
        judgeable: state.judgeable,
        insufficient: state.insufficient,
        level,
        warnings: report::warnings(&current, &features, &comparisons),
        expectations,
        features,
    };
    let mut out = stdout();
    match args.format {
        CheckFormat::Json => json_pretty(&mut out, &report)?,
        CheckFormat::Table => show::print(&mut out, &report)?,
        CheckFormat::Junit => pipeline::junit(&mut out, &report, &args.fail_on)?,
        CheckFormat::Github => pipeline::github(&mut out, &report, &args.fail_on)?,
        CheckFormat::Html => {
            let said = serde_json::to_value(&report).map_err(std::io::Error::from)?;
            out.write_all(self_contained(&Data::of_check(said)?.json().to_string()).as_bytes())?;
        }
    }
    out.flush()?;
    if verdict == Verdict::Insufficient {
        return Err(Error::input("nothing could be judged")
            .hint(format!("reference and current data need at least {MIN_ROWS} rows with values each"))
            .into());
    }
    let found = args.fail_on.iter().any(|what| report.has(*what, &model));
    Ok(if found { Outcome::Found } else { Outcome::Fine })
}

/// The settings that the features are judged by.
fn model(args: &CheckArgs, config: &Config) -> Result<ModelSettings> {
    match (&args.model, &config.models[..]) {
        (Some(name), _) => config.model(name).cloned().ok_or_else(|| no_model(name, config)),
        (None, [only]) => Ok(only.clone()),
        (None, []) => Ok(config.unlisted_model("model")),
        (None, _) => Err(Error::usage("the configuration has several models")
            .hint(format!("say which with --model: {}", names(config)))),
    }
}

/// The configuration has no model of this name.
pub(super) fn no_model(name: &str, config: &Config) -> Error {
    Error::usage(format!("the configuration has no model `{name}`"))
        .hint(format!("its models are: {}", names(config)))
}

/// The names of a configuration's models.
pub(super) fn names(config: &Config) -> String {
    config.models.iter().map(|model| &*model.name).collect::<Vec<_>>().join(", ")
}

/// The largest p-value that is found at `q` in the family of all questions; 0 when none is.
fn level(p: impl Iterator<Item = f64>, q: f64, fwer: bool) -> f64 {
    let p: Vec<f64> = p.collect();
    let adjusted = if fwer { holm(&p) } else { benjamini_hochberg(&p) };
    let found = p.iter().zip(adjusted).filter(|(_, adjusted)| *adjusted <= q);
    found.map(|(p, _)| *p).fold(0.0, f64::max)
}

impl FailOn {
    /// Whether a feature is such a one.
    fn has(self, feature: &FeatureReport) -> bool {
        match self {
            FailOn::Drift => feature.drift,
            FailOn::Warning => feature.verdict.severity() > Verdict::Ok.severity(),
            FailOn::Insufficient => feature.verdict == Verdict::Insufficient,
            FailOn::Schema | FailOn::Expectation | FailOn::Share | FailOn::None => false,
        }
    }
}

impl CheckReport {
    fn has(&self, what: FailOn, model: &ModelSettings) -> bool {
        match what {
            FailOn::Drift | FailOn::Warning | FailOn::Insufficient => {
                self.features.iter().any(|feature| what.has(feature))
            }
            FailOn::Schema => self.warnings.iter().any(Warning::is_schema),
            FailOn::Expectation => self.expectations.iter().any(|expected| !expected.met),
            FailOn::Share => {
                let retrain = &model.policy.retrain;
                self.drift_share.is_some_and(|share| share >= retrain.share)
                    && self.drifted >= retrain.share_min_features
            }
            FailOn::None => false,
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| *number > 0.0 && *number < 1.0);
    number.ok_or_else(|| "write a number between 0 and 1".into())
}

/// The test of a feature that found most, and its p-value: the smallest.
fn smallest_p(report: &FeatureReport) -> Option<(Question, f64)> {
    let tests = &report.tests;
    let asked = [
        (Question::Shape, &tests.shape),
        (Question::Missing, &tests.missing),
        (Question::Unseen, &tests.unseen),
    ];
    let p = asked.into_iter().filter_map(|(question, test)| Some((question, test.as_ref()?.p_certain?)));
    p.min_by(|(_, a), (_, b)| a.total_cmp(b))
}
