//! Which references there are, and when each was put in force.

use super::View;
use crate::reference::{Activation, Profile, ProfileRecord, ReferenceId};
use crate::words::{Kind, Name, Time};
use serde::Serialize;
use std::collections::BTreeMap;

/// A profile without what it counted.
#[derive(Debug, Clone, Serialize)]
pub struct ProfileInfo {
    /// Its id.
    pub id: ReferenceId,
    /// Rows it was built from.
    pub rows: u64,
    /// Its features and their kinds.
    pub features: BTreeMap<Name, Kind>,
    /// Models whose configuration names it as their file.
    pub file_of: Vec<Name>,
}

/// The references, each profile once, and their activations, latest first.
#[derive(Debug, Serialize)]
pub struct ReferencesAnswer<'a> {
    /// By id.
    pub references: Vec<&'a ProfileInfo>,
    /// By model, version and time.
    pub activations: Vec<&'a Activation>,
}

/// Profiles and activations by what names them.
#[derive(Debug, Default)]
pub(super) struct ReferenceList {
    profiles: BTreeMap<ReferenceId, ProfileInfo>,
    activations: BTreeMap<(Name, Name, Time, ReferenceId), Activation>,
}

impl ReferenceList {
    fn profile(&mut self, id: &ReferenceId, rows: u64) -> &mut ProfileInfo {
        let new = || ProfileInfo { id: id.clone(), rows, features: BTreeMap::new(), file_of: Vec::new() };
        self.profiles.entry(id.clone()).or_insert_with(new)
    }

    pub fn answer(&self, model: Option<&str>) -> ReferencesAnswer<'_> {
        let of_model = |activation: &&Activation| model.is_none_or(|model| model == &*activation.model);
        let activations: Vec<&Activation> = self.activations.values().rev().filter(of_model).collect();
        let is_used = |profile: &&ProfileInfo| {
            model.is_none_or(|model| {
                profile.file_of.iter().any(|name| &**name == model)
                    || activations.iter().any(|activation| activation.reference_id == profile.id)
            })
        };
        ReferencesAnswer { references: self.profiles.values().filter(is_used).collect(), activations }
    }
}

impl View {
    /// Takes a profile, or a chunk of one.
    pub fn profile(&mut self, chunk: &ProfileRecord) {
        self.revision += 1;
        let known = self.references.profile(&chunk.id, chunk.rows);
        known.features.extend(chunk.features.iter().map(|feature| (feature.feature.clone(), feature.kind)));
    }

    /// Takes the profile that the configuration names as the file of `model`.
    pub fn reference_file(&mut self, model: &Name, profile: &Profile) {
        self.revision += 1;
        let known = self.references.profile(profile.id(), profile.rows());
        known.features.extend(profile.features().iter().map(|feature| (feature.name.clone(), feature.kind)));
        known.file_of.push(model.clone());
    }

    /// Takes an activation; one of the same model, version, time and profile is replaced.
    pub fn activation(&mut self, activation: Activation) {
        self.revision += 1;
        let Activation { model, version, effective_from, reference_id, .. } = &activation;
        let key = (model.clone(), version.clone(), *effective_from, reference_id.clone());
        self.references.activations.insert(key, activation);
    }

    /// Forgets a profile that was retired.
    pub fn remove_profile(&mut self, id: &ReferenceId) {
        self.revision += 1;
        self.references.profiles.remove(id);
    }

    /// Forgets an activation.
    pub fn remove_activation(
        &mut self,
        model: &Name,
        version: &Name,
        effective_from: Time,
        id: &ReferenceId,
    ) {
        self.revision += 1;
        self.references.activations.remove(&(model.clone(), version.clone(), effective_from, id.clone()));
    }
}
