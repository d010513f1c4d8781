//! Drift events and triggers, one line each, for people.

use super::Stop;
use super::output::colours;
use crate::policy::record::{DriftEvent, RetrainingTrigger, Transition};
use crate::words::{Severity, Time};
use std::io::Write;

const BOLD_RED: &str = "1;31";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const BOLD_MAGENTA: &str = "1;35";

/// Writes a drift event: when it was decided (as `at` shows it), what happened, how bad, and why.
pub(super) fn event(
    out: &mut (impl Write + ?Sized),
    at: impl Fn(Time) -> String,
    event: &DriftEvent,
) -> Result<(), Stop> {
    let colour = match (event.transition, event.severity) {
        (Transition::Resolved, _) => GREEN,
        (_, Severity::Critical) => BOLD_RED,
        (_, Severity::Drift) => RED,
        (_, Severity::Warning | Severity::Ok) => YELLOW,
    };
    let what = event.transition.as_str();
    line(out, &at(event.decided_at), what, &event.severity.to_string(), colour, &event.explanation)
}

/// Writes a retraining trigger likewise.
pub(super) fn trigger(
    out: &mut (impl Write + ?Sized),
    at: impl Fn(Time) -> String,
    trigger: &RetrainingTrigger,
) -> Result<(), Stop> {
    let severity = trigger.severity.to_string();
    line(out, &at(trigger.decided_at), "retrain", &severity, BOLD_MAGENTA, &trigger.explanation)
}

fn line(
    out: &mut (impl Write + ?Sized),
    at: &str,
    what: &str,
    severity: &str,
    colour: &str,
    why: &str,
) -> Result<(), Stop> {
    let (on, off) = if colours() { (format!("\x1b[{colour}m"), "\x1b[0m") } else { (String::new(), "") };
    Ok(writeln!(out, "{at}  {on}{what:9}  {severity:8}{off}  {why}")?)
}
