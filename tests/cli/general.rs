//! Usage, exit codes, the log, and `validate`.

use super::{Place, payments};
use std::io::Read;
use std::process::Stdio;

#[test]
fn help_shows_the_commands_and_examples() {
    insta::assert_snapshot!(Place::new().run("--help").fine());
}

#[test]
fn the_version_is_the_crates() {
    let version = Place::new().run("--version").fine();
    assert_eq!(version, format!("driftline {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_ends_with_2_and_says_so_on_standard_error_only() {
    let place = Place::new();
    for line in [
        "",
        "chekc",
        "check",
        "check --reference a.csv --current b.csv --nope",
        "replay",
        "replay x.csv --time row --window 0s",
    ] {
        let ran = place.run(line);
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{line}: {}", ran.stderr);
        assert!(!ran.stderr.is_empty(), "{line}");
    }
}

#[test]
fn a_file_that_is_not_there_ends_with_3_and_names_it() {
    let ran = Place::new().run("check --reference gone.csv --current gone.csv");
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("gone.csv"), "{}", ran.stderr);
}

#[test]
fn a_reader_that_goes_away_early_is_no_failure() {
    let place = Place::new();
    let mut child = place
        .command(["simulate", "--events", "100000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut start = [0; 10];
    child.stdout.take().expect("it is piped").read_exact(&mut start).expect("it writes");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn the_log_is_on_standard_error_as_json_where_wanted() {
    let place = Place::new();
    place.write("a.csv", &payments(100, 0.0));
    let ran = place.run("reference build a.csv --output a.json -v --log-format json");
    assert_eq!((ran.code, &*ran.stdout), (0, ""));
    let lines = ran.stderr.lines().map(|line| serde_json::from_str(line).expect("a line of JSON"));
    let lines: Vec<serde_json::Value> = lines.collect();
    let line = &lines[0];
    assert_eq!((&line["message"], &line["rows"]), (&"reference built".into(), &100.into()));
}

#[test]
fn validate_shows_topics_and_models() {
    let place = Place::new();
    place.write("train.csv", &payments(200, 0.0));
    place.write(
        "driftline.toml",
        "[kafka]\napplication_id = 'shop'\n[[model]]\nname = 'fraud'\nreference = 'train.csv'\n\
         segments = ['/segment/country']\npolicy.mode = 'alert'\n[[model]]\nname = 'churn'\n",
    );
    insta::assert_snapshot!(place.run("validate --config driftline.toml").fine());
    let json = place.run("validate --config driftline.toml --format json").json();
    assert_eq!(json["models"][0]["name"], "fraud");
    assert_eq!(json["topics"][0], serde_json::json!({ "name": "inference-events", "holds": "input" }));
}

#[test]
fn validate_names_every_mistake_at_once_with_its_place() {
    let place = Place::new();
    place.write("driftline.toml", "[window]\nsise = '1h'\n[policy]\nmin_rows = -1\n");
    let ran = place.run("validate --config driftline.toml");
    assert_eq!((ran.code, &*ran.stdout), (2, ""));
    for part in ["driftline.toml:2:1", "did you mean `size`?", "driftline.toml:4:", "`policy.min_rows`"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

#[test]
fn validate_opens_the_reference_files() {
    let place = Place::new();
    place.write(
        "driftline.toml",
        "[[model]]\nname = 'a'\nreference = 'a.json'\n[[model]]\nname = 'b'\nreference = 'b.csv'\n",
    );
    place.write("a.json", "{\"type\": \"something\"}");
    let ran = place.run("validate --config driftline.toml");
    assert_eq!(ran.code, 2);
    for part in ["the reference of model `a`: not a profile", "the reference of model `b`: cannot open"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

#[test]
fn shells_get_completions_and_man_a_page_for_every_command() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let ran = place.run(&format!("completions {shell}"));
        assert!(ran.code == 0 && ran.stdout.contains("calibrate"), "{shell}: {}", ran.stderr);
    }
    assert_eq!(place.run("man --output .").code, 0);
    for page in ["driftline.1", "driftline-replay.1", "driftline-reference-build.1"] {
        assert!(place.read(page).contains(".SH NAME"), "{page}");
    }
    let nowhere = place.run("man --output nowhere");
    assert!(nowhere.code == 3 && nowhere.stderr.contains("nowhere"), "{}", nowhere.stderr);
}
