//! One partition's log, read once from an offset to its end: how state is restored.
//!
//! The end is the high watermark at the start of the reading, not the end of what is committed
//! then: what a transaction has committed may be marked so only a moment later, and must not be
//! missed. An open transaction below the end is waited for, however long; its progress says so.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::bus::offsets::{Isolation, OffsetReader};
use crate::bus::record::{Record, TopicPartition};
use crate::bus::settings::KafkaSettings;
use crate::bus::tail::{Outcome, Progress, Tail};
use crate::error::{Error, Result};

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// At the first record that there is.
    Beginning,
    /// At this offset, which must still be there.
    Offset(i64),
}

/// Where reading ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// After the last record that there is when reading begins.
    End,
    /// Before this offset.
    Offset(i64),
}

/// Reads one partition after the other. It belongs to no group and commits nothing.
pub struct LogReader {
    tail: Tail,
    offsets: OffsetReader,
}

impl LogReader {
    /// A reader.
    ///
    /// # Errors
    /// The settings do not make a consumer.
    pub fn new(settings: &KafkaSettings) -> Result<Self> {
        Ok(LogReader {
            tail: Tail::new(settings)?,
            offsets: OffsetReader::new(settings, Isolation::Uncommitted)?,
        })
    }

    /// Gives every committed record of `partition` between `from` and `until` to `on_record`, in
    /// order. `on_progress` is told about ten times a second how far it is and may stop it.
    ///
    /// # Errors
    /// What `on_record` returns; the brokers do not answer at the start (retriable); records that
    /// were asked for are deleted ([`crate::error::ErrorKind::State`]).
    pub fn read(
        &mut self,
        partition: &TopicPartition,
        from: From,
        until: Until,
        on_record: &mut dyn FnMut(&Record<'_>) -> Result<()>,
        on_progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<Outcome> {
        let only = std::slice::from_ref(partition);
        let (first, end) = (self.offsets.beginnings(only)?[0], self.offsets.ends(only)?[0]);
        let start = match from {
            From::Beginning => first,
            From::Offset(offset) => offset,
        };
        let target = match until {
            Until::End => end,
            Until::Offset(offset) => offset,
        };
        if start >= target {
            return Ok(Outcome::Complete);
        }
        if start < first || target > end {
            let what = format!("records {start} to {target} are needed, but there are only {first} to {end}");
            return Err(Error::state(what).at(partition).hint(
                "the topic was trimmed, expired or made anew; it must keep what the committed offsets refer to",
            ));
        }
        self.tail.assign(&partition.topic, &[(partition.partition, start)])?;
        let targets = BTreeMap::from([(partition.partition, target)]);
        let outcome = self.tail.advance(&targets, false, on_record, on_progress);
        self.tail.release()?;
        outcome
    }
}
