//! A simulated stream on its way to a topic, at a multiple of the clock or as fast as it goes.

use crate::bus::{Outgoing, Publisher};
use crate::error::Result;
use crate::service::Stop;
use crate::simulate::SimulatedEvent;
use crate::words::Time;
use std::time::{Duration, Instant};

/// Events that are due within this time are sent together.
const AT_ONCE: Duration = Duration::from_millis(5);
/// How long a wait may go on without a look at whether to stop.
const NAP: Duration = Duration::from_millis(50);

/// Where events go, and how fast.
pub(super) struct Feed<'a> {
    pub publisher: &'a Publisher,
    pub topic: &'a str,
    /// Seconds of event time in a second; `None`: as fast as the brokers take them.
    pub speed: Option<f64>,
    /// When to stop early.
    pub stop: &'a Stop,
}

impl Feed<'_> {
    /// Sends `events`, of which none is before `start`, until they end or the stop is requested. Each
    /// waits until it is due and until `is_welcome` says so of its time. Returns how many were sent,
    /// all of which were taken.
    pub fn send(
        &self,
        start: Time,
        events: impl IntoIterator<Item = SimulatedEvent>,
        is_welcome: impl Fn(Time) -> bool,
    ) -> Result<u64> {
        let started = Instant::now();
        let mut sent = 0;
        for event in events {
            self.wait(started, event.time.since_ms(start), || is_welcome(event.time));
            if self.stop.is_requested() {
                break;
            }
            self.publisher.send(Outgoing {
                topic: self.topic,
                key: Some(event.id().as_bytes()),
                payload: Some(&event.to_json()),
                // Event time: so a record is never behind its own event.
                timestamp: Some(event.time.ms()),
                ..Outgoing::default()
            })?;
            sent += 1;
        }
        self.publisher.flush()?;
        Ok(sent)
    }

    fn wait(&self, started: Instant, event_ms: i64, is_welcome: impl Fn() -> bool) {
        if let Some(speed) = self.speed {
            let due = Duration::from_secs_f64((event_ms as f64 / 1000.0 / speed).max(0.0));
            let mut left = due.saturating_sub(started.elapsed());
            while left > AT_ONCE && !self.stop.is_requested() {
                std::thread::sleep(left.min(NAP));
                left = due.saturating_sub(started.elapsed());
            }
        }
        while !is_welcome() && !self.stop.is_requested() {
            std::thread::sleep(AT_ONCE);
        }
    }
}
