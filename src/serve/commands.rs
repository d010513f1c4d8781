//! Commands over HTTP: `POST /api/commands` sends one, `GET /api/commands/{id}` says what became of it.
//!
//! A command is on the control topic when it is answered with 202; its owner does it at the next end
//! of a window. Who may send one is decided before a request comes here.

use crate::error::{Error, Result};
use crate::policy::record::{Command, Outcome, Status};
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
        let at = Time::from_ms(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
        Command {
            version: new.version,
            segment: new.segment,
            feature: new.feature,
            target: new.target,
            outcome: new.outcome,
            until: new.until,
            run_url: new.run_url,
            reason: new.reason,
            ..Command::new(new.id, &new.r#type, new.model, &new.actor, at)
        }
    }
}

/// The paths of commands.
pub fn command_routes(desk: Arc<dyn Desk>) -> Router {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Clock, Health, Metrics};
    use crate::serve::tests::answer;
    use crate::serve::{Pages, Settings, start};
    use serde_json::Value;
    use std::sync::Mutex;

    /// Keeps what is sent, and refuses all that is not a mute.
    #[derive(Default)]
    struct Kept(Mutex<Vec<Command>>);

    impl Desk for Kept {
        fn send(&self, command: &Command) -> Result<()> {
            if &*command.model == "away" {
                return Err(Error::bus("no broker answers").retriable());
            }
            self.0.lock().unwrap().push(command.clone());
            Ok(())
        }

        fn latest(&self, id: &str) -> Result<Option<Command>> {
            let kept = self.0.lock().unwrap();
            let found = kept.iter().find(|command| command.id == id).cloned();
            Ok(found.map(|command| match &*command.r#type {
                "mute" => command,
                _ => command.answered(Err("not now".into()), Some(Time::EPOCH)),
            }))
        }
    }

    /// Status and body of a request.
    fn ask(server: &crate::serve::Server, method: &str, path: &str, body: &str) -> (u16, Value) {
        let headers = [("content-type", "application/json"), ("authorization", "Bearer token")];
        let mut response = answer(method, server.address(), path, &headers, body);
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    fn server(desk: Option<Arc<dyn Desk>>) -> crate::serve::Server {
        let settings = Settings {
            listen: ([127, 0, 0, 1], 0).into(),
            token: Some("token".into()),
            ..Settings::default()
        };
        let pages = Pages { commands: desk.map(command_routes), ..Pages::default() };
        start(&settings, &Metrics::new("0.0.0"), &Health::new(Clock::monotonic()), pages).unwrap()
    }

    #[test]
    fn a_command_is_sent_under_an_id_by_which_it_can_be_looked_up() {
        let desk = Arc::new(Kept::default());
        let server = server(Some(desk.clone()));
        let mute = r#"{"type":"mute","model":"fraud","until":"2026-03-05T11:00:00Z","actor":"me"}"#;
        let (status, said) = ask(&server, "POST", "/api/commands", mute);
        let id = said["id"].as_str().unwrap().to_owned();
        assert_eq!(status, 202);
        assert_eq!(desk.0.lock().unwrap()[0].id, id);
        let (status, said) = ask(&server, "GET", &format!("/api/commands/{id}"), "");
        assert_eq!(
            (status, &said["status"], &said["command"]["actor"]),
            (200, &"pending".into(), &"me".into())
        );
        let request = r#"{"id":"cmd_1","type":"trigger.request","model":"fraud"}"#;
        assert_eq!(ask(&server, "POST", "/api/commands", request).1["id"], "cmd_1");
        let (_, said) = ask(&server, "GET", "/api/commands/cmd_1", "");
        assert_eq!((&said["status"], &said["reason"]), (&"refused".into(), &"not now".into()));
        assert_eq!(ask(&server, "GET", "/api/commands/cmd_2", "").0, 404);
    }

    #[test]
    fn what_is_no_command_is_refused_at_once_and_an_absent_broker_is_said() {
        let server = server(Some(Arc::new(Kept::default())));
        let (status, said) = ask(&server, "POST", "/api/commands", r#"{"type":"mute","model":"fraud"}"#);
        assert_eq!((status, &said["error"]), (400, &"a mute needs an end: set `until`".into()));
        let unknown = r#"{"type":"model.retire","model":"fraud","force":true}"#;
        assert_eq!(ask(&server, "POST", "/api/commands", unknown).0, 422);
        let away = r#"{"type":"model.retire","model":"away"}"#;
        assert_eq!(ask(&server, "POST", "/api/commands", away).0, 503);
    }

    #[test]
    fn without_a_desk_no_command_is_taken() {
        let body = r#"{"type":"model.retire","model":"fraud"}"#;
        assert_eq!(ask(&server(None), "POST", "/api/commands", body).0, 404);
    }
}
