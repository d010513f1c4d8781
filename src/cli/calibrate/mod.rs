//! `calibrate`: how much the rows of a reference hang together, and how many false events a month
//! that leaves.

mod verify;

use super::check::no_model;
use super::columns::ColumnArgs;
use super::output::{OutputFormat, json_line, json_pretty, number, stdout, table, write_table, write_to};
use super::profiles::{self, Times};
use super::window::{WindowArgs, span};
use super::{Outcome, Ran};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::files::parse_row_range;
use crate::policy::ModelSettings;
use crate::reference::{Calibration, FeatureProfile, MIN_CHUNKS, Profile, ProfileRecord, ReferenceId};
use crate::words::{Grid, Kind, Name};
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use verify::Verified;

/// Find how much the rows of a reference hang together, and how many false events that leaves
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    driftline calibrate train.csv --time ts\n  \
    driftline calibrate history.parquet --time ts --window 24h --slide 1h --verify --output reference.json\n\n\
    For windows, their last panes and four windows: how many rows are worth one independent row? \
    --verify shuffles blocks of the history, judges the stream that they make as `run` would, counts the \
    events that nothing explains, and raises the factors of features that have more of them than the budget.")]
pub(super) struct CalibrateArgs {
    /// The data: .csv, .tsv, .jsonl (each also with .gz) or .parquet
    input: PathBuf,
    /// Take only these rows: 0-based, end excluded
    #[arg(long, value_name = "A..B", value_parser = parse_row_range)]
    rows: Option<Range<u64>>,
    /// A configuration: its windows, budget, and the kinds and roles of features
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Which model of the configuration
    #[arg(long, value_name = "NAME", requires = "config")]
    model: Option<String>,
    /// Judge shuffled history, and raise factors where it has too many events
    #[arg(long)]
    verify: bool,
    /// What the shuffling starts from
    #[arg(long, default_value = "1", requires = "verify")]
    seed: u64,
    /// Where the calibrated profile goes
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How the result is written
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
    #[command(flatten)]
    cut: WindowArgs,
    #[command(flatten)]
    columns: ColumnArgs,
}

/// What `calibrate` found.
#[derive(Debug, Serialize)]
struct CalibrationReport {
    r#type: &'static str,
    schema_version: u32,
    reference_id: ReferenceId,
    rows: u64,
    window_ms: i64,
    slide_ms: i64,
    features: Vec<FeatureCalibration>,
    verified: Option<Verified>,
}

#[derive(Debug, Serialize)]
struct FeatureCalibration {
    feature: Name,
    kind: Kind,
    calibration: Vec<Calibration>,
}

pub(super) fn run(args: &CalibrateArgs) -> Ran {
    let Some(time) = &args.columns.time else {
        return Err(Error::usage("a calibration needs the order of rows in time")
            .at("--time")
            .hint("name the column that holds the event time, or `--time row` where rows stand in order")
            .into());
    };
    let config = match &args.config {
        Some(path) => Config::load(path).map_err(Error::from)?,
        None => Config::default(),
    };
    let model = model(args, &config)?;
    let grid = args.cut.grid(&config)?;
    let season = args.cut.season(&config)?;
    let times = Times { grid: Some(grid), season, are_needed: true };
    let mut profile = profiles::build(&args.input, args.rows.clone(), &args.columns, Some(&model), times)?;
    let mut verified = None;
    if args.verify {
        let history = verify::History::read(&args.input, args.rows.clone(), &args.columns, time, grid)?;
        let mut config = config;
        (config.window.grid, config.window.allowed_lateness_ms) = (grid, 0);
        let (found, raised) = verify::verify(&history, profile, &model, &config, args.seed);
        (verified, profile) = (Some(found), raised);
    }
    let report = CalibrationReport {
        r#type: "calibration",
        schema_version: crate::policy::record::SCHEMA_VERSION,
        reference_id: profile.id().clone(),
        rows: profile.rows(),
        window_ms: grid.size_ms(),
        slide_ms: grid.slide_ms(),
        features: profile.features().iter().map(FeatureCalibration::from).collect(),
        verified,
    };
    if let Some(path) = &args.output {
        write_to(path, |out| json_line(out, &ProfileRecord::whole(&profile)))?;
    }
    let mut out = stdout();
    match args.format {
        OutputFormat::Json => json_pretty(&mut out, &report)?,
        OutputFormat::Table => show(&mut out, &report, &profile, grid)?,
    }
    out.flush()?;
    Ok(Outcome::Fine)
}

fn model(args: &CalibrateArgs, config: &Config) -> Result<ModelSettings> {
    match &args.model {
        Some(name) => config.model(name).cloned().ok_or_else(|| no_model(name, config)),
        None => Ok(config.unlisted_model("model")),
    }
}

impl From<&FeatureProfile> for FeatureCalibration {
    fn from(feature: &FeatureProfile) -> Self {
        let (kind, calibration) = (feature.kind, feature.calibration.clone());
        FeatureCalibration { feature: feature.name.clone(), kind, calibration }
    }
}

/// One column a length: the factor, or how few chunks there are.
fn show(
    out: &mut impl Write,
    report: &CalibrationReport,
    profile: &Profile,
    grid: Grid,
) -> Result<(), super::Stop> {
    let lengths: Vec<String> = profile
        .features()
        .first()
        .map(|feature| feature.calibration.iter().map(|found| span(found.duration_ms)).collect())
        .unwrap_or_default();
    let heading: Vec<&str> =
        ["feature", "kind"].into_iter().chain(lengths.iter().map(String::as_str)).collect();
    let mut shown = table(&heading);
    for feature in profile.features() {
        let factor = |found: &Calibration| match found.shape {
            Some(factor) => number(factor),
            None if found.chunks < MIN_CHUNKS => format!("– ({} chunks)", found.chunks),
            None => "–".into(),
        };
        let row = [feature.name.to_string(), feature.kind.to_string()];
        shown.add_row(row.into_iter().chain(feature.calibration.iter().map(factor)));
    }
    writeln!(
        out,
        "{}, {} rows: rows worth one independent row, in windows of {} and their parts",
        report.reference_id,
        report.rows,
        span(grid.size_ms())
    )?;
    write_table(out, &shown)?;
    if let Some(verified) = &report.verified {
        writeln!(out, "{verified}")?;
    }
    Ok(())
}
