//! What stage 1 looks at every few seconds beside its records: partitions that are new, idle, or far
//! ahead of the slowest.
//!
//! Nothing here decides what a row counts for; it decides when rows are read, and idle claims.

use super::sketch::{Quiet, SketchStage};
use crate::bus::TopicPartition;
use crate::engine::{Position, SourceState};
use crate::error::Result;
use crate::observe::{BrokerTroubled, ConsumerLagged, Fact, RowsUnrouted, Stage, WatermarkMoved};
use crate::words::{Name, Time};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the set of partitions, and how far they are apart, is looked at.
const SURVEY: Duration = Duration::from_secs(3);
/// The same while own partitions wait for slower ones: in a backlog they should not wait long.
const SURVEY_WHILE_AHEAD: Duration = Duration::from_millis(300);

impl SketchStage<'_> {
    /// Looks at what the other instances do: new partitions, partitions that are far behind, and
    /// whether a registry that was out answers again.
    pub(super) fn survey(&mut self) -> Result<()> {
        let now = Instant::now();
        let due: Vec<TopicPartition> =
            self.waiting.extract_if(.., |_, at| now >= *at).map(|(partition, _)| partition).collect();
        let owned = self.consumer.partitions();
        let resume: Vec<TopicPartition> =
            due.into_iter().filter(|p| owned.contains(p) && !self.ahead.contains(p)).collect();
        self.consumer.resume(&resume)?;
        self.claim_idle(now);
        if now < self.next_survey {
            return Ok(());
        }
        self.next_survey = now + if self.ahead.is_empty() { SURVEY } else { SURVEY_WHILE_AHEAD };
        let mut topics = Vec::new();
        for topic in &self.settings.inputs {
            match self.offsets.partition_count(topic) {
                Ok(count) => topics.push((Name::from(topic.as_str()), count.unwrap_or(0))),
                Err(error) => {
                    BrokerTroubled { stage: Stage::Sketch, why: &error.to_string() }
                        .emit(&self.context.metrics);
                    return Ok(());
                }
            }
        }
        self.work.sketcher.set_topics(topics.clone());
        self.tell_progress();
        self.hold_back(&topics)
    }

    /// Claims that partitions are idle, and renews claims a third of the timeout before they lapse.
    fn claim_idle(&mut self, now: Instant) {
        let Some(timeout) = self.settings.idle_timeout else { return };
        for (partition, quiet) in &mut self.quiet {
            let is_idle = now.duration_since(quiet.since) >= timeout && self.consumer.is_at_end(partition);
            let is_due = quiet.claimed.is_none_or(|claimed| now.duration_since(claimed) >= timeout / 3);
            if is_idle && is_due {
                quiet.claimed = Some(now);
                self.work.sketcher.set_idle(&(partition.topic.clone(), partition.partition), true);
            }
        }
        for partition in self.work.consumed.keys() {
            if let Some(quiet) = self.quiet.get_mut(partition) {
                *quiet = Quiet { since: now, claimed: None };
            }
        }
    }

    /// Pauses own partitions that are too far ahead of the slowest of all that has records left.
    fn hold_back(&mut self, topics: &[(Name, i32)]) -> Result<()> {
        let all: Vec<TopicPartition> = topics
            .iter()
            .flat_map(|(topic, count)| (0..*count).map(|number| TopicPartition::new(topic.clone(), number)))
            .collect();
        let (Ok(committed), Ok(ends)) = (self.consumer.committed(&all), self.offsets.ends(&all)) else {
            return Ok(());
        };
        let behind = committed
            .iter()
            .zip(&ends)
            .filter(|(committed, end)| committed.offset.is_some_and(|at| at < **end));
        let slowest = behind
            .filter_map(|(committed, _)| SourceState::from_metadata(&committed.metadata).max_time_ms)
            .min();
        let far = |position: &Position| {
            let ahead = position
                .state
                .max_time_ms
                .zip(slowest)
                .map_or(0, |(own, slowest)| own.saturating_sub(slowest));
            ahead > self.settings.max_ahead_ms
        };
        let positions = self.work.sketcher.positions();
        let ahead: Vec<TopicPartition> = positions
            .iter()
            .filter(|position| far(position))
            .map(|position| TopicPartition::new(position.source.0.clone(), position.source.1))
            .collect();
        let is_free = |p: &&TopicPartition| !ahead.contains(p) && !self.waiting.contains_key(*p);
        let resume: Vec<TopicPartition> = self.ahead.iter().filter(is_free).cloned().collect();
        let pause: Vec<TopicPartition> = ahead.iter().filter(|p| !self.ahead.contains(p)).cloned().collect();
        self.consumer.resume(&resume)?;
        self.consumer.pause(&pause)?;
        self.ahead = ahead;
        Ok(())
    }

    fn tell_progress(&self) {
        let metrics = &self.context.metrics;
        for end in self.consumer.ends() {
            let records = u64::try_from(end.stable_end - end.position).unwrap_or(0);
            ConsumerLagged { topic: &end.partition.topic, partition: end.partition.partition, records }
                .emit(metrics);
        }
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        for Position { source: (topic, partition), state, .. } in self.work.sketcher.positions() {
            RowsUnrouted { topic: &topic, partition, rows: state.unrouted }.emit(metrics);
            if let Some(watermark) = state.watermark(self.settings.sketcher.allowed_lateness_ms) {
                let lag_seconds = Time::from_ms(now_ms).since_ms(watermark) as f64 / 1000.0;
                WatermarkMoved { topic: &topic, partition, lag_seconds }.emit(metrics);
            }
        }
    }
}
