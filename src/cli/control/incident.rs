//! `incident acknowledge | close | list`.

use super::SenderArgs;
use super::list::{self, ListArgs};
use crate::cli::Ran;
use crate::policy::record::Command as Record;
use clap::{Args, Subcommand};

/// Act on an open incident, or list them
#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// Say that someone looks at it
    #[command(after_help = "Example:\n  \
        driftline incident acknowledge inc_0123456789abcdef0123456789abcdef --config driftline.toml --model fraud")]
    Acknowledge(IncidentArgs),
    /// Close it; windows that go on showing it open another one
    #[command(after_help = "Example:\n  \
        driftline incident close inc_0123456789abcdef0123456789abcdef --config driftline.toml --model fraud \
        --reason 'a holiday'")]
    Close(IncidentArgs),
    /// List those that are open, as a running instance knows them
    #[command(after_help = "Examples:\n  \
        driftline incident list --config driftline.toml\n  \
        driftline incident list --config driftline.toml --url http://10.0.0.7:9600 --model fraud --format json")]
    List(ListArgs),
}

#[derive(Args)]
pub(in crate::cli) struct IncidentArgs {
    /// Its id, as its events have it
    id: String,
    #[command(flatten)]
    sender: SenderArgs,
}

pub(in crate::cli) fn run(command: &Command) -> Ran {
    let (kind, IncidentArgs { id, sender }) = match command {
        Command::Acknowledge(args) => ("incident.acknowledge", args),
        Command::Close(args) => ("incident.close", args),
        Command::List(args) => return list::incidents(args),
    };
    sender.send(&Record { target: Some(id.clone()), ..sender.command(kind) })
}
