//! What keeps a fault from filling the log: at most so many lines a minute, and some things only once.
//!
//! Metrics never go through here; they count everything.

use super::{Clock, locked};
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

/// Lines of one kind and reason that a minute may hold.
pub(super) const LINES_PER_MINUTE: u64 = 5;
/// Names of one kind that are remembered as said; later ones are not said at all.
pub(super) const NAMES_SAID_MAX: usize = 1000;

const MINUTE: Duration = Duration::from_secs(60);

/// Remembers what the log has been told.
#[derive(Debug)]
pub(super) struct Restraint {
    clock: Clock,
    /// By kind of fact and reason; both come from the code, so this is bounded.
    minutes: Mutex<HashMap<(&'static str, &'static str), Minute>>,
    said: Mutex<HashMap<&'static str, HashSet<(String, String)>>>,
}

#[derive(Debug)]
struct Minute {
    start: Duration,
    lines: u64,
    left_out: u64,
}

impl Restraint {
    pub(super) fn new(clock: Clock) -> Self {
        Restraint { clock, minutes: Mutex::default(), said: Mutex::default() }
    }

    /// Whether a line may be written now: `Some` with the number of lines left out since the last
    /// one that was written, or `None`, and then this one is left out.
    pub(super) fn line(&self, kind: &'static str, reason: &'static str) -> Option<u64> {
        let now = self.clock.now();
        let mut minutes = locked(&self.minutes);
        let minute = minutes.entry((kind, reason)).or_insert(Minute { start: now, lines: 0, left_out: 0 });
        if now.saturating_sub(minute.start) >= MINUTE {
            minute.start = now;
            minute.lines = 0;
        }
        if minute.lines == LINES_PER_MINUTE {
            minute.left_out += 1;
            return None;
        }
        minute.lines += 1;
        Some(std::mem::take(&mut minute.left_out))
    }

    /// Whether this name (a model, or a model and version) is to be said: the first time only, and
    /// only for the first [`NAMES_SAID_MAX`] names of the kind.
    pub(super) fn first(&self, kind: &'static str, model: &str, version: &str) -> bool {
        let mut said = locked(&self.said);
        let names = said.entry(kind).or_default();
        names.len() < NAMES_SAID_MAX && names.insert((model.to_owned(), version.to_owned()))
    }

    /// Lets the names that `is_gone` picks by model and version be said again.
    pub(super) fn forget(&self, kind: &'static str, is_gone: impl Fn(&str, &str) -> bool) {
        if let Some(names) = locked(&self.said).get_mut(kind) {
            names.retain(|(model, version)| !is_gone(model, version));
        }
    }
}
