//! Other systems on the same records. Each is a program that reads them all, prints `done`, and waits to
//! be ended; what it needs is fetched once, to `target/bench/peers`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A system beside ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Reads JSON with orjson, sketches with datasketches' C++.
    Python,
    Evidently,
    Whylogs,
    /// Java: Jackson, t-digest.
    Streams,
}

impl Peer {
    pub const ALL: [Peer; 4] = [Peer::Python, Peer::Streams, Peer::Whylogs, Peer::Evidently];

    pub fn name(self) -> &'static str {
        match self {
            Peer::Python => "python",
            Peer::Evidently => "evidently",
            Peer::Whylogs => "whylogs",
            Peer::Streams => "streams",
        }
    }

    /// Fetches and builds what it needs, where that is not there.
    pub fn prepare(self) {
        let place = self.place();
        if place.join("done").exists() {
            return;
        }
        fs::create_dir_all(&place).expect("target can be written");
        if self == Peer::Streams {
            let pom = sources().join("streams/pom.xml");
            let jars = format!("-DoutputDirectory={}", place.join("lib").display());
            run(Command::new("mvn")
                .args(["-q", "-B", "-f"])
                .arg(pom)
                .arg("dependency:copy-dependencies")
                .arg(jars));
            let mut javac = Command::new("javac");
            javac.arg("-cp").arg(place.join("lib/*")).arg("-d").arg(place.join("classes"));
            run(javac.arg(sources().join("streams/Streams.java")));
        } else {
            run(Command::new("python3").args(["-m", "venv"]).arg(place.join("env")));
            let mut pip = Command::new(place.join("env/bin/python"));
            pip.args(["-m", "pip", "install", "--quiet", "-r"]);
            run(pip.arg(sources().join(format!("{}.txt", self.name()))));
        }
        fs::write(place.join("done"), "").expect("target can be written");
    }

    /// Reads `count` records of `topic`, with the reference's rows in the file `reference`; `between` is
    /// a topic that it may write to.
    pub fn command(self, topic: &str, between: &str, count: usize, reference: &Path) -> Command {
        let place = self.place();
        if self == Peer::Streams {
            let classes = [place.join("lib/*"), place.join("classes")].map(|path| path.display().to_string());
            let mut java = Command::new("java");
            java.args(["-Xmx1g", "-cp", &classes.join(":"), "Streams", topic, between, &count.to_string()]);
            java.arg(reference);
            return java;
        }
        let mut python = Command::new(place.join("env/bin/python"));
        python.arg(sources().join(format!("with_{}.py", self.name())));
        python.args([topic, &count.to_string()]).arg(reference);
        python
    }

    fn place(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench/peers").join(self.name())
    }
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/pipeline/peers")
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}
