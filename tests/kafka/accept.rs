//! A window that is accepted as reference on a real broker, while instances are killed: it and everything
//! after it are what `replay` says that is told the command.

use crate::bootstrap::made;
use crate::control::{answers, replayed};
use crate::deployment::{driftline_ok, text};
use crate::exactly_once::{
    CLASSIC, SETTINGS, assert_healthy, assert_no_difference, configure, deployment_with, stream,
    while_rows_come,
};
use crate::support::{Driftline, wait_until};
use serde_json::{Value, json};
use std::time::Duration;

/// The stream, but that what moves out of the reference's range is squared, which leaves it inside.
fn squared(events: Vec<String>) -> Vec<String> {
    let half = events.len() / 2;
    let square = |(at, event): (usize, String)| {
        let Ok(mut record) = serde_json::from_str::<Value>(&event) else { return event };
        let is_moved = record["model"] == "fraud" && record["version"] == "1" && at >= half;
        match record["features"]["x"].as_f64().filter(|_| is_moved) {
            Some(x) => {
                record["features"]["x"] = json!((x - 0.4).powi(2));
                record.to_string()
            }
            None => event,
        }
    };
    events.into_iter().enumerate().map(square).collect()
}

#[test]
fn a_window_is_accepted_once_and_as_replay_accepts_it_whoever_is_killed() {
    let events = squared(stream(92, 24_000));
    let settings = format!("[references]\nlead = '40s'\n{SETTINGS}");
    let (deployment, plain) = deployment_with(&settings, 92, &events);
    let configs = ["one", "two"].map(|name| configure(&deployment, name, true, CLASSIC));
    let cli = deployment.config("cli", "");
    let mut instances: Vec<Driftline> = configs.iter().map(|config| Driftline::start(config)).collect();
    let id = while_rows_come(&deployment, &events, Duration::from_secs(30), || {
        wait_until(Duration::from_secs(60), "drift of fraud/1", || {
            let is_it = |report: &Value| {
                let ["fraud", "1"] =
                    ["model", "version"].map(|name| report[name].as_str().unwrap_or_default())
                else {
                    return false;
                };
                report["segment"] == json!([]) && report["drifted"] == 1
            };
            deployment.output("reports").iter().any(is_it)
        });
        let line = "reference accept --model fraud --version 1 --reason lower --wait 60s --config";
        let said = driftline_ok(&line.split(' ').chain([text(&cli)]).collect::<Vec<_>>());
        assert!(said.contains(" done at "), "{said}");
        for which in [0, 1] {
            instances[which].kill();
            assert_healthy(&instances[which].log());
            instances[which] = Driftline::spawn(&configs[which], &[]);
            std::thread::sleep(Duration::from_secs(2));
        }
        said.split(' ').next().expect("an id").to_owned()
    });
    deployment.wait_for_reports(plain.count("window_report"));
    for mut instance in instances {
        assert!(instance.stop().success(), "a stop is a success: {}", instance.log());
        assert_healthy(&instance.log());
    }

    let statuses: Vec<Value> = answers(&deployment)[&id].iter().map(|said| said["status"].clone()).collect();
    assert_eq!(statuses, ["applied"]);
    let found = deployment.decided();
    found.assert_once();
    assert_no_difference(&replayed(&deployment, &events), &found);

    let activations: Vec<Value> = deployment
        .output("references")
        .iter()
        .filter_map(|record| record["activation"].as_object().cloned().map(Value::Object))
        .filter(|activation| activation["origin"] == "accepted_window")
        .collect();
    let (profile, control) =
        (deployment.dir.path().join("reference.json"), deployment.dir.path().join("control.jsonl"));
    let more = ["--reference", text(&profile), "--model", "fraud", "--control", text(&control)];
    let lines = deployment.replayed(&events, &more);
    let expected: Vec<Value> =
        lines.into_iter().filter(|line| line["type"] == "reference_published").collect();
    assert_eq!((activations.len(), expected.len()), (1, 1));
    assert_eq!(made(&activations, "reference_id"), made(&expected, "reference_id"));
    assert!(
        activations[0]["reason"].as_str().is_some_and(|why| why.starts_with("lower (")),
        "{activations:?}"
    );
    let after = |record: &&Value| {
        record["type"] == "window_report" && record["reference_id"] == activations[0]["reference_id"]
    };
    assert!(found.records.values().filter(after).count() > 5, "windows are measured by it");
    let is_conflict = |record: &&Value| record["window"]["conflict"].as_u64().is_some_and(|rows| rows > 0);
    assert_eq!(found.records.values().filter(is_conflict).count(), 0);
}
