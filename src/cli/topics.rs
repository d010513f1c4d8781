//! `topics`: the topics that driftline writes, made and checked.

use super::assembly::Connection;
use super::output::stdout;
use super::{Outcome, Ran};
use crate::bus::{TopicAdmin, TopicSpec};
use crate::config::Config;
use crate::error::Error;
use clap::{Args, Subcommand};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

/// Make the topics that driftline writes
#[derive(Subcommand)]
pub(super) enum Command {
    Create(CreateArgs),
}

/// Make the topics that do not exist yet, with the right partitions, cleanup and retention
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    driftline topics create --config driftline.toml\n  \
    driftline topics create --config driftline.toml --dev --inputs 4")]
pub(super) struct CreateArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// One replica: for development, on a single broker
    #[arg(long)]
    dev: bool,
    /// Make the input topics too, with so many partitions
    #[arg(long, value_name = "N")]
    inputs: Option<i32>,
}

pub(super) fn run(command: Command) -> Ran {
    match command {
        Command::Create(args) => create(&args),
    }
}

fn create(args: &CreateArgs) -> Ran {
    let config = Config::load(&args.config).map_err(Error::from)?;
    let mut specs = config.topic_specs(args.dev);
    if let Some(partitions) = args.inputs {
        specs.extend(config.input.topics.iter().map(|name| TopicSpec {
            name: name.clone(),
            partitions: Some(partitions),
            replication: args.dev.then_some(1),
            config: BTreeMap::new(),
        }));
    }
    let admin = TopicAdmin::new(&Connection::new(&config)?.kafka)?;
    admin.reach()?;
    let made = admin.create(&specs)?;
    let mut out = stdout();
    for spec in &specs {
        let what = if made.contains(&spec.name) { "created" } else { "exists " };
        writeln!(out, "{what}  {}", spec.name)?;
    }
    out.flush()?;
    let findings = admin.validate(&specs)?;
    if findings.is_empty() {
        return Ok(Outcome::Fine);
    }
    let wrong: Vec<String> = findings.iter().map(ToString::to_string).collect();
    Err(Error::config(wrong.join("\n")).hint("mend these topics, or name others in the configuration").into())
}
