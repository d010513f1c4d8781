//! Child processes and what they used: CPU time of all their threads, wall time, memory.

use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What a process had used at some moment.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    pub cpu: Duration,
    pub wall: Duration,
    pub rss_bytes: u64,
}

/// A process that is ended when asked for, or dropped.
pub struct Running {
    child: Child,
    started: Instant,
}

impl Running {
    /// Starts `command`.
    pub fn start(mut command: Command) -> Running {
        let started = Instant::now();
        Running { child: command.spawn().expect("the process starts"), started }
    }

    /// What it has used, before it is ended.
    pub fn end(self) -> Usage {
        usage(&self.child, self.started).expect("it still lives")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts `command`, and ends it when `is_done`; what it had used by then.
pub fn until(command: Command, patience: Duration, is_done: impl Fn() -> bool) -> Result<Usage, String> {
    let mut running = Running::start(command);
    loop {
        if let Ok(Some(status)) = running.child.try_wait() {
            return Err(format!("it ended by itself: {status}"));
        }
        if running.started.elapsed() > patience {
            return Err("it took too long".to_owned());
        }
        if is_done() {
            return usage(&running.child, running.started);
        }
        sleep(Duration::from_millis(100));
    }
}

/// Starts `command`, whose last act is to wait for its end, and ends it; what it had used.
pub fn until_ended(mut command: Command, patience: Duration) -> Usage {
    command.stdout(std::process::Stdio::piped());
    let mut running = Running::start(command);
    let mut line = String::new();
    let mut out = std::io::BufReader::new(running.child.stdout.take().expect("its output is piped"));
    std::io::BufRead::read_line(&mut out, &mut line).expect("its output can be read");
    assert!(line.trim() == "done" && running.started.elapsed() < patience, "polling failed: {line}");
    running.end()
}

/// By the kernel's account in hundredths of a second, threads that ended included.
fn usage(child: &Child, started: Instant) -> Result<Usage, String> {
    let wall = started.elapsed();
    let read = |file: &str| {
        std::fs::read_to_string(format!("/proc/{}/{file}", child.id())).map_err(|error| error.to_string())
    };
    let stat = read("stat")?;
    // The name, in brackets, may hold anything; user and system time are the 12th and 13th after it.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    let status = read("status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|text| text.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    Ok(Usage {
        cpu: Duration::from_millis((ticks(11) + ticks(12)) * 10),
        wall,
        rss_bytes: kib.unwrap_or(0) * 1024,
    })
}

/// The bare loop: polls `count` records of `topic` and drops them, says so, and waits to be ended.
pub fn poll(topic: &str, partitions: i32, count: usize) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", std::env::var("KAFKA_BROKERS").expect("KAFKA_BROKERS is set"))
        .set("group.id", "bare")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.queue.backoff.ms", "20")
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
    }
    consumer.assign(&list).expect("the partitions are there");
    let mut seen = 0;
    while seen < count {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(_)) => seen += 1,
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
    }
    println!("done");
    loop {
        sleep(Duration::from_secs(60));
    }
}
