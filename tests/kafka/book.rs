//! The pages of the book that need a broker, with their commands as they stand.

use crate::support::book::{blocks, follow, shell};
use crate::support::{Driftline, brokers, free_port, unique};
use std::path::Path;
use tempfile::TempDir;

/// What the page's configuration has in place of this test's broker.
const BROKER: &str = "brokers = \"127.0.0.1:9092\"";

#[test]
fn a_newcomer_sees_the_first_drift_event() {
    run("getting-started.md");
}

#[test]
fn a_service_is_operated() {
    run("operations.md");
}

/// Runs all blocks of a page; `driftline run` stays until the end.
fn run(page: &str) {
    let directory = TempDir::new().expect("a temporary directory");
    let config = directory.path().join("driftline.toml");
    let mut instances = Vec::new();
    for (info, text) in blocks(page) {
        if info != "sh kafka" {
            follow(page, &info, &text, directory.path());
            continue;
        }
        move_to_own_topics(&config);
        for line in text.lines() {
            match line {
                "driftline run --config driftline.toml" => instances.push(Driftline::start(&config)),
                _ => shell(page, line, directory.path()),
            }
        }
    }
    assert_eq!(instances.len(), 1, "{page} starts the service");
}

/// Gives the configuration the test's broker and names of its own.
fn move_to_own_topics(config: &Path) {
    let text = std::fs::read_to_string(config).expect("the page made a configuration");
    if !text.contains(BROKER) {
        return;
    }
    let (id, brokers, port) = (unique("book"), brokers(), free_port());
    let own = text
        .replace(BROKER, &format!("brokers = \"{brokers}\"\napplication_id = \"{id}\""))
        .replace("\"inference-events\"", &format!("\"{id}.in\""));
    let topics = format!(
        "[topics]\nreferences = '{id}.references'\ndeltas = '{id}.deltas'\npanes = '{id}.panes'\ncontrol = '{id}.control'\n\
         [output]\nevents = '{id}.events'\ntriggers = '{id}.triggers'\nreports = '{id}.reports'\ndead_letters = '{id}.dead'\n\
         [http]\nlisten = '127.0.0.1:{port}'\n"
    );
    std::fs::write(config, own.replacen("[window]", &format!("{topics}\n[window]"), 1))
        .expect("it is written");
}
