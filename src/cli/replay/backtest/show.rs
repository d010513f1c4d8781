//! A backtest for people: policies side by side.

use super::{Backtest, Judged, Own, Suggestion};
use crate::cli::Stop;
use crate::cli::output::{count, number, table, write_table};
use crate::cli::window::span;
use crate::policy::Levels;
use comfy_table::Cell;
use std::collections::BTreeMap;
use std::io::Write;

pub(super) fn print(out: &mut impl Write, backtest: &Backtest) -> Result<(), Stop> {
    let Some((start, end)) = backtest.history else {
        return Ok(writeln!(out, "no window was judged")?);
    };
    let days = end.since_ms(start) as f64 / 86_400_000.0;
    writeln!(out, "windows that end from {start} to {end}, {} days", number(days))?;
    let names: Vec<&str> = backtest.policies.iter().map(|judged| &*judged.policy).collect();
    let mut table = table(&[&[""], &names[..]].concat());
    let mut row = |name: String, cell: &dyn Fn(&Judged) -> String| {
        let cells = backtest.policies.iter().map(|judged| Cell::new(cell(judged)));
        table.add_row(std::iter::once(Cell::new(name)).chain(cells));
    };
    row("windows".into(), &|judged| judged.score.windows.to_string());
    row("alarms".into(), &|judged| judged.score.alarms.to_string());
    row("  by early sight".into(), &|judged| judged.score.early.to_string());
    if days > 0.0 {
        row("  in 30 days".into(), &|judged| number(judged.score.alarms as f64 * 30.0 / days));
    }
    row("escalations".into(), &|judged| judged.score.escalated.to_string());
    row("retraining triggers".into(), &|judged| judged.score.triggers.to_string());
    let known = |number: Option<u64>| number.map_or_else(|| "–".to_owned(), |number| number.to_string());
    if let Some(marks) = &backtest.incidents {
        row("false alarms".into(), &|judged| known(judged.score.false_alarms));
        row("false triggers".into(), &|judged| known(judged.score.false_triggers));
        for (at, mark) in marks.iter().enumerate() {
            let what = mark.feature.as_deref().unwrap_or("any feature");
            row(format!("{what} from {}", mark.start), &|judged| match &judged.score.found[at] {
                Some(first) if first.delay_seconds <= 0.0 => format!("{} since before", first.severity),
                Some(first) => {
                    let early = if first.early { ", early" } else { "" };
                    format!("{} after {}{early}", first.severity, span((first.delay_seconds * 1e3) as i64))
                }
                None => "missed".into(),
            });
        }
    }
    write_table(out, &table)?;
    match &backtest.suggestion {
        Some(suggestion) => suggest(out, suggestion, backtest.incidents.is_some()),
        None => Ok(()),
    }
}

fn suggest(out: &mut impl Write, suggestion: &Suggestion, is_known: bool) -> Result<(), Stop> {
    let Suggestion { wish, factor, alarms, early_alarms, thresholds, own } = suggestion;
    let what = if is_known { "false alarm" } else { "alarm" };
    let told = format!("{}, {early_alarms} of them early", count(*alarms, what));
    let wished = format!("{} in {}", number(wish.alarms), span(wish.per_ms));
    let Some(factor) = factor else {
        return Ok(writeln!(
            out,
            "no thresholds keep to {wished}: where changes must be 32 times as large there are {told}. Early \
             ones follow policy.budget; the others are large changes"
        )?);
    };
    writeln!(out, "to keep to {wished}, changes {} times as large as today's ({told}):", number(*factor))?;
    writeln!(out, "[policy]")?;
    levels(out, thresholds)?;
    for Own { model, feature, thresholds } in own {
        match feature {
            Some(feature) => writeln!(out, "[model.features.\"{feature}\"]  # of {model}")?,
            None => writeln!(out, "[model.policy]  # of {model}")?,
        }
        levels(out, thresholds)?;
    }
    Ok(())
}

fn levels(out: &mut impl Write, thresholds: &BTreeMap<String, Levels>) -> Result<(), Stop> {
    for (measure, levels) in thresholds {
        let [warning, drift, critical] = [levels.warning, levels.drift, levels.critical];
        writeln!(
            out,
            "thresholds.{measure} = {{ warning = {warning}, drift = {drift}, critical = {critical} }}"
        )?;
    }
    Ok(())
}
