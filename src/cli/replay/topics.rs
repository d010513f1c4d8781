//! The records of the configuration's input topics, a source for each partition.

use super::ReplayArgs;
use super::records::Source;
use crate::bus::{Isolation, OffsetReader, OwnedRecord, PartitionRange, Start, TopicPartition};
use crate::cli::assembly::Connection;
use crate::cli::columns::ColumnArgs;
use crate::cli::profiles;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::event::{BadRecord, Decoder, Event};
use crate::files::Progress;
use crate::reference::References;
use crate::service::ReferenceFeed;
use crate::words::{Name, Time};

/// The header that names a record's schema.
const SCHEMA_ID: &str = "__value_schema_id";

/// The records of one partition.
pub(super) struct Partition<'a> {
    place: TopicPartition,
    records: PartitionRange,
    current: Option<OwnedRecord>,
    decoder: &'a Decoder,
    offsets: (i64, i64),
}

impl Partition<'_> {
    /// Goes to the next record; `false` at the end.
    pub fn advance(&mut self) -> Result<bool> {
        self.current = self.records.next().transpose()?;
        Ok(self.current.is_some())
    }

    /// The record, decoded, or why it can't be.
    pub fn decoded(&self) -> Result<Event<'_>, BadRecord> {
        let record = self.current.as_ref();
        let payload = record.and_then(|record| record.payload.as_deref());
        let header = record.and_then(|record| record.header.as_deref());
        super::records::decode(self.decoder, payload, header, self.record_time())
    }

    /// The record's own time.
    pub fn record_time(&self) -> Option<Time> {
        self.current.as_ref()?.timestamp_ms.map(Time::from_ms)
    }

    /// The record's offset.
    pub fn offset(&self) -> i64 {
        self.current.as_ref().map_or(0, |record| record.offset)
    }

    /// The topic and the partition's number.
    pub fn place(&self) -> &TopicPartition {
        &self.place
    }

    /// How far it has been read, in records.
    pub fn progress(&self) -> Progress {
        let (from, to) = self.offsets;
        let read = (self.offset() - from).max(0);
        Progress { bytes_read: read.unsigned_abs(), bytes_total: Some((to - from).unsigned_abs()) }
    }
}

/// The input topics with their numbers of partitions.
pub(super) fn inputs(config: &Config) -> Result<Vec<(Name, i32)>> {
    let offsets = OffsetReader::new(&config.kafka_settings()?, Isolation::Committed)?;
    let count = |topic: &String| {
        let count = offsets.partition_count(topic)?;
        let missing = || Error::bus("there is no such topic").at(topic).hint("mend `input.topics`");
        Ok((Name::from(topic.as_str()), count.ok_or_else(missing)?))
    };
    config.input.topics.iter().map(count).collect()
}

/// All partitions of the input topics, from `--since` to `--until` by their records' own times.
pub(super) fn sources<'a>(
    args: &ReplayArgs,
    config: &Config,
    decoder: &'a Decoder,
) -> Result<Vec<Source<'a>>> {
    let kafka = config.kafka_settings()?;
    let offsets = OffsetReader::new(&kafka, Isolation::Committed)?;
    let mut sources = Vec::new();
    for (topic, count) in inputs(config)? {
        let places: Vec<TopicPartition> =
            (0..count).map(|number| TopicPartition::new(&*topic, number)).collect();
        let at = |time: Option<Time>, otherwise| time.map_or(otherwise, |time| Start::Time(time.ms()));
        let firsts = offsets.starts(&places, at(args.since, Start::Earliest))?;
        let ends = offsets.starts(&places, at(args.until, Start::Latest))?;
        for ((place, from), to) in places.into_iter().zip(firsts).zip(ends) {
            let records = PartitionRange::open(&kafka, &place, (from, to), SCHEMA_ID)?;
            let partition = Partition { place, records, current: None, decoder, offsets: (from, to) };
            sources.push(Source::Partition(partition));
        }
    }
    Ok(sources)
}

/// What holds on the references topic, and the files that the configuration names.
pub(super) fn references(config: &Config) -> Result<References> {
    let connection = Connection::new(config)?;
    let load = |path: &std::path::Path| profiles::load(path, None, &ColumnArgs::default(), None, None);
    let settings = config.reference_settings(load)?;
    let feed = ReferenceFeed::open(&connection.kafka, &settings, connection.schemas.clone(), None, &|| true)?;
    Ok(feed.table().clone())
}
