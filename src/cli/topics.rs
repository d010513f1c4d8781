//! `topics`: the topics that driftline writes, made and checked.

use super::assembly::Connection;
use super::output::stdout;
use super::{Outcome, Ran};
use crate::bus::{TopicAdmin, TopicSpec};
use crate::config::Config;
use crate::error::{Error, Result};
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
        specs.extend(inputs(&config, Some(partitions), args.dev.then_some(1)));
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
    check(&admin, &specs)?;
    Ok(Outcome::Fine)
}

/// Checks that the topics on the brokers are as they should be; all that is wrong is one error.
pub(super) fn check(admin: &TopicAdmin, specs: &[TopicSpec]) -> Result<()> {
    let findings = admin.validate(specs)?;
    if findings.is_empty() {
        return Ok(());
    }
    let wrong: Vec<String> = findings.iter().map(ToString::to_string).collect();
    Err(Error::config(wrong.join("\n")).hint(
        "`driftline topics create` makes those that are missing; mend the others, or name others in the configuration",
    ))
}

/// The input topics, of which nothing is asked but that they are there; made with `partitions`.
pub(super) fn inputs(config: &Config, partitions: Option<i32>, replication: Option<i32>) -> Vec<TopicSpec> {
    let spec =
        |name: &String| TopicSpec { name: name.clone(), partitions, replication, config: BTreeMap::new() };
    config.input.topics.iter().map(spec).collect()
}
