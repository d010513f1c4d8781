//! What the whole pipeline costs on a real broker, beside a bare `BaseConsumer::poll` loop that drops
//! the same records, and beside other systems that do the same work.
//!
//! For each case the records are written once, to four partitions. Then, in turn, a process that only
//! polls them, `driftline run` with both stages, and each system asked for read them all: CPU time of
//! the whole process, from its start until everything is read, or everything that it led to is
//! committed. What a run with few records takes, which is the start, is taken off all of them. Each
//! turn's figures are divided; the medians over turns are printed, one JSON object a case and system,
//! and written to `target/bench/pipeline.jsonl`.
//!
//! Needs `KAFKA_BROKERS` (`make bench` starts a broker). `PIPELINE_EVENTS` and `PIPELINE_TURNS` change
//! how much is done, `PIPELINE_PEER_EVENTS` how much of it the others read; `PIPELINE_WORKERS`, over 1, has
//! driftline read with so many workers too. `latency` measures how long drift events take instead, at
//! `LATENCY_RATE` events a second. Arguments name cases, and
//! systems beside ours (`python`, `streams`, `whylogs`, `evidently`, or `peers` for all of them).

#[path = "../support/mod.rs"]
mod events;
mod latency;
mod peers;
mod process;
#[path = "../../tests/support/mod.rs"]
mod support;

use driftline::bus::{Isolation, KafkaSettings, OffsetReader, TopicPartition, committed_by};
use driftline::event::WriterSchema;
use driftline::reference::ProfileRecord;
use events::{NARROW, Shape, WIDE};
use peers::Peer;
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
    models: u64,
    /// Events in a millisecond of event time, of all models together.
    pace: u64,
    /// How many times fewer events are enough: large ones take as long.
    fewer: usize,
    partitions: i32,
}

const fn json(name: &'static str, shape: Shape, models: u64, fewer: usize) -> Case {
    Case { name, format: "json", shape, models, pace: 1, fewer, partitions: PARTITIONS }
}

const CASES: [Case; 12] = [
    json("json_25", WIDE, 1, 1),
    Case { format: "avro", ..json("avro_25", WIDE, 1, 1) },
    json("json_5", NARROW, 1, 1),
    Case { format: "avro", ..json("avro_5", NARROW, 1, 1) },
    json("json_100", Shape { numbers: 80, texts: 20 }, 1, 4),
    json("json_1000", Shape { numbers: 800, texts: 200 }, 1, 40),
    json("json_25_models_8", WIDE, 8, 1),
    json("json_25_models_64", WIDE, 64, 1),
    // Each has the traffic of the one of json_25.
    Case { pace: 8, ..json("json_25_busy_models_8", WIDE, 8, 1) },
    Case { pace: 64, ..json("json_25_busy_models_64", WIDE, 64, 1) },
    Case { partitions: 1, ..json("json_25_partitions_1", WIDE, 1, 1) },
    Case { partitions: 16, ..json("json_25_partitions_16", WIDE, 1, 1) },
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if let [command, topic, partitions, count] = &args[..]
        && command == "poll"
    {
        let partitions = partitions.parse().expect("a number of partitions");
        return process::poll(topic, partitions, count.parse().expect("a number of records"));
    }
    if std::env::var("KAFKA_BROKERS").is_err() {
        eprintln!("pipeline: KAFKA_BROKERS is not set; `make bench` starts a broker");
        return;
    }
    let number = |name: &str, usual: usize| {
        std::env::var(name).map_or(usual, |text| text.parse().expect("a whole number"))
    };
    let (count, turns) = (number("PIPELINE_EVENTS", 1_000_000), number("PIPELINE_TURNS", 5));
    let workers = number("PIPELINE_WORKERS", 1);
    if args.iter().any(|arg| arg == "latency") {
        for setting in latency::SETTINGS {
            print(&latency::measure(setting, number("LATENCY_RATE", 20_000)));
        }
        return;
    }
    let peer_count = number("PIPELINE_PEER_EVENTS", 250_000).min(count);
    let is_asked = |name: &str| args.iter().any(|arg| arg == name);
    let peers: Vec<Peer> =
        Peer::ALL.into_iter().filter(|peer| is_asked(peer.name()) || is_asked("peers")).collect();
    peers.iter().for_each(|peer| peer.prepare());
    let names_case = CASES.iter().any(|case| is_asked(case.name));
    for case in CASES {
        if is_asked(case.name) || !names_case {
            // The others read JSON.
            let peers = if case.format == "json" { &peers[..] } else { &[] };
            for line in measure(case, count / case.fewer, peer_count / case.fewer, (turns, workers), peers) {
                print(&line);
            }
        }
    }
}

/// What a system took in one turn.
#[derive(Debug, Clone, Copy)]
struct Turn {
    cpu_us: f64,
    ratio: f64,
    events_per_s: f64,
    rss_bytes: f64,
}

fn measure(
    case: Case,
    count: usize,
    peer_count: usize,
    (turns, workers): (usize, usize),
    peers: &[Peer],
) -> Vec<serde_json::Value> {
    let topics = Topics::new();
    let (few, all) = (topics.create("few", case.partitions), topics.create("all", case.partitions));
    let bytes = write(case, &few, FEW);
    let bytes = (bytes + write(case, &all, count)) / (FEW + count) as u64;
    let directory = TempDir::new().expect("a temporary directory");
    let reference = directory.path().join("reference.csv");
    std::fs::write(&reference, case.shape.reference_csv()).expect("the reference is written");
    let mut of_systems: BTreeMap<&str, Vec<Turn>> = BTreeMap::new();
    for _ in 0..turns {
        let started = bare(&few, case.partitions, FEW);
        let bare_all = bare(&all, case.partitions, count);
        let bare = per_event(bare_all, started, count);
        let mut take = |system: &'static str, all: Usage, few: Usage, count: usize| {
            let cpu_us = per_event(all, few, count);
            let seconds = all.wall.saturating_sub(few.wall).as_secs_f64();
            let turn = Turn {
                cpu_us,
                ratio: cpu_us / bare,
                events_per_s: (count - FEW) as f64 / seconds,
                rss_bytes: all.rss_bytes as f64,
            };
            eprintln!("{} {system}: {turn:?}", case.name);
            of_systems.entry(system).or_default().push(turn);
        };
        take("bare", bare_all, started, count);
        take("driftline", own(case, &all, count, 1), own(case, &few, FEW, 1), count);
        if workers > 1 {
            let name = "driftline_workers";
            take(name, own(case, &all, count, workers), own(case, &few, FEW, workers), count);
        }
        for peer in peers {
            let between = |name: &str| topics.create(name, case.partitions);
            let run = |topic: &str, count: usize| {
                let between = between(&unique("between"));
                process::until_ended(peer.command(topic, &between, count, &reference), PATIENCE)
            };
            let (all, few) = (run(&all, peer_count), run(&few, FEW));
            take(peer.name(), all, few, peer_count);
        }
    }
    let lines = of_systems.iter().map(|(system, turns)| line(case, system, turns, bytes));
    lines.collect()
}

/// Microseconds of CPU time an event, without the start.
fn per_event(all: Usage, few: Usage, count: usize) -> f64 {
    all.cpu.saturating_sub(few.cpu).as_secs_f64() * 1e6 / (count - FEW) as f64
}

/// The medians of a system's turns.
fn line(case: Case, system: &str, turns: &[Turn], bytes: u64) -> serde_json::Value {
    let median = |of: fn(&Turn) -> f64| {
        let mut values: Vec<f64> = turns.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
    json!({
        "case": case.name,
        "system": system,
        "format": case.format,
        "features": case.shape.numbers + case.shape.texts,
        "models": case.models,
        "bytes_per_event": bytes,
        "cpu_us_per_event": rounded(median(|turn| turn.cpu_us)),
        "ratio_to_bare": rounded(median(|turn| turn.ratio)),
        "events_per_s": median(|turn| turn.events_per_s).round(),
        "peak_rss_bytes": median(|turn| turn.rss_bytes),
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
            number as i32 % case.partitions,
            None,
            Some(payload),
            events::START_MS + number as i64 / case.pace as i64,
        );
    };
    if case.format == "json" {
        let events = case.shape.events(2, count).enumerate();
        events.for_each(|(number, mut values)| {
            values.time_ms = events::START_MS + number as i64 / case.pace as i64;
            send(number, values.json(case.shape, case.models).as_bytes());
        });
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
fn bare(topic: &str, partitions: i32, count: usize) -> Usage {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.args(["poll", topic, &partitions.to_string(), &count.to_string()]);
    process::until_ended(command, PATIENCE)
}

/// `driftline run` on all records, with topics of its own.
fn own(case: Case, input: &str, count: usize, workers: usize) -> Usage {
    let directory = TempDir::new().expect("a temporary directory");
    let id = unique("bench");
    let more = format!("start = 'earliest'\nworkers = {workers}\n[window]\nsize = '10m'\nslide = '1m'\n");
    let config = configure(case, &directory, &id, input, &more);
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
    let (inputs, deltas) =
        (partitions(input, case.partitions), partitions(&format!("{id}.deltas"), case.partitions));
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

fn configure(case: Case, directory: &TempDir, id: &str, input: &str, more: &str) -> PathBuf {
    let path = |name: &str| directory.path().join(name);
    let partitions = case.partitions;
    let profile = serde_json::to_string(&ProfileRecord::whole(&case.shape.reference()));
    std::fs::write(path("reference.json"), profile.expect("a profile is JSON"))
        .expect("the profile is written");
    std::fs::write(path("event.avsc"), case.shape.avro_schema()).expect("the schema is written");
    let schemas = if case.format == "avro" {
        format!("schemas = ['{}']\n", path("event.avsc").display())
    } else {
        String::new()
    };
    let model = |number| {
        let (name, reference) = (events::model(number), path("reference.json"));
        format!("[[model]]\nname = '{name}'\nreference = '{}'\n", reference.display())
    };
    let toml = format!(
        "[kafka]\nbrokers = '{}'\napplication_id = '{id}'\n[kafka.properties]\n\"group.protocol\" = \"consumer\"\n\
         [input]\ntopics = ['{input}']\nformat = '{}'\n{schemas}{more}\
         [topics]\nreferences = '{id}.references'\ndeltas = '{id}.deltas'\npanes = '{id}.panes'\ncontrol = '{id}.control'\npartitions = {partitions}\n\
         [output]\nevents = '{id}.events'\ntriggers = '{id}.triggers'\nreports = '{id}.reports'\ndead_letters = '{id}.dead'\n\
         [http]\nlisten = '127.0.0.1:{}'\n[limits]\nfeatures = 2000\n\
         {}",
        brokers(),
        case.format,
        free_port(),
        (0..case.models).map(model).collect::<String>(),
    );
    std::fs::write(path("driftline.toml"), toml).expect("the configuration is written");
    path("driftline.toml")
}

/// Prints a line, and keeps it.
fn print(line: &serde_json::Value) {
    println!("{line}");
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    std::fs::create_dir_all(&directory).expect("target can be written");
    let file = std::fs::File::options().create(true).append(true).open(directory.join("pipeline.jsonl"));
    writeln!(file.expect("target can be written"), "{line}").expect("target can be written");
}
