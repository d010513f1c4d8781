//! `tail`: drift events and triggers as they come.

use super::assembly::Connection;
use super::lines;
use super::output::{OutputFormat, json_line, stdout};
use super::run::watch_signals;
use super::{Outcome, Ran, Stop};
use crate::bus::Start;
use crate::config::Config;
use crate::error::Error;
use crate::policy::record::{DriftEvent, RetrainingTrigger};
use crate::service::{self, Following};
use clap::{Args, ValueEnum};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// How long to wait where nothing came.
const PAUSE: Duration = Duration::from_millis(200);

/// Follow drift events and retraining triggers
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    driftline tail --config driftline.toml\n  \
    driftline tail --config driftline.toml --triggers --from earliest --format json\n\n\
    Only what is committed is shown. Ctrl-C ends it.")]
pub(super) struct TailArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Drift events only; with --triggers both, as without either
    #[arg(long)]
    events: bool,
    /// Retraining triggers only
    #[arg(long)]
    triggers: bool,
    /// Where to start
    #[arg(long, value_enum, default_value = "latest")]
    from: From,
    /// Of this model only
    #[arg(long)]
    model: Option<String>,
    /// How they are written
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
    /// End after so many
    #[arg(long, value_name = "N")]
    max: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    /// All that is still there
    Earliest,
    /// What comes from now on
    Latest,
}

pub(super) fn run(args: &TailArgs) -> Ran {
    let config = Config::load(&args.config).map_err(Error::from)?;
    let connection = Connection::new(&config)?;
    let start = match args.from {
        From::Earliest => Start::Earliest,
        From::Latest => Start::Latest,
    };
    let both = args.events == args.triggers;
    let mut events: Option<Following<DriftEvent>> =
        (both || args.events).then(|| connection.follow(&config.output.events, start)).transpose()?;
    let mut triggers: Option<Following<RetrainingTrigger>> =
        (both || args.triggers).then(|| connection.follow(&config.output.triggers, start)).transpose()?;
    let stop = service::Stop::default();
    watch_signals(stop.clone())?;
    let mut shown = Shown { left: args.max.unwrap_or(u64::MAX), any: false };
    while shown.left > 0 && !stop.is_requested() {
        shown.any = false;
        for event in events.as_mut().map(Following::take).transpose()?.unwrap_or_default() {
            shown.show(args, &event.model, |out| match args.format {
                OutputFormat::Table => lines::event(out, |time| time.to_string(), &event),
                OutputFormat::Json => json_line(out, &event),
            })?;
        }
        for trigger in triggers.as_mut().map(Following::take).transpose()?.unwrap_or_default() {
            shown.show(args, &trigger.model, |out| match args.format {
                OutputFormat::Table => lines::trigger(out, |time| time.to_string(), &trigger),
                OutputFormat::Json => json_line(out, &trigger),
            })?;
        }
        if !shown.any {
            std::thread::sleep(PAUSE);
        }
    }
    Ok(Outcome::Fine)
}

/// What was shown so far.
struct Shown {
    /// How many more are wanted.
    left: u64,
    /// Whether there was any in this round.
    any: bool,
}

impl Shown {
    fn show(
        &mut self,
        args: &TailArgs,
        model: &str,
        write: impl FnOnce(&mut dyn Write) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.any = true;
        if self.left == 0 || args.model.as_ref().is_some_and(|wanted| wanted != model) {
            return Ok(());
        }
        self.left -= 1;
        let mut out = stdout();
        write(&mut out)?;
        // Whoever watches sees each at once.
        Ok(out.flush()?)
    }
}
