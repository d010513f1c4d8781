//! A stage's consumer, member of the stage's group.
//!
//! What comes out of [`StageConsumer::poll`] is in order: a partition's assignment before its first
//! record, its revocation before anything that follows it. A new partition is fetched from only
//! after [`StageConsumer::start`] said where; so no record of it can come too early, whichever
//! protocol the group uses. Nothing is ever committed here: offsets are committed by the
//! transaction of what was made of their records.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use crate::bus::fault;
use crate::bus::offsets::list_offsets;
use crate::bus::owned::{Committed, Cursor, LostOffsets, PartitionEnds, Polled, Table};
use crate::bus::rebalance::{Change, Reading, Rebalances, assign};
use crate::bus::record::{Record, TopicPartition};
use crate::bus::settings::KafkaSettings;
use crate::error::{Error, Result};

/// How long a request to the broker may take.
const REQUEST: Duration = Duration::from_secs(10);
/// After this time a partition that cannot be moved is started anew.
const SETTLE: Duration = Duration::from_millis(500);

/// What to do about two processes of one name.
const SHARED_NAME: &str =
    "two instances share one `kafka.instance` and `kafka.application_id`; give each its own name";

/// A member of a stage's group. For one thread; dropping it leaves the group, unless the member is
/// static (see `kafka.instance`).
pub struct StageConsumer {
    consumer: BaseConsumer<Rebalances>,
    table: RefCell<Table>,
    /// Assigned and not yet started.
    pending: RefCell<Vec<TopicPartition>>,
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
        Ok(StageConsumer {
            consumer,
            table: RefCell::default(),
            pending: RefCell::default(),
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
        match self.consumer.poll(timeout) {
            None => Ok(self.news().unwrap_or(Polled::Nothing)),
            Some(result) => self.polled(result),
        }
    }

    fn polled<'a>(&'a self, result: Result<BorrowedMessage<'a>, KafkaError>) -> Result<Polled<'a>> {
        match result {
            Ok(message) => {
                if self.advance(&message) {
                    return Ok(Polled::Record(Record::new(message)));
                }
                self.put_back(&message)?;
                Ok(Polled::Nothing)
            }
            Err(KafkaError::PartitionEOF(partition)) => Ok(self.end_of(partition).unwrap_or(Polled::Nothing)),
            Err(KafkaError::MessageConsumptionFatal(code)) => Err(fatal(code)),
            Err(error) => Ok(self.trouble(&error)),
        }
    }

    /// Starts all partitions of the last [`Polled::Assigned`], each at its offset; `paused` ones
    /// wait for [`StageConsumer::resume`] (while their state is restored, say).
    ///
    /// # Errors
    /// librdkafka refuses, or the broker does not answer.
    ///
    /// # Panics
    /// A partition that was assigned and not yet started is left out, or another is named.
    pub fn start(&self, offsets: &[(TopicPartition, i64)], paused: bool) -> Result<()> {
        let mut pending = self.pending.borrow_mut();
        let mut named: Vec<TopicPartition> = offsets.iter().map(|(partition, _)| partition.clone()).collect();
        pending.sort();
        named.sort();
        assert_eq!(*pending, named, "all assigned partitions are started, and no others");
        let cannot = "cannot start reading assigned partitions";
        let list = offset_list(offsets)?;
        assign(&self.consumer, &list).map_err(|error| fault::kafka(cannot, &error))?;
        pending.clear();
        // A pause outlives an assignment in librdkafka, so that it is always set anew.
        let set = if paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        set.map_err(|error| fault::kafka(cannot, &error))?;
        let mut table = self.table.borrow_mut();
        for (partition, offset) in offsets {
            table.set(partition, Some(Cursor { position: *offset, paused, at_end: false }));
        }
        Ok(())
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

    /// Goes to these offsets: the next record of each partition is the one there or the first after
    /// it. Paused partitions stay paused.
    ///
    /// # Errors
    /// The broker does not answer within ten seconds.
    ///
    /// # Panics
    /// A partition is not owned.
    pub fn rewind(&self, offsets: &[(TopicPartition, i64)]) -> Result<()> {
        let cannot = "cannot go back to an offset";
        let started = Instant::now();
        let mut left: Vec<(TopicPartition, i64)> = offsets.to_vec();
        while !left.is_empty() {
            let result = self.consumer.seek_partitions(offset_list(&left)?, REQUEST);
            let list = result.map_err(|error| fault::kafka(cannot, &error))?;
            let mut failed = Vec::new();
            for (partition, offset) in left {
                let element = list.find_partition(&partition.topic, partition.partition);
                match element.map_or(Ok(()), |element| element.error()) {
                    Ok(()) => self.moved(&partition, offset),
                    Err(KafkaError::OffsetFetch(Code::State | Code::PreviousInProgress)) => {
                        failed.push((partition, offset));
                    }
                    Err(error) => return Err(fault::kafka(cannot, &error).at(partition)),
                }
            }
            left = failed;
            // A partition that was just started cannot be moved for some milliseconds, one whose
            // fetching ended in an error never.
            if !left.is_empty() && started.elapsed() >= SETTLE {
                if self.has_changes() {
                    let error = Error::bus("the group is rebalancing: poll first").at(&left[0].0);
                    return Err(error.retriable());
                }
                return self.restart(&left).map_err(|error| fault::kafka(cannot, &error).at(&left[0].0));
            }
            if !left.is_empty() {
                sleep(Duration::from_millis(10));
            }
        }
        Ok(())
    }

    /// Takes partitions out of the assignment and in again at these offsets.
    fn restart(&self, offsets: &[(TopicPartition, i64)]) -> Result<(), KafkaError> {
        let partitions: Vec<TopicPartition> =
            offsets.iter().map(|(partition, _)| partition.clone()).collect();
        for (partition, offset) in offsets {
            self.moved(partition, *offset);
        }
        match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => {
                self.consumer.incremental_unassign(&partition_list(&partitions))?;
                self.consumer.incremental_assign(&native_offsets(offsets)?)
            }
            RebalanceProtocol::Eager | RebalanceProtocol::None => {
                let all: Vec<(TopicPartition, i64)> = self
                    .table
                    .borrow()
                    .iter()
                    .map(|(partition, cursor)| (partition, cursor.position))
                    .collect();
                self.consumer.assign(&native_offsets(&all)?)
            }
        }
    }

    fn moved(&self, partition: &TopicPartition, offset: i64) {
        let mut table = self.table.borrow_mut();
        let cursor =
            table.get(&partition.topic, partition.partition).expect("only owned partitions are rewound");
        cursor.position = offset;
        cursor.at_end = false;
    }

    /// Hands out no more records of these partitions.
    ///
    /// # Errors
    /// librdkafka refuses.
    pub fn pause(&self, partitions: &[TopicPartition]) -> Result<()> {
        let list = partition_list(partitions);
        self.consumer.pause(&list).map_err(|error| fault::kafka("cannot pause partitions", &error))?;
        self.mark_paused(partitions, true);
        Ok(())
    }

    /// Hands out records of these partitions again, from where they were.
    ///
    /// # Errors
    /// librdkafka refuses.
    pub fn resume(&self, partitions: &[TopicPartition]) -> Result<()> {
        let list = partition_list(partitions);
        self.consumer.resume(&list).map_err(|error| fault::kafka("cannot resume partitions", &error))?;
        self.mark_paused(partitions, false);
        Ok(())
    }

    /// Polls without handing anything out, for long work (a restore) during which all partitions
    /// are paused: it keeps the membership alive. What the group says in the meantime comes out of
    /// the next [`StageConsumer::poll`]; whether there is something is returned.
    ///
    /// # Errors
    /// As [`StageConsumer::poll`].
    pub fn tend(&self) -> Result<bool> {
        match self.consumer.poll(Duration::ZERO) {
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => return Err(fatal(code)),
            Some(Ok(message)) => self.put_back(&message)?,
            _ => {}
        }
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

    fn mark_paused(&self, partitions: &[TopicPartition], paused: bool) {
        let mut table = self.table.borrow_mut();
        for partition in partitions {
            if let Some(cursor) = table.get(&partition.topic, partition.partition) {
                cursor.paused = paused;
            }
        }
    }

    /// Whether this record may be handed out: its partition is owned, not paused, and was not
    /// rewound past it while it was in flight.
    fn advance(&self, message: &BorrowedMessage<'_>) -> bool {
        let mut table = self.table.borrow_mut();
        match table.get(message.topic(), message.partition()) {
            Some(cursor) if !cursor.paused && message.offset() >= cursor.position => {
                cursor.position = message.offset() + 1;
                cursor.at_end = false;
                true
            }
            _ => false,
        }
    }

    /// Sees to it that a record which must not be handed out now comes again later, where its
    /// partition is owned.
    fn put_back(&self, message: &BorrowedMessage<'_>) -> Result<()> {
        let partition = TopicPartition::new(message.topic(), message.partition());
        match self.position(&partition) {
            Some(position) if position <= message.offset() => self.rewind(&[(partition, position)]),
            _ => Ok(()),
        }
    }

    /// The next change of what is owned, or the next end that was reached.
    fn news(&self) -> Option<Polled<'_>> {
        let context = self.consumer.context();
        if !context.has_news() {
            return None;
        }
        let news = self.next_change().or_else(|| self.next_end());
        if news.is_none() {
            context.seen();
        }
        news
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
                    self.pending.borrow_mut().retain(|partition| !partitions.contains(partition));
                    return Some(Polled::Revoked(partitions));
                }
                Change::Failed(error) => {
                    return Some(Polled::Trouble(fault::kafka("a rebalance failed", &error)));
                }
            }
        }
    }

    /// librdkafka tells the partition that ended and rdkafka drops its topic, so that this says
    /// which one only where one topic has that partition. For the others see `next_end`.
    fn end_of(&self, partition: i32) -> Option<Polled<'_>> {
        let mut table = self.table.borrow_mut();
        let (partition, cursor) = table.only(partition)?;
        (!std::mem::replace(&mut cursor.at_end, true)).then_some(Polled::Eof(partition))
    }

    /// A partition that the last statistics show read to its end.
    fn next_end(&self) -> Option<Polled<'_>> {
        if let Some(readings) = self.consumer.context().take_readings() {
            *self.readings.borrow_mut() = readings;
        }
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

fn partition_list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

fn offset_list(offsets: &[(TopicPartition, i64)]) -> Result<TopicPartitionList> {
    native_offsets(offsets).map_err(|error| fault::kafka("there is no such offset", &error))
}

fn native_offsets(offsets: &[(TopicPartition, i64)]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (partition, offset) in offsets {
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*offset))?;
    }
    Ok(list)
}
