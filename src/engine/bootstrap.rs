//! A version without a reference gets one of its own first rows.
//!
//! Stage 1 gathers values instead of counting them by cells, and the version's owner keeps the panes
//! that close. At the first pane's end by which there are rows enough of time enough, it makes a
//! profile, which holds a lead later; nothing about it depends on when anybody hears of it. Where
//! the rows' halves differ, it waits for the next whole of the shortest time, three times at most.
//!
//! When stage 1 hears of the reference is a matter of the wall clock. So what was gathered in a pane in
//! which it holds already is counted by its cells here, exactly; what can't be is a conflict.

use super::evaluator::{Evaluator, EvaluatorSettings};
use super::made::{MadeReference, compared, half, halves_differ};
use super::model::{Held, SegmentState, VersionState};
use crate::event::is_prediction;
use crate::policy::ModelSettings;
use crate::reference::{
    BuildOptions, FeatureProfile, GatheredPane, GatheredProfile, Origin, Profile, References, profile_of,
};
use crate::sketch::{FeatureSketch, MOST_REFERENCE_CELLS, Tally, category_name};
use crate::window::{ClosedPane, PaneData};
use crate::words::{Name, Pane, Role};
use std::collections::BTreeMap;

/// How often the shortest time may pass until a reference is made, whatever its halves say.
const MOST_SPANS: i64 = 4;
impl EvaluatorSettings {
    /// How many panes a window by `held` keeps: while there is no reference, those that one is made of.
    pub(super) fn kept_panes(&self, of_model: &ModelSettings, held: Option<&Held>) -> u32 {
        let gathers = held.is_none() && of_model.bootstraps();
        let panes = (self.bootstrap.max_duration_ms - 1).div_euclid(self.grid.slide_ms()) + 1;
        if gathers { u32::try_from(panes).unwrap_or(u32::MAX) } else { 0 }
    }
}

/// Merges rows into a pane without a reference. Rows that were counted alone, under settings that do not
/// bootstrap, have no values: beside rows that were gathered they are in conflict with the pane, so that
/// a census has the values of all of its pane's rows.
pub(super) fn merge_gathered(pane: &mut PaneData, mut rows: PaneData) {
    if pane.census.is_empty() != rows.census.is_empty() {
        for alone in [&mut *pane, &mut rows].into_iter().filter(|data| data.census.is_empty()) {
            alone.flow = alone.flow.turned_away();
        }
    }
    pane.merge(&rows);
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
        let Some(model) = self.models.get(name) else { return };
        let of_version = |(version, state): (&Name, &VersionState)| {
            let is_made = self.made.iter().any(|made| made.is_of(name, version));
            if is_made || references.own(name, version).next().is_some() {
                return None;
            }
            let whole = state.segments.get(&Vec::new()).filter(|whole| whole.held.is_none())?;
            make(&settings, of_model, (name, version), whole, pane)
        };
        let made: Vec<MadeReference> = model.versions.iter().filter_map(of_version).collect();
        made.into_iter().for_each(|made| self.put_in_force(made));
    }
}

/// The reference of a version whose rows `whole` has gathered, where it is due at the end of `pane`.
fn make(
    settings: &EvaluatorSettings,
    of_model: &ModelSettings,
    (model, version): (&Name, &Name),
    whole: &SegmentState,
    pane: Pane,
) -> Option<MadeReference> {
    let grid = settings.grid;
    let gathered: Vec<(Pane, &ClosedPane)> =
        whole.window.panes().filter(|(_, data)| !data.census.is_empty()).collect();
    let (start, end) = (grid.start(gathered.first()?.0), grid.end(pane));
    let age_ms = end.since_ms(start);
    let rows: u64 = gathered.iter().map(|(_, data)| data.flow.events).sum();
    let last = gathered.last().filter(|(last, _)| *last == pane).map_or(0, |(_, data)| data.flow.events);
    let now = spans(settings, rows, age_ms);
    if now <= spans(settings, rows - last, age_ms - grid.slide_ms()) {
        return None;
    }
    let panes: Vec<GatheredPane<'_>> = gathered
        .iter()
        .map(|(pane, data)| GatheredPane {
            pane: *pane,
            rows: data.flow.events,
            columns: &data.census,
            half: half(grid, *pane, start.plus_ms(age_ms / 2)),
        })
        .collect();
    let GatheredProfile { profile, halves, left_out } =
        profile_of(&panes, &options(settings, of_model, &panes), settings.max_features);
    let (stable, unstable) = compared(&profile, &halves);
    if profile.features().is_empty() || (stable == Some(false) && now < MOST_SPANS) {
        return None;
    }
    let told = match stable {
        Some(true) => "its halves agree".to_owned(),
        Some(false) => halves_differ(&unstable),
        None => "its halves can't be compared".to_owned(),
    };
    Some(MadeReference {
        start,
        rows,
        left_out,
        stable,
        unstable,
        actor: "driftline".into(),
        reason: format!("made of {rows} rows from {start} to {end}; {told}"),
        ..MadeReference::new(settings, (model, version), end, Origin::Bootstrap, profile)
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
