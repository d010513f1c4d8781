//! What a view answers: the forms of the read API, and of the report that is made from it.

use super::history::{FeatureHistory, WindowColumns};
use super::incidents::{EventsAnswer, IncidentAnswer, State, TriggerAnswer};
use super::{Dropped, OfKey, ReferencesAnswer, View};
use crate::policy::record::{DriftEvent, FeatureReport, Mute, WindowInfo, WindowReport};
use crate::reference::ReferenceId;
use crate::words::{Kind, ModelKey, Name, Role, Severity, Verdict};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// How many windows are told at a glance.
const RECENT: usize = 24;

/// One model, version and segment at a glance.
#[derive(Debug, Serialize)]
pub struct Series<'a> {
    /// The model.
    pub model: &'a Name,
    /// The version.
    pub version: &'a Name,
    /// The segment; empty for all traffic.
    pub segment: &'a [Name],
    /// The revision that changed it last.
    pub revision: u64,
    /// The last window.
    pub window: WindowInfo,
    /// Events of the last window by its length, in event time.
    pub events_per_second: f64,
    /// Its worst verdict.
    pub verdict: Verdict,
    /// Weight of the drifted over weight of the judgeable features.
    pub drift_share: Option<f64>,
    /// Features at drift or worse.
    pub drifted: u32,
    /// Features that could be judged.
    pub judgeable: u32,
    /// Features that could not.
    pub insufficient: u32,
    /// The reference of the last window.
    pub reference_id: Option<&'a ReferenceId>,
    /// Why retraining was not asked for although it was due.
    pub triggers_withheld: &'a [String],
    /// The mutes in force.
    pub mutes: &'a [Mute],
    /// Columns that the reference does not have, with their rows.
    pub unknown_features: &'a BTreeMap<String, u64>,
    /// Incidents that are open.
    pub open_incidents: usize,
    /// The worst of them.
    pub worst_open: Option<Severity>,
    /// The verdicts of the last windows, a letter each, as in [`HeatMap`].
    pub recent: String,
    /// Windows that are kept.
    pub windows: usize,
    /// Features of them.
    pub features: usize,
}

/// All models at a glance.
#[derive(Debug, Serialize)]
pub struct ModelsAnswer<'a> {
    /// By model, version and segment.
    pub models: Vec<Series<'a>>,
    /// What did not fit.
    pub dropped: Dropped,
    /// The revision that this is.
    pub revision: u64,
}

/// Verdicts and sizes of all features over time.
#[derive(Debug, Serialize)]
pub struct HeatMap<'a> {
    model: &'a Name,
    version: &'a Name,
    segment: &'a [Name],
    revision: u64,
    windows: WindowColumns,
    features: Vec<HeatRow<'a>>,
}

/// A feature over time, a character for each window.
#[derive(Debug, Serialize)]
struct HeatRow<'a> {
    feature: &'a Name,
    role: Role,
    kind: Kind,
    importance: f64,
    /// `o` ok, `w` warning, `d` drift, `c` critical, `i` insufficient, `n` no reference, `.` not there.
    verdicts: String,
    /// The greatest measure as fifths of its drift threshold, 9 at most; `.` not there. May be empty.
    sizes: String,
}

/// One feature over time.
#[derive(Debug, Serialize)]
pub struct FeatureAnswer<'a> {
    model: &'a Name,
    version: &'a Name,
    segment: &'a [Name],
    feature: &'a str,
    role: Role,
    kind: Kind,
    importance: f64,
    windows: WindowColumns,
    verdicts: String,
    /// Measures and figures by name, a number or null for each window.
    columns: BTreeMap<&'static str, &'a VecDeque<f32>>,
    /// What the last report says of it; null where it is not in it.
    latest: Option<&'a FeatureReport>,
}

impl View {
    /// All models, or the series of one.
    pub fn models(&self, model: Option<&str>) -> ModelsAnswer<'_> {
        let keys = self.keys.iter().filter(|(key, _)| model.is_none_or(|model| model == &*key.model));
        let models = keys.filter_map(|(key, known)| self.series(key, known)).collect();
        ModelsAnswer { models, dropped: self.dropped, revision: self.revision }
    }

    fn series<'a>(&'a self, key: &'a ModelKey, known: &'a OfKey) -> Option<Series<'a>> {
        let last = known.history.windows.back()?;
        let latest = known.latest.as_ref()?;
        let seconds = last.info.end.since_ms(last.info.start) as f64 / 1000.0;
        let open: Vec<Severity> = self
            .incidents(Some(State::Open))
            .filter(|incident| is_of(incident.event, key))
            .map(|incident| incident.event.severity)
            .collect();
        Some(Series {
            model: &key.model,
            version: &key.version,
            segment: &key.segment,
            revision: known.revision,
            window: last.info,
            events_per_second: if seconds > 0.0 { last.info.events as f64 / seconds } else { 0.0 },
            verdict: last.verdict,
            drift_share: last.drift_share,
            drifted: last.drifted,
            judgeable: last.judgeable,
            insufficient: last.insufficient,
            reference_id: last.reference_id.as_ref(),
            triggers_withheld: &latest.triggers_withheld,
            mutes: &latest.mutes,
            unknown_features: &latest.unknown_features,
            open_incidents: open.len(),
            worst_open: open.into_iter().max(),
            recent: known.history.recent(RECENT),
            windows: known.history.windows.len(),
            features: known.history.features.len(),
        })
    }

    /// The heat map of a key.
    pub fn heat_map(&self, key: &ModelKey) -> Option<HeatMap<'_>> {
        let (key, known) = self.keys.get_key_value(key)?;
        Some(HeatMap {
            model: &key.model,
            version: &key.version,
            segment: &key.segment,
            revision: known.revision,
            windows: WindowColumns::from(&known.history),
            features: known.history.features.iter().map(HeatRow::from).collect(),
        })
    }

    /// One feature of a key over time.
    pub fn feature(&self, key: &ModelKey, feature: &str) -> Option<FeatureAnswer<'_>> {
        let (key, known) = self.keys.get_key_value(key)?;
        let (feature, history) = known.history.features.get_key_value(feature)?;
        let of_feature = |report: &&FeatureReport| report.feature == *feature;
        let latest = known.latest.as_ref().and_then(|latest| latest.features.iter().find(of_feature));
        Some(FeatureAnswer {
            model: &key.model,
            version: &key.version,
            segment: &key.segment,
            feature,
            role: history.role,
            kind: history.kind,
            importance: history.importance,
            windows: WindowColumns::from(&known.history),
            verdicts: history.verdicts(),
            columns: history.columns().collect(),
            latest,
        })
    }

    /// The last report of a key, with the features of all its chunks.
    pub fn latest(&self, key: &ModelKey) -> Option<&WindowReport> {
        self.keys.get(key)?.latest.as_ref()
    }

    /// Incidents, the last opened first.
    pub fn incidents(&self, state: Option<State>) -> impl Iterator<Item = IncidentAnswer<'_>> {
        self.log
            .incidents(state)
            .map(|answer| IncidentAnswer { muted: self.is_muted(answer.event), ..answer })
    }

    /// Whether a mute of the last window covers what an event is about.
    fn is_muted(&self, event: &DriftEvent) -> bool {
        let (model, version, segment) = (event.model.clone(), event.version.clone(), event.segment.clone());
        let key = ModelKey { model, version, segment };
        let Some(report) = self.latest(&key) else { return false };
        let whole = Name::from("");
        let feature = event.feature.as_ref().unwrap_or(&whole);
        report.mutes.iter().any(|mute| mute.covers(&key, feature, report.window.end))
    }

    /// Triggers, the last one first.
    pub fn triggers(&self, state: Option<State>) -> impl Iterator<Item = TriggerAnswer<'_>> {
        self.log.triggers(state)
    }

    /// The last events, newest first.
    pub fn events(&self, model: Option<&str>, most: usize) -> EventsAnswer<'_> {
        let of_model = self.log.events().filter(|event| model.is_none_or(|model| model == &*event.model));
        EventsAnswer { events: of_model.take(most).collect() }
    }

    /// References and their activations.
    pub fn references(&self, model: Option<&str>) -> ReferencesAnswer<'_> {
        self.references.answer(model)
    }

    /// The keys that are known.
    pub fn keys(&self) -> impl Iterator<Item = &ModelKey> {
        self.keys.keys()
    }

    /// The features of a key, those that were ever at warning or worse first.
    pub fn features(&self, key: &ModelKey) -> Vec<&Name> {
        let features = self.keys.get(key).into_iter().flat_map(|known| &known.history.features);
        let (raised, calm): (Vec<_>, Vec<_>) = features.partition(|(_, history)| history.was_raised());
        raised.into_iter().chain(calm).map(|(feature, _)| feature).collect()
    }

    /// How many windows of a key are kept.
    pub fn windows(&self, key: &ModelKey) -> usize {
        self.keys.get(key).map_or(0, |known| known.history.windows.len())
    }
}

fn is_of(event: &DriftEvent, key: &ModelKey) -> bool {
    event.model == key.model && event.version == key.version && event.segment == key.segment
}

impl<'a> From<(&'a Name, &'a FeatureHistory)> for HeatRow<'a> {
    fn from((feature, history): (&'a Name, &'a FeatureHistory)) -> Self {
        HeatRow {
            feature,
            role: history.role,
            kind: history.kind,
            importance: history.importance,
            verdicts: history.verdicts(),
            sizes: history.sizes(),
        }
    }
}
