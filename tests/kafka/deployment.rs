//! A deployment of driftline on the test's broker: topics, configuration, reference, instances, and
//! what came out of it.

use crate::support::{
    self, Driftline, Producer, Record, brokers, consume_all, free_port, unique, wait_until,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;

/// How long a deployment may take to come to rest.
const REST: Duration = Duration::from_secs(120);

/// The binary under test with `args`.
pub fn driftline(args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_driftline")).args(args).output();
    output.expect("the binary starts")
}

/// The same, which must end well; its standard output.
pub fn driftline_ok(args: &[&str]) -> String {
    let output = driftline(args);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "driftline {args:?} failed:\n{log}");
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

/// Topics and configuration of one application.
pub struct Deployment {
    pub id: String,
    pub input: String,
    pub dir: TempDir,
    partitions: i32,
    /// What is put into the configuration beside names: `[window]`, `[policy]`, `[[model]]` …
    pub settings: String,
}

impl Deployment {
    /// Makes the topics of an application with these settings, the input with so many partitions.
    pub fn new(partitions: i32, settings: &str) -> Deployment {
        let id = unique("app");
        let dir = TempDir::new().expect("a temporary folder");
        let deployment =
            Deployment { input: format!("{id}.in"), id, dir, partitions, settings: settings.to_owned() };
        let config = deployment.config("create", "");
        let inputs = partitions.to_string();
        driftline_ok(&["topics", "create", "--config", text(&config), "--dev", "--inputs", &inputs]);
        deployment
    }

    /// A configuration for the instance `name` (its own port), with more of `[kafka]`.
    pub fn config(&self, name: &str, kafka: &str) -> PathBuf {
        let Deployment { id, input, .. } = self;
        let (brokers, port) = (brokers(), free_port());
        let toml = format!(
            "[kafka]\nbrokers = '{brokers}'\napplication_id = '{id}'\n{kafka}\n\
             [kafka.properties]\n\"group.protocol\" = \"consumer\"\n\
             [topics]\nreferences = '{id}.references'\ndeltas = '{id}.deltas'\npanes = '{id}.panes'\ncontrol = '{id}.control'\npartitions = 3\n\
             [output]\nevents = '{id}.events'\ntriggers = '{id}.triggers'\nreports = '{id}.reports'\ndead_letters = '{id}.dead'\n\
             [http]\nlisten = '127.0.0.1:{port}'\n{}",
            self.settings.replace("@INPUT@", input)
        );
        let path = self.dir.path().join(format!("{name}.toml"));
        std::fs::write(&path, toml).expect("the configuration is written");
        path
    }

    /// Builds a profile from `table` with these arguments, and puts it in force for `model`.
    pub fn publish(&self, table: &Path, build: &[&str], model: &str, version: &str) {
        let profile = self.dir.path().join("reference.json");
        let mut args = vec!["reference", "build", text(table), "--output", text(&profile)];
        args.extend(build);
        driftline_ok(&args);
        let config = self.config("publish", "");
        driftline_ok(&[
            "reference",
            "publish",
            text(&profile),
            "--config",
            text(&config),
            "--model",
            model,
            "--version",
            version,
        ]);
    }

    /// Sends records, the n-th to partition n modulo their number.
    pub fn produce(&self, records: &[String]) {
        let producer = Producer::new();
        for (n, record) in records.iter().enumerate() {
            let partition = n as i32 % self.partitions;
            producer.produce(&self.input, partition, None, Some(record.as_bytes()), now_ms());
        }
        producer.flush();
    }

    /// Starts an instance and waits until it is ready.
    pub fn start(&self, name: &str) -> Driftline {
        Driftline::start(&self.config(name, ""))
    }

    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.id)
    }

    /// What stands on an output topic, as JSON.
    pub fn output(&self, name: &str) -> Vec<Value> {
        let parse = |record: &Record| serde_json::from_str(record.text()).expect("output is JSON");
        consume_all(&self.topic(name)).iter().map(parse).collect()
    }

    /// Waits until as many reports as `wanted` have come, and says all of them.
    pub fn wait_for_reports(&self, wanted: usize) -> Vec<Value> {
        let ends = |topic: &str| support::end_offsets(topic).iter().sum::<i64>();
        wait_until(REST, "enough window reports", || {
            ends(&self.topic("reports")) >= wanted as i64 && self.output("reports").len() >= wanted
        });
        self.output("reports")
    }

    /// Reports, events and triggers as `replay` would give them, each kind by id.
    pub fn decided(&self) -> Decided {
        Decided::of(["reports", "events", "triggers"].iter().flat_map(|topic| self.output(topic)))
    }

    /// What `replay` says of the same records, one file for each partition.
    pub fn replay(&self, records: &[String]) -> Decided {
        self.replay_with(records, &[])
    }

    /// What `replay` says of what is on the input topic, by the references that were published.
    pub fn replay_from_topics(&self) -> Decided {
        let config = self.config("replay", "");
        let lines = driftline_ok(&["replay", "--from-topics", "--config", text(&config)]);
        Decided::of(lines.lines().map(|line| serde_json::from_str(line).expect("replay prints JSON")))
    }

    /// The same with more arguments.
    pub fn replay_with(&self, records: &[String], more: &[&str]) -> Decided {
        let profile = self.dir.path().join("reference.json");
        Decided::of(self.replayed(records, &[&["--reference", text(&profile)], more].concat()).into_iter())
    }

    /// The lines of a replay with these arguments.
    pub fn replayed(&self, records: &[String], more: &[&str]) -> Vec<Value> {
        let partitions = self.partitions as usize;
        let mut files = vec![String::new(); partitions];
        for (n, record) in records.iter().enumerate() {
            files[n % partitions].push_str(&format!("{record}\n"));
        }
        let paths: Vec<PathBuf> =
            (0..partitions).map(|n| self.dir.path().join(format!("part-{n}.jsonl"))).collect();
        paths
            .iter()
            .zip(&files)
            .for_each(|(path, lines)| std::fs::write(path, lines).expect("a file is written"));
        let config = self.config("replay", "");
        let mut args = vec!["replay", "--config", text(&config)];
        args.extend(more);
        args.extend(paths.iter().map(|path| text(path)));
        let lines = driftline_ok(&args);
        lines.lines().map(|line| serde_json::from_str(line).expect("replay prints JSON")).collect()
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}

/// Reports, events and triggers by id, without what digests and offsets say; how often each id came.
#[derive(Debug, PartialEq)]
pub struct Decided {
    pub records: BTreeMap<String, Value>,
    pub times: BTreeMap<String, usize>,
}

impl Decided {
    pub fn of(records: impl Iterator<Item = Value>) -> Decided {
        let mut decided = Decided { records: BTreeMap::new(), times: BTreeMap::new() };
        for mut record in records {
            let Some(id) = record["id"].as_str().map(str::to_owned) else { continue };
            without_volatile(&mut record);
            *decided.times.entry(id.clone()).or_default() += 1;
            decided.records.insert(id, record);
        }
        decided
    }

    /// How many records of a type there are.
    pub fn count(&self, kind: &str) -> usize {
        self.records.values().filter(|record| record["type"] == kind).count()
    }

    /// Panics with the first difference.
    pub fn assert_same(&self, other: &Decided) {
        for (id, record) in &self.records {
            let found = other.records.get(id);
            assert!(found.is_some(), "missing: {record:#}");
            assert_eq!(Some(record), found, "{id} differs");
        }
        for (id, record) in &other.records {
            assert!(self.records.contains_key(id), "not expected: {record:#}");
        }
    }

    /// Panics when an id came more than once.
    pub fn assert_once(&self) {
        let twice: Vec<_> = self.times.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "published more than once: {twice:?}");
    }
}

fn without_volatile(record: &mut Value) {
    match record {
        Value::Array(items) => items.iter_mut().for_each(without_volatile),
        Value::Object(fields) => {
            for volatile in ["p_value", "summary", "explanation", "offsets", "cluster_id", "reference"] {
                fields.remove(volatile);
            }
            for measure in ["ks", "wasserstein", "z_score"] {
                if let Some(measure) = fields.get_mut(measure).and_then(Value::as_object_mut) {
                    measure.remove("value");
                }
            }
            fields.values_mut().for_each(without_volatile);
        }
        _ => {}
    }
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
