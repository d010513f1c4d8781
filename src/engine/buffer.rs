//! Rows of one pane of a model key, between two commits: what a delta is made of.

use super::delta::Delta;
use super::sketcher::SketcherSettings;
use crate::event::{Event, Value};
use crate::reference::{CoarseCells, FeatureProfile, Profile};
use crate::sketch::{Accumulator, FeatureSketch, category_name};
use crate::window::PaneData;
use crate::words::{ModelKey, Name, Pane};
use std::sync::Arc;

/// Rows of one pane of a model key, by one reference, since the last commit.
#[derive(Debug)]
pub(super) struct Buffer {
    profile: Option<Arc<Profile>>,
    report_unknown: bool,
    pub data: PaneData,
    features: Vec<FeatureBuffer>,
    /// Where the columns of the last event went, by their place in it: events of a stream are alike.
    layout: Vec<(Name, Option<usize>)>,
}

#[derive(Debug)]
struct FeatureBuffer {
    accumulator: Accumulator,
    /// Rows up to the last one that had this feature; a column named twice counts once.
    last_row: u64,
    pushed: u64,
}

impl Buffer {
    /// An empty buffer for rows counted by `profile`.
    pub fn new(profile: Option<Arc<Profile>>, settings: &SketcherSettings) -> Self {
        let of = |feature: &FeatureProfile| FeatureBuffer {
            accumulator: Accumulator::new(feature.kind, feature.basis.clone(), settings.unseen_cap),
            last_row: 0,
            pushed: 0,
        };
        let features = profile.iter().flat_map(|profile| profile.features()).map(of).collect();
        let (data, report_unknown) = (PaneData::default(), settings.report_unknown_features);
        Buffer { profile, report_unknown, data, features, layout: Vec::new() }
    }

    /// The reference that it counts by.
    pub fn profile(&self) -> Option<&Arc<Profile>> {
        self.profile.as_ref()
    }

    /// How many accumulators it holds, and one for itself.
    pub fn weight(&self) -> usize {
        self.features.len() + 1
    }

    /// Counts an event.
    pub fn push(&mut self, event: &Event<'_>) {
        self.data.flow.events += 1;
        let Some(profile) = &self.profile else { return };
        let row = self.data.flow.events;
        for (at, (name, value)) in event.columns.iter().enumerate() {
            let place = match self.layout.get(at) {
                Some((known, place)) if **known == **name => *place,
                _ => {
                    let place = profile.position(name);
                    self.layout.truncate(at);
                    self.layout.push((name.as_ref().into(), place));
                    place
                }
            };
            match place {
                Some(place) => self.features[place].push(value, row),
                None if self.report_unknown => self.data.unknown.add(&category_name(name), 1),
                None => {}
            }
        }
    }

    /// What it contributes to its pane; to the `look`, by coarse cell, too.
    pub fn seal(self, key: ModelKey, pane: Pane, look: Option<(i64, &[Option<CoarseCells>])>) -> Delta {
        let mut data = self.data;
        let rows = data.flow.events;
        data.features = self.features.into_iter().map(|feature| feature.finish(rows)).collect();
        if let Some((look, cells)) = look.filter(|_| !data.features.is_empty()) {
            let counts = |(sketch, cells): (&FeatureSketch, &Option<CoarseCells>)| {
                cells.as_ref().map(|cells| cells.count(&sketch.tally)).unwrap_or_default()
            };
            data.looks.insert(look, data.features.iter().zip(cells).map(counts).collect());
        }
        Delta { key, pane, reference: self.profile.map(|profile| profile.id().clone()), data }
    }
}

impl FeatureBuffer {
    fn push(&mut self, value: &Value<'_>, row: u64) {
        if self.last_row != row {
            self.last_row = row;
            self.pushed += 1;
            self.accumulator.push(value);
        }
    }

    fn finish(mut self, rows: u64) -> FeatureSketch {
        self.accumulator.push_missing(rows - self.pushed);
        self.accumulator.finish()
    }
}
