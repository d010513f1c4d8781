//! What stage 2 keeps in the changelog: all that a decision rests on.
//!
//! Closed panes are written when they close, open ones now and then with the delta offset that they
//! include; everything else is small and written whenever it changes. Restoring is reading these,
//! and merging again the deltas from [`PartitionRecord::restore_from`] on.

use crate::error::{Error, Result};
use crate::measure::sequential::SequentialState;
use crate::policy::record::{Command, Mute, ReferenceInfo};
use crate::policy::{BookRecord, HourlyLimit, RetrainState};
use crate::window::{Flow, KnownPartition, OffsetRange, PaneData, Passed};
use crate::words::{Grid, ModelKey, Name, Pane, Time};
use serde::{Deserialize, Serialize};

/// Version of the form and meaning of the state.
pub const STATE_VERSION: u32 = 1;

/// The key of a piece of state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StateKey {
    /// A pane of a model key.
    Pane(ModelKey, Pane),
    /// The incidents of a model key.
    Incidents(ModelKey),
    /// The sequential test of a feature of a model key.
    Sequential(ModelKey, Name),
    /// A model.
    Model(Name),
    /// The input partitions.
    Watermark,
    /// How the state is cut.
    Layout,
}

/// A piece of state.
#[derive(Debug, Clone, PartialEq)]
pub enum StateValue {
    /// See [`PaneState`].
    Pane(PaneState),
    /// See [`BookRecord`].
    Incidents(BookRecord),
    /// See [`SequentialRecord`].
    Sequential(SequentialRecord),
    /// See [`ModelRecord`].
    Model(ModelRecord),
    /// See [`PartitionRecord`].
    Watermark(PartitionRecord),
    /// See [`Layout`].
    Layout(Layout),
}

/// A change of state: a new value, or a tombstone.
pub type StateChange = (StateKey, Option<StateValue>);

/// A pane with what it was counted by.
#[derive(Debug, Clone, PartialEq)]
pub struct PaneState {
    /// The reference of its sketches.
    pub reference: Option<ReferenceInfo>,
    /// Whether it is closed.
    pub closed: bool,
    /// The delta offset up to which deltas are merged in it.
    pub included_offset: i64,
    /// Its rows.
    pub data: PaneData,
}

/// How state is cut; a start with another layout is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// [`STATE_VERSION`].
    pub state_version: u32,
    /// Partitions of the deltas topic.
    pub partitions: i32,
    /// Length of a pane, in milliseconds.
    pub slide_ms: i64,
    /// Length of a look, in milliseconds.
    pub look_ms: i64,
    /// Allowed lateness, in milliseconds.
    pub allowed_lateness_ms: i64,
    /// Panes in a window: may change, with a new epoch.
    pub window_panes: u32,
}

impl Layout {
    /// The layout of a grid.
    pub fn of(grid: &Grid, partitions: i32, allowed_lateness_ms: i64) -> Self {
        Layout {
            state_version: STATE_VERSION,
            partitions,
            slide_ms: grid.slide_ms(),
            look_ms: grid.look_ms(),
            allowed_lateness_ms,
            window_panes: grid.panes(),
        }
    }

    /// Refuses to go on with state of `stored` layout, unless only the window's size differs.
    pub fn accept(&self, stored: &Layout) -> Result<()> {
        let differing = [
            ("state version", i64::from(stored.state_version), i64::from(self.state_version)),
            ("topics.partitions", i64::from(stored.partitions), i64::from(self.partitions)),
            ("window.slide (ms)", stored.slide_ms, self.slide_ms),
            ("window.look (ms)", stored.look_ms, self.look_ms),
            ("window.allowed_lateness (ms)", stored.allowed_lateness_ms, self.allowed_lateness_ms),
        ];
        match differing.into_iter().find(|(_, stored, wanted)| stored != wanted) {
            None => Ok(()),
            Some((what, stored, wanted)) => {
                Err(Error::state(format!("the stored state was made with {what} {stored}, the configuration says {wanted}"))
                    .hint("put the old value back, or let stage 1 stop, stage 2 reach lag 0, and start with new internal topics"))
            }
        }
    }
}

/// The input as a deltas partition knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PartitionRecord {
    /// The input partitions.
    pub partitions: Vec<KnownPartition>,
    /// The oldest delta offset that a restore needs.
    pub restore_from: i64,
    /// How far event time has come across the topics of models.
    #[serde(default)]
    pub passed: Vec<Passed>,
}

/// The sequential test of a feature, as of a look.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SequentialRecord {
    /// The last look that it has taken, or could have.
    pub through: i64,
    /// What it knows.
    pub state: SequentialState,
}

/// What is kept of a model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ModelRecord {
    /// The last pane that is closed; null before the first.
    pub closed_through: Option<Pane>,
    /// Its events of the hour.
    pub limit: HourlyLimit,
    /// Its live versions.
    pub versions: Vec<VersionRecord>,
    /// How many sequential tests share its budget.
    #[serde(default)]
    pub tests: u64,
    /// What was asked of it.
    #[serde(default)]
    pub desk: Option<Desk>,
}

/// What was asked of a model.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Desk {
    /// Its mutes.
    pub mutes: Vec<Mute>,
    /// Commands that are not done yet, in the order in which they came.
    pub waiting: Vec<Command>,
    /// Commands that came, each of which works once.
    pub seen: Vec<SeenCommand>,
}

/// A command that came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenCommand {
    /// Its id.
    pub id: String,
    /// The time of its record.
    pub at: Time,
}

/// What is kept of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionRecord {
    /// The version.
    pub version: Name,
    /// End of its last pane with rows.
    pub last_rows_end: Time,
    /// Its retraining.
    pub retrain: RetrainState,
    /// Where its rows stand in the input.
    pub days: Vec<DayRecord>,
    /// Its segments.
    pub segments: Vec<SegmentRecord>,
}

/// What is kept of a segment, beside its panes and incidents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentRecord {
    /// The segment.
    pub segment: Vec<Name>,
    /// The first pane of its epoch.
    pub epoch: Option<Pane>,
    /// The reference of its epoch.
    pub reference: Option<ReferenceInfo>,
}

/// A version's rows of a UTC day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRecord {
    /// Days since 1970-01-01.
    pub day: i64,
    /// What became of the rows.
    pub flow: Flow,
    /// Where they stand.
    pub offsets: Vec<SourceRange>,
}

/// Offsets of an input partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRange {
    /// Topic.
    pub topic: Name,
    /// Partition.
    pub partition: i32,
    /// Its offsets.
    pub range: OffsetRange,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_accepts_another_window_size_and_nothing_else() {
        let grid = |size, look| Grid::new(size, 1000, look).unwrap();
        let layout = Layout::of(&grid(3000, 100), 12, 60_000);
        assert!(layout.accept(&Layout::of(&grid(9000, 100), 12, 60_000)).is_ok());
        let refused = layout.accept(&Layout::of(&grid(3000, 100), 6, 60_000)).unwrap_err();
        assert!(refused.to_string().contains("topics.partitions 6"), "{refused}");
        assert!(layout.accept(&Layout::of(&grid(3000, 500), 12, 60_000)).is_err());
        assert!(layout.accept(&Layout::of(&grid(3000, 100), 12, 1)).is_err());
    }
}
