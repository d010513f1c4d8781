//! A stage's consumer, member of the stage's group.
//!
//! What comes out of [`StageConsumer::poll`] is in order: a partition's assignment before its first
//! record, its revocation before anything that follows it. A new partition is fetched from only
//! after [`StageConsumer::start`] said where; so no record of it can come too early, whichever
//! protocol the group uses. Nothing is ever committed here: offsets are committed by the
//! transaction of what was made of their records.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use crate::bus::fault;
use crate::bus::fetched::{Fetched, Fetches};
use crate::bus::offsets::list_offsets;
use crate::bus::owned::{Committed, LostOffsets, PartitionEnds, Polled, Table};
use crate::bus::rebalance::{Change, Reading, Rebalances, assign};
use crate::bus::record::{TopicPartition, topic_of};
use crate::bus::records::Records;
use crate::bus::settings::KafkaSettings;
use crate::error::{Error, Result};

/// How long a request to the broker may take.
pub(super) const REQUEST: Duration = Duration::from_secs(10);

/// What to do about two processes of one name.
const SHARED_NAME: &str =
    "two instances share one `kafka.instance` and `kafka.application_id`; give each its own name";

/// A member of a stage's group. For one thread; dropping it leaves the group, unless the member is
/// static (see `kafka.instance`).
pub struct StageConsumer {
    // These two are dropped before the client that they come from.
    /// Taken from the client and not yet handed out.
    pub(super) waiting: RefCell<VecDeque<Fetched>>,
    pub(super) fetches: RefCell<Fetches>,
    pub(super) consumer: BaseConsumer<Rebalances>,
    pub(super) table: RefCell<Table>,
    /// Assigned and not yet started.
    pub(super) pending: RefCell<Vec<TopicPartition>>,
    /// Started and not yet heard of.
    pub(super) unheard: RefCell<Vec<TopicPartition>>,
    readings: RefCell<BTreeMap<TopicPartition, Reading>>,
}

impl StageConsumer {
    /// Subscribes a member of the group of `stage` to `topics`. Topics that do not exist yet are
    /// found when they do.
    ///
    /// # Errors
    /// The settings do not make a consumer.
    pub fn subscribe(settings: &KafkaSettings, stage: &str, topics: &[&str]) -> Result<Self> {
        let cannot = format!("cannot join the group `{}`", settings.group(stage));
        let consumer: BaseConsumer<Rebalances> = settings
            .consumer(stage)
            .create_with_context(Rebalances::default())
            .map_err(|error| fault::kafka(&cannot, &error))?;
        consumer.subscribe(topics).map_err(|error| fault::kafka(&cannot, &error))?;
        // SAFETY: the consumer's client outlives the fetches, see the fields' order.
        let fetches = unsafe { Fetches::new(consumer.client().native_ptr()) };
        Ok(StageConsumer {
            waiting: RefCell::default(),
            fetches: RefCell::new(fetches),
            consumer,
            table: RefCell::default(),
            pending: RefCell::default(),
            unheard: RefCell::default(),
            readings: RefCell::default(),
        })
    }

    /// What happened next, waiting for at most `timeout`. To be called at least every
    /// `max.poll.interval.ms` (five minutes), or the partitions go to others.
    ///
    /// # Errors
    /// A record could not be put back, so that reading must begin anew at a known offset
    /// (retriable), or this member can never go on, for example because another process took its
    /// name. While a process that was killed is still known to the group by this one's name, that
    /// is retriable too, with another member (see [`StageConsumer::is_dead`]).
    pub fn poll(&self, timeout: Duration) -> Result<Polled<'_>> {
        if let Some(news) = self.news() {
            return Ok(news);
        }
        if let Some(polled) = self.next_fetched()? {
            return Ok(polled);
        }
        // What the group says does not come with the records.
        let trouble = self.hear()?.map(|error| self.trouble(&error));
        if let Some(polled) = self.news().or(trouble) {
            return Ok(polled);
        }
        // librdkafka undoes this when it stops a partition, at some time before it starts it again.
        self.unheard.borrow().iter().try_for_each(|partition| self.receive(partition))?;
        self.fetches.borrow_mut().take(timeout, &mut *self.waiting.borrow_mut());
        Ok(self.next_fetched()?.unwrap_or(Polled::Nothing))
    }

    /// Serves what librdkafka has to say beside records, and returns what troubles it.
    fn hear(&self) -> Result<Option<KafkaError>> {
        match self.consumer.poll(Duration::ZERO) {
            None => Ok(None),
            Some(Ok(message)) => {
                // A partition that librdkafka made anew, as when its topic was, delivers there again.
                let partition = TopicPartition::new(message.topic(), message.partition());
                self.receive(&partition)?;
                self.put_back(&partition, message.offset())?;
                Ok(None)
            }
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => Err(fatal(code)),
            Some(Err(error)) => Ok(Some(error)),
        }
    }

    /// The next of what was fetched.
    fn next_fetched(&self) -> Result<Option<Polled<'_>>> {
        loop {
            if let Some(records) = Records::of_next(&self.waiting, &self.table) {
                self.heard_of(records.source());
                return Ok(Some(Polled::Records(records)));
            }
            let Some(fetched) = self.waiting.borrow_mut().pop_front() else { return Ok(None) };
            let message = fetched.native();
            let partition = TopicPartition::new(topic_of(message), message.partition);
            let Some(code) = fetched.error() else {
                self.put_back(&partition, message.offset)?;
                continue;
            };
            let polled = self.trouble(&KafkaError::MessageConsumption(code.into()));
            if !matches!(polled, Polled::Lost(_)) {
                // An error moves librdkafka on as if it were a record.
                self.put_back(&partition, i64::MAX)?;
            }
            return Ok(Some(polled));
        }
    }

    fn heard_of(&self, partition: &TopicPartition) {
        self.unheard.borrow_mut().retain(|unheard| unheard != partition);
    }

    /// What the group has committed for `partitions` (any of the group's, not only own ones), in
    /// their order. Offsets in a transaction that is not yet finished are waited for.
    ///
    /// # Errors
    /// The broker does not answer, or a transaction stays open for longer than ten seconds
    /// (retriable).
    pub fn committed(&self, partitions: &[TopicPartition]) -> Result<Vec<Committed>> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let cannot = "cannot read the committed offsets";
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(&partition.topic, partition.partition);
        }
        let list =
            self.consumer.committed_offsets(list, REQUEST).map_err(|error| fault::kafka(cannot, &error))?;
        let committed = partitions.iter().map(|partition| {
            let element = list
                .find_partition(&partition.topic, partition.partition)
                .ok_or_else(|| Error::bus(cannot).at(partition))?;
            element.error().map_err(|error| fault::kafka(cannot, &error).at(partition))?;
            let offset = match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            Ok(Committed { offset, metadata: element.metadata().to_owned() })
        });
        committed.collect()
    }

    /// Polls without handing anything out, for long work (a restore) during which all partitions
    /// are paused: it keeps the membership alive. What the group says in the meantime comes out of
    /// the next [`StageConsumer::poll`]; whether there is something is returned.
    ///
    /// # Errors
    /// As [`StageConsumer::poll`].
    pub fn tend(&self) -> Result<bool> {
        self.hear()?;
        Ok(self.has_changes())
    }

    /// The group's metadata, for the transaction that commits offsets. To be taken anew for each.
    /// `None` while partitions come or go, or are lost: what was made of their records must not be
    /// committed before [`StageConsumer::poll`] has told it, since the broker looks at the member
    /// alone and not at what it owns.
    pub fn group_metadata(&self) -> Option<ConsumerGroupMetadata> {
        // In this order: a membership that begins after a loss is later than what says so.
        let metadata = self.consumer.group_metadata().expect("a stage's consumer always has a group");
        (!self.consumer.assignment_lost() && !self.has_changes()).then_some(metadata)
    }

    /// Whether [`StageConsumer::poll`] has partitions to tell that came or went.
    pub fn has_changes(&self) -> bool {
        self.consumer.context().has_changes()
    }

    /// Whether this member can never go on; another one has to be made in its place.
    pub fn is_dead(&self) -> bool {
        self.consumer.client().fatal_error().is_some()
    }

    /// The next offset to hand out; `None` where the partition is not owned.
    pub fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.table.borrow_mut().get(&partition.topic, partition.partition).map(|cursor| cursor.position)
    }

    /// Whether [`Polled::Eof`] was the last that came from this partition.
    pub fn is_at_end(&self, partition: &TopicPartition) -> bool {
        self.table.borrow_mut().get(&partition.topic, partition.partition).is_some_and(|cursor| cursor.at_end)
    }

    /// The owned partitions that were started.
    pub fn partitions(&self) -> Vec<TopicPartition> {
        self.table.borrow().iter().map(|(partition, _)| partition).collect()
    }

    /// Positions and ends of the owned partitions, as they were seen about a second ago, without
    /// asking the broker; those not seen yet are left out.
    pub fn ends(&self) -> Vec<PartitionEnds> {
        let readings = self.readings.borrow();
        let table = self.table.borrow();
        let ends = table.iter().filter_map(|(partition, cursor)| {
            let reading = readings.get(&partition)?;
            Some(PartitionEnds {
                position: cursor.position,
                stable_end: reading.stable_end,
                high_watermark: reading.high_watermark,
                partition,
            })
        });
        ends.collect()
    }

    /// The next change of what is owned, or the next end that was reached.
    fn news(&self) -> Option<Polled<'_>> {
        let context = self.consumer.context();
        if !context.has_news() {
            return None;
        }
        if let Some(news) = self.next_change() {
            return Some(news);
        }
        if let Some(readings) = context.take_readings() {
            *self.readings.borrow_mut() = readings;
        }
        // What was taken and not yet handed out comes before its partition's end.
        if !self.waiting.borrow().is_empty() {
            return None;
        }
        let news = self.next_end();
        if news.is_none() {
            context.seen();
        }
        news
    }

    /// A partition that the last statistics show read to its end.
    fn next_end(&self) -> Option<Polled<'_>> {
        let readings = self.readings.borrow();
        let mut table = self.table.borrow_mut();
        let (partition, _) = table.iter().find(|(partition, cursor)| {
            readings.get(partition).is_some_and(|reading| {
                // A position past that end was reached after the reading, which then says nothing.
                let read = reading.app_offset.max(cursor.position);
                !cursor.at_end
                    && !cursor.paused
                    && read >= reading.stable_end
                    && cursor.position <= reading.stable_end
            })
        })?;
        table.get(&partition.topic, partition.partition)?.at_end = true;
        Some(Polled::Eof(partition))
    }

    fn next_change(&self) -> Option<Polled<'_>> {
        loop {
            match self.consumer.context().next()? {
                Change::Assigned(partitions) if partitions.is_empty() => {
                    // The group went on and this member got nothing new; librdkafka waits for the
                    // answer all the same.
                    if let Err(error) = assign(&self.consumer, &TopicPartitionList::new()) {
                        return Some(Polled::Trouble(fault::kafka("a rebalance failed", &error)));
                    }
                }
                Change::Assigned(partitions) => {
                    self.pending.borrow_mut().extend(partitions.iter().cloned());
                    return Some(Polled::Assigned(partitions));
                }
                Change::Revoked(partitions) if partitions.is_empty() => {}
                Change::Revoked(partitions) => {
                    let mut table = self.table.borrow_mut();
                    for partition in &partitions {
                        table.set(partition, None);
                    }
                    self.forget_fetched(&partitions);
                    self.pending.borrow_mut().retain(|partition| !partitions.contains(partition));
                    self.unheard.borrow_mut().retain(|partition| !partitions.contains(partition));
                    return Some(Polled::Revoked(partitions));
                }
                Change::Failed(error) => {
                    return Some(Polled::Trouble(fault::kafka("a rebalance failed", &error)));
                }
            }
        }
    }

    fn trouble(&self, error: &KafkaError) -> Polled<'_> {
        let lost = matches!(fault::code_of(error), Some(Code::AutoOffsetReset | Code::OffsetOutOfRange));
        if lost
            && let Ok(lost) = self.lost()
            && !lost.is_empty()
        {
            return Polled::Lost(lost);
        }
        Polled::Trouble(fault::kafka("cannot read", error))
    }

    /// The owned partitions whose next offset does not exist.
    fn lost(&self) -> Result<Vec<LostOffsets>> {
        let (partitions, positions): (Vec<TopicPartition>, Vec<i64>) =
            self.table.borrow().iter().map(|(partition, cursor)| (partition, cursor.position)).unzip();
        let firsts = list_offsets(&self.consumer, &partitions, -2)?;
        let ends = list_offsets(&self.consumer, &partitions, -1)?;
        let all = partitions.into_iter().zip(positions).zip(firsts.into_iter().zip(ends));
        let readings = self.readings.borrow();
        let lost = all.map(|((partition, wanted), (first, stable_end))| {
            // An offset inside an open transaction is not lost.
            let end = readings.get(&partition).map_or(stable_end, |seen| stable_end.max(seen.high_watermark));
            LostOffsets { partition, wanted, first, end }
        });
        Ok(lost.filter(|lost| lost.wanted < lost.first || lost.wanted > lost.end).collect())
    }
}

fn fatal(code: Code) -> Error {
    match code {
        Code::FencedInstanceId => {
            Error::bus("another process is in the group under the same instance name").hint(SHARED_NAME)
        }
        Code::UnreleasedInstanceId => {
            Error::bus("the group still knows another process by the same instance name")
                .hint("one that was killed is forgotten after the group's session timeout")
                .retriable()
        }
        other => fault::coded("cannot stay in the consumer group", other),
    }
}
