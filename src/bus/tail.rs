//! Reading partitions of one topic up to given offsets, without a group.
//!
//! The hard part is to know that an offset was reached. Offsets near a partition's end may hold no
//! record at all: markers of transactions, aborted records, records compacted away. So reading is
//! complete when the position is at or past the target, or when a fetch that began after the target
//! was known to be stable found nothing more; never by comparing a record's offset with the target.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use crate::bus::fault::{self, Quiet};
use crate::bus::offsets::list_offsets;
use crate::bus::record::{Record, TopicPartition};
use crate::bus::settings::KafkaSettings;
use crate::error::{Error, Result};

/// How often progress is told and, at an end, the broker asked how far it is stable.
const TICK: Duration = Duration::from_millis(100);
/// Records between two looks at the clock.
const RECORDS_A_LOOK: u32 = 256;

/// How far reading has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Offsets still to go, over all partitions read: more than the records where some are gone.
    pub remaining: i64,
    /// An open transaction holds back the end. The broker ends it after its timeout at the latest.
    pub waiting_for_transaction: bool,
    /// What failed last, while librdkafka goes on to try.
    pub trouble: Option<Error>,
}

/// How reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything up to the end was read.
    Complete,
    /// The caller stopped it.
    Stopped,
}

/// Takes each record.
pub(super) type OnRecord<'a> = dyn FnMut(&Record<'_>) -> Result<()> + 'a;
/// Is told how far reading is, about ten times a second, and says whether to go on.
pub(super) type OnProgress<'a> = dyn FnMut(&Progress) -> ControlFlow<()> + 'a;

/// One partition being read.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    position: i64,
    /// The fetcher found the end since the last record; only then its position is worth asking for.
    at_end: bool,
    /// The target that was known to be stable before the partition was last assigned.
    stable_before: Option<i64>,
}

/// A reader of some partitions of one topic.
pub(super) struct Tail {
    consumer: BaseConsumer<Quiet>,
    topic: Arc<str>,
    cursors: BTreeMap<i32, Cursor>,
}

impl Tail {
    pub(super) fn new(settings: &KafkaSettings) -> Result<Self> {
        let consumer = settings
            .reader()
            .create_with_context(Quiet)
            .map_err(|error| fault::kafka("cannot make a Kafka reader", &error))?;
        Ok(Tail { consumer, topic: "".into(), cursors: BTreeMap::new() })
    }

    /// Reads these partitions of `topic` from these offsets on, and no others.
    pub(super) fn assign(&mut self, topic: &str, offsets: &[(i32, i64)]) -> Result<()> {
        self.topic = topic.into();
        let cursor = |position| Cursor { position, at_end: false, stable_before: None };
        self.cursors = offsets.iter().map(|(partition, offset)| (*partition, cursor(*offset))).collect();
        self.assign_again()
    }

    /// Stops fetching.
    pub(super) fn release(&mut self) -> Result<()> {
        self.cursors.clear();
        self.consumer.unassign().map_err(|error| fault::kafka("cannot stop reading", &error).at(&self.topic))
    }

    pub(super) fn place(&self, partition: i32) -> TopicPartition {
        TopicPartition::new(self.topic.clone(), partition)
    }

    /// Reads until each partition's target, the offset after the last record wanted, is reached.
    /// Records at the target or after it are given too where `beyond` is set.
    pub(super) fn advance(
        &mut self,
        targets: &BTreeMap<i32, i64>,
        beyond: bool,
        on_record: &mut OnRecord<'_>,
        on_progress: &mut OnProgress<'_>,
    ) -> Result<Outcome> {
        let mut trouble = None;
        let mut looked = Instant::now();
        let mut since_look = 0;
        while self.remaining(targets) > 0 {
            since_look += 1;
            match self.consumer.poll(TICK) {
                Some(Ok(message)) => {
                    let partition = message.partition();
                    let (offset, target) = (message.offset(), targets.get(&partition).copied());
                    let wanted = beyond || target.is_some_and(|target| offset < target);
                    // Left over from an earlier assignment where there is no cursor for it.
                    let Some(cursor) = self.cursors.get_mut(&partition) else { continue };
                    if offset >= cursor.position && wanted {
                        on_record(&Record::new(message))?;
                    }
                    cursor.position = cursor.position.max(offset + 1);
                    cursor.at_end = false;
                    if since_look < RECORDS_A_LOOK {
                        continue;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => self.reach_end(partition, targets)?,
                Some(Err(error)) => trouble = Some(self.trouble(&error)?),
                None => {}
            }
            since_look = 0;
            if looked.elapsed() >= TICK {
                looked = Instant::now();
                let waiting_for_transaction = self.look_at_ends(targets, &mut trouble)?;
                let remaining = self.remaining(targets);
                let progress = Progress { remaining, waiting_for_transaction, trouble: trouble.take() };
                if on_progress(&progress).is_break() {
                    return Ok(Outcome::Stopped);
                }
            }
        }
        Ok(Outcome::Complete)
    }

    /// Gives what has come since the last call, at most `most` records, and waits for nothing.
    pub(super) fn take(&mut self, most: usize, on_record: &mut OnRecord<'_>) -> Result<()> {
        for _ in 0..most {
            match self.consumer.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    let offset = message.offset();
                    let Some(cursor) = self.cursors.get_mut(&message.partition()) else { continue };
                    if offset >= cursor.position {
                        cursor.position = offset + 1;
                        on_record(&Record::new(message))?;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) => tracing::debug!(error = %self.trouble(&error)?, "reading goes on"),
                None => break,
            }
        }
        Ok(())
    }

    /// The next offset to give of a partition that is read.
    pub(super) fn position(&self, partition: i32) -> Option<i64> {
        self.cursors.get(&partition).map(|cursor| cursor.position)
    }

    fn remaining(&self, targets: &BTreeMap<i32, i64>) -> i64 {
        let left = targets.iter().map(|(partition, target)| {
            self.cursors.get(partition).map_or(0, |cursor| (target - cursor.position).max(0))
        });
        left.sum()
    }

    /// A fetch found nothing more.
    fn reach_end(&mut self, partition: i32, targets: &BTreeMap<i32, i64>) -> Result<()> {
        if let Some(cursor) = self.cursors.get_mut(&partition) {
            cursor.at_end = true;
            if let (Some(stable), Some(target)) = (cursor.stable_before, targets.get(&partition)) {
                cursor.position = cursor.position.max(stable.min(*target));
            }
        }
        self.take_positions()
    }

    /// Takes over positions that moved past offsets without records.
    fn take_positions(&mut self) -> Result<()> {
        let cannot = "cannot ask for positions";
        let positions =
            self.consumer.position().map_err(|error| fault::kafka(cannot, &error).at(&self.topic))?;
        for element in positions.elements() {
            if let (Some(cursor), Offset::Offset(position)) =
                (self.cursors.get_mut(&element.partition()), element.offset())
                && cursor.at_end
            {
                cursor.position = cursor.position.max(position);
            }
        }
        Ok(())
    }

    /// For partitions whose end was found before their target: is it that a transaction is open, or
    /// that no record is left in between? In the second case they are fetched from once more, and
    /// an end found by that fetch is the proof. Returns whether a transaction is waited for.
    fn look_at_ends(&mut self, targets: &BTreeMap<i32, i64>, trouble: &mut Option<Error>) -> Result<bool> {
        self.take_positions()?;
        let short: Vec<i32> = targets
            .iter()
            .filter(|(partition, target)| {
                self.cursors.get(partition).is_some_and(|cursor| cursor.at_end && cursor.position < **target)
            })
            .map(|(partition, _)| *partition)
            .collect();
        if short.is_empty() {
            return Ok(false);
        }
        let places: Vec<TopicPartition> = short.iter().map(|partition| self.place(*partition)).collect();
        let ends = match list_offsets(&self.consumer, &places, -1) {
            Ok(ends) => ends,
            Err(error) => {
                *trouble = Some(error);
                return Ok(false);
            }
        };
        let mut again = false;
        let mut waiting = false;
        for (partition, stable_end) in short.iter().zip(ends) {
            let target = targets[partition];
            let Some(cursor) = self.cursors.get_mut(partition) else { continue };
            if stable_end < target {
                waiting = true;
            } else if cursor.stable_before.is_none_or(|stable| stable < target) {
                cursor.stable_before = Some(target);
                again = true;
            }
        }
        if again {
            self.assign_again()?;
        }
        Ok(waiting)
    }

    fn assign_again(&mut self) -> Result<()> {
        let cannot = "cannot read the partitions";
        let mut list = TopicPartitionList::with_capacity(self.cursors.len());
        for (partition, cursor) in &mut self.cursors {
            cursor.at_end = false;
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(cursor.position))
                .map_err(|error| fault::kafka(cannot, &error).at(&self.topic))?;
        }
        self.consumer.assign(&list).map_err(|error| fault::kafka(cannot, &error).at(&self.topic))
    }

    /// An error that librdkafka goes on to try, or `Err` where reading on would skip records.
    fn trouble(&self, error: &KafkaError) -> Result<Error> {
        let described = fault::kafka("cannot read", error).at(&self.topic);
        match (error, fault::code_of(error)) {
            (_, Some(Code::AutoOffsetReset | Code::OffsetOutOfRange)) => {
                Err(Error::state("records were deleted while they were being read").at(&self.topic))
            }
            (KafkaError::MessageConsumptionFatal(_), _) => Err(described),
            _ => Ok(described),
        }
    }
}
