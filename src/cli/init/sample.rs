//! The rows of a sample: of a file or a topic.

use super::InitArgs;
use super::proposal::{Model, Proposal, Rate};
use crate::bus::{CatchUp, Follower, KafkaSettings, Start};
use crate::cli::profiles::{self, Times};
use crate::error::{Error, Result};
use crate::event::{Decoder, Envelope, Event, Format as EventFormat, Value, guess, is_prediction};
use crate::files::{self, Format, MAX_RECORD_BYTES};
use crate::measure::sequential::tried;
use crate::reference::{BuildOptions, ProfileBuilder};
use crate::words::{Kind, Name, Role, Time};
use flate2::bufread::MultiGzDecoder;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

/// Events that the places of fields are guessed from.
const LOOKED_AT: usize = 200;
/// Models that are proposed; more are told.
const MODELS: usize = 20;
/// How long a topic may take to be read.
const PATIENCE: Duration = Duration::from_secs(60);
/// A category column is an identifier where so many of its values come once.
const IDENTIFIER: f64 = 0.5;

/// A record of the sample and its own timestamp.
type Sampled = (Vec<u8>, Option<Time>);

/// A proposal from the file at `path`.
pub(super) fn of_file(args: &InitArgs, path: &Path) -> Result<Proposal> {
    let format = match args.columns.input_format {
        Some(format) => format,
        None => Format::of_path(path)?,
    };
    match format {
        Format::JsonLines => of_events(args, lines(path, args.rows)?, "inference-events", path.display()),
        _ => of_table(args, path),
    }
}

/// A proposal from the last records of `topic`.
pub(super) fn of_topic(args: &InitArgs, topic: &str) -> Result<Proposal> {
    let settings = KafkaSettings::new(&args.brokers, "driftline-init", "", BTreeMap::new())?;
    let mut follower = Follower::open_at(&settings, topic, Start::Earliest)?;
    let (mut records, most) = (VecDeque::new(), usize::try_from(args.rows).unwrap_or(usize::MAX));
    let read = follower.catch_up(PATIENCE, &mut |record| {
        if records.len() >= most {
            records.pop_front();
        }
        let time = record.timestamp_ms().map(Time::from_ms);
        records.extend(record.payload().map(|payload| (payload.to_vec(), time)));
        Ok(())
    })?;
    if let CatchUp::Behind { trouble: Some(error), .. } = read {
        return Err(error);
    }
    of_events(args, records.into(), topic, topic)
}

/// The first lines of a file of JSON.
fn lines(path: &Path, rows: u64) -> Result<Vec<Sampled>> {
    let failed = |error: std::io::Error| Error::file(format!("cannot read: {error}")).at(path.display());
    let mut plain = BufReader::new(File::open(path).map_err(failed)?);
    let is_zipped = plain.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
    let mut bytes: Box<dyn BufRead> =
        if is_zipped { Box::new(BufReader::new(MultiGzDecoder::new(plain))) } else { Box::new(plain) };
    let mut records = Vec::new();
    while (records.len() as u64) < rows {
        let mut line = Vec::new();
        if (&mut bytes).take(MAX_RECORD_BYTES).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        if !line.trim_ascii().is_empty() {
            records.push((line, None));
        }
    }
    Ok(records)
}

fn of_events(
    args: &InitArgs,
    records: Vec<Sampled>,
    topic: &str,
    place: impl std::fmt::Display,
) -> Result<Proposal> {
    let parse = |(bytes, _): &Sampled| serde_json::from_slice::<Json>(bytes).ok().filter(Json::is_object);
    let looked_at: Vec<Json> = records.iter().filter_map(parse).take(LOOKED_AT).collect();
    if looked_at.is_empty() {
        let hint = "events are JSON objects, one a line; Avro needs [input.fields] by hand";
        return Err(Error::input("there is no event in the sample").at(place).hint(hint));
    }
    let fields = guess(&looked_at, &args.model);
    let decoder = Decoder::new(EventFormat::Json, Envelope::new(fields.clone())?);
    let mut models: BTreeMap<String, Rows> = BTreeMap::new();
    let mut bad = 0;
    for (bytes, time) in &records {
        match decoder.decode(Some(bytes), None, *time) {
            // A name that is new when there are many already is one too many.
            Ok(event) if models.len() < MODELS || models.contains_key(&*event.model) => {
                models.entry(event.model.to_string()).or_insert_with(|| Rows::new(args)).push(&event);
            }
            Ok(_) => {}
            Err(_) => bad += 1,
        }
    }
    if models.is_empty() {
        let hint = "write [input.fields] by hand: JSON Pointers to model, time and features";
        return Err(Error::input("no event has a time and features where they seem to be")
            .at(place)
            .hint(hint));
    }
    let models = models.into_iter().map(|(name, rows)| rows.finish(name)).collect::<Result<_>>()?;
    Ok(Proposal { brokers: args.brokers.clone(), topic: topic.to_owned(), fields: Some(fields), models, bad })
}

fn of_table(args: &InitArgs, path: &Path) -> Result<Proposal> {
    let times = Times { grid: None, season: None, are_needed: false };
    let profile = profiles::build(path, Some(0..args.rows), &args.columns, None, times)?;
    let identifiers = identifiers(&profile);
    let mut columns = args.columns.clone();
    columns.ignore.extend(identifiers.iter().map(|name| name.to_string()));
    let rate = rate_of_table(path, args)?;
    let times = Times { grid: Some(rate.grid()), season: None, are_needed: false };
    let profile = profiles::build(path, Some(0..args.rows), &columns, None, times)?;
    let model = Model::new(args.model.clone(), profile, identifiers, rate);
    let topic = "inference-events".to_owned();
    Ok(Proposal { brokers: args.brokers.clone(), topic, fields: None, models: vec![model], bad: 0 })
}

/// How dense the rows of a table are in time.
fn rate_of_table(path: &Path, args: &InitArgs) -> Result<Rate> {
    let mut rate = Rate::default();
    let Some(column) = &args.columns.time else { return Ok(rate) };
    let mut table = files::open(path, args.columns.input_format)?.take(0..args.rows);
    let mut row = files::Row::new();
    while table.next_row(&mut row)? {
        rate.count(table.time_of(&row, column)?);
    }
    Ok(rate)
}

/// Columns of which most values come once: they name rows and say nothing of them.
fn identifiers(profile: &crate::reference::Profile) -> BTreeSet<Name> {
    let of_names = profile.features().iter().filter(|feature| feature.kind == Kind::Categorical);
    let rows = profile.rows() as f64;
    of_names.filter(|f| f.singletons as f64 > IDENTIFIER * rows).map(|f| f.name.clone()).collect()
}

/// The rows of a model.
struct Rows {
    rows: Vec<(Time, Vec<(Name, Value<'static>)>)>,
    rate: Rate,
    ignore: BTreeSet<Name>,
}

impl Rows {
    fn new(args: &InitArgs) -> Rows {
        let ignore = args.columns.ignore.iter().map(|name| Name::from(name.as_str())).collect();
        Rows { rows: Vec::new(), rate: Rate::default(), ignore }
    }

    fn push(&mut self, event: &Event<'_>) {
        self.rate.count(event.time);
        let columns = event.clone().into_owned().columns;
        let columns = columns.into_iter().map(|(name, value)| (Name::from(&*name), value));
        self.rows.push((event.time, columns.collect()));
    }

    fn finish(self, name: String) -> Result<Model> {
        let build = |ignore: BTreeSet<Name>, grid| {
            let columns = self.rows.iter().flat_map(|(_, columns)| columns.iter().map(|(name, _)| name));
            let roles =
                columns.filter(|name| is_prediction(name)).map(|name| (name.clone(), Role::Prediction));
            let roles = roles.collect();
            let mut builder =
                ProfileBuilder::new(BuildOptions { ignore, roles, grid, ..BuildOptions::default() });
            for (time, columns) in &self.rows {
                builder.push_at(Some(*time), columns.iter().map(|(name, value)| (name, value)));
            }
            builder.finish_with(tried)
        };
        let identifiers = identifiers(&build(self.ignore.clone(), None)?);
        let ignore = self.ignore.iter().chain(&identifiers).cloned().collect();
        let profile = build(ignore, Some(self.rate.grid()))?;
        Ok(Model::new(name, profile, identifiers, self.rate))
    }
}
