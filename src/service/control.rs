//! Commands to the models of the deltas partitions that stage 2 owns: the control topic's partitions of
//! the same numbers, read within the deltas' transaction.
//!
//! What stage 2 says of commands stands on the same topic and is passed by. A record that is no command
//! goes to the dead letters.

use super::StageContext;
use super::dead_letters::DeadLetters;
use crate::bus::TransactionalProducer;
use crate::bus::{AssignedReader, CommittedOffset, StageConsumer, TopicPartition};
use crate::error::Result;
use crate::event::{BadReason, BadRecord};
use crate::policy::record::Command;
use crate::wire::decode;
use crate::words::Time;
use std::collections::{BTreeMap, BTreeSet};

/// The control topic's partitions.
pub(super) struct Control<'c> {
    context: &'c StageContext,
    reader: AssignedReader,
    owned: BTreeSet<i32>,
    letters: DeadLetters,
    /// Whether something came since the last commit that has to be committed.
    is_moved: bool,
}

impl<'c> Control<'c> {
    /// Of no partition yet.
    pub fn open(context: &'c StageContext) -> Result<Self> {
        let reader = AssignedReader::new(&context.kafka, &context.topics.control)?;
        Ok(Control {
            context,
            reader,
            owned: BTreeSet::new(),
            letters: DeadLetters::default(),
            is_moved: false,
        })
    }

    /// Goes to where `consumer`'s group has committed these partitions, and reads them from there on.
    pub fn restore(&mut self, consumer: &StageConsumer, numbers: &[i32]) -> Result<()> {
        let places: Vec<TopicPartition> = numbers.iter().map(|number| self.place(*number)).collect();
        let committed = consumer.committed(&places)?;
        let mut wanted = self.positions();
        wanted.extend(numbers.iter().copied().zip(committed.into_iter().map(|committed| committed.offset)));
        self.reader.assign(&wanted)?;
        self.owned.extend(numbers);
        Ok(())
    }

    /// Reads these partitions no more.
    pub fn revoked(&mut self, numbers: impl Iterator<Item = i32>) {
        for number in numbers {
            self.owned.remove(&number);
        }
    }

    /// Forgets what came since the last commit: it is read again.
    pub fn discard(&mut self) {
        self.letters.clear();
        self.is_moved = false;
    }

    /// Gives the commands that have come, with the time of their records.
    pub fn take(&mut self, mut on_command: impl FnMut(i32, Command, Time)) -> Result<()> {
        let Control { context, reader, owned, letters, is_moved } = self;
        reader.take(&mut |record| {
            let Some(payload) = record.payload().filter(|_| owned.contains(&record.partition())) else {
                return Ok(());
            };
            let bad = |message: String| BadRecord { reason: BadReason::BadCommand, message };
            match decode::<Command>(payload, &*context.schemas) {
                Ok(command) if command.status.is_some() => return Ok(()),
                Ok(command) => {
                    if let Err(why) = command.action() {
                        letters.push(record, bad(why));
                    }
                    let sent_at = record.timestamp_ms().map_or(command.at, Time::from_ms);
                    on_command(record.partition(), command, sent_at);
                }
                Err(error) if error.is_retriable() => return Err(error.at(record.place())),
                Err(error) => letters.push(record, bad(error.to_string())),
            }
            *is_moved = true;
            Ok(())
        })
    }

    /// Whether there is something to commit.
    pub fn is_moved(&self) -> bool {
        self.is_moved
    }

    /// Where the partitions stand: an instance that lost one can commit it no more.
    pub fn offsets(&self) -> impl Iterator<Item = CommittedOffset> + '_ {
        let offset = |number: &i32| {
            let next_offset = self.reader.position(*number)?;
            Some(CommittedOffset { partition: self.place(*number), next_offset, metadata: String::new() })
        };
        self.owned.iter().filter_map(offset)
    }

    /// Adds the dead letters to the open transaction.
    pub fn send(&self, producer: &TransactionalProducer) -> Result<()> {
        self.letters.send(producer, &self.context.topics.dead_letters).map(drop)
    }

    /// Everything up to here is committed.
    pub fn committed(&mut self) {
        self.letters.tell(&self.context.metrics);
        self.discard();
    }

    fn positions(&self) -> BTreeMap<i32, Option<i64>> {
        self.owned.iter().map(|number| (*number, self.reader.position(*number))).collect()
    }

    fn place(&self, number: i32) -> TopicPartition {
        TopicPartition::new(self.context.topics.control.as_str(), number)
    }
}
