//! What is known to have happened in a history: a table with a row an incident.

use crate::error::{Error, Result};
use crate::event::Value;
use crate::files::{self, Row, TimeColumn};
use crate::policy::record::DriftEvent;
use crate::words::{Name, Time};
use serde::Serialize;
use std::path::Path;

/// Something that is known to have happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Mark {
    /// When it began.
    pub start: Time,
    /// When it was over; null: it lasted.
    pub end: Option<Time>,
    /// The feature that it shows in; null: any.
    pub feature: Option<Name>,
}

impl Mark {
    /// Whether `event`, of windows of `size_ms`, may come of it.
    pub fn explains(&self, event: &DriftEvent, size_ms: i64) -> bool {
        self.covers(event.decided_at, size_ms) && self.is_of(event)
    }

    /// Whether `event` is of its feature.
    pub fn is_of(&self, event: &DriftEvent) -> bool {
        let mut features = event.feature.iter().chain(event.features.iter().map(|brief| &brief.feature));
        self.feature.as_ref().is_none_or(|feature| features.any(|one| one == feature))
    }

    /// Whether a window of `size_ms` that ends at `end` has rows of its time.
    pub fn covers(&self, end: Time, size_ms: i64) -> bool {
        end > self.start && self.end.is_none_or(|over| end.plus_ms(-size_ms) < over)
    }
}

/// Reads the table at `path`: columns `start`, and as wished `end` and `feature`.
pub(super) fn load(path: &Path) -> Result<Vec<Mark>> {
    let mut table = files::open(path, None)?;
    let field = |name: &str| TimeColumn::Field(name.into());
    let (start, end) = (field("start"), field("end"));
    let (mut row, mut marks) = (Row::new(), Vec::new());
    while table.next_row(&mut row)? {
        let mark = Mark {
            start: table.time_of(&row, &start)?,
            end: has(&row, "end").map(|_| table.time_of(&row, &end)).transpose()?,
            feature: has(&row, "feature").map(text),
        };
        if mark.end.is_some_and(|end| end <= mark.start) {
            let what = "an incident ends before it begins";
            return Err(Error::input(what).at(table.place()).hint("`end` is excluded, and after `start`"));
        }
        marks.push(mark);
    }
    if marks.is_empty() {
        let hint = "a table with the columns start, end and feature, of which the last two may be empty";
        return Err(Error::input("there is no incident in it").at(path.display()).hint(hint));
    }
    Ok(marks)
}

/// The value of a column that is there.
fn has<'a>(row: &'a Row, name: &str) -> Option<&'a Value<'static>> {
    let found = row.fields.iter().find(|(column, _)| &**column == name);
    found.map(|(_, value)| value).filter(|value| !matches!(value, Value::Missing))
}

fn text(value: &Value<'static>) -> Name {
    match value {
        Value::Text(text) | Value::Literal(text) => (&**text).into(),
        Value::Number(number) => number.to_string().into(),
        Value::Bool(truth) => truth.to_string().into(),
        Value::Missing | Value::Other => "".into(),
    }
}
