//! What a model was trained or last accepted on: profiles, and which of them holds when.
//!
//! A [`Profile`] is immutable and named by its content. An [`Activation`] says from which event
//! time it holds. Edges belong to the profile, so windows against two profiles never mix.

mod accepted;
mod build;
mod by_pane;
mod calibration;
mod cells;
mod coarse;
mod column;
mod gathered;
mod profile;
mod record;
mod season;
mod table;

pub use accepted::{CountedPane, CountedWindow, Unfit, accepted};
pub use build::{BLOCK_ROWS, BuildOptions, ProfileBuilder};
pub use calibration::{Calibration, MIN_CHUNKS};
pub use coarse::CoarseCells;
pub use gathered::{GatheredPane, GatheredProfile, Half, Halves, profile_of};
pub use profile::{EarlySight, FeatureProfile, Profile, ReferenceId};
pub use record::{FeatureProfileRecord, PROFILE_SCHEMA_VERSION, ProfileRecord};
pub use season::{SeasonCounts, SeasonGroups, SeasonLevel, SlotCounts};
pub use table::{Activation, Origin, References, Resolved};
