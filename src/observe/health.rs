//! Whether the instance is alive and ready, as its stages say it.
//!
//! Alive: every loop turns, broker or not. Ready: what was assigned is restored and the broker was
//! seen lately. Nothing here asks anyone; the stages tell, and time comes from a [`Clock`].

use super::{Clock, Stage, locked};
use crate::words::Name;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A loop that has not turned for longer is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// A broker that was not seen for longer is gone.
const BROKER_GONE_AFTER: Duration = Duration::from_secs(30);
/// Partitions under restore that an answer names; the rest is in its count.
const RESTORING_NAMED_MAX: usize = 20;

/// What the stages say of themselves. Clones are the same.
#[derive(Debug, Clone)]
pub struct Health {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// When the loop of each thread of a running stage turned last.
    turned: BTreeMap<(Stage, u32), Duration>,
    /// The partitions of each stage, and whether they are restored.
    restored: BTreeMap<(Stage, Name, i32), bool>,
    broker_seen: Option<Duration>,
}

/// Whether every loop turns; the body of `/healthz`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Liveness {
    /// Whether all of `loops` turn.
    pub alive: bool,
    /// The loop of each thread of a running stage.
    pub loops: Vec<LoopHealth>,
}

/// One loop of [`Liveness`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoopHealth {
    /// The stage whose it is.
    pub stage: Stage,
    /// Which of the stage's threads runs it, from 0 on.
    pub worker: u32,
    /// Whether it turned within the last 60 s.
    pub turning: bool,
    /// Seconds since it turned.
    pub last_turn_seconds: f64,
}

/// Whether the instance does its work; the body of `/readyz`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Readiness {
    /// Whether the broker was seen and nothing is being restored.
    pub ready: bool,
    /// Whether the broker was seen within the last 30 s.
    pub broker: bool,
    /// Seconds since the broker was seen; null when never.
    pub broker_last_seen_seconds: Option<f64>,
    /// Partitions assigned, over all stages.
    pub assigned: usize,
    /// Those of them that are not restored yet.
    pub restoring: usize,
    /// The first of these by name.
    pub restoring_partitions: Vec<RestoringPartition>,
}

/// One partition of [`Readiness`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RestoringPartition {
    /// The stage that has it.
    pub stage: Stage,
    /// Its topic.
    pub topic: Name,
    /// Its number.
    pub partition: i32,
}

impl Health {
    /// Nothing running, nothing assigned, no broker seen yet.
    pub fn new(clock: Clock) -> Self {
        Health { clock, state: Arc::default() }
    }

    /// The loop of a thread of `stage` turned. Call it also where the thread is started, so that a
    /// loop that never gets to its first turn is missed.
    pub fn beat(&self, stage: Stage, worker: u32) {
        let now = self.clock.now();
        locked(&self.state).turned.insert((stage, worker), now);
    }

    /// The loop of a thread of `stage` ended as it should and is no longer waited for: the stage stops.
    pub fn ended(&self, stage: Stage, worker: u32) {
        let mut state = locked(&self.state);
        state.turned.remove(&(stage, worker));
        state.restored.retain(|(owner, ..), _| *owner != stage);
    }

    /// The broker answered or sent something.
    pub fn broker_seen(&self) {
        let now = self.clock.now();
        locked(&self.state).broker_seen = Some(now);
    }

    /// `stage` was given a partition; it is not restored yet.
    pub fn assigned(&self, stage: Stage, topic: &str, partition: i32) {
        locked(&self.state).restored.insert((stage, topic.into(), partition), false);
    }

    /// `stage` has restored a partition. One that it no longer has stays away.
    pub fn restored(&self, stage: Stage, topic: &str, partition: i32) {
        if let Some(restored) = locked(&self.state).restored.get_mut(&(stage, topic.into(), partition)) {
            *restored = true;
        }
    }

    /// A partition was taken from `stage`.
    pub fn revoked(&self, stage: Stage, topic: &str, partition: i32) {
        locked(&self.state).restored.remove(&(stage, topic.into(), partition));
    }

    /// Whether every loop turns, now.
    pub fn liveness(&self) -> Liveness {
        let state = locked(&self.state);
        let now = self.clock.now();
        let loops: Vec<LoopHealth> = state
            .turned
            .iter()
            .map(|((stage, worker), turned)| {
                let silent = now.saturating_sub(*turned);
                LoopHealth {
                    stage: *stage,
                    worker: *worker,
                    turning: silent <= STUCK_AFTER,
                    last_turn_seconds: silent.as_secs_f64(),
                }
            })
            .collect();
        Liveness { alive: loops.iter().all(|one| one.turning), loops }
    }

    /// Whether the instance does its work, now.
    pub fn readiness(&self) -> Readiness {
        let state = locked(&self.state);
        let silent = state.broker_seen.map(|seen| self.clock.now().saturating_sub(seen));
        let broker = silent.is_some_and(|silent| silent <= BROKER_GONE_AFTER);
        let missing = || state.restored.iter().filter(|(_, restored)| !**restored);
        let restoring = missing().count();
        let named = missing().take(RESTORING_NAMED_MAX).map(|((stage, topic, partition), _)| {
            RestoringPartition { stage: *stage, topic: topic.clone(), partition: *partition }
        });
        Readiness {
            ready: broker && restoring == 0,
            broker,
            broker_last_seen_seconds: silent.map(|silent| silent.as_secs_f64()),
            assigned: state.restored.len(),
            restoring,
            restoring_partitions: named.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Health with a clock that stands at the given second until it is set.
    fn health() -> (Health, Arc<AtomicU64>) {
        let seconds = Arc::new(AtomicU64::new(0));
        let hand = seconds.clone();
        let clock = Clock::by(move || Duration::from_secs(hand.load(Ordering::Relaxed)));
        (Health::new(clock), seconds)
    }

    #[test]
    fn a_loop_is_stuck_once_it_has_not_turned_for_more_than_sixty_seconds() {
        let (health, seconds) = health();
        health.beat(Stage::Sketch, 0);
        health.beat(Stage::Evaluate, 0);
        seconds.store(60, Ordering::Relaxed);
        assert!(health.liveness().alive);
        health.beat(Stage::Evaluate, 0);
        seconds.store(61, Ordering::Relaxed);
        let said = health.liveness();
        assert!(!said.alive);
        let turning: Vec<_> = said.loops.iter().map(|l| (l.stage, l.turning, l.last_turn_seconds)).collect();
        assert_eq!(turning, [(Stage::Sketch, false, 61.0), (Stage::Evaluate, true, 1.0)]);
        health.beat(Stage::Sketch, 0);
        assert!(health.liveness().alive);
    }

    #[test]
    fn a_worker_that_is_stuck_is_missed_while_others_turn() {
        let (health, seconds) = health();
        health.beat(Stage::Sketch, 0);
        health.beat(Stage::Sketch, 1);
        seconds.store(61, Ordering::Relaxed);
        health.beat(Stage::Sketch, 0);
        let said = health.liveness();
        let stuck: Vec<u32> = said.loops.iter().filter(|one| !one.turning).map(|one| one.worker).collect();
        assert!(!said.alive);
        assert_eq!(stuck, [1]);
    }

    #[test]
    fn a_stage_that_ended_as_it_should_is_not_waited_for() {
        let (health, seconds) = health();
        health.broker_seen();
        health.beat(Stage::Sketch, 0);
        health.assigned(Stage::Sketch, "events", 0);
        health.ended(Stage::Sketch, 0);
        assert!(health.readiness().ready);
        seconds.store(1000, Ordering::Relaxed);
        assert!(health.liveness().alive);
    }

    #[test]
    fn an_instance_without_partitions_is_ready_when_the_broker_was_seen() {
        let (health, seconds) = health();
        assert!(!health.readiness().ready);
        assert_eq!(health.readiness().broker_last_seen_seconds, None);
        health.broker_seen();
        seconds.store(30, Ordering::Relaxed);
        assert!(health.readiness().ready);
        seconds.store(31, Ordering::Relaxed);
        let said = health.readiness();
        assert!(!said.ready && !said.broker);
        assert_eq!(said.broker_last_seen_seconds, Some(31.0));
    }

    #[test]
    fn an_instance_is_ready_when_all_it_was_assigned_is_restored() {
        let (health, _) = health();
        health.broker_seen();
        health.assigned(Stage::Evaluate, "deltas", 0);
        health.assigned(Stage::Evaluate, "deltas", 1);
        health.restored(Stage::Evaluate, "deltas", 0);
        let said = health.readiness();
        assert!(!said.ready);
        assert_eq!((said.assigned, said.restoring, said.restoring_partitions[0].partition), (2, 1, 1));
        health.restored(Stage::Evaluate, "deltas", 1);
        assert!(health.readiness().ready);
    }

    #[test]
    fn a_revoked_partition_is_not_waited_for_and_one_assigned_again_is_restored_again() {
        let (health, _) = health();
        health.broker_seen();
        health.assigned(Stage::Evaluate, "deltas", 0);
        health.revoked(Stage::Evaluate, "deltas", 0);
        assert!(health.readiness().ready);
        // A restore that ends after its partition was taken away brings nothing back.
        health.restored(Stage::Evaluate, "deltas", 0);
        assert_eq!(health.readiness().assigned, 0);
        health.assigned(Stage::Evaluate, "deltas", 0);
        assert!(!health.readiness().ready);
    }

    #[test]
    fn an_answer_names_a_bounded_number_of_partitions_and_counts_all() {
        let (health, _) = health();
        for partition in 0..500 {
            health.assigned(Stage::Evaluate, "deltas", partition);
        }
        let said = health.readiness();
        assert_eq!((said.restoring, said.restoring_partitions.len()), (500, RESTORING_NAMED_MAX));
    }
}
