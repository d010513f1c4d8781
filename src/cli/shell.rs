//! What shells and `man` read: completions and manual pages, made from the command line itself.

use super::output::stdout;
use super::{Cli, Outcome, Ran};
use crate::error::Error;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::Write;
use std::path::PathBuf;

/// Print the completions for a shell
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    driftline completions bash > /etc/bash_completion.d/driftline\n  \
    driftline completions zsh > \"${fpath[1]}/_driftline\"\n  \
    driftline completions fish > ~/.config/fish/completions/driftline.fish")]
pub(super) struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Write the manual pages, one for each command
#[derive(Args)]
#[command(after_help = "Example:\n  driftline man --output /usr/local/share/man/man1")]
pub(super) struct ManArgs {
    /// The directory they go to, which must be there
    #[arg(short, long, value_name = "DIRECTORY")]
    output: PathBuf,
}

pub(super) fn completions(args: &CompletionsArgs) -> Ran {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "driftline", &mut text);
    let mut out = stdout();
    out.write_all(&text)?;
    out.flush()?;
    Ok(Outcome::Fine)
}

pub(super) fn man(args: &ManArgs) -> Ran {
    let failed = |error| Error::file(format!("cannot write the pages: {error}")).at(args.output.display());
    clap_mangen::generate_to(Cli::command(), &args.output).map_err(failed)?;
    Ok(Outcome::Fine)
}
