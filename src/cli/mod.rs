//! The command line: one file a command, over the library and nothing else.
//!
//! Data go to standard output, the log and errors to standard error. [`main`] is the one place where
//! what happened becomes an exit code: 0 fine, 1 drift found, 2 the caller can mend it, 3 the bus or a
//! file failed. A reader of standard output that goes away early is no failure.

mod assembly;
mod calibrate;
mod check;
mod columns;
mod control;
mod demo;
mod feed;
mod init;
mod lines;
mod output;
mod profiles;
mod raw_lines;
mod reference;
mod replay;
mod report;
mod run;
mod schema;
mod shell;
mod simulate;
mod tail;
mod times;
mod topics;
mod validate;
mod window;

use crate::error::Error;
use crate::observe::logging::{self, LogFormat};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Parser, Subcommand};
use std::io;
use std::process::ExitCode;

/// Streaming drift detection for models whose inference events flow through Kafka.
#[derive(Parser)]
#[command(
    name = "driftline",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Examples:\n  \
        driftline demo\n  \
        driftline init events.jsonl\n  \
        driftline reference build train.csv --output reference.json\n  \
        driftline check --reference train.csv --current today.csv\n  \
        driftline replay history.csv --time ts --reference train.csv --window 24h --slide 1h\n\n\
        Exit codes: 0 fine, 1 drift found, 2 wrong usage, configuration or input, 3 the bus or a file failed."
)]
struct Cli {
    /// How the log on standard error looks
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", value_parser = log_format())]
    log_format: LogFormat,
    /// Say more in the log; twice for details
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Init(Box<init::InitArgs>),
    #[command(subcommand)]
    Reference(reference::Command),
    Run(run::RunArgs),
    Check(Box<check::CheckArgs>),
    Calibrate(Box<calibrate::CalibrateArgs>),
    Replay(Box<replay::ReplayArgs>),
    Report(report::ReportArgs),
    Simulate(simulate::SimulateArgs),
    Tail(tail::TailArgs),
    Mute(control::MuteArgs),
    Unmute(control::UnmuteArgs),
    #[command(subcommand)]
    Incident(control::Incident),
    #[command(subcommand)]
    Trigger(control::Trigger),
    Validate(validate::ValidateArgs),
    #[command(subcommand)]
    Topics(topics::Command),
    Schema(schema::SchemaArgs),
    Completions(shell::CompletionsArgs),
    Man(shell::ManArgs),
}

/// How a command that did its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Nothing to tell.
    Fine,
    /// What `--fail-on` names was found.
    Found,
}

/// Why a command stopped before its end.
#[derive(Debug)]
enum Stop {
    /// It failed.
    Failed(Error),
    /// Nobody reads its output any more.
    ReaderGone,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(error)
    }
}

/// Errors of writing data out; reading has errors of its own.
impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Stop::ReaderGone,
            _ => Stop::Failed(Error::file(format!("cannot write the output: {error}"))),
        }
    }
}

/// What a command comes to.
type Ran = Result<Outcome, Stop>;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            // Where not even help can be written there is nobody to tell.
            error.print().unwrap_or_default();
            return ExitCode::from(code);
        }
    };
    match run(cli) {
        Ok(Outcome::Fine) | Err(Stop::ReaderGone) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(1),
        Err(Stop::Failed(error)) => {
            eprintln!("error: {error:#}");
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn run(cli: Cli) -> Ran {
    // A service says what it does; a command says what is wrong.
    let quiet = !matches!(cli.command, Command::Run(_));
    let level = match cli.verbose {
        0 if quiet => "warn",
        0 | 1 => "info",
        _ => "debug",
    };
    logging::init(cli.log_format, level)?;
    match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Reference(command) => reference::run(command),
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Calibrate(args) => calibrate::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Tail(args) => tail::run(&args),
        Command::Mute(args) => control::mute(&args),
        Command::Unmute(args) => control::unmute(&args),
        Command::Incident(command) => control::incident(&command),
        Command::Trigger(command) => control::trigger(&command),
        Command::Validate(args) => validate::run(&args),
        Command::Topics(command) => topics::run(command),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
    }
}

fn log_format() -> impl TypedValueParser<Value = LogFormat> {
    PossibleValuesParser::new(["text", "json"]).map(|name| match name.as_str() {
        "json" => LogFormat::Json,
        _ => LogFormat::Text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_holds_together_and_every_command_shows_an_example() {
        let mut cli = Cli::command();
        cli.build();
        cli.clone().debug_assert();
        fn leaves(command: &clap::Command) -> Vec<&clap::Command> {
            match command.get_subcommands().count() {
                0 => vec![command],
                _ => command.get_subcommands().flat_map(leaves).collect(),
            }
        }
        for command in leaves(&cli) {
            let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(example.contains("driftline "), "`{}` shows no example", command.get_name());
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure_and_a_full_disk_is() {
        assert!(matches!(Stop::from(io::Error::from(io::ErrorKind::BrokenPipe)), Stop::ReaderGone));
        assert!(matches!(Stop::from(io::Error::from(io::ErrorKind::StorageFull)), Stop::Failed(_)));
    }
}
