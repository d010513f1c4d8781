//! `reference accept`: the model's current window becomes its reference.

use crate::cli::Ran;
use crate::cli::control::SenderArgs;
use crate::policy::record::Command;
use crate::words::Name;
use clap::Args;

/// Accept a model's current window as its reference
#[derive(Args)]
#[command(after_help = "Example:\n  \
    driftline reference accept --config driftline.toml --model fraud --version 7 --reason 'new price list' --wait\n\n\
    The window is the one that ends next, of all traffic. It holds references.lead later, by the cells of the \
    reference before; where later windows could not be measured well by these, it is refused with the features.")]
pub(in crate::cli) struct AcceptArgs {
    /// The version; not needed where only one has events
    #[arg(long, value_name = "NAME")]
    version: Option<String>,
    #[command(flatten)]
    sender: SenderArgs,
}

pub(super) fn run(args: &AcceptArgs) -> Ran {
    let version = args.version.as_deref().map(Name::from);
    args.sender.send(&Command { version, ..args.sender.command("reference.accept_window") })
}
