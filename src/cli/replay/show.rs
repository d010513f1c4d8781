//! How a replay's results are written, and in which order.

use super::Summary;
use crate::cli::output::json_line;
use crate::cli::{Stop, lines};
use crate::engine::Output;
use crate::words::{Name, Time};
use std::io::Write;

/// What results are ordered by.
pub(super) type Place<'a> = (Time, &'a Name, &'a Name, &'a [Name], u8, Option<&'a Name>);

/// The place of a result among those of a commit: `decided_at`, model, version, segment, type
/// (report, event, trigger, reference), feature. What is not written comes first.
pub(super) fn order(output: &Output) -> Option<Place<'_>> {
    match output {
        Output::Report(r) => Some((r.decided_at, &r.model, &r.version, &r.segment, 0, None)),
        Output::Event(e) => Some((e.decided_at, &e.model, &e.version, &e.segment, 1, e.feature.as_ref())),
        Output::Trigger(t) => Some((t.decided_at, &t.model, &t.version, &t.segment, 2, None)),
        Output::Reference(made) => Some((made.decided_at, &made.model, &made.version, &[], 3, None)),
        Output::Command(_)
        | Output::VersionRetired { .. }
        | Output::IdleLate { .. }
        | Output::Limited { .. } => None,
    }
}

/// Writes a result as a line of JSON.
pub(super) fn json(out: &mut impl Write, output: &Output) -> Result<(), Stop> {
    match output {
        Output::Report(report) => json_line(out, report),
        Output::Event(event) => json_line(out, event),
        Output::Trigger(trigger) => json_line(out, trigger),
        Output::Reference(made) => json_line(out, made),
        Output::Command(_)
        | Output::VersionRetired { .. }
        | Output::IdleLate { .. }
        | Output::Limited { .. } => Ok(()),
    }
}

/// Writes events, triggers and references as lines for people; reports are left out.
pub(super) fn text(out: &mut impl Write, output: &Output) -> Result<(), Stop> {
    match output {
        Output::Event(event) => lines::event(out, |time| time.to_string(), event),
        Output::Trigger(trigger) => lines::trigger(out, |time| time.to_string(), trigger),
        Output::Reference(made) => {
            let (from, why) = (made.effective_from, made.activation(made.decided_at).reason);
            let model = format!("{}/{}", made.model, made.version);
            let line = format!("{} reference {} of {model}", made.decided_at, made.reference_id);
            Ok(writeln!(out, "{line} from {from} on: {}", why.unwrap_or_default())?)
        }
        _ => Ok(()),
    }
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
