//! Made-up histories and a server that shows them.

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use driftline::observe::{Clock, Health, Metrics};
use driftline::policy::record::{DriftEvent, Transition, WindowReport};
use driftline::serve::{self, Pages, Server, Settings};
use driftline::view::{SharedView, View};
use driftline::words::{Time, Verdict};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// A name that would do harm as markup.
pub const HOSTILE: &str = "<img src=x onerror=\"window.hacked=1\">&'\"<script>window.hacked=1</script>";

/// The hour of the last window of [`history`].
pub const LAST_HOUR: i64 = 48;

fn sample<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/src/wire/testdata/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The report of the window that ends at this hour of 2026-03-01, with so many features. The first one
/// drifts from hour 24 on.
pub fn report(hour: i64, features: usize) -> WindowReport {
    let mut report: WindowReport = sample("window-report");
    let end = Time::parse("2026-03-01T00:00:00Z").unwrap().plus_ms(hour * 3_600_000);
    (report.window.start, report.window.end, report.decided_at) = (end.plus_ms(-86_400_000), end, end);
    (report.model, report.version, report.segment) = ("fraud".into(), "7".into(), Vec::new());
    report.unknown_features.clear();
    let like = report.features[0].clone();
    report.features = (0..features)
        .map(|at| {
            let mut feature = like.clone();
            feature.feature = format!("feature_{at:04}").into();
            let drifts = at == 0 && hour >= 24;
            feature.verdict = if drifts { Verdict::Critical } else { Verdict::Ok };
            if let Some(psi) = &mut feature.measures.psi {
                psi.value = if drifts { 0.4 } else { 0.01 }
                    + (at as i64 * 31 + hour * 7).rem_euclid(13) as f64 / 1000.0;
            }
            feature
        })
        .collect();
    report
}

pub fn event(feature: &str) -> DriftEvent {
    let whole: DriftEvent = sample("drift-event");
    let mut event = DriftEvent { trigger: None, transition: Transition::Detected, reason: None, ..whole };
    (event.model, event.version, event.segment) = ("fraud".into(), "7".into(), Vec::new());
    event.feature = Some(feature.into());
    event.explanation = format!("{feature} moved up");
    (event.incident.closed_at, event.incident.acknowledged_at) = (None, None);
    event
}

/// Two days of windows, an hour apart, with an open incident.
pub fn history() -> View {
    let mut view = View::default();
    (1..=LAST_HOUR).for_each(|hour| view.report(report(hour, 12)));
    view.event(event("feature_0000"));
    view
}

/// A server of this machine that shows a view.
pub struct World {
    pub server: Server,
    pub view: SharedView,
    /// The commands that it was sent.
    pub commands: Arc<Mutex<Vec<Value>>>,
}

impl World {
    pub fn of(view: View) -> World {
        World::with(view, false, None)
    }

    /// One that takes commands, perhaps with a token only.
    pub fn with(view: View, takes_commands: bool, token: Option<&str>) -> World {
        let shared = SharedView::default();
        shared.change(|own| *own = view);
        let commands = Arc::new(Mutex::new(Vec::new()));
        let listen = "127.0.0.1:0".parse().unwrap();
        let settings = Settings { listen, token: token.map(Into::into), ..Settings::default() };
        let pages = Pages {
            view: shared.clone(),
            commands: takes_commands.then(|| desk(commands.clone())),
            ..Pages::default()
        };
        let (metrics, health) = (Metrics::new("0.0.0"), Health::new(Clock::monotonic()));
        let server = serve::start(&settings, &metrics, &health, pages).unwrap();
        World { server, view: shared, commands }
    }

    pub fn home(&self) -> String {
        format!("http://{}/", self.server.address())
    }
}

/// Takes any command and has done it when it is asked.
fn desk(commands: Arc<Mutex<Vec<Value>>>) -> Router {
    let take = move |Json(command): Json<Value>| {
        let commands = commands.clone();
        async move {
            commands.lock().unwrap().push(command);
            Json(json!({"id": "cmd_1"}))
        }
    };
    let look =
        |Path(id): Path<String>| async move { Json(json!({"id": id, "status": "applied", "reason": null})) };
    Router::new().route("/api/commands", post(take)).route("/api/commands/{id}", get(look))
}
