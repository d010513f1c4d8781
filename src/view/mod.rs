//! What people look at: the records that leave driftline, gathered into a bounded history.
//!
//! A [`View`] takes window reports, drift events, triggers, commands and references as they come, in any order and
//! again, and answers for all models: what is now, what was, what is open. It decides nothing, knows no
//! topic and no clock, and never grows beyond its [`Limits`]: the oldest goes first, and is counted.

mod answers;
mod history;
mod incidents;
mod references;
mod shared;
#[cfg(test)]
mod tests;

pub use answers::{FeatureAnswer, HeatMap, ModelsAnswer, Series};
pub use history::FIGURES;
pub use incidents::{Acknowledged, EventsAnswer, IncidentAnswer, State, TriggerAnswer};
pub use references::ReferencesAnswer;
pub use shared::SharedView;

use crate::policy::record::{Command, DriftEvent, RetrainingTrigger, Status, WindowReport};
use crate::words::ModelKey;
use history::History;
use incidents::Log;
use references::ReferenceList;
use std::collections::BTreeMap;

/// How much is kept. The defaults hold about 120 MB at their worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Windows of a key: a month of hours.
    pub windows: usize,
    /// Features times windows, over all keys.
    pub cells: usize,
    /// Models, versions and segments.
    pub keys: usize,
    /// Drift events; and as many incidents, and triggers.
    pub events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { windows: 720, cells: 1_000_000, keys: 2_000, events: 2_000 }
    }
}

/// What did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Dropped {
    /// Windows forgotten because there were newer ones.
    pub windows: u64,
    /// Reports of keys beyond the limit.
    pub reports: u64,
    /// Drift events forgotten because there were newer ones.
    pub events: u64,
}

/// One model, version and segment.
#[derive(Debug, Default)]
struct OfKey {
    history: History,
    /// The report of the last window, with the features of all its chunks.
    latest: Option<WindowReport>,
    /// The revision that changed it last.
    revision: u64,
}

/// The gathered history.
#[derive(Debug)]
pub struct View {
    limits: Limits,
    keys: BTreeMap<ModelKey, OfKey>,
    log: Log,
    references: ReferenceList,
    dropped: Dropped,
    revision: u64,
}

impl Default for View {
    fn default() -> Self {
        View::new(Limits::default())
    }
}

impl View {
    /// Nothing seen yet.
    pub fn new(limits: Limits) -> Self {
        View {
            limits,
            keys: BTreeMap::new(),
            log: Log::new(limits.events),
            references: ReferenceList::default(),
            dropped: Dropped::default(),
            revision: 0,
        }
    }

    /// Rises with every change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Takes a window report, or a chunk of one.
    pub fn report(&mut self, report: WindowReport) {
        self.revision += 1;
        let WindowReport { model, version, segment, .. } = &report;
        let key = ModelKey { model: model.clone(), version: version.clone(), segment: segment.clone() };
        if !self.keys.contains_key(&key) && self.keys.len() >= self.limits.keys {
            self.dropped.reports += 1;
            return;
        }
        let known = self.keys.entry(key).or_default();
        known.revision = self.revision;
        known.history.take(&report);
        while known.history.windows.len() > self.limits.windows {
            known.history.drop_oldest();
            self.dropped.windows += 1;
        }
        known.update_latest(report);
        self.forget();
    }

    /// Takes a drift event.
    pub fn event(&mut self, event: DriftEvent) {
        self.revision += 1;
        self.dropped.events += self.log.event(event);
    }

    /// Takes a command, as it was sent or with what became of it.
    pub fn command(&mut self, command: Command) {
        let Command { status, effective_at, target, actor, .. } = command;
        let is_done = command.r#type == "incident.acknowledge" && status == Some(Status::Applied);
        if let (true, Some(at), Some(incident)) = (is_done, effective_at, target) {
            self.revision += 1;
            self.log.acknowledge(&incident, at, Some(actor));
        }
    }

    /// Takes a retraining trigger.
    pub fn trigger(&mut self, trigger: RetrainingTrigger) {
        self.revision += 1;
        self.log.trigger(trigger);
    }

    /// Forgets the oldest windows of all keys until the rest fits. One window of a key always stays.
    fn forget(&mut self) {
        let mut cells: usize = self.keys.values().map(|known| known.history.cells()).sum();
        while cells > self.limits.cells {
            let first_end = |known: &OfKey| known.history.windows.front().map(|window| window.info.end);
            let several = self.keys.values_mut().filter(|known| known.history.windows.len() > 1);
            let Some(oldest) = several.min_by_key(|known| first_end(known)) else { return };
            cells -= oldest.history.cells();
            oldest.history.drop_oldest();
            cells += oldest.history.cells();
            self.dropped.windows += 1;
        }
    }
}

impl OfKey {
    fn update_latest(&mut self, mut report: WindowReport) {
        let end = |report: &WindowReport| report.window.end;
        match &mut self.latest {
            Some(latest) if end(latest) > end(&report) => {}
            Some(latest) if end(latest) == end(&report) => {
                latest.features.retain(|known| {
                    report.features.binary_search_by(|new| new.feature.cmp(&known.feature)).is_err()
                });
                latest.features.append(&mut report.features);
                latest.features.sort_by(|a, b| a.feature.cmp(&b.feature));
                // Only the first chunk says these.
                if report.chunk.index == 0 {
                    latest.triggers_withheld = report.triggers_withheld;
                    latest.mutes = report.mutes;
                    latest.unknown_features = report.unknown_features;
                }
            }
            latest => {
                report.features.sort_by(|a, b| a.feature.cmp(&b.feature));
                *latest = Some(report);
            }
        }
    }
}
