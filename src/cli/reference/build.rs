//! `reference build`: a profile of the rows of a file.

use crate::cli::check::no_model;
use crate::cli::columns::ColumnArgs;
use crate::cli::output::{json_line, write_to};
use crate::cli::profiles::{self, Times};
use crate::cli::window::WindowArgs;
use crate::cli::{Outcome, Ran};
use crate::config::Config;
use crate::error::Error;
use crate::files::parse_row_range;
use crate::reference::ProfileRecord;
use clap::Args;
use std::ops::Range;
use std::path::PathBuf;

/// Build a reference profile of CSV, TSV, JSON lines or Parquet
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    driftline reference build train.csv.gz --output reference.json --time ts --ignore row_id\n  \
    driftline reference build train.parquet --rows 0..100000 --kind zip=categorical > reference.json\n\n\
    With --time the reference is calibrated for windows of this length: how much do its own chunks differ \
    from each other? Without it rows count as independent of each other. Kinds are found: numbers with at most 64 distinct values and 20 rows a value are discrete. \
    Quantiles and counts are exact: a column takes 8 bytes a row of memory.")]
pub(crate) struct BuildArgs {
    /// The data: .csv, .tsv, .jsonl (each also with .gz) or .parquet; `-` is standard input
    input: PathBuf,
    /// Where the profile goes; `-` is standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Take only these rows: 0-based, end excluded
    #[arg(long, value_name = "A..B", value_parser = parse_row_range)]
    rows: Option<Range<u64>>,
    /// A configuration: its windows, and the kinds and roles of features
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Which model of the configuration
    #[arg(long, value_name = "NAME", requires = "config")]
    model: Option<String>,
    #[command(flatten)]
    cut: WindowArgs,
    #[command(flatten)]
    columns: ColumnArgs,
}

pub(super) fn run(args: &BuildArgs) -> Ran {
    if args.output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("avro")) {
        return Err(profiles::avro(&args.output).into());
    }
    let config = match &args.config {
        Some(path) => Config::load(path).map_err(Error::from)?,
        None => Config::default(),
    };
    let model = match &args.model {
        Some(name) => Some(config.model(name).ok_or_else(|| no_model(name, &config))?),
        None => None,
    };
    let times = Times { grid: Some(args.cut.grid(&config)?), are_needed: true };
    let profile = profiles::build(&args.input, args.rows.clone(), &args.columns, model, times)?;
    write_to(&args.output, |out| json_line(out, &ProfileRecord::whole(&profile)))?;
    tracing::info!(
        id = profile.id().as_str(),
        rows = profile.rows(),
        features = profile.features().len(),
        "reference built"
    );
    Ok(Outcome::Fine)
}
