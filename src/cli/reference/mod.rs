//! `reference`: profiles as files, and what is in force.

mod accept;
mod build;
mod diff;
mod publish;
mod send;
mod show;

pub(super) use send::ReferenceSender;

use super::Ran;

/// Build, look at and compare reference profiles
#[derive(clap::Subcommand)]
pub(super) enum Command {
    Build(build::BuildArgs),
    Show(show::ShowArgs),
    Diff(diff::DiffArgs),
    Publish(publish::PublishArgs),
    Activate(publish::ActivateArgs),
    Rollback(publish::RollbackArgs),
    Accept(accept::AcceptArgs),
    List(publish::ListArgs),
}

pub(super) fn run(command: Command) -> Ran {
    match command {
        Command::Build(args) => build::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Publish(args) => publish::publish(&args),
        Command::Activate(args) => publish::activate(&args),
        Command::Rollback(args) => publish::rollback(&args),
        Command::Accept(args) => accept::run(&args),
        Command::List(args) => publish::list(&args),
    }
}
