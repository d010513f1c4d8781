//! `run`: the service.

use super::assembly::{Service, join};
use super::{Outcome, Ran};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::observe::{Fact, Stage, Started, Stopped};
use crate::service::Stop;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Instant;
use tokio::signal::unix::{SignalKind, signal};

/// Run the service: consume inference events, publish drift events and retraining triggers
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    driftline run --config driftline.toml\n  \
    driftline run --config driftline.toml --stage sketch\n\n\
    SIGTERM or Ctrl-C commits what is gathered and stops; a second one stops at once.")]
pub(super) struct RunArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Which of the two stages to run in this process
    #[arg(long, value_enum, default_value = "both")]
    stage: Stages,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stages {
    Both,
    Sketch,
    Evaluate,
}

pub(super) fn run(args: &RunArgs) -> Ran {
    let config = Config::load(&args.config).map_err(Error::from)?;
    let stages: &[Stage] = match args.stage {
        Stages::Both => &[Stage::Sketch, Stage::Evaluate],
        Stages::Sketch => &[Stage::Sketch],
        Stages::Evaluate => &[Stage::Evaluate],
    };
    let application_id = config.kafka.application_id.clone();
    let stop = Stop::default();
    watch_signals(stop.clone())?;
    let service = Service::new(config, false, stop.clone())?;
    let metrics = service.metrics().clone();
    let server = service.serve(&[])?;
    Started { application_id: &application_id, stages }.emit(&metrics);
    let started = Instant::now();
    let outcome = service.start(stages).and_then(join);
    server.stop();
    Stopped { took: started.elapsed() }.emit(&metrics);
    match outcome {
        // Asked to stop before everything had started: that is what was asked for.
        Err(error) if !(error.is_retriable() && stop.is_asked_by_user()) => Err(error.into()),
        _ => Ok(Outcome::Fine),
    }
}

/// The first signal asks everyone to stop, the second ends the process.
pub(super) fn watch_signals(stop: Stop) -> Result<()> {
    let cannot = |error: std::io::Error| Error::file(format!("cannot watch for signals: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(cannot)?;
    let (mut terminate, mut interrupt) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate()).map_err(cannot)?, signal(SignalKind::interrupt()).map_err(cannot)?)
    };
    let watch = async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => ("SIGTERM", 143),
                _ = interrupt.recv() => ("SIGINT", 130),
            }
        };
        let (name, _) = next().await;
        tracing::info!(signal = name, "stopping");
        stop.request_by_user();
        let (_, code) = next().await;
        std::process::exit(code);
    };
    let thread = std::thread::Builder::new().name("signals".into()).spawn(move || runtime.block_on(watch));
    thread.map(drop).map_err(cannot)
}
