//! A topic of small, slowly changing data (references), read whole and then followed.
//!
//! [`Follower::catch_up`] proves that everything written before the call was seen, which is what
//! makes acting on such data safe. It costs one request where nothing is new.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::bus::offsets::{Isolation, OffsetReader, Start};
use crate::bus::record::{Record, TopicPartition};
use crate::bus::settings::KafkaSettings;
use crate::bus::tail::{Outcome, Progress, Tail};
use crate::error::{Error, Result};

/// What [`Follower::catch_up`] achieved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatchUp {
    /// Everything that was written before the call was seen.
    ReadToEnd,
    /// The time was over first; why, where it is known.
    Behind {
        /// Offsets still to go.
        remaining: i64,
        /// An open transaction holds back the end.
        waiting_for_transaction: bool,
        /// What failed last.
        trouble: Option<Error>,
    },
}

/// A reader of all partitions of one topic.
pub struct Follower {
    tail: Tail,
    offsets: OffsetReader,
    partitions: Vec<TopicPartition>,
}

impl Follower {
    /// A follower of `topic` from its beginning. Nothing is read before the first
    /// [`Follower::catch_up`].
    ///
    /// # Errors
    /// The brokers do not answer (retriable), or there is no such topic.
    pub fn open(settings: &KafkaSettings, topic: &str) -> Result<Self> {
        Follower::open_at(settings, topic, Start::Earliest)
    }

    /// The same from `start` on.
    ///
    /// # Errors
    /// As [`Follower::open`].
    pub fn open_at(settings: &KafkaSettings, topic: &str, start: Start) -> Result<Self> {
        let offsets = OffsetReader::new(settings, Isolation::Uncommitted)?;
        let count = offsets.partition_count(topic)?.ok_or_else(|| {
            Error::bus("there is no such topic").at(topic).hint("`driftline topics create` makes it")
        })?;
        let partitions: Vec<TopicPartition> =
            (0..count).map(|number| TopicPartition::new(topic, number)).collect();
        let firsts = offsets.starts(&partitions, start)?;
        let starts: Vec<(i32, i64)> = (0..count).zip(firsts).collect();
        let mut tail = Tail::new(settings)?;
        tail.assign(topic, &starts)?;
        Ok(Follower { tail, offsets, partitions })
    }

    /// Gives the records not yet given to `on_record`, until everything that was written before the
    /// call was given or `timeout` is over. Records of one partition come in order.
    ///
    /// # Errors
    /// What `on_record` returns; records were deleted before they were read.
    pub fn catch_up(
        &mut self,
        timeout: Duration,
        on_record: &mut dyn FnMut(&Record<'_>) -> Result<()>,
    ) -> Result<CatchUp> {
        let deadline = Instant::now() + timeout;
        let ends = match self.offsets.ends(&self.partitions) {
            Ok(ends) => ends,
            Err(error) => {
                return Ok(CatchUp::Behind {
                    remaining: 0,
                    waiting_for_transaction: false,
                    trouble: Some(error),
                });
            }
        };
        let targets: BTreeMap<i32, i64> =
            self.partitions.iter().map(|partition| partition.partition).zip(ends).collect();
        let mut last = Progress { remaining: 0, waiting_for_transaction: false, trouble: None };
        let mut on_progress = |progress: &Progress| {
            let trouble = progress.trouble.clone().or(last.trouble.take());
            last = Progress { trouble, ..progress.clone() };
            if Instant::now() < deadline { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let outcome = self.tail.advance(&targets, true, on_record, &mut on_progress)?;
        Ok(match outcome {
            Outcome::Complete => CatchUp::ReadToEnd,
            Outcome::Stopped => CatchUp::Behind {
                remaining: last.remaining,
                waiting_for_transaction: last.waiting_for_transaction,
                trouble: last.trouble,
            },
        })
    }
}
