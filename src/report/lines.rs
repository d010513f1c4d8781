//! The output of a replay as data of a report, a line at a time.

use super::data::{Data, Kind};
use crate::error::{Error, Result};
use crate::view::View;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::BufRead;

/// What a line is.
#[derive(Deserialize)]
struct Type {
    r#type: Option<String>,
}

impl Data {
    /// The data of what `replay` or `check` wrote as JSON.
    ///
    /// # Errors
    /// `Input`: it is neither; `File`: it can't be read.
    pub fn read(input: &mut dyn BufRead) -> Result<Data> {
        let mut view = View::default();
        let (mut number, mut line) = (0, String::new());
        while next_line(input, &mut line)? {
            number += 1;
            let text = line.trim();
            if text.is_empty() {
                continue;
            }
            let of_line = |error: serde_json::Error| Error::input(format!("line {number}: {error}"));
            match serde_json::from_str::<Type>(text) {
                Ok(Type { r#type: Some(kind) }) => take(&mut view, &kind, text).map_err(of_line)?,
                // The JSON of a check has no type, and is laid out over many lines.
                _ if number == 1 => {
                    let failed =
                        |error: std::io::Error| Error::file(format!("cannot read the input: {error}"));
                    input.read_to_string(&mut line).map_err(failed)?;
                    let said = serde_json::from_str(&line).map_err(of_line)?;
                    return Data::of_check(said);
                }
                Ok(_) => return Err(Error::input(format!("line {number} has no type"))),
                Err(error) => return Err(of_line(error)),
            }
        }
        Ok(Data::of(Kind::Stream, view))
    }
}

fn next_line(input: &mut dyn BufRead, line: &mut String) -> Result<bool> {
    line.clear();
    let read =
        input.read_line(line).map_err(|error| Error::file(format!("cannot read the input: {error}")))?;
    Ok(read > 0)
}

fn take(view: &mut View, kind: &str, text: &str) -> serde_json::Result<()> {
    fn parsed<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
        serde_json::from_str(text)
    }
    match kind {
        "window_report" => view.report(parsed(text)?),
        "drift_event" => view.event(parsed(text)?),
        "retraining_trigger" => view.trigger(parsed(text)?),
        "reference_activation" => view.activation(parsed(text)?),
        // Summaries, and what later versions may tell.
        _ => {}
    }
    Ok(())
}
