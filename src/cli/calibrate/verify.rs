//! Shuffled history, judged: blocks of the reference's own rows make a stream in which nothing
//! changes and rows hang together as they do in truth (the block bootstrap; H. Künsch, "The jackknife
//! and the bootstrap for general stationary observations", 1989). Every event is a false one.

use crate::cli::columns::{ColumnArgs, of_row};
use crate::config::Config;
use crate::engine::{Output, Pipeline};
use crate::error::{Error, Result};
use crate::event::{Event, Value};
use crate::files::{self, Row, TimeColumn};
use crate::policy::record::{Category, Transition};
use crate::policy::{Mode, ModelSettings};
use crate::reference::{FeatureProfile, Profile, References};
use crate::words::{Grid, Name, Time};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use statrs::distribution::{ChiSquared, ContinuousCDF};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A block is so many windows long where there are blocks enough, else one.
const BLOCK_WINDOWS: i64 = 4;
/// Fewer blocks than this cannot be shuffled.
const MIN_BLOCKS: usize = 10;
/// The stream is so many times as long as the history.
const LENGTH: usize = 20;
/// By how much a factor is raised in a round, and how many rounds there are at most.
const RAISE: f64 = 1.5;
const ROUNDS: u32 = 12;
const TOPIC: &str = "history";

/// Rows in memory, by block.
pub(super) struct History {
    blocks: Vec<Vec<Kept>>,
    block_ms: i64,
}

struct Kept {
    /// Since the block's start.
    after_ms: i64,
    columns: Vec<(Name, Value<'static>)>,
}

/// What the shuffled history showed.
#[derive(Debug, Serialize)]
pub(super) struct Verified {
    /// Time that was judged, in milliseconds.
    pub judged_ms: i64,
    /// The time that the budget is for, in milliseconds.
    pub per_ms: i64,
    /// Events in that time before any factor was raised …
    pub events_before: f64,
    /// … and after, with its 95 % interval.
    pub events: f64,
    pub low: f64,
    pub high: f64,
    /// What windows may have of the budget in that time.
    pub budget: f64,
    /// Features whose factors were raised.
    pub raised: BTreeSet<Name>,
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = |ms: i64| ms as f64 / 86_400_000.0;
        write!(
            f,
            "shuffled history of {:.0} days: {:.3} false events in {} days (95 %: {:.3} to {:.3}), {:.3} are in the budget",
            days(self.judged_ms),
            self.events,
            days(self.per_ms),
            self.low,
            self.high,
            self.budget
        )?;
        if !self.raised.is_empty() {
            let names: Vec<&str> = self.raised.iter().map(|name| &**name).collect();
            write!(f, "\n{:.3} before the factors of {} were raised", self.events_before, names.join(", "))?;
        }
        Ok(())
    }
}

impl History {
    /// Reads the rows at `path` into blocks of windows of `grid`.
    pub fn read(
        path: &Path,
        rows: Option<Range<u64>>,
        columns: &ColumnArgs,
        time: &TimeColumn,
        grid: Grid,
    ) -> Result<Self> {
        let mut table = files::open(path, columns.input_format)?.take(rows.unwrap_or(0..u64::MAX));
        let mut windows: BTreeMap<i64, Vec<Kept>> = BTreeMap::new();
        let mut row = Row::new();
        while table.next_row(&mut row)? {
            let ms = table.time_of(&row, time)?.ms();
            let kept = of_row(&row, |name| columns.wants(name));
            let columns = kept.map(|(name, value)| (name.clone(), value.into_owned())).collect();
            let after_ms = ms.rem_euclid(grid.size_ms());
            windows.entry(ms.div_euclid(grid.size_ms())).or_default().push(Kept { after_ms, columns });
        }
        // The first and the last window may be cut.
        windows.pop_first();
        windows.pop_last();
        let length = if windows.len() >= MIN_BLOCKS * BLOCK_WINDOWS as usize { BLOCK_WINDOWS } else { 1 };
        let mut blocks: BTreeMap<i64, Vec<Kept>> = BTreeMap::new();
        for (number, kept) in windows {
            let offset_ms = number.rem_euclid(length) * grid.size_ms();
            let shifted = kept.into_iter().map(|kept| Kept { after_ms: kept.after_ms + offset_ms, ..kept });
            blocks.entry(number.div_euclid(length)).or_default().extend(shifted);
        }
        if blocks.len() < MIN_BLOCKS {
            return Err(Error::input(format!("the history has {} whole windows", blocks.len())).hint(
                format!("{MIN_BLOCKS} are needed to shuffle them: give more history or a shorter --window"),
            ));
        }
        let mut blocks: Vec<Vec<Kept>> = blocks.into_values().collect();
        blocks.iter_mut().for_each(|block| block.sort_by_key(|kept| kept.after_ms));
        Ok(History { blocks, block_ms: length * grid.size_ms() })
    }

    fn judged_ms(&self) -> i64 {
        (self.blocks.len() * LENGTH) as i64 * self.block_ms
    }
}

/// Judges shuffled history against `profile` with the windows of `config`, and raises its factors until
/// the events are in the budget of `model`.
pub(super) fn verify(
    history: &History,
    mut profile: Profile,
    model: &ModelSettings,
    config: &Config,
    seed: u64,
) -> (Verified, Profile) {
    let config = every_raise_counts(config, model);
    let budget = model.policy.budget;
    let periods = history.judged_ms() as f64 / budget.per_ms as f64;
    // Half of the budget is the sequential test's.
    let allowed = budget.false_events / 2.0;
    let mut raised = BTreeSet::new();
    let mut before = None;
    let mut round = 0;
    loop {
        let events = judge(history, &profile, &config, seed);
        let total: usize = events.values().sum();
        let rate = total as f64 / periods;
        before.get_or_insert(rate);
        if rate <= allowed || round == ROUNDS {
            let (low, high) = poisson_interval(total);
            let verified = Verified {
                judged_ms: history.judged_ms(),
                per_ms: budget.per_ms,
                events_before: before.unwrap_or(rate),
                events: rate,
                low: low / periods,
                high: high / periods,
                budget: allowed,
                raised,
            };
            return (verified, profile);
        }
        round += 1;
        raised.extend(events.keys().map(|(feature, _)| feature.clone()));
        profile = raise(&profile, &events);
    }
}

/// The configuration with this one model, whose every raise is an event of its own.
fn every_raise_counts(config: &Config, model: &ModelSettings) -> Config {
    let mut model = model.clone();
    let policy = &mut model.policy;
    policy.mode = Mode::Alert;
    policy.event_cooldown_ms = 0;
    policy.events.max_feature_events = u32::MAX;
    policy.events.max_events_per_hour = u32::MAX;
    model.segments.clear();
    model.topics.clear();
    let mut config = config.clone();
    config.models = vec![model];
    config
}

/// The profile with the factors of the features that had events raised.
fn raise(profile: &Profile, events: &BTreeMap<(Name, Category), usize>) -> Profile {
    let has = |name: &Name, category| events.contains_key(&(name.clone(), category));
    let raised = |factor: Option<f64>| Some(factor.unwrap_or(1.0) * RAISE);
    let feature = |feature: &FeatureProfile| {
        let mut feature = feature.clone();
        let (shape, missing) =
            (has(&feature.name, Category::Distribution), has(&feature.name, Category::Quality));
        for found in &mut feature.calibration {
            found.shape = if shape { raised(found.shape) } else { found.shape };
            found.missing = if missing { raised(found.missing) } else { found.missing };
        }
        feature
    };
    Profile::new(profile.rows(), profile.features().iter().map(feature).collect())
}

/// The 95 % interval of a Poisson mean where `count` was seen (F. Garwood, "Fiducial limits for the
/// Poisson distribution", 1936).
fn poisson_interval(count: usize) -> (f64, f64) {
    let quantile =
        |degrees: f64, share: f64| ChiSquared::new(degrees).map_or(0.0, |law| law.inverse_cdf(share) / 2.0);
    let low = if count == 0 { 0.0 } else { quantile(2.0 * count as f64, 0.025) };
    (low, quantile(2.0 * count as f64 + 2.0, 0.975))
}

/// Events by feature and category.
fn judge(
    history: &History,
    profile: &Profile,
    config: &Config,
    seed: u64,
) -> BTreeMap<(Name, Category), usize> {
    let model = &config.models[0];
    let mut references = References::default();
    references.set_default(model.name.clone(), Arc::new(profile.clone()));
    let (sketcher, evaluator) = (config.sketcher(), Arc::new(config.evaluator(1)));
    let mut pipeline = Pipeline::new(sketcher, evaluator, references, vec![(TOPIC.into(), 1)]);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut events = BTreeMap::new();
    let mut offset = 0;
    for number in 0..history.blocks.len() * LENGTH {
        let start_ms = number as i64 * history.block_ms;
        for kept in &history.blocks[rng.random_range(0..history.blocks.len())] {
            let time = Time::from_ms(start_ms + kept.after_ms);
            pipeline.take(TOPIC, 0, offset, None, Ok(event(&model.name, time, &kept.columns)));
            offset += 1;
        }
        for output in pipeline.commit() {
            if let Output::Event(event) = output
                && event.transition == Transition::Detected
                && let Some(feature) = event.feature
            {
                *events.entry((feature, event.category)).or_default() += 1;
            }
        }
    }
    events
}

fn event<'a>(model: &'a Name, time: Time, columns: &'a [(Name, Value<'static>)]) -> Event<'a> {
    Event {
        id: None,
        model: Cow::Borrowed(model),
        version: Cow::Borrowed(""),
        segment: Vec::new(),
        time,
        columns: columns.iter().map(|(name, value)| (Cow::Borrowed(&**name), value.clone())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_garwoods() {
        // scipy.stats.chi2.ppf([0.025, 0.975], [2 k, 2 k + 2]) / 2 for k = 0 and 5.
        let close = |found: (f64, f64), expected: (f64, f64)| {
            assert!((found.0 - expected.0).abs() < 1e-6 && (found.1 - expected.1).abs() < 1e-6, "{found:?}");
        };
        close(poisson_interval(0), (0.0, 3.688_879_45));
        close(poisson_interval(5), (1.623_486_39, 11.668_332_09));
    }
}
