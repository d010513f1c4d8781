//! A check as data of a report: one window that has no time.

use super::data::{Data, Kind};
use crate::error::{Error, Result};
use crate::policy::record::{Chunk, FeatureReport, SCHEMA_VERSION, WindowInfo, WindowReport, WindowState};
use crate::reference::ReferenceId;
use crate::view::View;
use crate::window::Flow;
use crate::words::{Time, Verdict};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What `check --format json` writes, as far as it is shown.
#[derive(Deserialize)]
struct Check {
    reference: Reference,
    current: Current,
    verdict: Verdict,
    drift_share: Option<f64>,
    drifted: u32,
    judgeable: u32,
    insufficient: u32,
    warnings: Vec<Warning>,
    #[serde(default)]
    expectations: Vec<Expectation>,
    features: Vec<FeatureReport>,
}

#[derive(Deserialize)]
struct Reference {
    id: ReferenceId,
}

#[derive(Deserialize)]
struct Current {
    rows: u64,
}

#[derive(Deserialize)]
struct Warning {
    code: String,
    feature: String,
    message: String,
}

#[derive(Deserialize)]
struct Expectation {
    met: bool,
    message: String,
}

impl Data {
    /// The data of a check, as `check --format json` says it.
    ///
    /// # Errors
    /// `Input`: it is not what a check says.
    pub fn of_check(said: Value) -> Result<Data> {
        let check: Check = serde_json::from_value(said)
            .map_err(|error| Error::input(format!("this is not the JSON of a check: {error}")))?;
        let flow = Flow { events: check.current.rows, ..Flow::default() };
        let report = WindowReport {
            schema_version: SCHEMA_VERSION,
            r#type: "window_report".into(),
            id: String::new(),
            application_id: String::new(),
            decided_at: Time::EPOCH,
            model: "check".into(),
            version: "".into(),
            segment: Vec::new(),
            window: WindowInfo::new(Time::EPOCH, Time::EPOCH, WindowState::Complete, flow),
            reference_id: Some(check.reference.id),
            config_id: String::new(),
            verdict: check.verdict,
            drift_share: check.drift_share,
            drifted: check.drifted,
            judgeable: check.judgeable,
            insufficient: check.insufficient,
            triggers_withheld: Vec::new(),
            mutes: Vec::new(),
            unknown_features: BTreeMap::new(),
            chunk: Chunk { index: 0, total: 1 },
            features: check.features,
        };
        let mut view = View::default();
        view.report(report);
        let unmet = check.expectations.into_iter().filter(|expectation| !expectation.met);
        let unmet = unmet.map(|expectation| format!("Not as expected: {}", expectation.message));
        let (untested, warnings): (Vec<Warning>, Vec<Warning>) =
            check.warnings.into_iter().partition(|warning| warning.code == "not_tested");
        let said = |warning: Warning| format!("{}: {}", warning.feature, warning.message);
        let warnings = unmet.chain(warnings.into_iter().map(said)).collect();
        Ok(Data::of(Kind::Check, view).with_notes(warnings, untested.into_iter().map(said).collect()))
    }
}
