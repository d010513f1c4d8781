//! Who may read and who may act.
//!
//! On a loopback address everybody of the machine may read; elsewhere one needs the token, or the
//! configuration lets anyone read. Acting needs the token where there is one, and is for this machine
//! alone where there is none. A program sends the token with each request. A browser gives it once for
//! a cookie that other sites' pages can't send, and proves with each act that it has read an answer of
//! ours, which they can't either. A page that got here under another site's name is refused.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long a browser stays signed in.
const SESSION: Duration = Duration::from_secs(12 * 3600);
/// How long the answer to a wrong token is held back.
const WRONG_TOKEN: Duration = Duration::from_millis(500);
const COOKIE: &str = "driftline_session";
const CSRF_HEADER: &str = "x-csrf-token";

/// The rules of one listener.
#[derive(Clone)]
pub(super) struct Access {
    is_loopback: bool,
    anyone_reads: bool,
    has_token: bool,
    takes_commands: bool,
    /// Signs sessions. From the token, so that every instance knows them; else of this process.
    key: Arc<Vec<u8>>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("has_token", &self.has_token).finish_non_exhaustive()
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Caller {
    /// A program with the token.
    Program,
    /// A browser with this session.
    Browser(String),
    /// Anyone else.
    Unknown,
}

/// What a browser is told of itself.
#[derive(Debug, Serialize)]
struct Session {
    read: bool,
    act: bool,
    commands: bool,
    needs_token: bool,
    csrf: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SignIn {
    token: String,
}

impl Access {
    pub fn new(listen: SocketAddr, token: Option<&str>, anyone_reads: bool, takes_commands: bool) -> Self {
        let key =
            token.map_or_else(|| rand::random::<[u8; 32]>().to_vec(), |token| token.as_bytes().to_vec());
        Access {
            is_loopback: listen.ip().is_loopback(),
            anyone_reads,
            has_token: token.is_some(),
            takes_commands,
            key: Arc::new(key),
        }
    }

    fn sign(&self, what: &str) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("keys of any length are taken");
        mac.chain_update(what.as_bytes())
    }

    fn signature(&self, what: &str) -> String {
        self.sign(what).finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether two texts are the same, in a time that says nothing of where they differ.
    fn is_same(&self, given: &str, expected: &str) -> bool {
        self.sign(given).verify_slice(&self.sign(expected).finalize().into_bytes()).is_ok()
    }

    fn is_token(&self, given: &str) -> bool {
        self.has_token && self.is_same(given, std::str::from_utf8(&self.key).unwrap_or_default())
    }

    /// A session that ends at this second.
    fn session(&self, until: u64) -> String {
        format!("{until}.{}", self.signature(&format!("session {until}")))
    }

    fn is_session(&self, given: &str) -> bool {
        let until = given.split('.').next().and_then(|until| until.parse().ok());
        self.has_token
            && until.is_some_and(|until| until > now() && self.is_same(given, &self.session(until)))
    }

    fn csrf(&self, session: &str) -> String {
        self.signature(&format!("csrf {session}"))
    }

    fn caller(&self, headers: &HeaderMap) -> Caller {
        let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
        if let Some(token) = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")) {
            return if self.is_token(token) { Caller::Program } else { Caller::Unknown };
        }
        let cookies = text(header::COOKIE).unwrap_or_default().split("; ");
        let session = cookies.filter_map(|cookie| cookie.split_once('=')).find(|(name, _)| *name == COOKIE);
        match session {
            Some((_, session)) if self.is_session(session) => Caller::Browser(session.to_owned()),
            _ if self.is_loopback && !self.has_token => Caller::Browser(String::new()),
            _ => Caller::Unknown,
        }
    }

    fn may_read(&self, caller: &Caller) -> bool {
        self.is_loopback || self.anyone_reads || *caller != Caller::Unknown
    }

    /// On loopback only names of this machine are its own: a site's name that leads here is a trick.
    fn is_own_name(&self, headers: &HeaderMap) -> bool {
        let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return true };
        let name =
            host.rsplit_once(':').map_or(host, |(name, port)| if port.ends_with(']') { host } else { name });
        let is_local = |address: &str| {
            address.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        };
        !self.is_loopback || name == "localhost" || is_local(name)
    }

    /// Why a request is refused.
    fn refusal(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<(StatusCode, &'static str)> {
        if !self.is_own_name(headers) {
            return Some((StatusCode::MISDIRECTED_REQUEST, "this address is asked by its own name only"));
        }
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        if path == "/api/session" {
            return None;
        }
        let caller = self.caller(headers);
        if !self.may_read(&caller) || (!is_read && caller == Caller::Unknown) {
            return Some((StatusCode::UNAUTHORIZED, "a token is needed: `Authorization: Bearer …`"));
        }
        match caller {
            Caller::Browser(session) if !is_read => {
                let given = headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
                let is_ours = given.is_some_and(|given| self.is_same(given, &self.csrf(&session)));
                (!is_ours).then_some((
                    StatusCode::FORBIDDEN,
                    "the header `x-csrf-token` of GET /api/session is needed",
                ))
            }
            _ => None,
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

/// Lets a request pass, or says why not.
pub(super) async fn guard(State(access): State<Access>, request: Request, next: Next) -> Response {
    match access.refusal(request.method(), request.uri().path(), request.headers()) {
        Some((status, why)) => {
            let unauthorized =
                (status == StatusCode::UNAUTHORIZED).then_some([(header::WWW_AUTHENTICATE, "Bearer")]);
            (status, unauthorized.unwrap_or([(header::WWW_AUTHENTICATE, "")]), Json(json!({"error": why})))
                .into_response()
        }
        None => next.run(request).await,
    }
}

/// `GET /api/session`: what the caller may do.
pub(super) async fn session(State(access): State<Access>, headers: HeaderMap) -> impl IntoResponse {
    let caller = access.caller(&headers);
    let csrf = match &caller {
        Caller::Browser(session) => Some(access.csrf(session)),
        Caller::Program | Caller::Unknown => None,
    };
    Json(Session {
        read: access.may_read(&caller),
        act: caller != Caller::Unknown,
        commands: access.takes_commands,
        needs_token: access.has_token,
        csrf,
    })
}

/// `POST /api/session`: the token for a cookie.
pub(super) async fn sign_in(State(access): State<Access>, Json(given): Json<SignIn>) -> Response {
    if !access.is_token(given.token.trim()) {
        tokio::time::sleep(WRONG_TOKEN).await;
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": "this is not the token"}))).into_response();
    }
    let session = access.session(now() + SESSION.as_secs());
    let cookie =
        format!("{COOKIE}={session}; HttpOnly; SameSite=Strict; Path=/; Max-Age={}", SESSION.as_secs());
    ([(header::SET_COOKIE, cookie)], Json(json!({}))).into_response()
}

/// `DELETE /api/session`: forgets the cookie.
pub(super) async fn sign_out() -> impl IntoResponse {
    let cookie = format!("{COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    ([(header::SET_COOKIE, cookie)], Json(json!({})))
}
