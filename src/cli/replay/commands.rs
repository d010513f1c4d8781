//! The commands that a replay honours: lines of JSON, as the control topic has them.
//!
//! What a run said of a command tells when it was done; of one without an answer the time at which it
//! was sent is taken.

use crate::error::{Error, Result};
use crate::policy::record::{Command, Status};
use crate::words::Time;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The commands of the file at `path`, each with the time from which it is to be done, in that order.
pub(super) fn read(path: &Path) -> Result<Vec<(Time, Command)>> {
    let failed = |what: String| Error::file(what).at(path.display());
    let file = std::fs::File::open(path).map_err(|error| failed(format!("cannot open the file: {error}")))?;
    let mut commands: BTreeMap<String, (usize, Command)> = BTreeMap::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| failed(format!("cannot read the file: {error}")))?;
        if line.trim().is_empty() {
            continue;
        }
        let command: Command = serde_json::from_str(&line).map_err(|error| {
            Error::input(format!("not a command: {error}")).at(format!("{}:{}", path.display(), number + 1))
        })?;
        let place = commands.get(&command.id).map_or(number, |(first, _)| *first);
        if command.status.is_some() || place == number {
            commands.insert(command.id.clone(), (place, command));
        }
    }
    let was_done = |(_, command): &(usize, Command)| command.status != Some(Status::Refused);
    let mut in_order: Vec<(usize, Command)> = commands.into_values().filter(was_done).collect();
    in_order.sort_by_key(|(place, command)| (command.effective_at.unwrap_or(command.at), *place));
    let unanswered = |(_, command): (usize, Command)| {
        let from = command.effective_at.unwrap_or(command.at);
        (from, Command { status: None, effective_at: None, ..command })
    };
    Ok(in_order.into_iter().map(unanswered).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn an_answer_says_when_a_command_was_done_and_a_refused_one_never_was() {
        let line = |id: &str, rest: &str| {
            format!(
                r#"{{"schema_version":1,"id":"{id}","type":"model.retire","model":"m","actor":"me",{rest}}}"#
            )
        };
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for text in [
            line("late", r#""at":"2026-03-04T11:00:00Z""#),
            line("no", r#""at":"2026-03-04T08:00:00Z""#),
            line("early", r#""at":"2026-03-04T10:00:00Z""#),
            line(
                "late",
                r#""at":"2026-03-04T11:00:00Z","status":"applied","effective_at":"2026-03-04T12:00:00Z""#,
            ),
            line("no", r#""at":"2026-03-04T08:00:00Z","status":"refused","refusal":"no""#),
        ] {
            writeln!(file, "{text}").unwrap();
        }
        let found = read(file.path()).unwrap();
        let found: Vec<(String, &str)> =
            found.iter().map(|(from, command)| (from.to_string(), &*command.id)).collect();
        let expected = [("2026-03-04T10:00:00.000Z", "early"), ("2026-03-04T12:00:00.000Z", "late")];
        assert_eq!(found, expected.map(|(from, id)| (from.to_owned(), id)));
        writeln!(file, "{{}}").unwrap();
        assert!(read(file.path()).unwrap_err().to_string().contains("not a command"));
    }
}
