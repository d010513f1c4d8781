//! The page, the API, commands, health, readiness and metrics over HTTP.
//!
//! The server runs on a thread of its own and only reads what the stages say of themselves and what
//! the view has gathered, so a stuck stage cannot keep it from answering, nor can a slow client hold up
//! a stage. It asks the broker nothing and changes nothing, but for the commands that it hands on.

mod access;
mod api;
mod commands;
mod page;
mod routes;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
pub use api::Identity;

use crate::observe::{Fact, Health, ListenerOpened, Metrics};
use crate::view::SharedView;
use axum::Router;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

pub use commands::{Desk, command_routes};

/// How long answers that have begun may take when the server stops.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// Where to listen, and who may read there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `http.listen`; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `http.probe_listen`: a second address for health, readiness and metrics alone.
    pub probe_listen: Option<SocketAddr>,
    /// What `http.token_file` holds.
    pub token: Option<Token>,
    /// `http.allow_anonymous`: whether anyone who reaches `listen` may read.
    pub anyone_reads: bool,
}

/// What lets one read and act; it prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Token(text.to_owned())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What there is to look at and to do.
#[derive(Debug, Default)]
pub struct Pages {
    /// What the stages published, gathered.
    pub view: SharedView,
    /// Who this instance is.
    pub identity: Identity,
    /// The paths that take commands; `None`: the page offers no actions.
    pub commands: Option<Router>,
}

impl Default for Settings {
    /// This machine only, port 9600, no second address, no token.
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 9600));
        Settings { listen, probe_listen: None, token: None, anyone_reads: false }
    }
}

/// A running server. It stops when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    probe_address: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Listens and answers from now on. Commands are taken for `desk`, where there is one, from this machine
/// alone: at an address that others reach nothing asks yet who they are.
///
/// # Errors
/// When an address cannot be listened on (in use, not of this machine, not permitted), or the
/// thread cannot be started.
pub fn start(settings: &Settings, metrics: &Metrics, health: &Health, pages: Pages) -> Result<Server> {
    start_with(settings, metrics, health, pages, STOP_WAIT)
}

fn start_with(
    settings: &Settings,
    metrics: &Metrics,
    health: &Health,
    pages: Pages,
    stop_wait: Duration,
) -> Result<Server> {
    let listener = Bound::new(settings.listen, "http.listen")?;
    let probe_listener =
        settings.probe_listen.map(|address| Bound::new(address, "http.probe_listen")).transpose()?;
    let (address, probe_address) = (listener.address, probe_listener.as_ref().map(|bound| bound.address));

    let cannot_run = |error: io::Error| Error::file(format!("the HTTP server cannot be started: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot_run)?;
    let (stop, stopped) = watch::channel(false);
    let all = routes::all(settings, metrics.clone(), health.clone(), pages, stopped.clone());
    let probes = routes::probes(metrics.clone(), health.clone());
    let mut answering = Vec::new();
    let listeners = [Some((listener, all)), probe_listener.map(|bound| (bound, probes))];
    for (bound, router) in listeners.into_iter().flatten() {
        ListenerOpened { address: bound.address, setting: bound.setting }.emit(metrics);
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(bound.listener).map_err(cannot_run)?
        };
        let server = axum::serve(listener, router).with_graceful_shutdown(until(stopped.clone()));
        answering.push(runtime.spawn(server.into_future()));
    }
    let serve = move || {
        runtime.block_on(async move {
            until(stopped).await;
            let finish = async {
                for one in answering {
                    // A server ends only when it is told to; what it says then is of no use.
                    let _ = one.await;
                }
            };
            // What is not done by then is cut off: its clients have had their time.
            let _ = tokio::time::timeout(stop_wait, finish).await;
        });
    };
    let thread = std::thread::Builder::new().name("http".into()).spawn(serve).map_err(cannot_run)?;
    Ok(Server { address, probe_address, stop, thread: Some(thread) })
}

/// Ends when the server is told to stop, or nobody is left to tell it.
async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

impl Server {
    /// The address of the first listener, with the port that was really taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the second listener, if there is one.
    pub fn probe_address(&self) -> Option<SocketAddr> {
        self.probe_address
    }

    /// Takes no more connections, finishes answers that have begun (2 s at most) and frees the ports.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed where it happened; stopping goes on.
            let _ = thread.join();
        }
    }
}

/// An address that is listened on, and the setting that it comes from.
struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    setting: &'static str,
}

impl Bound {
    fn new(address: SocketAddr, setting: &'static str) -> Result<Bound> {
        let bind = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok(Bound { address: listener.local_addr()?, listener, setting })
        };
        bind().map_err(|error: io::Error| {
            let refused = Error::config(format!("cannot listen on {address}: {error}")).at(setting);
            match error.kind() {
                io::ErrorKind::AddrInUse => refused.hint(format!(
                    "another program, perhaps another driftline, listens there; \
                     stop it or set `{setting}` to a free port"
                )),
                io::ErrorKind::AddrNotAvailable => {
                    refused.hint("this machine has no such address; `0.0.0.0` stands for all it has")
                }
                io::ErrorKind::PermissionDenied => {
                    refused.hint("ports below 1024 need a privilege; take a higher one")
                }
                _ => refused,
            }
        })
    }
}
