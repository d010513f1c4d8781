//! `reference publish | activate | rollback | list`: what the references topic says.

use super::send::ReferenceSender;
use crate::bus::{Isolation, OffsetReader, TopicAdmin, TopicPartition, committed_by};
use crate::cli::assembly::Connection;
use crate::cli::columns::ColumnArgs;
use crate::cli::output::{OutputFormat, json_pretty, stdout, table, write_table};
use crate::cli::times::now;
use crate::cli::{Outcome, Ran, profiles};
use crate::config::Config;
use crate::engine::SourceState;
use crate::error::{Error, Result};
use crate::reference::{Activation, Origin, Profile, ReferenceId, References};
use crate::service::ReferenceFeed;
use crate::words::{Name, Time};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long the references topic may take to be read.
const READ: Duration = Duration::from_secs(30);

/// Whose reference, and from when on.
#[derive(Args)]
pub(in crate::cli) struct ActivationArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The model
    #[arg(long)]
    model: String,
    /// Its version; empty where events name none
    #[arg(long, default_value = "")]
    version: String,
    /// From which event time on it holds, rounded up to the start of a pane; by default far enough
    /// ahead that every instance has read it, and for a version's first reference 1970
    #[arg(long, value_name = "TIME")]
    effective_from: Option<String>,
    /// Allow a time that instances may have passed: rows counted already show as conflict
    #[arg(long)]
    force: bool,
    /// The retraining trigger that it answers
    #[arg(long, value_name = "ID")]
    trigger: Option<String>,
    /// Who publishes it
    #[arg(long, env = "USER", default_value = "unknown")]
    actor: String,
    /// Why
    #[arg(long)]
    reason: Option<String>,
}

/// Publish a profile and put it in force
#[derive(Args)]
#[command(after_help = "Example:\n  \
    driftline reference publish reference.json --config driftline.toml --model fraud --version 7")]
pub(in crate::cli) struct PublishArgs {
    /// The profile, or a table to build it from
    input: PathBuf,
    #[command(flatten)]
    activation: ActivationArgs,
}

/// Put a profile that was published before in force
#[derive(Args)]
#[command(after_help = "Example:\n  \
    driftline reference activate ref_0123456789abcdef0123456789abcdef --config driftline.toml --model fraud --version 7")]
pub(in crate::cli) struct ActivateArgs {
    /// The profile's id
    id: String,
    #[command(flatten)]
    activation: ActivationArgs,
}

/// Put the reference before the present one back in force
#[derive(Args)]
#[command(
    after_help = "Example:\n  driftline reference rollback --config driftline.toml --model fraud --version 7"
)]
pub(in crate::cli) struct RollbackArgs {
    #[command(flatten)]
    activation: ActivationArgs,
}

/// List what was published and when it holds
#[derive(Args)]
#[command(after_help = "Example:\n  driftline reference list --config driftline.toml --model fraud")]
pub(in crate::cli) struct ListArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Of this model only
    #[arg(long)]
    model: Option<String>,
    /// How the list is written
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
}

pub(super) fn publish(args: &PublishArgs) -> Ran {
    let config = Config::load(&args.activation.config).map_err(Error::from)?;
    let model = config.model(&args.activation.model).cloned();
    let profile = profiles::load(&args.input, None, &ColumnArgs::default(), model.as_ref(), None)?;
    profile.check_size(config.limits.features)?;
    let desk = Desk::open(&config, &args.activation)?;
    desk.send_profile(&profile)?;
    desk.activate(profile.id(), Origin::Training)
}

pub(super) fn activate(args: &ActivateArgs) -> Ran {
    let config = Config::load(&args.activation.config).map_err(Error::from)?;
    let desk = Desk::open(&config, &args.activation)?;
    let id = ReferenceId::from(args.id.as_str());
    if desk.table.profile(&id).is_none() {
        let hint = "`driftline reference publish` publishes it";
        return Err(Error::input(format!("no profile {id} is published")).hint(hint).into());
    }
    desk.activate(&id, Origin::Training)
}

pub(super) fn rollback(args: &RollbackArgs) -> Ran {
    let config = Config::load(&args.activation.config).map_err(Error::from)?;
    let desk = Desk::open(&config, &args.activation)?;
    let held: Vec<&Activation> = desk.own().collect();
    let present = held.last().map(|activation| &activation.reference_id);
    let before = held.iter().rev().map(|activation| &activation.reference_id).find(|id| Some(*id) != present);
    match before {
        Some(id) => desk.activate(id, Origin::Rollback),
        None => Err(Error::input("there is no earlier reference to go back to")
            .hint("`driftline reference list` shows what was published")
            .into()),
    }
}

pub(super) fn list(args: &ListArgs) -> Ran {
    let config = Config::load(&args.config).map_err(Error::from)?;
    let references = read(&config, &Connection::new(&config)?)?;
    let wanted =
        |activation: &&Activation| args.model.as_ref().is_none_or(|model| **model == *activation.model);
    let activations: Vec<&Activation> = references.activations().filter(wanted).collect();
    let mut out = stdout();
    match args.format {
        OutputFormat::Json => json_pretty(&mut out, &activations)?,
        OutputFormat::Table => {
            let mut shown =
                table(&["model", "version", "holds from", "reference", "rows", "origin", "by", "reason"]);
            for activation in activations {
                let rows =
                    references.profile(&activation.reference_id).map(|profile| profile.rows().to_string());
                shown.add_row([
                    activation.model.to_string(),
                    activation.version.to_string(),
                    activation.effective_from.to_string(),
                    activation.reference_id.to_string(),
                    rows.unwrap_or_else(|| "gone".into()),
                    activation.origin.as_str().to_owned(),
                    activation.actor.clone(),
                    activation.reason.clone().unwrap_or_default(),
                ]);
            }
            write_table(&mut out, &shown)?;
        }
    }
    out.flush()?;
    Ok(Outcome::Fine)
}

fn read(config: &Config, connection: &Connection) -> Result<References> {
    let settings =
        config.reference_settings(|path| profiles::load(path, None, &ColumnArgs::default(), None, None))?;
    TopicAdmin::new(&connection.kafka)?.reach()?;
    let deadline = Instant::now() + READ;
    let keep_going = || Instant::now() < deadline;
    let feed =
        ReferenceFeed::open(&connection.kafka, &settings, connection.schemas.clone(), None, &keep_going)?;
    Ok(feed.table().clone())
}

/// Where references are published, with what is there already.
struct Desk<'a> {
    config: &'a Config,
    args: &'a ActivationArgs,
    connection: Connection,
    table: References,
    sender: ReferenceSender,
}

impl<'a> Desk<'a> {
    fn open(config: &'a Config, args: &'a ActivationArgs) -> Result<Self> {
        let connection = Connection::new(config)?;
        let table = read(config, &connection)?;
        let encoding = connection.encodings(config)?.references;
        let sender = ReferenceSender::new(&connection.kafka, &config.topics.references, encoding)?;
        Ok(Desk { config, args, connection, table, sender })
    }

    /// The activations of the model and version, in the order in which they hold.
    fn own(&self) -> impl Iterator<Item = &Activation> {
        let is_own = |activation: &&Activation| {
            *activation.model == *self.args.model && *activation.version == *self.args.version
        };
        self.table.activations().filter(is_own)
    }

    fn send_profile(&self, profile: &Profile) -> Result<()> {
        match self.table.profile(profile.id()) {
            Some(_) => Ok(()),
            None => self.sender.profile(&self.args.model.as_str().into(), profile),
        }
    }

    fn activate(&self, id: &ReferenceId, origin: Origin) -> Ran {
        let effective_from = self.effective_from()?;
        self.sender.activation(Activation {
            schema_version: 1,
            r#type: "reference_activation".into(),
            model: self.args.model.as_str().into(),
            version: self.args.version.as_str().into(),
            effective_from,
            reference_id: id.clone(),
            origin,
            trigger_id: self.args.trigger.clone(),
            actor: self.args.actor.clone(),
            reason: self.args.reason.clone(),
            published_at: now(),
        })?;
        let mut out = stdout();
        writeln!(out, "{id} holds for {}/{} from {effective_from} on", self.args.model, self.args.version)?;
        out.flush()?;
        Ok(Outcome::Fine)
    }

    /// When it is to hold from: as asked, 1970 for a first reference, else beyond what any instance
    /// can have counted before it reads the activation.
    fn effective_from(&self) -> Result<Time> {
        let grid = self.config.window.grid;
        let round_up = |time: Time| match grid.start(grid.pane_of(time)) {
            start if start == time => time,
            _ => grid.end(grid.pane_of(time)),
        };
        let asked = self.args.effective_from.as_ref().map(|text| {
            Time::parse(text).map(round_up).ok_or_else(|| {
                Error::usage(format!("not a time: {text:?}"))
                    .at("--effective-from")
                    .hint("write 2026-03-04T11:00:00Z")
            })
        });
        let asked = asked.transpose()?;
        if self.own().next().is_none() {
            return Ok(asked.unwrap_or(Time::EPOCH));
        }
        let earliest = self.watermark()?.map(|watermark| {
            round_up(watermark.plus_ms(self.config.references.lead_ms).plus_ms(grid.slide_ms()))
        });
        match (asked, earliest) {
            (Some(asked), Some(earliest)) if asked < earliest && !self.args.force => {
                Err(Error::usage(format!("the stream may have passed {asked} before all instances know it"))
                    .at("--effective-from")
                    .hint(format!(
                        "use {earliest} or later, or --force: rows counted already then show as conflict"
                    )))
            }
            (Some(asked), _) => Ok(asked),
            (None, Some(earliest)) => Ok(earliest),
            (None, None) => Ok(Time::EPOCH),
        }
    }

    /// The largest watermark of the model's input partitions.
    fn watermark(&self) -> Result<Option<Time>> {
        let of_model =
            self.config.model(&self.args.model).map(|model| model.topics.clone()).unwrap_or_default();
        let topics = if of_model.is_empty() { self.config.input.topics.clone() } else { of_model };
        let offsets = OffsetReader::new(&self.connection.kafka, Isolation::Committed)?;
        let mut partitions = Vec::new();
        for topic in topics {
            let count = offsets.partition_count(&topic)?.unwrap_or(0);
            let name = Name::from(topic.as_str());
            partitions.extend((0..count).map(|number| TopicPartition::new(name.clone(), number)));
        }
        let committed = committed_by(&self.connection.kafka, "sketch", &partitions)?;
        let lateness = self.config.window.allowed_lateness_ms;
        let watermark = |metadata: &str| SourceState::from_metadata(metadata).watermark(lateness);
        Ok(committed.iter().filter_map(|committed| watermark(&committed.metadata)).max())
    }
}
