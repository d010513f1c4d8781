//! Kafka at the level of bytes: consume, restore, one transaction a commit, topics, registry.
//!
//! Everything here blocks and is made for one thread a stage. Nothing here knows what a record
//! means, and nothing commits outside a transaction. The order in which a stage uses it: a
//! [`TopicAdmin`] checks the topics, a
//! [`TransactionalProducer`] ends what an earlier life left
//! open, a [`StageConsumer`] hands out partitions, a
//! [`LogReader`] restores their state, and each commit writes records and
//! offsets together.

// Partitions that are read beside those of a group.
mod assigned;
// A stage's consumer: partitions come, records come, partitions go.
mod consumer;
// A small broker inside this process, for the demo and for quick tests.
mod embedded;
mod fault;
// Records taken from librdkafka many at a time.
mod fetched;
// A compacted topic that is read to its end and then followed.
mod follower;
// What a group has committed, looked at from outside.
mod group;
// One partition's log from an offset to its end.
mod log;
// Where a stage's consumer reads.
mod moves;
// Where partitions begin and end.
mod offsets;
// Records on their way out, and what the broker said of them.
mod outgoing;
// What a consumer hands out and owns.
mod owned;
// The partition that a key belongs to.
mod partition;
mod range;
mod rebalance;
// Records outside a transaction.
mod publish;
// Records, their headers and their partitions.
mod record;
// Records of one partition, one after the other.
mod records;
// A client of a Confluent-compatible schema registry.
mod registry;
// Brokers, names and properties, checked.
mod settings;
mod tail;
// Topics as they should be and as they are.
mod topics;
// One transaction for records and offsets.
mod transaction;

pub use assigned::AssignedReader;
pub use consumer::StageConsumer;
pub use embedded::EmbeddedBroker;
pub use follower::{CatchUp, Follower};
pub use group::committed_by;
pub use log::{From, LogReader, Until};
pub use offsets::{Isolation, OffsetReader, Start};
pub use outgoing::{CommitFailure, CommittedOffset, Outgoing, SendFailure, TooLarge};
pub use owned::{Committed, LostOffsets, PartitionEnds, Polled};
pub use partition::partition_of;
pub use publish::Publisher;
pub use range::{OwnedRecord, PartitionRange};
pub use rdkafka::consumer::ConsumerGroupMetadata;
pub use record::{OutgoingHeaders, Record, RecordPlace, TopicPartition};
pub use records::Records;
pub use registry::{Registry, RegistryFailure, RegistrySettings, Schema, SchemaFormat};
pub use settings::{KafkaSettings, check_property, is_secret, refused_properties};
pub use tail::{Outcome, Progress};
pub use topics::{TopicAdmin, TopicFinding, TopicProblem, TopicSpec, TopicState};
pub use transaction::TransactionalProducer;
