//! `calibrate`: how much rows hang together, and what shuffled history then shows.

use super::Place;

/// A month of ten rows an hour. The level of `level` is a random walk's from day to day, `free` is
/// independent of everything.
fn history() -> String {
    let mut text = String::from("ts,level,free\n");
    let mut state = 12345_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    let mut level = 0.0;
    for row in 0..24_000_u64 {
        if row % 240 == 0 {
            level = 0.8 * level + random() - 0.5;
        }
        let (own, free) = (level + random(), random());
        text.push_str(&format!("{},{own:.5},{free:.5}\n", 1_772_409_600 + row * 360));
    }
    text
}

#[test]
fn rows_that_hang_together_count_as_fewer_and_the_order_in_time_is_needed() {
    let place = Place::new();
    place.write("history.csv", &history());
    let refused = place.run("calibrate history.csv");
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("needs the order of rows in time"), "{}", refused.stderr);

    let line =
        "calibrate history.csv --time ts --window 24h --slide 6h --format json --output reference.json";
    let found = place.run(line).json();
    let lengths: Vec<i64> = found["features"][0]["calibration"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|calibration| calibration["duration_ms"].as_i64().expect("a length") / 3_600_000)
        .collect();
    assert_eq!(lengths, [6, 12, 24, 96]);
    let factor =
        |feature: usize| found["features"][feature]["calibration"][2]["shape"].as_f64().expect("a factor");
    assert_eq!(found["features"][0]["feature"], "free");
    assert!(factor(0) < 2.0 && factor(1) > 30.0, "{} {}", factor(0), factor(1));
    let built = place.run("reference build history.csv --time ts --window 24h --slide 6h").fine();
    assert_eq!(place.read("reference.json"), built, "it is the profile that `reference build` makes");
}

#[test]
fn shuffled_history_has_no_more_events_than_the_budget_once_factors_are_raised() {
    let place = Place::new();
    place.write("history.csv", &history());
    let line = "calibrate history.csv --time ts --window 24h --slide 6h --verify --format json";
    let verified = place.run(line).json()["verified"].clone();
    let number = |name: &str| verified[name].as_f64().unwrap_or_else(|| panic!("{name}: {verified}"));
    assert!(number("events") <= number("budget"), "{verified}");
    assert!(number("low") <= number("events") && number("events") <= number("high"), "{verified}");
    // With windows of one pane, and nothing known of a day, every day is another.
    place.write("policy.toml", "[policy]\nmin_rows = 100\nbudget = { false_events = 1e-6, per = '30d' }\n");
    let line = "calibrate history.csv --time ts --window 24h --slide 24h --verify --format json --config policy.toml";
    let verified = place.run(line).json()["verified"].clone();
    let number = |name: &str| verified[name].as_f64().unwrap_or_else(|| panic!("{name}: {verified}"));
    assert!(number("events") <= number("events_before"), "{verified}");
}
