//! Commands on a real broker: over HTTP to an instance that may not own the model, from the command line,
//! and written to the topic by hand, while instances are killed. What comes out is what `replay` says that
//! is told the same commands.

use crate::deployment::{Decided, Deployment, driftline, driftline_ok, text};
use crate::exactly_once::{
    CLASSIC, SETTINGS, START_MS, assert_healthy, assert_no_difference, configure, deployment_with, stream,
    while_rows_come,
};
use crate::support::{Driftline, Producer, Record, consume_all, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

fn time(second: i64) -> String {
    driftline::words::Time::from_ms(START_MS + second * 1000).to_string()
}

/// All that stands on the control topic, as JSON.
fn on_topic(deployment: &Deployment) -> Vec<(Record, Value)> {
    let parse = |record: Record| {
        let value = serde_json::from_str(record.text()).unwrap_or(Value::Null);
        (record, value)
    };
    consume_all(&deployment.topic("control")).into_iter().map(parse).collect()
}

/// What was said of each command, by id.
pub fn answers(deployment: &Deployment) -> BTreeMap<String, Vec<Value>> {
    let mut answers: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (_, value) in on_topic(deployment).into_iter().filter(|(_, value)| value["status"].is_string()) {
        answers.entry(value["id"].as_str().expect("an id").to_owned()).or_default().push(value);
    }
    answers
}

/// The id in a line such as `cmd_… sent`.
fn sent_id(line: &str) -> String {
    line.split(' ').next().expect("a word").to_owned()
}

#[test]
fn commands_work_once_whoever_takes_them_and_whoever_is_killed() {
    let events = stream(90, 24_000);
    // However slowly the command comes, its trigger is still open.
    let settings = SETTINGS.replace("retrain.ttl = '5m'", "retrain.ttl = '1h'");
    let (deployment, plain) = deployment_with(&settings, 90, &events);
    let configs = ["one", "two"].map(|name| configure(&deployment, name, true, CLASSIC));
    let cli = deployment.config("cli", "");
    let of_cli = std::fs::read_to_string(&cli).expect("the configuration is there");
    std::fs::write(&cli, format!("{of_cli}[[model]]\nname = 'idle'\n")).expect("it is written");
    let mut instances: Vec<Driftline> = configs.iter().map(|config| Driftline::start(config)).collect();
    let mut mutes = Vec::new();
    let acknowledged = while_rows_come(&deployment, &events, Duration::from_secs(24), || {
        // A command to a model without events would be refused.
        wait_until(Duration::from_secs(60), "windows of both models", || {
            let reports = deployment.output("reports");
            ["fraud", "churn"].iter().all(|model| reports.iter().any(|report| report["model"] == *model))
        });
        // Both models at one instance: at most one of them is its own.
        for model in ["fraud", "churn"] {
            let mute = json!({"type": "mute", "model": model, "until": time(800), "actor": "test"});
            let (status, said) = instances[0].post("/api/commands", &mute.to_string());
            assert_eq!(status, 202, "{said}");
            let said: Value = serde_json::from_str(&said).expect("JSON");
            mutes.push(said["id"].as_str().expect("an id").to_owned());
        }
        for which in [1, 0] {
            instances[which].kill();
            assert_healthy(&instances[which].log());
            instances[which] = Driftline::spawn(&configs[which], &[]);
            std::thread::sleep(Duration::from_secs(3));
        }
        send_again(&deployment);
        let trigger = first_trigger(&deployment);
        let more = ["--run-url", "https://ci.example.com/1", "--wait", "60s"];
        let mut line = vec!["trigger", "acknowledge", &trigger, "--config", text(&cli), "--model", "fraud"];
        line.extend(more);
        let said = driftline_ok(&line);
        assert!(said.contains(" done at "), "{said}");
        let idle = ["mute", "--config", text(&cli), "--model", "idle", "--for", "1h", "--wait", "60s"];
        let refused = driftline(&idle);
        let why = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && why.contains("`idle` has events"), "{why}");
        sent_id(&said)
    });
    let wanted = plain.count("window_report");
    deployment.wait_for_reports(wanted);
    for id in &mutes {
        let (status, said) = instances[1].get(&format!("/api/commands/{id}")).expect("an answer");
        assert!(status == 200 && said.contains("\"status\":\"applied\""), "{said}");
    }
    for mut instance in instances {
        assert!(instance.stop().success(), "a stop is a success: {}", instance.log());
        assert_healthy(&instance.log());
    }

    let answers = answers(&deployment);
    for id in mutes.iter().chain([&acknowledged]) {
        let statuses: Vec<&Value> = answers[id].iter().map(|answer| &answer["status"]).collect();
        assert_eq!(statuses, ["applied"], "{id}");
    }
    let found = deployment.decided();
    found.assert_once();
    let expected = replayed(&deployment, &events);
    assert_no_difference(&expected, &found);
    let is = |record: &&Value, field: &str, value: Value| record[field] == value;
    assert!(found.records.values().any(|record| is(&record, "muted", json!(true))), "told after the mute");
    let told = found.records.values().filter(|record| is(record, "transition", json!("acknowledged")));
    assert_eq!(told.count(), 1);
    let triggers = deployment.output("triggers");
    assert!(triggers.iter().all(|trigger| trigger["data"]["cluster_id"].is_string()), "{triggers:?}");
    let dead = consume_all(&deployment.topic("dead"));
    let bad = dead.iter().filter(|record| record.header("__driftline.errors.class") == Some("bad_command"));
    assert_eq!(bad.count(), 2);
}

/// Writes the first mute to the topic once more, under another end, and two records that are no command.
fn send_again(deployment: &Deployment) {
    let (record, mut value) = on_topic(deployment).remove(0);
    value["until"] = json!(time(1100));
    (value["status"], value["effective_at"]) = (Value::Null, Value::Null);
    let unknown = json!({"schema_version": 1, "id": "cmd_unknown", "type": "silence", "model": "fraud",
        "actor": "test", "at": time(0)});
    let producer = Producer::new();
    for payload in [value.to_string(), unknown.to_string(), "{".to_owned()] {
        let topic = deployment.topic("control");
        producer.produce(&topic, record.partition, record.key.as_deref(), Some(payload.as_bytes()), 0);
    }
    producer.flush();
}

fn first_trigger(deployment: &Deployment) -> String {
    let mut id = None;
    wait_until(Duration::from_secs(60), "a trigger of fraud", || {
        let triggers = deployment.output("triggers");
        let of_fraud = triggers.iter().find(|trigger| trigger["model"] == "fraud");
        id = of_fraud.and_then(|trigger| trigger["id"].as_str()).map(str::to_owned);
        id.is_some()
    });
    id.expect("it is there")
}

/// What `replay` says that is told the commands of the topic.
pub fn replayed(deployment: &Deployment, events: &[String]) -> Decided {
    let path: PathBuf = deployment.dir.path().join("control.jsonl");
    let lines = on_topic(deployment).into_iter().filter(|(_, value)| !value.is_null());
    let lines: String = lines.map(|(_, value)| format!("{value}\n")).collect();
    std::fs::write(&path, lines).expect("the commands are written");
    let of = |model| deployment.replay_with(events, &["--model", model, "--control", text(&path)]);
    let mut expected = of("fraud");
    let Decided { records, times } = of("churn");
    expected.records.extend(records);
    expected.times.extend(times);
    expected
}
