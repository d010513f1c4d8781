//! The read API and its document over a server: what is asked by name, however strange, is found.

use super::{ANY_PORT, Clock, Duration, Health, Metrics, Pages, Server, Settings, ask, get_json, start_with};
use crate::policy::record::{DriftEvent, WindowReport};
use crate::view::SharedView;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

const HOSTILE: &str = "<img src=x onerror=alert(1)>/\"é %";

fn report() -> WindowReport {
    let mut report: WindowReport =
        serde_json::from_str(include_str!("../../wire/testdata/window-report.json")).unwrap();
    report.segment = vec!["eu/\"1\"".into()];
    report.model = HOSTILE.into();
    report.features[0].feature = HOSTILE.into();
    report
}

fn server() -> (Server, SharedView) {
    let view = SharedView::default();
    view.change(|view| view.report(report()));
    let event: DriftEvent =
        serde_json::from_str(include_str!("../../wire/testdata/drift-event.json")).unwrap();
    view.change(|view| view.event(DriftEvent { trigger: None, ..event }));
    let settings = Settings { listen: ANY_PORT, ..Settings::default() };
    let (metrics, health) = (Metrics::new("1.2.3"), Health::new(Clock::monotonic()));
    let pages = Pages { view: view.clone(), ..Pages::default() };
    (start_with(&settings, &metrics, &health, pages, Duration::from_millis(50)).unwrap(), view)
}

/// Every byte but letters and digits escaped.
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[test]
fn a_series_is_found_by_its_whole_name_however_strange() {
    let (server, _) = server();
    let report = report();
    let place = format!("/api/models/{}", escaped(HOSTILE));
    let segment = serde_json::to_string(&report.segment).unwrap();
    let which = format!("?version={}&segment={}", escaped(&report.version), escaped(&segment));
    let address = server.address();
    let (status, heat) = get_json(address, &format!("{place}/heatmap{which}"));
    assert_eq!((status, &heat["model"]), (200, &json!(HOSTILE)));
    let (status, feature) = get_json(address, &format!("{place}/features/{}{which}", escaped(HOSTILE)));
    assert_eq!((status, &feature["feature"]), (200, &json!(HOSTILE)));
    let (status, latest) = get_json(address, &format!("{place}/latest{which}"));
    assert_eq!((status, &latest["segment"]), (200, &json!(report.segment)));
    assert_eq!(get_json(address, &place).0, 200);
    assert_eq!(get_json(address, "/api/models/other").0, 404);
    assert_eq!(get_json(address, &format!("{place}/heatmap?version=none")).0, 404);
    let (status, said) = get_json(address, &format!("{place}/heatmap?segment=eu"));
    assert!(status == 400 && said["error"].as_str().unwrap().contains("JSON array"), "{said}");
}

#[test]
fn lists_are_cut_by_state_model_and_number() {
    let (server, _) = server();
    let length = |path: &str, name: &str| get_json(server.address(), path).1[name].as_array().unwrap().len();
    assert_eq!(length("/api/incidents", "incidents"), 1);
    let open = length("/api/incidents?state=open", "incidents");
    assert_eq!(open + length("/api/incidents?state=closed", "incidents"), 1);
    assert_eq!(length("/api/incidents?model=other", "incidents"), 0);
    assert_eq!((length("/api/events", "events"), length("/api/events?limit=0", "events")), (1, 0));
    assert_eq!((length("/api/triggers", "triggers"), length("/api/references", "activations")), (0, 0));
    assert_eq!(ask("GET", server.address(), "/api/incidents?state=half").0, 400);
}

#[test]
fn an_instance_says_who_it_is_and_how_it_does() {
    let (server, _) = server();
    let said = get_json(server.address(), "/api/instances").1;
    assert_eq!(said["instances"][0]["version"], "1.2.3");
    assert_eq!(said["instances"][0]["lag"], json!({"records": 0, "watermark_seconds": null}));
}

#[test]
fn every_answer_says_what_a_browser_may_do_with_it() {
    let (server, _) = server();
    let agent = ureq::Agent::new_with_config(ureq::Agent::config_builder().proxy(None).build());
    for path in ["/", "/page.js", "/page.css", "/api/models", "/healthz"] {
        let response = agent.get(format!("http://{}{path}", server.address())).call().unwrap();
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
    }
}

#[test]
fn the_document_lists_the_paths_that_there_are() {
    let (server, _) = server();
    let (status, document) = get_json(server.address(), "/api/openapi.json");
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    let paths = document["paths"].as_object().unwrap();
    let sources = [
        include_str!("../api.rs"),
        include_str!("../page.rs"),
        include_str!("../routes.rs"),
        include_str!("../commands.rs"),
    ];
    let served = sources.iter().flat_map(|text| text.split(".route(\"").skip(1));
    let served = served.filter_map(|rest| rest.split('"').next());
    let mut served: Vec<&str> =
        served.filter(|path| path.starts_with("/api/") || *path == "/events").collect();
    served.sort_unstable();
    let mut listed: Vec<&str> = paths.keys().map(String::as_str).collect();
    listed.sort_unstable();
    assert_eq!(listed, served);
}

#[test]
fn what_is_answered_has_the_fields_of_the_document() {
    let (server, _) = server();
    let document = get_json(server.address(), "/api/openapi.json").1;
    let place = format!("/api/models/{}", escaped(HOSTILE));
    let segment = escaped(&serde_json::to_string(&report().segment).unwrap());
    let which = format!("?version={}&segment={segment}", escaped(&report().version));
    let answers = [
        ("Models", get_json(server.address(), "/api/models").1),
        ("Series", get_json(server.address(), "/api/models").1["models"][0].clone()),
        ("HeatMap", get_json(server.address(), &format!("{place}/heatmap{which}")).1),
        ("Windows", get_json(server.address(), &format!("{place}/heatmap{which}")).1["windows"].clone()),
        ("Feature", get_json(server.address(), &format!("{place}/features/{}{which}", escaped(HOSTILE))).1),
    ];
    let names = |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    for (schema, answer) in answers {
        let told = &document["components"]["schemas"][schema]["properties"];
        assert_eq!(names(&answer), names(told), "{schema}");
    }
}

#[test]
fn a_listener_hears_at_once_and_at_every_change_until_the_server_stops() {
    let (server, view) = server();
    let mut line = TcpStream::connect(server.address()).unwrap();
    line.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    line.write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut heard = BufReader::new(line).lines().map(Result::unwrap);
    let mut data = || heard.find(|line| line.starts_with("data: ")).unwrap();
    assert_eq!(data(), "data: {\"revision\":2}");
    view.change(|view| view.report(report()));
    assert_eq!(data(), "data: {\"revision\":3}");
    server.stop();
    assert_eq!(heard.filter(|line| line.starts_with("data: ")).count(), 0);
}
