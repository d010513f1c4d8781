//! A stretch of one partition, read in the background: for history, where several partitions are taken
//! in the order of their events.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use crate::bus::record::{Record, TopicPartition};
use crate::bus::settings::KafkaSettings;
use crate::bus::tail::{Outcome, Tail};
use crate::error::{Error, Result};

/// Records that are read ahead.
const AHEAD: usize = 4096;

/// A record that owns what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp in milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
    /// Its value; `None` for a tombstone.
    pub payload: Option<Vec<u8>>,
    /// The value of the header that was asked for.
    pub header: Option<Vec<u8>>,
}

/// How long brokers may fail until reading is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Committed records of one partition, one after the other. Its thread ends with the range, or with the
/// next record after it is dropped.
pub struct PartitionRange {
    records: Receiver<Result<OwnedRecord>>,
}

impl PartitionRange {
    /// Reads from the offset `from` up to `to`, which is excluded, with the header of this name.
    ///
    /// # Errors
    /// The settings do not make a consumer, or the thread cannot be started.
    pub fn open(
        settings: &KafkaSettings,
        place: &TopicPartition,
        (from, to): (i64, i64),
        header: &'static str,
    ) -> Result<Self> {
        let (sender, records) = sync_channel(AHEAD);
        let mut tail = Tail::new(settings)?;
        tail.assign(&place.topic, &[(place.partition, from)])?;
        let targets = BTreeMap::from([(place.partition, to)]);
        let read = move || {
            let mut failing: Option<(Instant, Error)> = None;
            let mut last = i64::MAX;
            let outcome =
                tail.advance(&targets, false, &mut |record| send(&sender, record, header), &mut |progress| {
                    if progress.remaining < last {
                        (last, failing) = (progress.remaining, None);
                    }
                    if let (None, Some(trouble)) = (&failing, &progress.trouble) {
                        failing = Some((Instant::now(), trouble.clone()));
                    }
                    match &failing {
                        Some((since, _)) if since.elapsed() > PATIENCE => ControlFlow::Break(()),
                        _ => ControlFlow::Continue(()),
                    }
                });
            let failed = match (outcome, failing) {
                (Err(error), _) | (Ok(Outcome::Stopped), Some((_, error))) => error,
                (Ok(_), _) => return,
            };
            // Nobody listens where this is said in vain.
            let _ = sender.send(Err(failed));
        };
        let thread = std::thread::Builder::new().name(format!("read {place}")).spawn(read);
        thread.map_err(|error| Error::file(format!("cannot start a thread: {error}")))?;
        Ok(PartitionRange { records })
    }
}

/// The records in their order. The next one is waited for; an error is the last: records were deleted
/// before they were read, or the brokers have not answered for half a minute.
impl Iterator for PartitionRange {
    type Item = Result<OwnedRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        self.records.recv().ok()
    }
}

fn send(sender: &SyncSender<Result<OwnedRecord>>, record: &Record<'_>, header: &str) -> Result<()> {
    let owned = OwnedRecord {
        offset: record.offset(),
        timestamp_ms: record.timestamp_ms(),
        payload: record.payload().map(<[u8]>::to_vec),
        header: record.header(header).map(<[u8]>::to_vec),
    };
    sender.send(Ok(owned)).map_err(|_| Error::bus("nobody reads on"))
}
