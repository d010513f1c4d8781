//! The test over real columns: streams that nothing happens in, and the same with a change.
//!
//! A directory holds one directory per data set, and that one per shuffle of its rows, with
//! `reference.csv`, `quiet.csv` (the rows that follow) and, for each change, `KIND@ROW.csv`: the same
//! rows with every column changed from the ROW-th on. Columns are judged one by one. Those that a
//! change does not touch are left out of its file.

use driftline::files::{self, Row, Table};
use driftline::measure::sequential::{Pace, Plan, RowTest, SequentialTest};
use driftline::reference::{BuildOptions, Profile, ProfileBuilder};
use serde::Serialize;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows of a look.
const LOOK_ROWS: u64 = 50;

/// What one kind of change, or none, came to.
#[derive(Debug, Default, Serialize)]
struct Tallied {
    kind: String,
    /// Columns and shuffles.
    streams: u64,
    /// Rows without a change.
    quiet_rows: u64,
    /// Alarms in them.
    false_alarms: u64,
    /// Rows from the change to the first alarm at or after it, ascending.
    delays: Vec<u64>,
}

/// Runs over all streams in `directory` at one false alarm in `rows_per_false_alarm` rows a column.
pub fn run(directory: &Path, rows_per_false_alarm: f64) -> Result<(), Box<dyn Error>> {
    let pace = Pace::looks(rows_per_false_alarm / LOOK_ROWS as f64);
    let mut tallied: BTreeMap<String, Tallied> = BTreeMap::new();
    for set in entries(directory)? {
        for shuffle in entries(&set)? {
            let profile = profile(&shuffle.join("reference.csv"))?;
            for stream in entries(&shuffle)?.into_iter().filter(|path| !path.ends_with("reference.csv")) {
                let stem = stream.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let (kind, change) = match stem.split_once('@') {
                    Some((kind, row)) => (kind.to_owned(), Some(row.parse()?)),
                    None => (stem, None),
                };
                let into =
                    tallied.entry(kind.clone()).or_insert_with(|| Tallied { kind, ..Tallied::default() });
                judge(&profile, &stream, change, pace, into)?;
            }
        }
    }
    eprintln!("change       streams  quiet rows  false  found  median     p90");
    for kind in tallied.values_mut() {
        kind.delays.sort_unstable();
        let at = |part: f64| kind.delays.get((kind.delays.len() as f64 * part) as usize);
        let [median, p90] = [at(0.5), at(0.9)].map(|rows| rows.map_or("-".into(), u64::to_string));
        let Tallied { streams, quiet_rows, false_alarms, delays, .. } = &kind;
        eprintln!(
            "{:<12} {streams:>7} {quiet_rows:>11} {false_alarms:>6} {:>6} {median:>7} {p90:>7}",
            kind.kind,
            delays.len()
        );
        super::print(kind)?;
    }
    Ok(())
}

fn judge(
    profile: &Profile,
    path: &Path,
    change: Option<u64>,
    pace: Pace,
    into: &mut Tallied,
) -> Result<(), Box<dyn Error>> {
    let mut table: Table = files::open(path, None)?;
    let mut tests: BTreeMap<usize, (RowTest, bool)> = BTreeMap::new();
    let (mut row, mut rows) = (Row::new(), 0);
    while table.next_row(&mut row)? {
        for (name, value) in &row.fields {
            let Some(at) = profile.position(name) else { continue };
            let feature = &profile.features()[at];
            let new = || {
                let test = SequentialTest::new(Arc::new(Plan::new(feature, 1.0)), pace);
                (RowTest::new(test, feature), false)
            };
            tests.entry(at).or_insert_with(new).0.push(value);
        }
        rows += 1;
        if rows % LOOK_ROWS > 0 {
            continue;
        }
        for (at, (test, found)) in &mut tests {
            let Some(alarm) = test.end_look() else { continue };
            match change {
                Some(change) if rows > change => {
                    if !std::mem::replace(found, true) {
                        into.delays.push(rows - change);
                    }
                }
                _ => {
                    into.false_alarms += 1;
                    let feature = &profile.features()[*at].name;
                    eprintln!("{}: {feature}, row {rows}: {:?}", path.display(), alarm.change);
                }
            }
        }
    }
    into.streams += tests.len() as u64;
    into.quiet_rows += change.unwrap_or(rows) * tests.len() as u64;
    for (at, _) in tests.iter().filter(|(_, (_, found))| change.is_some() && !found) {
        eprintln!("{}: {} missed", path.display(), profile.features()[*at].name);
    }
    Ok(())
}

fn profile(path: &Path) -> Result<Profile, Box<dyn Error>> {
    let mut table = files::open(path, None)?;
    let mut builder = ProfileBuilder::new(BuildOptions::default());
    let mut row = Row::new();
    while table.next_row(&mut row)? {
        builder.push(row.fields.iter().map(|(name, value)| (name, value)));
    }
    Ok(builder.finish()?)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let entries = std::fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path()));
    let mut entries: Vec<PathBuf> = entries.collect::<Result<_, _>>()?;
    entries.sort();
    Ok(entries)
}
