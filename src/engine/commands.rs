//! Commands to a model: taken as they come, once each, and done at the next window's end.
//!
//! What a command does rests on the window's end alone, never on when its record was read: so a run
//! and a replay that are told the same ends decide the same. What becomes of each is told.

use super::Output;
use super::accept::accept;
use super::evaluator::{Evaluator, EvaluatorSettings};
use super::judging::{model_step, window_info};
use super::made::MadeReference;
use super::model::{ModelState, VersionState};
use super::state::SeenCommand;
use crate::policy::record::{Action, Command, DriftEvent, Mute, MuteScope, ResolveReason};
use crate::policy::{Mode, Moment, Step};
use crate::words::{ModelKey, Name, Pane, Time};

/// How long the ids of commands are remembered, by the time of their records: the topic keeps no
/// record longer.
const REMEMBERED_MS: i64 = 7 * 24 * 3_600_000;
/// Most commands to a model in that time.
const COMMANDS_MAX: usize = 1000;
/// Most mutes of a model.
const MUTES_MAX: usize = 100;

impl Evaluator {
    /// Takes a command whose record has the time `sent_at`. It is done at the next window's end of its
    /// model; one whose id was seen before does nothing.
    pub fn command(&mut self, command: Command, sent_at: Time) {
        let known = self.models.get_mut(&command.model).filter(|model| !model.versions.is_empty());
        let Some(model) = known else {
            let why = format!("no version of the model `{}` has events", command.model);
            return self.outputs.push(Output::Command(Box::new(command.answered(Err(why), None))));
        };
        let seen = &mut model.desk.seen;
        seen.retain(|one| sent_at.since_ms(one.at) < REMEMBERED_MS);
        if seen.iter().any(|one| one.id == command.id) {
            return;
        }
        let checked = match command.action() {
            Ok(_) if seen.len() >= COMMANDS_MAX => {
                Err(format!("more than {COMMANDS_MAX} commands in a week"))
            }
            checked => checked.map(drop),
        };
        if seen.len() < COMMANDS_MAX {
            seen.push(SeenCommand { id: command.id.clone(), at: sent_at });
        }
        self.changed.models.insert(command.model.clone());
        match checked {
            Ok(()) => model.desk.waiting.push(command),
            Err(why) => self.outputs.push(Output::Command(Box::new(command.answered(Err(why), None)))),
        }
    }

    /// Takes a command of which it is known when it is done: at the first window's end of its model
    /// that is not before `from`. Not part of the state: for whoever keeps none.
    pub fn schedule(&mut self, command: Command, from: Time) {
        self.scheduled.push((from, command));
    }

    /// Takes the commands to a model that are scheduled for `end`.
    pub(super) fn take_scheduled(&mut self, name: &Name, end: Time) {
        let is_due = |(from, command): &(Time, Command)| command.model == *name && *from <= end;
        let (due, later) = std::mem::take(&mut self.scheduled).into_iter().partition(is_due);
        self.scheduled = later;
        let due: Vec<(Time, Command)> = due;
        for (_, command) in due {
            let sent_at = command.at;
            self.command(command, sent_at);
        }
    }
}

/// Does what was asked of the model `name` by the end of `pane`, which is closed and not yet judged.
/// Returns the references that were made for it.
pub(super) fn obey(
    settings: &EvaluatorSettings,
    name: &Name,
    model: &mut ModelState,
    pane: Pane,
    outputs: &mut Vec<Output>,
) -> Vec<MadeReference> {
    let end = settings.grid.end(pane);
    model.desk.mutes.retain(|mute| mute.until > end);
    let mut made = Vec::new();
    for command in std::mem::take(&mut model.desk.waiting) {
        let model = &mut *model;
        let mut at = Window { settings, name, model, pane, events: Vec::new(), made: Vec::new() };
        let outcome = command.action().and_then(|action| at.obey(action, &command));
        made.append(&mut at.made);
        outputs.extend(at.events.into_iter().map(|event| Output::Event(Box::new(event))));
        outputs.push(Output::Command(Box::new(command.answered(outcome, Some(end)))));
    }
    made
}

/// The end of a window, at which commands are done.
struct Window<'a> {
    settings: &'a EvaluatorSettings,
    name: &'a Name,
    model: &'a mut ModelState,
    pane: Pane,
    /// What is to be published.
    events: Vec<DriftEvent>,
    /// References that are to come into force.
    made: Vec<MadeReference>,
}

impl Window<'_> {
    fn end(&self) -> Time {
        self.settings.grid.end(self.pane)
    }

    fn obey(&mut self, action: Action, command: &Command) -> Result<(), String> {
        match action {
            Action::Mute(scope, until) => self.mute(scope, until, command),
            Action::Unmute(scope, target) => self.unmute(&scope, target.as_deref()),
            Action::AcknowledgeTrigger(id) => self.of_trigger(&id, |version, moment| {
                version.retrain.acknowledge(moment, &id, command.run_url.as_deref())
            }),
            Action::CloseTrigger(id, outcome) => {
                let why = command.reason.clone().unwrap_or_else(|| format!("so said {}", command.actor));
                let run = command.run_url.as_deref();
                self.of_trigger(&id, |version, moment| version.retrain.close(moment, &id, outcome, run, &why))
            }
            Action::RequestTrigger => self.request(command),
            Action::AcknowledgeIncident(id) => self.acknowledge(&id),
            Action::CloseIncident(id) => self.close(&id),
            Action::AcceptWindow => self.accept(command),
            Action::RetireModel => self.retire(command),
        }
    }

    fn mute(&mut self, scope: MuteScope, until: Time, command: &Command) -> Result<(), String> {
        let (end, longest) = (self.end(), self.settings.model(self.name).0.policy.mute_max_ms);
        if until <= end {
            return Err(format!("{until} has passed: windows have come to {end}"));
        }
        if until.since_ms(end) > longest {
            let last = end.plus_ms(longest);
            return Err(format!("`policy.mute.max` allows no mute beyond {last}, not until {until}"));
        }
        let mutes = &mut self.model.desk.mutes;
        mutes.retain(|mute| mute.scope != scope);
        if mutes.len() >= MUTES_MAX {
            return Err(format!("more than {MUTES_MAX} mutes of a model"));
        }
        let Command { id, actor, reason, .. } = command.clone();
        mutes.push(Mute { id, scope, until, actor, reason });
        Ok(())
    }

    fn unmute(&mut self, scope: &MuteScope, target: Option<&str>) -> Result<(), String> {
        let mutes = &mut self.model.desk.mutes;
        let before = mutes.len();
        mutes.retain(|mute| target.map_or(mute.scope != *scope, |id| mute.id != id));
        if mutes.len() < before { Ok(()) } else { Err("there is no such mute".into()) }
    }

    /// Does something to the version whose trigger of this id is open.
    fn of_trigger(
        &mut self,
        id: &str,
        act: impl FnOnce(&mut VersionState, &Moment<'_>) -> Result<DriftEvent, String>,
    ) -> Result<(), String> {
        let now = self.end();
        let is_meant = |version: &VersionState| version.retrain.open().is_some_and(|(open, _)| open == id);
        let found = self.model.versions.iter_mut().find(|(_, version)| is_meant(version));
        let Some((version, state)) = found else { return Err(format!("trigger {id} is not open")) };
        let key = ModelKey::whole(self.name.clone(), version.clone());
        self.events.push(act(state, &moment(self.settings, &key, now))?);
        Ok(())
    }

    /// The version that a command names, or the only one.
    fn version(&self, command: &Command) -> Result<Name, String> {
        let mut live = self.model.versions.keys();
        match (&command.version, live.next(), live.next()) {
            (Some(version), ..) if self.model.versions.contains_key(version) => Ok(version.clone()),
            (Some(version), ..) => Err(format!("no version `{version}` has events")),
            (None, Some(only), None) => Ok(only.clone()),
            (None, ..) => Err("the model has several versions: name one".into()),
        }
    }

    fn request(&mut self, command: &Command) -> Result<(), String> {
        let version = self.version(command)?;
        if self.settings.model(self.name).0.policy.mode < Mode::Trigger {
            return Err("`policy.mode` is not \"trigger\"".into());
        }
        let Some(state) = self.model.versions.get_mut(&version) else { return Ok(()) };
        if state.retrain.is_open() || state.requested.is_some() {
            return Err("a trigger is open: close it first".into());
        }
        let whole = state.segments.get(&Vec::new());
        if whole.is_none_or(|whole| whole.held.is_none() || whole.window.is_empty()) {
            return Err("there is no window with rows and a reference".into());
        }
        state.requested = Some(command.clone());
        Ok(())
    }

    fn acknowledge(&mut self, id: &str) -> Result<(), String> {
        let now = self.end();
        for version in self.model.versions.values_mut() {
            if version.retrain.holds(id) {
                version.retrain.acknowledge_incident(id, now);
                return Ok(());
            }
            let found = version.segments.values_mut().find(|segment| segment.book.holds(id));
            if let Some(segment) = found {
                segment.book.acknowledge(id, now);
                return Ok(());
            }
        }
        Err(format!("incident {id} is not open"))
    }

    fn close(&mut self, id: &str) -> Result<(), String> {
        let (settings, now) = (self.settings, self.end());
        let (of_model, _) = settings.model(self.name);
        let ModelState { versions, limit, desk, .. } = &mut *self.model;
        for (version_name, version) in versions {
            if version.retrain.holds(id) {
                let key = ModelKey::whole(self.name.clone(), version_name.clone());
                let moment = moment(settings, &key, now);
                self.events.extend(version.retrain.resolve(&moment, ResolveReason::ClosedByUser));
                return Ok(());
            }
            let found = version.segments.iter_mut().find(|(_, state)| state.book.holds(id));
            let Some((segment, state)) = found else { continue };
            let Some(held) = &state.held else { continue };
            let (model, version) = (self.name.clone(), version_name.clone());
            let key = ModelKey { model, version, segment: segment.clone() };
            let window = Some(window_info(settings, of_model, state, self.pane).1);
            let step = model_step(settings, &key, &held.info, &desk.mutes, now);
            let step = Step { window, ..step };
            self.events.extend(state.book.close(&step, id, limit));
            return Ok(());
        }
        Err(format!("incident {id} is not open"))
    }

    fn accept(&mut self, command: &Command) -> Result<(), String> {
        if command.segment.as_ref().is_some_and(|segment| !segment.is_empty()) || command.feature.is_some() {
            return Err("a reference is of all traffic and all features: name neither".into());
        }
        let version = self.version(command)?;
        let state = self.model.versions.get_mut(&version).ok_or("there is no window")?;
        let whole = state.segments.get(&Vec::new()).ok_or("there is no window")?;
        let made = accept(self.settings, (self.name, &version), whole, self.pane, command)?;
        // Windows are measured by the reference before until the first of its own ends.
        let until = made.effective_from.plus_ms(self.settings.grid.slide_ms());
        let features = made.profile.features().iter().map(|feature| feature.name.clone());
        state.retrain.hold(until, features.collect());
        self.made.push(made);
        Ok(())
    }

    fn retire(&mut self, command: &Command) -> Result<(), String> {
        let end = self.end();
        let named = |version: &Name| command.version.as_ref().is_none_or(|named| named == version);
        let meant = || self.model.versions.iter().filter(|(version, _)| named(version));
        if let Some((version, _)) = meant().find(|(_, state)| state.last_rows_end >= end) {
            return Err(format!("version `{version}` still has events"));
        }
        let meant: Vec<Name> = meant().map(|(version, _)| version.clone()).collect();
        if meant.is_empty() {
            return Err("no such version has events".into());
        }
        self.model.retiring.extend(meant);
        Ok(())
    }
}

/// A window's end of a model version.
pub(super) fn moment<'a>(settings: &'a EvaluatorSettings, key: &'a ModelKey, now: Time) -> Moment<'a> {
    let (of_model, config_id) = settings.model(&key.model);
    Moment { app: &settings.app, key, settings: of_model, config_id, now }
}
