//! The topics before anything is read or written: that they are there, as many partitions as the
//! configuration says, and how large a record they take. It makes and changes none.

use super::StageTopics;
use crate::bus::{KafkaSettings, TopicAdmin, TopicState};
use crate::error::{Error, Result};

/// What was found of the topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTopics {
    /// Input topics that do not exist yet; stage 1 reads them when they do.
    pub missing_inputs: Vec<String>,
    /// The largest record that every topic that is written takes, in bytes, where it is known.
    pub max_record_bytes: Option<usize>,
    /// The cluster's id, where it is known.
    pub cluster_id: Option<String>,
}

/// Looks at the topics once.
///
/// # Errors
/// No broker answers, or a partition has no leader now (retriable); a topic of driftline's own does not exist, or has another number
/// of partitions than it should.
pub fn find_topics(
    kafka: &KafkaSettings,
    topics: &StageTopics,
    references: &str,
    inputs: &[String],
) -> Result<FoundTopics> {
    let admin = TopicAdmin::new(kafka)?;
    admin.reach()?;
    let StageTopics { deltas, panes, control, partitions, events, triggers, reports, dead_letters } = topics;
    let written = [deltas, panes, control, events, triggers, reports, dead_letters].map(String::as_str);
    let names: Vec<&str> =
        written.into_iter().chain([references]).chain(inputs.iter().map(String::as_str)).collect();
    let found = admin.partitions(&names)?;

    let missing: Vec<&str> =
        written.into_iter().chain([references]).filter(|name| !found.contains_key(*name)).collect();
    if !missing.is_empty() {
        let what = match missing[..] {
            [_] => "a topic that driftline needs does not exist, or this user may not see it",
            _ => "topics that driftline needs do not exist, or this user may not see them",
        };
        return Err(Error::bus(what).at(missing.join(", ")).hint(
            "`driftline topics create --config FILE` makes what is missing; their names are in [output] and [topics]",
        ));
    }
    for name in [deltas, panes, control] {
        if let Some(number) = found.get(name).filter(|number| *number != partitions) {
            let what = format!("the topic has {number} partitions, and the configuration says {partitions}");
            return Err(Error::config(what)
                .at(name)
                .hint("set `topics.partitions` to the number that the topic has"));
        }
    }
    let max_record_bytes = match admin.describe(&written) {
        Ok(states) => states.values().filter_map(TopicState::max_message_bytes).min(),
        Err(error) if error.is_retriable() => return Err(error),
        // A user may be allowed to write and not to read settings.
        Err(error) => {
            tracing::warn!(%error, "how large a record the topics take is not known");
            None
        }
    };
    let missing_inputs = inputs.iter().filter(|name| !found.contains_key(*name)).cloned().collect();
    Ok(FoundTopics { missing_inputs, max_record_bytes, cluster_id: admin.cluster_id() })
}
