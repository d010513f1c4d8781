//! References that are made of first rows, on a real broker: whoever is killed and whoever hears of them
//! when, they and everything after them are what `replay` says.

use crate::deployment::{Decided, Deployment};
use crate::exactly_once::{
    CLASSIC, PARTITIONS, SETTINGS, assert_as_if_nothing_had_happened, configure, stream, while_rows_come,
};
use crate::support::{Driftline, consume_all};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

const BOOTSTRAP: &str = "[bootstrap]\nmin_rows = 400\nmin_duration = '100s'\nmax_duration = '400s'\n\
    [references]\nlead = '5s'\n";

/// Model, version, start and id of what was made.
pub type Made = BTreeSet<[String; 4]>;

pub fn made(records: &[Value], id: &str) -> Made {
    let text = |record: &Value, field: &str| record[field].as_str().expect("a text").to_owned();
    let fields = ["model", "version", "effective_from", id];
    records.iter().map(|record| fields.map(|field| text(record, field))).collect()
}

#[test]
fn a_reference_is_made_once_and_as_replay_makes_it_whoever_is_killed() {
    let events = stream(50, 12_000);
    let bootstraps = |name: &str| format!("name = '{name}'\non_missing_reference = 'bootstrap'");
    let settings = ["fraud", "churn"].iter().fold(SETTINGS.to_owned(), |settings, name| {
        settings.replace(&format!("name = '{name}'"), &bootstraps(name))
    });
    let deployment = Deployment::new(PARTITIONS as i32, &format!("{BOOTSTRAP}{settings}"));
    let lines = deployment.replayed(&events, &[]);
    let (wanted, others): (Vec<Value>, Vec<Value>) =
        lines.into_iter().partition(|line| line["type"] == "reference_published");
    let expected = Decided::of(others.into_iter());
    assert_eq!((wanted.len(), expected.count("drift_event") > 0), (3, true));
    assert_eq!(expected.count("retraining_trigger"), 0, "none is trusted");

    let configs = ["one", "two"].map(|name| configure(&deployment, name, true, CLASSIC));
    let mut instances: Vec<Driftline> = configs.iter().map(|config| Driftline::start(config)).collect();
    while_rows_come(&deployment, &events, Duration::from_secs(20), || {
        for (pause, which) in [(5, 0), (3, 1), (4, 0)] {
            std::thread::sleep(Duration::from_secs(pause));
            instances[which].kill();
            instances[which] = Driftline::spawn(&configs[which], &[]);
        }
    });
    assert_as_if_nothing_had_happened(&deployment, &expected, instances, events.len());

    let published: Vec<Value> = deployment.output("references");
    let activations: Vec<Value> = published
        .iter()
        .filter_map(|record| record["activation"].as_object().cloned().map(Value::Object))
        .collect();
    assert_eq!(activations.len(), 3, "each once");
    assert_eq!(made(&activations, "reference_id"), made(&wanted, "reference_id"));
    assert!(
        activations.iter().all(|record| record["origin"] == "bootstrap" && record["actor"] == "driftline")
    );
    let conflicts = consume_all(&deployment.topic("reports"))
        .iter()
        .filter(|record| !record.text().contains("\"conflict\":0,"))
        .count();
    assert_eq!(conflicts, 0, "all rows are counted by their pane's reference");
}
