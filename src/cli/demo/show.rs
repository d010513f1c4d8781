//! What the demo shows: as lines and a table for people, as lines of JSON for programs.

use super::score::{First, Row, Score};
use crate::cli::output::{OutputFormat, count, json_line, number, percent, stdout, table, write_table};
use crate::cli::{Stop, lines};
use crate::policy::record::{DriftEvent, RetrainingTrigger};
use crate::simulate::{Scenario, feature_names};
use crate::words::Time;
use comfy_table::{Cell, Color};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;

/// The last line of JSON.
#[derive(Serialize)]
struct Summary<'a> {
    schema_version: u32,
    r#type: &'static str,
    tool_version: &'static str,
    seed: u64,
    /// The end of the last window that was judged.
    judged_until: Time,
    #[serde(flatten)]
    score: &'a Score,
}

/// Writes to standard output, with a bar below it on a terminal.
pub(super) struct Show<'a> {
    format: OutputFormat,
    scenario: &'a Scenario,
    bar: Option<ProgressBar>,
}

impl<'a> Show<'a> {
    pub fn new(format: OutputFormat, scenario: &'a Scenario) -> Self {
        Show { format, scenario, bar: None }
    }

    /// Says what is about to be seen.
    pub fn introduce(&mut self, speed: f64, partitions: i32) -> Result<(), Stop> {
        if self.format == OutputFormat::Json {
            return Ok(());
        }
        let Scenario { model, versions, drifts, duration_ms, .. } = self.scenario;
        let versions: Vec<&str> = versions.iter().map(|version| &*version.name).collect();
        let hours = duration_ms.unwrap_or_default() / 3_600_000;
        self.print(|out| {
            writeln!(
                out,
                "{hours} h of scored payments at {} x the clock: model {model}, versions {}, {} features, {} partitions, {} drifts to come.",
                number(speed.round()),
                versions.join(" and "),
                feature_names().count(),
                partitions,
                drifts.len()
            )?;
            Ok(writeln!(
                out,
                "The broker is embedded in this process and only plays transactions: exactly-once is not shown here.\n"
            )?)
        })?;
        if io::stderr().is_terminal() {
            let bar = ProgressBar::new(duration_ms.unwrap_or_default().unsigned_abs());
            let style = ProgressStyle::with_template("{msg} {wide_bar} {percent} %");
            self.bar = Some(style.map(|style| bar.clone().with_style(style)).unwrap_or(bar));
        }
        Ok(())
    }

    /// Says where the page is.
    pub fn page(&self, address: SocketAddr) -> Result<(), Stop> {
        match self.format {
            OutputFormat::Table => self.print(|out| Ok(writeln!(out, "Watch it live: http://{address}/\n")?)),
            // Standard output is for records.
            OutputFormat::Json => Ok(writeln!(io::stderr(), "the live page: http://{address}/")?),
        }
    }

    /// Says that the page can still be looked at.
    pub fn page_stays(&self, address: SocketAddr) -> Result<(), Stop> {
        Ok(writeln!(io::stderr(), "\nThe page stays at http://{address}/ until Ctrl-C.")?)
    }

    /// Whether a person sees what is shown.
    pub fn is_watched(&self) -> bool {
        self.format == OutputFormat::Table && io::stdout().is_terminal()
    }

    pub fn event(&self, event: &DriftEvent) -> Result<(), Stop> {
        self.print(|out| match self.format {
            OutputFormat::Table => lines::event(out, clock, event),
            OutputFormat::Json => json_line(out, event),
        })
    }

    pub fn trigger(&self, trigger: &RetrainingTrigger) -> Result<(), Stop> {
        self.print(|out| match self.format {
            OutputFormat::Table => lines::trigger(out, clock, trigger),
            OutputFormat::Json => json_line(out, trigger),
        })
    }

    /// How far the service has judged.
    pub fn progress(&self, judged: Time) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("judged until {}", clock(judged)));
            bar.set_position(judged.since_ms(self.scenario.start).unsigned_abs());
        }
    }

    /// What was injected, what found it, and what was raised without cause; `is_whole` is false where
    /// the user stopped it early.
    pub fn result(&mut self, seed: u64, score: &Score, judged: Time, is_whole: bool) -> Result<(), Stop> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if self.format == OutputFormat::Json {
            let summary = Summary {
                schema_version: 1,
                r#type: "demo_summary",
                tool_version: env!("CARGO_PKG_VERSION"),
                seed,
                judged_until: judged,
                score,
            };
            return self.print(|out| json_line(out, &summary));
        }
        let mut shown = table(&["injected drift", "versions", "at", "detected", "by", "delay"]);
        for row in &score.injected {
            shown.add_row(cells(row, is_whole));
        }
        self.print(|out| {
            writeln!(out)?;
            write_table(out, &shown)?;
            let drifts = count(score.injected.len() as u64, "injected drift");
            let early = if is_whole { String::new() } else { format!("Stopped at {}: ", clock(judged)) };
            writeln!(out, "\n{early}{} of {drifts} found.", score.found())?;
            if score.unexpected.is_empty() {
                return Ok(writeln!(out, "Nothing was raised without cause.")?);
            }
            writeln!(out, "Raised without cause:")?;
            score.unexpected.iter().try_for_each(|event| lines::event(out, clock, event))
        })
    }

    fn print(&self, write: impl FnOnce(&mut dyn Write) -> Result<(), Stop>) -> Result<(), Stop> {
        let print = || {
            let mut out = stdout();
            write(&mut out)?;
            Ok(out.flush()?)
        };
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

fn cells(row: &Row, is_whole: bool) -> Vec<Cell> {
    let versions: Vec<&str> = row.versions.iter().map(|version| &**version).collect();
    let versions = if versions.is_empty() { "all".to_owned() } else { versions.join(", ") };
    let mut cells = vec![
        Cell::new(format!("{}: {}", row.feature, row.kind.replace('_', " "))),
        Cell::new(versions),
        Cell::new(clock(row.at)),
    ];
    cells.extend(match &row.found.0 {
        Some(First { detected_at, version, measure, value, delay_seconds }) => {
            let value = match *measure {
                _ if value.is_none() => String::new(),
                "missing" => format!(" {}", percent(*value)),
                _ => format!(" {}", number(*value)),
            };
            [
                Cell::new(clock(*detected_at)).fg(Color::Green),
                Cell::new(format!("{measure}{value}, version {version}")),
                Cell::new(format!("{} min", number(delay_seconds / 60.0))),
            ]
        }
        None if is_whole => [Cell::new("missed").fg(Color::Red), Cell::new("–"), Cell::new("–")],
        None => [Cell::new("not yet"), Cell::new("–"), Cell::new("–")],
    });
    cells
}

/// The hour and minute of an event time.
fn clock(time: Time) -> String {
    let text = time.to_string();
    text.get(11..16).unwrap_or(&text).to_owned()
}
