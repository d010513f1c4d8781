//! `simulate`: a seeded stream of scored payments with scheduled drifts, as JSON lines or to a topic.

use super::assembly::Connection;
use super::feed::Feed;
use super::output::{count, stdout, write_to};
use super::run::watch_signals;
use super::times::{now, time};
use super::{Outcome, Ran, Stop};
use crate::bus::{Isolation, OffsetReader, Publisher};
use crate::config::{Config, Format as InputFormat};
use crate::error::{Error, Result};
use crate::event::Value;
use crate::files::Format;
use crate::service;
use crate::simulate::{Change, Drift, PREDICTION, Scenario, SimulatedEvent, Simulator};
use crate::words::{Time, parse_duration_ms};
use clap::Args;
use serde_json::{Map, Value as Json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What a drift on the command line looks like.
const DRIFT_FORM: &str = "write FEATURE:KIND:START, with :SIZE behind it where another is wanted, such as \
                          amount:mean_shift:4h or amount:mean_shift:4h:0.3";
const DRIFT_KINDS: &str = "kinds: mean_shift (standard deviations), scale (factor), category_mix (share), \
                           new_category (share), missing (points), constant, unit_change (factor), all_null";

/// Write a made-up stream of scored payments, with drifts on a schedule
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    driftline simulate --events 100000 --output events.jsonl --reference reference.csv\n  \
    driftline simulate --for 12h --seed 7 --drift amount:mean_shift:4h:0.3 --drift income:missing:6h\n  \
    driftline simulate --config driftline.toml --publish --for 24h --speed 1440\n\n\
    Without --drift a drift of every kind sets in, the first after four hours, the others two hours apart. \
    The same options and seed give the same bytes, published ones too where --start is given.")]
pub(super) struct SimulateArgs {
    /// Another seed is another stream
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// How many events
    #[arg(long, value_name = "N", conflicts_with = "length")]
    events: Option<u64>,
    /// How long, in event time
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration_ms, default_value = "24h", id = "length")]
    length: i64,
    /// Events in a second of event time
    #[arg(long, value_name = "N", default_value = "20")]
    rate: f64,
    /// The time of the first event; by default such that a published stream ends now, and 2026-03-02
    /// for others
    #[arg(long, value_name = "TIME", value_parser = time)]
    start: Option<Time>,
    /// A drift instead of the default schedule (repeated), or `none`
    #[arg(long = "drift", value_name = "FEATURE:KIND:START", value_parser = drift)]
    drifts: Vec<DriftArg>,
    /// Where the events go; `-` is standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Publish the events to the first input topic of --config instead
    #[arg(long, requires = "config", conflicts_with = "output")]
    publish: bool,
    /// The configuration that names brokers and topic
    #[arg(long, value_name = "FILE", requires = "publish")]
    config: Option<PathBuf>,
    /// Publish at so many times the clock, instead of as fast as the brokers take it
    #[arg(long, value_name = "N", requires = "publish", value_parser = speed)]
    speed: Option<f64>,
    /// Also write rows without drift, to build a reference of: .csv or .jsonl
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
    /// How many of them
    #[arg(long, value_name = "N", default_value = "20000", requires = "reference")]
    reference_rows: u64,
}

#[derive(Debug, Clone, PartialEq)]
enum DriftArg {
    None,
    One(Drift),
}

pub(super) fn run(args: &SimulateArgs) -> Ran {
    let simulator = Simulator::new(scenario(args), args.seed)?;
    if let Some(path) = &args.reference {
        write_reference(path, &simulator, args.reference_rows)?;
    }
    let limit = args.events.map_or(usize::MAX, |events| usize::try_from(events).unwrap_or(usize::MAX));
    if let Some(config) = &args.config {
        return publish(config, args.speed, simulator, limit);
    }
    write_to(&args.output, |out| {
        for event in simulator.take(limit) {
            out.write_all(&event.to_json())?;
            out.write_all(b"\n")?;
        }
        Ok(())
    })?;
    Ok(Outcome::Fine)
}

fn scenario(args: &SimulateArgs) -> Scenario {
    let demo = Scenario::demo();
    let chosen = args.drifts.iter().filter_map(|drift| match drift {
        DriftArg::None => None,
        DriftArg::One(drift) => Some(drift.clone()),
    });
    Scenario {
        rate: args.rate,
        start: args.start.unwrap_or_else(|| if args.publish { ending_now(args) } else { demo.start }),
        duration_ms: args.events.is_none().then_some(args.length),
        drifts: if args.drifts.is_empty() { demo.drifts.clone() } else { chosen.collect() },
        ..demo
    }
}

/// When a stream starts that ends when it is published whole: no event is then ahead of the clock.
fn ending_now(args: &SimulateArgs) -> Time {
    let length_ms = args.events.map_or(args.length as f64, |events| events as f64 * 1000.0 / args.rate);
    let takes_ms = args.speed.map_or(0.0, |speed| length_ms / speed);
    let second = Time::from_ms(now().ms() / 1000 * 1000);
    second.plus_ms((takes_ms - length_ms) as i64)
}

/// Publishes the stream, until it ends or a signal comes.
fn publish(config: &Path, speed: Option<f64>, simulator: Simulator, limit: usize) -> Ran {
    let config = Config::load(config).map_err(Error::from)?;
    if config.input.format != InputFormat::Json {
        return Err(Error::config("simulated events are JSON, and `input.format` is not").into());
    }
    let connection = Connection::new(&config)?;
    let [topic, ..] = &*config.input.topics else {
        return Err(Error::config("`input.topics` names no topic to publish to").into());
    };
    // A producer would wait long for a topic that is not there.
    let offsets = OffsetReader::new(&connection.kafka, Isolation::Uncommitted)?;
    if offsets.partition_count(topic)?.is_none() {
        let hint = "`driftline topics create --inputs N` makes it";
        return Err(Error::bus("there is no such topic").at(topic).hint(hint).into());
    }
    let stop = service::Stop::default();
    watch_signals(stop.clone())?;
    let start = simulator.scenario().start;
    let publisher = Publisher::new(&connection.kafka)?;
    let feed = Feed { publisher: &publisher, topic, speed, stop: &stop };
    let sent = feed.send(start, simulator.take(limit), |_| true)?;
    let mut out = stdout();
    writeln!(out, "{} published to {topic}, from event time {start} on", count(sent, "event"))?;
    out.flush()?;
    Ok(Outcome::Fine)
}

/// Writes rows without drift: the features and the prediction, flat.
fn write_reference(path: &Path, simulator: &Simulator, rows: u64) -> Result<(), Stop> {
    let format = Format::of_path(path)?;
    if !matches!(format, Format::Csv | Format::JsonLines) || path.extension().is_some_and(|e| e == "gz") {
        return Err(Error::usage("reference rows are written as .csv or .jsonl").at(path.display()).into());
    }
    write_to(path, |out| {
        let mut rows = simulator.reference_rows(rows).peekable();
        if let (Format::Csv, Some(first)) = (format, rows.peek()) {
            let names = first.features.iter().map(|(name, _)| &**name).chain([PREDICTION]);
            csv_line(out, names)?;
        }
        for row in rows {
            match format {
                Format::Csv => csv_line(out, csv_fields(&row))?,
                _ => super::output::json_line(out, &json_row(&row))?,
            }
        }
        Ok(())
    })
}

fn csv_line(out: &mut dyn Write, fields: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<(), Stop> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(fields).map_err(io::Error::from)?;
    Ok(writer.flush()?)
}

fn csv_fields(row: &SimulatedEvent) -> impl Iterator<Item = String> {
    let field = |value: &Value<'_>| match value {
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Text(text) | Value::Literal(text) => text.to_string(),
        Value::Missing | Value::Other => String::new(),
    };
    row.features.iter().map(move |(_, value)| field(value)).chain([row.prediction.to_string()])
}

fn json_row(row: &SimulatedEvent) -> Map<String, Json> {
    let json = |value: &Value<'_>| match value {
        Value::Number(number) => Json::from(*number),
        Value::Bool(truth) => Json::from(*truth),
        Value::Text(text) | Value::Literal(text) => Json::from(text.as_ref()),
        Value::Missing | Value::Other => Json::Null,
    };
    let features = row.features.iter().map(|(name, value)| (name.to_string(), json(value)));
    features.chain([(PREDICTION.to_owned(), Json::from(row.prediction))]).collect()
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed > 0.0);
    speed.ok_or_else(|| "write a number above 0, such as 60 for a minute in a second".into())
}

/// Reads `FEATURE:KIND:START[:SIZE]`.
fn drift(text: &str) -> Result<DriftArg, String> {
    if text == "none" {
        return Ok(DriftArg::None);
    }
    let parts: Vec<&str> = text.split(':').collect();
    let (feature, kind, start, size) = match parts[..] {
        [feature, kind, start] => (feature, kind, start, None),
        [feature, kind, start, size] => (feature, kind, start, Some(size)),
        _ => return Err(DRIFT_FORM.into()),
    };
    let size = |usual: f64| match size {
        None => Ok(usual),
        Some(text) => text.parse().map_err(|_| format!("not a size: {text:?} ({DRIFT_KINDS})")),
    };
    let change = match kind {
        "mean_shift" => Change::MeanShift { sigmas: size(0.5)? },
        "scale" => Change::Scale { factor: size(1.5)? },
        "category_mix" => Change::CategoryMix { share: size(0.3)? },
        "new_category" => Change::NewCategory { name: "never_seen".into(), share: size(0.08)? },
        "missing" => Change::Missing { points: size(20.0)? },
        "constant" => Change::Constant,
        "unit_change" => Change::UnitChange { factor: size(1000.0)? },
        "all_null" => Change::AllNull,
        _ => return Err(format!("no drift is called {kind:?} ({DRIFT_KINDS})")),
    };
    Ok(DriftArg::One(Drift::sudden(feature, change, parse_duration_ms(start)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drift_is_a_feature_a_kind_a_start_and_maybe_a_size() {
        let hours_4 = 4 * 3_600_000;
        let expected = |sigmas| DriftArg::One(Drift::sudden("amount", Change::MeanShift { sigmas }, hours_4));
        assert_eq!(drift("amount:mean_shift:4h"), Ok(expected(0.5)));
        assert_eq!(drift("amount:mean_shift:4h:-0.3"), Ok(expected(-0.3)));
        assert_eq!(drift("none"), Ok(DriftArg::None));
        for wrong in
            ["amount", "amount:mean_shift", "amount:shift:4h", "amount:scale:soon", "amount:scale:4h:big"]
        {
            assert!(drift(wrong).is_err(), "{wrong}");
        }
    }
}
