//! `mute` and `unmute`: what is measured and not published for a time.

use super::SenderArgs;
use crate::cli::Ran;
use crate::cli::times::{now, time};
use crate::cli::window::duration;
use crate::policy::record::Command;
use crate::words::{Name, Time};
use clap::{ArgGroup, Args};

/// What is muted; what is not named is all.
#[derive(Args)]
struct ScopeArgs {
    /// Its version
    #[arg(long, value_name = "NAME")]
    version: Option<String>,
    /// The segment: its values, separated by commas; empty for all traffic alone
    #[arg(long, value_name = "VALUE,…")]
    segment: Option<String>,
    /// The feature
    #[arg(long, value_name = "NAME")]
    feature: Option<String>,
}

impl ScopeArgs {
    fn fill(&self, command: Command) -> Command {
        let values = |text: &String| {
            let values = text.split(',').filter(|value| !value.is_empty());
            values.map(Name::from).collect::<Vec<Name>>()
        };
        Command {
            version: self.version.as_deref().map(Name::from),
            segment: self.segment.as_ref().map(values),
            feature: self.feature.as_deref().map(Name::from),
            ..command
        }
    }
}

/// Publish no drift events of a model, or of a part of it, for a time
#[derive(Args)]
#[command(
    group = ArgGroup::new("end").required(true),
    after_help = "Examples:\n  \
    driftline mute --config driftline.toml --model fraud --feature amount --for 2d --reason 'new currency'\n  \
    driftline mute --config driftline.toml --model fraud --until 2026-03-05T12:00:00Z --wait\n\n\
    What is muted is measured and tracked all the same; what is still open at the end is published then. \
    The longest mute is policy.mute.max."
)]
pub(in crate::cli) struct MuteArgs {
    #[command(flatten)]
    sender: SenderArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    /// How long, from now on
    #[arg(long = "for", value_name = "TIME", value_parser = duration, group = "end")]
    length: Option<i64>,
    /// Until when
    #[arg(long, value_name = "TIME", value_parser = time, group = "end")]
    until: Option<Time>,
}

/// End a mute before its time
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    driftline unmute --config driftline.toml --model fraud --feature amount\n  \
    driftline unmute --config driftline.toml --model fraud --id cmd_1f0b8a52-6c1e-4c55-9c37-5a2f3b0f7d11\n\n\
    Without --id the mute of exactly this scope ends.")]
pub(in crate::cli) struct UnmuteArgs {
    #[command(flatten)]
    sender: SenderArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    /// The id of the command that began it
    #[arg(long, value_name = "ID", conflicts_with_all = ["version", "segment", "feature"])]
    id: Option<String>,
}

pub(in crate::cli) fn mute(args: &MuteArgs) -> Ran {
    let until = args.until.unwrap_or_else(|| now().plus_ms(args.length.unwrap_or_default()));
    let command = args.scope.fill(args.sender.command("mute"));
    args.sender.send(&Command { until: Some(until), ..command })
}

pub(in crate::cli) fn unmute(args: &UnmuteArgs) -> Ran {
    let command = args.scope.fill(args.sender.command("unmute"));
    args.sender.send(&Command { target: args.id.clone(), ..command })
}
