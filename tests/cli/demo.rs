//! `demo`: it needs nothing but itself, ends by itself, and finds what it injects.

use super::{Place, ran};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Waits until the page at the address in `said` tells of a judged window with a drifted feature.
fn watch(said: &str) {
    let page = said.trim().strip_prefix("the live page: ").expect("the address of the page");
    let agent = ureq::Agent::new_with_config(ureq::Agent::config_builder().proxy(None).build());
    let ask = |path: &str| {
        let mut response = agent.get(format!("{page}{path}")).call().expect("it answers");
        response.body_mut().read_to_string().expect("text")
    };
    assert!(ask("").contains("<title>driftline</title>"));
    while !ask("api/models").contains("\"verdict\":\"critical\"") {
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(ask("api/references").contains("\"origin\":\"training\""));
}

#[test]
fn the_demo_finds_all_that_it_injects_and_nothing_else_and_ends_by_itself() {
    let started = Instant::now();
    let place = Place::new();
    let mut demo = place.command("demo --for 20s --format json".split(' '));
    let mut demo = demo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let mut stderr = BufReader::new(demo.stderr.take().expect("it is piped"));
    let mut said = String::new();
    stderr.read_line(&mut said).expect("it says where its page is");
    let watched = std::thread::spawn(move || watch(&said));
    let ran = ran(demo.wait_with_output().expect("it ends"));
    let took = started.elapsed();
    watched.join().expect("the page is live");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("the rest of what it said");
    assert_eq!((ran.code, &*rest), (0, ""));
    // How long it takes to catch up at the end is the machine's affair; that it ends is ours.
    assert!(took > Duration::from_secs(20) && took < Duration::from_secs(600), "{took:?}");

    let lines = ran.lines();
    let (summary, records) = lines.split_last().expect("there is a summary");
    assert_eq!(summary["type"], "demo_summary");
    let injected = summary["injected"].as_array().expect("a list");
    assert!(injected.len() >= 5);
    for drift in injected {
        assert!(drift["detected_at"].is_string(), "missed: {drift}");
        let delay = drift["delay_seconds"].as_f64().expect("a number");
        assert!((0.0..=2.0 * 3600.0).contains(&delay), "{drift}");
    }
    assert_eq!(summary["unexpected"], serde_json::json!([]));

    let count = |kind: &str| records.iter().filter(|record| record["type"] == kind).count();
    assert_eq!(count("drift_event") + count("retraining_trigger"), records.len());
    assert!(count("drift_event") >= injected.len() && count("retraining_trigger") >= 1);
    let ids: std::collections::BTreeSet<_> = records.iter().map(|record| record["id"].to_string()).collect();
    assert_eq!(ids.len(), records.len(), "each came once");
}

#[test]
fn a_day_that_is_too_short_is_refused() {
    let ran = Place::new().run("demo --for 1s");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("5s to 24h"), "{}", ran.stderr);
}
