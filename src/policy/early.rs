//! What early sight finds, and what an event says of it.

use super::explain;
use super::record::{Category, DecidedBy, DriftEvent, Scope};
use crate::words::{Kind, ModelKey, Name, Role, Time};

/// A change that the sequential test saw in a feature.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlyFinding {
    /// The feature.
    pub feature: Name,
    /// Its role.
    pub role: Role,
    /// Its kind.
    pub kind: Kind,
    /// What kind of fault it looks like.
    pub category: Category,
    /// When it seems to have begun.
    pub onset: Time,
    /// What it looks like, for people.
    pub what: String,
}

impl EarlyFinding {
    /// Writes it into its incident's event.
    pub(super) fn tell(&self, event: &mut DriftEvent, key: &ModelKey) {
        mark(event);
        event.scope = Scope::Feature;
        event.feature = Some(self.feature.clone());
        event.role = Some(self.role);
        event.kind = Some(self.kind);
        event.explanation = explain::early(&self.feature, &self.what, key, self.onset);
    }
}

/// Says of an event that no window decided it.
pub(super) fn mark(event: &mut DriftEvent) {
    event.early = true;
    event.decided_by = vec![DecidedBy::Sequential];
    event.model_state = None;
}
