//! Health, readiness and metrics over HTTP: `/healthz`, `/readyz`, `/metrics`; and commands.
//!
//! The server runs on a thread of its own and only reads what the stages say of themselves, so a
//! stuck stage cannot keep it from answering, nor can a slow client hold up a stage. It asks the
//! broker nothing and changes nothing, but for the commands that it hands on.

mod commands;
mod routes;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::observe::{Fact, Health, ListenerOpened, Metrics};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

pub use commands::Desk;

/// How long answers that have begun may take when the server stops.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// `http.listen`; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `http.probe_listen`: a second address for health, readiness and metrics alone.
    pub probe_listen: Option<SocketAddr>,
}

impl Default for Settings {
    /// This machine only, port 9600, no second address.
    fn default() -> Self {
        Settings { listen: SocketAddr::from(([127, 0, 0, 1], 9600)), probe_listen: None }
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
pub fn start(
    settings: Settings,
    metrics: &Metrics,
    health: &Health,
    desk: Option<Arc<dyn Desk>>,
) -> Result<Server> {
    start_with(settings, metrics, health, desk, STOP_WAIT)
}

fn start_with(
    settings: Settings,
    metrics: &Metrics,
    health: &Health,
    desk: Option<Arc<dyn Desk>>,
    stop_wait: Duration,
) -> Result<Server> {
    let listener = Bound::new(settings.listen, "http.listen")?;
    let probe_listener =
        settings.probe_listen.map(|address| Bound::new(address, "http.probe_listen")).transpose()?;
    let (address, probe_address) = (listener.address, probe_listener.as_ref().map(|bound| bound.address));

    let cannot_run = |error: io::Error| Error::file(format!("the HTTP server cannot be started: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot_run)?;
    let (stop, stopped) = watch::channel(false);
    let probes = routes::router(metrics.clone(), health.clone());
    let desk = desk.filter(|_| address.ip().is_loopback());
    let whole = desk.map_or_else(|| probes.clone(), |desk| probes.clone().merge(commands::routes(desk)));
    let mut answering = Vec::new();
    for (bound, router) in [(Some(listener), whole), (probe_listener, probes)] {
        let Some(bound) = bound else { continue };
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
