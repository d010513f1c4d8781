//! Drift events and triggers, and what they say of incidents and of the triggers' life.

use crate::policy::record::{DriftEvent, RetrainingTrigger, Transition, TriggerInfo};
use crate::words::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whether something waits for someone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It does.
    Open,
    /// It is over.
    Closed,
}

impl State {
    fn of(is_over: bool) -> State {
        if is_over { State::Closed } else { State::Open }
    }
}

/// An incident as its last event tells it.
#[derive(Debug, Serialize)]
pub struct IncidentAnswer<'a> {
    /// Whether it is over.
    pub state: State,
    /// Who looks at it; null: nobody has said so.
    pub acknowledged: Option<&'a Acknowledged>,
    /// Whether a mute that is in force covers it.
    pub muted: bool,
    /// The last event.
    pub event: &'a DriftEvent,
}

/// That someone looks at an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Acknowledged {
    /// Since which window's end.
    pub at: Time,
    /// Who; null where the command itself is not to be read any more.
    pub actor: Option<String>,
}

/// A trigger and what became of it.
#[derive(Debug, Serialize)]
pub struct TriggerAnswer<'a> {
    /// Whether it is over.
    pub state: State,
    /// The last change of its life; null while it is as it was published.
    pub life: Option<&'a TriggerInfo>,
    /// The request.
    pub trigger: &'a RetrainingTrigger,
}

/// Events, newest first.
#[derive(Debug, Serialize)]
pub struct EventsAnswer<'a> {
    /// The events.
    pub events: Vec<&'a DriftEvent>,
}

/// In the order of their times, ties by id.
type ByTime<T> = BTreeMap<(Time, String), T>;

/// All events, the last one of each incident, and the triggers, each with a cap.
#[derive(Debug)]
pub(super) struct Log {
    most: usize,
    events: ByTime<DriftEvent>,
    /// By when they opened.
    incidents: ByTime<DriftEvent>,
    /// By incident: who looks at it.
    acknowledged: BTreeMap<String, Acknowledged>,
    triggers: ByTime<RetrainingTrigger>,
    /// By trigger, the last event of its life.
    lives: BTreeMap<String, DriftEvent>,
}

impl Log {
    pub fn new(most: usize) -> Self {
        Log {
            most,
            events: BTreeMap::new(),
            incidents: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            triggers: BTreeMap::new(),
            lives: BTreeMap::new(),
        }
    }

    /// Takes an event; says how many were forgotten for it.
    pub fn event(&mut self, event: DriftEvent) -> u64 {
        match &event.trigger {
            Some(trigger) => {
                let last = self.lives.get(&trigger.id);
                if last.is_none_or(|last| last.decided_at <= event.decided_at) {
                    self.lives.insert(trigger.id.clone(), event.clone());
                }
            }
            None => {
                let incident = &event.incident;
                let key = (incident.opened_at, incident.id.clone());
                if let Some(at) = incident.acknowledged_at {
                    self.acknowledge(&incident.id, at, None);
                }
                let last = self.incidents.get(&key);
                if last.is_none_or(|last| last.incident.sequence <= incident.sequence) {
                    self.incidents.insert(key, event.clone());
                }
            }
        }
        self.events.insert((event.decided_at, event.id.clone()), event);
        cut(&mut self.incidents, self.most, is_closed);
        cut(&mut self.events, self.most, |_| true)
    }

    /// Takes that someone looks at an incident; who it is comes with the command alone.
    pub fn acknowledge(&mut self, incident: &str, at: Time, actor: Option<String>) {
        let known = self.acknowledged.entry(incident.to_owned()).or_insert(Acknowledged { at, actor: None });
        if known.at <= at {
            *known = Acknowledged { at, actor: actor.or(known.actor.take()) };
        }
        if self.acknowledged.len() > 2 * self.most {
            let known = &self.incidents;
            self.acknowledged.retain(|id, _| known.keys().any(|(_, known)| known == id));
        }
    }

    pub fn trigger(&mut self, trigger: RetrainingTrigger) {
        self.triggers.insert((trigger.decided_at, trigger.id.clone()), trigger);
        cut(&mut self.triggers, self.most, |_| true);
        let known = &self.triggers;
        if self.lives.len() > self.most {
            self.lives.retain(|id, _| known.values().any(|trigger| trigger.id == *id));
        }
    }

    pub fn events(&self) -> impl Iterator<Item = &DriftEvent> {
        self.events.values().rev()
    }

    pub fn incidents(&self, state: Option<State>) -> impl Iterator<Item = IncidentAnswer<'_>> {
        let answers = self.incidents.values().rev().map(|event| IncidentAnswer {
            state: State::of(is_closed(event)),
            acknowledged: self.acknowledged.get(&event.incident.id),
            muted: false,
            event,
        });
        answers.filter(move |answer| state.is_none_or(|state| state == answer.state))
    }

    pub fn triggers(&self, state: Option<State>) -> impl Iterator<Item = TriggerAnswer<'_>> {
        let answers = self.triggers.values().rev().map(|trigger| {
            let life = self.life(trigger);
            let is_over = life.is_some_and(|life| life.state != "acknowledged");
            TriggerAnswer { state: State::of(is_over), life, trigger }
        });
        answers.filter(move |answer| state.is_none_or(|state| state == answer.state))
    }

    fn life(&self, trigger: &RetrainingTrigger) -> Option<&TriggerInfo> {
        self.lives.get(&trigger.id)?.trigger.as_ref()
    }
}

fn is_closed(event: &DriftEvent) -> bool {
    event.transition == Transition::Resolved || event.incident.closed_at.is_some()
}

/// Forgets the oldest of those that may go first, then the oldest of all, until the rest fits.
fn cut<T>(all: &mut ByTime<T>, most: usize, goes_first: impl Fn(&T) -> bool) -> u64 {
    let mut gone = 0;
    while all.len() > most {
        let first = all.iter().find(|(_, one)| goes_first(one)).or(all.iter().next());
        let Some(key) = first.map(|(key, _)| key.clone()) else { break };
        all.remove(&key);
        gone += 1;
    }
    gone
}
