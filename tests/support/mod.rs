//! What the tests that need a broker share: where it is, topics, bulk reading and writing, and a handle
//! on the real binary.
//!
//! Take it into a test binary with `mod support;` (or `#[path = "../support/mod.rs"] mod support;` from a
//! directory). Everything here panics with a message when something is amiss: a test without its broker
//! fails, it is never skipped. It uses nothing of driftline's library, so that it can't share its mistakes.

#![allow(dead_code, unused_imports, reason = "each test binary uses its own part of this")]

pub mod book;
mod kafka;
mod process;

pub use kafka::{Producer, Record, Topics, consume_all, end_offsets};
pub use process::{Driftline, free_port};

use std::thread::sleep;
use std::time::{Duration, Instant};

/// The broker under test, from `KAFKA_BROKERS`.
pub fn brokers() -> String {
    from_environment("KAFKA_BROKERS")
}

/// The schema registry under test (Confluent's API), from `SCHEMA_REGISTRY`.
pub fn registry() -> String {
    from_environment("SCHEMA_REGISTRY")
}

fn from_environment(name: &str) -> String {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => value,
        _ => panic!("set {name} or run `make test`, which starts a broker and a registry"),
    }
}

/// `name` with a random end: tests run side by side, and a broker may outlive many runs.
pub fn unique(name: &str) -> String {
    format!("{name}-{:016x}", rand::random::<u64>())
}

/// Looks every 50 ms whether `condition` holds, and panics with `what` if it does not within `timeout`.
#[track_caller]
pub fn wait_until(timeout: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < timeout, "waited {timeout:?} in vain: {what}");
        sleep(Duration::from_millis(50));
    }
}
