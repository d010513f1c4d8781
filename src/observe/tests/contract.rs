//! The whole of what the facts say, once each: dashboards, alert rules and log searches build on it.

use super::super::*;
use super::{heard, metrics};
use crate::words::{ModelKey, Severity, Time};
use std::time::Duration;

fn emit_one_of_each(metrics: &Metrics) {
    use Severity::Drift;
    let (stage, topic, partition, model, version) = (Stage::Sketch, "events", 3, "fraud", "7");
    let (why, records, end) = ("a reason", 12, Time::from_ms(3_600_000));
    let took = Duration::from_millis(40);
    Started { application_id: "driftline", stages: &[Stage::Sketch, Stage::Evaluate] }.emit(metrics);
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 9600));
    ListenerOpened { address, setting: "http.listen" }.emit(metrics);
    PartitionsAssigned { stage, partitions: &[("labels", 0), (topic, 3), (topic, 1)] }.emit(metrics);
    RestoreStarted { partition, records }.emit(metrics);
    RestoreProgressed { partition, remaining: 5 }.emit(metrics);
    RestoreFinished { partition, records, took }.emit(metrics);
    ReferenceActivated { model, version, reference: "ref_1", effective_from: Time::EPOCH }.emit(metrics);
    let (reference, origin, effective_from, rows) = ("ref_2", "accepted_window", Time::EPOCH, 90);
    ReferenceMade { model, version, reference, origin, effective_from, rows, stable: Some(true) }
        .emit(metrics);
    RecordsConsumed { topic, partition, records }.emit(metrics);
    RecordDeadLettered { topic, partition, offset: 9, reason: "no_time", message: why }.emit(metrics);
    LateRecords { model, records: 2 }.emit(metrics);
    ConflictRows { model, rows: 3 }.emit(metrics);
    IdleLateRows { model, rows: 4 }.emit(metrics);
    let key = ModelKey { model: model.into(), version: version.into(), segment: vec!["de".into()] };
    RowsLimited { key: &key, limit: "segments", rows: 5 }.emit(metrics);
    UnknownModel { model: "a\nb" }.emit(metrics);
    NoReference { model, version }.emit(metrics);
    TransactionCommitted { stage, took, records }.emit(metrics);
    TransactionAborted { stage, why }.emit(metrics);
    ProducerLost { stage, why }.emit(metrics);
    InstanceFenced { stage, why }.emit(metrics);
    BrokerTroubled { stage, why }.emit(metrics);
    RegistryUnavailable { why }.emit(metrics);
    ConsumerLagged { topic, partition, records: 70 }.emit(metrics);
    WatermarkMoved { topic, partition, lag_seconds: 61.5 }.emit(metrics);
    WatermarksCompared { holdback_seconds: &[(topic, partition, 2.5)] }.emit(metrics);
    RowsUnrouted { topic, partition, rows: 8 }.emit(metrics);
    ModelHeard { model, last_event: Time::from_ms(1_500) }.emit(metrics);
    PanesCounted { open: 6 }.emit(metrics);
    PaneClosed { model, end, rows: 100 }.emit(metrics);
    WindowJudged { model, version: "8", end, drift_share: None }.emit(metrics);
    WindowJudged { model, version, end, drift_share: Some(0.25) }.emit(metrics);
    IncidentsCounted { model, version, open: &[(Drift, "distribution", 2)] }.emit(metrics);
    let explanation = "amount moved up";
    let transition = "detected";
    DriftEventPublished { id: "evt_1", model, version, transition, severity: Drift, explanation }
        .emit(metrics);
    TriggerPublished { id: "trg_1", model, version, cause: "share", explanation }.emit(metrics);
    TriggersCounted { model, open: 1, withheld: &[("quality", 1)] }.emit(metrics);
    VersionRetired { model, version: "6" }.emit(metrics);
    ModelReleased { model: "old" }.emit(metrics);
    PartitionsRevoked { stage, partitions: &[("labels", 0)], lost: true }.emit(metrics);
    PartitionsRevoked { stage, partitions: &[("labels", 1)], lost: false }.emit(metrics);
    Stopping { why: "SIGTERM" }.emit(metrics);
    Stopped { took }.emit(metrics);
}

#[test]
fn the_names_and_labels_of_the_metrics_are_these() {
    let (metrics, _) = metrics();
    emit_one_of_each(&metrics);
    insta::assert_snapshot!(metrics.render(), @r#"
    # HELP driftline_broker_errors_total Failures of the broker that were tried again.
    # TYPE driftline_broker_errors_total counter
    driftline_broker_errors_total{stage="sketch"} 1
    # HELP driftline_build_info 1, labelled with the program's version.
    # TYPE driftline_build_info gauge
    driftline_build_info{version="0.0.0"} 1
    # HELP driftline_commit_duration_seconds From a transaction's begin to its commit.
    # TYPE driftline_commit_duration_seconds histogram
    driftline_commit_duration_seconds_bucket{stage="sketch",le="0.005"} 0
    driftline_commit_duration_seconds_bucket{stage="sketch",le="0.01"} 0
    driftline_commit_duration_seconds_bucket{stage="sketch",le="0.025"} 0
    driftline_commit_duration_seconds_bucket{stage="sketch",le="0.05"} 1
    driftline_commit_duration_seconds_bucket{stage="sketch",le="0.1"} 1
    driftline_commit_duration_seconds_bucket{stage="sketch",le="0.25"} 1
    driftline_commit_duration_seconds_bucket{stage="sketch",le="0.5"} 1
    driftline_commit_duration_seconds_bucket{stage="sketch",le="1"} 1
    driftline_commit_duration_seconds_bucket{stage="sketch",le="2.5"} 1
    driftline_commit_duration_seconds_bucket{stage="sketch",le="5"} 1
    driftline_commit_duration_seconds_bucket{stage="sketch",le="10"} 1
    driftline_commit_duration_seconds_bucket{stage="sketch",le="30"} 1
    driftline_commit_duration_seconds_bucket{stage="sketch",le="60"} 1
    driftline_commit_duration_seconds_bucket{stage="sketch",le="+Inf"} 1
    driftline_commit_duration_seconds_sum{stage="sketch"} 0.04
    driftline_commit_duration_seconds_count{stage="sketch"} 1
    # HELP driftline_conflict_rows_total Rows left out because they were sketched against another reference than their pane.
    # TYPE driftline_conflict_rows_total counter
    driftline_conflict_rows_total{model="fraud"} 3
    # HELP driftline_consumer_lag Records of an owned partition still to be read.
    # TYPE driftline_consumer_lag gauge
    driftline_consumer_lag{partition="3",topic="events"} 70
    # HELP driftline_dead_letters_total Records that could not be used, by reason.
    # TYPE driftline_dead_letters_total counter
    driftline_dead_letters_total{reason="no_time"} 1
    # HELP driftline_drift_events_total Drift events published.
    # TYPE driftline_drift_events_total counter
    driftline_drift_events_total{model="fraud",transition="detected"} 1
    # HELP driftline_drift_share Weight of the drifted features over that of the judgeable, in the last judged window.
    # TYPE driftline_drift_share gauge
    driftline_drift_share{model="fraud",version="7"} 0.25
    # HELP driftline_idle_late_rows_total Rows left out because an idle partition woke after their pane had closed.
    # TYPE driftline_idle_late_rows_total counter
    driftline_idle_late_rows_total{model="fraud"} 4
    # HELP driftline_incident_open Open incidents.
    # TYPE driftline_incident_open gauge
    driftline_incident_open{category="distribution",model="fraud",severity="drift",version="7"} 2
    # HELP driftline_limited_rows_total Rows left out because a limit has no room for their model, version or segment.
    # TYPE driftline_limited_rows_total counter
    driftline_limited_rows_total{limit="segments"} 5
    # HELP driftline_model_insufficient_windows_total Windows of all traffic of a version with too little to judge.
    # TYPE driftline_model_insufficient_windows_total counter
    driftline_model_insufficient_windows_total{model="fraud"} 1
    # HELP driftline_model_last_event_timestamp_seconds Latest event time seen of a model, since 1970.
    # TYPE driftline_model_last_event_timestamp_seconds gauge
    driftline_model_last_event_timestamp_seconds{model="fraud"} 1.5
    # HELP driftline_panes_open Panes of all models, versions and segments held open.
    # TYPE driftline_panes_open gauge
    driftline_panes_open 6
    # HELP driftline_rebalances_total Times that partitions were given to or taken from a stage.
    # TYPE driftline_rebalances_total counter
    driftline_rebalances_total{stage="evaluate"} 0
    driftline_rebalances_total{stage="sketch"} 3
    # HELP driftline_records_consumed_total Input records whose reading is committed.
    # TYPE driftline_records_consumed_total counter
    driftline_records_consumed_total{partition="3",topic="events"} 12
    # HELP driftline_records_late_total Rows that came after their pane's end had passed the watermark.
    # TYPE driftline_records_late_total counter
    driftline_records_late_total{model="fraud"} 2
    # HELP driftline_references_made_total References made of first rows (bootstrap) or of a window (accepted_window).
    # TYPE driftline_references_made_total counter
    driftline_references_made_total{model="fraud",origin="accepted_window"} 1
    # HELP driftline_registry_unavailable_total Requests that the schema registry did not answer.
    # TYPE driftline_registry_unavailable_total counter
    driftline_registry_unavailable_total 1
    # HELP driftline_restore_records_remaining Records still to be read back before an owned partition is judged.
    # TYPE driftline_restore_records_remaining gauge
    driftline_restore_records_remaining{partition="3"} 0
    # HELP driftline_transactions_total Transactions by stage and outcome (committed, aborted, fenced, lost).
    # TYPE driftline_transactions_total counter
    driftline_transactions_total{outcome="aborted",stage="evaluate"} 0
    driftline_transactions_total{outcome="aborted",stage="sketch"} 1
    driftline_transactions_total{outcome="committed",stage="evaluate"} 0
    driftline_transactions_total{outcome="committed",stage="sketch"} 1
    driftline_transactions_total{outcome="fenced",stage="evaluate"} 0
    driftline_transactions_total{outcome="fenced",stage="sketch"} 1
    driftline_transactions_total{outcome="lost",stage="evaluate"} 0
    driftline_transactions_total{outcome="lost",stage="sketch"} 1
    # HELP driftline_trigger_open Retraining triggers neither closed nor expired.
    # TYPE driftline_trigger_open gauge
    driftline_trigger_open{model="fraud"} 1
    # HELP driftline_triggers_total Retraining triggers published.
    # TYPE driftline_triggers_total counter
    driftline_triggers_total{model="fraud"} 1
    # HELP driftline_triggers_withheld Retraining triggers held back at the last window end, by reason.
    # TYPE driftline_triggers_withheld gauge
    driftline_triggers_withheld{model="fraud",reason="quality"} 1
    # HELP driftline_unrouted_rows Rows that belong to no monitored model, since the partition's start.
    # TYPE driftline_unrouted_rows gauge
    driftline_unrouted_rows{partition="3",topic="events"} 8
    # HELP driftline_watermark_holdback_seconds By how much an input partition's watermark is behind the foremost one.
    # TYPE driftline_watermark_holdback_seconds gauge
    driftline_watermark_holdback_seconds{partition="3",topic="events"} 2.5
    # HELP driftline_watermark_lag_seconds Wall clock less the watermark of an owned input partition.
    # TYPE driftline_watermark_lag_seconds gauge
    driftline_watermark_lag_seconds{partition="3",topic="events"} 61.5
    "#);
}

#[test]
fn the_log_says_each_fact_in_a_line() {
    let (metrics, _) = metrics();
    let lines = heard(|| emit_one_of_each(&metrics));
    insta::assert_snapshot!(lines.join("\n"), @r#"
    INFO driftline started version="0.0.0" application_id="driftline" stages="sketch,evaluate"
    INFO listening for HTTP address=127.0.0.1:9600 setting="http.listen"
    INFO partitions assigned stage=sketch count=3 partitions="events[1 3] labels[0]"
    INFO restore started partition=3 records=12
    DEBUG restore progressed partition=3 remaining=5
    INFO restore finished partition=3 records=12 took=40ms
    INFO reference activated model="fraud" version="7" reference="ref_1" effective_from=1970-01-01T00:00:00.000Z
    INFO reference made model="fraud" version="7" reference="ref_2" origin="accepted_window" effective_from=1970-01-01T00:00:00.000Z rows=90 stable=true
    WARN record goes to the dead letters topic="events" partition=3 offset=9 reason="no_time" why="a reason" left_out=0
    DEBUG late records counted model="fraud" records=2
    WARN rows left out: sketched against another reference than their pane model="fraud" rows=3 left_out=0
    WARN rows left out: an idle partition woke after their pane had closed model="fraud" rows=4 left_out=0
    WARN rows are not monitored: more came than the limit has room for key=["fraud","7",["de"]] limit="segments" rows=5 left_out=0
    WARN model is not configured, its rows are counted as unrouted model="a\nb"
    WARN no reference, rows are counted and not judged model="fraud" version="7"
    DEBUG transaction committed stage=sketch took=40ms records=12
    WARN transaction aborted, its work is done again stage=sketch why="a reason"
    WARN producer lost with the outcome of a commit unknown, made anew stage=sketch why="a reason"
    ERROR fenced: another instance owns its partitions or has its `kafka.instance` name stage=sketch why="a reason"
    WARN trouble with the broker, trying again stage=sketch why="a reason" left_out=0
    WARN schema registry unavailable, the partition waits why="a reason" left_out=0
    DEBUG pane closed model="fraud" end=1970-01-01T01:00:00.000Z rows=100
    DEBUG window judged model="fraud" version="8" end=1970-01-01T01:00:00.000Z
    DEBUG window judged model="fraud" version="7" end=1970-01-01T01:00:00.000Z drift_share=0.25
    INFO drift event published id="evt_1" model="fraud" version="7" transition="detected" severity=drift explanation="amount moved up"
    INFO retraining trigger published id="trg_1" model="fraud" version="7" cause="share" explanation="amount moved up"
    INFO retraining trigger withheld model="fraud" reason="quality"
    INFO version retired model="fraud" version="6"
    DEBUG model released model="old"
    WARN partitions lost stage=sketch count=1 partitions="labels[0]"
    INFO partitions handed over stage=sketch count=1 partitions="labels[1]"
    INFO driftline is stopping why="SIGTERM"
    INFO driftline stopped took=40ms
    "#);
}
