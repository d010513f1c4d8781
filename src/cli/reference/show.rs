//! `reference show`: what a profile says of each feature.

use crate::cli::output::{OutputFormat, count, json_pretty, number, percent, stdout, table, write_table};
use crate::cli::{Outcome, Ran, Stop, profiles};
use crate::measure::Summary;
use crate::policy::record::SCHEMA_VERSION;
use crate::reference::{EarlySight, FeatureProfile, Profile, ReferenceId};
use crate::sketch::Basis;
use crate::words::{Kind, Name, Role};
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;

/// Categories that are named.
const NAMED: usize = 5;

/// Show what a profile says of each feature
#[derive(Args)]
#[command(after_help = "Example:\n  driftline reference show reference.json")]
pub(crate) struct ShowArgs {
    /// The profile
    file: PathBuf,
    /// How it is shown
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
}

#[derive(Serialize)]
struct Shown<'a> {
    schema_version: u32,
    id: &'a ReferenceId,
    rows: u64,
    features: Vec<ShownFeature<'a>>,
}

#[derive(Serialize)]
struct ShownFeature<'a> {
    feature: &'a Name,
    role: Role,
    kind: Kind,
    rows: u64,
    missing: u64,
    invalid: u64,
    /// Cells that it is counted in.
    cells: usize,
    summary: Summary,
    /// The most frequent categories with their shares.
    top: Vec<(&'a Name, f64)>,
    /// Whether early sight suits it; null: not tried.
    early: Option<&'a EarlySight>,
}

impl<'a> ShownFeature<'a> {
    fn of(feature: &'a FeatureProfile) -> Self {
        let tally = &feature.sketch.tally;
        ShownFeature {
            feature: &feature.name,
            role: feature.role,
            kind: feature.kind,
            rows: tally.valid(),
            missing: tally.missing,
            invalid: tally.invalid,
            cells: feature.basis.cells(),
            summary: Summary::of(&feature.sketch, &feature.basis),
            top: top(feature),
            early: feature.early.as_ref(),
        }
    }

    fn values(&self) -> String {
        if self.top.is_empty() {
            let Summary { min, p05, p50, p95, max, .. } = self.summary;
            return [min, p05, p50, p95, max].map(number).join("  ");
        }
        let named: Vec<String> =
            self.top.iter().map(|(name, share)| format!("{name} {}", percent(Some(*share)))).collect();
        let more = if self.top.len() == NAMED { ", …" } else { "" };
        format!("{}{more}", named.join(", "))
    }
}

pub(super) fn run(args: &ShowArgs) -> Ran {
    let profile = profiles::read(&args.file)?;
    let features = profile.features().iter().map(ShownFeature::of).collect();
    let shown = Shown { schema_version: SCHEMA_VERSION, id: profile.id(), rows: profile.rows(), features };
    let mut out = stdout();
    match args.format {
        OutputFormat::Json => json_pretty(&mut out, &shown)?,
        OutputFormat::Table => print(&mut out, &profile, &shown)?,
    }
    out.flush()?;
    Ok(Outcome::Fine)
}

fn print(out: &mut impl Write, profile: &Profile, shown: &Shown) -> Result<(), Stop> {
    let features = count(profile.features().len() as u64, "feature");
    writeln!(out, "{}: {}, {features}", profile.id(), count(profile.rows(), "row"))?;
    let mut table = table(&[
        "feature",
        "role",
        "kind",
        "missing",
        "mean",
        "std",
        "min  5 %  median  95 %  max, or shares",
    ]);
    for feature in &shown.features {
        table.add_row([
            feature.feature.to_string(),
            feature.role.to_string(),
            feature.kind.to_string(),
            percent(feature.summary.missing_rate),
            number(feature.summary.mean),
            number(feature.summary.std),
            feature.values(),
        ]);
    }
    write_table(out, &table)?;
    for feature in &shown.features {
        if let Some(EarlySight { enabled: false, reason, .. }) = feature.early {
            let reason = reason.as_deref().unwrap_or_default();
            writeln!(out, "no early sight of {}: {reason}", feature.feature)?;
        }
    }
    Ok(())
}

/// The most frequent categories; ties in the order of the cells.
fn top(feature: &FeatureProfile) -> Vec<(&Name, f64)> {
    let Basis::Categories(categories) = &*feature.basis else { return Vec::new() };
    let counts = categories.names().iter().zip(&feature.sketch.tally.cells);
    let mut counts: Vec<(&Name, u64)> =
        counts.map(|(name, count)| (name, *count)).filter(|(_, count)| *count > 0).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.truncate(NAMED);
    let rows = feature.valid().max(1) as f64;
    counts.into_iter().map(|(name, count)| (name, count as f64 / rows)).collect()
}
