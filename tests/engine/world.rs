//! What the scenarios share: a reference, a seeded stream, settings, and outputs made comparable.

use driftline::config::Config;
use driftline::engine::{EvaluatorSettings, Layout, Output, SketcherSettings, UnknownModels};
use driftline::event::{Event, Value};
use driftline::policy::record::DriftEvent;
use driftline::policy::{Early, Mode, ModelSettings};
use driftline::reference::{Activation, BuildOptions, Origin, Profile, ProfileBuilder, References};
use driftline::words::{Grid, Name, Time};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

pub const SLIDE_MS: i64 = 1000;
pub const LATENESS_MS: i64 = 300;

/// One row of the stream.
#[derive(Debug, Clone)]
pub struct Row {
    pub model: &'static str,
    pub version: &'static str,
    pub country: &'static str,
    pub time_ms: i64,
    pub x: Option<f64>,
    pub c: &'static str,
}

impl Row {
    pub fn event(&self) -> Event<'static> {
        let x = self.x.map_or(Value::Missing, Value::Number);
        Event {
            id: None,
            model: Cow::Borrowed(self.model),
            version: Cow::Borrowed(self.version),
            segment: vec![Cow::Borrowed(self.country)],
            time: Time::from_ms(self.time_ms),
            columns: vec![("x".into(), x), ("c".into(), Value::Text(self.c.into()))],
        }
    }
}

/// Rows in the order of arrival, about 1 ms of event time apart and out of order by up to
/// `disorder_ms`; from the middle on `x` of fraud/1 moves by a standard deviation.
pub fn stream(seed: u64, rows: usize, disorder_ms: i64) -> Vec<Row> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..rows)
        .map(|i| {
            let (model, version) = match rng.random_range(0..10) {
                0..6 => ("fraud", "1"),
                6..8 => ("fraud", "2"),
                _ => ("churn", ""),
            };
            let shift = if version == "1" && i > rows / 2 { 0.3 } else { 0.0 };
            let x = rng.random_range(0..50) > 0;
            let value: f64 = rng.random::<f64>() + shift;
            Row {
                model,
                version,
                country: if rng.random_range(0..3) == 0 { "fr" } else { "de" },
                time_ms: i as i64 + rng.random_range(0..=disorder_ms.max(1)),
                x: x.then_some(value),
                c: ["a", "b", "c"][rng.random_range(0..3)],
            }
        })
        .collect()
}

pub fn reference() -> Arc<Profile> {
    let mut builder = ProfileBuilder::new(BuildOptions::default());
    let names = [Name::from("x"), Name::from("c")];
    // The first half of a stream is before its drift.
    for row in &stream(99, 10_000, 0)[..5000] {
        let event = row.event();
        let values: Vec<Value<'_>> = event.columns.into_iter().map(|(_, value)| value).collect();
        builder.push(names.iter().zip(&values));
    }
    Arc::new(builder.finish().expect("rows and columns are there"))
}

pub fn references() -> References {
    let profile = reference();
    let mut references = References::default();
    references.add_profile(profile.clone());
    for (model, version) in [("fraud", "1"), ("fraud", "2"), ("churn", "")] {
        references.activate(Activation {
            schema_version: 1,
            r#type: "reference_activation".into(),
            model: model.into(),
            version: version.into(),
            effective_from: Time::EPOCH,
            reference_id: profile.id().clone(),
            origin: Origin::Training,
            trigger_id: None,
            actor: "test".into(),
            reason: None,
            published_at: Time::EPOCH,
        });
    }
    references
}

pub fn grid() -> Grid {
    Grid::new(4 * SLIDE_MS, SLIDE_MS, 100).expect("a grid")
}

fn model(name: &str, segments: &[&str]) -> ModelSettings {
    let mut settings = Config::default().unlisted_model(name);
    settings.segments = segments.iter().map(|pointer| (*pointer).to_owned()).collect();
    let policy = &mut settings.policy;
    policy.mode = Mode::Trigger;
    policy.min_rows = 100;
    policy.early = Early::On;
    policy.warmup_ms = 0;
    policy.event_cooldown_ms = 0;
    policy.clear.k = 1;
    policy.clear.n = 1;
    policy.budget.per_ms = 1_000_000;
    policy.retrain.settle_ms = 0;
    policy.retrain.cooldown_ms = 5_000;
    policy.retrain.ttl_ms = 3_000;
    policy.retrain.min_rows_since_onset = 100;
    policy.retrain.share_min_features = 1;
    policy.retrain.daily_budget = 100;
    policy.version_retire_after_ms = 20_000;
    settings
}

pub fn sketcher_settings() -> SketcherSettings {
    let models = [model("fraud", &["/segment/country"]), model("churn", &[])];
    SketcherSettings {
        grid: grid(),
        allowed_lateness_ms: LATENESS_MS,
        max_future_skew_ms: i64::MAX,
        unknown_models: UnknownModels::Count,
        allow: vec![],
        report_unknown_features: true,
        unseen_cap: 100,
        models: models.into_iter().map(|model| (model.name.clone(), model)).collect(),
        unlisted: model("*", &[]),
        segment_pointers: vec!["/segment/country".into()],
    }
}

pub fn evaluator_settings() -> Arc<EvaluatorSettings> {
    let models = sketcher_settings().models;
    Arc::new(EvaluatorSettings {
        app: "driftline".into(),
        grid: grid(),
        idle_timeout_ms: 60_000,
        layout: Layout::of(&grid(), 1, LATENESS_MS),
        models: models.into_iter().map(|(name, model)| (name, (model, "cfg_test".to_owned()))).collect(),
        unlisted: (model("*", &[]), "cfg_test".into()),
        max_models: 100,
        max_versions: 5,
        max_segments: 10,
        ..Config::default().evaluator(1)
    })
}

/// Windows of four panes that reach back over eight for a thousand rows: those of all fraud/1 have
/// them, its segments' and other versions' have to, and some are too thin all the same.
pub fn reaching_back() -> Arc<EvaluatorSettings> {
    let mut settings = EvaluatorSettings::clone(&evaluator_settings());
    settings.grid = settings.grid.growing_to(8 * SLIDE_MS).expect("a grid");
    for (model, _) in settings.models.values_mut() {
        (model.policy.min_rows, model.policy.min_completeness) = (1000, 0.5);
    }
    Arc::new(settings)
}

/// The drift events among `outputs`.
pub fn events(outputs: &[Output]) -> Vec<&DriftEvent> {
    let mut events = Vec::new();
    for output in outputs {
        if let Output::Event(event) = output {
            events.push(&**event);
        }
    }
    events
}

/// What was decided about each model, in order, without what digests say and without offsets.
pub fn comparable(outputs: &[Output]) -> BTreeMap<String, Vec<serde_json::Value>> {
    let mut by_model: BTreeMap<String, Vec<serde_json::Value>> = BTreeMap::new();
    for output in outputs {
        let mut record = match output {
            Output::Report(report) => serde_json::to_value(report),
            Output::Event(event) => serde_json::to_value(event),
            Output::Trigger(trigger) => serde_json::to_value(trigger),
            Output::Reference(made) => serde_json::to_value(made),
            _ => continue,
        }
        .expect("records are JSON");
        without_volatile(&mut record);
        let model = record["model"].as_str().expect("a model").to_owned();
        by_model.entry(model).or_default().push(record);
    }
    by_model
}

fn without_volatile(record: &mut serde_json::Value) {
    let Some(fields) = record.as_object_mut() else {
        if let Some(items) = record.as_array_mut() {
            items.iter_mut().for_each(without_volatile);
        }
        return;
    };
    for volatile in ["p_value", "summary", "explanation", "offsets"] {
        fields.remove(volatile);
    }
    for measure in ["ks", "wasserstein", "z_score"] {
        if let Some(measure) = fields.get_mut(measure).and_then(serde_json::Value::as_object_mut) {
            measure.remove("value");
        }
    }
    fields.values_mut().for_each(without_volatile);
}
