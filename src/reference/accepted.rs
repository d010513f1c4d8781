//! A profile from a window that was counted by another one, which it is to follow.
//!
//! Its cells are those of the profile before, so that its counts are the window's own, exactly; unseen
//! names get cells, and PSI's bins end at the window's deciles. What can't be measured well by these cells
//! is refused: a change inside a cell of many values is not seen. How rows hang together is the stream's,
//! and is taken over; a window that has just changed would tell its change as dependence.

use super::by_pane::ByPane;
use super::{EarlySight, FeatureProfile, Half, Halves, Profile, cells};
use crate::sketch::{Basis, Detail, FeatureSketch, Tally};
use crate::words::{Grid, Kind, Name, Pane, SeasonClock};
use std::sync::Arc;

/// A cell of many values may have so much more of the rows than before (a share): a bin of PSI has a
/// tenth in a new reference.
const WIDER_MAX: f64 = 0.1;

/// A pane of a window.
#[derive(Debug, Clone)]
pub struct CountedPane {
    /// The pane.
    pub pane: Pane,
    /// Its features, in the order of the profile's that they were counted by: counts and unseen names.
    pub features: Vec<FeatureSketch>,
    /// Where it stands among the others.
    pub half: Half,
}

/// A window as it was counted by a profile.
#[derive(Debug)]
pub struct CountedWindow {
    /// How panes are cut.
    pub grid: Grid,
    /// All its rows.
    pub rows: u64,
    /// Its features, in the order of the profile's.
    pub features: Vec<FeatureSketch>,
    /// Its panes, ascending.
    pub panes: Vec<CountedPane>,
}

/// A feature of a window that can't be taken for its reference, and why not.
pub type Unfit = (Name, String);

/// The profile of `window`, which `before` has counted, with the halves of each feature; or the features
/// of which later windows could not be measured well by it. Those with fewer valid rows than `min_rows`
/// are among these, where `before` had them. Early sight is off: the order of rows in a pane is not known.
pub fn accepted(
    before: &Profile,
    window: &CountedWindow,
    min_rows: u64,
) -> Result<(Profile, Vec<Halves>), Vec<Unfit>> {
    let (mut features, mut unfit) = (Vec::new(), Vec::new());
    for (at, feature) in before.features().iter().enumerate() {
        match of_feature(feature, at, window, min_rows) {
            Ok(found) => features.push(found),
            Err(why) => unfit.push((feature.name.clone(), why)),
        }
    }
    if !unfit.is_empty() {
        return Err(unfit);
    }
    let (features, halves) = features.into_iter().unzip();
    Ok((Profile::new(window.rows, features), halves))
}

fn of_feature(
    before: &FeatureProfile,
    at: usize,
    window: &CountedWindow,
    min_rows: u64,
) -> Result<(FeatureProfile, Halves), String> {
    let counted = window.features.get(at).ok_or("there are no counts of it")?;
    let valid = counted.tally.valid();
    if valid < min_rows && before.valid() >= min_rows {
        return Err(format!("{valid} of its {} rows have a value", counted.tally.rows()));
    }
    if !counted.knows_unseen() {
        return Err(format!("{} rows in more new categories than are kept", counted.tally.unseen));
    }
    let basis = basis_of(before, counted)?;
    let recount = |sketch: &FeatureSketch| {
        sketch.recounted(&before.basis, &basis).ok_or("its categories can't be counted anew")
    };
    let mut sketch = recount(counted)?;
    check_cells(before, &basis, &sketch.tally)?;
    sketch.detail = match &basis {
        Basis::Ordered(cells) => sketch.detail_of_cells(cells),
        Basis::Categories(_) => Detail::default(),
    };
    let clock = before.season.as_ref().and_then(|season| season.clock());
    let mut halves = Halves::default();
    let mut by_pane = by_pane(clock.as_ref(), window);
    for pane in &window.panes {
        let Some(part) = pane.features.get(at) else { continue };
        let tally = recount(part)?.tally;
        halves.add(&tally, pane.half);
        by_pane.add(pane.pane, tally, basis.cells());
    }
    // All names of the reference and of the window are known: what is new is expected as often as those
    // that were new in the window came once (I. J. Good, Biometrika 40 (1953)).
    let seen = |times: u64| counted.detail.unseen.iter().filter(|(_, rows)| *rows == times).count() as u64;
    let dependence = before.early.as_ref().map_or(1.0, |early| early.dependence);
    let reason = Some("it was made of a window, of which the order of rows was not kept".into());
    let mut profile = FeatureProfile {
        basis: Arc::new(basis),
        sketch,
        singletons: seen(1),
        doubletons: seen(2),
        season: None,
        early: Some(EarlySight { enabled: false, reason, dependence }),
        ..before.clone()
    };
    if let Some(season) = &before.season {
        profile.season = by_pane.season(&profile).filter(|found| !found.is_coarser_than(season));
        if profile.season.is_none() {
            return Err("the window has too little of each hour of its season".into());
        }
    }
    Ok((profile, halves))
}

fn by_pane<'c>(clock: Option<&'c SeasonClock>, window: &CountedWindow) -> ByPane<'c> {
    ByPane::new(clock, Some(window.grid), window.panes.iter().map(|pane| pane.pane))
}

fn basis_of(before: &FeatureProfile, counted: &FeatureSketch) -> Result<Basis, String> {
    Ok(match &*before.basis {
        Basis::Ordered(cells) if before.kind == Kind::Continuous => {
            Basis::Ordered(cells::binned_anew(cells, &counted.tally.cells)?)
        }
        Basis::Categories(categories) if counted.tally.unseen > 0 => {
            Basis::Categories(cells::with_more(categories, &counted.detail.unseen)?)
        }
        same => same.clone(),
    })
}

/// Refuses rows that lie in a cell of many values, and did not before.
fn check_cells(before: &FeatureProfile, basis: &Basis, tally: &Tally) -> Result<(), String> {
    let share = |rows: u64, all: u64| rows as f64 / all.max(1) as f64;
    for (cell, rows) in tally.cells.iter().enumerate() {
        let (is_many, cell_before) = match basis {
            Basis::Ordered(cells) => (!cells.is_atom(cell), cell),
            Basis::Categories(names) => (cell == names.names().len(), before.basis.cells() - 1),
        };
        let now = share(*rows, tally.valid());
        let then =
            before.sketch.tally.cells.get(cell_before).map_or(0.0, |rows| share(*rows, before.valid()));
        if is_many && now - then > WIDER_MAX {
            return Err(format!("{:.1} % of its rows are {}", 100.0 * now, place(basis, cell)));
        }
    }
    Ok(())
}

/// Where the values of a cell lie.
fn place(basis: &Basis, cell: usize) -> String {
    match basis {
        Basis::Categories(_) => "in categories that are counted as one".into(),
        Basis::Ordered(cells) => match (cells.lower(cell).is_finite(), cells.upper(cell).is_finite()) {
            (true, true) => format!("between {} and {}", cells.lower(cell), cells.upper(cell)),
            (true, false) => format!("beyond {}", cells.lower(cell)),
            (false, true) => format!("not beyond {}", cells.upper(cell)),
            (false, false) => "in one cell".into(),
        },
    }
}
