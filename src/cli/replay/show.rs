//! How a replay's results are written, and in which order.

use super::Summary;
use crate::cli::Stop;
use crate::cli::output::json_line;
use crate::engine::Output;
use crate::policy::record::{DriftEvent, RetrainingTrigger, Transition};
use crate::words::{Name, Time};
use std::io::Write;

/// What results are ordered by.
pub(super) type Place<'a> = (Time, &'a Name, &'a Name, &'a [Name], u8, Option<&'a Name>);

/// The place of a result among those of a commit: `decided_at`, model, version, segment, type
/// (report, event, trigger), feature. What is not written comes first.
pub(super) fn order(output: &Output) -> Option<Place<'_>> {
    match output {
        Output::Report(r) => Some((r.decided_at, &r.model, &r.version, &r.segment, 0, None)),
        Output::Event(e) => Some((e.decided_at, &e.model, &e.version, &e.segment, 1, e.feature.as_ref())),
        Output::Trigger(t) => Some((t.decided_at, &t.model, &t.version, &t.segment, 2, None)),
        Output::VersionRetired { .. } | Output::IdleLate { .. } | Output::Limited { .. } => None,
    }
}

/// Writes a result as a line of JSON.
pub(super) fn json(out: &mut impl Write, output: &Output) -> Result<(), Stop> {
    match output {
        Output::Report(report) => json_line(out, report),
        Output::Event(event) => json_line(out, event),
        Output::Trigger(trigger) => json_line(out, trigger),
        Output::VersionRetired { .. } | Output::IdleLate { .. } | Output::Limited { .. } => Ok(()),
    }
}

/// Writes events and triggers as lines for people; reports are left out.
pub(super) fn text(out: &mut impl Write, output: &Output) -> Result<(), Stop> {
    match output {
        Output::Event(event) => event_line(out, event),
        Output::Trigger(trigger) => trigger_line(out, trigger),
        _ => Ok(()),
    }
}

fn event_line(out: &mut impl Write, event: &DriftEvent) -> Result<(), Stop> {
    let what = match event.transition {
        Transition::Detected => "detected",
        Transition::Escalated => "escalated",
        Transition::Resolved => "resolved",
        Transition::Expired => "expired",
    };
    let severity = event.severity.to_string();
    Ok(writeln!(out, "{}  {what:9}  {severity:8}  {}", event.decided_at, event.explanation)?)
}

fn trigger_line(out: &mut impl Write, trigger: &RetrainingTrigger) -> Result<(), Stop> {
    let severity = trigger.severity.to_string();
    Ok(writeln!(out, "{}  {:9}  {severity:8}  {}", trigger.decided_at, "retrain", trigger.explanation)?)
}

/// Writes the summary for people.
pub(super) fn summary(out: &mut impl Write, summary: &Summary) -> Result<(), Stop> {
    let Summary { rows, events, windows, drift_events, triggers, .. } = summary;
    writeln!(
        out,
        "{rows} rows, {events} of them in {windows} windows: {drift_events} drift events, {triggers} retraining triggers"
    )?;
    let left_out = [
        (summary.open_rows, "in panes that no later event has closed (--close judges them)"),
        (summary.late, "late"),
        (summary.idle_late, "late after idleness"),
        (summary.unrouted, "of models that are not monitored"),
        (summary.dead_letters, "that could not be used"),
        (summary.limited, "beyond a limit"),
    ];
    for (rows, why) in left_out.iter().filter(|(rows, _)| *rows > 0) {
        writeln!(out, "  {rows} rows {why}")?;
    }
    Ok(())
}
