//! `reference build`: a profile of the rows of a file.

use crate::cli::check::no_model;
use crate::cli::columns::ColumnArgs;
use crate::cli::output::{json_line, write_to};
use crate::cli::profiles::{self, Times};
use crate::cli::window::{WindowArgs, span};
use crate::cli::{Outcome, Ran};
use crate::config::Config;
use crate::error::Error;
use crate::files::parse_row_range;
use crate::reference::{Calibration, EarlySight, FeatureProfile, MIN_CHUNKS, Profile, ProfileRecord};
use crate::words::Grid;
use clap::Args;
use std::ops::Range;
use std::path::PathBuf;

/// More rows than this that count as one are worth a word.
const STRONG: f64 = 4.0;

/// Build a reference profile of CSV, TSV, JSON lines or Parquet
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    driftline reference build train.csv.gz --output reference.json --time ts --ignore row_id\n  \
    driftline reference build train.parquet --rows 0..100000 --kind zip=categorical > reference.json\n\n\
    With --time the reference is calibrated for windows of this length: how much do its own chunks differ \
    from each other? Without it rows count as independent of each other.\n\n\
    Kinds are found: numbers with at most 64 distinct values and 20 rows a value are discrete. \
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
    let grid = args.cut.grid(&config)?;
    let season = args.cut.season(&config)?;
    let times = Times { grid: Some(grid), season, are_needed: true };
    let profile = profiles::build(&args.input, args.rows.clone(), &args.columns, model, times)?;
    write_to(&args.output, |out| json_line(out, &ProfileRecord::whole(&profile)))?;
    tracing::info!(
        id = profile.id().as_str(),
        rows = profile.rows(),
        features = profile.features().len(),
        "reference built"
    );
    for feature in profile.features() {
        if let Some(EarlySight { enabled: false, reason, .. }) = &feature.early {
            let (feature, reason) = (&*feature.name, reason.as_deref().unwrap_or_default());
            tracing::info!(feature, reason, "no early sight of this feature");
        }
    }
    match &args.columns.time {
        Some(_) => tell_calibration(&profile, grid),
        None => {
            tracing::info!("not calibrated, since rows have no times: they count as independent (--time)")
        }
    }
    Ok(Outcome::Fine)
}

/// Says what windows and their suffixes could be calibrated for, and where rows hang together so much
/// that a window of a day or a week would be the better one.
fn tell_calibration(profile: &Profile, grid: Grid) {
    let of = |panes: u32| {
        let duration_ms = i64::from(panes) * grid.slide_ms();
        profile.features().iter().filter_map(move |feature| Some((feature, feature.calibrated(duration_ms)?)))
    };
    let found = |panes: u32| of(panes).filter(|(_, found)| found.shape.is_some()).count();
    let suffixes: Vec<String> = grid
        .suffixes()
        .filter(|panes| found(*panes) > 0)
        .map(|panes| span(i64::from(panes) * grid.slide_ms()))
        .collect();
    tracing::info!(
        suffixes = suffixes.join(", "),
        "calibrated for the last panes of windows of these lengths"
    );
    let chunks = of(grid.panes()).map(|(_, found)| found.chunks).max().unwrap_or(0);
    if found(grid.panes()) == 0 {
        tracing::warn!(
            chunks,
            window = span(grid.size_ms()),
            "not calibrated for whole windows: {MIN_CHUNKS} chunks of their length are needed; their rows count as independent"
        );
    }
    let strong = |(feature, found): (&FeatureProfile, &Calibration)| {
        let factor = found.shape.filter(|factor| *factor > STRONG)?;
        Some(format!("{} ({factor:.0} rows count as one)", feature.name))
    };
    let strong: Vec<String> = of(grid.panes()).filter_map(strong).collect();
    if !strong.is_empty() {
        tracing::warn!(
            features = strong.join(", "),
            "windows of this reference differ much from each other, by season or by rows that hang together: \
             only large changes will be found; a window that holds whole days or weeks differs less"
        );
    }
}
