//! All metrics of an instance: names, labels and help in one place, and their text form.
//!
//! Names and labels are a contract with dashboards and alert rules; a test holds the whole text.
//! There is no global registry: each [`Metrics`] has its own. Only facts change a value.

use super::Clock;
use super::restraint::Restraint;
use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use serde::Serialize;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The metrics of one instance, and what the log has already been told. Clones are the same.
#[derive(Clone)]
pub struct Metrics {
    pub(super) families: Arc<Families>,
    pub(super) of_models: Arc<ModelFamilies>,
    pub(super) restraint: Arc<Restraint>,
    registry: Registry,
    version: Arc<str>,
}

impl Metrics {
    /// Fresh metrics of the program in this `version`.
    pub fn new(version: &str) -> Self {
        Metrics::with_clock(version, Clock::monotonic())
    }

    /// As [`Metrics::new`], with the clock that says when the log may have its next line.
    pub fn with_clock(version: &str, clock: Clock) -> Self {
        let registry = Registry::new();
        let families = Families::new(&registry);
        families.build_info.with_label_values(&[version]).set(1);
        Metrics {
            families: Arc::new(families),
            of_models: Arc::new(ModelFamilies::new(&registry)),
            restraint: Arc::new(Restraint::new(clock)),
            registry,
            version: version.into(),
        }
    }

    /// The program's version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How far behind the instance is, now.
    pub fn lag(&self) -> Lag {
        let values = |families: Vec<prometheus::proto::MetricFamily>| -> Vec<f64> {
            let metrics = families.iter().flat_map(|family| family.get_metric());
            metrics.map(|metric| metric.get_gauge().get_value()).collect()
        };
        Lag {
            records: values(self.families.consumer_lag.collect()).iter().sum::<f64>() as u64,
            watermark_seconds: values(self.families.watermark_lag.collect()).into_iter().reduce(f64::max),
        }
    }

    /// The Prometheus text form (version 0.0.4), families sorted by name.
    pub fn render(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .expect("gathered families have a name and a series, and a String takes all text")
    }
}

/// How far behind an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Lag {
    /// Records of its partitions still to be read.
    pub records: u64,
    /// The wall clock less the earliest watermark of its input partitions; null: it has none.
    pub watermark_seconds: Option<f64>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Buckets of a commit's duration, in seconds: from a local broker to a transaction's timeout.
const COMMIT_SECONDS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

pub(super) struct Families {
    pub(super) records_consumed: IntCounterVec,
    pub(super) records_late: IntCounterVec,
    pub(super) dead_letters: IntCounterVec,
    pub(super) unrouted_rows: IntGaugeVec,
    pub(super) conflict_rows: IntCounterVec,
    pub(super) idle_late_rows: IntCounterVec,
    pub(super) limited_rows: IntCounterVec,
    pub(super) transactions: IntCounterVec,
    pub(super) commit_duration: HistogramVec,
    pub(super) rebalances: IntCounterVec,
    pub(super) consumer_lag: IntGaugeVec,
    pub(super) watermark_lag: GaugeVec,
    pub(super) watermark_holdback: GaugeVec,
    pub(super) restore_remaining: IntGaugeVec,
    pub(super) broker_errors: IntCounterVec,
    pub(super) registry_unavailable: IntCounter,
    build_info: IntGaugeVec,
}

/// What is said of models.
pub(super) struct ModelFamilies {
    pub(super) panes_open: IntGauge,
    pub(super) last_event: GaugeVec,
    pub(super) references_made: IntCounterVec,
    pub(super) insufficient_windows: IntCounterVec,
    pub(super) drift_share: GaugeVec,
    pub(super) incident_open: IntGaugeVec,
    pub(super) drift_events: IntCounterVec,
    pub(super) trigger_open: IntGaugeVec,
    pub(super) triggers_withheld: IntGaugeVec,
    pub(super) triggers: IntCounterVec,
}

const OF_PARTITION: &[&str] = &["topic", "partition"];
const OF_MODEL: &[&str] = &["model"];
const OF_STAGE: &[&str] = &["stage"];

impl Families {
    fn new(registry: &Registry) -> Self {
        let new = Builder(registry);
        Families {
            records_consumed: new.counters(
                "records_consumed_total",
                "Input records whose reading is committed.",
                OF_PARTITION,
            ),
            records_late: new.counters(
                "records_late_total",
                "Rows that came after their pane's end had passed the watermark.",
                OF_MODEL,
            ),
            dead_letters: new.counters(
                "dead_letters_total",
                "Records that could not be used, by reason.",
                &["reason"],
            ),
            unrouted_rows: new.gauges(
                "unrouted_rows",
                "Rows that belong to no monitored model, since the partition's start.",
                OF_PARTITION,
            ),
            conflict_rows: new.counters(
                "conflict_rows_total",
                "Rows left out because they were sketched against another reference than their pane.",
                OF_MODEL,
            ),
            idle_late_rows: new.counters(
                "idle_late_rows_total",
                "Rows left out because an idle partition woke after their pane had closed.",
                OF_MODEL,
            ),
            limited_rows: new.counters(
                "limited_rows_total",
                "Rows left out because a limit has no room for their model, version or segment.",
                &["limit"],
            ),
            transactions: new.counters(
                "transactions_total",
                "Transactions by stage and outcome (committed, aborted, fenced, lost).",
                &["stage", "outcome"],
            ),
            commit_duration: new.histograms(
                "commit_duration_seconds",
                "From a transaction's begin to its commit.",
                OF_STAGE,
                &COMMIT_SECONDS,
            ),
            rebalances: new.counters(
                "rebalances_total",
                "Times that partitions were given to or taken from a stage.",
                OF_STAGE,
            ),
            consumer_lag: new.gauges(
                "consumer_lag",
                "Records of an owned partition still to be read.",
                OF_PARTITION,
            ),
            watermark_lag: new.float_gauges(
                "watermark_lag_seconds",
                "Wall clock less the watermark of an owned input partition.",
                OF_PARTITION,
            ),
            watermark_holdback: new.float_gauges(
                "watermark_holdback_seconds",
                "By how much an input partition's watermark is behind the foremost one.",
                OF_PARTITION,
            ),
            restore_remaining: new.gauges(
                "restore_records_remaining",
                "Records still to be read back before an owned partition is judged.",
                &["partition"],
            ),
            broker_errors: new.counters(
                "broker_errors_total",
                "Failures of the broker that were tried again.",
                OF_STAGE,
            ),
            registry_unavailable: new
                .counter("registry_unavailable_total", "Requests that the schema registry did not answer."),
            build_info: new.gauges("build_info", "1, labelled with the program's version.", &["version"]),
        }
    }
}

impl ModelFamilies {
    fn new(registry: &Registry) -> Self {
        let new = Builder(registry);
        ModelFamilies {
            panes_open: new.gauge("panes_open", "Panes of all models, versions and segments held open."),
            last_event: new.float_gauges(
                "model_last_event_timestamp_seconds",
                "Latest event time seen of a model, since 1970.",
                OF_MODEL,
            ),
            references_made: new.counters(
                "references_made_total",
                "References made of first rows (bootstrap) or of a window (accepted_window).",
                &["model", "origin"],
            ),
            insufficient_windows: new.counters(
                "model_insufficient_windows_total",
                "Windows of all traffic of a version with too little to judge.",
                OF_MODEL,
            ),
            drift_share: new.float_gauges(
                "drift_share",
                "Weight of the drifted features over that of the judgeable, in the last judged window.",
                &["model", "version"],
            ),
            incident_open: new.gauges(
                "incident_open",
                "Open incidents.",
                &["model", "version", "severity", "category"],
            ),
            drift_events: new.counters(
                "drift_events_total",
                "Drift events published.",
                &["model", "transition"],
            ),
            trigger_open: new.gauges(
                "trigger_open",
                "Retraining triggers neither closed nor expired.",
                OF_MODEL,
            ),
            triggers_withheld: new.gauges(
                "triggers_withheld",
                "Retraining triggers held back at the last window end, by reason.",
                &["model", "reason"],
            ),
            triggers: new.counters("triggers_total", "Retraining triggers published.", OF_MODEL),
        }
    }
}

/// Makes families under `driftline_` and puts them into the registry.
struct Builder<'a>(&'a Registry);

impl Builder<'_> {
    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.register(IntCounter::with_opts(opts(name, help)))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.register(IntCounterVec::new(opts(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.register(IntGauge::with_opts(opts(name, help)))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.register(IntGaugeVec::new(opts(name, help), labels))
    }

    fn float_gauges(&self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        self.register(GaugeVec::new(opts(name, help), labels))
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
        let opts = HistogramOpts { common_opts: opts(name, help), buckets: buckets.to_vec() };
        self.register(HistogramVec::new(opts, labels))
    }

    fn register<F: Collector + Clone + 'static>(&self, family: prometheus::Result<F>) -> F {
        let family = family.expect("names and labels are constants of this file and well formed");
        self.0.register(Box::new(family.clone())).expect("names are constants of this file and distinct");
        family
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("driftline")
}

/// A series' label values by label name; `""` for a label that the family does not have.
type Labels<'a> = dyn Fn(&str) -> &'a str + 'a;

/// Removes the series that `is_gone` picks by their labels.
pub(super) fn drop_series<B: MetricVecBuilder>(
    family: &MetricVec<B>,
    is_gone: impl for<'a> Fn(&Labels<'a>) -> bool,
) where
    MetricVec<B>: Collector,
{
    for labels in series(family) {
        if is_gone(&|name| labels.get(name).map_or("", String::as_str)) {
            let labels: HashMap<&str, &str> = labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            // Another thread may have removed it first, which is as well.
            let _ = family.remove(&labels);
        }
    }
}

/// Sets to 0 the series that `keeps` does not pick by their labels.
pub(super) fn zero_unless(family: &IntGaugeVec, keeps: impl for<'a> Fn(&Labels<'a>) -> bool) {
    for labels in series(family) {
        if !keeps(&|name| labels.get(name).map_or("", String::as_str)) {
            let labels: HashMap<&str, &str> = labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            family.with(&labels).set(0);
        }
    }
}

/// The labels of all series of a family.
fn series(family: &impl Collector) -> Vec<HashMap<String, String>> {
    let families = family.collect();
    let metrics = families.iter().flat_map(|family| family.get_metric());
    metrics
        .map(|metric| metric.get_label().iter().map(|l| (l.name().into(), l.value().into())).collect())
        .collect()
}
