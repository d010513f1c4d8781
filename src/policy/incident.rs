//! Incidents: raised by k of n windows, cleared by k of n, one identity from opening to closing.
//!
//! A [`Track`] follows one category of fault of one feature of a model key. Exceedances before a
//! clear never count again. Windows that could not be judged neither raise nor clear.

use super::ids::incident_id;
use super::record::{Category, ResolveReason, Scope};
use super::settings::PolicySettings;
use super::verdict::Finding;
use crate::words::{ModelKey, Name, Severity, Time};
use serde::{Deserialize, Serialize};

/// An open incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: String,
    /// End of the window, or of the look, that opened it.
    pub opened_at: Time,
    /// Since when the data have probably been different.
    pub onset_estimate: Time,
    /// The worst it has been.
    pub severity: Severity,
    /// End of the last window that judged it.
    pub last_judged: Time,
    /// How many of its events were published.
    pub steps: u32,
    /// The severity that its last published event told.
    pub told: Severity,
    /// The id of its last published event.
    pub last_event_id: Option<String>,
    /// The incident of the whole model that speaks for it.
    pub parent_id: Option<String>,
    /// Whether early sight opened it and no window has shown it yet.
    #[serde(default)]
    pub unconfirmed: bool,
    /// Whether a mute keeps its severity from being told.
    #[serde(default)]
    pub muted: bool,
    /// When someone acknowledged it.
    #[serde(default)]
    pub acknowledged_at: Option<Time>,
}

impl Incident {
    /// An incident that opens at `end`, of which nothing is told yet.
    pub fn opened(id: String, end: Time, onset_estimate: Time, severity: Severity) -> Incident {
        Incident {
            id,
            opened_at: end,
            onset_estimate,
            severity,
            last_judged: end,
            steps: 0,
            told: Severity::Ok,
            last_event_id: None,
            parent_id: None,
            unconfirmed: false,
            muted: false,
            acknowledged_at: None,
        }
    }
}

/// What happened to a track in a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing, with no incident or one that goes on.
    None,
    /// An incident opened.
    Opened,
    /// The open incident became worse.
    Worsened,
    /// This incident closed.
    Closed(Incident, ResolveReason),
}

/// What a judged window said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// The window's end.
    end: Time,
    /// Whether it exceeded.
    exceeded: bool,
}

/// One category of fault of one feature of a model key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Track {
    /// Ends of the last `raise.n` judged windows, oldest first, and whether they exceeded.
    recent: Vec<Hit>,
    /// Whether the last `clear.n` judged windows of the incident were clear, oldest first.
    clears: Vec<bool>,
    /// Until when a new incident is not told.
    pub quiet_until: Option<Time>,
    /// The open incident.
    pub incident: Option<Incident>,
}

impl Track {
    /// Whether forgetting it at `now` would change nothing.
    pub fn is_trivial(&self, now: Time) -> bool {
        self.incident.is_none()
            && !self.recent.iter().any(|hit| hit.exceeded)
            && self.quiet_until.is_none_or(|until| until <= now)
    }

    /// Takes the finding of the window `start..end`; `None` when it could not be judged.
    #[expect(clippy::too_many_arguments, reason = "the parts of an incident's identity, and the window")]
    pub fn step(
        &mut self,
        app: &str,
        key: &ModelKey,
        feature: &Name,
        category: Category,
        policy: &PolicySettings,
        (start, end): (Time, Time),
        finding: Option<&Finding>,
    ) -> Change {
        let Some(finding) = finding else {
            let stale = |incident: &mut Incident| end.since_ms(incident.last_judged) >= policy.stale_after_ms;
            return match self.incident.take_if(stale) {
                Some(incident) => self.close(incident, ResolveReason::Stale),
                None => Change::None,
            };
        };
        let exceeded = finding.severity > Severity::Ok;
        let size_ms = end.since_ms(start);
        let unconfirmed = self.incident.as_ref().is_some_and(|incident| incident.unconfirmed);
        if self.incident.is_none() || unconfirmed {
            keep_last(&mut self.recent, Hit { end, exceeded }, policy.raise.n);
        }
        let is_raised = exceeded && self.is_raised(policy, size_ms);
        if let Some(incident) = &mut self.incident {
            incident.last_judged = end;
            incident.unconfirmed &= !is_raised;
            // Until half of the window is of the time since, it says little of an early incident.
            if !incident.unconfirmed || 2 * end.since_ms(incident.onset_estimate) >= size_ms {
                keep_last(&mut self.clears, finding.is_clear, policy.clear.n);
            }
            if self.clears.iter().filter(|clear| **clear).count() >= policy.clear.k as usize
                && let Some(incident) = self.incident.take()
            {
                let reason = match incident.unconfirmed {
                    true => ResolveReason::NotConfirmed,
                    false => ResolveReason::Recovered,
                };
                return self.close(incident, reason);
            }
            return if unconfirmed && !is_raised { Change::None } else { self.worsen(finding.severity) };
        }
        if !is_raised {
            return Change::None;
        }
        self.clears.clear();
        let id = incident_id(app, key, Scope::Feature, Some(feature), category, end);
        let onset = finding.suffix.map_or(start, |suffix| suffix.start);
        self.incident = Some(Incident::opened(id, end, onset, finding.severity));
        Change::Opened
    }

    /// Opens an incident for what early sight found at `now`, unless one is open.
    pub fn open_early(
        &mut self,
        app: &str,
        key: &ModelKey,
        feature: &Name,
        category: Category,
        (onset, now): (Time, Time),
    ) -> Change {
        if self.incident.is_some() {
            return Change::None;
        }
        self.clears.clear();
        let id = incident_id(app, key, Scope::Feature, Some(feature), category, now);
        let incident = Incident::opened(id, now, onset, Severity::Warning);
        self.incident = Some(Incident { unconfirmed: true, ..incident });
        Change::Opened
    }

    /// Closes the open incident from outside.
    pub fn resolve(&mut self, reason: ResolveReason) -> Change {
        match self.incident.take() {
            Some(incident) => self.close(incident, reason),
            None => Change::None,
        }
    }

    fn worsen(&mut self, severity: Severity) -> Change {
        match &mut self.incident {
            Some(incident) if severity > incident.severity => {
                incident.severity = severity;
                Change::Worsened
            }
            _ => Change::None,
        }
    }

    fn close(&mut self, incident: Incident, reason: ResolveReason) -> Change {
        self.recent.clear();
        self.clears.clear();
        Change::Closed(incident, reason)
    }

    fn is_raised(&self, policy: &PolicySettings, size_ms: i64) -> bool {
        let hits: Vec<Time> = self.recent.iter().filter(|hit| hit.exceeded).map(|hit| hit.end).collect();
        let (Some(first), Some(last)) = (hits.first(), hits.last()) else { return false };
        let spread = last.since_ms(*first) as f64 / size_ms.max(1) as f64;
        hits.len() >= policy.raise.k as usize && spread >= policy.raise.min_spread
    }
}

fn keep_last<T>(recent: &mut Vec<T>, value: T, most: u32) {
    recent.push(value);
    let beyond = recent.len().saturating_sub(most as usize);
    recent.drain(..beyond);
}
