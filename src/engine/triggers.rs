//! What becomes of open triggers at a window's end without anybody's command: a reference answers one,
//! or its time is up.

use super::Output;
use super::commands::moment;
use super::evaluator::EvaluatorSettings;
use super::model::{ModelState, VersionState};
use crate::policy::record::Outcome;
use crate::reference::{Origin, References};
use crate::words::{ModelKey, Name, Pane};

/// A reference that is in use.
struct InUse {
    version: Name,
    /// The trigger that it says it answers.
    trigger_id: Option<String>,
    /// Where its epoch begins, if it was trained for the version itself.
    trained_from: Option<Pane>,
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
        let answers = |other: &&InUse| {
            let is_new = |from: Pane| settings.grid.start(from) >= decided_at;
            other.trigger_id.as_deref() == Some(id)
                || (other.version != *version && other.trained_from.is_some_and(is_new))
        };
        let answer = in_use.iter().find(answers);
        let event = match answer {
            Some(answer) => {
                let why = format!("the reference of version `{}` is in force", answer.version);
                let id = id.to_owned();
                state.retrain.close(&moment, &id, Outcome::Succeeded, None, &why).ok()
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
    let trained_from = whole.epoch.filter(|_| info.origin == Origin::Training && !info.inherited);
    let trigger_id = activation.and_then(|activation| activation.trigger_id.clone());
    Some(InUse { version: version.clone(), trigger_id, trained_from })
}
