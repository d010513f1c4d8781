//! The pages of the book in `docs/`, cut into their blocks, and a shell that runs those.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the book is.
pub fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// The blocks of a page: what stands behind the fence, and the text.
pub fn blocks(name: &str) -> Vec<(String, String)> {
    let page = std::fs::read_to_string(docs().join(name)).expect("the page is there");
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((info.to_owned(), format!("{}\n", text.join("\n"))));
        }
    }
    blocks
}

/// Does what a block asks for in `directory`: `sh` is run, a block with a file's name behind its
/// language is written to that file. Says whether a command was run.
pub fn follow(page: &str, info: &str, text: &str, directory: &Path) -> bool {
    match info.split_once(' ') {
        Some((_, file)) if file.contains('.') => {
            std::fs::write(directory.join(file), text).expect("the file is written");
            false
        }
        None if info == "sh" => {
            shell(page, text, directory);
            true
        }
        _ => false,
    }
}

/// Runs `text` as bash would in `directory`, with the binary under test on the path.
pub fn shell(page: &str, text: &str, directory: &Path) {
    let program = Path::new(env!("CARGO_BIN_EXE_driftline")).parent().expect("it lies in a directory");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("bash");
    let output = shell.args(["-eu", "-c", text]).current_dir(directory).env("PATH", path).output();
    let output = output.expect("bash runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{page}:\n{text}{said}");
}
