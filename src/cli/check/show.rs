//! What `check` says, as a table: the worst first.

use super::report::CheckReport;
use super::smallest_p;
use crate::cli::Stop;
use crate::cli::output::{change, count, number, percent, table, verdict_cell, write_table};
use crate::policy::record::FeatureReport;
use crate::words::Question;
use comfy_table::Cell;
use std::io::Write;

/// Writes the report.
pub(super) fn print(out: &mut impl Write, report: &CheckReport) -> Result<(), Stop> {
    writeln!(out, "reference  {}, {}", report.reference.id, count(report.reference.rows, "row"))?;
    writeln!(out, "current    {}", count(report.current.rows, "row"))?;
    writeln!(out, "verdict    {}, {}", report.verdict, summary(report))?;
    let mut table = table(&["feature", "kind", "verdict", "psi", "ks", "p", "missing", "what changed"]);
    let mut features: Vec<&FeatureReport> = report.features.iter().collect();
    let psi = |feature: &FeatureReport| feature.measures.psi.map_or(0.0, |psi| psi.corrected);
    features.sort_by(|a, b| b.verdict.severity().cmp(&a.verdict.severity()).then(psi(b).total_cmp(&psi(a))));
    for feature in features {
        table.add_row([
            Cell::new(&feature.feature),
            Cell::new(feature.kind),
            verdict_cell(feature.verdict),
            Cell::new(number(feature.measures.psi.map(|psi| psi.value))),
            Cell::new(number(feature.measures.ks.map(|ks| ks.value))),
            Cell::new(tested(feature)),
            Cell::new(missing(feature)),
            Cell::new(changed(feature)),
        ]);
    }
    write_table(out, &table)?;
    let expected = &report.expectations;
    if !expected.is_empty() {
        let met = expected.iter().filter(|expected| expected.met).count();
        writeln!(out, "{met} of {} met", count(expected.len() as u64, "expectation"))?;
    }
    for unmet in expected.iter().filter(|expected| !expected.met) {
        writeln!(out, "  {}", unmet.message)?;
    }
    for warning in &report.warnings {
        writeln!(out, "{}: {}", warning.feature, warning.message)?;
    }
    Ok(())
}

fn summary(report: &CheckReport) -> String {
    let judged = format!("{} of {} drifted", report.drifted, count(report.judgeable, "judged feature"));
    match report.drift_share {
        Some(share) => format!("{judged}, drift share {}", number(share)),
        None => judged,
    }
}

fn tested(feature: &FeatureReport) -> String {
    match smallest_p(feature) {
        Some((Question::Shape, p)) => number(p),
        Some((question, p)) => format!("{} ({question})", number(p)),
        None => number(None),
    }
}

fn missing(feature: &FeatureReport) -> String {
    let share = |summary: &crate::measure::Summary| percent(summary.missing_rate);
    change(&share(&feature.summary.reference), &share(&feature.summary.current))
}

/// The median, or the share of the bin that moved most; nothing where the feature is ok.
fn changed(feature: &FeatureReport) -> String {
    if feature.verdict.severity() <= crate::words::Verdict::Ok.severity() {
        return String::new();
    }
    let summary = &feature.summary;
    if let (Some(before), Some(after)) = (summary.reference.p50, summary.current.p50)
        && number(before) != number(after)
    {
        return format!("median {}", change(&number(before), &number(after)));
    }
    feature.top_bins.first().map_or_else(String::new, |bin| {
        let shares = change(&percent(Some(bin.reference_share)), &percent(Some(bin.current_share)));
        format!("{}: {shares}", bin.label)
    })
}
