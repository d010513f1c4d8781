//! Which profile holds for which model, version and event time.
//!
//! Among the activations of a model and version that hold at a time the latest counts, ties by the
//! order in which they were published. The table is a function of the records alone.

use super::{Profile, ProfileRecord, ReferenceId};
use crate::error::Result;
use crate::words::{Name, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where an activated reference came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A training pipeline published it.
    Training,
    /// A file named in the configuration.
    File,
    /// Built from a range of a topic.
    Topic,
    /// Built from a model's first rows.
    Bootstrap,
    /// An accepted window.
    AcceptedWindow,
    /// An earlier reference, put in force again.
    Rollback,
}

impl Origin {
    /// The name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Training => "training",
            Origin::File => "file",
            Origin::Topic => "topic",
            Origin::Bootstrap => "bootstrap",
            Origin::AcceptedWindow => "accepted_window",
            Origin::Rollback => "rollback",
        }
    }
}

/// The record that makes a reference the one in force from an event time on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// Version of this record's form.
    pub schema_version: u32,
    /// Always `reference_activation`.
    pub r#type: String,
    /// The model.
    pub model: Name,
    /// The version, `""` where events name none.
    pub version: Name,
    /// From when it holds: event time, the start of a pane.
    pub effective_from: Time,
    /// The profile.
    pub reference_id: ReferenceId,
    /// Where it came from.
    pub origin: Origin,
    /// The retraining trigger that it answers.
    pub trigger_id: Option<String>,
    /// Who published it.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
    /// When, by the publisher's clock.
    pub published_at: Time,
}

/// The reference that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The profile.
    pub profile: Arc<Profile>,
    /// Since when it holds.
    pub effective_from: Time,
    /// Where it came from.
    pub origin: Origin,
    /// Whether it is another version's.
    pub inherited: bool,
}

/// All profiles and activations that were read.
#[derive(Debug, Clone, Default)]
pub struct References {
    profiles: BTreeMap<ReferenceId, Arc<Profile>>,
    chunks: BTreeMap<ReferenceId, Vec<ProfileRecord>>,
    activations: BTreeMap<(Name, Name), Vec<Activation>>,
    defaults: BTreeMap<Name, ReferenceId>,
    heard: u64,
}

impl References {
    /// Takes a chunk of a profile of at most `max_features` features; says the id once the profile is
    /// whole. An error refuses the profile, and leaves the table as it was.
    pub fn add_chunk(&mut self, chunk: ProfileRecord, max_features: usize) -> Result<Option<ReferenceId>> {
        let id = chunk.id.clone();
        if self.profiles.contains_key(&id) {
            return Ok(None);
        }
        let total = chunk.chunk_total as usize;
        let chunks = self.chunks.entry(id.clone()).or_default();
        chunks
            .retain(|known| known.chunk_index != chunk.chunk_index && known.chunk_total == chunk.chunk_total);
        chunks.push(chunk);
        if chunks.len() < total {
            return Ok(None);
        }
        let chunks = self.chunks.remove(&id).unwrap_or_default();
        let profile = ProfileRecord::assemble(&chunks)?;
        profile.check_size(max_features)?;
        self.add_profile(Arc::new(profile));
        Ok(Some(id))
    }

    /// Takes a whole profile.
    pub fn add_profile(&mut self, profile: Arc<Profile>) {
        self.profiles.insert(profile.id().clone(), profile);
        self.heard += 1;
    }

    /// Takes an activation; one of the same model, version, time and profile is replaced.
    pub fn activate(&mut self, activation: Activation) {
        let key = (activation.model.clone(), activation.version.clone());
        let known = self.activations.entry(key).or_default();
        known.retain(|a| {
            (a.effective_from, &a.reference_id) != (activation.effective_from, &activation.reference_id)
        });
        let at = known.partition_point(|a| a.effective_from <= activation.effective_from);
        known.insert(at, activation);
        self.heard += 1;
    }

    /// Makes `profile` the one of every version of `model` that has no activation: the reference file
    /// of the configuration. It holds from the epoch on, with origin `file`, and is the version's own.
    pub fn set_default(&mut self, model: Name, profile: Arc<Profile>) {
        self.defaults.insert(model, profile.id().clone());
        self.add_profile(profile);
    }

    /// Forgets a profile that was retired.
    pub fn remove_profile(&mut self, id: &ReferenceId) {
        self.profiles.remove(id);
        self.chunks.remove(id);
        self.heard += 1;
    }

    /// Forgets an activation.
    pub fn deactivate(&mut self, model: &Name, version: &Name, effective_from: Time, id: &ReferenceId) {
        if let Some(known) = self.activations.get_mut(&(model.clone(), version.clone())) {
            known.retain(|a| a.effective_from != effective_from || a.reference_id != *id);
        }
        self.heard += 1;
    }

    /// How many changes were taken: whoever caches a look-up asks again when it differs.
    pub fn generation(&self) -> u64 {
        self.heard
    }

    /// The whole profile of this id.
    pub fn profile(&self, id: &ReferenceId) -> Option<&Arc<Profile>> {
        self.profiles.get(id)
    }

    /// All whole profiles.
    pub fn profiles(&self) -> impl Iterator<Item = &Arc<Profile>> {
        self.profiles.values()
    }

    /// The activations of a model's version itself.
    pub fn own(&self, model: &Name, version: &Name) -> impl Iterator<Item = &Activation> {
        self.activations.get(&(model.clone(), version.clone())).into_iter().flatten()
    }

    /// All activations of a model and version, in the order in which they hold.
    pub fn activations(&self) -> impl Iterator<Item = &Activation> {
        self.activations.values().flatten()
    }

    /// What holds for `model` and `version` at `time`. A version that never had an activation, or only
    /// later an accepted window, takes the model's default, where there is one; else, with `inherit`, that of
    /// version `""`, or else the latest of any version of the model.
    pub fn resolve(&self, model: &Name, version: &Name, time: Time, inherit: bool) -> Option<Resolved> {
        let key = (model.clone(), version.clone());
        if let Some((first, own)) = self.activations.get(&key).and_then(|own| Some((own.first()?, own))) {
            let found = self.latest(own.iter(), time, false);
            // A window that is accepted follows what held for its version before.
            if found.is_some() || first.origin != Origin::AcceptedWindow {
                return found;
            }
        }
        if let Some(id) = self.defaults.get(model) {
            let profile = self.profiles.get(id)?.clone();
            let (effective_from, origin) = (Time::EPOCH, Origin::File);
            return Some(Resolved { profile, effective_from, origin, inherited: false });
        }
        if !inherit {
            return None;
        }
        let unversioned = self.activations.get(&(model.clone(), "".into()));
        unversioned.and_then(|own| self.latest(own.iter(), time, true)).or_else(|| {
            let first = (model.clone(), Name::from(""));
            let of_model = self.activations.range(first..).take_while(|((m, _), _)| m == model);
            let mut all: Vec<&Activation> = of_model.flat_map(|(_, activations)| activations).collect();
            all.sort_by_key(|activation| activation.effective_from);
            self.latest(all.into_iter(), time, true)
        })
    }

    fn latest<'a>(
        &self,
        activations: impl DoubleEndedIterator<Item = &'a Activation>,
        time: Time,
        inherited: bool,
    ) -> Option<Resolved> {
        let activation = activations.rev().find(|activation| activation.effective_from <= time)?;
        let profile = self.profiles.get(&activation.reference_id)?.clone();
        let (effective_from, origin) = (activation.effective_from, activation.origin);
        Some(Resolved { profile, effective_from, origin, inherited })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::reference::{BuildOptions, ProfileBuilder};

    fn profile(seed: u32) -> Arc<Profile> {
        let mut builder = ProfileBuilder::new(BuildOptions::default());
        (0..100).for_each(|i| builder.push([(&Name::from("x"), &Value::Number(f64::from(i * seed)))]));
        Arc::new(builder.finish().unwrap())
    }

    fn activation(version: &str, from_ms: i64, profile: &Profile) -> Activation {
        Activation {
            schema_version: 1,
            r#type: "reference_activation".into(),
            model: "m".into(),
            version: version.into(),
            effective_from: Time::from_ms(from_ms),
            reference_id: profile.id().clone(),
            origin: Origin::Training,
            trigger_id: None,
            actor: "test".into(),
            reason: None,
            published_at: Time::EPOCH,
        }
    }

    fn held(references: &References, version: &str, at: i64, inherit: bool) -> Option<(ReferenceId, bool)> {
        references
            .resolve(&"m".into(), &version.into(), Time::from_ms(at), inherit)
            .map(|resolved| (resolved.profile.id().clone(), resolved.inherited))
    }

    #[test]
    fn the_latest_activation_not_after_the_time_holds_and_ties_go_to_the_later_published() {
        let (one, two, three) = (profile(1), profile(2), profile(3));
        let mut references = References::default();
        [&one, &two, &three].into_iter().for_each(|p| references.add_profile(p.clone()));
        references.activate(activation("1", 1000, &two));
        references.activate(activation("1", 0, &one));
        assert_eq!(held(&references, "1", -1, false), None);
        assert_eq!(held(&references, "1", 999, false), Some((one.id().clone(), false)));
        assert_eq!(held(&references, "1", 1000, false), Some((two.id().clone(), false)));
        references.activate(activation("1", 1000, &three));
        assert_eq!(held(&references, "1", 1000, false), Some((three.id().clone(), false)));
    }

    #[test]
    fn a_version_inherits_only_when_it_may_and_has_none_of_its_own() {
        let (one, two) = (profile(1), profile(2));
        let mut references = References::default();
        [&one, &two].into_iter().for_each(|p| references.add_profile(p.clone()));
        references.activate(activation("1", 0, &one));
        references.activate(activation("2", 500, &two));
        assert_eq!(held(&references, "3", 1000, false), None);
        assert_eq!(held(&references, "3", 100, true), Some((one.id().clone(), true)));
        assert_eq!(held(&references, "3", 1000, true), Some((two.id().clone(), true)));
        assert_eq!(held(&references, "2", 100, true), None);
    }

    #[test]
    fn a_default_is_the_own_reference_of_every_version_without_an_activation() {
        let (one, two) = (profile(1), profile(2));
        let mut references = References::default();
        references.set_default("m".into(), one.clone());
        references.add_profile(two.clone());
        references.activate(activation("2", 500, &two));
        for inherit in [false, true] {
            assert_eq!(held(&references, "1", 0, inherit), Some((one.id().clone(), false)));
            assert_eq!(held(&references, "", -1, inherit), Some((one.id().clone(), false)));
            assert_eq!(held(&references, "2", 500, inherit), Some((two.id().clone(), false)));
            assert_eq!(held(&references, "2", 499, inherit), None);
        }
        let accepted = Activation { origin: Origin::AcceptedWindow, ..activation("3", 500, &two) };
        references.activate(accepted);
        references.activate(activation("3", 900, &one));
        let of_3 = |at| held(&references, "3", at, false).unwrap().0;
        assert_eq!([of_3(499), of_3(500), of_3(900)], [one.id().clone(), two.id().clone(), one.id().clone()]);
        assert_eq!(references.resolve(&"other".into(), &"1".into(), Time::EPOCH, true), None);
        assert!(references.generation() > 0);
    }

    #[test]
    fn a_profile_is_there_once_all_its_chunks_are() {
        let mut references = References::default();
        let profile = profile(1);
        references.activate(activation("1", 0, &profile));
        assert_eq!(held(&references, "1", 0, false), None);
        for chunk in ProfileRecord::chunks(&profile, 1) {
            references.add_chunk(chunk, 1).unwrap();
        }
        assert_eq!(held(&references, "1", 0, false), Some((profile.id().clone(), false)));
        references.remove_profile(profile.id());
        assert_eq!(held(&references, "1", 0, false), None);
    }

    #[test]
    fn a_profile_of_more_features_than_the_limit_is_refused_with_the_way_out() {
        let mut references = References::default();
        let profile = profile(1);
        let chunk = ProfileRecord::chunks(&profile, 100).remove(0);
        let refused = references.add_chunk(chunk, 0).unwrap_err().to_string();
        assert!(refused.contains("has 1 features; limits.features is 0"), "{refused}");
        assert!(references.profile(profile.id()).is_none());
    }
}
