//! `init`: from a sample of data to a configuration and a reference to start with.

mod proposal;
mod sample;

use super::columns::ColumnArgs;
use super::output::{count, json_line, stdout, write_to};
use super::{Outcome, Ran};
use crate::error::{Error, Result};
use crate::reference::ProfileRecord;
use clap::Args;
use proposal::Proposal;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Propose a configuration and a reference from a sample of your data
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    driftline init events.jsonl\n  \
    driftline init train.csv --time ts --model fraud\n  \
    driftline init --topic inference-events --brokers kafka:9092\n\n\
    Events (JSON lines or a topic) say where model, version, time and features are; a table is taken for \
    training data. Look at what is proposed before you use it: names and values are guessed from.")]
pub(super) struct InitArgs {
    /// The sample: .jsonl (events), or .csv, .tsv, .parquet (training data); each text also with .gz
    #[arg(required_unless_present = "topic")]
    input: Option<PathBuf>,
    /// Take the sample from a topic of JSON events
    #[arg(long, value_name = "TOPIC", conflicts_with = "input")]
    topic: Option<String>,
    /// The brokers that the configuration names
    #[arg(long, value_name = "HOST:PORT,…", default_value = "127.0.0.1:9092")]
    brokers: String,
    /// The model, where events name none
    #[arg(long, value_name = "NAME", default_value = "model")]
    model: String,
    /// At most so many rows; of a topic, its last
    #[arg(long, value_name = "N", default_value = "20000")]
    rows: u64,
    /// Where the configuration goes
    #[arg(long, short, value_name = "FILE", default_value = "driftline.toml")]
    output: PathBuf,
    /// Write over files that are there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    columns: ColumnArgs,
}

pub(super) fn run(args: &InitArgs) -> Ran {
    let proposal = match &args.topic {
        Some(topic) => sample::of_topic(args, topic)?,
        None => sample::of_file(args, args.input.as_deref().unwrap_or(Path::new("-")))?,
    };
    let text = proposal.toml();
    // What is proposed must at least be a configuration.
    crate::config::Config::from_toml(&text, &args.output.display().to_string()).map_err(Error::from)?;
    let directory = args.output.parent().unwrap_or(Path::new(""));
    let references: Vec<PathBuf> = proposal.models.iter().map(|model| directory.join(&model.file)).collect();
    for path in references.iter().chain([&args.output]) {
        refuse_to_overwrite(path, args.force)?;
    }
    for (model, path) in proposal.models.iter().zip(&references) {
        write_to(path, |out| json_line(out, &ProfileRecord::whole(&model.profile)))?;
    }
    write_to(&args.output, |out| Ok(out.write_all(text.as_bytes())?))?;
    tell(args, &proposal)
}

fn refuse_to_overwrite(path: &Path, force: bool) -> Result<()> {
    if path.exists() && !force {
        let hint = "say --force to write over it, or another --output";
        return Err(Error::usage("there is such a file already").at(path.display()).hint(hint));
    }
    Ok(())
}

/// Says what was written and what to do with it.
fn tell(args: &InitArgs, proposal: &Proposal) -> Ran {
    let mut out = stdout();
    let config = args.output.display();
    for model in &proposal.models {
        let (rows, features) = (model.profile.rows(), model.profile.features().len() as u64);
        let made = format!("{}, {}", count(rows, "row"), count(features, "feature"));
        writeln!(out, "{}  {made} of model {}", model.file, model.name)?;
    }
    writeln!(out, "{config}  look at it, above all at what its comments ask")?;
    if proposal.bad > 0 {
        writeln!(out, "{} of the sample could not be read by it", count(proposal.bad, "record"))?;
    }
    writeln!(out, "\nNext:")?;
    writeln!(out, "  driftline validate --config {config}")?;
    writeln!(out, "  driftline topics create --config {config} --dev")?;
    writeln!(out, "  driftline run --config {config}")?;
    if let (Some(input), true) = (&args.input, proposal.fields.is_some()) {
        writeln!(out, "or on the sample itself, without Kafka:")?;
        writeln!(out, "  driftline replay {} --config {config} --close --format table", input.display())?;
    }
    out.flush()?;
    Ok(Outcome::Fine)
}
