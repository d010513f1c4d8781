//! A client of a Confluent-compatible schema registry.
//!
//! A schema never changes under its id, so that it is asked for once and kept for ever; a registry
//! that goes away stops only what is new. Failures say whether waiting can help, since a record
//! with an unknown schema is held back, not thrown away. Nothing here parses a schema.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ureq::http::StatusCode;

use crate::error::{Error, Result};

/// The media type of requests and answers.
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// Longest chain of references that is followed.
const REFERENCES_DEEP_MAX: usize = 16;
/// Most schemas that one schema may refer to, directly or not.
const REFERENCES_MAX: usize = 256;

/// Where the registry is and how to be let in.
#[derive(Clone)]
pub struct RegistrySettings {
    /// `http://host:port`, or with a path before `/subjects` and `/schemas`.
    pub url: String,
    /// User and password of basic authentication.
    pub user: Option<(String, String)>,
    /// How long one request may take.
    pub timeout: Duration,
}

impl RegistrySettings {
    /// The registry at `url`, without authentication, with five seconds for a request.
    pub fn new(url: impl Into<String>) -> Self {
        RegistrySettings { url: url.into(), user: None, timeout: Duration::from_secs(5) }
    }
}

/// Everything but the password.
impl fmt::Debug for RegistrySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistrySettings")
            .field("url", &self.url)
            .field("user", &self.user.as_ref().map(|(user, _)| (user, "***")))
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// The language of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaFormat {
    /// Avro.
    Avro,
    /// JSON Schema.
    Json,
    /// Another one, by the registry's name for it.
    Other(String),
}

/// A schema as registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Its language.
    pub format: SchemaFormat,
    /// Its text.
    pub text: String,
    /// The texts of the schemas that it refers to, each after those that it refers to itself.
    pub references: Vec<String>,
}

/// Why the registry did not answer as wished.
#[derive(Debug, Clone)]
pub enum RegistryFailure {
    /// It answered that there is no such schema. It may be registered later.
    Unknown(Error),
    /// It did not answer, or that it cannot now: try again.
    Unavailable(Error),
    /// It refused: wrong address, no right, a schema that is wrong or incompatible. Somebody has to
    /// mend it.
    Refused(Error),
}

impl From<RegistryFailure> for Error {
    fn from(failure: RegistryFailure) -> Error {
        match failure {
            RegistryFailure::Unknown(error)
            | RegistryFailure::Unavailable(error)
            | RegistryFailure::Refused(error) => error,
        }
    }
}

/// A client that keeps what it has fetched. To be shared by threads.
pub struct Registry {
    agent: ureq::Agent,
    base: String,
    authorization: Option<String>,
    schemas: Mutex<HashMap<u32, Arc<Schema>>>,
}

impl Registry {
    /// A client; it connects with the first request.
    ///
    /// # Errors
    /// The address is not `http://…` or `https://…`, or holds a user and password.
    pub fn new(settings: &RegistrySettings) -> Result<Self> {
        let base = settings.url.trim_end_matches('/').to_owned();
        let host = base.strip_prefix("http://").or_else(|| base.strip_prefix("https://"));
        let host = host.and_then(|rest| rest.split('/').next()).filter(|host| !host.is_empty());
        match host {
            None => {
                let error = Error::config("the schema registry's address begins with http:// or https://");
                return Err(error.at("schema_registry.url"));
            }
            Some(host) if host.contains('@') => {
                let error = Error::config("the schema registry's address must not hold a password");
                return Err(error
                    .at("schema_registry.url")
                    .hint("set the user and the password by their own keys"));
            }
            Some(_) => {}
        }
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(settings.timeout))
            .http_status_as_error(false)
            .max_idle_age(Duration::from_secs(10))
            .build();
        let authorization = settings
            .user
            .as_ref()
            .map(|(user, password)| format!("Basic {}", base64(&format!("{user}:{password}"))));
        Ok(Registry { agent: config.into(), base, authorization, schemas: Mutex::default() })
    }

    /// The schema with this id, from memory where it was fetched before.
    ///
    /// # Errors
    /// See [`RegistryFailure`].
    pub fn schema(&self, id: u32) -> Result<Arc<Schema>, RegistryFailure> {
        if let Some(schema) = self.lock().get(&id) {
            return Ok(schema.clone());
        }
        let found: Registered = self.get(&format!("schemas/ids/{id}"))?;
        let mut references = Vec::new();
        self.resolve(&found.references, &mut references, &mut BTreeSet::new(), 0)?;
        let format = match found.schema_type.as_deref() {
            None | Some("AVRO") => SchemaFormat::Avro,
            Some("JSON") => SchemaFormat::Json,
            Some(other) => SchemaFormat::Other(other.to_owned()),
        };
        let schema = Arc::new(Schema { format, text: found.schema, references });
        self.lock().insert(id, schema.clone());
        Ok(schema)
    }

    /// Registers the Avro schema `text` under `subject` and returns its id. One that is registered
    /// already keeps its id.
    ///
    /// # Errors
    /// See [`RegistryFailure`]; [`RegistryFailure::Refused`] where it is not compatible with the
    /// subject's earlier versions.
    pub fn register(&self, subject: &str, text: &str) -> Result<u32, RegistryFailure> {
        let path = format!("subjects/{}/versions", escape(subject));
        let body = serde_json::json!({ "schema": text }).to_string();
        let request = self.agent.post(self.address(&path)).header("Content-Type", MEDIA_TYPE);
        let found: RegisteredId = self.answer(&path, self.let_in(request).send(body))?;
        Ok(found.id)
    }

    /// Puts the texts of `references`, and first of what they refer to, into `texts`.
    fn resolve(
        &self,
        references: &[Reference],
        texts: &mut Vec<String>,
        seen: &mut BTreeSet<Reference>,
        deep: usize,
    ) -> Result<(), RegistryFailure> {
        for reference in references {
            if deep >= REFERENCES_DEEP_MAX || seen.len() >= REFERENCES_MAX {
                let error = Error::registry("a schema refers to too many others").at(&reference.subject);
                return Err(RegistryFailure::Refused(error));
            }
            if seen.insert(reference.clone()) {
                let path = format!("subjects/{}/versions/{}", escape(&reference.subject), reference.version);
                let found: Registered = self.get(&path)?;
                self.resolve(&found.references, texts, seen, deep + 1)?;
                texts.push(found.schema);
            }
        }
        Ok(())
    }

    fn get<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T, RegistryFailure> {
        let request =
            self.agent.get(self.address(path)).header("Accept", format!("{MEDIA_TYPE}, application/json"));
        self.answer(path, self.let_in(request).call())
    }

    fn let_in<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.authorization {
            Some(authorization) => request.header("Authorization", authorization),
            None => request,
        }
    }

    fn answer<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<T, RegistryFailure> {
        let place = self.address(path);
        let mut response = response.map_err(|error| unavailable(error.to_string(), &place))?;
        let status = response.status();
        let body =
            response.body_mut().read_to_string().map_err(|error| unavailable(error.to_string(), &place))?;
        if status.is_success() {
            return serde_json::from_str(&body).map_err(|error| {
                let what = format!("the schema registry's answer is not one: {error}");
                RegistryFailure::Refused(
                    Error::registry(what).at(&place).hint("is `schema_registry.url` a registry's?"),
                )
            });
        }
        let refusal: Refusal = serde_json::from_str(&body).unwrap_or_default();
        Err(failure(status, refusal, &place))
    }

    fn address(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Arc<Schema>>> {
        // Each change is one insertion, so a panic elsewhere leaves nothing half done.
        self.schemas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable(what: String, place: &str) -> RegistryFailure {
    let error = Error::registry(format!("the schema registry does not answer: {what}")).at(place).retriable();
    RegistryFailure::Unavailable(error)
}

/// What an answer other than success means.
fn failure(status: StatusCode, refusal: Refusal, place: &str) -> RegistryFailure {
    let said = refusal.message.unwrap_or_else(|| status.to_string());
    let error = |what: &str| Error::registry(format!("{what}: {said}")).at(place);
    // A registry numbers its own kinds of "not found"; without one, something else answered.
    let is_registrys = refusal.error_code.is_some_and(|code| (40_400..40_500).contains(&code));
    match status {
        StatusCode::NOT_FOUND if is_registrys => {
            RegistryFailure::Unknown(error("the schema registry knows no such schema").retriable())
        }
        StatusCode::NOT_FOUND => RegistryFailure::Refused(
            error("there is no schema registry at this address")
                .hint("check `schema_registry.url`, its path too"),
        ),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => RegistryFailure::Refused(
            error("the schema registry lets us not in").hint("check its user and password"),
        ),
        StatusCode::CONFLICT => RegistryFailure::Refused(error(
            "the schema is not compatible with earlier versions of its subject",
        )),
        status
            if status.is_server_error()
                || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status) =>
        {
            RegistryFailure::Unavailable(error("the schema registry cannot answer now").retriable())
        }
        _ => RegistryFailure::Refused(error("the schema registry refused")),
    }
}

#[derive(Deserialize)]
struct Registered {
    schema: String,
    #[serde(rename = "schemaType")]
    schema_type: Option<String>,
    #[serde(default)]
    references: Vec<Reference>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Reference {
    subject: String,
    version: i32,
}

#[derive(Deserialize)]
struct RegisteredId {
    id: u32,
}

#[derive(Default, Deserialize)]
struct Refusal {
    error_code: Option<i64>,
    message: Option<String>,
}

/// A subject as one part of a path.
fn escape(subject: &str) -> String {
    let escaped = subject.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    escaped.collect()
}

/// RFC 4648, for the header of basic authentication.
fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(text.len().div_ceil(3) * 4);
    for chunk in text.as_bytes().chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_encoded_as_the_standard_says_and_never_shown() {
        for (text, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(text), encoded);
        }
        let settings = RegistrySettings {
            user: Some(("ann".into(), "hush".into())),
            ..RegistrySettings::new("http://r")
        };
        let shown = format!("{settings:?}");
        assert!(shown.contains("ann") && !shown.contains("hush"), "{shown}");
    }

    #[test]
    fn an_address_must_be_one_and_hold_no_password() {
        for address in ["registry:8081", "http://", "http://ann:hush@registry:8081/api"] {
            let error = Registry::new(&RegistrySettings::new(address)).err().expect(address);
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }

    #[test]
    fn a_subject_becomes_one_part_of_a_path() {
        assert_eq!(escape("drift-events.v1-value"), "drift-events.v1-value");
        assert_eq!(escape("a/b é"), "a%2Fb%20%C3%A9");
    }

    #[test]
    fn not_found_by_the_registry_differs_from_not_found_at_all() {
        let refusal = |error_code| Refusal { error_code, message: None };
        let place = "http://r/schemas/ids/7";
        let unknown = failure(StatusCode::NOT_FOUND, refusal(Some(40403)), place);
        assert!(matches!(unknown, RegistryFailure::Unknown(_)));
        assert!(matches!(failure(StatusCode::NOT_FOUND, refusal(None), place), RegistryFailure::Refused(_)));
        let down = failure(StatusCode::BAD_GATEWAY, refusal(None), place);
        assert!(matches!(down, RegistryFailure::Unavailable(error) if error.is_retriable()));
        assert!(matches!(failure(StatusCode::CONFLICT, refusal(None), place), RegistryFailure::Refused(_)));
    }
}
