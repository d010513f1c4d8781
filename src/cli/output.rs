//! How commands write: to standard output or a file, as JSON, as tables, as numbers for people, and a
//! progress bar on long work.

use super::Stop;
use crate::error::{Error, Result};
use crate::files::Progress;
use crate::words::Verdict;
use clap::ValueEnum;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, TableComponent, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

/// Inputs below this many bytes are read before a bar would be seen.
const BAR_FROM_BYTES: u64 = 16 << 20;

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Standard output, buffered; whoever takes it flushes it.
pub(super) fn stdout() -> BufWriter<io::StdoutLock<'static>> {
    BufWriter::new(io::stdout().lock())
}

/// Lets `write` write to the file at `path`, or to standard output for `-`, and flushes.
pub(super) fn write_to(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Stop>,
) -> Result<(), Stop> {
    if path.as_os_str() == "-" {
        let mut out = stdout();
        write(&mut out)?;
        return Ok(out.flush()?);
    }
    let failed = |error: io::Error| Error::file(format!("cannot write the file: {error}")).at(path.display());
    let mut out = BufWriter::new(File::create(path).map_err(failed)?);
    write(&mut out)?;
    Ok(out.flush().map_err(failed)?)
}

/// Writes `value` as one line of JSON.
pub(super) fn json_line(out: &mut (impl Write + ?Sized), value: &impl Serialize) -> Result<(), Stop> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

/// Writes `value` as indented JSON.
pub(super) fn json_pretty(out: &mut (impl Write + ?Sized), value: &impl Serialize) -> Result<(), Stop> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

/// A table with this heading, as wide as its content unless a terminal is narrower.
pub(super) fn table(heading: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    // Lines around and under the heading; rows need none.
    for line in [TableComponent::HorizontalLines, TableComponent::MiddleIntersections] {
        table.remove_style(line);
    }
    if colours() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.set_header(heading.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
    table
}

/// Writes a table, without spaces at the ends of its lines.
pub(super) fn write_table(out: &mut (impl Write + ?Sized), table: &Table) -> Result<(), Stop> {
    Ok(writeln!(out, "{}", table.trim_fmt())?)
}

/// A verdict in its colour.
pub(super) fn verdict_cell(verdict: Verdict) -> Cell {
    let cell = Cell::new(verdict);
    match verdict {
        Verdict::Ok => cell.fg(Color::Green),
        Verdict::Warning => cell.fg(Color::Yellow),
        Verdict::Drift => cell.fg(Color::Red),
        Verdict::Critical => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        Verdict::Insufficient | Verdict::NoReference => cell.fg(Color::DarkGrey),
    }
}

/// Whether standard output is a terminal that shows colours.
pub(super) fn colours() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A number with four significant digits, `–` for none.
pub(super) fn number(value: impl Into<Option<f64>>) -> String {
    let Some(value) = value.into() else { return "–".into() };
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-3..1e7).contains(&magnitude) {
        return format!("{value:.1e}");
    }
    let decimals = (3.0 - magnitude.max(1e-3).log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.into() }
}

/// A share as a percentage.
pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".into(), |share| format!("{} %", number((share * 1e4).round() / 100.0)))
}

/// `before → after`, or one of them where they read the same.
pub(super) fn change(before: &str, after: &str) -> String {
    if before == after { before.into() } else { format!("{before} → {after}") }
}

/// `1 row`, `2 rows`.
pub(super) fn count(number: impl Into<u64>, what: &str) -> String {
    let number = number.into();
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A progress bar on standard error while large files are read; nothing where that is no terminal.
pub(super) struct Meter(Option<ProgressBar>);

impl Meter {
    /// A bar to the end of all that is to be read, where that is known and long.
    pub(super) fn new(progress: impl IntoIterator<Item = Progress>, what: &str) -> Meter {
        let total = progress.into_iter().map(|one| one.bytes_total).sum::<Option<u64>>();
        let total = total.filter(|bytes| *bytes >= BAR_FROM_BYTES && io::stderr().is_terminal());
        Meter(total.map(|total| {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {percent} % {eta}");
            let bar = ProgressBar::new(total).with_message(what.to_owned());
            style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
        }))
    }

    /// Says how far the reading is.
    pub(super) fn set(&self, progress: impl IntoIterator<Item = Progress>) {
        if let Some(bar) = &self.0 {
            bar.set_position(progress.into_iter().map(|one| one.bytes_read).sum());
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits_that_say_something() {
        let shown: Vec<String> = [0.1, 71.0, 203.512, 1234.56, 3e9, 0.0, -0.0, 1e-7, -0.04567]
            .iter()
            .map(|v| number(*v))
            .collect();
        assert_eq!(shown, ["0.1", "71", "203.5", "1235", "3.0e9", "0", "0", "1.0e-7", "-0.04567"]);
        assert_eq!(
            (number(None), percent(Some(0.08123)), percent(None)),
            ("–".into(), "8.12 %".into(), "–".into())
        );
        assert_eq!((count(1_u64, "row"), count(2_u64, "row")), ("1 row".into(), "2 rows".into()));
    }
}
