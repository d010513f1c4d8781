//! `validate`: everything that is wrong with a configuration, and with the topics on its brokers where
//! that is asked for.

use super::assembly::Connection;
use super::columns::ColumnArgs;
use super::output::{OutputFormat, count, json_pretty, stdout, table, write_table};
use super::topics::{check, inputs};
use super::{Outcome, Ran, Stop, profiles};
use crate::bus::TopicAdmin;
use crate::config::Config;
use crate::error::Error;
use crate::policy::{Mode, ModelSettings, ReferenceSource};
use crate::words::Name;
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;

/// Check a configuration and the reference files it names; shows its models and topics
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    driftline validate --config driftline.toml\n  \
    driftline validate --config driftline.toml --connect")]
pub(super) struct ValidateArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Ask the brokers too whether all topics are there and as they should be
    #[arg(long)]
    connect: bool,
    /// With --connect: one replica is right, as for development on a single broker
    #[arg(long, requires = "connect")]
    dev: bool,
    /// How the result is written
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
}

#[derive(Serialize)]
struct Validated<'a> {
    application_id: &'a str,
    topics: Vec<Topic<'a>>,
    models: Vec<Model<'a>>,
}

#[derive(Serialize)]
struct Topic<'a> {
    name: &'a str,
    /// `input`, or what driftline writes to it.
    holds: &'static str,
}

#[derive(Serialize)]
struct Model<'a> {
    name: &'a Name,
    /// `topic`, or the file as the configuration names it.
    reference: &'a str,
    mode: Mode,
    segments: &'a [String],
    config_id: String,
}

pub(super) fn run(args: &ValidateArgs) -> Ran {
    let config = Config::load(&args.config).map_err(Error::from)?;
    let mut mistakes: Vec<Error> = config.envelope().err().into_iter().collect();
    mistakes.extend(config.models.iter().filter_map(broken_reference));
    let validated = Validated {
        application_id: &config.kafka.application_id,
        topics: topics(&config),
        models: config.models.iter().map(|model| shown(model, &config)).collect(),
    };
    match mistakes.len() {
        0 => {}
        1 => return Err(mistakes.remove(0).into()),
        _ => {
            let all: Vec<String> = mistakes.iter().map(|error| format!("{error:#}")).collect();
            return Err(Error::new(mistakes[0].kind(), all.join("\n")).into());
        }
    }
    if args.connect {
        let mut specs = config.topic_specs(args.dev);
        specs.extend(inputs(&config, None, None));
        check(&TopicAdmin::new(&Connection::new(&config)?.kafka)?, &specs)?;
    }
    let mut out = stdout();
    match args.format {
        OutputFormat::Json => json_pretty(&mut out, &validated)?,
        OutputFormat::Table => print(&mut out, &validated)?,
    }
    out.flush()?;
    Ok(Outcome::Fine)
}

/// What is wrong with the model's reference file.
fn broken_reference(model: &ModelSettings) -> Option<Error> {
    let ReferenceSource::File { path, .. } = &model.reference else { return None };
    let error = profiles::load(path, None, &ColumnArgs::default(), Some(model), None).err()?;
    Some(Error::config(format!("the reference of model `{}`: {error}", model.name)))
}

fn topics(config: &Config) -> Vec<Topic<'_>> {
    let input = config.input.topics.iter().map(|name| Topic { name, holds: "input" });
    let own = [
        (&config.topics.references, "references"),
        (&config.topics.deltas, "deltas"),
        (&config.topics.panes, "state"),
        (&config.output.reports, "window reports"),
        (&config.output.events, "drift events"),
        (&config.output.triggers, "retraining triggers"),
        (&config.output.dead_letters, "dead letters"),
    ];
    input.chain(own.into_iter().map(|(name, holds)| Topic { name, holds })).collect()
}

fn shown<'a>(model: &'a ModelSettings, config: &Config) -> Model<'a> {
    Model {
        name: &model.name,
        reference: match &model.reference {
            ReferenceSource::Topic => "topic",
            ReferenceSource::File { written, .. } => written,
        },
        mode: model.policy.mode,
        segments: &model.segments,
        config_id: config.config_id(model),
    }
}

fn print(out: &mut impl Write, validated: &Validated) -> Result<(), Stop> {
    writeln!(
        out,
        "application id {}, {}",
        validated.application_id,
        count(validated.models.len() as u64, "model")
    )?;
    let mut topics = table(&["topic", "holds"]);
    for topic in &validated.topics {
        topics.add_row([topic.name, topic.holds]);
    }
    write_table(out, &topics)?;
    writeln!(out)?;
    let mut models = table(&["model", "reference", "mode", "segments", "config id"]);
    for model in &validated.models {
        let mode = match model.mode {
            Mode::Observe => "observe",
            Mode::Alert => "alert",
            Mode::Trigger => "trigger",
        };
        models.add_row([model.name, model.reference, mode, &model.segments.join(", "), &model.config_id]);
    }
    write_table(out, &models)
}
