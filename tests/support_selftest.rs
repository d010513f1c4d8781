//! The shared test support does what it says, against a real broker: otherwise a test that reads too
//! little, or sees what was aborted, would prove nothing.

mod support;

use std::process::Command;
use std::time::{Duration, Instant};
use support::{Driftline, Producer, Topics, consume_all, end_offsets, free_port};

const TIMEOUT: Duration = Duration::from_secs(30);

fn text(bytes: &str) -> Option<&[u8]> {
    Some(bytes.as_bytes())
}

#[test]
fn what_is_produced_is_consumed_whole_and_in_order() {
    let topics = Topics::new();
    let topic = topics.create("round-trip", 3);
    let producer = Producer::new();
    for i in 0..30_000 {
        producer.produce(&topic, i % 3, text(&format!("k{i}")), text(&i.to_string()), 1_000 + i64::from(i));
    }
    producer.produce(&topic, 1, None, None, 7);
    producer.flush();

    let records = consume_all(&topic);

    assert_eq!(records.len(), 30_001);
    for (i, record) in records.iter().take(10_000).enumerate() {
        let number = 3 * i;
        assert_eq!((record.partition, record.offset), (0, i as i64));
        assert_eq!((record.key_text(), record.text()), (&*format!("k{number}"), &*number.to_string()));
        assert_eq!(record.timestamp, 1_000 + number as i64);
    }
    let tombstone = &records[20_000];
    assert_eq!((tombstone.partition, tombstone.timestamp), (1, 7));
    assert_eq!((&tombstone.key, &tombstone.payload), (&None, &None));
}

#[test]
fn an_empty_topic_has_no_records() {
    let topics = Topics::new();
    assert_eq!(consume_all(&topics.create("empty", 2)), []);
}

#[test]
fn aborted_records_are_not_seen_and_open_ones_are_waited_for() {
    let topics = Topics::new();
    let topic = topics.create("aborted", 1);
    let producer = Producer::transactional(&support::unique("selftest"));
    let transaction = |payload: &str| {
        producer.begin();
        producer.produce(&topic, 0, None, text(payload), 0);
        producer.flush();
    };
    transaction("committed");
    producer.commit();
    transaction("aborted");
    producer.abort();
    transaction("open");

    let started = Instant::now();
    let records = std::thread::scope(|scope| {
        let reader = scope.spawn(|| consume_all(&topic));
        std::thread::sleep(Duration::from_millis(1500));
        assert!(!reader.is_finished(), "the reader did not wait for the open transaction");
        producer.commit();
        reader.join().unwrap()
    });

    let payloads: Vec<&str> = records.iter().map(|record| record.text()).collect();
    assert_eq!(payloads, ["committed", "open"], "after {:?}", started.elapsed());
    assert_eq!(end_offsets(&topic), [6], "three records and three markers");
}

#[test]
fn a_process_that_ends_before_it_is_ready_is_told_with_its_log() {
    let mut command = Command::new("sh");
    command.args(["-c", "echo no such broker >&2; exit 3"]);
    let mut process = Driftline::spawn_command(command, &format!("127.0.0.1:{}", free_port()));

    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| process.wait_ready()));

    let message = *panic.expect_err("it is not ready").downcast::<String>().unwrap();
    assert!(message.contains("exit status: 3") && message.contains("no such broker"), "{message}");
}

#[test]
fn a_process_is_stopped_by_sigterm_and_its_status_is_known() {
    let mut command = Command::new("sh");
    command.args(["-c", "trap 'exit 7' TERM; echo up >&2; while :; do sleep 0.02; done"]);
    let mut process = Driftline::spawn_command(command, "127.0.0.1:1");
    support::wait_until(TIMEOUT, "the trap is set", || process.log().contains("up"));

    assert!(!process.is_ready());
    assert_eq!(process.stop().code(), Some(7));
}

#[test]
fn a_dropped_process_is_dead() {
    let mut command = Command::new("sleep");
    command.arg("100");
    let process = Driftline::spawn_command(command, "127.0.0.1:1");
    let pid = process.pid();
    drop(process);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}
