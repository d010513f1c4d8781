//! `mute`, `unmute`, `incident` and `trigger`: commands to the running service, over the control topic, and
//! what there is to act on.

mod incident;
mod list;
mod mute;
mod trigger;

pub(super) use incident::Command as Incident;
pub(super) use mute::{MuteArgs, UnmuteArgs, mute, unmute};
pub(super) use trigger::Command as Trigger;
pub(super) use {incident::run as incident, trigger::run as trigger};

use super::assembly::Connection;
use super::output::stdout;
use super::times::now;
use super::window::duration;
use super::{Outcome, Ran};
use crate::bus::TopicAdmin;
use crate::config::{Config, UnknownModels};
use crate::error::{Error, Result};
use crate::policy::record::{Command, Status};
use crate::service::{CommandDesk, command_id};
use crate::words::Time;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Pause between two looks at what became of a command.
const PAUSE: Duration = Duration::from_millis(200);

/// Whose command, and whether to wait for its end.
#[derive(Args)]
pub(super) struct SenderArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The model
    #[arg(long, value_name = "NAME")]
    model: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who asks
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true, default_value = "unknown")]
    actor: String,
    /// Wait until it is done or refused, which is at the model's next window end: for a minute, or this long
    #[arg(long, value_name = "TIME", value_parser = duration, num_args = 0..=1, default_missing_value = "1m")]
    wait: Option<i64>,
}

impl SenderArgs {
    /// A command of this type that names nothing beside the model yet.
    pub(super) fn command(&self, kind: &str) -> Command {
        let command = Command::new(command_id(), kind, self.model.as_str().into(), &self.actor, now());
        Command { reason: self.reason.clone(), ..command }
    }

    /// Sends `command`, and waits for its end if that is asked for.
    pub(super) fn send(&self, command: &Command) -> Ran {
        let config = Config::load(&self.config).map_err(Error::from)?;
        let takes_any = config.input.unknown_models == UnknownModels::Monitor;
        if config.model(&self.model).is_none() && !takes_any {
            return Err(super::check::no_model(&self.model, &config).into());
        }
        let connection = Connection::new(&config)?;
        TopicAdmin::new(&connection.kafka)?.reach()?;
        let (topics, encodings) = (config.stage_topics(), connection.encodings(&config)?);
        let desk = CommandDesk::new(&connection.kafka, &topics, &encodings, connection.schemas.clone());
        desk.send(command)?;
        let mut out = stdout();
        writeln!(out, "{} sent", command.id)?;
        out.flush()?;
        if let Some(ms) = self.wait {
            let at = wait(&desk, &command.id, Duration::from_millis(ms.unsigned_abs()))?;
            writeln!(out, "{} done at {at}", command.id)?;
            out.flush()?;
        }
        Ok(Outcome::Fine)
    }
}

/// The window's end at which the command was done.
fn wait(desk: &CommandDesk, id: &str, patience: Duration) -> Result<Time> {
    let started = Instant::now();
    loop {
        if let Some(Command { status: Some(status), effective_at, refusal, .. }) = desk.latest(id)? {
            return match (status, effective_at) {
                (Status::Applied, Some(at)) => Ok(at),
                _ => Err(Error::input(refusal.unwrap_or_else(|| "no reason was given".into()))
                    .at(format!("{id} was refused"))),
            };
        }
        if started.elapsed() > patience {
            return Err(Error::bus("the command is not done yet").at(id).hint(
                "it is at the end of the model's next window: is the service running, and do events come?",
            ));
        }
        std::thread::sleep(PAUSE);
    }
}
