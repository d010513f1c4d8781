//! Facts about partitions: who has them, how far they are, what is being restored.

use super::metrics::drop_series;
use super::{Fact, Metrics, Stage};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;
use tracing::{debug, info, warn};

/// A stage was given partitions.
#[derive(Debug, Clone, Copy)]
pub struct PartitionsAssigned<'a> {
    /// The stage.
    pub stage: Stage,
    /// Topic and number of each partition that is new to it.
    pub partitions: &'a [(&'a str, i32)],
}

impl Fact for PartitionsAssigned<'_> {
    fn emit(self, metrics: &Metrics) {
        let PartitionsAssigned { stage, partitions } = self;
        metrics.families.rebalances.with_label_values(&[stage.as_str()]).inc();
        info!(%stage, count = partitions.len(), partitions = by_topic(partitions), "partitions assigned");
    }
}

/// Partitions were taken from a stage; its figures for them go with them, so that no instance shows
/// the lag of what another one owns.
#[derive(Debug, Clone, Copy)]
pub struct PartitionsRevoked<'a> {
    /// The stage.
    pub stage: Stage,
    /// Topic and number of each partition that it no longer has.
    pub partitions: &'a [(&'a str, i32)],
    /// Whether they were lost (the group moved on without this instance) rather than handed over.
    pub lost: bool,
}

impl Fact for PartitionsRevoked<'_> {
    fn emit(self, metrics: &Metrics) {
        let PartitionsRevoked { stage, partitions, lost } = self;
        let families = &metrics.families;
        families.rebalances.with_label_values(&[stage.as_str()]).inc();
        let gone: HashSet<(&str, String)> =
            partitions.iter().map(|(topic, number)| (*topic, number.to_string())).collect();
        let is_gone = |topic: &str, number: &str| gone.contains(&(topic, number.to_owned()));
        drop_series(&families.consumer_lag, |label| is_gone(label("topic"), label("partition")));
        match stage {
            Stage::Sketch => {
                drop_series(&families.watermark_lag, |label| is_gone(label("topic"), label("partition")));
                drop_series(&families.unrouted_rows, |label| is_gone(label("topic"), label("partition")));
            }
            Stage::Evaluate => {
                let numbers: HashSet<&str> = gone.iter().map(|(_, number)| number.as_str()).collect();
                drop_series(&families.restore_remaining, |label| numbers.contains(label("partition")));
            }
        }
        let (count, partitions) = (partitions.len(), by_topic(partitions));
        if lost {
            warn!(%stage, count, partitions, "partitions lost");
        } else {
            info!(%stage, count, partitions, "partitions handed over");
        }
    }
}

/// `topic[0 1 2] other[7]`.
fn by_topic(partitions: &[(&str, i32)]) -> String {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, number) in partitions {
        topics.entry(topic).or_default().push(*number);
    }
    let listed = topics.into_iter().map(|(topic, mut numbers)| {
        numbers.sort_unstable();
        let numbers: Vec<String> = numbers.iter().map(i32::to_string).collect();
        format!("{topic}[{}]", numbers.join(" "))
    });
    listed.collect::<Vec<_>>().join(" ")
}

/// How many records of a partition are still to be read.
#[derive(Debug, Clone, Copy)]
pub struct ConsumerLagged<'a> {
    /// The topic that is consumed.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// Its end less the position.
    pub records: u64,
}

impl Fact for ConsumerLagged<'_> {
    fn emit(self, metrics: &Metrics) {
        let partition = self.partition.to_string();
        let gauge = metrics.families.consumer_lag.with_label_values(&[self.topic, &partition]);
        gauge.set(i64::try_from(self.records).unwrap_or(i64::MAX));
    }
}

/// How far an input partition's watermark is behind the wall clock.
#[derive(Debug, Clone, Copy)]
pub struct WatermarkMoved<'a> {
    /// The input topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// Wall clock less watermark, in seconds; below zero when events come from the future.
    pub lag_seconds: f64,
}

impl Fact for WatermarkMoved<'_> {
    fn emit(self, metrics: &Metrics) {
        let partition = self.partition.to_string();
        metrics.families.watermark_lag.with_label_values(&[self.topic, &partition]).set(self.lag_seconds);
    }
}

/// How long each input partition holds the others back: told whole, what is not named is dropped.
#[derive(Debug, Clone, Copy)]
pub struct WatermarksCompared<'a> {
    /// Topic, partition, and the seconds by which its watermark is behind the foremost one.
    pub holdback_seconds: &'a [(&'a str, i32, f64)],
}

impl Fact for WatermarksCompared<'_> {
    fn emit(self, metrics: &Metrics) {
        let holdback = &metrics.families.watermark_holdback;
        let mut named = HashSet::new();
        for (topic, partition, seconds) in self.holdback_seconds {
            let partition = partition.to_string();
            holdback.with_label_values(&[*topic, &partition]).set(*seconds);
            named.insert((*topic, partition));
        }
        drop_series(holdback, |label| !named.contains(&(label("topic"), label("partition").to_owned())));
    }
}

/// Rows of a partition that belong to no monitored model, as its committed metadata counts them.
#[derive(Debug, Clone, Copy)]
pub struct RowsUnrouted<'a> {
    /// The input topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// How many since the partition's start.
    pub rows: u64,
}

impl Fact for RowsUnrouted<'_> {
    fn emit(self, metrics: &Metrics) {
        let partition = self.partition.to_string();
        let gauge = metrics.families.unrouted_rows.with_label_values(&[self.topic, &partition]);
        gauge.set(i64::try_from(self.rows).unwrap_or(i64::MAX));
    }
}

/// The state of a partition is being read back.
#[derive(Debug, Clone, Copy)]
pub struct RestoreStarted {
    /// The partition of the deltas, which is also that of its state.
    pub partition: i32,
    /// Records to read at most (compaction leaves gaps).
    pub records: u64,
}

impl Fact for RestoreStarted {
    fn emit(self, metrics: &Metrics) {
        let RestoreStarted { partition, records } = self;
        set_remaining(partition, records, metrics);
        info!(partition, records, "restore started");
    }
}

/// A restore got further.
#[derive(Debug, Clone, Copy)]
pub struct RestoreProgressed {
    /// The partition.
    pub partition: i32,
    /// Records still to read at most.
    pub remaining: u64,
}

impl Fact for RestoreProgressed {
    fn emit(self, metrics: &Metrics) {
        let RestoreProgressed { partition, remaining } = self;
        set_remaining(partition, remaining, metrics);
        debug!(partition, remaining, "restore progressed");
    }
}

/// The state of a partition is back; it is judged from here on.
#[derive(Debug, Clone, Copy)]
pub struct RestoreFinished {
    /// The partition.
    pub partition: i32,
    /// Records read.
    pub records: u64,
    /// From [`RestoreStarted`] to now.
    pub took: Duration,
}

impl Fact for RestoreFinished {
    fn emit(self, metrics: &Metrics) {
        let RestoreFinished { partition, records, took } = self;
        set_remaining(partition, 0, metrics);
        info!(partition, records, ?took, "restore finished");
    }
}

fn set_remaining(partition: i32, records: u64, metrics: &Metrics) {
    let gauge = metrics.families.restore_remaining.with_label_values(&[&partition.to_string()]);
    gauge.set(i64::try_from(records).unwrap_or(i64::MAX));
}
