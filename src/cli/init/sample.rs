//! The rows of a sample: of a file or a topic.

use super::InitArgs;
use super::proposal::{Model, Proposal, Rate};
use crate::bus::{Isolation, KafkaSettings, OffsetReader, OwnedRecord, PartitionRange, TopicPartition};
use crate::cli::profiles::{self, Times};
use crate::cli::raw_lines::RawLines;
use crate::error::{Error, Result};
use crate::event::{Decoder, Envelope, Event, Format as EventFormat, Value, guess, is_prediction};
use crate::files::{self, Format};
use crate::measure::sequential::tried;
use crate::reference::{BuildOptions, ProfileBuilder};
use crate::words::{Kind, Name, Role, Time};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Events that the places of fields are guessed from.
const LOOKED_AT: usize = 200;
/// Models that are proposed; more are told.
const MODELS: usize = 20;
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

/// A proposal from the last records of `topic`, as many of each partition.
pub(super) fn of_topic(args: &InitArgs, topic: &str) -> Result<Proposal> {
    let kafka = KafkaSettings::new(&args.brokers, "driftline-init", "", BTreeMap::new())?;
    let offsets = OffsetReader::new(&kafka, Isolation::Committed)?;
    let count =
        offsets.partition_count(topic)?.ok_or_else(|| Error::bus("there is no such topic").at(topic))?;
    let places: Vec<TopicPartition> = (0..count).map(|number| TopicPartition::new(topic, number)).collect();
    let most = i64::try_from(args.rows).unwrap_or(i64::MAX) / i64::from(count) + 1;
    let bounds = offsets.beginnings(&places)?.into_iter().zip(offsets.ends(&places)?);
    let mut records = Vec::new();
    for (place, (first, end)) in places.iter().zip(bounds) {
        for record in PartitionRange::open(&kafka, place, (first.max(end - most), end), "")? {
            let OwnedRecord { timestamp_ms, payload, .. } = record?;
            records.extend(payload.map(|payload| (payload, timestamp_ms.map(Time::from_ms))));
        }
    }
    of_events(args, records, topic, topic)
}

/// The first lines of a file of JSON.
fn lines(path: &Path, rows: u64) -> Result<Vec<Sampled>> {
    let (mut file, mut records) = (RawLines::open(path)?, Vec::new());
    while (records.len() as u64) < rows && file.advance()? {
        records.push((file.line().to_vec(), None));
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
