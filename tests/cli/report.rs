//! `report`: one file of what was found, from a replay and from a check.

use super::{Place, payments};
use serde_json::Value as Json;

/// A replay of a stream whose amount moves, as JSON lines in `replay.jsonl`.
fn replayed() -> Place {
    let place = Place::new();
    place.write("train.csv", &payments(2000, 0.0));
    place.write("moved.csv", &payments(4000, 30.0));
    let replay = "replay moved.csv --time ts --reference train.csv --window 1000s --slide 500s --close";
    place.write("replay.jsonl", &place.run(replay).fine());
    place
}

/// The data inside of a page.
fn inside(page: &str) -> Json {
    let data = page.split("id=\"data\">").nth(1).and_then(|rest| rest.split("</script>").next());
    serde_json::from_str(data.expect("the page has data")).expect("they are JSON")
}

#[test]
fn a_replay_becomes_one_page_with_its_windows_events_and_triggers() {
    let place = replayed();
    let page = place.run("report replay.jsonl").fine();
    assert!(page.starts_with("<!doctype html>") && page.contains("Content-Security-Policy"));
    assert!(!page.contains("src=\"") && !page.contains("href=\"http"), "it asks for something");
    let data = inside(&page);
    assert_eq!((&data["kind"], &data["is_whole"]), (&"stream".into(), &true.into()));
    let lines = place.read("replay.jsonl");
    let count = |kind: &str| lines.matches(&format!("\"type\":\"{kind}\"")).count();
    let length = |list: &Json| list.as_array().map_or(0, Vec::len);
    assert_eq!(length(&data["series"][0]["heatmap"]["windows"]["ends"]), count("window_report"));
    assert!(count("window_report") > 4 && count("drift_event") > 0);
    assert_eq!(length(&data["events"]), count("drift_event"));
    assert_eq!(length(&data["triggers"]), count("retraining_trigger"));
    assert_eq!(length(&data["series"][0]["features"]), 2);
}

#[test]
fn json_is_the_data_of_the_page() {
    let place = replayed();
    place.run("report replay.jsonl --output page.html").fine();
    let json = place.run("report replay.jsonl --format json").json();
    assert_eq!(json, inside(&place.read("page.html")));
}

#[test]
fn a_check_becomes_the_same_page_by_itself_and_through_its_json() {
    let place = Place::new();
    place.write("train.csv", &payments(2000, 0.0));
    place.write("moved.csv", &payments(1000, 30.0));
    let check = "check --reference train.csv --current moved.csv --time ts --format";
    let (html, json) = (place.run(&format!("{check} html")), place.run(&format!("{check} json")));
    assert_eq!((html.code, json.code), (1, 1));
    place.write("check.json", &json.stdout);
    assert_eq!(place.run("report check.json").fine(), html.stdout);
    let data = inside(&html.stdout);
    assert_eq!((&data["kind"], &data["models"]["models"][0]["drifted"]), (&"check".into(), &1.into()));
}

#[test]
fn what_is_no_output_of_ours_is_refused_with_its_line() {
    let place = Place::new();
    place.write("a.jsonl", "{\"type\":\"replay_summary\"}\n{\"type\":\"drift_event\"}\n");
    place.write("b.json", "{\n\"rows\": 3}\n");
    let refused = place.run("report a.jsonl");
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("line 2") && refused.stderr.contains("missing field"),
        "{}",
        refused.stderr
    );
    let refused = place.run("report b.json");
    assert!(refused.code == 2 && refused.stderr.contains("not the JSON of a check"), "{}", refused.stderr);
    assert_eq!(place.run("report missing.jsonl").code, 3);
    assert_eq!(place.run("report").code, 2);
}
