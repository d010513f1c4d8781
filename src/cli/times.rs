//! Times of the command line: now, and those that are written.

use crate::words::Time;
use std::time::SystemTime;

/// The time by this machine's clock.
pub(super) fn now() -> Time {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time::from_ms(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

/// Reads a time.
pub(super) fn time(text: &str) -> Result<Time, String> {
    Time::parse(text).ok_or_else(|| "write a time such as 2026-03-02T00:00:00Z".into())
}
