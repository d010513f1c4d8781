//! `incident list` and `trigger list`, of an instance that answers with records of the contract.

use super::{Json, Place};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread::JoinHandle;

fn record(name: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/wire/testdata/{name}.json"));
    serde_json::from_slice(&std::fs::read(path).expect("the record is there")).expect("JSON")
}

/// Answers one request with this status and body, and says what the request was.
fn instance(status: &str, body: &Json) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let serve = move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let (mut request, mut part) = (String::new(), [0; 4096]);
        while !request.contains("\r\n\r\n") {
            let read = stream.read(&mut part).expect("it sends");
            request.push_str(std::str::from_utf8(&part[..read]).expect("a text"));
        }
        stream.write_all(answer.as_bytes()).expect("it listens");
        request
    };
    (port, std::thread::spawn(serve))
}

fn incidents() -> Json {
    let mut amount = record("drift-event");
    (amount["transition"], amount["incident"]["closed_at"]) = (json!("detected"), Json::Null);
    let mut age = record("drift-event-inner-nulls");
    (age["feature"], age["model"], age["segment"]) = (json!("age"), json!("churn"), json!([]));
    let mut whole = amount.clone();
    (whole["feature"], whole["version"]) = (Json::Null, json!(""));
    json!({"incidents": [
        {"state": "open", "acknowledged": {"at": "2026-03-04T10:00:00.000Z", "actor": "ann"}, "muted": false,
            "event": amount},
        {"state": "open", "acknowledged": null, "muted": true, "event": age},
        {"state": "open", "acknowledged": {"at": "2026-03-04T10:00:00.000Z", "actor": null}, "muted": false,
            "event": whole},
    ]})
}

#[test]
fn open_incidents_are_listed_for_people_and_for_programs() {
    let place = Place::new();
    place.write("c.toml", "[[model]]\nname = 'fraud'\n");
    let run = |more: &str| {
        let (port, asked) = instance("200 OK", &incidents());
        let line = format!("incident list --config c.toml --url http://127.0.0.1:{port}/{more}");
        let out = place.run(&line).fine();
        let asked = asked.join().expect("it was asked");
        assert!(asked.starts_with("GET /api/incidents?state=open "), "{asked}");
        out
    };
    insta::assert_snapshot!(run(""));
    insta::assert_snapshot!(run(" --model churn --format json"));
    assert_eq!(run(" --model other"), "nothing is open\n");
}

#[test]
fn open_triggers_are_listed_for_people_and_for_programs() {
    let place = Place::new();
    place.write("c.toml", "[[model]]\nname = 'fraud'\n");
    let life =
        json!({"id": "trg_1", "state": "acknowledged", "outcome": null, "run_url": "https://ci.example/1"});
    let triggers = json!({"triggers": [
        {"state": "open", "life": life, "trigger": record("retraining-trigger")},
        {"state": "open", "life": null, "trigger": record("retraining-trigger-nulls")},
    ]});
    let run = |more: &str| {
        let (port, asked) = instance("200 OK", &triggers);
        let out =
            place.run(&format!("trigger list --config c.toml --url http://127.0.0.1:{port}{more}")).fine();
        assert!(asked.join().expect("it was asked").starts_with("GET /api/triggers?state=open "));
        out
    };
    insta::assert_snapshot!(run(""));
    insta::assert_snapshot!(run(" --format json"));
    assert_eq!(run(" --model other"), "nothing is open\n");
}

#[test]
fn the_instance_of_the_configuration_is_asked_with_its_token_and_what_fails_says_what_to_do() {
    let place = Place::new();
    place.write("token", "a-token-of-many-characters");
    let (port, asked) = instance("401 Unauthorized", &json!({"error": "who are you?"}));
    place.write("c.toml", &format!("[http]\nlisten = '127.0.0.1:{port}'\ntoken_file = 'token'\n"));
    let refused = place.run("incident list --config c.toml");
    let asked = asked.join().expect("it was asked").to_lowercase();
    assert!(asked.contains("authorization: bearer a-token-of-many-characters"), "{asked}");
    assert_eq!((refused.code, &*refused.stdout), (2, ""), "{}", refused.stderr);
    assert!(refused.stderr.contains("http.token_file"), "{}", refused.stderr);
    // Nothing listens there any more.
    let gone = place.run("incident list --config c.toml");
    assert_eq!((gone.code, &*gone.stdout), (3, ""), "{}", gone.stderr);
    assert!(gone.stderr.contains("no instance answers"), "{}", gone.stderr);

    let (port, _asked) = instance("200 OK", &json!({"something": "else"}));
    let other = place.run(&format!("incident list --config c.toml --url http://127.0.0.1:{port}"));
    assert!(other.code == 3 && other.stderr.contains("is it an instance of driftline"), "{}", other.stderr);
}
