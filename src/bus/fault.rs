//! What librdkafka reports, in this project's words: what failed, whether trying again may help,
//! and what a person can do. It decides nothing.

use std::fmt;

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::error::Error;

/// `what` went wrong because of `error`.
pub(super) fn kafka(what: impl fmt::Display, error: &KafkaError) -> Error {
    match code_of(error) {
        Some(code) => coded(what, code),
        None => Error::bus(format!("{what}: {error}")),
    }
}

/// `what` went wrong, and Kafka's code for it is `code`.
pub(super) fn coded(what: impl fmt::Display, code: Code) -> Error {
    let mut error = Error::bus(format!("{what}: {code}"));
    if let Some(hint) = hint(code) {
        error = error.hint(hint);
    }
    if is_retriable(code) { error.retriable() } else { error }
}

/// Kafka's code, wherever librdkafka put it.
pub(super) fn code_of(error: &KafkaError) -> Option<Code> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

/// Whether brokers say that there is no such topic or partition.
pub(super) fn is_unknown(code: Code) -> bool {
    matches!(code, Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition)
}

/// Whether the same call may succeed later without anybody's help.
pub(super) fn is_retriable(code: Code) -> bool {
    matches!(
        code,
        Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::MessageTimedOut
            | Code::TimedOutQueue
            | Code::WaitingForCoordinator
            | Code::InProgress
            | Code::PreviousInProgress
            | Code::Retry
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::RequestTimedOut
            | Code::BrokerNotAvailable
            | Code::ReplicaNotAvailable
            | Code::NetworkException
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::RebalanceInProgress
            | Code::NotController
            | Code::ConcurrentTransactions
            | Code::KafkaStorageError
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::UnstableOffsetCommit
            | Code::ThrottlingQuotaExceeded
            | Code::IllegalGeneration
            | Code::UnknownMemberId
            | Code::StaleMemberEpoch
            | Code::FencedMemberEpoch
            | Code::PollExceeded
    )
}

fn hint(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::AllBrokersDown | Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut => {
            "is a broker up and reachable at `kafka.brokers`, and does it advertise an address that is reachable from here?"
        }
        code if is_unknown(code) => {
            "create the topic or mend its name; `driftline topics create` makes driftline's own"
        }
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => {
            "grant this user the right; topics, groups and transactional ids start with `kafka.application_id`"
        }
        Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL => {
            "check the security settings in `[kafka.properties]`"
        }
        Code::PollExceeded => {
            "one step took longer than `max.poll.interval.ms`; the partitions come back by themselves"
        }
        _ => return None,
    })
}

/// Hands librdkafka's own log lines on, without those that only say that a property of a consumer
/// was given to a producer: settings hold properties for both. What it calls an error of a
/// transaction or of a client is no more than a warning: whoever met it goes on, or ends and says so.
pub(super) fn forward_log(level: rdkafka::config::RDKafkaLogLevel, facility: &str, line: &str) {
    use rdkafka::config::RDKafkaLogLevel as Level;
    if facility == "CONFWARN" {
        return;
    }
    let is_handled = matches!(facility, "TXNERR" | "ADDPARTS" | "ADDOFFSETS" | "FATAL");
    match level {
        Level::Emerg | Level::Alert | Level::Critical | Level::Error if !is_handled => {
            tracing::error!(target: "librdkafka", "{facility} {line}");
        }
        Level::Emerg | Level::Alert | Level::Critical | Level::Error | Level::Warning => {
            tracing::warn!(target: "librdkafka", "{facility} {line}");
        }
        Level::Notice | Level::Info => tracing::info!(target: "librdkafka", "{facility} {line}"),
        Level::Debug => tracing::debug!(target: "librdkafka", "{facility} {line}"),
    }
}

/// A client context without any state of its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Quiet;

impl rdkafka::ClientContext for Quiet {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, line: &str) {
        forward_log(level, facility, line);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", "{error}: {reason}");
    }
}

impl rdkafka::consumer::ConsumerContext for Quiet {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_broker_is_retriable_and_a_missing_right_is_not() {
        let error = kafka("cannot list topics", &KafkaError::MetadataFetch(Code::BrokerTransportFailure));
        assert!(error.is_retriable());
        assert!(error.to_string().contains("cannot list topics"), "{error}");
        assert!(error.to_string().contains("`kafka.brokers`"), "{error}");
        assert!(!coded("cannot write", Code::TopicAuthorizationFailed).is_retriable());
    }
}
