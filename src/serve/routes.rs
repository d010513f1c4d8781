//! The paths and their answers.

use crate::observe::{Health, Metrics};
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;

/// The Prometheus text format's own media type.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All paths that are served.
pub(super) fn router(metrics: Metrics, health: Health) -> Router {
    let health_routes =
        Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).with_state(health);
    Router::new()
        .route("/metrics", get(metrics_text))
        .with_state(metrics)
        .merge(health_routes)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
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
    let paths = ["/healthz", "/readyz", "/metrics"];
    (StatusCode::NOT_FOUND, Json(json!({"error": "no such path", "path": uri.path(), "paths": paths})))
}

async fn method_not_allowed(uri: Uri) -> impl IntoResponse {
    let said = json!({"error": "only GET and HEAD are answered here", "path": uri.path()});
    (StatusCode::METHOD_NOT_ALLOWED, Json(said))
}

fn fine_if(fine: bool) -> StatusCode {
    if fine { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
