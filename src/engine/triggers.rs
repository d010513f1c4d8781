//! What becomes of open triggers at a window's end without anybody's command: a reference answers one,
//! or its time is up.

use super::Output;
use super::commands::moment;
use super::evaluator::EvaluatorSettings;
use super::model::{ModelState, VersionState};
use crate::policy::record::Outcome;
use crate::reference::{Origin, References};
use crate::words::{Grid, ModelKey, Name, Pane, Time};

/// A reference that is in use.
struct InUse {
    version: Name,
    /// The trigger that it says it answers.
    trigger_id: Option<String>,
    /// Where it comes from.
    origin: Origin,
    /// Where its epoch begins, if it is of the version itself.
    epoch: Option<Pane>,
}

impl InUse {
    /// Whether it answers the trigger of this id, which was decided for `version` at that time. A model
    /// that was trained anew is another version; a window that was accepted is the same model's, whose
    /// drift is the normal state from then on.
    fn answers(&self, (id, decided_at): (&str, Time), version: &Name, grid: Grid) -> bool {
        let is_meant = match self.origin {
            Origin::Training => self.version != *version,
            Origin::AcceptedWindow => self.version == *version,
            _ => false,
        };
        let is_new = self.epoch.is_some_and(|from| grid.start(from) >= decided_at);
        self.trigger_id.as_deref() == Some(id) || (is_meant && is_new)
    }

    /// For a person.
    fn why(&self) -> String {
        match self.origin {
            Origin::AcceptedWindow => "an accepted window is the reference in force".into(),
            _ => format!("the reference of version `{}` is in force", self.version),
        }
    }
}

/// Closes the triggers of `model` that a reference answers at the end of `pane`, and lets those expire
/// whose time is up.
pub(super) fn settle(
    settings: &EvaluatorSettings,
    name: &Name,
    model: &mut ModelState,
    pane: Pane,
    references: &References,
    outputs: &mut Vec<Output>,
) {
    if model.versions.values().all(|version| !version.retrain.is_open()) {
        return;
    }
    let in_use: Vec<InUse> = model
        .versions
        .iter()
        .filter_map(|(version, state)| in_use(name, version, state, references))
        .collect();
    for (version, state) in &mut model.versions {
        let key = ModelKey::whole(name.clone(), version.clone());
        let moment = moment(settings, &key, settings.grid.end(pane));
        let Some((id, decided_at)) = state.retrain.open() else { continue };
        let answer = in_use.iter().find(|other| other.answers((id, decided_at), version, settings.grid));
        let event = match answer {
            Some(answer) => {
                let id = id.to_owned();
                state.retrain.close(&moment, &id, Outcome::Succeeded, None, &answer.why()).ok()
            }
            None => state.retrain.expire(&moment),
        };
        outputs.extend(event.map(|event| Output::Event(Box::new(event))));
    }
}

fn in_use(name: &Name, version: &Name, state: &VersionState, references: &References) -> Option<InUse> {
    let whole = state.segments.get(&Vec::new())?;
    let info = &whole.held.as_ref()?.info;
    let activation = references.activations().find(|activation| {
        activation.model == *name
            && activation.version == *version
            && (activation.effective_from, &activation.reference_id) == (info.effective_from, &info.id)
    });
    let epoch = whole.epoch.filter(|_| !info.inherited);
    let trigger_id = activation.and_then(|activation| activation.trigger_id.clone());
    Some(InUse { version: version.clone(), trigger_id, origin: info.origin, epoch })
}
