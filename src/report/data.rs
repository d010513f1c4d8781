//! The data of a report: what the read API would answer, gathered into one value.

use crate::view::View;
use serde::Serialize;
use serde_json::{Value, json};

/// Features times windows whose history a report has: some 10 MB. Where there are more, features that
/// were ever at warning or worse come first, and the report says that it is not whole.
const CELLS: usize = 60_000;

/// Where a report's data came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Windows of a stream.
    Stream,
    /// One comparison of two data sets: it has no times.
    Check,
}

/// What a report shows.
#[derive(Debug)]
pub struct Data {
    kind: Kind,
    view: View,
    warnings: Vec<String>,
    untested: Vec<String>,
}

impl Data {
    /// The data of a gathered view.
    pub fn of(kind: Kind, view: View) -> Data {
        Data { kind, view, warnings: Vec::new(), untested: Vec::new() }
    }

    /// The same with what a reader should know, and what could not be asked.
    pub(super) fn with_notes(self, warnings: Vec<String>, untested: Vec<String>) -> Data {
        Data { warnings, untested, ..self }
    }

    /// As one value: the answers of the read API, and for each series its heat map and features.
    pub fn json(&self) -> Value {
        let view = &self.view;
        let mut room = CELLS;
        let mut is_whole = true;
        let mut series = Vec::new();
        for key in view.keys() {
            let known = view.features(key);
            let fit = known.len().min(room / view.windows(key).max(1));
            room -= fit * view.windows(key);
            is_whole &= fit == known.len();
            let features: Vec<_> = known[..fit].iter().map(|feature| view.feature(key, feature)).collect();
            series.push(json!({
                "model": key.model, "version": key.version, "segment": key.segment,
                "heatmap": view.heat_map(key), "features": features,
            }));
        }
        json!({
            "kind": self.kind,
            "tool_version": env!("CARGO_PKG_VERSION"),
            "is_whole": is_whole,
            "warnings": self.warnings,
            "untested": self.untested,
            "models": view.models(None),
            "incidents": view.incidents(None).collect::<Vec<_>>(),
            "triggers": view.triggers(None).collect::<Vec<_>>(),
            "events": view.events(None, usize::MAX).events,
            "references": view.references(None),
            "series": series,
        })
    }
}
