//! Schemas from a real registry, and what is said when there is none.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use driftline::bus::{Registry, RegistryFailure, RegistrySettings, SchemaFormat};

use crate::bus_support::unique;

const INNER: &str =
    r#"{"type":"record","name":"NAME","namespace":"test","fields":[{"name":"a","type":"int"}]}"#;

fn address() -> String {
    std::env::var("SCHEMA_REGISTRY").expect("set SCHEMA_REGISTRY or run `make test`")
}

fn registry() -> Registry {
    Registry::new(&RegistrySettings::new(address())).unwrap()
}

/// A schema of a name of its own, and the name.
fn schema() -> (String, String) {
    let name = unique("Record").replace('-', "_");
    (INNER.replace("NAME", &name), name)
}

/// Answers every request with this status line and body, as long as the test runs.
fn stand_in(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn a_registered_schema_is_fetched_by_its_id_and_registering_again_changes_nothing() {
    let (registry, (text, _)) = (registry(), schema());
    let subject = unique("subject");
    let id = registry.register(&subject, &text).unwrap();
    assert_eq!(registry.register(&subject, &text).unwrap(), id);
    let schema = registry.schema(id).unwrap();
    assert_eq!((&schema.format, schema.text.as_str()), (&SchemaFormat::Avro, text.as_str()));
    assert!(schema.references.is_empty());
}

#[test]
fn an_incompatible_schema_is_refused() {
    let (registry, (text, _)) = (registry(), schema());
    let subject = unique("subject");
    registry.register(&subject, &text).unwrap();
    let compatibility = ureq::put(format!("{}/config/{subject}", address()))
        .header("Content-Type", "application/json")
        .send(r#"{"compatibility":"BACKWARD"}"#);
    assert!(compatibility.unwrap().status().is_success());
    let failure = registry.register(&subject, &text.replace(r#""a","type":"int""#, r#""b","type":"string""#));
    assert!(matches!(failure, Err(RegistryFailure::Refused(_))), "{failure:?}");
}

#[test]
fn what_a_schema_refers_to_comes_with_it() {
    let (inner, name) = schema();
    let subject = unique("inner");
    let registry = registry();
    registry.register(&subject, &inner).unwrap();
    let outer = format!(r#"{{"type":"array","items":"test.{name}"}}"#);
    let body = serde_json::json!({
        "schema": outer,
        "references": [{ "name": format!("test.{name}"), "subject": subject, "version": 1 }],
    });
    let answer = ureq::post(format!("{}/subjects/{}/versions", address(), unique("outer")))
        .header("Content-Type", "application/json")
        .send(body.to_string())
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    let id = serde_json::from_str::<serde_json::Value>(&answer).unwrap()["id"].as_u64().unwrap();
    let schema = registry.schema(u32::try_from(id).unwrap()).unwrap();
    assert_eq!((schema.text.as_str(), schema.references.as_slice()), (outer.as_str(), &[inner][..]));
}

#[test]
fn an_unknown_id_differs_from_a_registry_that_is_away() {
    let unknown = registry().schema(4_000_000_000);
    assert!(matches!(unknown, Err(RegistryFailure::Unknown(_))), "{unknown:?}");
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = Registry::new(&RegistrySettings::new(format!("http://{unused}"))).unwrap().schema(1);
    assert!(matches!(&away, Err(RegistryFailure::Unavailable(error)) if error.is_retriable()), "{away:?}");
}

#[test]
fn a_registry_that_fails_is_away_and_a_page_that_is_none_is_refused() {
    let schema = |address: String| Registry::new(&RegistrySettings::new(address)).unwrap().schema(1);
    let broken = schema(stand_in("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"));
    assert!(matches!(broken, Err(RegistryFailure::Unavailable(_))), "{broken:?}");
    let other = schema(stand_in("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"));
    assert!(matches!(other, Err(RegistryFailure::Refused(_))), "{other:?}");
    let page = schema(stand_in("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"));
    assert!(matches!(page, Err(RegistryFailure::Refused(_))), "{page:?}");
    let locked = schema(stand_in("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"));
    assert!(matches!(locked, Err(RegistryFailure::Refused(_))), "{locked:?}");
}

#[test]
fn a_registry_that_never_answers_costs_one_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let settings = RegistrySettings { timeout: Duration::from_millis(200), ..RegistrySettings::new(url) };
    let failure = Registry::new(&settings).unwrap().schema(1);
    assert!(matches!(failure, Err(RegistryFailure::Unavailable(_))), "{failure:?}");
}

#[test]
fn a_schema_once_fetched_outlives_its_registry() {
    let (text, _) = schema();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let body = serde_json::json!({ "schema": text }).to_string();
    let once = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).unwrap();
    });
    let registry = Registry::new(&RegistrySettings::new(url)).unwrap();
    assert_eq!(registry.schema(5).unwrap().text, text);
    once.join().unwrap();
    assert_eq!(registry.schema(5).unwrap().text, text);
    assert!(matches!(registry.schema(6), Err(RegistryFailure::Unavailable(_))));
}
