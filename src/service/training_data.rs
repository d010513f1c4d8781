//! Where the data of a trigger are, as far as the cluster knows it and the engine does not.

use super::StageContext;
use crate::bus::{TopicAdmin, TopicPartition};
use crate::policy::record::{OffsetsInfo, RetrainingTrigger};

/// Says which cluster has the data of a trigger that is about to be published, and of which partitions
/// the log has lost some of them.
pub(super) fn locate(trigger: &mut RetrainingTrigger, context: &StageContext, admin: &TopicAdmin) {
    let data = &mut trigger.data;
    data.cluster_id.clone_from(&context.cluster_id);
    // Who does not answer for one partition is not waited for again.
    let mut unanswered = None;
    for offsets in &mut data.offsets {
        let partition = TopicPartition::new(&*offsets.topic, offsets.partition);
        let reason = unanswered.clone().or_else(|| match admin.log_start(&partition) {
            Ok(start) => gone(offsets, start),
            Err(error) => {
                unanswered = Some(format!("where the log begins is not known: {error}"));
                unanswered.clone()
            }
        });
        (offsets.complete, offsets.reason) = (reason.is_none(), reason);
    }
}

/// What is gone of the offsets where the log begins with `start`.
fn gone(offsets: &OffsetsInfo, start: i64) -> Option<String> {
    let OffsetsInfo { first_offset: first, next_offset: next, .. } = *offsets;
    match start {
        start if start <= first => None,
        start if start < next => Some(format!("records before {start} are deleted from the log")),
        _ => Some("its records are deleted from the log".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_retention_has_deleted_of_the_offsets_is_said() {
        let (topic, reason) = ("events".into(), None);
        let offsets =
            OffsetsInfo { topic, partition: 0, first_offset: 10, next_offset: 20, complete: true, reason };
        assert_eq!(gone(&offsets, 10), None);
        assert_eq!(gone(&offsets, 11).as_deref(), Some("records before 11 are deleted from the log"));
        assert_eq!(gone(&offsets, 19).as_deref(), Some("records before 19 are deleted from the log"));
        assert_eq!(gone(&offsets, 20).as_deref(), Some("its records are deleted from the log"));
    }
}
