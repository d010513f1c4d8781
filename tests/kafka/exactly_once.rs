//! Instances that are killed, stopped, frozen and started again, on a real broker, while a stream
//! comes in: what is read under read_committed is what `replay` says of the same records, each record
//! once. Everything random follows from a seed, except where in its work a signal finds a process.

use crate::deployment::{Decided, Deployment};
use crate::support::{Driftline, Producer, brokers, consume_all, end_offsets, free_port, wait_until};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub const PARTITIONS: usize = 4;
/// Event time of the first row, a whole number of windows after the epoch.
pub const START_MS: i64 = 1_772_409_600_000;
const WINDOW_MS: i64 = 60_000;
/// Rows in a second of event time.
const RATE: i64 = 20;

pub const SETTINGS: &str = "[input]\ntopics = ['@INPUT@']\nstart = 'earliest'\nmax_future_skew = '36500d'\n\
    [window]\nsize = '60s'\nslide = '20s'\nlook = '5s'\nallowed_lateness = '2s'\nidle_timeout = '1h'\n\
    [commit]\ninterval = '100ms'\nsnapshot_interval = '1s'\n\
    [policy]\nmin_rows = 100\nwarmup = '0s'\nevent_cooldown = '0s'\n\
    retrain.settle = '0s'\nretrain.cooldown = '2m'\nretrain.ttl = '5m'\nretrain.daily_budget = 100\n\
    retrain.min_rows_since_onset = 100\nretrain.share_min_features = 1\n\
    [[model]]\nname = 'fraud'\nsegments = ['/segment/country']\n\
    [[model]]\nname = 'churn'\n";

/// A member of the group is missed after three seconds.
pub const CLASSIC: &str = "\"group.protocol\" = \"classic\"\n\"session.timeout.ms\" = \"3000\"\n\"heartbeat.interval.ms\" = \"300\"";
const NEW_PROTOCOL: &str = "\"group.protocol\" = \"consumer\"";

/// Rows of two models, one with two versions and three countries, out of order so far that some are
/// late; from the middle on `x` of fraud/1 is another. The last rows close every window but the last.
pub fn stream(seed: u64, rows: usize) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut events: Vec<String> = (0..rows)
        .map(|n| {
            let (model, version) = match rng.random_range(0..20) {
                0..10 => ("fraud", "1"),
                10..14 => ("fraud", "2"),
                14..19 => ("churn", "1"),
                _ => ("nobody's", "1"),
            };
            let shift = if version == "1" && model == "fraud" && n > rows / 2 { 0.4 } else { 0.0 };
            let x: f64 = rng.random::<f64>() + shift;
            let most = if rng.random_range(0..50) == 0 { 30_000 } else { 1_500 };
            let back = rng.random_range(0..most);
            let time = (n as i64 * 1000 / RATE - back).max(0);
            let category = ["a", "b", "c"][rng.random_range(0..3)];
            let country = ["de", "fr", "it"][rng.random_range(0..3)];
            event(model, version, time, json!({"x": x, "c": category}), country)
        })
        .collect();
    // A row that is no event goes to the dead letters.
    events.extend((0..PARTITIONS).map(|_| "{".to_owned()));
    let last = rows as i64 * 1000 / RATE + 2 * WINDOW_MS;
    events.extend((0..PARTITIONS).map(|_| event("churn", "1", last, json!({"x": null}), "de")));
    events
}

fn event(model: &str, version: &str, time: i64, features: Value, country: &str) -> String {
    let time = driftline::words::Time::from_ms(START_MS + time).to_string();
    json!({"model": model, "version": version, "time": time, "features": features, "segment": {"country": country}})
        .to_string()
}

/// A deployment with references for all models, and what `replay` says of `events`.
pub fn deployment(seed: u64, events: &[String]) -> (Deployment, Decided) {
    deployment_with(SETTINGS, seed, events)
}

/// The same with these settings.
pub fn deployment_with(settings: &str, seed: u64, events: &[String]) -> (Deployment, Decided) {
    let deployment = Deployment::new(PARTITIONS as i32, settings);
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 99);
    let rows =
        (0..5000).map(|_| format!("{},{}\n", rng.random::<f64>(), ["a", "b", "c"][rng.random_range(0..3)]));
    let table = deployment.dir.path().join("reference.csv");
    std::fs::write(&table, format!("x,c\n{}", rows.collect::<String>())).expect("the table is written");
    for (model, version) in [("fraud", "1"), ("fraud", "2"), ("churn", "1")] {
        deployment.publish(&table, &["--kind", "x=continuous", "--kind", "c=categorical"], model, version);
    }
    // One reference is for one model there; the rows of the others move event time all the same.
    let mut expected = deployment.replay_with(events, &["--model", "fraud"]);
    let Decided { records, times } = deployment.replay_with(events, &["--model", "churn"]);
    expected.records.extend(records);
    expected.times.extend(times);
    for kind in ["window_report", "drift_event", "retraining_trigger"] {
        assert!(expected.count(kind) > 0, "no {kind} in this stream");
    }
    (deployment, expected)
}

/// A configuration for the instance `name`; under that name too where `is_static`.
pub fn configure(deployment: &Deployment, name: &str, is_static: bool, properties: &str) -> PathBuf {
    let kafka = if is_static { format!("instance = '{name}'") } else { String::new() };
    let path = deployment.config(name, &kafka);
    let written = std::fs::read_to_string(&path).expect("the configuration can be read");
    assert!(written.contains(NEW_PROTOCOL));
    std::fs::write(&path, written.replace(NEW_PROTOCOL, properties)).expect("it can be written");
    path
}

/// Sends all rows, the n-th to partition n modulo their number, evenly in `time`.
fn trickle(deployment: &Deployment, events: &[String], time: Duration) {
    let producer = Producer::new();
    let started = Instant::now();
    for (n, event) in events.iter().enumerate() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        let partition = (n % PARTITIONS) as i32;
        producer.produce(&deployment.input, partition, None, Some(event.as_bytes()), now.as_millis() as i64);
        let due = started + time.mul_f64((n + 1) as f64 / events.len() as f64);
        let wait = due.saturating_duration_since(Instant::now());
        if wait > Duration::from_millis(20) {
            std::thread::sleep(wait);
        }
    }
    producer.flush();
}

/// Waits until the reports are all there, ends the instances, and compares everything that came out.
pub fn assert_as_if_nothing_had_happened(
    deployment: &Deployment,
    expected: &Decided,
    instances: Vec<Driftline>,
    rows: usize,
) {
    let wanted = expected.count("window_report") as i64;
    let ends = || end_offsets(&deployment.topic("reports")).iter().sum::<i64>();
    wait_until(Duration::from_secs(120), "as many offsets as reports", || ends() >= wanted);
    deployment.wait_for_reports(wanted as usize);
    for mut instance in instances {
        assert!(instance.stop().success(), "a stop is a success: {}", instance.log());
        assert_healthy(&instance.log());
    }
    let found = deployment.decided();
    found.assert_once();
    assert_no_difference(expected, &found);
    assert_every_row_is_somewhere(deployment, &found, rows);
}

/// Nothing is said that a fault of this kind does not explain.
pub fn assert_healthy(log: &str) {
    // So the new protocol answers a process whose killed forerunner it still knows.
    let is_refused = |line: &str| line.contains("instance ID is still used by another member");
    let is_bad = |line: &&str| line.contains("panicked") || (line.contains("ERROR") && !is_refused(line));
    if let Some(line) = log.lines().find(is_bad) {
        panic!("this should not be in a log: {line}");
    }
}

/// Panics with the first difference, and with no more of it than one record of each.
pub fn assert_no_difference(expected: &Decided, found: &Decided) {
    let names =
        |decided: &Decided| decided.records.keys().cloned().collect::<std::collections::BTreeSet<_>>();
    let (wanted, there) = (names(expected), names(found));
    let describe = |decided: &Decided, id: &String| {
        let record = &decided.records[id];
        format!(
            "{} {} {}/{} {}",
            record["type"], record["segment"], record["model"], record["version"], record["window"]
        )
    };
    let missing: Vec<_> = wanted.difference(&there).collect();
    let strange: Vec<_> = there.difference(&wanted).collect();
    if let Some(id) = missing.first() {
        panic!("{} are missing, the first: {}", missing.len(), describe(expected, id));
    }
    if let Some(id) = strange.first() {
        panic!("{} are not expected, the first: {}", strange.len(), describe(found, id));
    }
    let differing: Vec<_> = wanted.iter().filter(|id| expected.records[*id] != found.records[*id]).collect();
    if let Some(id) = differing.first() {
        let difference = first_difference(&expected.records[*id], &found.records[*id], "");
        panic!("{} differ, the first: {}: {difference:?}", differing.len(), describe(expected, id));
    }
}

/// The path to the first value that differs, with both.
fn first_difference(one: &Value, other: &Value, path: &str) -> Option<(String, Value, Value)> {
    match (one, other) {
        (Value::Object(fields), Value::Object(others)) if fields.len() == others.len() => fields
            .iter()
            .find_map(|(name, value)| first_difference(value, others.get(name)?, &format!("{path}/{name}"))),
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => items
            .iter()
            .zip(others)
            .enumerate()
            .find_map(|(n, (one, other))| first_difference(one, other, &format!("{path}/{n}"))),
        _ => (one != other).then(|| (path.to_owned(), one.clone(), other.clone())),
    }
}

/// Rows published are rows in windows side by side, and late, unrouted and dead ones, and the last rows,
/// whose windows are open.
fn assert_every_row_is_somewhere(deployment: &Deployment, found: &Decided, rows: usize) {
    let count = |value: &Value| value.as_u64().expect("a count");
    let end = |report: &Value| -> driftline::words::Time {
        serde_json::from_value(report["window"]["end"].clone()).expect("a time")
    };
    let is_side_by_side = |report: &&Value| {
        report["type"] == "window_report"
            && report["segment"] == json!([])
            && report["chunk"]["index"] == 0
            && (end(report).ms() - START_MS) % WINDOW_MS == 0
    };
    let of_window = |report: &Value| {
        ["events", "late", "idle_late", "conflict"]
            .iter()
            .map(|field| count(&report["window"][field]))
            .sum::<u64>()
    };
    let in_windows: u64 = found.records.values().filter(is_side_by_side).map(of_window).sum();
    let dead = consume_all(&deployment.topic("dead")).len() as u64;
    assert_eq!(dead, PARTITIONS as u64, "dead letters");
    let input = consume_all(&deployment.input);
    let unrouted = input.iter().filter(|record| record.text().contains("nobody's")).count() as u64;
    assert_eq!(in_windows + unrouted + dead + PARTITIONS as u64, rows as u64, "rows");
}

/// Sends `events` in `time` while `meanwhile` happens.
pub fn while_rows_come<T>(
    deployment: &Deployment,
    events: &[String],
    time: Duration,
    meanwhile: impl FnOnce() -> T,
) -> T {
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| trickle(deployment, events, time));
        let outcome = meanwhile();
        sender.join().expect("all rows are sent");
        outcome
    })
}

/// The same configuration with so many workers.
fn with_workers(config: PathBuf, workers: u32) -> PathBuf {
    let text = std::fs::read_to_string(&config).expect("the configuration can be read");
    let input = format!("[input]\nworkers = {workers}\n");
    std::fs::write(&config, text.replacen("[input]\n", &input, 1)).expect("it can be written");
    config
}

/// Kills one of two instances at random moments, so many times, and starts it again at once.
fn kill_at_random(is_static: bool, properties: &str, seed: u64, times: u32, rows: usize, time: Duration) {
    let events = stream(seed, rows);
    let (deployment, expected) = deployment(seed, &events);
    let configs = ["one", "two"].map(|name| configure(&deployment, name, is_static, properties));
    kill_one_of(&deployment, &configs, &events, &expected, (seed, times, time));
}

fn kill_one_of(
    deployment: &Deployment,
    configs: &[PathBuf; 2],
    events: &[String],
    expected: &Decided,
    (seed, times, time): (u64, u32, Duration),
) {
    let mut instances: Vec<Driftline> = configs.iter().map(|config| Driftline::start(config)).collect();
    while_rows_come(deployment, events, time, || {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let longest = time.as_millis() as u64 * 7 / 5 / u64::from(times);
        for _ in 0..times {
            std::thread::sleep(Duration::from_millis(rng.random_range(200..longest)));
            let which = rng.random_range(0..2);
            instances[which].kill();
            assert_healthy(&instances[which].log());
            instances[which] = Driftline::spawn(&configs[which], &[]);
        }
    });
    assert_as_if_nothing_had_happened(deployment, expected, instances, events.len());
}

#[test]
fn sigkill_of_one_of_two_instances_at_twenty_random_moments_changes_nothing() {
    kill_at_random(true, CLASSIC, 20, 20, 60_000, Duration::from_secs(35));
}

#[test]
fn sigkill_of_instances_without_a_name_changes_nothing() {
    kill_at_random(false, CLASSIC, 21, 4, 12_000, Duration::from_secs(20));
}

#[test]
fn sigkill_of_instances_with_two_workers_each_changes_nothing() {
    let (seed, events) = (23, stream(23, 12_000));
    let (deployment, expected) = deployment(seed, &events);
    let configs = ["one", "two"].map(|name| with_workers(configure(&deployment, name, true, CLASSIC), 2));
    kill_one_of(&deployment, &configs, &events, &expected, (seed, 4, Duration::from_secs(20)));
}

#[test]
fn sigkill_under_the_new_group_protocol_changes_nothing() {
    kill_at_random(true, NEW_PROTOCOL, 22, 1, 12_000, Duration::from_secs(8));
}

#[test]
fn a_clean_stop_and_start_in_the_middle_changes_nothing() {
    for (seed, properties) in [(30, CLASSIC), (31, NEW_PROTOCOL)] {
        let events = stream(seed, 12_000);
        let (deployment, expected) = deployment(seed, &events);
        let start = |name: &str| Driftline::start(&configure(&deployment, name, false, properties));
        let stop = |mut instance: Driftline| {
            assert!(instance.stop().success(), "a stop is a success: {}", instance.log());
            assert_healthy(&instance.log());
        };
        let last = while_rows_come(&deployment, &events, Duration::from_secs(8), || {
            let pause = || std::thread::sleep(Duration::from_secs(1));
            let one = start("one");
            pause();
            let two = start("two");
            pause();
            stop(one);
            pause();
            stop(two);
            let three = start("three");
            pause();
            let four = start("four");
            pause();
            stop(three);
            four
        });
        assert_as_if_nothing_had_happened(&deployment, &expected, vec![last], events.len());
    }
}

#[test]
fn sketch_and_evaluate_in_processes_of_their_own_say_the_same() {
    let events = stream(40, 12_000);
    let (deployment, expected) = deployment(40, &events);
    let stages = [("one", "sketch"), ("two", "sketch"), ("three", "evaluate"), ("four", "evaluate")];
    let instances = stages.map(|(name, stage)| {
        let config = configure(&deployment, name, false, NEW_PROTOCOL);
        Driftline::spawn(&config, &["--stage", stage])
    });
    trickle(&deployment, &events, Duration::from_secs(3));
    assert_as_if_nothing_had_happened(&deployment, &expected, instances.into(), events.len());
}

#[test]
fn an_instance_that_was_frozen_for_longer_than_its_session_and_transaction_joins_again() {
    let events = stream(50, 12_000);
    let (deployment, expected) = deployment(50, &events);
    let properties = format!("{CLASSIC}\n\"transaction.timeout.ms\" = \"2000\"");
    let mut instances =
        ["one", "two"].map(|name| Driftline::start(&configure(&deployment, name, false, &properties)));
    while_rows_come(&deployment, &events, Duration::from_secs(22), || {
        let mut rng = ChaCha8Rng::seed_from_u64(50);
        for which in [0, 1, 0] {
            std::thread::sleep(Duration::from_millis(rng.random_range(1500..2500)));
            instances[which].signal("STOP");
            std::thread::sleep(Duration::from_millis(5000));
            instances[which].signal("CONT");
        }
    });
    assert_as_if_nothing_had_happened(&deployment, &expected, instances.into(), events.len());
}

#[test]
fn of_two_processes_with_one_name_the_older_ends_and_says_why() {
    for (seed, properties) in [(60, CLASSIC), (61, NEW_PROTOCOL)] {
        let events = stream(seed, 6_000);
        let (deployment, expected) = deployment(seed, &events);
        let older = configure(&deployment, "one", true, properties);
        let newer = deployment.dir.path().join("newer.toml");
        let text = std::fs::read_to_string(&older).expect("the configuration can be read");
        let port = |text: &str| text.split("listen = '127.0.0.1:").nth(1).map(|rest| rest[..5].to_owned());
        let old_port = port(&text).expect("it names a port");
        let new_port = free_port().to_string();
        std::fs::write(&newer, text.replace(&old_port, &new_port)).expect("it can be written");

        let mut older = Driftline::start(&older);
        let newer = while_rows_come(&deployment, &events, Duration::from_secs(5), || {
            std::thread::sleep(Duration::from_secs(1));
            let newer = Driftline::spawn(&newer, &[]);
            let mut status = None;
            wait_until(Duration::from_secs(20), "the older ends", || {
                status = older.exited();
                status.is_some()
            });
            assert_eq!(status.and_then(|status| status.code()), Some(3), "{}", older.log());
            assert!(older.log().contains("give each its own name"), "{}", older.log());
            newer
        });
        assert_as_if_nothing_had_happened(&deployment, &expected, vec![newer], events.len());
    }
}

#[test]
fn state_of_another_slide_is_refused_with_the_way_out() {
    let events = stream(70, 6_000);
    let (deployment, expected) = deployment(70, &events);
    let config = configure(&deployment, "one", false, NEW_PROTOCOL);
    let instance = Driftline::start(&config);
    trickle(&deployment, &events, Duration::from_secs(1));
    assert_as_if_nothing_had_happened(&deployment, &expected, vec![instance], events.len());

    let text = std::fs::read_to_string(&config).expect("the configuration can be read");
    std::fs::write(&config, text.replace("slide = '20s'", "slide = '30s'")).expect("it can be written");
    let mut instance = Driftline::spawn(&config, &[]);
    wait_until(Duration::from_secs(30), "it ends", || instance.exited().is_some());
    let log = instance.log();
    assert_eq!(instance.exited().and_then(|status| status.code()), Some(2), "{log}");
    assert!(log.contains("window.slide (ms) 20000, the configuration says 30000"), "{log}");
    assert!(log.contains("put the old value back"), "{log}");
}

#[test]
fn an_instance_waits_for_brokers_that_are_absent_at_its_start() {
    let events = stream(80, 6_000);
    let (deployment, expected) = deployment(80, &events);
    let config = configure(&deployment, "one", false, NEW_PROTOCOL);
    let address = format!("127.0.0.1:{}", free_port());
    let text = std::fs::read_to_string(&config).expect("the configuration can be read");
    std::fs::write(&config, text.replace(&brokers(), &address)).expect("it can be written");

    let mut instance = Driftline::spawn(&config, &[]);
    wait_until(Duration::from_secs(10), "it is alive", || {
        instance.get("/healthz").is_some_and(|(status, _)| status == 200)
    });
    wait_until(Duration::from_secs(10), "it says what it waits for", || {
        instance.log().contains("trying again")
    });
    assert_eq!(instance.get("/readyz").map(|(status, _)| status), Some(503));
    trickle(&deployment, &events, Duration::from_secs(1));
    // Whoever asks there is told where the brokers really are.
    forward(&address, brokers());
    instance.wait_ready();
    assert_as_if_nothing_had_happened(&deployment, &expected, vec![instance], events.len());
}

/// Hands connections on for as long as the test runs.
fn forward(from: &str, to: String) {
    let listener = TcpListener::bind(from).expect("the port is free");
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        // Ends with the connection, whichever side closed it.
        std::thread::spawn(move || std::io::copy(&mut from, &mut to))
    };
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(client), Ok(broker)) = (client, TcpStream::connect(&to)) else { return };
            let (Ok(from), Ok(back)) = (client.try_clone(), broker.try_clone()) else { return };
            copy(from, broker);
            copy(back, client);
        }
    });
}
