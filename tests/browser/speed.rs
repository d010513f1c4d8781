//! A thousand features over a month of hours: every interaction shows within a tenth of a second, by the
//! browser's own trace.

use super::driver::Browser;
use super::world::{self, World};
use super::{MODEL, nothing_wrong};
use driftline::view::View;
use serde_json::{Value, json};
use std::time::Duration;

const FEATURES: usize = 1000;
const WINDOWS: i64 = 720;
/// From the input to the picture that shows it, in milliseconds.
const LONGEST_MS: f64 = 100.0;
const TRIES: u32 = 5;

fn month() -> View {
    let mut view = View::default();
    let mut report = world::report(1, FEATURES);
    for hour in 1..=WINDOWS {
        let brief = world::report(hour, 1);
        (report.window, report.decided_at) = (brief.window, brief.decided_at);
        report.features[0] = brief.features[0].clone();
        view.report(report.clone());
    }
    view
}

/// The interactions of a trace: what it was, and how long from the input to the next picture.
fn interactions(browser: &mut Browser, act: impl FnOnce(&mut Browser)) -> Vec<(String, f64)> {
    let categories = json!({"includedCategories": ["devtools.timeline"]});
    browser.call("Tracing.start", json!({"transferMode": "ReportEvents", "traceConfig": categories}));
    act(browser);
    browser.call("Tracing.end", json!({}));
    browser.wait_told("Tracing.tracingComplete");
    let collected = browser.take("Tracing.dataCollected");
    let events = collected.iter().flat_map(|said| said["value"].as_array().unwrap());
    let of_input = events.filter(|event| {
        event["name"] == "EventTiming" && event["args"]["data"]["interactionId"].as_u64() > Some(0)
    });
    let told = |event: &Value| {
        let data = &event["args"]["data"];
        Some((data["type"].as_str()?.to_owned(), data["duration"].as_f64()?))
    };
    of_input.filter_map(told).collect()
}

#[test]
fn a_thousand_features_over_a_month_of_hours_answer_within_a_tenth_of_a_second() {
    let world = World::of(month());
    let mut browser = Browser::start(1280, 900);
    // A machine that has other things to do only adds time: the best of a few tries is the page's own.
    let mut best = f64::INFINITY;
    for _ in 0..TRIES {
        browser.open("about:blank");
        browser.open(&format!("{}{MODEL}", world.home()));
        browser.wait("document.querySelector('.heat')?.clientHeight > 100");
        let found = interactions(&mut browser, look_around);
        assert!(found.len() >= 10, "{found:?}");
        let longest = found.iter().map(|(_, ms)| *ms).fold(0.0, f64::max);
        eprintln!("{} interactions, the longest {longest} ms: {found:?}", found.len());
        best = best.min(longest);
        if best < LONGEST_MS {
            break;
        }
    }
    assert!(best < LONGEST_MS, "{best} ms at best");
    nothing_wrong(&mut browser, &world.home());
}

/// Finds features by typing, walks over the heat map and opens a feature.
fn look_around(browser: &mut Browser) {
    let pause = || std::thread::sleep(Duration::from_millis(400));
    pause();
    browser.click("#find");
    browser.write("feature_09");
    browser.wait("location.hash.endsWith('q=feature_09')");
    pause();
    browser.eval("document.querySelector('.heat').focus()");
    for key in ["ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft"] {
        browser.key(key);
    }
    pause();
    browser.key("Enter");
    browser.wait("document.querySelectorAll('.chart').length > 5");
    pause();
}
