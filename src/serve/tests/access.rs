//! Who may read and who may act: on this machine and at an address that others reach, with a token and
//! without, as a program and as a browser.

use super::{Clock, Duration, Health, Metrics, Pages, Server, Settings, answer, start_with};
use axum::Router;
use axum::routing::post;
use serde_json::Value;
use std::net::SocketAddr;

const TOKEN: &str = "a-token-of-many-characters";

/// A server that takes commands. `others` lets it listen where others would reach it.
fn server(others: bool, token: Option<&str>, anyone_reads: bool) -> (Server, SocketAddr) {
    let listen: SocketAddr = if others { "0.0.0.0:0" } else { "127.0.0.1:0" }.parse().unwrap();
    let settings = Settings { listen, probe_listen: None, token: token.map(Into::into), anyone_reads };
    let commands = Router::new().route("/api/commands", post(|| async { "done" }));
    let pages = Pages { commands: Some(commands), ..Pages::default() };
    let (metrics, health) = (Metrics::new("0.0.0"), Health::new(Clock::monotonic()));
    let server = start_with(&settings, &metrics, &health, pages, Duration::from_millis(50)).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], server.address().port()));
    (server, address)
}

/// Status, cookie and body of a request with these headers.
fn send(
    method: &str,
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, Option<String>, String) {
    let mut response = answer(method, address, path, headers, body);
    let cookie = response.headers().get("set-cookie").map(|cookie| cookie.to_str().unwrap().to_owned());
    (response.status().as_u16(), cookie, response.body_mut().read_to_string().unwrap())
}

fn status(method: &str, address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> u16 {
    send(method, address, path, headers, "").0
}

fn session(address: SocketAddr, headers: &[(&str, &str)]) -> Value {
    serde_json::from_str(&send("GET", address, "/api/session", headers, "").2).unwrap()
}

/// Signs in; the cookie and the CSRF token.
fn signed_in(address: SocketAddr) -> (String, String) {
    let body = format!("{{\"token\":\"{TOKEN}\"}}");
    let json = ("content-type", "application/json");
    let (status, cookie, _) = send("POST", address, "/api/session", &[json], &body);
    let cookie = cookie.unwrap();
    assert!(status == 200 && cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let csrf = session(address, &[("cookie", &cookie)])["csrf"].as_str().unwrap().to_owned();
    (cookie, csrf)
}

#[test]
fn on_this_machine_all_may_read_and_acting_takes_what_only_our_own_page_can_read() {
    let (_server, address) = server(false, None, false);
    assert_eq!(status("GET", address, "/api/models", &[]), 200);
    assert_eq!(status("POST", address, "/api/commands", &[]), 403);
    let said = session(address, &[]);
    assert_eq!((&said["act"], &said["needs_token"]), (&Value::from(true), &Value::from(false)));
    let csrf = said["csrf"].as_str().unwrap();
    assert_eq!(status("POST", address, "/api/commands", &[("x-csrf-token", csrf)]), 200);
    assert_eq!(status("POST", address, "/api/commands", &[("x-csrf-token", "guessed")]), 403);
}

#[test]
fn a_page_that_came_here_under_another_name_is_refused() {
    let (_server, address) = server(false, None, false);
    for path in ["/api/models", "/api/session", "/events", "/metrics"] {
        assert_eq!(status("GET", address, path, &[("host", "evil.example:9600")]), 421, "{path}");
    }
    for name in ["localhost:9600", "127.0.0.1", "[::1]:9600", "localhost"] {
        assert_eq!(status("GET", address, "/api/models", &[("host", name)]), 200, "{name}");
    }
}

#[test]
fn with_a_token_on_this_machine_reading_is_free_and_acting_is_not() {
    let (_server, address) = server(false, Some(TOKEN), false);
    assert_eq!(status("GET", address, "/api/models", &[]), 200);
    assert_eq!(status("POST", address, "/api/commands", &[]), 401);
    assert_eq!(session(address, &[])["csrf"], Value::Null);
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(status("POST", address, "/api/commands", &[("authorization", &bearer)]), 200);
    assert_eq!(status("POST", address, "/api/commands", &[("authorization", "Bearer wrong")]), 401);
}

#[test]
fn where_others_reach_it_nothing_but_health_and_the_empty_page_is_free() {
    let (_server, address) = server(true, Some(TOKEN), false);
    for path in ["/api/models", "/api/instances", "/metrics", "/events", "/api/openapi.json"] {
        assert_eq!(status("GET", address, path, &[]), 401, "{path}");
    }
    for path in ["/", "/page.js", "/page.css", "/healthz"] {
        assert_eq!(status("GET", address, path, &[]), 200, "{path}");
    }
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(status("GET", address, "/metrics", &[("authorization", &bearer)]), 200);
}

#[test]
fn a_browser_reads_with_its_cookie_and_acts_with_its_csrf_token_beside_it() {
    let (_server, address) = server(true, Some(TOKEN), false);
    let (cookie, csrf) = signed_in(address);
    let cookie = ("cookie", &*cookie);
    assert_eq!(status("GET", address, "/api/models", &[cookie]), 200);
    assert_eq!(status("POST", address, "/api/commands", &[cookie]), 403);
    assert_eq!(status("POST", address, "/api/commands", &[cookie, ("x-csrf-token", &csrf)]), 200);
    assert_eq!(status("POST", address, "/api/commands", &[("x-csrf-token", &csrf)]), 401);
    let forged = cookie.1.replace('a', "b") + "0";
    assert_eq!(status("GET", address, "/api/models", &[("cookie", &forged)]), 401);
    let later = cookie.1.replacen("driftline_session=1", "driftline_session=9", 1);
    assert_eq!(
        status("GET", address, "/api/models", &[("cookie", &later)]),
        401,
        "a session of one's own length"
    );
}

#[test]
fn every_instance_with_the_token_knows_the_session() {
    let (_one, first) = server(true, Some(TOKEN), false);
    let (_two, second) = server(true, Some(TOKEN), false);
    let (_three, other) = server(true, Some("another-token-altogether"), false);
    let (cookie, _) = signed_in(first);
    assert_eq!(status("GET", second, "/api/models", &[("cookie", &cookie)]), 200);
    assert_eq!(status("GET", other, "/api/models", &[("cookie", &cookie)]), 401);
}

#[test]
fn a_wrong_token_signs_nobody_in() {
    let (_server, address) = server(true, Some(TOKEN), false);
    let json = ("content-type", "application/json");
    for body in ["{\"token\":\"wrong\"}", "{\"token\":\"\"}"] {
        let (status, cookie, _) = send("POST", address, "/api/session", &[json], body);
        assert_eq!((status, cookie), (401, None));
    }
}

#[test]
fn anyone_may_read_where_the_configuration_says_so_and_nobody_acts_without_a_token() {
    let (_server, address) = server(true, None, true);
    assert_eq!(status("GET", address, "/api/models", &[]), 200);
    let said = session(address, &[]);
    assert_eq!((&said["act"], &said["csrf"]), (&Value::from(false), &Value::Null));
    assert_eq!(status("POST", address, "/api/commands", &[]), 401);
    assert_eq!(status("POST", address, "/api/commands", &[("authorization", "Bearer ")]), 401);
}
