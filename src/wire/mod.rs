//! Records to and from bytes: JSON, and Avro in single-object or registry framing.
//!
//! The schemas in `schemas/` are the contract; the Rust types and the JSON form follow them, and
//! tests hold the three together. A record that is too large is cut by feature, never dropped, and
//! bytes that are no record give an error, never a panic or more memory than they are worth. Where
//! a record goes and who talks to a broker or a registry is not decided here.

mod avro;
mod codec;
mod headers;
mod keys;
mod changelog;
mod records;
mod schemas;
#[cfg(test)]
mod tests;

pub use changelog::{StateReader, StateRecord, state_records};
pub use codec::{Encoding, NoRegistry, Record, decode, encode};
pub use headers::{CloudEvent, DeadLetter, Headers, Subject};
pub use keys::{DeltaKey, ReferenceKey, StateKey};
pub use records::{
    DeltaMessage, DeltaRecord, Encoded, FeatureSketchRecord, PaneContent, PaneRecord, ProgressRecord,
    ReferenceMessage, SourceOffsets, StateMessage, TopicPartitions, profile_chunks, report_chunks,
};
pub use schemas::{SchemaName, VOLATILE, schemas};
