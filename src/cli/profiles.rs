//! Profiles from files: a profile's own JSON, or data that a profile is built of.

use super::columns::ColumnArgs;
use super::output::Meter;
use crate::config::WindowConfig;
use crate::error::{Error, Result};
use crate::files::{self, Format, Row};
use crate::measure::sequential::tried;
use crate::policy::ModelSettings;
use crate::reference::{BuildOptions, Profile, ProfileBuilder, ProfileRecord};
use crate::words::{Grid, SeasonClock};
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

/// Rows between two moves of the progress bar.
pub(super) const ROWS_PER_STEP: u64 = 4096;
/// How far into a file its first record is looked for.
const LOOK_INTO_BYTES: u64 = 4096;
/// What the JSON of a profile says of itself, spaces left out.
const MARK: &str = "\"type\":\"reference_profile\"";

/// The profile at `path`: read where the file holds one, else built of the file's rows, and calibrated
/// for windows as `window` cuts them where they have times. `--columns` and `--ignore` narrow both.
pub(super) fn load(
    path: &Path,
    rows: Option<Range<u64>>,
    columns: &ColumnArgs,
    model: Option<&ModelSettings>,
    window: Option<&WindowConfig>,
) -> Result<Profile> {
    if !is_profile(path, columns.input_format)? {
        let (grid, season) = (window.map(|window| window.grid), window.and_then(|w| w.season.clone()));
        return build(path, rows, columns, model, Times { grid, season, are_needed: false });
    }
    if rows.is_some() {
        return Err(Error::usage("a profile has no rows to take a part of").at(path.display()));
    }
    if let Some((name, _)) = columns.kinds.first() {
        return Err(Error::usage(format!("the kind of `{name}` can't be said: a profile has its kinds"))
            .at(path.display()));
    }
    let profile = read(path)?;
    let features = profile.features().iter().filter(|feature| columns.selects(&feature.name));
    let features: Vec<_> = features.cloned().collect();
    match features.len() {
        0 => {
            Err(Error::usage("`--columns` and `--ignore` leave no feature of the profile").at(path.display()))
        }
        left if left == profile.features().len() => Ok(profile),
        _ => Ok(Profile::new(profile.rows(), features)),
    }
}

/// What the times of a reference's rows are for.
pub(super) struct Times {
    /// How windows will be cut, to calibrate for.
    pub grid: Option<Grid>,
    /// The season to count them by.
    pub season: Option<SeasonClock>,
    /// Whether rows must have the time column, where one is named: a name that is wrong would leave the
    /// time among the features.
    pub are_needed: bool,
}

/// Builds a profile of the rows of the file at `path`.
pub(super) fn build(
    path: &Path,
    rows: Option<Range<u64>>,
    columns: &ColumnArgs,
    model: Option<&ModelSettings>,
    times: Times,
) -> Result<Profile> {
    let mut table = files::open(path, columns.input_format)?.take(rows.unwrap_or(0..u64::MAX));
    let options = BuildOptions { grid: times.grid, season: times.season, ..columns.options(&table, model) };
    let mut builder = ProfileBuilder::new(options);
    let meter = Meter::new([table.progress()], "reading");
    let mut row = Row::new();
    let mut time_column = columns.time.as_ref();
    while table.next_row(&mut row)? {
        let time = match time_column.map(|column| table.time_of(&row, column)).transpose() {
            Err(_) if builder.rows() == 0 && !times.are_needed => {
                time_column = None;
                None
            }
            time => time?,
        };
        builder.push_at(time, row.fields.iter().map(|(name, value)| (name, value)));
        if builder.rows().is_multiple_of(ROWS_PER_STEP) {
            meter.set([table.progress()]);
        }
    }
    builder.finish_with(tried)
}

/// Reads the profile in the file at `path`: one record, or its chunks one after the other.
pub(super) fn read(path: &Path) -> Result<Profile> {
    let failed = |error: std::io::Error| Error::file(format!("cannot read: {error}")).at(path.display());
    let bytes = std::fs::read(path).map_err(failed)?;
    let records = serde_json::Deserializer::from_slice(&bytes).into_iter::<ProfileRecord>();
    let chunks: Vec<ProfileRecord> = records.collect::<Result<_, _>>().map_err(|error| {
        Error::input(format!("not a profile: {error}"))
            .at(path.display())
            .hint("`driftline reference build` writes profiles")
    })?;
    ProfileRecord::assemble(&chunks).map_err(|error| error.at(path.display()))
}

/// Whether the file at `path` holds a profile and not rows, by its name and its first bytes.
pub(super) fn is_profile(path: &Path, format: Option<Format>) -> Result<bool> {
    if format.is_some() || path.as_os_str() == "-" {
        return Ok(false);
    }
    let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    if extension.as_deref().is_some_and(|extension| extension == "avro") {
        return Err(avro(path));
    }
    let mut start = String::new();
    let failed =
        |error: std::io::Error| Error::file(format!("cannot open the file: {error}")).at(path.display());
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(LOOK_INTO_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    start.extend(String::from_utf8_lossy(&bytes).chars().filter(|c| !c.is_whitespace()));
    let is_object = start.starts_with('{');
    Ok(is_object && (start.contains(MARK) || Format::of_path(path).is_err()))
}

/// Why a profile in Avro is refused.
pub(super) fn avro(path: &Path) -> Error {
    Error::usage("profiles are JSON in this version, not Avro").at(path.display()).hint("name it .json")
}
