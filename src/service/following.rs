//! A topic of records, read and then followed.

use crate::bus::{CatchUp, Follower, KafkaSettings, Start};
use crate::error::Result;
use crate::event::SchemaSource;
use crate::wire::{Record, decode};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// Records of the type `R`, as they come.
pub struct Following<R> {
    schemas: Arc<dyn SchemaSource>,
    follower: Follower,
    /// What was said last of brokers that do not answer.
    trouble: Option<String>,
    records: PhantomData<R>,
}

impl<R: Record> Following<R> {
    /// Follows `topic` from `start` on.
    ///
    /// # Errors
    /// As [`Follower::open`].
    pub fn open(
        kafka: &KafkaSettings,
        schemas: Arc<dyn SchemaSource>,
        topic: &str,
        start: Start,
    ) -> Result<Self> {
        let follower = Follower::open_at(kafka, topic, start)?;
        Ok(Following { schemas, follower, trouble: None, records: PhantomData })
    }

    /// Gives the committed records not yet given to `on_record`, those of one partition in their order.
    /// It waits for what was written before the call, a second at most, and says whether that was all
    /// read. Records that can't be read are told and passed by.
    ///
    /// # Errors
    /// Records were deleted before they were read; the registry does not answer (retriable).
    pub fn each(&mut self, on_record: &mut dyn FnMut(R)) -> Result<bool> {
        let schemas = &*self.schemas;
        let read = self.follower.catch_up(Duration::from_secs(1), &mut |record| {
            let Some(payload) = record.payload() else { return Ok(()) };
            match decode::<R>(payload, schemas) {
                Ok(record) => on_record(record),
                Err(error) if error.is_retriable() => return Err(error.at(record.place())),
                Err(error) => tracing::warn!(error = %error.at(record.place()), "a record was passed by"),
            }
            Ok(())
        })?;
        let is_read = read == CatchUp::ReadToEnd;
        let trouble = match read {
            CatchUp::ReadToEnd | CatchUp::Behind { trouble: None, .. } => None,
            CatchUp::Behind { trouble: Some(error), .. } => Some(error.to_string()),
        };
        if let Some(error) = trouble.as_ref().filter(|_| trouble != self.trouble) {
            tracing::warn!(error, "cannot read on; trying again");
        }
        self.trouble = trouble;
        Ok(is_read)
    }

    /// The same records as a list.
    ///
    /// # Errors
    /// As [`Following::each`].
    pub fn take(&mut self) -> Result<Vec<R>> {
        let mut found = Vec::new();
        self.each(&mut |record| found.push(record))?;
        Ok(found)
    }
}
