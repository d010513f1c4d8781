//! Columns that the reference does not have and that came while the stream was watched: a fault of the schema.
//!
//! One that was there from the start is a column that nobody wanted to have monitored, which reports name.
//! Nothing of a new one is measured: it is a warning as long as it is there, until a reference has it.

use super::book::{Found, IncidentBook, Pending, Step};
use super::explain;
use super::hourly::HourlyLimit;
use super::record::{Category, DriftEvent, ResolveReason, Scope, Suffix};
use super::verdict::Finding;
use crate::words::{ModelKey, Name, Severity};

/// A column that the reference does not have, in a window whose last pane can be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct NewColumn {
    /// Its name.
    pub name: Name,
    /// The panes since it came, where the window has enough rows from before; `None`: it is no news.
    pub since: Option<Suffix>,
    /// Rows of the last pane that have it.
    pub rows: u64,
}

impl NewColumn {
    fn finding(&self) -> Finding {
        let severity = if self.since.is_some() { Severity::Warning } else { Severity::Ok };
        Finding { severity, is_clear: self.rows == 0, decided_by: Vec::new(), suffix: self.since }
    }

    /// Writes it into its incident's event.
    pub(super) fn tell(&self, event: &mut DriftEvent, key: &ModelKey) {
        event.scope = Scope::Feature;
        event.feature = Some(self.name.clone());
        event.suffix = self.since;
        let onset = event.incident.onset_estimate;
        event.explanation = explain::new_column(&self.name, self.rows, key, onset);
    }
}

impl IncidentBook {
    /// Columns with an open incident that `is_known` does not say to be of the reference.
    pub fn new_columns(&self, is_known: impl Fn(&Name) -> bool) -> impl Iterator<Item = &Name> {
        let open = self.open().filter(|(_, category, _)| *category == Category::Schema);
        open.map(|(name, ..)| name).filter(move |name| !is_known(name))
    }

    /// Takes what a window says of the columns that the reference does not have; where it could not be judged,
    /// `None` of those with an open incident. Returns the events to publish.
    pub fn step_new_columns(
        &mut self,
        step: &Step<'_>,
        columns: &[(Name, Option<NewColumn>)],
        limit: &mut HourlyLimit,
    ) -> Vec<DriftEvent> {
        let end = step.decided_at;
        let window = (step.window.map_or(end, |window| window.start), end);
        let (policy, category) = (&step.settings.policy, Category::Schema);
        let mut pending = Vec::new();
        for (name, column) in columns {
            let track = self.tracks.entry((name.clone(), category)).or_default();
            let finding = column.as_ref().map(NewColumn::finding);
            let change = track.step(step.app, step.key, name, category, policy, window, finding.as_ref());
            pending.push(Pending { feature: name.clone(), category, change });
        }
        let found: Vec<NewColumn> = columns.iter().filter_map(|(_, column)| column.clone()).collect();
        let mut events = self.tell(step, Found::New(&found), pending, |_, _| false, limit);
        events.extend(self.resolve_parents(step, ResolveReason::Recovered, limit));
        self.tracks.retain(|_, track| !track.is_trivial(end));
        events
    }
}
