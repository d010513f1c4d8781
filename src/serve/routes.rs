//! The paths and their answers: probes for both listeners, everything for the first.

use super::access::{self, Access};
use super::api::{self, Sources};
use super::{Pages, Settings, page};
use crate::observe::{Health, Metrics};
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tokio::sync::watch;

/// The Prometheus text format's own media type.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What probes and a scraper ask for, and nothing else.
pub(super) fn probes(metrics: Metrics, health: Health) -> Router {
    closed(health_routes(health).merge(metrics_route(metrics)))
}

fn health_routes(health: Health) -> Router {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).with_state(health)
}

fn metrics_route(metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(metrics_text)).with_state(metrics)
}

/// All paths that are served. Health and the page's files are for anyone, the rest for those who may.
pub(super) fn all(
    settings: &Settings,
    metrics: Metrics,
    health: Health,
    pages: Pages,
    stopped: watch::Receiver<bool>,
) -> Router {
    let Pages { view, identity, commands } = pages;
    let token = settings.token.as_ref().map(|token| &*token.0);
    let access = Access::new(settings.listen, token, settings.anyone_reads, commands.is_some());
    let session = get(access::session).post(access::sign_in).delete(access::sign_out);
    let guarded = Router::new()
        .route("/api/session", session)
        .with_state(access.clone())
        .merge(metrics_route(metrics.clone()))
        .merge(api::router(Sources { view: view.clone(), metrics, health: health.clone(), identity }))
        .merge(page::listening(view, stopped))
        .merge(commands.unwrap_or_default())
        .layer(middleware::from_fn_with_state(access, access::guard));
    let open = health_routes(health).merge(page::files());
    closed(open.merge(guarded)).layer(middleware::map_response(with_headers))
}

/// A router that also answers what it has no path for.
fn closed(router: Router) -> Router {
    router.fallback(not_found).method_not_allowed_fallback(method_not_allowed)
}

async fn with_headers(mut response: Response) -> Response {
    response.headers_mut().extend(page::HEADERS);
    response
}

async fn healthz(State(health): State<Health>) -> impl IntoResponse {
    let said = health.liveness();
    (fine_if(said.alive), Json(said))
}

async fn readyz(State(health): State<Health>) -> impl IntoResponse {
    let said = health.readiness();
    (fine_if(said.ready), Json(said))
}

async fn metrics_text(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], metrics.render())
}

async fn not_found(uri: Uri) -> impl IntoResponse {
    let paths = ["/", "/healthz", "/readyz", "/metrics", "/api/openapi.json"];
    (StatusCode::NOT_FOUND, Json(json!({"error": "no such path", "path": uri.path(), "paths": paths})))
}

async fn method_not_allowed(uri: Uri) -> impl IntoResponse {
    let said = json!({"error": "this path does not answer that method", "path": uri.path()});
    (StatusCode::METHOD_NOT_ALLOWED, Json(said))
}

fn fine_if(fine: bool) -> StatusCode {
    if fine { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
