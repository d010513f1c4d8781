//! Kafka at the level of bytes: consume, restore, one transaction a commit, topics, registry.
//!
//! Everything here blocks and is made for one thread a stage. Nothing here knows what a record
//! means, and nothing commits outside a transaction. The order in which a stage uses it:
//! [`TopicAdmin`] checks the topics, [`TransactionalProducer::connect`] ends what an earlier life
//! left open, [`StageConsumer`] hands out partitions, [`LogReader`] restores their state, and each
//! commit writes records and offsets together.

/// What Kafka holds that is not there any more, and what it says in our words.
mod fault;

/// A stage's consumer: partitions come, records come, partitions go.
pub mod consumer;
/// A small broker inside this process, for the demo and for quick tests.
pub mod embedded;
/// A compacted topic that is read to its end and then followed.
pub mod follower;
/// One partition's log from an offset to its end.
pub mod log;
/// Where partitions begin and end.
pub mod offsets;
/// The partition that a key belongs to.
pub mod partition;
mod rebalance;
/// Records, their headers and their partitions.
pub mod record;
/// A client of a Confluent-compatible schema registry.
pub mod registry;
/// Brokers, names and properties, checked.
pub mod settings;
mod tail;
/// Topics as they should be and as they are.
pub mod topics;
/// One transaction for records and offsets.
pub mod transaction;

pub use consumer::{Committed, LostOffsets, PartitionEnds, Polled, StageConsumer};
pub use embedded::EmbeddedBroker;
pub use follower::{CatchUp, Follower};
pub use log::{From, LogReader, Until};
pub use offsets::{Isolation, OffsetReader, Start};
pub use partition::partition_of;
pub use rdkafka::consumer::ConsumerGroupMetadata;
pub use record::{OutgoingHeaders, Record, TopicPartition};
pub use registry::{Registry, RegistryFailure, RegistrySettings, Schema, SchemaFormat};
pub use settings::{KafkaSettings, refused_properties};
pub use tail::{Outcome, Progress};
pub use topics::{TopicAdmin, TopicFinding, TopicProblem, TopicSpec, TopicState};
pub use transaction::{
    CommitFailure, CommittedOffset, Outgoing, SendFailure, TooLarge, TransactionalProducer,
};
