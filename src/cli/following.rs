//! A topic of records, read and then followed.

use super::assembly::Connection;
use crate::bus::{CatchUp, Follower, Start};
use crate::error::Result;
use crate::wire::{Record, decode};
use std::marker::PhantomData;
use std::time::Duration;

/// Records of the type `R`, as they come.
pub(super) struct Following<'c, R> {
    connection: &'c Connection,
    follower: Follower,
    /// What was said last of brokers that do not answer.
    trouble: Option<String>,
    records: PhantomData<R>,
}

impl<'c, R: Record> Following<'c, R> {
    /// Follows `topic` from `start` on.
    pub fn open(connection: &'c Connection, topic: &str, start: Start) -> Result<Self> {
        let follower = Follower::open_at(&connection.kafka, topic, start)?;
        Ok(Following { connection, follower, trouble: None, records: PhantomData })
    }

    /// The committed records not yet given, those of one partition in their order. It waits for what
    /// was written before the call, a second at most. Records that can't be read are told and
    /// passed by.
    pub fn next(&mut self) -> Result<Vec<R>> {
        let mut found = Vec::new();
        let schemas = &*self.connection.schemas;
        let read = self.follower.catch_up(Duration::from_secs(1), &mut |record| {
            let Some(payload) = record.payload() else { return Ok(()) };
            match decode::<R>(payload, schemas) {
                Ok(record) => found.push(record),
                Err(error) if error.is_retriable() => return Err(error.at(record.place())),
                Err(error) => tracing::warn!(error = %error.at(record.place()), "a record was passed by"),
            }
            Ok(())
        })?;
        let trouble = match read {
            CatchUp::ReadToEnd | CatchUp::Behind { trouble: None, .. } => None,
            CatchUp::Behind { trouble: Some(error), .. } => Some(error.to_string()),
        };
        if let Some(error) = trouble.as_ref().filter(|_| trouble != self.trouble) {
            tracing::warn!(error, "cannot read on; trying again");
        }
        self.trouble = trouble;
        Ok(found)
    }
}
