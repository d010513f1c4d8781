//! Ids that say what they are of: a prefix and 32 hex digits of SHA-256 over a canonical JSON array.
//!
//! No wall clock, no measured value and no text goes into one, so that a run, a replay and a
//! restarted instance give the same, and a consumer can deduplicate by it.

use super::record::{Category, Scope, Transition};
use crate::words::{ModelKey, Time};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// `prefix` and the first 128 bits of SHA-256 over the compact JSON of `parts`.
fn id(prefix: &str, parts: &impl Serialize) -> String {
    let json = serde_json::to_vec(parts).expect("texts, numbers and times are always JSON");
    let hex: String = Sha256::digest(json)[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}{hex}")
}

/// The id of an incident, by what it is about and when it opened.
pub fn incident_id(
    app: &str,
    key: &ModelKey,
    scope: Scope,
    feature: Option<&str>,
    category: Category,
    opened_at: Time,
) -> String {
    id("inc_", &(app, &key.model, &key.version, &key.segment, scope, feature, category, opened_at))
}

/// The id of the event that is the `step`th of its incident.
pub fn event_id(app: &str, incident: &str, step: u32, transition: Transition) -> String {
    id("evt_", &(app, incident, step, transition))
}

/// The id of a trigger.
pub fn trigger_id(app: &str, key: &ModelKey, decided_at: Time, cause: super::record::Cause) -> String {
    id("trg_", &(app, &key.model, &key.version, decided_at, cause))
}

/// The id of a chunk of a window report.
pub fn report_id(app: &str, key: &ModelKey, decided_at: Time, chunk: u32) -> String {
    id("rep_", &(app, &key.model, &key.version, &key.segment, decided_at, chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_and_differ_by_every_part() {
        let key = ModelKey::whole("fraud", "7");
        let at = Time::from_ms(1_700_000_000_000);
        let one = incident_id("driftline", &key, Scope::Feature, Some("amount"), Category::Distribution, at);
        // sha256('["driftline","fraud","7",[],"feature","amount","distribution","2023-11-14T22:13:20.000Z"]')
        assert_eq!(one, "inc_a3baf028ce64df30dc34705a0697b7a0");
        let other = incident_id("staging", &key, Scope::Feature, Some("amount"), Category::Distribution, at);
        assert_ne!(one, other);
        assert_ne!(
            event_id("driftline", &one, 1, Transition::Detected),
            event_id("driftline", &one, 2, Transition::Detected)
        );
    }
}
