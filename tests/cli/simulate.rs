//! `simulate`: the same bytes for the same seed, and what it writes can be replayed.

use super::Place;

#[test]
fn a_seed_is_a_stream_byte_for_byte() {
    let place = Place::new();
    let stream = |seed: u32| place.run(&format!("simulate --events 200 --seed {seed}")).fine();
    assert_eq!(stream(7), stream(7));
    assert_ne!(stream(7), stream(8));
    assert_eq!(stream(7).lines().count(), 200);
}

#[test]
fn a_length_is_of_event_time() {
    let ran = Place::new().run("simulate --for 10s --rate 3 --start 2026-01-01T00:00:00Z --drift none");
    let lines = ran.lines();
    assert_eq!(lines.len(), 30);
    assert_eq!(lines[0]["time"], "2026-01-01T00:00:00.000Z");
}

#[test]
fn a_drift_that_makes_no_sense_is_refused() {
    let place = Place::new();
    for (drift, says) in [
        ("amount:shift:4h", "mean_shift"),
        ("amuont:mean_shift:4h", "the features are"),
        ("country:mean_shift:4h", "can't happen"),
    ] {
        let ran = place.run(&format!("simulate --events 1 --drift {drift}"));
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{drift}");
        assert!(ran.stderr.contains(says), "{drift}: {}", ran.stderr);
    }
}

#[test]
fn reference_rows_are_the_same_as_csv_and_as_json_lines() {
    let place = Place::new();
    for name in ["r.csv", "r.jsonl"] {
        place.run(&format!("simulate --events 1 --reference {name} --reference-rows 500")).fine();
    }
    let shown = |name: &str| {
        place.run(&format!("reference build {name} -o {name}.json")).fine();
        place.run(&format!("reference show {name}.json --format json")).json()["features"].clone()
    };
    assert_eq!(shown("r.csv"), shown("r.jsonl"));
}
