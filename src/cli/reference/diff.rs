//! `reference diff`: how two profiles differ, feature by feature.
//!
//! A measure stands only where it is exact: where the second profile's counts can be put into the
//! first one's cells (the same cells, categories by name, single numbers). Two sets of quantile cells
//! can't be compared so, and only the summaries stand side by side.

use crate::cli::output::{OutputFormat, change, json_pretty, number, percent, stdout, table, write_table};
use crate::cli::{Outcome, Ran, Stop, profiles};
use crate::measure::{Dependence, Summary, compare};
use crate::policy::record::SCHEMA_VERSION;
use crate::reference::{FeatureProfile, Profile, ReferenceId};
use crate::sketch::{Basis, CategoryCell, FeatureSketch, Tally};
use crate::words::{Kind, Name};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

/// Compare two profiles, feature by feature
#[derive(Args)]
#[command(after_help = "Example:\n  driftline reference diff old.json new.json\n\n\
    PSI and KS are shown where the second profile's counts fit the first one's cells exactly. For others \
    compare the data: driftline check --reference old.json --current new.csv")]
pub(crate) struct DiffArgs {
    /// The profile to compare with
    before: PathBuf,
    /// The other profile
    after: PathBuf,
    /// How the difference is shown
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
}

#[derive(Serialize)]
struct Difference<'a> {
    schema_version: u32,
    before: Side<'a>,
    after: Side<'a>,
    /// Whether the two have the same content.
    same: bool,
    features: Vec<FeatureDifference<'a>>,
}

#[derive(Serialize)]
struct Side<'a> {
    id: &'a ReferenceId,
    rows: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    /// Only the second profile has it.
    Added,
    /// Only the first profile has it.
    Removed,
    /// Its values compare in another way.
    KindChanged,
    /// Counts or cells differ.
    Changed,
    /// Nothing that a comparison rests on differs.
    Same,
}

#[derive(Serialize)]
struct FeatureDifference<'a> {
    feature: &'a Name,
    change: Change,
    /// Null where counts do not fit the first profile's cells.
    psi: Option<f64>,
    ks: Option<f64>,
    before: Option<FeatureSide>,
    after: Option<FeatureSide>,
}

#[derive(Serialize)]
struct FeatureSide {
    kind: Kind,
    rows: u64,
    missing: u64,
    invalid: u64,
    summary: Summary,
}

impl From<&FeatureProfile> for FeatureSide {
    fn from(feature: &FeatureProfile) -> Self {
        let Tally { missing, invalid, .. } = feature.sketch.tally;
        let summary = Summary::of(&feature.sketch, &feature.basis);
        FeatureSide { kind: feature.kind, rows: feature.valid(), missing, invalid, summary }
    }
}

pub(super) fn run(args: &DiffArgs) -> Ran {
    let (before, after) = (profiles::read(&args.before)?, profiles::read(&args.after)?);
    let difference = difference(&before, &after);
    let mut out = stdout();
    match args.format {
        OutputFormat::Json => json_pretty(&mut out, &difference)?,
        OutputFormat::Table => print(&mut out, &difference)?,
    }
    out.flush()?;
    Ok(Outcome::Fine)
}

fn difference<'a>(before: &'a Profile, after: &'a Profile) -> Difference<'a> {
    let names: BTreeSet<&Name> =
        [before, after].into_iter().flat_map(Profile::features).map(|feature| &feature.name).collect();
    let find = |profile: &'a Profile, name: &str| profile.position(name).map(|at| &profile.features()[at]);
    let features = names.into_iter().map(|name| one(name, find(before, name), find(after, name)));
    Difference {
        schema_version: SCHEMA_VERSION,
        same: before.id() == after.id(),
        features: features.collect(),
        before: Side { id: before.id(), rows: before.rows() },
        after: Side { id: after.id(), rows: after.rows() },
    }
}

fn one<'a>(
    feature: &'a Name,
    before: Option<&FeatureProfile>,
    after: Option<&FeatureProfile>,
) -> FeatureDifference<'a> {
    let change = match (before, after) {
        (None, _) => Change::Added,
        (_, None) => Change::Removed,
        (Some(before), Some(after)) if before.kind != after.kind => Change::KindChanged,
        (Some(before), Some(after)) if is_same(before, after) => Change::Same,
        _ => Change::Changed,
    };
    let measures = match (before, after) {
        (Some(before), Some(after)) => {
            recounted(before, after).map(|sketch| compare(before, &sketch, Dependence::NONE).measures)
        }
        _ => None,
    };
    FeatureDifference {
        feature,
        change,
        psi: measures.and_then(|measures| measures.psi).map(|psi| psi.value),
        ks: measures.and_then(|measures| measures.ks).map(|ks| ks.value),
        before: before.map(FeatureSide::from),
        after: after.map(FeatureSide::from),
    }
}

fn is_same(before: &FeatureProfile, after: &FeatureProfile) -> bool {
    before.basis == after.basis && before.sketch.tally == after.sketch.tally
}

/// The sketch of `after` in the cells of `before`, where that is exact.
fn recounted(before: &FeatureProfile, after: &FeatureProfile) -> Option<FeatureSketch> {
    if before.kind != after.kind {
        return None;
    }
    if before.basis == after.basis {
        return Some(after.sketch.clone());
    }
    let (from, mut detail) = (&after.sketch.tally, after.sketch.detail.clone());
    let mut tally = Tally { cells: vec![0; before.basis.cells()], unseen: 0, ..from.clone() };
    let filled = from.cells.iter().enumerate().filter(|(_, count)| **count > 0);
    match (&*before.basis, &*after.basis) {
        (Basis::Categories(to), Basis::Categories(names)) => {
            for (cell, count) in filled {
                // The last cell holds categories that have no name.
                let name = names.names().get(cell)?;
                match to.locate(name) {
                    CategoryCell::Cell(cell) => tally.cells[cell] += count,
                    CategoryCell::Unseen => {
                        tally.unseen += count;
                        detail.unseen.add(name, *count);
                    }
                }
            }
        }
        (Basis::Ordered(to), Basis::Ordered(cells)) => {
            for (cell, count) in filled {
                // Only a cell that holds a single number tells where its rows would be.
                if !cells.is_atom(cell) {
                    return None;
                }
                tally.cells[to.locate(cells.upper(cell))] += count;
            }
        }
        _ => return None,
    }
    Some(FeatureSketch { tally, detail })
}

fn print(out: &mut impl Write, difference: &Difference) -> Result<(), Stop> {
    let Difference { before, after, .. } = difference;
    writeln!(out, "before: {}, {} rows", before.id, before.rows)?;
    writeln!(out, "after:  {}, {} rows", after.id, after.rows)?;
    if difference.same {
        return Ok(writeln!(out, "the same content")?);
    }
    let mut table = table(&["feature", "change", "psi", "ks", "missing", "mean", "median", "95 %"]);
    for feature in &difference.features {
        let figure = |shown: fn(&Summary) -> String| {
            let side = |side: &Option<FeatureSide>| {
                side.as_ref().map_or_else(|| "–".into(), |side| shown(&side.summary))
            };
            change(&side(&feature.before), &side(&feature.after))
        };
        table.add_row([
            feature.feature.to_string(),
            described(feature),
            number(feature.psi),
            number(feature.ks),
            figure(|summary| percent(summary.missing_rate)),
            figure(|summary| number(summary.mean)),
            figure(|summary| number(summary.p50)),
            figure(|summary| number(summary.p95)),
        ]);
    }
    write_table(out, &table)
}

fn described(feature: &FeatureDifference) -> String {
    match (feature.change, &feature.before, &feature.after) {
        (Change::Added, ..) => "added".into(),
        (Change::Removed, ..) => "removed".into(),
        (Change::Same, ..) => "same".into(),
        (Change::KindChanged, Some(before), Some(after)) => {
            change(&before.kind.to_string(), &after.kind.to_string())
        }
        (Change::Changed | Change::KindChanged, ..) => "changed".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::reference::{BuildOptions, ProfileBuilder};

    fn profile(values: impl Iterator<Item = Value<'static>>) -> Profile {
        let mut builder = ProfileBuilder::new(BuildOptions::default());
        values.for_each(|value| builder.push([(&Name::from("x"), &value)]));
        builder.finish().unwrap()
    }

    fn psi(before: &Profile, after: &Profile) -> Option<f64> {
        difference(before, after).features[0].psi
    }

    #[test]
    fn categories_are_compared_by_name_whatever_their_order_and_new_ones_are_unseen() {
        let text = |name: &'static str| Value::Text(name.into());
        let mix = |a: usize, b: usize, c: usize| {
            profile(
                (0..a)
                    .map(move |_| text("a"))
                    .chain((0..b).map(move |_| text("b")))
                    .chain((0..c).map(move |_| text("c"))),
            )
        };
        assert!(psi(&mix(60, 40, 0), &mix(600, 400, 0)).unwrap() < 1e-12);
        // (0.4 - 0.6) ln(0.4 / 0.6), twice
        assert!((psi(&mix(60, 40, 0), &mix(40, 60, 0)).unwrap() - 0.162_186_04).abs() < 1e-8);
        assert!(psi(&mix(60, 40, 0), &mix(30, 30, 40)).unwrap() > 1.0);
    }

    #[test]
    fn single_numbers_are_compared_exactly_and_quantile_cells_not_at_all() {
        let numbers = |n: u32, step: u32| profile((0..n).map(move |i| Value::Number(f64::from(i % step))));
        assert!(psi(&numbers(1000, 10), &numbers(500, 10)).unwrap() < 1e-12);
        assert!(psi(&numbers(1000, 10), &numbers(500, 5)).unwrap() > 1.0);
        assert_eq!(psi(&numbers(5000, 4999), &numbers(4000, 3999)), None);
    }
}
