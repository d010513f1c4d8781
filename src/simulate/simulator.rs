//! The stream that follows from a scenario and a seed.

use super::catalogue::{FEATURES, Feature, Shape, TERMS, Traits, score};
use super::dice::{Dice, cumulated, pick, rounded};
use super::drift::{Usual, apply};
use super::{Scenario, SimulatedEvent};
use crate::error::Result;
use crate::event::Value;
use crate::words::{Name, Time};
use std::borrow::Cow;

/// Rows that the mean and the deviation of the undrifted features are taken from.
const USUAL_ROWS: usize = 4096;

// The streams of random numbers. Drift `k` of the schedule has the stream `DRIFTS + k`.
const EVENTS: u64 = 0;
const REFERENCE: u64 = 1;
const USUAL: u64 = 2;
const DRIFTS: u64 = 16;

/// An iterator over the events of a scenario, in the order of publishing.
#[derive(Debug, Clone)]
pub struct Simulator {
    scenario: Scenario,
    seed: u64,
    names: Vec<Name>,
    usual: Vec<Usual>,
    /// Cumulated shares of the versions.
    versions: Vec<f64>,
    /// Positions of the features that the terms of the model look at.
    terms: Vec<usize>,
    /// Position of each drift's feature, and its dice.
    drifts: Vec<(usize, Dice)>,
    dice: Dice,
    next: u64,
}

impl Simulator {
    /// The stream of `scenario` for `seed`.
    ///
    /// # Errors
    /// `Config`, where the scenario can't be simulated: a rate or share that is not positive, an
    /// unknown feature, a drift that can't happen to its feature.
    pub fn new(scenario: Scenario, seed: u64) -> Result<Simulator> {
        scenario.check()?;
        let position = |name: &str| FEATURES.iter().position(|feature| feature.name == name).unwrap_or(0);
        let drifts = scenario.drifts.iter().zip(DRIFTS..);
        let drifts =
            drifts.map(|(drift, stream)| (position(&drift.feature), Dice::new(seed, stream))).collect();
        Ok(Simulator {
            seed,
            names: FEATURES.iter().map(|feature| Name::from(feature.name)).collect(),
            usual: usual(Dice::new(seed, USUAL)),
            versions: cumulated(&scenario.versions.iter().map(|version| version.share).collect::<Vec<_>>()),
            terms: TERMS.iter().map(|term| position(term.feature)).collect(),
            drifts,
            dice: Dice::new(seed, EVENTS),
            next: 0,
            scenario,
        })
    }

    /// What is simulated.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// `rows` events without any drift, from before the stream's start: what a reference is built
    /// of. The same on each call.
    pub fn reference_rows(&self, rows: u64) -> impl Iterator<Item = SimulatedEvent> + use<'_> {
        let mut dice = Dice::new(self.seed, REFERENCE);
        (0..rows).map(move |number| {
            let before = ((rows - number) as f64 * 1000.0 / self.scenario.rate).ceil() as i64;
            let version = pick(&self.versions, dice.uniform());
            let values = draw(&self.usual, &mut dice);
            self.event(number, version, self.scenario.start.plus_ms(-before), values)
        })
    }

    /// The event of the version at the place `version`, scored.
    fn event(&self, number: u64, version: usize, time: Time, values: Vec<Value<'static>>) -> SimulatedEvent {
        let prediction = rounded(score(self.terms.iter().map(|term| &values[*term])), 6);
        let features: Vec<_> = self.names.iter().cloned().zip(values).collect();
        let country = features.iter().find(|(name, _)| &**name == "country");
        let country = match country.map(|(_, value)| value) {
            Some(Value::Text(country)) => Some(country.clone()),
            _ => None,
        };
        SimulatedEvent {
            number,
            model: self.scenario.model.clone(),
            version: self.scenario.versions[version].name.clone(),
            time,
            features,
            prediction,
            country,
        }
    }
}

impl Iterator for Simulator {
    type Item = SimulatedEvent;

    fn next(&mut self) -> Option<SimulatedEvent> {
        let ms = (self.next as f64 * 1000.0 / self.scenario.rate) as i64;
        if self.scenario.duration_ms.is_some_and(|duration| ms >= duration) {
            return None;
        }
        let number = self.next;
        self.next += 1;
        let late = (self.dice.uniform() * self.scenario.disorder_ms as f64) as i64;
        // Earlier than its turn, but not before the start.
        let ms = (ms - late).max(0);
        let version = pick(&self.versions, self.dice.uniform());
        let mut values = draw(&self.usual, &mut self.dice);
        for (drift, (feature, dice)) in self.scenario.drifts.iter().zip(&mut self.drifts) {
            let strength = drift.strength(ms);
            if strength > 0.0 && drift.concerns(&self.scenario.versions[version].name) {
                let usual = &self.usual[*feature];
                apply(&drift.change, strength, &FEATURES[*feature], usual, &mut values[*feature], dice);
            }
        }
        Some(self.event(number, version, self.scenario.start.plus_ms(ms), values))
    }
}

/// The values of one event without drift.
fn draw(usual: &[Usual], dice: &mut Dice) -> Vec<Value<'static>> {
    let traits = Traits::draw(dice);
    FEATURES.iter().zip(usual).map(|(feature, usual)| draw_one(feature, usual, &traits, dice)).collect()
}

fn draw_one(feature: &Feature, usual: &Usual, traits: &Traits, dice: &mut Dice) -> Value<'static> {
    let value = match &feature.shape {
        Shape::Number { decimals, min, max, draw } => {
            Value::Number(rounded(draw(traits, dice), *decimals).clamp(*min, *max))
        }
        Shape::Count { min, max, draw } => Value::Number(draw(traits, dice).floor().clamp(*min, *max)),
        Shape::Category { names, .. } => {
            Value::Text(Cow::Borrowed(names[pick(&usual.cumulated, dice.uniform())]))
        }
        Shape::Boolean { share } => Value::Bool(dice.chance(*share)),
    };
    let is_missing = feature.missing > 0.0 && dice.chance(feature.missing);
    if is_missing { Value::Missing } else { value }
}

/// What each feature is like without drift.
fn usual(mut dice: Dice) -> Vec<Usual> {
    let mut usual: Vec<Usual> = FEATURES
        .iter()
        .map(|feature| match &feature.shape {
            Shape::Category { names, shares } => {
                Usual { cumulated: shares.cumulated(names.len()), ..Usual::default() }
            }
            _ => Usual::default(),
        })
        .collect();
    let rows: Vec<_> = (0..USUAL_ROWS).map(|_| draw(&usual, &mut dice)).collect();
    for (column, usual) in usual.iter_mut().enumerate() {
        let numbers = || {
            rows.iter().filter_map(|row| match row[column] {
                Value::Number(number) => Some(number),
                _ => None,
            })
        };
        let count = numbers().count().max(1) as f64;
        usual.mean = numbers().sum::<f64>() / count;
        usual.sigma = (numbers().map(|x| (x - usual.mean).powi(2)).sum::<f64>() / count).sqrt();
    }
    usual
}
