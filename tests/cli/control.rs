//! `mute`, `unmute`, `incident` and `trigger` as far as they go without a broker, and `replay --control`.

use super::{Place, payments};

const CONFIG: &str = "[kafka]\nbrokers = '127.0.0.1:1'\n[[model]]\nname = 'fraud'\n";

#[test]
fn help_tells_what_a_mute_does() {
    insta::assert_snapshot!(Place::new().run("mute --help").fine());
}

#[test]
fn help_tells_how_a_trigger_is_closed() {
    insta::assert_snapshot!(Place::new().run("trigger close --help").fine());
}

#[test]
fn help_tells_what_it_means_to_accept_a_window() {
    insta::assert_snapshot!(Place::new().run("reference accept --help").fine());
}

#[test]
fn a_command_that_lacks_something_is_told_what() {
    let place = Place::new();
    place.write("c.toml", CONFIG);
    for (line, part) in [
        ("mute --config c.toml --model fraud", "--for <TIME>|--until <TIME>"),
        ("mute --config c.toml --model fraud --for 1h --until 2026-03-05T12:00:00Z", "cannot be used with"),
        (
            "mute --config c.toml --model fraud --until noon",
            "invalid value 'noon' for '--until <TIME>': write a time such as",
        ),
        ("mute --config c.toml --model freud --for 1h", "fraud"),
        ("unmute --config c.toml --model fraud --id cmd_1 --feature x", "cannot be used with"),
        ("trigger close trg_1 --config c.toml --model fraud", "--outcome"),
        ("trigger close trg_1 --config c.toml --model fraud --outcome done", "succeeded, failed, rejected"),
        ("incident close --config c.toml --model fraud", "<ID>"),
    ] {
        let ran = place.run(line);
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(part), "{line}: {}", ran.stderr);
    }
}

#[test]
fn without_a_broker_nothing_is_sent_and_the_exit_code_is_3() {
    let place = Place::new();
    place.write("c.toml", CONFIG);
    for what in ["trigger request", "reference accept"] {
        let ran = place.run(&format!("{what} --config c.toml --model fraud"));
        assert_eq!((ran.code, &*ran.stdout), (3, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains("no Kafka broker answers"), "{}", ran.stderr);
    }
}

#[test]
fn a_replay_honours_commands_at_their_times() {
    let place = Place::new();
    place.write("before.csv", &payments(4000, 0.0));
    place.write("after.csv", &payments(4000, 80.0));
    let mute = |status: &str| {
        format!(
            r#"{{"schema_version":1,"id":"cmd_1","type":"mute","model":"model","until":"1970-01-01T00:50:00Z","actor":"me","at":"2026-03-04T11:00:00Z"{status}}}"#
        ) + "\n"
    };
    let applied = r#","status":"applied","effective_at":"1970-01-01T00:10:00Z""#;
    let detected = |more: &str| -> Vec<(String, bool)> {
        let line = "replay after.csv --time row --reference before.csv --window 500s --slide 100s";
        let ran = place.run(&format!("{line} --set policy.early.enabled=false{more}"));
        let events = ran.lines().into_iter().filter(|record| record["transition"] == "detected");
        let of = |event: serde_json::Value| {
            (event["decided_at"].as_str().unwrap_or_default().to_owned(), event["muted"] == true)
        };
        events.map(of).collect()
    };
    assert!(detected("").iter().all(|(at, muted)| &**at < "1970-01-01T00:10" && !muted));
    place.write("early.jsonl", &mute(&applied.replace("00:10:00", "00:01:00")));
    let held = detected(" --control early.jsonl");
    assert!(
        !held.is_empty() && held.iter().all(|(at, muted)| at == "1970-01-01T00:50:00.000Z" && *muted),
        "{held:?}"
    );
    place.write("sent.jsonl", &mute(""));
    assert_eq!(detected(" --control sent.jsonl"), detected(""), "sent after the rows: it is never done");

    let accept = r#"{"schema_version":1,"id":"cmd_2","type":"reference.accept_window","model":"model","reason":"as it is","actor":"ann","at":"2026-03-04T11:00:00Z","effective_at":"1970-01-01T00:16:40Z","status":"applied"}"#;
    place.write("accept.jsonl", &format!("{accept}\n"));
    let ran = place.run("replay before.csv --time row --reference before.csv --window 500s --slide 100s --control accept.jsonl");
    let made: Vec<_> =
        ran.lines().into_iter().filter(|record| record["type"] == "reference_published").collect();
    assert_eq!(made.len(), 1, "{}", ran.stderr);
    assert_eq!(
        (&made[0]["origin"], &made[0]["actor"], &made[0]["rows"], &made[0]["decided_at"]),
        (&"accepted_window".into(), &"ann".into(), &500.into(), &"1970-01-01T00:16:40.000Z".into())
    );

    place.write("bad.jsonl", "{}\n");
    let ran =
        place.run("replay after.csv --time row --reference before.csv --window 500s --control bad.jsonl");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("bad.jsonl:1"), "{}", ran.stderr);
}
