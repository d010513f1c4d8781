//! The real binary as a child process: started, waited for, signalled, and never left behind.

use super::wait_until;
use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long an answer may take that needs the broker.
const LONG: Duration = Duration::from_secs(40);

/// Restoring after a broker's hard restart may take this long.
const READY: Duration = Duration::from_secs(60);
/// A clean end commits once more and leaves its group.
const END: Duration = Duration::from_secs(30);

/// A port of loopback that nothing listens on: below the range of outgoing connections, which could take
/// it before its user binds it.
pub fn free_port() -> u16 {
    loop {
        let port = rand::random_range(20_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A running `driftline run`; killed when dropped. If the test failed, its last log lines are shown then.
pub struct Driftline {
    child: Child,
    url: String,
    /// Holds the file that takes stderr.
    directory: TempDir,
}

impl Driftline {
    /// Starts `driftline run --config CONFIG` and waits until it is ready.
    pub fn start(config: &Path) -> Driftline {
        let mut process = Driftline::spawn(config, &[]);
        process.wait_ready();
        process
    }

    /// Starts `driftline run --config CONFIG ARGS…` and does not wait. The configuration must name
    /// `http.probe_listen` or `http.listen` with a port (see [`free_port`]).
    pub fn spawn(config: &Path, args: &[&str]) -> Driftline {
        let mut command = Command::new(env!("CARGO_BIN_EXE_driftline"));
        command.arg("run").arg("--config").arg(config).args(args);
        Driftline::spawn_command(command, &probe_address(config))
    }

    /// Starts any command that answers `/readyz` at `address`.
    pub fn spawn_command(mut command: Command, address: &str) -> Driftline {
        let directory = TempDir::new().expect("a temporary directory");
        let log = File::create(directory.path().join("stderr")).expect("a file for stderr");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
        Driftline { child, url: format!("http://{address}"), directory }
    }

    /// Waits until `/readyz` answers 200; panics with its log if it ends before.
    pub fn wait_ready(&mut self) {
        let started = Instant::now();
        wait_until(READY + Duration::from_secs(1), "driftline gets ready", || {
            if let Some(status) = self.exited() {
                panic!("driftline ended before it was ready: {status}\n{}", self.log());
            }
            assert!(started.elapsed() < READY, "driftline is not ready after {READY:?}\n{}", self.log());
            self.is_ready()
        });
    }

    /// Whether `/readyz` answers 200.
    pub fn is_ready(&self) -> bool {
        self.get("/readyz").is_some_and(|(status, _)| status == 200)
    }

    /// Status and body of a GET of `path`, `None` when there is no answer within 5 s.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        self.get_within(Duration::from_secs(5), path)
    }

    fn get_within(&self, time: Duration, path: &str) -> Option<(u16, String)> {
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).proxy(None).timeout_global(Some(time));
        let mut answer = config.build().new_agent().get(format!("{}{path}", self.url)).call().ok()?;
        Some((answer.status().as_u16(), answer.body_mut().read_to_string().ok()?))
    }

    /// Status and body of a POST of JSON to `path`, as a page of this machine sends it; panics when there
    /// is no answer within 40 s.
    pub fn post(&self, path: &str, body: &str) -> (u16, String) {
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).proxy(None).timeout_global(Some(LONG));
        let request = config.build().new_agent().post(format!("{}{path}", self.url));
        let (_, session) = self.get_within(LONG, "/api/session").expect("it answers");
        let session: serde_json::Value = serde_json::from_str(&session).expect("JSON");
        let csrf = session["csrf"].as_str().unwrap_or_default();
        let request = request.header("content-type", "application/json").header("x-csrf-token", csrf);
        let answer = request.send(body);
        let mut answer = answer.expect("it answers");
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("a text"))
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.directory.path().join("stderr")).expect("the file of stderr");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status, if it has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child can be waited for")
    }

    /// Sends a signal by name, such as `STOP` or `CONT`.
    pub fn signal(&mut self, name: &str) {
        assert!(self.exited().is_none(), "driftline has ended already\n{}", self.log());
        // The shell's own `kill`: the program of that name is not on every machine.
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid())]).status();
        assert!(status.expect("sh runs").success(), "signal {name} was not sent");
    }

    /// Ends it with SIGTERM and returns how it ended; panics with its log if it takes over 30 s.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        let started = Instant::now();
        loop {
            if let Some(status) = self.exited() {
                return status;
            }
            assert!(started.elapsed() < END, "driftline did not end within {END:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it with SIGKILL, as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child can be waited for");
    }
}

impl Drop for Driftline {
    fn drop(&mut self) {
        // Both fail only where the child was waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let last: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- the last lines of driftline, pid {} ---", self.pid());
            last.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// Where the probes are: `http.probe_listen` of a configuration, else `http.listen`.
fn probe_address(config: &Path) -> String {
    let text = std::fs::read_to_string(config).expect("the configuration can be read");
    let table: toml::Table = text.parse().expect("the configuration is TOML");
    let key = |name| table.get("http")?.get(name)?.as_str().filter(|address| !address.is_empty());
    let address = key("probe_listen").or_else(|| key("listen"));
    address.expect("the configuration names http.listen; use support::free_port()").to_owned()
}
