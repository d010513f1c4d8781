//! How early sight does: false alarms and delays, simulated and on streams from files. Run with
//! `make early ARGS='rates 1e7'`; `docs/early-sight.md` has what it said and what the arguments are.
//!
//! A table goes to standard error and a JSON line for each of its rows to standard output.

mod simulation;
mod streams;

use serde::Serialize;
use simulation::{Delay, Law, Rate, Setting, Values, delays, rate};
use std::error::Error;

/// T in the simulations, in rows.
const ROWS_PER_FALSE_ALARM: f64 = 1e6;
const REFERENCE_ROWS: [u64; 3] = [1_000, 5_000, 15_000];
const COLUMNS: [Values; 3] = [Values::Normal, Values::Zeros, Values::Zipf(100)];

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo's own flags aside.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match *args {
        ["rates", rows, look] => rates(rows.parse::<f64>()? as u64, look.parse()?),
        ["delays", references, look] => all_delays(references.parse()?, look.parse()?),
        ["streams", directory, rows] => streams::run(directory.as_ref(), rows.parse()?),
        _ => Err("rates ROWS LOOK | delays REFERENCES LOOK | streams DIRECTORY T, all in rows".into()),
    }
}

fn settings(references: u64, look_rows: u64) -> impl Iterator<Item = Setting> {
    COLUMNS.into_iter().flat_map(move |values| {
        REFERENCE_ROWS.map(|reference_rows| Setting {
            law: Law { values, missing: 0.02 },
            reference_rows,
            look_rows,
            rows_per_false_alarm: ROWS_PER_FALSE_ALARM,
            references,
            seed: 1,
        })
    })
}

fn rates(rows: u64, look_rows: u64) -> Result<(), Box<dyn Error>> {
    eprintln!("column       reference       rows  alarms  in T rows  worst reference  by change");
    for setting in settings(200, look_rows) {
        let found = rate(setting, rows);
        let Rate { rows, alarms, per_allowed, worst_reference, by_change, .. } = &found;
        let column = format!("{:?}", setting.law.values);
        eprintln!(
            "{column:<12} {:>9} {rows:>10} {alarms:>7} {per_allowed:>10.3} {worst_reference:>16}  {by_change:?}",
            setting.reference_rows
        );
        print(&found)?;
    }
    Ok(())
}

fn all_delays(references: u64, look_rows: u64) -> Result<(), Box<dyn Error>> {
    eprintln!("column       reference   limit  median    mean     p90 missed  onset off  change");
    for setting in settings(references, look_rows) {
        for delay in delays(setting, 4) {
            let Delay { change, limit, median, mean, p90, missed, onset_error, .. } = delay;
            let column = format!("{:?}", setting.law.values);
            let late = if median > delay.promised() { "  LATE" } else { "" };
            eprintln!(
                "{column:<12} {:>9} {limit:>7.0} {median:>7.0} {mean:>7.0} {p90:>7.0} {missed:>6.3} {onset_error:>9.0}  {change:?}{late}",
                setting.reference_rows
            );
            print(&delay)?;
        }
    }
    Ok(())
}

fn print(line: &impl Serialize) -> Result<(), Box<dyn Error>> {
    println!("{}", serde_json::to_string(line)?);
    Ok(())
}
