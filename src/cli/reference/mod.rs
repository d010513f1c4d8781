//! `reference`: profiles as files.

mod build;
mod diff;
mod show;

use super::Ran;

/// Build, look at and compare reference profiles
#[derive(clap::Subcommand)]
pub(super) enum Command {
    Build(build::BuildArgs),
    Show(show::ShowArgs),
    Diff(diff::DiffArgs),
}

pub(super) fn run(command: Command) -> Ran {
    match command {
        Command::Build(args) => build::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Diff(args) => diff::run(&args),
    }
}
