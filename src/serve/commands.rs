//! Commands over HTTP: `POST /api/commands` sends one, `GET /api/commands/{id}` says what became of it.
//!
//! A command is on the control topic when it is answered with 202; its owner does it at the next end
//! of a window. Who may send one is decided before a request comes here.

use crate::error::{Error, Result};
use crate::policy::record::{Command, Outcome, SCHEMA_VERSION, Status};
use crate::service::{CommandDesk, command_id};
use crate::words::{Name, Time};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::SystemTime;

/// Where commands go, and what becomes of them.
pub trait Desk: Send + Sync {
    /// Puts a command on its way.
    ///
    /// # Errors
    /// It did not get there; retriable where it may later.
    fn send(&self, command: &Command) -> Result<()>;

    /// The command of this id, with what became of it as far as it is known.
    ///
    /// # Errors
    /// It can't be looked up.
    fn latest(&self, id: &str) -> Result<Option<Command>>;
}

impl Desk for CommandDesk {
    fn send(&self, command: &Command) -> Result<()> {
        CommandDesk::send(self, command)
    }

    fn latest(&self, id: &str) -> Result<Option<Command>> {
        CommandDesk::latest(self, id)
    }
}

/// A command as a client writes it; the id and the time are ours, unless it brings an id of its own, so
/// that it may send the same again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCommand {
    #[serde(default = "command_id")]
    id: String,
    r#type: String,
    model: Name,
    version: Option<Name>,
    segment: Option<Vec<Name>>,
    feature: Option<Name>,
    target: Option<String>,
    outcome: Option<Outcome>,
    until: Option<Time>,
    run_url: Option<String>,
    reason: Option<String>,
    #[serde(default = "nobody")]
    actor: String,
}

fn nobody() -> String {
    "api".to_owned()
}

impl From<NewCommand> for Command {
    fn from(new: NewCommand) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Command {
            schema_version: SCHEMA_VERSION,
            id: new.id,
            r#type: new.r#type,
            model: new.model,
            version: new.version,
            segment: new.segment,
            feature: new.feature,
            target: new.target,
            outcome: new.outcome,
            until: new.until,
            run_url: new.run_url,
            reason: new.reason,
            actor: new.actor,
            at: Time::from_ms(i64::try_from(now.as_millis()).unwrap_or(i64::MAX)),
            status: None,
            effective_at: None,
            refusal: None,
        }
    }
}

/// The paths of commands.
pub(super) fn routes(desk: Arc<dyn Desk>) -> Router {
    Router::new().route("/api/commands", post(send)).route("/api/commands/{id}", get(look)).with_state(desk)
}

async fn send(State(desk): State<Arc<dyn Desk>>, Json(new): Json<NewCommand>) -> Response {
    let command = Command::from(new);
    if let Err(why) = command.action() {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": why}))).into_response();
    }
    let id = command.id.clone();
    tracing::info!(
        id,
        kind = command.r#type,
        model = &*command.model,
        actor = command.actor,
        "command taken"
    );
    match waiting(move || desk.send(&command)).await {
        Ok(()) => (StatusCode::ACCEPTED, Json(json!({"id": id}))).into_response(),
        Err(error) => failed(&error),
    }
}

async fn look(State(desk): State<Arc<dyn Desk>>, Path(id): Path<String>) -> Response {
    match waiting(move || desk.latest(&id)).await {
        Ok(Some(command)) => {
            let status = match command.status {
                None => "pending",
                Some(Status::Applied) => "applied",
                Some(Status::Refused) => "refused",
            };
            let Command { id, effective_at, refusal, .. } = &command;
            let said = json!({
                "id": id, "status": status, "effective_at": effective_at, "reason": refusal, "command": command,
            });
            Json(said).into_response()
        }
        Ok(None) => (StatusCode::NOT_FOUND, Json(json!({"error": "no such command in the last days"})))
            .into_response(),
        Err(error) => failed(&error),
    }
}

/// Runs what waits for brokers beside the server's own thread.
async fn waiting<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Error::bus("the request was given up")))
}

fn failed(error: &Error) -> Response {
    let status = if error.is_retriable() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_GATEWAY };
    (status, Json(json!({"error": error.to_string()}))).into_response()
}
