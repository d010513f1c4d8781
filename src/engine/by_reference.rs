//! What is worked out once for each feature of a reference, however many segments are counted by it.

use crate::reference::{FeatureProfile, Profile, ReferenceId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Something for each feature of the references that are in use.
#[derive(Debug)]
pub(super) struct ByReference<T>(BTreeMap<ReferenceId, Arc<[T]>>);

impl<T> Default for ByReference<T> {
    fn default() -> Self {
        ByReference(BTreeMap::new())
    }
}

impl<T> ByReference<T> {
    /// What `make` makes of the features of `profile`, when they are first asked for.
    pub fn of(&mut self, profile: &Profile, make: impl Fn(&FeatureProfile) -> T) -> Arc<[T]> {
        let all = self.0.entry(profile.id().clone());
        all.or_insert_with(|| profile.features().iter().map(make).collect()).clone()
    }

    /// Forgets all but those of the references `used`.
    pub fn keep(&mut self, used: &BTreeSet<&str>) {
        self.0.retain(|id, _| used.contains(id.as_str()));
    }
}
