//! A stream with a daily cycle: against the whole reference it alarms every night; against its own
//! hours it keeps quiet, until something moves.

use crate::world::events;
use driftline::config::Config;
use driftline::engine::{EvaluatorSettings, Layout, Output, Pipeline, SketcherSettings, UnknownModels};
use driftline::event::{Event, Value};
use driftline::policy::record::{Command, FeatureReport, WindowReport, WindowState};
use driftline::policy::{Mode, ModelSettings, Suffixes};
use driftline::reference::{BuildOptions, Profile, ProfileBuilder, References, SeasonLevel};
use driftline::words::{Grid, Name, Season, SeasonClock, Time, Verdict};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

const HOUR_MS: i64 = 3_600_000;
const ROWS_AN_HOUR: u32 = 60;
const REFERENCE_DAYS: u32 = 28;
const DAYS: u32 = 10;

fn grid() -> Grid {
    // Of a window of six hours the last is looked at by itself too.
    Grid::new(6 * HOUR_MS, HOUR_MS, HOUR_MS / 10).expect("a grid")
}

/// Rows of so many days: by day `x` is larger by `swing`; from `shift_from` on, by 0.3 more.
fn rows(seed: u64, days: u32, shift_from: Option<Time>) -> Vec<(Time, f64)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let row = |i: u32| {
        let time = Time::from_ms(i64::from(i) * HOUR_MS / i64::from(ROWS_AN_HOUR));
        let swing = (time.ms() as f64 / HOUR_MS as f64 / 24.0 * std::f64::consts::TAU).sin();
        let shift = if shift_from.is_some_and(|from| time >= from) { 0.3 } else { 0.0 };
        (time, rng.random::<f64>() + 0.8 * swing + shift)
    };
    (0..days * 24 * ROWS_AN_HOUR).map(row).collect()
}

fn reference(season: Option<Season>) -> Profile {
    let clock = season.map(|season| SeasonClock::new(season, "UTC").expect("a zone"));
    let mut builder =
        ProfileBuilder::new(BuildOptions { grid: Some(grid()), season: clock, ..BuildOptions::default() });
    let name = Name::from("x");
    for (time, x) in rows(1, REFERENCE_DAYS, None) {
        builder.push_at(Some(time), [(&name, &Value::Number(x))]);
    }
    let profile = builder.finish().expect("rows and a column");
    // Rows are independent but for the cycle: without calibration, the cycle has to be told.
    let features = profile.features().iter().cloned().map(|mut feature| {
        feature.calibration.clear();
        feature
    });
    Profile::new(profile.rows(), features.collect())
}

/// The settings of windows that have at least `min_rows` rows or reach back for them.
fn model(min_rows: u64) -> ModelSettings {
    let mut model = Config::default().unlisted_model("m");
    model.policy.mode = Mode::Alert;
    model.policy.min_rows = min_rows;
    model.policy.suffixes = Suffixes::All;
    model.policy.event_cooldown_ms = 0;
    model
}

fn decided(season: Option<Season>, rows: &[(Time, f64)]) -> Vec<Output> {
    decided_of(season, rows, 50)
}

fn decided_of(season: Option<Season>, rows: &[(Time, f64)], min_rows: u64) -> Vec<Output> {
    fed(pipeline(season, grid().growing_to(24 * HOUR_MS).expect("a grid"), min_rows), rows)
}

fn pipeline(season: Option<Season>, grid: Grid, min_rows: u64) -> Pipeline {
    let model = || model(min_rows);
    let sketcher = SketcherSettings {
        grid,
        allowed_lateness_ms: 0,
        max_future_skew_ms: i64::MAX,
        unknown_models: UnknownModels::Count,
        allow: vec![],
        report_unknown_features: false,
        unseen_cap: 10,
        models: BTreeMap::from([("m".into(), model())]),
        unlisted: model(),
        segment_pointers: vec![],
    };
    let evaluator = EvaluatorSettings {
        app: "driftline".into(),
        grid,
        idle_timeout_ms: 60_000,
        layout: Layout::of(&grid, 1, 0),
        models: BTreeMap::from([("m".into(), (model(), "cfg_test".to_owned()))]),
        unlisted: (model(), "cfg_test".into()),
        max_models: 10,
        max_versions: 5,
        max_segments: 10,
        ..Config::default().evaluator(1)
    };
    let mut references = References::default();
    references.set_default("m".into(), Arc::new(reference(season)));
    Pipeline::new(sketcher, Arc::new(evaluator), references, vec![("in".into(), 1)])
}

fn fed(mut pipeline: Pipeline, rows: &[(Time, f64)]) -> Vec<Output> {
    let mut outputs = Vec::new();
    for (offset, (time, x)) in rows.iter().enumerate() {
        let event = Event {
            id: None,
            model: Cow::Borrowed("m"),
            version: Cow::Borrowed(""),
            segment: vec![],
            time: *time,
            columns: vec![("x".into(), Value::Number(*x))],
        };
        pipeline.take("in", 0, offset as i64, None, Ok(event));
        if offset % 100 == 0 {
            outputs.extend(pipeline.commit());
        }
    }
    outputs.extend(pipeline.close());
    outputs
}

fn reports(outputs: &[Output]) -> impl Iterator<Item = &WindowReport> {
    outputs.iter().filter_map(|output| match output {
        Output::Report(report) => Some(&**report),
        _ => None,
    })
}

#[test]
fn against_its_own_hours_a_cycle_is_no_drift() {
    let rows = rows(2, DAYS, None);
    let without = decided(None, &rows);
    let drifted = reports(&without).filter(|report| report.drifted > 0).count();
    assert!(drifted > 100, "against the whole reference most hours drift, not {drifted}");
    assert!(reports(&without).flat_map(|report| &report.features).all(|feature| feature.season.is_none()));
    for (season, level) in [(Season::Day, SeasonLevel::Hour), (Season::Week, SeasonLevel::HourOfDayKind)] {
        let with = decided(Some(season), &rows);
        assert!(events(&with).is_empty(), "{:#?}", events(&with));
        let levels: Vec<_> =
            reports(&with).flat_map(|report| &report.features).map(|feature| feature.season).collect();
        // Four hours of the week are too few rows: working days and weekends stand for them.
        assert!(levels.len() > 200 && levels.iter().all(|found| *found == Some(level)), "{levels:?}");
    }
}

#[test]
fn a_window_that_reaches_back_is_compared_with_the_hours_that_it_reaches() {
    let outputs = decided_of(Some(Season::Day), &rows(2, DAYS, None), 2 * 6 * u64::from(ROWS_AN_HOUR));
    assert!(events(&outputs).is_empty(), "{:#?}", events(&outputs));
    let grown = reports(&outputs).filter(|report| report.window.state == WindowState::Grown);
    let is_judged = |report: &WindowReport| {
        let hours = report.window.end.since_ms(report.window.start) / HOUR_MS;
        let of = |feature: &FeatureReport| (feature.season, feature.verdict);
        (hours, report.features.iter().map(of).collect::<Vec<_>>())
    };
    let expected = (12, vec![(Some(SeasonLevel::Hour), Verdict::Ok)]);
    let found: Vec<_> = grown.map(is_judged).collect();
    assert!(found.len() > 200 && found.iter().all(|found| *found == expected), "{found:?}");
}

#[test]
fn a_shift_that_the_cycle_hides_is_found_within_hours() {
    // A standard deviation of an hour's rows, a third of the cycle's own swing.
    let from = Time::from_ms(7 * 24 * HOUR_MS);
    let outputs = decided(Some(Season::Day), &rows(3, DAYS, Some(from)));
    let first = events(&outputs)[0];
    let after = first.decided_at.since_ms(from) / HOUR_MS;
    assert!((1..=3).contains(&after), "found after {after} h: {}", first.explanation);
    assert!(first.suffix.is_some_and(|suffix| suffix.start >= from));
}

#[test]
fn a_window_is_accepted_where_it_has_enough_of_each_hour_that_its_reference_has() {
    const DAY_MS: i64 = 24 * HOUR_MS;
    let rows = rows(2, DAYS, None);
    let accepted = |size_ms: i64| {
        let grid = Grid::new(size_ms, HOUR_MS, HOUR_MS / 10).expect("a grid");
        let mut pipeline = pipeline(Some(Season::Day), grid, 50);
        let accept = "reference.accept_window";
        let command = Command::new("cmd_1".into(), accept, "m".into(), "ann", Time::EPOCH);
        pipeline.command(command, Time::from_ms(8 * DAY_MS));
        let outputs = fed(pipeline, &rows);
        outputs.into_iter().find_map(|output| match output {
            Output::Command(answer) => answer.refusal.map(Err),
            Output::Reference(made) => Some(Ok(made.profile)),
            _ => None,
        })
    };
    // Five times sixty rows of each hour are enough, and those of a day less are not.
    for size_ms in [6 * HOUR_MS, 4 * DAY_MS] {
        let refusal = accepted(size_ms).expect("an answer").expect_err("it is refused");
        assert!(refusal.contains("`x` (the window has too little of each hour of its season)"), "{refusal}");
    }
    let profile = accepted(5 * DAY_MS).expect("an answer").expect("it is accepted");
    let season = profile.features()[0].season.as_ref().expect("it has a season too");
    assert_eq!(season.season, Season::Day);
}
