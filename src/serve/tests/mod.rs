//! The server over real sockets of this machine.

mod access;
mod api;

use super::*;
use crate::observe::{Clock, PanesCounted, Stage};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A server on a free port, its metrics and health, and the second at which health's clock stands.
struct Setup {
    server: Server,
    metrics: Metrics,
    health: Health,
    seconds: Arc<AtomicU64>,
}

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn setup() -> Setup {
    let seconds = Arc::new(AtomicU64::new(0));
    let hand = seconds.clone();
    let health = Health::new(Clock::by(move || Duration::from_secs(hand.load(Ordering::Relaxed))));
    let metrics = Metrics::new("0.0.0");
    let settings = Settings { listen: ANY_PORT, probe_listen: Some(ANY_PORT), ..Settings::default() };
    let server =
        start_with(&settings, &metrics, &health, Pages::default(), Duration::from_millis(50)).unwrap();
    Setup { server, metrics, health, seconds }
}

/// The answer to a request with these headers.
pub(super) fn answer(
    method: &str,
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> ureq::http::Response<ureq::Body> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .into();
    let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    agent.run(request.body(body.to_owned()).unwrap()).unwrap()
}

/// Status, content type and body of a request.
fn ask(method: &str, address: SocketAddr, path: &str) -> (u16, String, String) {
    let mut response = answer(method, address, path, &[], "");
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status().as_u16(), kind, response.body_mut().read_to_string().unwrap())
}

fn get_json(address: SocketAddr, path: &str) -> (u16, Value) {
    let (status, kind, body) = ask("GET", address, path);
    assert_eq!(kind, "application/json");
    (status, serde_json::from_str(&body).unwrap())
}

#[test]
fn metrics_are_prometheus_text() {
    let setup = setup();
    PanesCounted { open: 3 }.emit(&setup.metrics);
    let (status, kind, body) = ask("GET", setup.server.address(), "/metrics");
    assert_eq!((status, kind.as_str()), (200, "text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(body, setup.metrics.render());
    assert!(body.contains("\ndriftline_panes_open 3\n"), "{body}");
}

#[test]
fn healthz_fails_and_names_the_loop_when_one_is_stuck() {
    let setup = setup();
    setup.health.beat(Stage::Sketch, 0);
    let stuck = |turning: bool, seconds: f64| {
        let one = json!({"stage": "sketch", "worker": 0, "turning": turning, "last_turn_seconds": seconds});
        json!({"alive": turning, "loops": [one]})
    };
    assert_eq!(get_json(setup.server.address(), "/healthz"), (200, stuck(true, 0.0)));
    setup.seconds.store(61, Ordering::Relaxed);
    assert_eq!(get_json(setup.server.address(), "/healthz"), (503, stuck(false, 61.0)));
}

#[test]
fn readyz_waits_for_the_broker_and_for_restores_and_healthz_for_neither() {
    let setup = setup();
    let address = setup.server.address();
    setup.health.assigned(Stage::Evaluate, "deltas", 4);
    let (status, said) = get_json(address, "/readyz");
    let expected = json!({
        "ready": false, "broker": false, "broker_last_seen_seconds": null, "assigned": 1, "restoring": 1,
        "restoring_partitions": [{"stage": "evaluate", "topic": "deltas", "partition": 4}],
    });
    assert_eq!((status, said), (503, expected));
    assert_eq!(get_json(address, "/healthz").0, 200);
    setup.health.broker_seen();
    assert_eq!(get_json(address, "/readyz").0, 503);
    setup.health.restored(Stage::Evaluate, "deltas", 4);
    assert_eq!(get_json(address, "/readyz").0, 200);
}

#[test]
fn the_probe_listener_answers_the_same() {
    let setup = setup();
    let probe = setup.server.probe_address().unwrap();
    assert_ne!(probe, setup.server.address());
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(ask("GET", probe, path), ask("GET", setup.server.address(), path));
    }
}

#[test]
fn an_unknown_path_and_a_wrong_method_are_refused_in_json() {
    let setup = setup();
    let (status, said) = get_json(setup.server.address(), "/metric?x=1");
    assert_eq!((status, &said["path"]), (404, &json!("/metric")));
    let (status, kind, body) = ask("DELETE", setup.server.address(), "/metrics");
    assert_eq!((status, kind.as_str()), (405, "application/json"));
    assert!(body.contains("does not answer that method"), "{body}");
    for path in ["/", "/api/models", "/events", "/page.js"] {
        assert_eq!(ask("GET", setup.server.probe_address().unwrap(), path).0, 404, "{path} is no probe");
    }
}

#[test]
fn an_address_in_use_is_refused_with_the_setting_and_a_way_out() {
    let setup = setup();
    let taken = setup.server.address();
    for settings in [
        Settings { listen: taken, ..Settings::default() },
        Settings { listen: ANY_PORT, probe_listen: Some(taken), ..Settings::default() },
    ] {
        let setting = if settings.probe_listen.is_some() { "http.probe_listen" } else { "http.listen" };
        let error =
            start(&settings, &setup.metrics, &setup.health, Pages::default()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot listen on {taken}: ")), "{error}");
        assert!(error.contains(&format!("({setting})")), "{error}");
        assert!(error.contains("to a free port"), "{error}");
    }
}

#[test]
fn a_stopped_server_has_freed_its_ports() {
    let setup = setup();
    let (address, probe) = (setup.server.address(), setup.server.probe_address().unwrap());
    setup.server.stop();
    let settings = Settings { listen: address, probe_listen: Some(probe), ..Settings::default() };
    start(&settings, &setup.metrics, &setup.health, Pages::default()).unwrap().stop();
}

#[test]
fn a_client_that_never_finishes_its_request_holds_up_neither_answers_nor_the_stop() {
    let setup = setup();
    let mut slow = TcpStream::connect(setup.server.address()).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nhost:").unwrap();
    assert_eq!(ask("GET", setup.server.address(), "/metrics").0, 200);
    setup.server.stop();
    // The connection is closed without an answer: an end or a reset, as the system likes.
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer);
    assert!(answer.is_empty());
}
