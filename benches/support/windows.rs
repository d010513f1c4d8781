//! Stage 2 with models of numeric features whose panes close one after another.

use super::activation;
use driftline::config::Config;
use driftline::engine::{Delta, Evaluator, EvaluatorSettings, Layout, Output, Progress};
use driftline::event::Value;
use driftline::policy::Suffixes;
use driftline::reference::{BuildOptions, FeatureProfile, Profile, ProfileBuilder, References};
use driftline::sketch::{Accumulator, FeatureSketch};
use driftline::window::{Flow, PaneData, PartitionProgress};
use driftline::words::{Grid, Kind, ModelKey, Name, Pane, Time};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal, Normal};
use std::sync::Arc;

const SLIDE_MS: i64 = 3_600_000;
const REFERENCE_ROWS: usize = 50_000;
/// Panes with rows of their own; later ones repeat them.
const DISTINCT: usize = 8;

/// How a feature's rows are drawn.
type Law = fn(&mut ChaCha8Rng) -> f64;

const LAWS: [Law; 4] = [
    |dice| Normal::new(0.0, 1.0).expect("a law").sample(dice),
    |dice| LogNormal::<f64>::new(3.0, 1.0).expect("a law").sample(dice),
    |dice| (dice.random::<f64>() * 1e6).round() / 100.0,
    // A third is zero.
    |dice| (dice.random::<f64>() * 3.0 - 1.0).max(0.0),
];

/// Models of so many numeric features, and stage 2 of them all.
pub struct World {
    evaluator: Evaluator,
    references: References,
    profile: Arc<Profile>,
    models: usize,
    rows: usize,
    /// Sketches of a pane, by law and pane.
    sketches: Vec<Vec<FeatureSketch>>,
    next: i64,
    offset: i64,
}

impl World {
    /// Stage 2 of `models` models of `features` features with `rows` rows a pane, in windows of `panes`
    /// panes with all their suffixes.
    pub fn new(models: usize, features: usize, rows: usize, panes: u32) -> World {
        let mut dice = ChaCha8Rng::seed_from_u64(11);
        let columns: Vec<FeatureProfile> = LAWS.iter().map(|law| column(*law, &mut dice)).collect();
        let sketches = LAWS.iter().zip(&columns).map(|(law, column)| {
            let pane = |_| {
                let mut accumulator = Accumulator::new(column.kind, column.basis.clone(), 1000);
                (0..rows).for_each(|_| accumulator.push(&Value::Number(law(&mut dice))));
                accumulator.finish()
            };
            (0..DISTINCT).map(pane).collect()
        });
        let sketches = sketches.collect();
        let feature = |at: usize| {
            let name = Name::from(format!("number_{at:05}"));
            FeatureProfile { name, ..columns[at % LAWS.len()].clone() }
        };
        let features = (0..features).map(feature).collect();
        let profile = Arc::new(Profile::new(REFERENCE_ROWS as u64, features));
        let mut references = References::default();
        (0..models).for_each(|model| references.activate(activation(name(model), "1", &profile)));
        references.add_profile(profile.clone());
        let evaluator = Evaluator::new(Arc::new(settings(panes)));
        World { evaluator, references, profile, models, rows, sketches, next: 0, offset: 0 }
    }

    /// Fills the next pane of all models.
    pub fn fill(&mut self) {
        for model in 0..self.models {
            let of = |at: usize| self.sketches[at % LAWS.len()][self.next as usize % DISTINCT].clone();
            let data = PaneData {
                flow: Flow { events: self.rows as u64, ..Flow::default() },
                features: (0..self.profile.features().len()).map(of).collect(),
                ..PaneData::default()
            };
            let key = ModelKey { model: name(model), version: "1".into(), segment: vec![] };
            let reference = Some(self.profile.id().clone());
            let delta = Delta { key, pane: Pane(self.next), reference, data };
            self.offset += 1;
            self.evaluator.merge(self.offset, Time::EPOCH, delta, &self.references);
        }
        self.next += 1;
    }

    /// Closes the pane and judges its windows. How many features were judged.
    pub fn close(&mut self) -> usize {
        let partition = PartitionProgress {
            topic: "in".into(),
            partition: 0,
            watermark: Some(Time::from_ms(self.next * SLIDE_MS)),
            next_offset: self.offset,
            idle: false,
        };
        let progress = Progress { topics: vec![("in".into(), 1)], partitions: vec![partition] };
        self.offset += 1;
        self.evaluator.hear(self.offset, Time::EPOCH, &progress, &self.references);
        let judged = |output: Output| match output {
            Output::Report(report) => report.features.len(),
            _ => 0,
        };
        self.evaluator.take_outputs().into_iter().map(judged).sum()
    }

    /// Writes what changed for the changelog, as a commit does.
    pub fn commit(&mut self) {
        drop(self.evaluator.take_changes(false));
    }
}

fn name(model: usize) -> Name {
    format!("model-{model}").into()
}

fn column(law: Law, dice: &mut ChaCha8Rng) -> FeatureProfile {
    let name = Name::from("x");
    let kinds = [(name.clone(), Kind::Continuous)].into();
    let mut builder = ProfileBuilder::new(BuildOptions { kinds, ..BuildOptions::default() });
    (0..REFERENCE_ROWS).for_each(|_| builder.push([(&name, &Value::Number(law(dice)))]));
    builder.finish().expect("rows of one column").features()[0].clone()
}

fn settings(panes: u32) -> EvaluatorSettings {
    let mut settings = Config::default().evaluator(1);
    settings.grid = Grid::new(i64::from(panes) * SLIDE_MS, SLIDE_MS, SLIDE_MS).expect("a grid");
    settings.layout = Layout::of(&settings.grid, 1, 0);
    settings.unlisted.0.policy.suffixes = Suffixes::All;
    settings
}
