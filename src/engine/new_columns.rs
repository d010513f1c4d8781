//! Columns that the reference does not have and that came since a window began.
//!
//! As with a feature that is gone, chance is left no room: at the rate at which rows have the column now,
//! many of those before should have had it, and none had. A window of a single pane has nothing before.

use super::Output;
use super::evaluator::EvaluatorSettings;
use super::judging::{model_step, window_info};
use super::model::{ModelState, SegmentState};
use crate::measure::MIN_ROWS;
use crate::policy::record::{Suffix, WindowState};
use crate::policy::{NewColumn, Step};
use crate::reference::Profile;
use crate::sketch::Unseen;
use crate::words::{Grid, ModelKey, Name, Pane};
use std::collections::BTreeSet;

/// Judges the columns of the windows of all traffic that end with `pane`, one of each version.
pub(super) fn judge_new_columns(
    settings: &EvaluatorSettings,
    name: &Name,
    model: &mut ModelState,
    pane: Pane,
    outputs: &mut Vec<Output>,
) {
    let of_model = settings.model(name).0;
    let ModelState { versions, limit, desk, .. } = model;
    for (version, state) in versions {
        let Some(state) = state.segments.get_mut(&Vec::new()) else { continue };
        let Some(held) = state.held.clone().filter(|_| !state.is_blank()) else { continue };
        let (panes, window) = window_info(settings, of_model, state, pane);
        let is_judged = window.state != WindowState::Insufficient;
        let columns = columns(state, &held.profile, settings.grid, panes, is_judged);
        let key = ModelKey::whole(name.clone(), version.clone());
        let step = model_step(settings, &key, &held.info, &desk.mutes, settings.grid.end(pane));
        let step = Step { window: Some(window), ..step };
        let events = state.book.step_new_columns(&step, &columns, limit);
        outputs.extend(events.into_iter().map(|event| Output::Event(Box::new(event))));
    }
}

/// What the last `panes` panes say of each column that the profile does not have: of those that the last
/// one has, and of those with an open incident. `None`: nothing.
fn columns(
    state: &SegmentState,
    profile: &Profile,
    grid: Grid,
    panes: u32,
    is_judged: bool,
) -> Vec<(Name, Option<NewColumn>)> {
    let last = state.window.unknown(1);
    let open = state.book.new_columns(|name| profile.position(name).is_some());
    let all: BTreeSet<&Name> = last.iter().map(|(name, _)| name).chain(open).collect();
    if all.is_empty() {
        return Vec::new();
    }
    let (late, whole) = (state.window.unknown(panes / 2), state.window.unknown(panes));
    let unknown = Unknown { last: &last, late, whole };
    let judged = |name| is_judged.then(|| column(state, grid, panes, &unknown, name)).flatten();
    all.into_iter().map(|name| (name.clone(), judged(name))).collect()
}

/// Names of columns that the reference does not have, with their rows.
struct Unknown<'a> {
    /// In the last pane.
    last: &'a Unseen,
    /// In the later half of the window.
    late: Unseen,
    /// In all of it.
    whole: Unseen,
}

fn column(
    state: &SegmentState,
    grid: Grid,
    panes: u32,
    unknown: &Unknown<'_>,
    name: &Name,
) -> Option<NewColumn> {
    let end = state.window.last()?;
    let first_of = |panes: u32| Pane(end.0 + 1 - i64::from(panes));
    let events = |panes: u32| -> u64 {
        let inside = state.window.panes().filter(|(pane, _)| *pane >= first_of(panes));
        inside.map(|(_, closed)| closed.flow.events).sum()
    };
    let rows_in = |unknown: &Unseen| unknown.iter().find(|(known, _)| *known == name).map(|(_, rows)| rows);
    if events(1) < MIN_ROWS {
        return None;
    }
    let no_news = |rows| NewColumn { name: name.clone(), since: None, rows };
    let Some(rows) = rows_in(unknown.last) else {
        // Where no more names are kept it may be there all the same.
        let is_gone = unknown.last.iter().count() < unknown.last.cap();
        return is_gone.then(|| no_news(0));
    };
    let all = Some(rows_in(&unknown.whole)?);
    // Where most of the window has it, a pane without it is what leaves the window, not what was before.
    if rows_in(&unknown.late) != all {
        return Some(no_news(rows));
    }
    // A name that is kept of all panes was kept of each, so its rows only grow with their number.
    let lengths: Vec<u32> = (1..=panes / 2).collect();
    let at = lengths.partition_point(|panes| rows_in(&state.window.unknown(*panes)) < all);
    let since = *lengths.get(at)?;
    let before = events(panes) - events(since);
    let is_new = rows >= MIN_ROWS && before as f64 * rows as f64 / events(1) as f64 >= MIN_ROWS as f64;
    let suffix = Suffix { panes: since, start: grid.start(first_of(since)), rows: events(since) };
    Some(NewColumn { name: name.clone(), since: is_new.then_some(suffix), rows })
}
