//! Headers: CloudEvents 1.0 for what leaves driftline, and what became of a dead letter.
//!
//! No wall clock and nothing of a payload goes into one.

use super::{Encoding, SchemaName};
use crate::policy::record::{DriftEvent, RetrainingTrigger, Transition};
use crate::words::Time;
use sha2::{Digest, Sha256};

/// Headers as names and values.
pub type Headers = Vec<(&'static str, String)>;

/// What leaves driftline as a CloudEvent.
pub trait CloudEvent {
    /// The schema of its payload.
    const SCHEMA: SchemaName;

    /// `ce_type`.
    fn ce_type(&self) -> String;

    /// Id, deployment, model, version and time of decision.
    fn subject(&self) -> Subject<'_>;

    /// The headers of the Kafka binding in binary mode, for a payload in this `encoding`.
    /// `registry` is the address of the schema registry that gave the id of
    /// [`Encoding::Registry`]; a user and password in it are left out.
    fn headers(&self, encoding: Encoding, registry: &str) -> Headers {
        let Subject { id, application_id, model, version, decided_at } = self.subject();
        let mut headers = vec![
            ("ce_specversion", "1.0".into()),
            ("ce_id", id.into()),
            ("ce_type", self.ce_type()),
            ("ce_source", format!("/driftline/{}", percent_encoded(application_id))),
            ("ce_subject", format!("{}/{}", percent_encoded(model), percent_encoded(version))),
            ("ce_time", decided_at.to_string()),
            ("content-type", encoding.content_type().into()),
        ];
        let schema = Self::SCHEMA;
        match encoding {
            Encoding::Json => {}
            Encoding::SingleObject => {
                let print = schema.form().fingerprint();
                headers.push(("ce_dataschema", format!("urn:driftline:{}:{print:016x}", schema.name())));
            }
            Encoding::Registry(id) => {
                headers.push(("ce_dataschema", format!("{}/schemas/ids/{id}", without_user(registry))));
            }
        }
        headers
    }
}

/// Whom a CloudEvent is about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The record's id.
    pub id: &'a str,
    /// The deployment.
    pub application_id: &'a str,
    /// The model.
    pub model: &'a str,
    /// The version.
    pub version: &'a str,
    /// When it was decided, in event time.
    pub decided_at: Time,
}

impl CloudEvent for DriftEvent {
    const SCHEMA: SchemaName = SchemaName::DriftEvent;

    fn ce_type(&self) -> String {
        let (what, transition) = match self.transition {
            Transition::Detected | Transition::Escalated | Transition::Resolved => {
                ("drift", self.transition.as_str())
            }
            Transition::Acknowledged | Transition::Closed | Transition::Expired => {
                ("retraining", self.transition.as_str())
            }
        };
        format!("io.driftline.{what}.{transition}.v1")
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            id: &self.id,
            application_id: &self.application_id,
            model: &self.model,
            version: &self.version,
            decided_at: self.decided_at,
        }
    }
}

impl CloudEvent for RetrainingTrigger {
    const SCHEMA: SchemaName = SchemaName::RetrainingTrigger;

    fn ce_type(&self) -> String {
        "io.driftline.retraining.requested.v1".into()
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            id: &self.id,
            application_id: &self.application_id,
            model: &self.model,
            version: &self.version,
            decided_at: self.decided_at,
        }
    }
}

/// All but the unreserved characters of RFC 3986 as `%` and two hexadecimal digits a byte.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// An address without a trailing slash, user and password.
fn without_user(address: &str) -> String {
    let address = address.trim_end_matches('/');
    let (scheme, rest) = address.split_once("://").unwrap_or(("http", address));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Where a dead letter came from and what is wrong with it.
#[derive(Debug, Clone, Copy)]
pub struct DeadLetter<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, if it has one.
    pub timestamp: Option<Time>,
    /// What kind of fault, a name of a fixed set.
    pub class: &'a str,
    /// What is wrong; must not quote the payload.
    pub message: &'a str,
    /// The whole payload, where what is sent is cut or left out.
    pub whole: Option<&'a [u8]>,
}

impl DeadLetter<'_> {
    /// The headers to add to the record's own: numbers in decimal, the timestamp in milliseconds
    /// since the epoch, and size and SHA-256 of the whole payload where it is not sent.
    pub fn headers(&self) -> Headers {
        let mut headers = vec![
            ("__driftline.errors.topic", self.topic.into()),
            ("__driftline.errors.partition", self.partition.to_string()),
            ("__driftline.errors.offset", self.offset.to_string()),
        ];
        headers.extend(self.timestamp.map(|time| ("__driftline.errors.timestamp", time.ms().to_string())));
        headers.push(("__driftline.errors.class", self.class.into()));
        headers.push(("__driftline.errors.message", self.message.into()));
        if let Some(whole) = self.whole {
            let hash: String = Sha256::digest(whole).iter().map(|byte| format!("{byte:02x}")).collect();
            headers.push(("__driftline.errors.size", whole.len().to_string()));
            headers.push(("__driftline.errors.sha256", hash));
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(whole: Option<&[u8]>) -> DeadLetter<'_> {
        DeadLetter {
            topic: "in",
            partition: 3,
            offset: 42,
            timestamp: Some(Time::from_ms(1_700_000_000_000)),
            class: "undecodable",
            message: "not JSON at byte 7",
            whole,
        }
    }

    #[test]
    fn a_dead_letter_says_where_it_came_from_and_a_cut_one_what_it_was() {
        let headers: Vec<String> =
            letter(Some(b"abc")).headers().iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            headers,
            [
                "__driftline.errors.topic=in",
                "__driftline.errors.partition=3",
                "__driftline.errors.offset=42",
                "__driftline.errors.timestamp=1700000000000",
                "__driftline.errors.class=undecodable",
                "__driftline.errors.message=not JSON at byte 7",
                "__driftline.errors.size=3",
                "__driftline.errors.sha256=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ]
        );
        assert_eq!(letter(None).headers().len(), 6);
    }

    #[test]
    fn names_are_percent_encoded_so_that_a_slash_in_one_can_not_mislead() {
        assert_eq!(percent_encoded("a/b é~1"), "a%2Fb%20%C3%A9~1");
    }

    #[test]
    fn a_registrys_password_is_in_no_header() {
        assert_eq!(without_user("https://u:p@ss@reg:8081/base/"), "https://reg:8081/base");
        assert_eq!(without_user("reg:8081"), "http://reg:8081");
    }
}
