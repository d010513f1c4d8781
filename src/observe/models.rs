//! Facts about models: panes, windows, references, incidents, events and triggers.

use super::metrics::{drop_series, zero_unless};
use super::{Fact, Metrics};
use crate::words::{Severity, Time};
use std::collections::HashSet;
use tracing::{debug, info, warn};

/// The kind under which [`NoReference`] is said once.
const NO_REFERENCE: &str = "no reference";

/// An event of a model was counted.
#[derive(Debug, Clone, Copy)]
pub struct ModelHeard<'a> {
    /// The model.
    pub model: &'a str,
    /// The latest event time seen of it.
    pub last_event: Time,
}

impl Fact for ModelHeard<'_> {
    fn emit(self, metrics: &Metrics) {
        let seconds = self.last_event.ms() as f64 / 1e3;
        metrics.of_models.last_event.with_label_values(&[self.model]).set(seconds);
    }
}

/// The stream names a model that nobody monitors. Said once a name, for a bounded number of names;
/// the rows are counted by [`super::RowsUnrouted`].
#[derive(Debug, Clone, Copy)]
pub struct UnknownModel<'a> {
    /// Its name as it stands in the stream.
    pub model: &'a str,
}

impl Fact for UnknownModel<'_> {
    fn emit(self, metrics: &Metrics) {
        if metrics.restraint.first("unknown model", self.model, "") {
            // The log writes text fields escaped, so a name from outside cannot forge a line.
            warn!(model = self.model, "model is not configured, its rows are counted as unrouted");
        }
    }
}

/// A version has nothing to be compared with. Said once, and again after it had a reference.
#[derive(Debug, Clone, Copy)]
pub struct NoReference<'a> {
    /// The model.
    pub model: &'a str,
    /// The version.
    pub version: &'a str,
}

impl Fact for NoReference<'_> {
    fn emit(self, metrics: &Metrics) {
        let NoReference { model, version } = self;
        if metrics.restraint.first(NO_REFERENCE, model, version) {
            warn!(model, version, "no reference, rows are counted and not judged");
        }
    }
}

/// A reference is in force from an event time on.
#[derive(Debug, Clone, Copy)]
pub struct ReferenceActivated<'a> {
    /// The model.
    pub model: &'a str,
    /// The version.
    pub version: &'a str,
    /// The reference's id.
    pub reference: &'a str,
    /// From when on.
    pub effective_from: Time,
}

impl Fact for ReferenceActivated<'_> {
    fn emit(self, metrics: &Metrics) {
        let ReferenceActivated { model, version, reference, effective_from } = self;
        metrics.restraint.forget(NO_REFERENCE, |m, v| m == model && v == version);
        info!(model, version, reference, %effective_from, "reference activated");
    }
}

/// Stage 2 made a reference itself and published it.
#[derive(Debug, Clone, Copy)]
pub struct ReferenceMade<'a> {
    /// The model.
    pub model: &'a str,
    /// The version.
    pub version: &'a str,
    /// The reference's id.
    pub reference: &'a str,
    /// What it was made of: `bootstrap` or `accepted_window`.
    pub origin: &'static str,
    /// From when on it holds.
    pub effective_from: Time,
    /// How many rows it is made of.
    pub rows: u64,
    /// Whether its halves agree; `None` where that can't be told.
    pub stable: Option<bool>,
}

impl Fact for ReferenceMade<'_> {
    fn emit(self, metrics: &Metrics) {
        let ReferenceMade { model, version, reference, origin, effective_from, rows, stable } = self;
        metrics.of_models.references_made.with_label_values(&[model, origin]).inc();
        info!(model, version, reference, origin, %effective_from, rows, stable, "reference made");
    }
}

/// A pane is closed: the watermark has passed its end.
#[derive(Debug, Clone, Copy)]
pub struct PaneClosed<'a> {
    /// The model.
    pub model: &'a str,
    /// The pane's end.
    pub end: Time,
    /// Rows in it, of all versions.
    pub rows: u64,
}

impl Fact for PaneClosed<'_> {
    fn emit(self, _: &Metrics) {
        debug!(model = self.model, end = %self.end, rows = self.rows, "pane closed");
    }
}

/// How many panes this instance holds open.
#[derive(Debug, Clone, Copy)]
pub struct PanesCounted {
    /// Panes of all models, versions and segments.
    pub open: usize,
}

impl Fact for PanesCounted {
    fn emit(self, metrics: &Metrics) {
        metrics.of_models.panes_open.set(as_gauge(self.open));
    }
}

/// A window of all traffic of a version was judged, or could not be.
#[derive(Debug, Clone, Copy)]
pub struct WindowJudged<'a> {
    /// The model.
    pub model: &'a str,
    /// The version.
    pub version: &'a str,
    /// The window's end.
    pub end: Time,
    /// Weight of the drifted features over that of the judgeable, 0 to 1; `None` when there was too
    /// little to judge.
    pub drift_share: Option<f64>,
}

impl Fact for WindowJudged<'_> {
    fn emit(self, metrics: &Metrics) {
        let WindowJudged { model, version, end, drift_share } = self;
        match drift_share {
            Some(share) => {
                metrics.of_models.drift_share.with_label_values(&[model, version]).set(share);
            }
            None => {
                metrics.of_models.insufficient_windows.with_label_values(&[model]).inc();
                // An old share must not stand for a window that says nothing. The series may not
                // be there, and then there is nothing to remove.
                let _ = metrics.of_models.drift_share.remove_label_values(&[model, version]);
            }
        }
        debug!(model, version, %end, drift_share, "window judged");
    }
}

/// The incidents of a version that are open: told whole, what is not named is 0.
#[derive(Debug, Clone, Copy)]
pub struct IncidentsCounted<'a> {
    /// The model.
    pub model: &'a str,
    /// The version.
    pub version: &'a str,
    /// Severity, category (of the code's own list) and how many; a pair at most once.
    pub open: &'a [(Severity, &'static str, usize)],
}

impl Fact for IncidentsCounted<'_> {
    fn emit(self, metrics: &Metrics) {
        let IncidentsCounted { model, version, open } = self;
        let gauge = &metrics.of_models.incident_open;
        let mut named = HashSet::new();
        for (severity, category, count) in open {
            let severity = severity.to_string();
            gauge.with_label_values(&[model, version, &severity, category]).set(as_gauge(*count));
            named.insert((severity, *category));
        }
        zero_unless(gauge, |label| {
            (label("model"), label("version")) != (model, version)
                || named.contains(&(label("severity").to_owned(), label("category")))
        });
    }
}

/// A drift event was published and its transaction committed.
#[derive(Debug, Clone, Copy)]
pub struct DriftEventPublished<'a> {
    /// The event's id.
    pub id: &'a str,
    /// The model.
    pub model: &'a str,
    /// The version.
    pub version: &'a str,
    /// What changed: `detected`, `escalated`, `resolved`, or a step of a trigger's life.
    pub transition: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The event's own sentence.
    pub explanation: &'a str,
}

impl Fact for DriftEventPublished<'_> {
    fn emit(self, metrics: &Metrics) {
        let DriftEventPublished { id, model, version, transition, severity, explanation } = self;
        metrics.of_models.drift_events.with_label_values(&[model, transition]).inc();
        info!(id, model, version, transition, %severity, explanation, "drift event published");
    }
}

/// A retraining trigger was published and its transaction committed.
#[derive(Debug, Clone, Copy)]
pub struct TriggerPublished<'a> {
    /// The trigger's id.
    pub id: &'a str,
    /// The model.
    pub model: &'a str,
    /// The version.
    pub version: &'a str,
    /// What it was published for: `share`, `schedule`, ….
    pub cause: &'static str,
    /// The trigger's own sentence.
    pub explanation: &'a str,
}

impl Fact for TriggerPublished<'_> {
    fn emit(self, metrics: &Metrics) {
        let TriggerPublished { id, model, version, cause, explanation } = self;
        metrics.of_models.triggers.with_label_values(&[model]).inc();
        info!(id, model, version, cause, explanation, "retraining trigger published");
    }
}

/// The triggers of a model that are open or held back: told whole, what is not named is 0. A reason
/// is logged when it begins to hold something back.
#[derive(Debug, Clone, Copy)]
pub struct TriggersCounted<'a> {
    /// The model.
    pub model: &'a str,
    /// Triggers published and not yet closed or expired, over all versions.
    pub open: usize,
    /// By reason (of the code's own list) how many are held back; a reason at most once.
    pub withheld: &'a [(&'static str, usize)],
}

impl Fact for TriggersCounted<'_> {
    fn emit(self, metrics: &Metrics) {
        let TriggersCounted { model, open, withheld } = self;
        metrics.of_models.trigger_open.with_label_values(&[model]).set(as_gauge(open));
        let gauge = &metrics.of_models.triggers_withheld;
        for (reason, count) in withheld {
            let series = gauge.with_label_values(&[model, reason]);
            if series.get() == 0 && *count > 0 {
                info!(model, reason, "retraining trigger withheld");
            }
            series.set(as_gauge(*count));
        }
        zero_unless(gauge, |label| {
            label("model") != model || withheld.iter().any(|(reason, _)| *reason == label("reason"))
        });
    }
}

/// A command was done or refused.
#[derive(Debug, Clone, Copy)]
pub struct CommandAnswered<'a> {
    /// Its id.
    pub id: &'a str,
    /// What was asked for.
    pub kind: &'a str,
    /// The model.
    pub model: &'a str,
    /// Who asked.
    pub actor: &'a str,
    /// Why it was refused; `None`: it was done.
    pub refusal: Option<&'a str>,
}

impl Fact for CommandAnswered<'_> {
    fn emit(self, _: &Metrics) {
        let CommandAnswered { id, kind, model, actor, refusal } = self;
        match refusal {
            None => info!(id, kind, model, actor, "command done"),
            Some(why) => warn!(id, kind, model, actor, why, "command refused"),
        }
    }
}

/// A version is no longer followed; its figures go with it.
#[derive(Debug, Clone, Copy)]
pub struct VersionRetired<'a> {
    /// The model.
    pub model: &'a str,
    /// The version.
    pub version: &'a str,
}

impl Fact for VersionRetired<'_> {
    fn emit(self, metrics: &Metrics) {
        let VersionRetired { model, version } = self;
        drop_model_series(metrics, model, Some(version));
        info!(model, version, "version retired");
    }
}

/// A model is no longer evaluated here (its partition moved, or its configuration went); its figures
/// go with it. What was counted stays: it was counted here.
#[derive(Debug, Clone, Copy)]
pub struct ModelReleased<'a> {
    /// The model.
    pub model: &'a str,
}

impl Fact for ModelReleased<'_> {
    fn emit(self, metrics: &Metrics) {
        drop_model_series(metrics, self.model, None);
        debug!(model = self.model, "model released");
    }
}

/// Drops the gauges of a version, or of a model with all its versions.
fn drop_model_series(metrics: &Metrics, model: &str, version: Option<&str>) {
    let families = &metrics.of_models;
    let is_version = |m: &str, v: &str| m == model && version.is_none_or(|version| v == version);
    drop_series(&families.drift_share, |label| is_version(label("model"), label("version")));
    drop_series(&families.incident_open, |label| is_version(label("model"), label("version")));
    metrics.restraint.forget(NO_REFERENCE, is_version);
    if version.is_none() {
        drop_series(&families.trigger_open, |label| label("model") == model);
        drop_series(&families.triggers_withheld, |label| label("model") == model);
        drop_series(&families.last_event, |label| label("model") == model);
    }
}

fn as_gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
