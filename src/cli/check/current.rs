//! The current data, counted in the reference's cells.

use crate::cli::columns::{ColumnArgs, of_row};
use crate::cli::output::Meter;
use crate::cli::profiles;
use crate::error::{Error, Result};
use crate::files::{self, Row};
use crate::reference::Profile;
use crate::sketch::{Accumulator, FeatureSketch};
use crate::words::Name;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

/// Names of unseen categories that are kept for a feature.
const UNSEEN_KEPT: usize = 1000;

/// What is compared with the reference.
pub(super) struct Current {
    pub rows: u64,
    /// In the order of the reference's features.
    pub sketches: Vec<FeatureSketch>,
    /// Features of the reference that it has no column for.
    pub gone: BTreeSet<Name>,
    /// Columns that the reference does not have.
    pub new: BTreeSet<Name>,
}

/// Reads the file at `path`: rows, or a profile in the same cells.
pub(super) fn load(
    path: &Path,
    rows: Option<Range<u64>>,
    columns: &ColumnArgs,
    reference: &Profile,
) -> Result<Current> {
    if profiles::is_profile(path, columns.input_format)? {
        if rows.is_some() {
            return Err(Error::usage("a profile has no rows to take a part of").at(path.display()));
        }
        return of_profile(&profiles::read(path)?, columns, reference)
            .map_err(|error| error.at(path.display()));
    }
    of_data(path, rows, columns, reference)
}

fn of_data(
    path: &Path,
    rows: Option<Range<u64>>,
    columns: &ColumnArgs,
    reference: &Profile,
) -> Result<Current> {
    let mut table = files::open(path, columns.input_format)?.take(rows.unwrap_or(0..u64::MAX));
    let features = reference.features();
    let mut accumulators: Vec<(Accumulator, u64)> =
        features.iter().map(|f| (Accumulator::new(f.kind, f.basis.clone(), UNSEEN_KEPT), 0)).collect();
    let (mut known, mut new) = (vec![false; features.len()], BTreeSet::new());
    let mut note = |name: &Name| match reference.position(name) {
        Some(at) => known[at] = true,
        None if columns.wants(name) && !new.contains(name) => {
            new.insert(name.clone());
        }
        None => {}
    };
    table.columns().into_iter().flatten().for_each(&mut note);
    let has_header = table.columns().is_some();
    let meter = Meter::new([table.progress()], "reading");
    let (mut row, mut count) = (Row::new(), 0);
    while table.next_row(&mut row)? {
        count += 1;
        for (name, value) in of_row(&row, |name| columns.wants(name)) {
            if !has_header {
                note(name);
            }
            if let Some((accumulator, pushed)) = reference.position(name).map(|at| &mut accumulators[at]) {
                accumulator.push(&value);
                *pushed += 1;
            }
        }
        if count % profiles::ROWS_PER_STEP == 0 {
            meter.set([table.progress()]);
        }
    }
    if count == 0 {
        return Err(Error::input("the current data have no rows").at(path.display()));
    }
    let finished = accumulators.into_iter().map(|(mut accumulator, pushed)| {
        accumulator.push_missing(count - pushed);
        accumulator.finish()
    });
    let sketches = finished.collect();
    let gone = features.iter().zip(&known).filter(|(_, known)| !**known).map(|(f, _)| f.name.clone());
    Ok(Current { rows: count, sketches, gone: gone.collect(), new })
}

fn of_profile(current: &Profile, columns: &ColumnArgs, reference: &Profile) -> Result<Current> {
    let mut gone = BTreeSet::new();
    let mut sketches = Vec::new();
    for feature in reference.features() {
        let found = current.position(&feature.name).map(|at| &current.features()[at]);
        let Some(found) = found else {
            gone.insert(feature.name.clone());
            let mut absent = Accumulator::new(feature.kind, feature.basis.clone(), UNSEEN_KEPT);
            absent.push_missing(current.rows());
            sketches.push(absent.finish());
            continue;
        };
        if found.basis != feature.basis {
            return Err(Error::input(format!(
                "the current profile counts `{}` in other cells than the reference's",
                feature.name
            ))
            .hint("give the current data themselves: --current with a table"));
        }
        sketches.push(found.sketch.clone());
    }
    let names = current.features().iter().map(|feature| &feature.name);
    let new =
        names.filter(|name| columns.selects(name) && reference.position(name).is_none()).cloned().collect();
    Ok(Current { rows: current.rows(), sketches, gone, new })
}
