//! The topics before anything is read or written: that they are there, as many partitions as the
//! configuration says, and how large a record they take. It makes and changes none.

use super::StageTopics;
use crate::bus::{KafkaSettings, TopicAdmin};
use crate::error::{Error, Result};

/// What was found of the topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTopics {
    /// Input topics that do not exist yet; stage 1 reads them when they do.
    pub missing_inputs: Vec<String>,
    /// The largest record that every topic that is written takes, in bytes, where it is known.
    pub max_record_bytes: Option<usize>,
}

/// Looks at the topics once.
///
/// # Errors
/// No broker answers (retriable); a topic of driftline's own does not exist, or has another number
/// of partitions than it should.
pub fn find_topics(
    kafka: &KafkaSettings,
    topics: &StageTopics,
    references: &str,
    inputs: &[String],
) -> Result<FoundTopics> {
    let admin = TopicAdmin::new(kafka)?;
    admin.reach().map_err(|error| error.at(kafka.brokers()))?;
    let StageTopics { deltas, panes, partitions, events, triggers, reports, dead_letters } = topics;
    let written = [deltas, panes, events, triggers, reports, dead_letters].map(String::as_str);
    let names: Vec<&str> =
        written.into_iter().chain([references]).chain(inputs.iter().map(String::as_str)).collect();
    let found = admin.describe(&names)?;

    let missing: Vec<&str> =
        written.into_iter().chain([references]).filter(|name| !found.contains_key(*name)).collect();
    if !missing.is_empty() {
        let what = match missing[..] {
            [_] => "a topic that driftline needs does not exist",
            _ => "topics that driftline needs do not exist",
        };
        return Err(Error::bus(what)
            .at(missing.join(", "))
            .hint("`driftline topics create --config FILE` makes them; or mend their names in [output] and [topics]"));
    }
    for name in [deltas, panes] {
        if let Some(state) = found.get(name).filter(|state| state.partitions != *partitions) {
            let what = format!(
                "the topic has {} partitions, and the configuration says {partitions}",
                state.partitions
            );
            return Err(Error::config(what)
                .at(name)
                .hint("set `topics.partitions` to the number that the topic has"));
        }
    }
    Ok(FoundTopics {
        missing_inputs: inputs.iter().filter(|name| !found.contains_key(*name)).cloned().collect(),
        max_record_bytes: written.iter().filter_map(|name| found.get(*name)?.max_message_bytes()).min(),
    })
}
