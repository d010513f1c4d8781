//! What the whole pipeline costs on a real broker, beside a bare `BaseConsumer::poll` loop that drops
//! the same records.
//!
//! For each case the records are written once, to four partitions. Then, in turn, a process that only
//! polls them and `driftline run` with both stages read them all: CPU time of the whole process, from
//! its start until everything is read, or everything that it led to is committed. What a run with few
//! records takes, which is the start, is taken off both. Each turn's figures are divided; the medians
//! over turns are printed, one JSON object a case, and written to `target/bench/pipeline.jsonl`.
//!
//! Needs `KAFKA_BROKERS` (`make bench` starts a broker). `PIPELINE_EVENTS` and `PIPELINE_TURNS` change
//! how much is done; arguments name the cases.

#[path = "../support/mod.rs"]
mod events;
mod process;
#[path = "../../tests/support/mod.rs"]
mod support;

use driftline::bus::{Isolation, KafkaSettings, OffsetReader, TopicPartition, committed_by};
use driftline::event::WriterSchema;
use driftline::reference::ProfileRecord;
use events::{NARROW, Shape, WIDE};
use process::Usage;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{Producer, Topics, brokers, free_port, unique};
use tempfile::TempDir;

const PARTITIONS: i32 = 4;
/// Events of the run whose cost is the start's.
const FEW: usize = 2_000;
/// Longest that a run may take.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    format: &'static str,
    shape: Shape,
}

const CASES: [Case; 4] = [
    Case { name: "json_25", format: "json", shape: WIDE },
    Case { name: "avro_25", format: "avro", shape: WIDE },
    Case { name: "json_5", format: "json", shape: NARROW },
    Case { name: "avro_5", format: "avro", shape: NARROW },
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if let [command, topic, count] = &args[..]
        && command == "poll"
    {
        return process::poll(topic, count.parse().expect("a number of records"));
    }
    if std::env::var("KAFKA_BROKERS").is_err() {
        eprintln!("pipeline: KAFKA_BROKERS is not set; `make bench` starts a broker");
        return;
    }
    let number = |name: &str, usual: usize| {
        std::env::var(name).map_or(usual, |text| text.parse().expect("a whole number"))
    };
    let (count, turns) = (number("PIPELINE_EVENTS", 1_000_000), number("PIPELINE_TURNS", 5));
    for case in CASES {
        if args.is_empty() || args.iter().any(|arg| arg == case.name) {
            let line = measure(case, count, turns).to_string();
            println!("{line}");
            keep(&line);
        }
    }
}

/// One turn's figures.
#[derive(Debug, Clone, Copy)]
struct Turn {
    bare_us: f64,
    own_us: f64,
    events_per_s: f64,
    rss_bytes: u64,
}

fn measure(case: Case, count: usize, turns: usize) -> serde_json::Value {
    let topics = Topics::new();
    let (few, all) = (topics.create("few", PARTITIONS), topics.create("all", PARTITIONS));
    let bytes = write(case, &few, FEW);
    let bytes = (bytes + write(case, &all, count)) / (FEW + count) as u64;
    let per_event = |all: Usage, few: Usage| (all.cpu - few.cpu).as_secs_f64() * 1e6 / (count - FEW) as f64;
    let turns: Vec<Turn> = (0..turns)
        .map(|_| {
            let bare_us = per_event(bare(&all, count), bare(&few, FEW));
            let (own_few, own_all) = (own(case, &few, FEW), own(case, &all, count));
            let seconds = (own_all.wall.saturating_sub(own_few.wall)).as_secs_f64();
            let turn = Turn {
                bare_us,
                own_us: per_event(own_all, own_few),
                events_per_s: (count - FEW) as f64 / seconds,
                rss_bytes: own_all.rss_bytes,
            };
            eprintln!("{}: {turn:?}", case.name);
            turn
        })
        .collect();
    let median = |of: &dyn Fn(&Turn) -> f64| {
        let mut values: Vec<f64> = turns.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
    json!({
        "case": case.name,
        "system": "driftline",
        "format": case.format,
        "features": case.shape.numbers + case.shape.texts,
        "models": 1,
        "events": count,
        "bytes_per_event": bytes,
        "cpu_us_per_event": rounded(median(&|turn| turn.own_us)),
        "bare_cpu_us_per_event": rounded(median(&|turn| turn.bare_us)),
        "ratio_to_bare": rounded(median(&|turn| turn.own_us / turn.bare_us)),
        "events_per_s": median(&|turn| turn.events_per_s).round(),
        "peak_rss_bytes": median(&|turn| turn.rss_bytes as f64),
        "turns": turns.len(),
    })
}

/// Writes the case's events to all partitions in turn; returns their bytes.
fn write(case: Case, topic: &str, count: usize) -> u64 {
    let producer = Producer::new();
    let mut bytes = 0;
    let mut send = |number: usize, payload: &[u8]| {
        bytes += payload.len() as u64;
        producer.produce(
            topic,
            number as i32 % PARTITIONS,
            None,
            Some(payload),
            events::START_MS + number as i64,
        );
    };
    if case.format == "json" {
        let events = case.shape.events(2, count).enumerate();
        events.for_each(|(number, values)| send(number, values.json(case.shape).as_bytes()));
    } else {
        let fingerprint = WriterSchema::parse(&case.shape.avro_schema()).expect("a schema").fingerprint();
        let head = [&[0xC3, 0x01][..], &fingerprint.to_le_bytes()].concat();
        let frame = |payload: Vec<u8>| [&head, &payload[5..]].concat();
        let payloads = case.shape.avro(2, count).into_iter().map(frame).enumerate();
        payloads.for_each(|(number, payload)| send(number, &payload));
    }
    producer.flush();
    bytes
}

/// A process that polls all records and drops them.
fn bare(topic: &str, count: usize) -> Usage {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.args(["poll", topic, &count.to_string()]);
    process::until_ended(command, PATIENCE)
}

/// `driftline run` on all records, with topics of its own.
fn own(case: Case, input: &str, count: usize) -> Usage {
    let directory = TempDir::new().expect("a temporary directory");
    let id = unique("bench");
    let config = configure(case, &directory, &id, input);
    let driftline = || Command::new(env!("CARGO_BIN_EXE_driftline"));
    let made = driftline().args(["topics", "create", "--dev", "--config"]).arg(&config).output();
    let made = made.expect("driftline starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut command = driftline();
    command.arg("run").arg("--config").arg(&config).stdout(Stdio::null());
    command.stderr(std::fs::File::create(directory.path().join("log")).expect("a log"));
    let settings = KafkaSettings::new(brokers(), &id, "", BTreeMap::new()).expect("settings");
    let offsets = OffsetReader::new(&settings, Isolation::Committed).expect("a reader of offsets");
    let partitions = |topic: &str, count: i32| -> Vec<TopicPartition> {
        (0..count).map(|number| TopicPartition::new(topic, number)).collect()
    };
    let (inputs, deltas) = (partitions(input, PARTITIONS), partitions(&format!("{id}.deltas"), PARTITIONS));
    let committed = |stage: &str, of: &[TopicPartition]| -> Vec<i64> {
        let committed = committed_by(&settings, stage, of).unwrap_or_default();
        committed.iter().map(|committed| committed.offset.unwrap_or(0)).collect()
    };
    let is_done = || {
        if committed("sketch", &inputs).iter().sum::<i64>() < count as i64 {
            return false;
        }
        // The last offsets of a partition are a transaction's markers, which nobody commits past.
        let ends = offsets.ends(&deltas).unwrap_or_default();
        let read = committed("evaluate", &deltas);
        !ends.is_empty() && ends.iter().zip(&read).all(|(end, read)| *read + 1 >= *end)
    };
    let usage = process::until(command, PATIENCE, is_done);
    usage.unwrap_or_else(|why| {
        let log = std::fs::read_to_string(directory.path().join("log")).unwrap_or_default();
        panic!("{why}\n{log}")
    })
}

fn configure(case: Case, directory: &TempDir, id: &str, input: &str) -> PathBuf {
    let path = |name: &str| directory.path().join(name);
    let profile = serde_json::to_string(&ProfileRecord::whole(&case.shape.reference()));
    std::fs::write(path("reference.json"), profile.expect("a profile is JSON"))
        .expect("the profile is written");
    std::fs::write(path("event.avsc"), case.shape.avro_schema()).expect("the schema is written");
    let schemas = if case.format == "avro" {
        format!("schemas = ['{}']\n", path("event.avsc").display())
    } else {
        String::new()
    };
    let toml = format!(
        "[kafka]\nbrokers = '{}'\napplication_id = '{id}'\n[kafka.properties]\n\"group.protocol\" = \"consumer\"\n\
         [input]\ntopics = ['{input}']\nstart = 'earliest'\nformat = '{}'\n{schemas}\
         [topics]\nreferences = '{id}.references'\ndeltas = '{id}.deltas'\npanes = '{id}.panes'\npartitions = {PARTITIONS}\n\
         [output]\nevents = '{id}.events'\ntriggers = '{id}.triggers'\nreports = '{id}.reports'\ndead_letters = '{id}.dead'\n\
         [window]\nsize = '10m'\nslide = '1m'\n[http]\nlisten = '127.0.0.1:{}'\n\
         [[model]]\nname = 'fraud'\nreference = '{}'\n",
        brokers(),
        case.format,
        free_port(),
        path("reference.json").display(),
    );
    std::fs::write(path("driftline.toml"), toml).expect("the configuration is written");
    path("driftline.toml")
}

fn keep(line: &str) {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    std::fs::create_dir_all(&directory).expect("target can be written");
    let file = std::fs::File::options().create(true).append(true).open(directory.join("pipeline.jsonl"));
    writeln!(file.expect("target can be written"), "{line}").expect("target can be written");
}
