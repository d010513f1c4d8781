//! `trigger acknowledge | close | request | list`.

use super::SenderArgs;
use super::list::{self, ListArgs};
use crate::cli::Ran;
use crate::policy::record::{Command as Record, Outcome};
use crate::words::Name;
use clap::{Args, Subcommand, ValueEnum};

/// Act on a retraining trigger, ask for one, or list them
#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// Say that a run has begun: from then on it has policy.retrain.run_ttl
    #[command(after_help = "Example:\n  \
        driftline trigger acknowledge trg_0123456789abcdef0123456789abcdef --config driftline.toml --model fraud \
        --run-url https://ci.example.com/runs/17")]
    Acknowledge(AcknowledgeArgs),
    /// Say how the run ended
    #[command(after_help = "Examples:\n  \
        driftline trigger close trg_0123456789abcdef0123456789abcdef --config driftline.toml --model fraud \
        --outcome succeeded\n\n\
        After `failed` another attempt follows, after `rejected` there is quiet for policy.retrain.reject_hold. \
        `reference publish --trigger ID` closes it too.")]
    Close(CloseArgs),
    /// Ask for retraining now
    #[command(after_help = "Example:\n  \
        driftline trigger request --config driftline.toml --model fraud --version 7 --reason 'new labels'")]
    Request(RequestArgs),
    /// List those that are open, as a running instance knows them
    #[command(after_help = "Example:\n  driftline trigger list --config driftline.toml")]
    List(ListArgs),
}

#[derive(Args)]
pub(in crate::cli) struct AcknowledgeArgs {
    /// Its id
    id: String,
    /// Where the run can be looked at
    #[arg(long, value_name = "URL")]
    run_url: Option<String>,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Args)]
pub(in crate::cli) struct CloseArgs {
    /// Its id
    id: String,
    /// How the run ended
    #[arg(long, value_enum)]
    outcome: HowEnded,
    /// Where the run can be looked at
    #[arg(long, value_name = "URL")]
    run_url: Option<String>,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HowEnded {
    /// A new model came of it
    Succeeded,
    /// It came to nothing
    Failed,
    /// It is not wanted
    Rejected,
}

#[derive(Args)]
pub(in crate::cli) struct RequestArgs {
    /// The version; not needed where only one has events
    #[arg(long, value_name = "NAME")]
    version: Option<String>,
    #[command(flatten)]
    sender: SenderArgs,
}

pub(in crate::cli) fn run(command: &Command) -> Ran {
    match command {
        Command::Acknowledge(AcknowledgeArgs { id, run_url, sender }) => {
            let command = sender.command("trigger.acknowledge");
            sender.send(&Record { target: Some(id.clone()), run_url: run_url.clone(), ..command })
        }
        Command::Close(CloseArgs { id, outcome, run_url, sender }) => {
            let outcome = Some(match outcome {
                HowEnded::Succeeded => Outcome::Succeeded,
                HowEnded::Failed => Outcome::Failed,
                HowEnded::Rejected => Outcome::Rejected,
            });
            let (target, run_url) = (Some(id.clone()), run_url.clone());
            sender.send(&Record { target, outcome, run_url, ..sender.command("trigger.close") })
        }
        Command::Request(RequestArgs { version, sender }) => {
            let version = version.as_deref().map(Name::from);
            sender.send(&Record { version, ..sender.command("trigger.request") })
        }
        Command::List(args) => list::triggers(args),
    }
}
