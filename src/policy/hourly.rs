//! How many events of a model are published in an hour of stream time.

use super::record::Suppressed;
use crate::words::Time;
use serde::{Deserialize, Serialize};

const HOUR_MS: i64 = 3_600_000;

/// A model's events in the hour of `decided_at`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HourlyLimit {
    hour: i64,
    published: u32,
    suppressed: Option<Suppressed>,
}

impl HourlyLimit {
    /// Whether one more event may be published at `now`; counts it either way.
    pub(super) fn admit(&mut self, now: Time, most: u32, always: bool) -> bool {
        let hour = now.ms().div_euclid(HOUR_MS);
        if self.hour != hour {
            (self.hour, self.published) = (hour, 0);
        }
        let admitted = always || self.published < most;
        if admitted {
            self.published += 1;
        } else {
            self.suppressed.get_or_insert(Suppressed { count: 0, since: now }).count += 1;
        }
        admitted
    }

    pub(super) fn take_suppressed(&mut self) -> Option<Suppressed> {
        self.suppressed.take()
    }
}
