//! Early sight in stage 2: the sequential tests of a segment, look by look.
//!
//! Looks are taken when the watermark passes their end, in order, and between two window ends: what
//! is tested, against which reference and at which pace, changes only where a pane closes. So a
//! state that was saved at some look comes back by taking the looks since again, and what they told
//! is not told twice.

use super::Output;
use super::evaluator::{Evaluator, EvaluatorSettings};
use super::judging::model_step;
use super::model::{ModelState, SegmentState};
use super::state::{SequentialRecord, StateKey};
use crate::measure::sequential::{Alarm, Pace, Plan, SequentialState, SequentialTest, Support};
use crate::policy::record::Category;
use crate::policy::{EarlyFinding, IncidentBook, ModelSettings};
use crate::reference::{FeatureProfile, Origin, Profile};
use crate::window::LookTally;
use crate::words::{Grid, ModelKey, Name, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How a feature of a reference is tested.
pub(super) fn plan(feature: &FeatureProfile) -> Arc<Plan> {
    Arc::new(Plan::of(feature))
}

/// The tests of a segment's features, by their place in its reference.
#[derive(Debug, Clone, Default)]
pub(super) struct Tests {
    running: BTreeMap<usize, Running>,
    /// The last look that is in the states as they were saved.
    pub saved_through: Option<i64>,
}

#[derive(Debug, Clone)]
struct Running {
    test: SequentialTest,
    state: SequentialState,
    pace: Pace,
    /// Whether the changelog does not hold the state as it is.
    is_dirty: bool,
}

impl Tests {
    /// Goes on with the tests of these features at this pace, begins those that are new, and returns
    /// the places of those that end.
    fn renew(&mut self, features: &[usize], plans: &[Arc<Plan>], pace: Pace) -> Vec<usize> {
        let mut before = std::mem::take(&mut self.running);
        for at in features {
            let new = |state, is_dirty| Running {
                test: SequentialTest::new(plans[*at].clone(), pace),
                state,
                pace,
                is_dirty,
            };
            let running = match before.remove(at) {
                Some(running) if running.pace == pace => running,
                Some(running) => new(running.state, running.is_dirty),
                None => new(SequentialState::default(), true),
            };
            self.running.insert(*at, running);
        }
        before.into_keys().collect()
    }

    /// Goes on with a state that was saved, unless it is of another plan.
    pub fn restore(&mut self, at: usize, plan: &Arc<Plan>, pace: Pace, record: SequentialRecord) {
        let test = SequentialTest::new(plan.clone(), pace);
        if test.fits(&record.state) {
            self.saved_through = self.saved_through.max(Some(record.through));
            self.running.insert(at, Running { test, state: record.state, pace, is_dirty: false });
        }
    }

    /// Takes the counts of a look, by feature; the alarms, by feature.
    fn step(&mut self, look: i64, counts: &LookTally) -> Vec<(usize, Alarm)> {
        let mut alarms = Vec::new();
        for (at, running) in &mut self.running {
            let Some(counts) = counts.get(*at).filter(|counts| !counts.is_empty()) else { continue };
            let mut counts = counts.clone();
            counts.resize(running.test.plan().cells().len(), 0);
            running.is_dirty = true;
            let alarm = running.test.step(&mut running.state, look, &counts);
            alarms.extend(alarm.map(|alarm| (*at, alarm)));
        }
        alarms
    }

    /// From what change on the test of the feature in place `at` would tell.
    pub fn support(&self, at: usize) -> Option<Support> {
        self.running.get(&at).map(|running| running.test.plan().support(running.pace))
    }

    /// How many run.
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// The states that changed since they were saved, as of the look `through`.
    pub fn take_changes(&mut self, through: i64) -> Vec<(usize, SequentialRecord)> {
        let take = |(at, running): (&usize, &mut Running)| {
            let is_dirty = std::mem::take(&mut running.is_dirty);
            is_dirty.then(|| (*at, SequentialRecord { through, state: running.state.clone() }))
        };
        self.running.iter_mut().filter_map(take).collect()
    }

    /// The keys of all states in the changelog, for a segment that ends.
    pub fn keys(&self, key: &ModelKey, profile: &Profile) -> Vec<StateKey> {
        self.running.keys().map(|at| state_key(key, profile, *at)).collect()
    }
}

/// The key of the state of the feature in place `at`.
pub(super) fn state_key(key: &ModelKey, profile: &Profile, at: usize) -> StateKey {
    StateKey::Sequential(key.clone(), profile.features()[at].name.clone())
}

/// The pace of each of `tests` tests of a model, which share half of its budget.
pub(super) fn pace(of_model: &ModelSettings, grid: Grid, tests: u64) -> Pace {
    let budget = of_model.policy.budget;
    Pace::shared(budget.false_events / 2.0, budget.per_ms, grid.look_ms(), tests)
}

impl SegmentState {
    /// Takes the counts of a look out of its open pane, where they are the reference's that is in force:
    /// in the first pane of another one nothing is tested yet.
    fn take_look(&mut self, look: i64, grid: Grid) -> Option<LookTally> {
        let open = self.open.get_mut(&grid.pane_of(grid.look_start(look)))?;
        let counts = open.data.looks.remove(&look)?;
        let of = |held: &Option<super::model::Held>| held.as_ref().map(|held| held.info.id.clone());
        (of(&open.held) == of(&self.held)).then_some(counts)
    }
}

impl Evaluator {
    /// Renews the tests of `name`, of which `judgeable` says which features could be judged in the
    /// windows that closed last, by version and segment.
    pub(super) fn renew_tests(&mut self, name: &Name, judgeable: &BTreeMap<(Name, Vec<Name>), Vec<usize>>) {
        let settings = self.settings.clone();
        let (of_model, _) = settings.model(name);
        let Some(model) = self.models.get_mut(name) else { return };
        let mut wanted: BTreeMap<(&Name, &Vec<Name>), Vec<usize>> = BTreeMap::new();
        for ((version, segment), features) in judgeable {
            let state = model.versions.get(version).and_then(|version| version.segments.get(segment));
            let Some(held) = state.and_then(|state| state.held.as_ref()) else { continue };
            // What was counted otherwise before stage 1 knew of it has no looks.
            let has_looks = !matches!(held.info.origin, Origin::Bootstrap | Origin::AcceptedWindow);
            let is_on =
                |at: &&usize| has_looks && of_model.policy.early.is_on(&held.profile.features()[**at]);
            wanted.insert((version, segment), features.iter().filter(is_on).copied().collect());
        }
        model.tests = wanted.values().map(|features| features.len() as u64).sum();
        let pace = pace(of_model, settings.grid, model.tests);
        for (version_name, version) in &mut model.versions {
            for (segment, state) in &mut version.segments {
                let features = wanted.remove(&(version_name, segment)).unwrap_or_default();
                if features.is_empty() && state.tests.len() == 0 {
                    continue;
                }
                let Some(held) = &state.held else { continue };
                let key =
                    ModelKey { model: name.clone(), version: version_name.clone(), segment: segment.clone() };
                let ended = state.tests.renew(&features, &self.plans.of(&held.profile, plan), pace);
                self.changed.gone.extend(ended.into_iter().map(|at| state_key(&key, &held.profile, at)));
            }
        }
    }

    /// Takes the looks of a model up to and with `last`, in order, and tells what their alarms open.
    pub(super) fn look_through(&mut self, name: &Name, last: i64) {
        let settings = self.settings.clone();
        let Some(model) = self.models.get_mut(name) else { return };
        let told = model.looked_through.replace(model.looked_through.map_or(last, |told| told.max(last)));
        let pending: BTreeSet<i64> = model
            .versions
            .values()
            .flat_map(|version| version.segments.values())
            .flat_map(|segment| segment.open.values())
            .flat_map(|open| open.data.looks.range(..=last).map(|(look, _)| *look))
            .collect();
        for look in pending {
            let alarms = step_all(model, look, settings.grid);
            // Those before were told, before the state was restored.
            if told.is_none_or(|told| look > told) && !alarms.is_empty() {
                self.changed.models.insert(name.clone());
                tell(&settings, name, model, look, alarms, &mut self.outputs);
            }
        }
    }
}

type Alarms = Vec<(Name, Vec<Name>, Vec<(usize, Alarm)>)>;

/// Steps the tests of all segments over a look; the alarms by version and segment.
fn step_all(model: &mut ModelState, look: i64, grid: Grid) -> Alarms {
    let mut all = Vec::new();
    for (version_name, version) in &mut model.versions {
        for (segment, state) in &mut version.segments {
            let Some(counts) = state.take_look(look, grid) else { continue };
            let alarms = state.tests.step(look, &counts);
            if !alarms.is_empty() {
                all.push((version_name.clone(), segment.clone(), alarms));
            }
        }
    }
    all
}

/// Opens incidents for the alarms of a look, and tells them.
fn tell(
    settings: &EvaluatorSettings,
    name: &Name,
    model: &mut ModelState,
    look: i64,
    alarms: Alarms,
    outputs: &mut Vec<Output>,
) {
    let grid = settings.grid;
    for (version_name, segment, alarms) in alarms {
        let Some(version) = model.versions.get_mut(&version_name) else { continue };
        let whole = version.segments.get(&Vec::new()).map(|whole| whole.book.clone());
        let whole = whole.filter(|_| !segment.is_empty());
        let Some(state) = version.segments.get_mut(&segment) else { continue };
        let Some(held) = state.held.clone() else { continue };
        let key = ModelKey { model: name.clone(), version: version_name, segment };
        let step = model_step(settings, &key, &held.info, &model.desk.mutes, grid.look_end(look));
        let find = |(at, alarm): (usize, Alarm)| {
            let feature = &held.profile.features()[at];
            EarlyFinding {
                feature: feature.name.clone(),
                role: step.settings.feature(&feature.name).role.unwrap_or(feature.role),
                kind: feature.kind,
                category: Category::of(alarm.question),
                onset: grid.look_start(alarm.onset),
                what: state.tests.describe(at, &alarm, &held.profile),
            }
        };
        let found: Vec<EarlyFinding> = alarms.into_iter().map(find).collect();
        let covered = |feature: &Name, category: Category| {
            whole.as_ref().is_some_and(|book: &IncidentBook| book.is_open(feature, category))
        };
        let events = state.book.step_early(&step, &found, covered, &mut model.limit);
        outputs.extend(events.into_iter().map(|event| Output::Event(Box::new(event))));
    }
}

impl Tests {
    fn describe(&self, at: usize, alarm: &Alarm, profile: &Profile) -> String {
        let running = self.running.get(&at);
        let describe =
            |running: &Running| running.test.plan().describe(alarm.change, &profile.features()[at].basis);
        running.map(describe).unwrap_or_default()
    }
}

/// The last look that ends by `watermark`.
pub(super) fn last_look(watermark: Time, grid: Grid) -> i64 {
    grid.look_of(watermark) - 1
}
