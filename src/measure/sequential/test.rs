//! The test itself: wagers on every change that grow while it pays, and an alarm when together they
//! have earned what a false alarm costs.

use super::alternatives::{Alternative, Change};
use super::nats::{NOTHING, exp, fixed, kept, ln_sum};
use super::plan::Plan;
use crate::words::Question;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The evidence that an alarm wants, in nats, is held within these bounds where costs are set.
const EVIDENCE: [f64; 2] = [10.0, 30.0];
/// A bet is on where the reference's error takes at most this part of its gain.
const MOST_ERROR: f64 = 0.25;

/// How often a test may raise a false alarm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// ln(looks between two false alarms).
    patience: f64,
}

impl Pace {
    /// One false alarm in so many looks is expected at most: T/look, both in event time. Held to at
    /// least 1.
    pub fn looks(between_false_alarms: f64) -> Self {
        Pace { patience: between_false_alarms.max(1.0).ln() }
    }

    /// That of one of `tests` tests that share a budget of `false_events` in `per_ms` with looks of
    /// `look_ms`; times in milliseconds of event time.
    pub fn shared(false_events: f64, per_ms: i64, look_ms: i64, tests: u64) -> Self {
        Pace::looks(per_ms as f64 / look_ms as f64 * tests.max(1) as f64 / false_events)
    }

    /// A: the evidence that an alarm wants, in nats, where costs are set by it; 10 to 30.
    pub fn evidence(self) -> f64 {
        self.patience.clamp(EVIDENCE[0], EVIDENCE[1])
    }
}

/// What a feature's test knows between two steps. Whole numbers: it comes back from a record bit for
/// bit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SequentialState {
    /// The last look with rows, by its number on the grid of the Unix epoch.
    pub look: Option<i64>,
    /// Logarithm of the wager on each change of the plan, in steps of 2^-20 nats; empty: none yet.
    pub wagers: Vec<i32>,
    /// The mean age of each wager's parts in looks: parts are laid at every look, and those that
    /// were laid when the change began weigh most.
    pub ages: Vec<u32>,
}

/// A false-alarm rate was passed: something changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alarm {
    /// The change that weighs most.
    pub change: Change,
    /// What it is a change of.
    pub question: Question,
    /// The look that it seems to have begun in: the mean over the parts of its wager, which stand to
    /// each other as the chances that it began then (cf. A. N. Shiryaev, On optimum methods in
    /// quickest detection problems, Th. Prob. Appl. 8 (1963)).
    pub onset: i64,
    /// The part of all wagers that is on it, 0 to 1.
    pub weight: f64,
}

/// The sequential test of one feature against one reference, at a pace.
///
/// With counts c of g rows, wagers are R_j ← (R_j + w_j/T)·exp((Σ c_b s_jb - g π_j)/d), T in looks;
/// an alarm when Σ R_j ≥ 1, and all start anew. For independent rows and known shares each factor
/// has a mean of one, so Σ R_j - looks/T is a martingale and at most elapsed/T false alarms are
/// expected in any stretch, however rows are grouped (J. Shin, A. Ramdas, A. Rinaldo, E-detectors: a
/// nonparametric framework for sequential change detection, New Engl. J. Stat. Data Sci. 2 (2024)).
/// π_j keeps that true on average over references; d makes it approximate for dependent rows.
#[derive(Debug, Clone)]
pub struct SequentialTest {
    plan: Arc<Plan>,
    stakes: Vec<Option<Stake>>,
}

/// What a bet lays and what it is charged.
#[derive(Debug, Clone, Copy)]
struct Stake {
    /// ln(w/T), in steps.
    credit: i64,
    /// π: nats a row.
    charge: f64,
}

impl SequentialTest {
    /// The test of `plan` at `pace`. Weights: half on changes of ordered values, half on those of one
    /// cell; within each half in proportion to 1/√gain, which lies between equal chances and the
    /// least sum of delays (1/gain), as large changes are found in a look or two whatever they weigh.
    pub fn new(plan: Arc<Plan>, pace: Pace) -> Self {
        let (bets, evidence) = (plan.alternatives(), pace.evidence());
        let lots: Vec<f64> =
            bets.iter().map(|bet| if is_on(bet, pace) { bet.gain.sqrt().recip() } else { 0.0 }).collect();
        let sums = [false, true].map(|of_values| {
            let of_kind = bets.iter().zip(&lots).filter(|(bet, _)| bet.is_of_values() == of_values);
            of_kind.map(|(_, lot)| lot).sum::<f64>()
        });
        let kinds = sums.iter().filter(|sum| **sum > 0.0).count() as f64;
        let stake = |bet: &Alternative, lot: f64| Stake {
            credit: fixed((lot / sums[usize::from(bet.is_of_values())] / kinds).ln() - pace.patience),
            charge: evidence * bet.error,
        };
        let stakes =
            bets.iter().zip(&lots).map(|(bet, lot)| (*lot > 0.0).then(|| stake(bet, *lot))).collect();
        SequentialTest { plan, stakes }
    }

    /// What it tests.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether `state` can be one of this test's.
    pub fn fits(&self, state: &SequentialState) -> bool {
        let count = state.wagers.len();
        (count == 0 || count == self.stakes.len()) && state.ages.len() == count
    }

    /// Takes the counts of one look by coarse cell, fewer than 2^36 rows; looks come in order, and
    /// those without rows may be left out. After an alarm the state starts anew.
    ///
    /// # Panics
    /// If the state or the counts are those of another plan.
    pub fn step(&self, state: &mut SequentialState, look: i64, counts: &[u64]) -> Option<Alarm> {
        assert_eq!(counts.len(), self.plan.cells().len(), "counts of another reference");
        let rows: u64 = counts.iter().sum();
        if rows == 0 {
            return None;
        }
        if state.wagers.is_empty() {
            state.start(self.stakes.len());
        }
        assert_eq!(state.wagers.len(), self.stakes.len(), "a state of another reference");
        let elapsed = state.look.map_or(1, |last| look - last).max(1);
        state.look = Some(look);
        let passed = fixed((elapsed as f64).ln());
        for (at, (bet, stake)) in self.plan.alternatives().iter().zip(&self.stakes).enumerate() {
            let (wager, age) = (&mut state.wagers[at], &mut state.ages[at]);
            let Some(stake) = stake else {
                (*wager, *age) = (NOTHING, 0);
                continue;
            };
            let held = i64::from(*wager);
            let sum = ln_sum(held, stake.credit + passed);
            let share = exp(held - sum);
            // Saturates, as casts from floats do.
            *age = (share * (f64::from(*age) + elapsed as f64) + (1.0 - share)).round() as u32;
            let pay = bet.score(counts, rows) - fixed(rows as f64 * stake.charge);
            *wager = kept(sum + (pay as f64 / self.plan.dependence()).round() as i64);
        }
        self.alarm(state)
    }

    fn alarm(&self, state: &mut SequentialState) -> Option<Alarm> {
        // The first of equals.
        let (at, most) = state.wagers.iter().enumerate().rev().max_by_key(|(_, wager)| **wager)?;
        let most = i64::from(*most);
        let all: f64 = state.wagers.iter().map(|wager| exp(i64::from(*wager) - most)).sum();
        if most + fixed(all.ln()) < 0 {
            return None;
        }
        let change = self.plan.alternatives()[at].change;
        let alarm = Alarm {
            change,
            question: self.plan.question(change),
            onset: state.look? - i64::from(state.ages[at].max(1)) + 1,
            weight: all.recip(),
        };
        state.start(self.stakes.len());
        Some(alarm)
    }
}

impl SequentialState {
    fn start(&mut self, bets: usize) {
        self.wagers = vec![NOTHING; bets];
        self.ages = vec![0; bets];
    }
}

/// Whether the reference has rows enough for a bet at a pace.
pub(super) fn is_on(bet: &Alternative, pace: Pace) -> bool {
    pace.evidence() * bet.error <= MOST_ERROR * bet.gain
}
