//! A version without a reference gets one of its own first rows.
//!
//! Stage 1 gathers values instead of counting them by cells, and the version's owner keeps the panes
//! that close. At the first pane's end by which there are rows enough of time enough, it makes a
//! profile, which holds a lead later; nothing about it depends on when anybody hears of it. Where
//! the rows' halves differ, it waits for the next whole of the shortest time, three times at most.
//!
//! When stage 1 hears of the reference is a matter of the wall clock. So what was gathered in a pane in
//! which it holds already is counted by its cells here, exactly; what can't be is a conflict.

use super::Output;
use super::evaluator::{Evaluator, EvaluatorSettings};
use super::model::{Held, OpenPane, SegmentState, VersionState};
use crate::event::is_prediction;
use crate::measure::{Dependence, p_certain};
use crate::policy::ModelSettings;
use crate::reference::{
    Activation, BuildOptions, FeatureProfile, GatheredPane, GatheredProfile, Halves, Origin, Profile,
    ReferenceId, References, Resolved, profile_of,
};
use crate::sketch::{FeatureSketch, MOST_REFERENCE_CELLS, Tally, category_name};
use crate::window::{ClosedPane, PaneData};
use crate::words::{Name, Pane, Role, Time};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Halves that differ by chance, of all that are compared.
const LEVEL: f64 = 0.01;
/// How often the shortest time may pass until a reference is made, whatever its halves say.
const MOST_SPANS: i64 = 4;
const HOUR_MS: i64 = 3_600_000;
/// Version of the form of [`MadeReference`].
const SCHEMA_VERSION: u32 = 1;

/// A reference that was made of a version's first rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MadeReference {
    /// Version of this record's form.
    pub schema_version: u32,
    /// Always `reference_published`.
    pub r#type: &'static str,
    /// End of the last pane that it is made of.
    pub decided_at: Time,
    /// The model.
    pub model: Name,
    /// The version.
    pub version: Name,
    /// Start of the first pane that it is made of.
    pub start: Time,
    /// Rows that it is made of.
    pub rows: u64,
    /// How many features it has.
    pub features: usize,
    /// Columns that it does not have, because their values are too many to be kept.
    pub left_out: Vec<Name>,
    /// Whether its halves agree; null where there is one pane alone, or too few rows to tell.
    pub stable: Option<bool>,
    /// The features whose halves differ.
    pub unstable: Vec<Name>,
    /// The profile's name.
    pub reference_id: ReferenceId,
    /// From when it holds.
    pub effective_from: Time,
    /// Where it comes from.
    pub origin: Origin,
    /// The profile itself.
    #[serde(skip)]
    pub profile: Arc<Profile>,
}

impl MadeReference {
    /// The record that puts it in force, published at this time by the clock.
    pub fn activation(&self, published_at: Time) -> Activation {
        let names: Vec<&str> = self.unstable.iter().map(|name| &**name).collect();
        let halves = match self.stable {
            Some(true) => "its halves agree".to_owned(),
            Some(false) => format!("its halves differ in {}", names.join(", ")),
            None => "its halves can't be compared".to_owned(),
        };
        Activation {
            schema_version: SCHEMA_VERSION,
            r#type: "reference_activation".into(),
            model: self.model.clone(),
            version: self.version.clone(),
            effective_from: self.effective_from,
            reference_id: self.reference_id.clone(),
            origin: self.origin,
            trigger_id: None,
            actor: "driftline".into(),
            reason: Some(format!(
                "made of {} rows from {} to {}; {halves}",
                self.rows, self.start, self.decided_at
            )),
            published_at,
        }
    }
}

/// References that were made here and are not yet read back, by model and version.
pub(super) type Made = BTreeMap<(Name, Name), MadeReference>;

/// The reference that holds for a version at a pane's start: one that was published, or the one that
/// was made here and is under way to the others.
pub(super) fn resolve(
    references: &References,
    made: &Made,
    (model, version): (&Name, &Name),
    start: Time,
    of_model: &ModelSettings,
) -> Option<Held> {
    let published = references.resolve(model, version, start, of_model.inherits());
    let own = made.get(&(model.clone(), version.clone())).filter(|made| made.effective_from <= start);
    let own = own.map(|made| Resolved {
        profile: made.profile.clone(),
        effective_from: made.effective_from,
        origin: made.origin,
        inherited: false,
    });
    published.into_iter().chain(own).max_by_key(|resolved| resolved.effective_from).map(Held::from)
}

impl EvaluatorSettings {
    /// How many panes a window by `held` keeps: while there is no reference, those that one is made of.
    pub(super) fn kept_panes(&self, of_model: &ModelSettings, held: Option<&Held>) -> u32 {
        let gathers = held.is_none() && of_model.bootstraps();
        let panes = (self.bootstrap.max_duration_ms - 1).div_euclid(self.grid.slide_ms()) + 1;
        if gathers { u32::try_from(panes).unwrap_or(u32::MAX) } else { 0 }
    }
}

/// What is left of a closed pane's census: that of all traffic while a reference is to be made of it, with
/// cells as fine as the reference's will be.
pub(super) fn keep_census(data: &mut PaneData, is_kept: bool) {
    if is_kept {
        data.census.values_mut().for_each(|census| census.numbers.fit(MOST_REFERENCE_CELLS));
    } else {
        data.census.clear();
    }
}

/// The rows that were gathered, counted by the reference; `None` where they can't be exactly, or
/// were not gathered at all.
pub(super) fn counted_by(profile: &Profile, data: &PaneData, unseen_cap: usize) -> Option<PaneData> {
    let rows = data.flow.events;
    if data.census.is_empty() && rows > 0 {
        return None;
    }
    let count = |feature: &FeatureProfile| match data.census.get(&feature.name) {
        Some(census) => census.sketch(feature.kind, &feature.basis, rows, unseen_cap),
        None => {
            let (missing, cells) = (rows, vec![0; feature.basis.cells()]);
            let tally = Tally { missing, cells, ..Tally::default() };
            Some(FeatureSketch { tally, ..FeatureSketch::default() })
        }
    };
    let features = profile.features().iter().map(count).collect::<Option<Vec<_>>>()?;
    let mut counted = PaneData { features, census: BTreeMap::new(), ..data.clone() };
    for (name, census) in data.census.iter().filter(|(name, _)| profile.position(name).is_none()) {
        counted.unknown.add(&category_name(name), census.rows());
    }
    Some(counted)
}

impl OpenPane {
    /// Goes on by a reference that was made since, which holds for it.
    fn adopt(&mut self, held: &Held, offset: i64, unseen_cap: usize) {
        self.data = match counted_by(&held.profile, &self.data, unseen_cap) {
            Some(counted) => counted,
            None => {
                let mut flow = self.data.flow;
                (flow.events, flow.conflict) = (0, flow.conflict + flow.events);
                PaneData { flow, ..PaneData::default() }
            }
        };
        self.held = Some(held.clone());
        // Its deltas alone do not tell by what it is counted.
        self.dirty_since.get_or_insert(offset);
        self.must_save = true;
    }
}

/// How far a version has come to a reference: whole spans of the shortest time, or none without rows enough.
fn spans(settings: &EvaluatorSettings, rows: u64, age_ms: i64) -> i64 {
    let bootstrap = &settings.bootstrap;
    match rows >= bootstrap.min_rows {
        true if age_ms >= bootstrap.max_duration_ms => MOST_SPANS,
        true => (age_ms / bootstrap.min_duration_ms.max(1)).min(MOST_SPANS),
        false => 0,
    }
}

impl Evaluator {
    /// Makes references of versions of `name` that have gathered enough by the end of `pane`.
    pub(super) fn end_bootstraps(&mut self, name: &Name, pane: Pane, references: &References) {
        let settings = self.settings.clone();
        let (of_model, _) = settings.model(name);
        if !of_model.bootstraps() {
            return;
        }
        let Some(model) = self.models.get_mut(name) else { return };
        for (version_name, version) in &mut model.versions {
            let key = (name.clone(), version_name.clone());
            let mut own = references.own(name, version_name);
            if self.made.contains_key(&key) || own.next().is_some() {
                continue;
            }
            let whole = version.segments.get(&Vec::new()).filter(|whole| whole.held.is_none());
            let Some(made) = whole.and_then(|whole| make(&settings, of_model, &key, whole, pane)) else {
                continue;
            };
            adopt(&settings, version, &made, self.next_offset);
            self.made.insert(key, made.clone());
            self.outputs.push(Output::Reference(Box::new(made)));
        }
    }

    /// Forgets what was made here and is read back by now.
    pub(super) fn forget_made(&mut self, references: &References) {
        self.made.retain(|(model, version), made| {
            let is = |own: &Activation| {
                (own.effective_from, &own.reference_id) == (made.effective_from, &made.reference_id)
            };
            !references.own(model, version).any(is)
        });
    }
}

/// Puts what is made in force in the panes that are open already.
fn adopt(settings: &EvaluatorSettings, version: &mut VersionState, made: &MadeReference, offset: i64) {
    let from = settings.grid.pane_of(made.effective_from);
    let held = Held::from(Resolved {
        profile: made.profile.clone(),
        effective_from: made.effective_from,
        origin: made.origin,
        inherited: false,
    });
    for segment in version.segments.values_mut() {
        let open = segment.open.range_mut(from..).filter(|(_, open)| open.held.is_none());
        open.for_each(|(_, open)| open.adopt(&held, offset, settings.unseen_cap));
    }
}

/// The reference of a version whose rows `whole` has gathered, where it is due at the end of `pane`.
fn make(
    settings: &EvaluatorSettings,
    of_model: &ModelSettings,
    (model, version): &(Name, Name),
    whole: &SegmentState,
    pane: Pane,
) -> Option<MadeReference> {
    let grid = settings.grid;
    let gathered: Vec<(Pane, &ClosedPane)> =
        whole.window.panes().filter(|(_, data)| data.flow.events > 0).collect();
    let (start, end) = (grid.start(gathered.first()?.0), grid.end(pane));
    let age_ms = end.since_ms(start);
    let rows: u64 = gathered.iter().map(|(_, data)| data.flow.events).sum();
    let last = gathered.last().filter(|(last, _)| *last == pane).map_or(0, |(_, data)| data.flow.events);
    let now = spans(settings, rows, age_ms);
    if now <= spans(settings, rows - last, age_ms - grid.slide_ms()) {
        return None;
    }
    let middle = start.plus_ms(age_ms / 2);
    let panes: Vec<GatheredPane<'_>> = gathered
        .iter()
        .map(|(pane, data)| GatheredPane {
            pane: *pane,
            rows: data.flow.events,
            columns: &data.census,
            is_first: grid.start(*pane) < middle,
            // A pane of an hour or more is even or odd itself.
            is_even: grid.start(*pane).ms().div_euclid(grid.slide_ms().max(HOUR_MS)) % 2 == 0,
        })
        .collect();
    let GatheredProfile { profile, halves, left_out } =
        profile_of(&panes, &options(settings, of_model, &panes), settings.max_features);
    let (stable, unstable) = compared(&profile, &halves);
    if profile.features().is_empty() || (stable == Some(false) && now < MOST_SPANS) {
        return None;
    }
    let first = grid.pane_of(end.plus_ms(settings.lead_ms + grid.slide_ms() - 1));
    Some(MadeReference {
        schema_version: SCHEMA_VERSION,
        r#type: "reference_published",
        decided_at: end,
        model: model.clone(),
        version: version.clone(),
        start,
        rows,
        features: profile.features().len(),
        left_out,
        stable,
        unstable,
        reference_id: profile.id().clone(),
        effective_from: grid.start(first),
        origin: Origin::Bootstrap,
        profile: Arc::new(profile),
    })
}

fn options(
    settings: &EvaluatorSettings,
    of_model: &ModelSettings,
    panes: &[GatheredPane<'_>],
) -> BuildOptions {
    let features = &of_model.features;
    let predictions = panes.iter().flat_map(|pane| pane.columns.keys()).filter(|name| is_prediction(name));
    let mut roles: BTreeMap<Name, Role> = predictions.map(|name| (name.clone(), Role::Prediction)).collect();
    roles.extend(features.iter().filter_map(|(name, feature)| Some((name.clone(), feature.role?))));
    BuildOptions {
        kinds: features.iter().filter_map(|(name, feature)| Some((name.clone(), feature.kind?))).collect(),
        roles,
        grid: Some(settings.grid),
        season: settings.season.clone(),
        ..BuildOptions::default()
    }
}

/// Whether the halves of a profile agree in shape and missing values, and the features in which they do
/// not, at the level that all comparisons share.
fn compared(profile: &Profile, halves: &[Halves]) -> (Option<bool>, Vec<Name>) {
    let mut found: Vec<(&Name, f64)> = Vec::new();
    for (feature, halves) in profile.features().iter().zip(halves) {
        for [one, other] in [&halves.by_time, &halves.by_hour] {
            let sketch = FeatureSketch { tally: one.clone(), ..FeatureSketch::default() };
            let half = FeatureProfile { sketch, ..feature.clone() };
            let [shape, missing, _] = p_certain(&half, other, Dependence::NONE);
            found.extend(shape.into_iter().chain(missing).map(|p| (&feature.name, p)));
        }
    }
    let level = LEVEL / found.len().max(1) as f64;
    let mut unstable: Vec<Name> =
        found.iter().filter(|(_, p)| *p <= level).map(|(name, _)| (*name).clone()).collect();
    unstable.dedup();
    ((!found.is_empty()).then_some(unstable.is_empty()), unstable)
}
