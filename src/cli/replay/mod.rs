//! `replay`: the detector on history, from files or topics. It drives the same two stages as the service, and
//! neither commits nor publishes. A backtest drives them once for each policy.

mod backtest;
mod commands;
mod records;
mod settings;
mod show;
mod topics;

use super::columns::ColumnArgs;
use super::output::{Meter, OutputFormat};
use super::times::time;
use super::window::{WindowArgs, duration};
use super::{Outcome, Ran, Stop, output};
use crate::config::Config;
use crate::engine::{Output, Pipeline, Taken};
use crate::error::{Error, Result};
use crate::event::{BadReason, BadRecord};
use crate::files::parse_row_range;
use crate::policy::record::{SCHEMA_VERSION, Transition};
use crate::reference::References;
use crate::words::{Name, Severity, Time};
use clap::{Args, ValueEnum};
use records::{Mode, Source};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;

/// The input topic that the files are the partitions of.
const TOPIC: &str = "file";
/// Records between two commits.
const ROWS_PER_COMMIT: u64 = 10_000;
/// Bad records that are named in the log; the rest is counted.
const NAMED_BAD: u64 = 10;

/// Run the detector on history: the reports, events and triggers that `run` would have published
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    driftline replay history.csv --time ts --reference train.csv --window 24h --slide 1h\n  \
    driftline replay all.csv --time row --rows 50000.. --reference all.csv --reference-rows 0..50000 --window 5000s\n  \
    driftline replay events.jsonl --model fraud --reference reference.json --window 1h\n  \
    driftline replay events.jsonl --config driftline.toml --policy stricter.toml --format table\n  \
    driftline replay events.jsonl --config driftline.toml --compare stricter.toml --incidents known.csv --format table\n  \
    driftline replay events.jsonl --config driftline.toml --alarms 2/30d --format table\n  \
    driftline replay --from-topics --config driftline.toml --since 2026-03-01T00:00:00Z --policy stricter.toml\n\n\
    With --time the files are tables of rows. Without it they are JSON lines in the envelope of the \
    configuration, or in driftline's own. Several files are several partitions of one topic: \
    one that ends early holds the others' windows back, until --close. Without a \
    configuration there is no lateness, warm-up, settling or cooldown.\n\n\
    With --compare, --incidents or --alarms the policy itself is judged: one comparison is written instead of \
    what it decides.")]
pub(super) struct ReplayArgs {
    /// The history: .csv, .tsv, .jsonl (each also with .gz) or .parquet; `-` is standard input
    #[arg(required_unless_present = "from_topics")]
    inputs: Vec<PathBuf>,
    /// Take the history from the input topics of --config
    #[arg(long, requires = "config", conflicts_with_all = ["inputs", "time", "rows"])]
    from_topics: bool,
    /// With --from-topics: from records of this time on, by their own timestamps
    #[arg(long, value_name = "TIME", value_parser = time, requires = "from_topics")]
    since: Option<Time>,
    /// With --from-topics: up to records of this time
    #[arg(long, value_name = "TIME", value_parser = time, requires = "from_topics")]
    until: Option<Time>,
    /// What to compare with: a profile, or data. Over the configuration's
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
    /// Take only these rows of the reference: 0-based, end excluded
    #[arg(long, value_name = "A..B", value_parser = parse_row_range, requires = "reference")]
    reference_rows: Option<Range<u64>>,
    /// A configuration, as for `run`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The model that the rows or events are of
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// The version that the rows are of
    #[arg(long, value_name = "NAME", default_value = "")]
    version: String,
    #[command(flatten)]
    cut: WindowArgs,
    /// The fine grid of event time; default a tenth of the slide
    #[arg(long, value_name = "TIME", value_parser = duration)]
    look: Option<i64>,
    /// Take only these rows of each file: 0-based, end excluded
    #[arg(long, value_name = "A..B", value_parser = parse_row_range)]
    rows: Option<Range<u64>>,
    /// Another [policy], over the configuration's
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// One setting, over all others: policy.min_rows=100 (repeated)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Commands to honour: lines of JSON, as the control topic has them
    #[arg(long, value_name = "FILE")]
    control: Option<PathBuf>,
    /// Another policy to set beside it: what each would have told (repeated)
    #[arg(long, value_name = "FILE")]
    compare: Vec<PathBuf>,
    /// What is known to have happened: a table with the columns start, end, feature
    #[arg(long, value_name = "FILE")]
    incidents: Option<PathBuf>,
    /// Suggest thresholds for this many alarms in this time (false ones, with --incidents)
    #[arg(long, value_name = "NUMBER/TIME", value_parser = backtest::wish)]
    alarms: Option<backtest::Wish>,
    /// At the end also judge the panes that no later event has closed
    #[arg(long)]
    close: bool,
    /// What makes the exit code 1
    #[arg(long, value_name = "WHAT,…", value_enum, value_delimiter = ',', conflicts_with_all = ["compare", "incidents", "alarms"])]
    fail_on: Vec<FailOn>,
    /// How the results are written: JSON lines, or lines for people
    #[arg(long, value_enum, default_value = "json")]
    format: OutputFormat,
    #[command(flatten)]
    columns: ColumnArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// An incident at drift or worse
    Drift,
    /// Any incident
    Warning,
    /// A retraining trigger
    Trigger,
}

/// What became of the records; the last line of a replay. `rows` is the sum of the next seven.
#[derive(Debug, Default, Serialize)]
struct Summary {
    r#type: &'static str,
    schema_version: u32,
    tool_version: &'static str,
    rows: u64,
    /// Rows in windows that were judged.
    events: u64,
    late: u64,
    idle_late: u64,
    unrouted: u64,
    dead_letters: u64,
    /// Rows of models and versions beyond the limits.
    limited: u64,
    /// Rows in panes that are still open.
    open_rows: u64,
    /// Rows counted by another reference than their pane's: none, since all stand in their order.
    conflict: u64,
    windows: u64,
    drift_events: u64,
    triggers: u64,
    /// References that were made of first rows.
    references: u64,
    dead_letter_reasons: BTreeMap<&'static str, u64>,
    /// How far event time has come.
    watermark: Option<Time>,
}

pub(super) fn run(args: &ReplayArgs) -> Ran {
    let mode = records::mode(args)?;
    if backtest::is_asked(args) {
        return backtest::run(args, mode);
    }
    let config = settings::config(args, mode, args.policy.as_deref())?;
    let (mut out, mut found) = (output::stdout(), false);
    let mut summary = Summary {
        r#type: "replay_summary",
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        ..Summary::default()
    };
    let references = settings::references(args, &config, mode)?;
    let fed = feed(args, mode, &config, references, &mut summary, &mut |output| {
        found |= args.fail_on.iter().any(|what| what.is(output));
        match args.format {
            OutputFormat::Json => show::json(&mut out, output),
            OutputFormat::Table => show::text(&mut out, output),
        }
    });
    let nothing_counted = fed?;
    match args.format {
        OutputFormat::Json => output::json_line(&mut out, &summary)?,
        OutputFormat::Table => show::summary(&mut out, &summary)?,
    }
    out.flush()?;
    match nothing_counted {
        Some(error) => Err(error.into()),
        None => Ok(if found { Outcome::Found } else { Outcome::Fine }),
    }
}

/// Drives the history through both stages by `config`. What they decide goes to `told` in the order of
/// the contract, what became of the records into `summary`. An error comes back where no record counted.
fn feed(
    args: &ReplayArgs,
    mode: Mode,
    config: &Config,
    references: References,
    summary: &mut Summary,
    told: Told<'_>,
) -> Result<Option<Error>, Stop> {
    let (mut pipeline, decoder) = settings::pipeline(args, config, references, mode)?;
    let commands = args.control.as_ref().map(|path| commands::read(path)).transpose()?;
    for (from, command) in commands.into_iter().flatten() {
        pipeline.command(command, from);
    }
    let open = |path: &PathBuf| Source::open(path, args, config, &decoder);
    let sources: Vec<Source> = match mode {
        Mode::Topics => topics::sources(args, config, &decoder)?,
        Mode::Rows | Mode::Events => args.inputs.iter().map(open).collect::<Result<_>>()?,
    };
    let mut replay = Replay { pipeline, told, counted: 0, first_bad: None, unrouted_model: None, summary };
    replay.read(sources)?;
    replay.end(args.close)
}

/// Who hears what is decided.
type Told<'a> = &'a mut dyn FnMut(&Output) -> Result<(), Stop>;

/// A replay under way.
struct Replay<'a> {
    pipeline: Pipeline,
    told: Told<'a>,
    /// Rows that stage 1 took into panes.
    counted: u64,
    first_bad: Option<String>,
    unrouted_model: Option<Name>,
    summary: &'a mut Summary,
}

impl Replay<'_> {
    /// Takes the records of all sources, the one with the earliest time next, so that none runs ahead.
    fn read(&mut self, mut sources: Vec<Source>) -> Result<(), Stop> {
        let meter = Meter::new(sources.iter().map(Source::progress), "replaying");
        let several = sources.len() > 1;
        let mut heads: Vec<Option<Option<Time>>> = Vec::new();
        for source in &mut sources {
            heads.push(source.advance()?.then(|| source.time(several)));
        }
        // Records without a time come first: they stand in nobody's way.
        while let Some((at, _)) = heads
            .iter()
            .enumerate()
            .filter_map(|(at, head)| head.map(|time| (at, time)))
            .min_by_key(|(at, time)| (*time, *at))
        {
            self.take(&sources[at], at);
            if self.summary.rows.is_multiple_of(ROWS_PER_COMMIT) {
                meter.set(sources.iter().map(Source::progress));
                let outputs = self.pipeline.commit();
                self.write(outputs)?;
            }
            heads[at] = sources[at].advance()?.then(|| sources[at].time(several));
        }
        Ok(())
    }

    fn take(&mut self, source: &Source, at: usize) {
        self.summary.rows += 1;
        let (topic, partition) = source.partition(at);
        match self.pipeline.take(topic, partition, source.offset(), source.record_time(), source.decoded()) {
            Taken::Counted => self.counted += 1,
            Taken::Late { .. } => self.summary.late += 1,
            Taken::Unrouted { model } => {
                self.summary.unrouted += 1;
                self.unrouted_model.get_or_insert(model);
            }
            Taken::Bad(bad) => self.bad(&bad, source),
        }
    }

    fn bad(&mut self, bad: &BadRecord, source: &Source) {
        let BadRecord { reason, message } = bad;
        if self.summary.dead_letters < NAMED_BAD {
            let place = source.place();
            tracing::warn!(reason = BadReason::as_str(*reason), place, "record can't be used: {message}");
            self.first_bad.get_or_insert_with(|| format!("{message} ({place})"));
        }
        self.summary.dead_letters += 1;
        *self.summary.dead_letter_reasons.entry(reason.as_str()).or_default() += 1;
    }

    /// Tells what a commit decided, in the order of the contract.
    fn write(&mut self, mut outputs: Vec<Output>) -> Result<(), Stop> {
        outputs.sort_by(|a, b| show::order(a).cmp(&show::order(b)));
        for output in &outputs {
            self.count(output);
            (self.told)(output)?;
        }
        Ok(())
    }

    fn count(&mut self, output: &Output) {
        match output {
            Output::Report(_) => self.summary.windows += 1,
            Output::Event(_) => self.summary.drift_events += 1,
            Output::Trigger(_) => self.summary.triggers += 1,
            Output::Reference(_) => self.summary.references += 1,
            Output::Command(command) => {
                let (id, kind) = (&command.id, &command.r#type);
                match &command.refusal {
                    Some(why) => tracing::warn!(id, kind, "command refused: {why}"),
                    None => tracing::info!(id, kind, "command done"),
                }
            }
            Output::VersionRetired { model, version } => {
                tracing::info!(model = &**model, version = &**version, "version retired");
            }
            Output::IdleLate { model, rows } => {
                self.summary.idle_late += rows;
                tracing::warn!(model = &**model, rows, "rows came after their pane was closed");
            }
            Output::Limited { key, limit, rows } => {
                tracing::warn!(%key, rows, "more than `limits.{limit}`: these rows are not monitored");
                // A segment's rows are in the whole model's windows all the same.
                if *limit != "segments" {
                    self.summary.limited += rows;
                }
            }
        }
    }

    fn end(mut self, close: bool) -> Result<Option<Error>, Stop> {
        let outputs = if close { self.pipeline.close() } else { self.pipeline.commit() };
        self.write(outputs)?;
        let summary = &mut self.summary;
        summary.open_rows = self.pipeline.evaluator().open_rows();
        summary.events = self.counted - summary.open_rows - summary.idle_late - summary.limited;
        summary.watermark = self.pipeline.evaluator().watermark();
        let is_empty = self.summary.rows > 0 && self.counted + self.summary.late == 0;
        Ok(is_empty.then(|| self.nothing_counted()))
    }

    fn nothing_counted(&self) -> Error {
        match (&self.unrouted_model, &self.first_bad) {
            (Some(model), _) => Error::input("no event is of a model that is monitored")
                .hint(format!("the first is of `{model}`: say --model, or list it in the configuration")),
            (None, Some(bad)) => Error::input(format!("no record could be used; the first: {bad}")),
            (None, None) => Error::input("no record could be used"),
        }
    }
}

impl FailOn {
    fn is(self, output: &Output) -> bool {
        match output {
            Output::Event(event) => {
                let is_raise = matches!(event.transition, Transition::Detected | Transition::Escalated);
                match self {
                    FailOn::Drift => is_raise && event.severity >= Severity::Drift,
                    FailOn::Warning => is_raise,
                    FailOn::Trigger => false,
                }
            }
            Output::Trigger(_) => self == FailOn::Trigger,
            _ => false,
        }
    }
}
