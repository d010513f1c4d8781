//! Commands: what people and pipelines ask of the service while it runs, and what became of it.
//!
//! One form serves both ways. A command comes with `status` null; the owner of its model says what
//! became of it in a copy with `status` and `effective_at`, which a replay takes for the time.

use super::SCHEMA_VERSION;
use crate::words::{ModelKey, Name, Time};
use serde::{Deserialize, Serialize};

/// A record of the control topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Its id, `cmd_` and a UUID: a command with an id that was seen before does nothing.
    pub id: String,
    /// What is asked for: a name of [`Action`], such as `mute` or `trigger.close`.
    pub r#type: String,
    /// The model.
    pub model: Name,
    /// The version; null: all, or the only one.
    pub version: Option<Name>,
    /// The segment, `[]` for all traffic; null: all of them.
    pub segment: Option<Vec<Name>>,
    /// The feature; null: all.
    pub feature: Option<Name>,
    /// The mute, incident or trigger that is meant.
    pub target: Option<String>,
    /// How the run of a trigger ended.
    pub outcome: Option<Outcome>,
    /// Until when a mute holds, in event time.
    pub until: Option<Time>,
    /// Where the run that answers a trigger can be looked at.
    pub run_url: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Who asks.
    pub actor: String,
    /// When it was sent, by the sender's clock.
    pub at: Time,
    /// What became of it; null in a command on its way in.
    #[serde(default)]
    pub status: Option<Status>,
    /// The window's end at which it took effect; null while it has not, and where it was refused before.
    #[serde(default)]
    pub effective_at: Option<Time>,
    /// Why it was refused.
    #[serde(default)]
    pub refusal: Option<String>,
}

/// How the run of a trigger ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A new model came of it.
    Succeeded,
    /// It came to nothing: another attempt follows.
    Failed,
    /// It is not wanted.
    Rejected,
}

impl Outcome {
    /// The name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
            Outcome::Rejected => "rejected",
        }
    }
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was done.
    Applied,
    /// It was not done.
    Refused,
}

/// What a command asks for, with all that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `mute`: publish nothing of this until then.
    Mute(MuteScope, Time),
    /// `unmute`: end the mute of this id, or those of exactly this scope.
    Unmute(MuteScope, Option<String>),
    /// `trigger.acknowledge`: someone acts on this trigger.
    AcknowledgeTrigger(String),
    /// `trigger.close`: this trigger was answered.
    CloseTrigger(String, Outcome),
    /// `trigger.request`: ask for retraining.
    RequestTrigger,
    /// `incident.acknowledge`: someone looks at this incident.
    AcknowledgeIncident(String),
    /// `incident.close`: this incident is over.
    CloseIncident(String),
    /// `reference.accept_window`: what the window has is how it should be.
    AcceptWindow,
    /// `model.retire`: forget the version, or the whole model.
    RetireModel,
}

/// The names of all [`Action`]s.
const TYPES: [&str; 9] = [
    "mute",
    "unmute",
    "trigger.acknowledge",
    "trigger.close",
    "trigger.request",
    "incident.acknowledge",
    "incident.close",
    "reference.accept_window",
    "model.retire",
];

/// What a mute covers; what is not named is all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MuteScope {
    /// The version.
    pub version: Option<Name>,
    /// The segment.
    pub segment: Option<Vec<Name>>,
    /// The feature.
    pub feature: Option<Name>,
}

/// A mute of a model: what it covers is measured and tracked, and not published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// The id of the command that asked for it.
    pub id: String,
    /// What it covers.
    pub scope: MuteScope,
    /// Until when it holds.
    pub until: Time,
    /// Who asked for it.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
}

impl Mute {
    /// Whether it covers something of this model key.
    pub fn touches(&self, key: &ModelKey) -> bool {
        let MuteScope { version, segment, .. } = &self.scope;
        version.as_ref().is_none_or(|version| *version == key.version)
            && segment.as_ref().is_none_or(|segment| *segment == key.segment)
    }

    /// Whether it covers `feature` of this model key at `now`.
    pub fn covers(&self, key: &ModelKey, feature: &Name, now: Time) -> bool {
        let is_meant = self.scope.feature.as_ref().is_none_or(|muted| muted == feature);
        is_meant && now < self.until && self.touches(key)
    }
}

impl Command {
    /// A command of this type and id that names nothing beside the model.
    pub fn new(id: String, kind: &str, model: Name, actor: &str, at: Time) -> Command {
        Command {
            schema_version: SCHEMA_VERSION,
            id,
            r#type: kind.to_owned(),
            model,
            version: None,
            segment: None,
            feature: None,
            target: None,
            outcome: None,
            until: None,
            run_url: None,
            reason: None,
            actor: actor.to_owned(),
            at,
            status: None,
            effective_at: None,
            refusal: None,
        }
    }

    /// What it asks for, or what is wrong with it whatever the state of its model.
    pub fn action(&self) -> Result<Action, String> {
        if self.schema_version > SCHEMA_VERSION {
            return Err(format!("a command of schema version {}", self.schema_version));
        }
        let scope = || MuteScope {
            version: self.version.clone(),
            segment: self.segment.clone(),
            feature: self.feature.clone(),
        };
        let target = |what: &str| {
            let missing = || format!("`{}` names no {what}: set `target` to its id", self.r#type);
            self.target.clone().ok_or_else(missing)
        };
        Ok(match &*self.r#type {
            "mute" => Action::Mute(scope(), self.until.ok_or("a mute needs an end: set `until`")?),
            "unmute" => Action::Unmute(scope(), self.target.clone()),
            "trigger.acknowledge" => Action::AcknowledgeTrigger(target("trigger")?),
            "trigger.close" => {
                let outcome = self.outcome.ok_or("set `outcome` to `succeeded`, `failed` or `rejected`")?;
                Action::CloseTrigger(target("trigger")?, outcome)
            }
            "trigger.request" => Action::RequestTrigger,
            "incident.acknowledge" => Action::AcknowledgeIncident(target("incident")?),
            "incident.close" => Action::CloseIncident(target("incident")?),
            "reference.accept_window" => Action::AcceptWindow,
            "model.retire" => Action::RetireModel,
            other => return Err(format!("no command is called {other:?}: there are {}", TYPES.join(", "))),
        })
    }

    /// The record that says what became of it; `Err` is why it was refused.
    pub fn answered(self, outcome: Result<(), String>, effective_at: Option<Time>) -> Command {
        let status = Some(if outcome.is_ok() { Status::Applied } else { Status::Refused });
        Command { status, effective_at, refusal: outcome.err(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(json: &str) -> Command {
        let fixed =
            r#""schema_version":1,"id":"cmd_1","model":"fraud","actor":"me","at":"2026-03-04T11:00:00Z""#;
        serde_json::from_str(&format!("{{{fixed},{json}}}")).unwrap()
    }

    #[test]
    fn a_command_is_its_type_with_what_that_needs() {
        let mute = command(r#""type":"mute","feature":"amount","until":"2026-03-05T11:00:00Z""#);
        let scope = MuteScope { feature: Some("amount".into()), ..MuteScope::default() };
        assert_eq!(mute.action(), Ok(Action::Mute(scope, mute.until.unwrap())));
        let close = command(r#""type":"trigger.close","target":"trg_1","outcome":"failed""#);
        assert_eq!(close.action(), Ok(Action::CloseTrigger("trg_1".into(), Outcome::Failed)));
    }

    #[test]
    fn what_a_command_lacks_is_said() {
        let why = |json: &str| command(json).action().unwrap_err();
        assert_eq!(why(r#""type":"mute""#), "a mute needs an end: set `until`");
        assert!(why(r#""type":"trigger.acknowledge""#).contains("names no trigger"));
        assert!(why(r#""type":"trigger.close","target":"trg_1""#).contains("`rejected`"));
        assert!(why(r#""type":"silence""#).contains("there are mute, unmute"));
        assert!(Command { schema_version: 2, ..command(r#""type":"model.retire""#) }.action().is_err());
        for name in TYPES {
            let whole = r#""target":"x","outcome":"failed","until":"2026-03-05T11:00:00Z""#;
            assert!(command(&format!(r#""type":"{name}",{whole}"#)).action().is_ok(), "{name}");
        }
    }

    #[test]
    fn a_mute_covers_what_it_names_and_all_of_what_it_does_not_until_its_end() {
        let until = Time::from_ms(1000);
        let (x, y) = (Name::from("x"), Name::from("y"));
        let mute = |scope| Mute { id: "cmd_1".into(), scope, until, actor: "me".into(), reason: None };
        let whole = ModelKey::whole("fraud", "7");
        let eu = ModelKey { segment: vec!["eu".into()], ..whole.clone() };
        let all = mute(MuteScope::default());
        assert!(all.covers(&whole, &x, Time::from_ms(999)) && all.covers(&eu, &y, Time::from_ms(0)));
        assert!(!all.covers(&whole, &x, until));
        let one = mute(MuteScope { feature: Some(x.clone()), ..MuteScope::default() });
        assert!(one.covers(&whole, &x, Time::EPOCH) && !one.covers(&whole, &y, Time::EPOCH));
        let traffic = mute(MuteScope { segment: Some(vec![]), ..MuteScope::default() });
        assert!(traffic.touches(&whole) && !traffic.touches(&eu));
        let version = mute(MuteScope { version: Some("8".into()), ..MuteScope::default() });
        assert!(!version.touches(&whole));
    }
}
