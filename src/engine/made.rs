//! References that stage 2 makes itself, from a version's first rows or from a window that is accepted, and
//! how they come into force.
//!
//! One holds a lead after what it is made of, whatever the clock says. When stage 1 hears of it is a
//! matter of the clock; so what was gathered, or counted by the reference before, in a pane in which it holds
//! already is counted by its cells here, exactly. What can't be is a conflict.

use super::Output;
use super::bootstrap::counted_by;
use super::evaluator::{Evaluator, EvaluatorSettings};
use super::model::{Held, OpenPane};
use crate::measure::{Dependence, p_certain};
use crate::policy::ModelSettings;
use crate::reference::{
    Activation, FeatureProfile, Half, Halves, Origin, Profile, ReferenceId, References, Resolved,
};
use crate::sketch::FeatureSketch;
use crate::window::PaneData;
use crate::words::{Grid, Name, Pane, Time};
use serde::Serialize;
use std::sync::Arc;

/// Halves that differ by chance, of all that are compared.
const LEVEL: f64 = 0.01;
const HOUR_MS: i64 = 3_600_000;
/// Version of the form of [`MadeReference`].
const SCHEMA_VERSION: u32 = 1;

/// A reference that was made of a version's first rows, or of a window that was accepted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MadeReference {
    /// Version of this record's form.
    pub schema_version: u32,
    /// Always `reference_published`.
    pub r#type: &'static str,
    /// End of the last pane that it is made of.
    pub decided_at: Time,
    /// The model.
    pub model: Name,
    /// The version.
    pub version: Name,
    /// Start of the first pane that it is made of.
    pub start: Time,
    /// Rows that it is made of.
    pub rows: u64,
    /// How many features it has.
    pub features: usize,
    /// Columns that it does not have: their values are too many to be kept, or the reference before did
    /// not have them.
    pub left_out: Vec<Name>,
    /// Whether its halves agree; null where there is one pane alone, or too few rows to tell.
    pub stable: Option<bool>,
    /// The features whose halves differ.
    pub unstable: Vec<Name>,
    /// The profile's name.
    pub reference_id: ReferenceId,
    /// From when it holds.
    pub effective_from: Time,
    /// Where it comes from.
    pub origin: Origin,
    /// Who asked for it.
    pub actor: String,
    /// Why, or what it is made of.
    pub reason: String,
    /// The profile itself.
    #[serde(skip)]
    pub profile: Arc<Profile>,
}

impl MadeReference {
    /// One that is made at the window's end `end`, and holds a lead later. What it is made of is yet to be
    /// said.
    pub(super) fn new(
        settings: &EvaluatorSettings,
        (model, version): (&Name, &Name),
        end: Time,
        origin: Origin,
        profile: Profile,
    ) -> Self {
        let grid = settings.grid;
        let first = grid.pane_of(end.plus_ms(settings.lead_ms + grid.slide_ms() - 1));
        MadeReference {
            schema_version: SCHEMA_VERSION,
            r#type: "reference_published",
            decided_at: end,
            model: model.clone(),
            version: version.clone(),
            start: end,
            rows: 0,
            features: profile.features().len(),
            left_out: Vec::new(),
            stable: None,
            unstable: Vec::new(),
            reference_id: profile.id().clone(),
            effective_from: grid.start(first),
            origin,
            actor: String::new(),
            reason: String::new(),
            profile: Arc::new(profile),
        }
    }

    /// Whether it is of this model and version.
    pub(super) fn is_of(&self, model: &Name, version: &Name) -> bool {
        self.model == *model && self.version == *version
    }

    /// The record that puts it in force, published at this time by the clock.
    pub fn activation(&self, published_at: Time) -> Activation {
        Activation {
            schema_version: SCHEMA_VERSION,
            r#type: "reference_activation".into(),
            model: self.model.clone(),
            version: self.version.clone(),
            effective_from: self.effective_from,
            reference_id: self.reference_id.clone(),
            origin: self.origin,
            trigger_id: None,
            actor: self.actor.clone(),
            reason: Some(self.reason.clone()),
            published_at,
        }
    }

    fn resolved(&self) -> Resolved {
        Resolved {
            profile: self.profile.clone(),
            effective_from: self.effective_from,
            origin: self.origin,
            inherited: false,
        }
    }
}

/// The reference that holds for a version at a pane's start: one that was published, or one that was
/// `made` here and is under way to the others.
pub(super) fn resolve(
    references: &References,
    made: &[MadeReference],
    (model, version): (&Name, &Name),
    start: Time,
    of_model: &ModelSettings,
) -> Option<Held> {
    let published = references.resolve(model, version, start, of_model.inherits());
    let own = made.iter().filter(|made| made.is_of(model, version) && made.effective_from <= start);
    let all = published.into_iter().chain(own.map(MadeReference::resolved));
    all.max_by_key(|resolved| resolved.effective_from).map(Held::from)
}

impl Evaluator {
    /// Puts a reference in force in the panes that are open already, and publishes it.
    pub(super) fn put_in_force(&mut self, made: MadeReference) {
        let settings = self.settings.clone();
        let from = settings.grid.pane_of(made.effective_from);
        let held = Held::from(made.resolved());
        let version =
            self.models.get_mut(&made.model).and_then(|model| model.versions.get_mut(&made.version));
        for segment in version.into_iter().flat_map(|version| version.segments.values_mut()) {
            for open in segment.open.range_mut(from..).map(|(_, open)| open) {
                let since = open.held.as_ref().map(|held| held.info.effective_from);
                if since.is_none_or(|since| since <= made.effective_from) {
                    open.adopt(&held, self.next_offset, settings.unseen_cap);
                }
            }
        }
        self.outputs.push(Output::Reference(Box::new(made.clone())));
        self.made.push(made);
    }

    /// Forgets what was made here and is read back by now.
    pub(super) fn forget_made(&mut self, references: &References) {
        self.made.retain(|made| {
            let is = |own: &Activation| {
                (own.effective_from, &own.reference_id) == (made.effective_from, &made.reference_id)
            };
            !references.own(&made.model, &made.version).any(is)
        });
    }
}

impl OpenPane {
    /// Goes on by a reference that was made since, which holds for it.
    fn adopt(&mut self, held: &Held, offset: i64, unseen_cap: usize) {
        let before = self.held.as_ref().map(|before| &*before.profile);
        self.data = counted_anew(&held.profile, before, &self.data, unseen_cap)
            .unwrap_or_else(|| PaneData { flow: self.data.flow.turned_away(), ..PaneData::default() });
        self.held = Some(held.clone());
        // Its deltas alone do not tell by what it is counted.
        self.dirty_since.get_or_insert(offset);
        self.must_save = true;
    }
}

/// Rows that were gathered, or counted by the profile `before`, counted by another one; `None` where they
/// can't be exactly.
pub(super) fn counted_anew(
    profile: &Profile,
    before: Option<&Profile>,
    data: &PaneData,
    unseen_cap: usize,
) -> Option<PaneData> {
    let Some(before) = before else { return counted_by(profile, data, unseen_cap) };
    if data.features.is_empty() {
        return Some(data.clone());
    }
    let count = |feature: &FeatureProfile| {
        let at = before.position(&feature.name)?;
        data.features.get(at)?.recounted(&before.features()[at].basis, &feature.basis)
    };
    let features = profile.features().iter().map(count).collect::<Option<Vec<_>>>()?;
    // Looks are counted by coarse cells, which follow from a reference's counts.
    Some(PaneData { features, looks: Default::default(), ..data.clone() })
}

/// Where a pane stands among those before and after `middle`.
pub(super) fn half(grid: Grid, pane: Pane, middle: Time) -> Half {
    let start = grid.start(pane);
    // A pane of an hour or more is even or odd itself.
    let hour = start.ms().div_euclid(grid.slide_ms().max(HOUR_MS));
    Half { is_first: start < middle, is_even: hour % 2 == 0 }
}

/// That the halves of these features differ.
pub(super) fn halves_differ(unstable: &[Name]) -> String {
    let names: Vec<&str> = unstable.iter().map(|name| &**name).collect();
    format!("its halves differ in {}", names.join(", "))
}

/// Whether the halves of a profile agree in shape and missing values, and the features in which they do
/// not, at the level that all comparisons share.
pub(super) fn compared(profile: &Profile, halves: &[Halves]) -> (Option<bool>, Vec<Name>) {
    let mut found: Vec<(&Name, f64)> = Vec::new();
    for (feature, halves) in profile.features().iter().zip(halves) {
        for [one, other] in [&halves.by_time, &halves.by_hour] {
            let sketch = FeatureSketch { tally: one.clone(), ..FeatureSketch::default() };
            let half = FeatureProfile { sketch, ..feature.clone() };
            let [shape, missing, _] = p_certain(&half, other, Dependence::NONE);
            found.extend(shape.into_iter().chain(missing).map(|p| (&feature.name, p)));
        }
    }
    let level = LEVEL / found.len().max(1) as f64;
    let mut unstable: Vec<Name> =
        found.iter().filter(|(_, p)| *p <= level).map(|(name, _)| (*name).clone()).collect();
    unstable.dedup();
    ((!found.is_empty()).then_some(unstable.is_empty()), unstable)
}
