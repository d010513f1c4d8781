//! The book in `docs/`: its commands are run as they stand, one block after the other, and its links
//! lead somewhere.
//!
//! A block marked `sh` is run; one with a file's name behind its language is written to that file; one
//! marked `sh kafka` needs a broker and is run by the tests that have one.

#[path = "../support/book.rs"]
mod pages;

use super::Place;
use pages::{blocks, docs};

/// Runs a page in a directory of its own.
fn run(name: &str) {
    let place = Place::new();
    let follow = |(info, text): &(String, String)| pages::follow(name, info, text, &place.path(""));
    let ran = blocks(name).iter().filter(|block| follow(block)).count();
    assert!(ran > 0, "{name} has no command");
}

#[test]
fn a_newcomer_gets_started() {
    run("getting-started.md");
}

#[test]
fn a_policy_is_tuned() {
    run("tuning.md");
}

#[test]
fn a_pipeline_is_gated() {
    run("pipelines.md");
}

#[test]
fn a_service_is_operated() {
    run("operations.md");
}

#[test]
fn formats_are_looked_up() {
    run("formats.md");
}

#[test]
fn links_lead_somewhere() {
    let mut links = 0;
    for entry in std::fs::read_dir(docs()).expect("the book is there") {
        let path = entry.expect("it can be read").path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("the page is there");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if file.contains("://") || file.is_empty() {
                continue;
            }
            links += 1;
            assert!(docs().join(file).exists(), "{}: {target} leads nowhere", path.display());
        }
    }
    assert!(links > 10, "no links were found");
}
