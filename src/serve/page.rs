//! The page itself, and the line on which a browser hears that something has changed.

use crate::report;
use crate::view::SharedView;
use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::unfold;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How often the view is looked at for listeners.
const LOOK: Duration = Duration::from_millis(250);
/// Listeners at once; more are told to come later.
const LISTENERS: usize = 200;

/// What is said with every answer: nothing but this server's own files may run, look or be asked.
pub(super) const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        axum::http::header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (axum::http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (axum::http::header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (axum::http::header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (axum::http::header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];

/// The page's files. They hold no data, so that anyone may have them.
pub(super) fn files() -> Router {
    let html = Arc::<str>::from(report::page());
    let html = move || {
        let html = html.to_string();
        async move { ([(CONTENT_TYPE, "text/html; charset=utf-8")], html) }
    };
    Router::new()
        .route("/", get(html))
        .route("/page.css", get(|| async { ([(CONTENT_TYPE, "text/css; charset=utf-8")], report::STYLE) }))
        .route(
            "/page.js",
            get(|| async { ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], report::SCRIPT) }),
        )
}

/// The line to listeners: `change` with the view's revision, at once and whenever it is another.
pub(super) fn listening(view: SharedView, stopped: watch::Receiver<bool>) -> Router {
    let lines = Lines { view, stopped, room: Arc::new(Semaphore::new(LISTENERS)) };
    Router::new().route("/events", get(events)).with_state(lines)
}

#[derive(Clone)]
struct Lines {
    view: SharedView,
    stopped: watch::Receiver<bool>,
    room: Arc<Semaphore>,
}

/// A listener: what it was told last, and its place among those there may be.
struct Listener {
    lines: Lines,
    told: Option<u64>,
    _place: OwnedSemaphorePermit,
}

async fn events(State(lines): State<Lines>) -> Response {
    let Ok(place) = lines.room.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many listen already").into_response();
    };
    let listener = Listener { lines, told: None, _place: place };
    let changes = unfold(listener, |mut listener| async move {
        loop {
            // A server that stops hangs up, so that nobody holds up its end.
            if *listener.lines.stopped.borrow() {
                return None;
            }
            let revision = listener.lines.view.revision();
            if listener.told != Some(revision) {
                listener.told = Some(revision);
                let event = Event::default().event("change").data(format!("{{\"revision\":{revision}}}"));
                return Some((Ok::<_, Infallible>(event), listener));
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    Sse::new(changes).keep_alive(KeepAlive::default()).into_response()
}
