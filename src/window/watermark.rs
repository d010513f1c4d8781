//! How far event time has come: per input partition, and across them.
//!
//! The watermark across partitions is the least of those not idle, partitions not yet heard of
//! included. Idleness is a lease: a claim holds until stage 2 reads, in its own partition, a record
//! whose broker time is more than the timeout after the claim's last renewal. When all are idle the
//! largest counts.

use super::Source;
use crate::words::{Name, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the owner of an input partition says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionProgress {
    /// Topic.
    pub topic: Name,
    /// Partition.
    pub partition: i32,
    /// The largest event time seen less the allowed lateness; null before the first event.
    pub watermark: Option<Time>,
    /// The next offset to read.
    pub next_offset: i64,
    /// Whether the owner claims that the partition is idle: read to its end and quiet for the timeout.
    pub idle: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    watermark: Option<Time>,
    /// Broker time of the last renewal of an idle claim.
    idle_since: Option<Time>,
}

/// Stage 2's view of the input partitions. State: it is kept in the changelog.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watermarks {
    idle_timeout_ms: i64,
    partitions: BTreeMap<Source, Known>,
    /// The largest that each watermark across topics has been.
    passed: BTreeMap<Vec<Name>, Time>,
}

/// How far event time has come across some topics, as the changelog keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The topics; empty: all.
    pub topics: Vec<Name>,
    /// The largest that the watermark across them has been.
    pub watermark: Time,
}

/// A partition of [`Watermarks`], as the changelog keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPartition {
    /// Topic.
    pub topic: Name,
    /// Partition.
    pub partition: i32,
    /// Its watermark.
    pub watermark: Option<Time>,
    /// Broker time of the last renewal of its idle claim.
    pub idle_since: Option<Time>,
}

impl Watermarks {
    /// Nothing known yet.
    pub fn new(idle_timeout_ms: i64) -> Self {
        Watermarks { idle_timeout_ms, partitions: BTreeMap::new(), passed: BTreeMap::new() }
    }

    /// Learns the set of input partitions; those that are no longer in it are forgotten.
    pub fn set_partitions<'a>(&mut self, topics: impl IntoIterator<Item = (&'a Name, i32)>) {
        let topics: BTreeMap<&Name, i32> = topics.into_iter().collect();
        self.partitions.retain(|(topic, number), _| topics.get(topic).is_some_and(|count| number < count));
        for (topic, count) in topics {
            for number in 0..count {
                let unheard = Known { watermark: None, idle_since: None };
                self.partitions.entry((topic.clone(), number)).or_insert(unheard);
            }
        }
    }

    /// Learns what an owner says, in a record of this broker time.
    pub fn hear(&mut self, progress: &PartitionProgress, broker_time: Time) {
        let source = (progress.topic.clone(), progress.partition);
        if let Some(known) = self.partitions.get_mut(&source) {
            known.watermark = known.watermark.max(progress.watermark);
            known.idle_since = progress.idle.then_some(broker_time);
        }
    }

    /// Lets the claims lapse that were not renewed by `broker_time`.
    pub fn lapse(&mut self, broker_time: Time) {
        for known in self.partitions.values_mut() {
            let lapsed = |since: &Time| broker_time.since_ms(*since) > self.idle_timeout_ms;
            known.idle_since = known.idle_since.filter(|since| !lapsed(since));
        }
    }

    /// The watermark across the partitions of `topics` (of all topics, when empty); `None` while a
    /// partition that counts was not heard of.
    pub fn across(&self, topics: &[Name]) -> Option<Time> {
        let counted =
            || self.partitions.iter().filter(|((topic, _), _)| topics.is_empty() || topics.contains(topic));
        let awake = counted().filter(|(_, known)| known.idle_since.is_none());
        match awake.map(|(_, known)| known.watermark).min() {
            Some(least) => least,
            None => counted().filter_map(|(_, known)| known.watermark).max(),
        }
    }

    /// The watermark across the partitions of `topics`, which never goes back: a partition that wakes
    /// does not undo what was decided without it.
    pub fn passed(&mut self, topics: &[Name]) -> Option<Time> {
        let now = self.across(topics);
        let passed = self.passed.get(topics).copied().max(now);
        if let Some(passed) = passed {
            self.passed.insert(topics.to_vec(), passed);
        }
        passed
    }

    /// What [`Watermarks::passed`] has given, for the changelog.
    pub fn all_passed(&self) -> Vec<Passed> {
        let record = |(topics, watermark): (&Vec<Name>, &Time)| Passed {
            topics: topics.clone(),
            watermark: *watermark,
        };
        self.passed.iter().map(record).collect()
    }

    /// Its partitions, for the changelog.
    pub fn known(&self) -> Vec<KnownPartition> {
        let record = |((topic, partition), known): (&Source, &Known)| KnownPartition {
            topic: topic.clone(),
            partition: *partition,
            watermark: known.watermark,
            idle_since: known.idle_since,
        };
        self.partitions.iter().map(record).collect()
    }

    /// What the changelog kept.
    pub fn restore(idle_timeout_ms: i64, partitions: &[KnownPartition], passed: Vec<Passed>) -> Self {
        let entry = |p: &KnownPartition| {
            ((p.topic.clone(), p.partition), Known { watermark: p.watermark, idle_since: p.idle_since })
        };
        Watermarks {
            idle_timeout_ms,
            partitions: partitions.iter().map(entry).collect(),
            passed: passed.into_iter().map(|passed| (passed.topics, passed.watermark)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(partition: i32, watermark: i64, idle: bool) -> PartitionProgress {
        let watermark = Some(Time::from_ms(watermark));
        PartitionProgress { topic: "in".into(), partition, watermark, next_offset: 0, idle }
    }

    fn two() -> Watermarks {
        let mut watermarks = Watermarks::new(100);
        watermarks.set_partitions([(&Name::from("in"), 2)]);
        watermarks
    }

    #[test]
    fn it_is_the_least_of_all_partitions_and_waits_for_those_not_heard_of() {
        let mut watermarks = two();
        watermarks.hear(&said(0, 50, false), Time::EPOCH);
        assert_eq!(watermarks.across(&[]), None);
        watermarks.hear(&said(1, 70, false), Time::EPOCH);
        assert_eq!(watermarks.across(&[]), Some(Time::from_ms(50)));
    }

    #[test]
    fn an_idle_partition_does_not_count_until_its_claim_lapses() {
        let mut watermarks = two();
        watermarks.hear(&said(0, 50, true), Time::from_ms(1000));
        watermarks.hear(&said(1, 70, false), Time::from_ms(1000));
        assert_eq!(watermarks.across(&[]), Some(Time::from_ms(70)));
        watermarks.lapse(Time::from_ms(1100));
        assert_eq!(watermarks.across(&[]), Some(Time::from_ms(70)));
        watermarks.lapse(Time::from_ms(1101));
        assert_eq!(watermarks.across(&[]), Some(Time::from_ms(50)));
    }

    #[test]
    fn what_was_passed_stays_passed_when_a_partition_wakes() {
        let mut watermarks = two();
        watermarks.hear(&said(0, 50, true), Time::EPOCH);
        watermarks.hear(&said(1, 70, false), Time::EPOCH);
        assert_eq!(watermarks.passed(&[]), Some(Time::from_ms(70)));
        watermarks.hear(&said(0, 55, false), Time::EPOCH);
        assert_eq!(watermarks.across(&[]), Some(Time::from_ms(55)));
        assert_eq!(watermarks.passed(&[]), Some(Time::from_ms(70)));
    }

    #[test]
    fn when_all_are_idle_the_largest_counts() {
        let mut watermarks = two();
        watermarks.hear(&said(0, 50, true), Time::EPOCH);
        watermarks.hear(&said(1, 70, true), Time::EPOCH);
        assert_eq!(watermarks.across(&[]), Some(Time::from_ms(70)));
    }

    #[test]
    fn a_models_topics_alone_count_for_it() {
        let mut watermarks = two();
        watermarks.set_partitions([(&Name::from("in"), 2), (&Name::from("other"), 1)]);
        watermarks.hear(&said(0, 50, false), Time::EPOCH);
        watermarks.hear(&said(1, 60, false), Time::EPOCH);
        assert_eq!(watermarks.across(&[]), None);
        assert_eq!(watermarks.across(&["in".into()]), Some(Time::from_ms(50)));
    }

    #[test]
    fn what_the_changelog_kept_is_the_same() {
        let mut watermarks = two();
        watermarks.hear(&said(0, 50, true), Time::EPOCH);
        watermarks.passed(&[]);
        let restored = Watermarks::restore(100, &watermarks.known(), watermarks.all_passed());
        assert_eq!(restored, watermarks);
    }
}
