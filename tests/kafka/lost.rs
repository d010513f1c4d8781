//! Records that are deleted from the input before they are read, on a real broker, while the instance is
//! killed: windows tell how many, each once; and a trigger says which of its offsets are gone.

use crate::bus_support::settings_of;
use crate::deployment::Deployment;
use crate::exactly_once::{CLASSIC, SETTINGS, START_MS, configure};
use crate::support::{Driftline, wait_until};
use driftline::bus::{TopicAdmin, TopicPartition, committed_by};
use driftline::words::Time;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::time::Duration;

const PARTITIONS: usize = 3;
/// Ten minutes of event time, a whole number of windows.
const ROWS: usize = 12_000;
/// From when on `x` is another.
const DRIFT_FROM: usize = 9_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Rows of one model and version, in order.
fn stream() -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(94);
    let mut row = |n: usize, time_ms: i64| {
        let x = rng.random::<f64>() + if n < DRIFT_FROM { 0.0 } else { 0.4 };
        let time = Time::from_ms(START_MS + time_ms).to_string();
        json!({"model": "fraud", "version": "1", "time": time, "features": {"x": x}}).to_string()
    };
    let rows = (0..ROWS).map(|n| (n, n as i64 * 50));
    let last = (0..PARTITIONS).map(|n| (ROWS + n, ROWS as i64 * 50 + 120_000));
    rows.chain(last).map(|(n, time_ms)| row(n, time_ms)).collect()
}

fn deployment() -> Deployment {
    let settings = SETTINGS
        .replace("start = 'earliest'", "start = 'earliest'\non_lost_offsets = 'continue'")
        .replace("segments = ['/segment/country']\n", "")
        .replace("min_rows = 100\n", "min_rows = 100\nmin_completeness = 0.1\n");
    let deployment = Deployment::new(PARTITIONS as i32, &settings);
    let mut rng = ChaCha8Rng::seed_from_u64(95);
    let rows: String = (0..5000).map(|_| format!("{}\n", rng.random::<f64>())).collect();
    let table = deployment.dir.path().join("reference.csv");
    std::fs::write(&table, format!("x\n{rows}")).expect("the table is written");
    deployment.publish(&table, &["--kind", "x=continuous"], "fraud", "1");
    deployment
}

/// What stage 1 has committed of the partitions.
fn committed(deployment: &Deployment) -> Vec<Option<i64>> {
    let partitions: Vec<TopicPartition> =
        (0..PARTITIONS).map(|n| TopicPartition::new(&*deployment.input, n as i32)).collect();
    let settings = settings_of(&deployment.id, "", &[]);
    let committed = committed_by(&settings, "sketch", &partitions).expect("the broker answers");
    committed.into_iter().map(|committed| committed.offset).collect()
}

fn wait_for_offsets(deployment: &Deployment, wanted: i64) {
    let is_there = || committed(deployment) == [Some(wanted); PARTITIONS];
    wait_until(PATIENCE, &format!("offset {wanted} of all partitions committed"), is_there);
}

#[test]
fn what_was_deleted_before_it_was_read_is_told_once_whoever_is_killed_and_a_trigger_says_what_is_gone() {
    let (events, deployment) = (stream(), deployment());
    let config = configure(&deployment, "one", true, CLASSIC);
    let mut instance = Driftline::start(&config);
    deployment.produce(&events[..3000]);
    wait_for_offsets(&deployment, 1000);
    instance.kill();

    // Nothing is left of one partition, half of another, and everything of the last.
    deployment.produce(&events[3000..6000]);
    let admin = TopicAdmin::new(&settings_of(&deployment.id, "", &[])).expect("a client");
    for (partition, before) in [(0, 2000), (1, 1500)] {
        let partition = TopicPartition::new(&*deployment.input, partition);
        admin.delete_records(&partition, before).expect("records are deleted");
    }
    // It dies before, while and after it hears of that.
    let mut rng = ChaCha8Rng::seed_from_u64(96);
    for _ in 0..4 {
        let mut instance = Driftline::spawn(&config, &[]);
        wait_until(PATIENCE, "it hears of the loss", || {
            instance.log().contains("no longer has offsets") || committed(&deployment)[0] == Some(2000)
        });
        std::thread::sleep(Duration::from_millis(rng.random_range(0..300)));
        instance.kill();
    }
    let mut instance = Driftline::start(&config);
    wait_for_offsets(&deployment, 2000);
    instance.kill();
    // Of the first partition there were no rows yet to be told with.
    let mut instance = Driftline::start(&config);
    deployment.produce(&events[6000..ROWS]);
    wait_for_offsets(&deployment, 4000);
    // These close the last window, and lie beyond it.
    deployment.produce(&events[ROWS..]);
    let last = Time::from_ms(START_MS + ROWS as i64 * 50).to_string();
    wait_until(PATIENCE, "the last window", || {
        deployment.output("reports").iter().any(|report| report["window"]["end"] == *last)
    });
    assert!(instance.stop().success(), "a stop is a success: {}", instance.log());

    let decided = deployment.decided();
    decided.assert_once();
    let count = |value: &Value| value.as_u64().expect("a count");
    let windows: Vec<Value> =
        deployment.output("reports").iter().map(|report| report["window"].clone()).collect();
    let side_by_side = windows.iter().filter(|window| {
        let end: Time = serde_json::from_value(window["end"].clone()).expect("a time");
        (end.ms() - START_MS) % 60_000 == 0
    });
    let (read, lost) = side_by_side.fold((0, 0), |(read, lost), window| {
        (read + count(&window["events"]), lost + count(&window["lost"]))
    });
    assert_eq!((read, lost), (ROWS as u64 - 1500, 1500));
    let incomplete = |window: &&Value| window["completeness"].as_f64().is_some_and(|share| share < 1.0);
    assert!(windows.iter().filter(incomplete).all(|window| count(&window["lost"]) > 0));

    let triggers = deployment.output("triggers");
    let found: Vec<(u64, bool, Option<&str>)> = triggers[0]["data"]["offsets"]
        .as_array()
        .expect("offsets")
        .iter()
        .map(|one| (count(&one["first_offset"]), one["complete"] == true, one["reason"].as_str()))
        .collect();
    let (none, half) =
        ("records before 2000 are deleted from the log", "records before 1500 are deleted from the log");
    assert_eq!(found, [(0, false, Some(none)), (0, false, Some(half)), (0, true, None)]);
}
