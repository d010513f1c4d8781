//! `report`: the page as one file, with the data inside.

use super::assembly::Service;
use super::output::{json_line, write_to};
use super::{Outcome, Ran};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::report::{self, Data, Kind};
use crate::service::Stop;
use crate::words::parse_duration_ms;
use clap::{Args, ValueEnum};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Make one HTML file of what was found, to keep or to send
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    driftline report --config driftline.toml --since 7d --output week.html\n  \
    driftline replay history.csv --time ts --reference train.csv --window 24h --slide 1h | driftline report - > replay.html\n  \
    driftline report check.json --output check.html\n\n\
    The file needs no network: the page, its plots and the data are all inside.")]
pub(super) struct ReportArgs {
    /// What `replay` or `check --format json` wrote; `-` is standard input
    #[arg(required_unless_present = "config", conflicts_with = "config")]
    input: Option<PathBuf>,
    /// Read the topics of this configuration instead
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How far back the topics are read
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30d")]
    since: Duration,
    /// How it is written
    #[arg(long, value_enum, default_value = "html")]
    format: ReportFormat,
    /// Where to; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// A page in one file
    Html,
    /// Its data
    Json,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration_ms(text).map(|ms| Duration::from_millis(ms.unsigned_abs()))
}

pub(super) fn run(args: &ReportArgs) -> Ran {
    let data = match (&args.config, &args.input) {
        (Some(config), _) => of_topics(config, args.since)?,
        (None, Some(input)) => of_file(input)?,
        (None, None) => return Err(Error::usage("nothing to report").hint("name a file or --config").into()),
    };
    let data = data.json();
    write_to(&args.output, |out| match args.format {
        ReportFormat::Html => Ok(out.write_all(report::self_contained(&data.to_string()).as_bytes())?),
        ReportFormat::Json => json_line(out, &data),
    })?;
    Ok(Outcome::Fine)
}

fn of_topics(path: &Path, since: Duration) -> Result<Data> {
    let config = Config::load(path).map_err(Error::from)?;
    let view = Service::new(config, false, Stop::default())?.gather(since)?;
    Ok(Data::of(Kind::Stream, view))
}

fn of_file(path: &Path) -> Result<Data> {
    let at = |error: Error| error.at(path.display());
    let mut input: Box<dyn BufRead> = match path.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => {
            let opened =
                File::open(path).map_err(|error| Error::file(format!("cannot open the file: {error}")));
            Box::new(BufReader::new(opened.map_err(at)?))
        }
    };
    Data::read(&mut input).map_err(at)
}
