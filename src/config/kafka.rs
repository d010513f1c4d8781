//! `[kafka]` and `[schema_registry]`: what to talk to, and with which credentials.
//!
//! Settings of librdkafka that exactly-once rests on are driftline's own and are refused here.

use super::errors::Mistakes;
use super::secret::{self, Secret};
use super::section::Section;
use super::tree::{Entry, Place, Table, Value};
use super::values::{self, Read, refuse_with};
use std::collections::BTreeMap;
use std::fmt;

/// `[kafka]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaConfig {
    /// `host:port`, separated by commas.
    pub brokers: String,
    /// Prefix of groups, transactional ids and ids of what is published.
    pub application_id: String,
    /// Stable name of this instance; `None`: a random one.
    pub instance: Option<String>,
    /// Settings for librdkafka, by its names.
    pub properties: Properties,
}

/// Settings for librdkafka. `Debug` masks passwords, keys and what came from a file.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Properties(BTreeMap<String, Property>);

#[derive(Clone, PartialEq, Eq)]
struct Property {
    value: String,
    secret: bool,
}

impl Properties {
    /// Names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, property)| (name.as_str(), property.value.as_str()))
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |property: &Property| match property.secret {
            true => "***".to_owned(),
            false => property.value.clone(),
        };
        f.debug_map().entries(self.0.iter().map(|(name, property)| (name, shown(property)))).finish()
    }
}

/// `[schema_registry]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaRegistryConfig {
    /// Its address, without credentials.
    pub url: String,
    /// `user:password`.
    pub basic_auth: Option<Secret>,
}

/// Reads `[kafka]`.
pub(super) fn read_kafka(mut section: Section) -> Option<KafkaConfig> {
    let brokers = section.read("brokers", values::some_text);
    let application_id = section.read("application_id", values::topic);
    let instance = section.read("instance", values::optional_text);
    let mistakes = section.mistakes();
    let properties = match section.optional("properties").map(|node| &node.value) {
        Some(Value::Table(table)) => Some(read_properties(table, mistakes)),
        Some(_) | None => {
            section.read("properties", |_| refuse_with("must be a table", "[kafka.properties]"))
        }
    };
    section.close();
    Some(KafkaConfig {
        brokers: brokers?,
        application_id: application_id?,
        instance: instance?,
        properties: properties?,
    })
}

/// Why a setting of librdkafka can't be set.
fn refused(name: &str) -> Option<&'static str> {
    Some(match name {
        "enable.auto.commit" | "enable.auto.offset.store" | "auto.commit.enable" => {
            "offsets are committed in the transaction of what they led to"
        }
        "isolation.level" => "only committed records may be counted",
        "transactional.id" => "it follows from `kafka.application_id` and `kafka.instance`",
        "enable.idempotence"
        | "acks"
        | "request.required.acks"
        | "max.in.flight.requests.per.connection"
        | "max.in.flight" => "transactions need it as it is",
        "group.id" => "it follows from `kafka.application_id`",
        "group.instance.id" => "it follows from `kafka.instance`",
        "bootstrap.servers" | "metadata.broker.list" => "it is `kafka.brokers`",
        "auto.offset.reset" => "it follows from `input.start` and `input.on_lost_offsets`",
        _ => return None,
    })
}

fn read_properties(table: &Table, mistakes: &Mistakes) -> Properties {
    let mut flat = Vec::new();
    flatten("", table, &mut flat);
    let mut properties = Properties::default();
    for (written, entry) in flat {
        let path = format!("kafka.properties.{written}");
        let complain = |place: Option<&Place>, what: String, hint: Option<String>| {
            mistakes.add(place, format!("`{path}` {what}"), hint);
        };
        let (name, from_file) = match written.strip_suffix("_file") {
            Some(name) => (name, true),
            None => (written.as_str(), false),
        };
        if let Some(reason) = refused(name) {
            complain(
                entry.key_place.as_ref(),
                format!("can't be set: {reason}"),
                Some("leave it out".into()),
            );
            continue;
        }
        let value = match &entry.node.value {
            Value::Broken => continue,
            Value::Text { text, .. } if from_file => match secret::of_file(text, entry.node.place.as_ref()) {
                Ok(text) => text,
                Err(what) => {
                    complain(entry.node.place.as_ref(), what, None);
                    continue;
                }
            },
            Value::Text { text, .. } => text.clone(),
            Value::Integer(number) if !from_file => number.to_string(),
            Value::Float(number) if !from_file => number.to_string(),
            Value::Flag(flag) if !from_file => flag.to_string(),
            other => {
                complain(entry.node.place.as_ref(), format!("must be a text, not {}", other.kind()), None);
                continue;
            }
        };
        let property = Property { value, secret: from_file || is_secret(name) };
        if properties.0.insert(name.to_owned(), property).is_some() {
            complain(entry.key_place.as_ref(), format!("and `{name}` are the same setting"), None);
        }
    }
    properties
}

/// `a.b = 1` without quotes is a table in TOML; librdkafka's names have dots.
fn flatten<'a>(prefix: &str, table: &'a Table, flat: &mut Vec<(String, &'a Entry)>) {
    for (key, entry) in table {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match &entry.node.value {
            Value::Table(inner) => flatten(&name, inner, flat),
            _ => flat.push((name, entry)),
        }
    }
}

fn is_secret(name: &str) -> bool {
    ["password", "secret", "private.key", "key.pem", "token", "credential", "oauthbearer.config"]
        .iter()
        .any(|part| name.contains(part))
}

/// Reads `[schema_registry]`; `Some(None)`: there is none.
pub(super) fn read_registry(mut section: Section) -> Option<Option<SchemaRegistryConfig>> {
    let url = section.read("url", |node| match values::optional_text(node)? {
        Some(url) => check_url(url).map(Some),
        None => Ok(None),
    });
    let inline = section.read("basic_auth", values::optional_text);
    let file = section.read("basic_auth_file", |node| match values::optional_text(node)? {
        Some(path) => secret::of_file(&path, node.place.as_ref()).map(Some).or_else(values::refuse),
        None => Ok(None),
    });
    if let (Some(Some(_)), Some(Some(_))) = (&inline, &file) {
        let what = "`schema_registry.basic_auth` and `schema_registry.basic_auth_file` are the same setting";
        section.complain(&["basic_auth"], what, Some("leave one of them out".into()));
    }
    let basic_auth = file.flatten().or(inline.flatten());
    if basic_auth.as_ref().is_some_and(|auth| !auth.contains(':')) {
        let what = "the registry's credentials must be \"user:password\"";
        section.complain(&["basic_auth_file", "basic_auth"], what, None);
    }
    section.close();
    let basic_auth = basic_auth.map(Secret::new);
    Some(url?.map(|url| SchemaRegistryConfig { url, basic_auth }))
}

fn check_url(url: String) -> Read<String> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    match rest {
        Some(rest) if rest.split('/').next().is_some_and(|host| host.contains('@')) => {
            refuse_with("must not hold credentials", "put them into `schema_registry.basic_auth_file`")
        }
        Some(rest) if !rest.is_empty() => Ok(url.trim_end_matches('/').to_owned()),
        _ => refuse_with(format!("must be an address, not {url:?}"), "it starts with http:// or https://"),
    }
}
