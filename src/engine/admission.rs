//! Who is monitored where more come than a limit has room for.
//!
//! A name is *new* until a pane that holds its rows has closed; then it stays. Of the new ones the
//! limit keeps those of the earliest pane, and of these the smallest names: a name gives way to
//! those before it whenever they come, so that the order of arrival decides nothing.

use super::Output;
use super::evaluator::Changed;
use super::model::{ModelState, SegmentState, VersionState};
use super::state::StateKey;
use crate::words::{ModelKey, Name, Pane};
use std::collections::BTreeMap;

/// What has panes, and may still be new.
pub(super) trait Newcomer {
    /// The first pane that holds its rows, while no such pane has closed.
    fn new_since(&self) -> Option<Pane>;
}

impl Newcomer for SegmentState {
    fn new_since(&self) -> Option<Pane> {
        self.epoch.is_none().then(|| self.open.keys().next().copied()).flatten()
    }
}

impl Newcomer for VersionState {
    fn new_since(&self) -> Option<Pane> {
        first_of_all(self.segments.values())
    }
}

impl Newcomer for ModelState {
    fn new_since(&self) -> Option<Pane> {
        first_of_all(self.versions.values())
    }
}

/// The first pane of all `parts`, where every one of them is new.
fn first_of_all<'a, S: Newcomer + 'a>(parts: impl Iterator<Item = &'a S>) -> Option<Pane> {
    parts.map(S::new_since).collect::<Option<Vec<_>>>()?.into_iter().min()
}

/// What becomes of a name.
pub(super) enum Admission<K, S> {
    /// There is room.
    Room,
    /// There is room once this one is gone, which comes after it.
    Instead(K, S),
    /// All others come before it.
    Full,
}

/// Looks for room for `name`, whose rows are in `pane`, among `known`, of which at most `most` may be;
/// takes out the one that gives way.
pub(super) fn admit<K: Ord + Clone, S: Newcomer>(
    known: &mut BTreeMap<K, S>,
    most: usize,
    name: &K,
    pane: Pane,
) -> Admission<K, S> {
    if known.len() < most {
        return Admission::Room;
    }
    let newcomers = known.iter().filter_map(|(name, state)| Some((state.new_since()?, name)));
    match newcomers.max() {
        Some(last) if last > (pane, name) => {
            let name = last.1.clone();
            known.remove(&name).map_or(Admission::Full, |state| Admission::Instead(name, state))
        }
        _ => Admission::Full,
    }
}

/// Takes back what the changelog holds of a segment that gave way; how many rows that were.
pub(super) fn dismiss_segment(key: &ModelKey, state: &SegmentState, changed: &mut Changed) -> u64 {
    let saved = state.open.iter().filter(|(_, open)| open.saved);
    changed.gone.extend(saved.map(|(pane, _)| StateKey::Pane(key.clone(), *pane)));
    if let Some(held) = &state.held {
        changed.gone.extend(state.tests.keys(key, &held.profile));
    }
    changed.models.insert(key.model.clone());
    state.open.values().map(|open| open.data.flow.events).sum()
}

/// The same for all segments of a version, of which the one of all traffic has every row.
pub(super) fn dismiss_version(
    model: &Name,
    version: &Name,
    state: &VersionState,
    changed: &mut Changed,
) -> Output {
    let key = |segment: &Vec<Name>| ModelKey {
        model: model.clone(),
        version: version.clone(),
        segment: segment.clone(),
    };
    let rows = state.segments.iter().map(|(segment, state)| dismiss_segment(&key(segment), state, changed));
    Output::Limited { key: key(&Vec::new()), limit: "live_versions", rows: rows.max().unwrap_or(0) }
}
