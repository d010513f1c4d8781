//! The read API: what the view answers, as JSON.

use crate::observe::{Health, Metrics};
use crate::view::{SharedView, State as Life, View};
use crate::words::{ModelKey, Name};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

/// Events of an answer, unless more are asked for.
const EVENTS: usize = 200;

const OPENAPI: &str = include_str!("openapi.json");

/// Who this instance is.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// `kafka.application_id`.
    pub application_id: String,
    /// `kafka.instance`; empty where it has no name.
    pub instance: String,
}

/// What the API answers from.
#[derive(Clone)]
pub(super) struct Sources {
    pub view: SharedView,
    pub metrics: Metrics,
    pub health: Health,
    pub identity: Identity,
}

/// The paths of the API.
pub(super) fn router(sources: Sources) -> Router {
    Router::new()
        .route("/api/models", get(models))
        .route("/api/models/{model}", get(model))
        .route("/api/models/{model}/heatmap", get(heat_map))
        .route("/api/models/{model}/latest", get(latest))
        .route("/api/models/{model}/features/{feature}", get(feature))
        .route("/api/incidents", get(incidents))
        .route("/api/triggers", get(triggers))
        .route("/api/events", get(events))
        .route("/api/references", get(references))
        .route("/api/instances", get(instances))
        .route("/api/openapi.json", get(|| async { ([(header::CONTENT_TYPE, "application/json")], OPENAPI) }))
        .with_state(sources)
}

/// Which version and segment of a model: `version=7&segment=["eu"]`.
#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    version: String,
    segment: Option<String>,
}

impl Part {
    /// The key of that part of `model`, unless the segment can't be read.
    fn key(self, model: String) -> Option<ModelKey> {
        let segment = self.segment.as_deref().unwrap_or("[]");
        let segment: Vec<Name> = serde_json::from_str(segment).ok()?;
        Some(ModelKey { model: model.into(), version: self.version.into(), segment })
    }
}

/// Which of the incidents, triggers or events.
#[derive(Deserialize)]
struct Wanted {
    state: Option<Life>,
    model: Option<String>,
    limit: Option<usize>,
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"error": why}))).into_response()
}

async fn models(State(sources): State<Sources>) -> Response {
    sources.view.read(|view| Json(view.models(None)).into_response())
}

async fn model(State(sources): State<Sources>, Path(model): Path<String>) -> Response {
    sources.view.read(|view| {
        let found = view.models(Some(&model));
        if found.models.is_empty() { unknown() } else { Json(found).into_response() }
    })
}

async fn heat_map(
    State(sources): State<Sources>,
    Path(model): Path<String>,
    Query(part): Query<Part>,
) -> Response {
    of_key(&sources, model, part, |view, key| view.heat_map(key).map(|found| Json(found).into_response()))
}

async fn latest(
    State(sources): State<Sources>,
    Path(model): Path<String>,
    Query(part): Query<Part>,
) -> Response {
    of_key(&sources, model, part, |view, key| view.latest(key).map(|found| Json(found).into_response()))
}

async fn feature(
    State(sources): State<Sources>,
    Path((model, feature)): Path<(String, String)>,
    Query(part): Query<Part>,
) -> Response {
    of_key(&sources, model, part, |view, key| {
        view.feature(key, &feature).map(|found| Json(found).into_response())
    })
}

/// What is found of a model, version and segment.
fn of_key(
    sources: &Sources,
    model: String,
    part: Part,
    find: impl FnOnce(&View, &ModelKey) -> Option<Response>,
) -> Response {
    match part.key(model) {
        Some(key) => sources.view.read(|view| find(view, &key)).unwrap_or_else(unknown),
        None => refused(StatusCode::BAD_REQUEST, "`segment` is a JSON array of texts, such as [\"eu\"]"),
    }
}

fn unknown() -> Response {
    refused(StatusCode::NOT_FOUND, "no window of that was reported lately")
}

async fn incidents(State(sources): State<Sources>, Query(wanted): Query<Wanted>) -> Response {
    sources.view.read(|view| {
        let is_wanted = |model: &str| wanted.model.as_ref().is_none_or(|wanted| wanted == model);
        let found = view.incidents(wanted.state).filter(|incident| is_wanted(&incident.event.model));
        Json(json!({"incidents": found.collect::<Vec<_>>()})).into_response()
    })
}

async fn triggers(State(sources): State<Sources>, Query(wanted): Query<Wanted>) -> Response {
    sources.view.read(|view| {
        let is_wanted = |model: &str| wanted.model.as_ref().is_none_or(|wanted| wanted == model);
        let found = view.triggers(wanted.state).filter(|answer| is_wanted(&answer.trigger.model));
        Json(json!({"triggers": found.collect::<Vec<_>>()})).into_response()
    })
}

async fn events(State(sources): State<Sources>, Query(wanted): Query<Wanted>) -> Response {
    let most = wanted.limit.unwrap_or(EVENTS);
    sources.view.read(|view| Json(view.events(wanted.model.as_deref(), most)).into_response())
}

async fn references(State(sources): State<Sources>, Query(wanted): Query<Wanted>) -> Response {
    sources.view.read(|view| Json(view.references(wanted.model.as_deref())).into_response())
}

/// What this instance says of itself. It knows of no other, though all show all models.
async fn instances(State(sources): State<Sources>) -> Json<Value> {
    let Sources { metrics, health, identity, .. } = &sources;
    Json(json!({"instances": [{
        "instance": identity.instance,
        "application_id": identity.application_id,
        "version": metrics.version(),
        "readiness": health.readiness(),
        "liveness": health.liveness(),
        "lag": metrics.lag(),
    }]}))
}
