//! The real binary from outside: what it reads, writes and returns. No broker is needed here.
//!
//! It uses nothing of driftline's library, so that it can't share its mistakes.

mod backtest;
mod book;
mod calibrate;
mod check;
mod control;
mod demo;
mod general;
mod init;
mod list;
mod reference;
mod replay;
mod report;
mod simulate;

use serde_json::Value as Json;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// What a run of the binary came to.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// Standard output of a run that must have ended well.
    #[track_caller]
    fn fine(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self.stdout
    }

    /// Standard output as one JSON value.
    #[track_caller]
    fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// Standard output as a JSON value a line.
    #[track_caller]
    fn lines(&self) -> Vec<Json> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

/// A directory of its own for a test, with runs of the binary in it.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("the file is written");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("the file is there")
    }

    fn command(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_driftline"));
        command.args(args).current_dir(self.0.path()).env_remove("RUST_LOG");
        command
    }

    /// Runs the binary with the words of `line` as arguments.
    fn run(&self, line: &str) -> Ran {
        self.run_args(line.split_whitespace())
    }

    fn run_args(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
        ran(self.command(args).output().expect("the binary runs"))
    }
}

fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().expect("it was not killed"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// The real weather of `tests/data`.
fn weather() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/noaa_weather.csv.gz").display().to_string()
}

/// `rows` rows of `amount` (0 to 99 and a fraction, evenly, moved by `shift`), `channel` (`web` two times of three, else
/// `app`) and `ts` (a second a row).
fn payments(rows: u64, shift: f64) -> String {
    let mut text = String::from("ts,amount,channel\n");
    for row in 0..rows {
        let amount = (row * 7919 % 10_007) as f64 / 100.07 + shift;
        let channel = if row % 3 == 0 { "app" } else { "web" };
        text.push_str(&format!("{},{amount:.4},{channel}\n", 1_772_409_600 + row));
    }
    text
}
