//! How long it takes from an event to the drift event that it leads to, received by a consumer.
//!
//! Models get events at a steady rate. At a moment of its own, a feature of each moves by one standard
//! deviation; timed is from the first such event's sending to the receipt of the model's first drift event.

use super::events::{self, WIDE};
use super::process::{Running, Usage};
use super::support::{Producer, Topics, brokers, unique};
use super::{Case, PARTITIONS, configure, json as case_of};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const MODELS: u64 = 50;
/// Features change in this time, after the first windows have closed.
const CHANGES: Duration = Duration::from_secs(60);
/// What moves: a number between 0 and 1, any as likely, whose standard deviation this is.
const MOVED: usize = 0;
const DEVIATION: f64 = 0.288_675;
/// Events go out together, no more often than so.
const TICK: Duration = Duration::from_millis(5);

/// What is looked at how often, and when windows are ready to be looked into.
#[derive(Clone, Copy)]
pub struct Setting {
    pub name: &'static str,
    pub window: &'static str,
    /// Features change after this time.
    pub warm_up: Duration,
    /// Events go on for so long after the last change: without them no watermark would pass it.
    pub settle: Duration,
}

pub const SETTINGS: [Setting; 2] = [
    Setting {
        name: "latency_look_1s",
        window: "size = '60s'\nslide = '5s'\nlook = '1s'\nallowed_lateness = '0s'\n",
        warm_up: Duration::from_secs(20),
        settle: Duration::from_secs(10),
    },
    Setting {
        name: "latency_defaults",
        window: "size = '5m'\nslide = '30s'\n",
        warm_up: Duration::from_secs(140),
        settle: Duration::from_secs(90),
    },
];

/// Measures one setting at so many events a second.
pub fn measure(setting: Setting, rate: usize) -> Value {
    let topics = Topics::new();
    let input = topics.create("latency", PARTITIONS);
    let directory = TempDir::new().expect("a temporary directory");
    let id = unique("latency");
    let case: Case = case_of(setting.name, WIDE, MODELS, 1);
    let more =
        format!("[window]\n{}[policy]\nwarmup = '0s'\n[input.fields]\ntime = 'record'\n", setting.window);
    let config = configure(case, &directory, &id, &input, &format!("start = 'latest'\n{more}"));
    let driftline = || Command::new(env!("CARGO_BIN_EXE_driftline"));
    let made = driftline().args(["topics", "create", "--dev", "--config"]).arg(&config).output();
    assert!(made.expect("driftline starts").status.success(), "the topics are made");
    let mut command = driftline();
    command.arg("run").arg("--config").arg(&config).stdout(Stdio::null());
    command.stderr(std::fs::File::create(directory.path().join("log")).expect("a log"));
    let running = Running::start(command);

    let starts = starts(setting.warm_up);
    let (sent, is_over) = (Mutex::new(BTreeMap::new()), AtomicBool::new(false));
    let events = topics_of(&id);
    let heard = scope(|scope| {
        let listener = scope.spawn(|| listen(&events, &is_over));
        send(&input, rate, &starts, setting.warm_up + CHANGES + setting.settle, &sent);
        sleep(Duration::from_secs(5));
        is_over.store(true, Ordering::Relaxed);
        listener.join().expect("the listener ends")
    });
    let used = running.end();
    let sent = sent.into_inner().expect("no panic while locked");
    line(setting, rate, &sent, &heard, used)
}

fn topics_of(id: &str) -> String {
    format!("{id}.events")
}

/// When each model's feature changes.
fn starts(warm_up: Duration) -> Vec<Duration> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    (0..MODELS).map(|_| warm_up + CHANGES.mul_f64(rng.random())).collect()
}

/// Sends for so long; notes when the first changed event of each model went out.
fn send(
    input: &str,
    rate: usize,
    starts: &[Duration],
    time: Duration,
    sent: &Mutex<BTreeMap<usize, Instant>>,
) {
    let producer = Producer::new();
    let started = Instant::now();
    for mut values in WIDE.events(3, (time.as_secs_f64() * rate as f64) as usize) {
        while started.elapsed().as_secs_f64() * (rate as f64) < values.number as f64 {
            sleep(TICK);
        }
        let model = (values.number / 4 % MODELS) as usize;
        if started.elapsed() >= starts[model] {
            values.numbers[MOVED] += DEVIATION;
            sent.lock().expect("no panic while locked").entry(model).or_insert_with(Instant::now);
        }
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as i64);
        let partition = (values.number % PARTITIONS as u64) as i32;
        producer.produce(input, partition, None, Some(values.json(WIDE, MODELS).as_bytes()), now_ms);
    }
    producer.flush();
}

/// When the first drift event of each model came that says that something began.
fn listen(topic: &str, is_over: &AtomicBool) -> BTreeMap<String, Instant> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers())
        .set("group.id", topic)
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        .create()
        .expect("a consumer");
    consumer.subscribe(&[topic]).expect("the topic can be read");
    let mut heard = BTreeMap::new();
    while !is_over.load(Ordering::Relaxed) {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.expect("the events can be read");
        let event: Value = serde_json::from_slice(message.payload().unwrap_or_default()).unwrap_or_default();
        if let (Some(model), Some("detected")) = (event["model"].as_str(), event["transition"].as_str()) {
            heard.entry(model.to_owned()).or_insert_with(Instant::now);
        }
    }
    heard
}

fn line(
    setting: Setting,
    rate: usize,
    sent: &BTreeMap<usize, Instant>,
    heard: &BTreeMap<String, Instant>,
    used: Usage,
) -> Value {
    let heard_of = |model: &usize| heard.get(&events::model(*model as u64));
    // Whatever came before the change was for no reason.
    let early = sent.iter().filter(|(model, at)| heard_of(model).is_some_and(|heard| heard < at)).count();
    let took = sent.iter().filter_map(|(model, at)| heard_of(model)?.checked_duration_since(*at));
    let mut took: Vec<f64> = took.map(|took| took.as_secs_f64()).collect();
    took.sort_by(f64::total_cmp);
    let quantile = |q: f64| took.get((q * (took.len().max(1) - 1) as f64).round() as usize).copied();
    let rounded = |value: Option<f64>| value.map(|value| (value * 1000.0).round() / 1000.0);
    json!({
        "case": setting.name,
        "events_per_s": rate,
        "changes": sent.len(),
        "found": took.len(),
        "before_the_change": early,
        "p50_s": rounded(quantile(0.5)),
        "p90_s": rounded(quantile(0.9)),
        "p99_s": rounded(quantile(0.99)),
        "max_s": rounded(took.last().copied()),
        "cores_used": rounded(Some(used.cpu.as_secs_f64() / used.wall.as_secs_f64())),
        "peak_rss_bytes": used.rss_bytes,
    })
}
