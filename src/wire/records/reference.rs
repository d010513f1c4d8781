//! The references' topic: profiles and activations.

use super::chunks::{Chunked, Encoded, cut};
use super::{SCHEMA_VERSION, check_version, no_branch};
use crate::error::Result;
use crate::reference::{Activation, FeatureProfileRecord, Profile, ProfileRecord};
use crate::wire::codec::encode_as;
use crate::wire::{Encoding, Record, SchemaName};
use serde::{Deserialize, Serialize, Serializer};

/// `profile` in chunks of at most `limit` bytes each in this `encoding`.
pub fn profile_chunks(
    profile: &Profile,
    limit: usize,
    encoding: Encoding,
) -> Result<Vec<Encoded<ProfileRecord>>> {
    cut(ProfileRecord::whole(profile), limit, encoding)
}

impl Chunked for ProfileRecord {
    type Item = FeatureProfileRecord;

    fn items(&mut self) -> &mut Vec<FeatureProfileRecord> {
        &mut self.features
    }

    fn bytes(&self, encoding: Encoding) -> Result<Vec<u8>> {
        encode_as(SchemaName::Reference, &Branches::profile(self), encoding)
    }

    fn number(&mut self, index: u32, total: u32) {
        (self.chunk_index, self.chunk_total) = (index, total);
    }

    fn strip(&mut self) {}
}

/// A record of the references' topic.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Parts")]
pub enum ReferenceMessage {
    /// `reference_profile`: a profile, or a chunk of it.
    Profile(ProfileRecord),
    /// `reference_activation`: what makes a profile the one in force.
    Activation(Activation),
}

impl Record for ReferenceMessage {
    const SCHEMA: SchemaName = SchemaName::Reference;
    const VERSION: u32 = SCHEMA_VERSION;

    /// A message of a later version is refused as it is read.
    fn schema_version(&self) -> u32 {
        SCHEMA_VERSION
    }
}

impl Serialize for ReferenceMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ReferenceMessage::Profile(profile) => Branches::profile(profile).serialize(serializer),
            ReferenceMessage::Activation(activation) => {
                let r#type = "reference_activation";
                let activation = Some(activation);
                Branches { schema_version: SCHEMA_VERSION, r#type, profile: None, activation }
                    .serialize(serializer)
            }
        }
    }
}

/// The message as it is written.
#[derive(Serialize)]
struct Branches<'a> {
    schema_version: u32,
    r#type: &'static str,
    profile: Option<&'a ProfileRecord>,
    activation: Option<&'a Activation>,
}

impl<'a> Branches<'a> {
    fn profile(profile: &'a ProfileRecord) -> Self {
        let r#type = "reference_profile";
        Branches { schema_version: SCHEMA_VERSION, r#type, profile: Some(profile), activation: None }
    }
}

/// The message as it is read.
#[derive(Deserialize)]
struct Parts {
    schema_version: u32,
    r#type: String,
    profile: Option<ProfileRecord>,
    activation: Option<Activation>,
}

impl TryFrom<Parts> for ReferenceMessage {
    type Error = String;

    fn try_from(parts: Parts) -> Result<Self, String> {
        check_version(parts.schema_version)?;
        match (&*parts.r#type, parts.profile, parts.activation) {
            ("reference_profile", Some(profile), _) => Ok(ReferenceMessage::Profile(profile)),
            ("reference_activation", _, Some(activation)) => Ok(ReferenceMessage::Activation(activation)),
            (kind, _, _) => Err(no_branch(kind)),
        }
    }
}
