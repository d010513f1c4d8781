//! TOML to checked settings.
//!
//! `default.toml` lists every setting; a user's file is laid over it, and what comes out is read key by
//! key into plain structs. So a key that the defaults lack, or that no reader asks for, cannot be. All
//! mistakes are found in one pass, each with file, line and column. Precedence: built in, `[policy]`,
//! `[model.policy]`, `[model.features.*]`.
//!
//! Nothing here talks to Kafka or opens a reference; it reads the files of the configuration and of its
//! secrets, and the environment.

mod build;
mod deploy;
mod errors;
mod expectations;
mod include;
mod input;
mod interpolate;
mod kafka;
mod model;
mod not_built;
mod policy;
mod secret;
mod section;
mod service;
mod tree;
mod values;

#[cfg(test)]
mod tests;

pub use errors::ConfigErrors;
pub use expectations::load_expectations;
pub use input::{
    FieldsConfig, Format, InputConfig, NameSource, OnLostOffsets, SchemaFile, Start, TimeSource,
    UnknownFeatures, UnknownModels,
};
pub use kafka::{KafkaConfig, Properties, SchemaRegistryConfig};
pub use secret::Secret;
pub use service::{
    CommitConfig, FeatureMetrics, HttpConfig, LimitsConfig, MetricsConfig, OutputConfig, ReferencesConfig,
    TopicsConfig, WindowConfig,
};

use crate::policy::{BootstrapSettings, ModelSettings, PolicySettings};
use errors::Mistakes;
use interpolate::Env;
use section::Section;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tree::{Node, Place, Table, Value};

/// Every setting with its default and a line that explains it, as TOML.
pub const DEFAULT_TOML: &str = include_str!("default.toml");

/// A complete, checked configuration. `Debug` masks secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `[kafka]`.
    pub kafka: KafkaConfig,
    /// `[schema_registry]`, if there is one; always when a format is Avro.
    pub schema_registry: Option<SchemaRegistryConfig>,
    /// `[input]`.
    pub input: InputConfig,
    /// `[output]`.
    pub output: OutputConfig,
    /// `[topics]`.
    pub topics: TopicsConfig,
    /// `[window]`.
    pub window: WindowConfig,
    /// `[commit]`.
    pub commit: CommitConfig,
    /// `[references]`.
    pub references: ReferencesConfig,
    /// `[bootstrap]`.
    pub bootstrap: BootstrapSettings,
    /// `[http]`.
    pub http: HttpConfig,
    /// `[policy]`; a model's own is in [`ModelSettings::policy`].
    pub policy: PolicySettings,
    /// `[limits]`.
    pub limits: LimitsConfig,
    /// `[metrics]`.
    pub metrics: MetricsConfig,
    /// `[[model]]`, in the order of the files; names are unique.
    pub models: Vec<ModelSettings>,
    unlisted: ModelSettings,
}

impl Config {
    /// Reads the file at `path` and what it includes.
    ///
    /// # Errors
    /// All mistakes in it at once.
    pub fn load(path: &Path) -> Result<Config, ConfigErrors> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let mistakes = Mistakes::default();
            mistakes.add(None, format!("can't read the configuration {name}: {error}"), None);
            mistakes.finish::<()>(None).expect_err("a mistake was added")
        })?;
        Config::from_toml(&text, &name)
    }

    /// Reads `text`. `name` is what messages call it; files that it names are looked for beside it.
    ///
    /// # Errors
    /// All mistakes in it at once.
    pub fn from_toml(text: &str, name: &str) -> Result<Config, ConfigErrors> {
        Config::read(text, name, &|name| std::env::var(name).ok())
    }

    /// The settings of a listed model.
    pub fn model(&self, name: &str) -> Option<&ModelSettings> {
        self.models.iter().find(|model| &*model.name == name)
    }

    /// The settings of a model that is not listed and is monitored all the same.
    pub fn unlisted_model(&self, name: &str) -> ModelSettings {
        ModelSettings { name: name.into(), ..self.unlisted.clone() }
    }

    /// The name of all that decides about a model: `cfg_` and 32 hex digits of SHA-256 over the canonical
    /// JSON of `[window]` and of the model with its policy, after defaults.
    pub fn config_id(&self, model: &ModelSettings) -> String {
        let content = serde_json::to_value((&self.window, model)).expect("plain structs with text keys");
        let digest = Sha256::digest(canonical(&content));
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("cfg_{hex}")
    }

    fn read(text: &str, name: &str, env: Env) -> Result<Config, ConfigErrors> {
        let mistakes = Mistakes::default();
        let config = read_files(text, name, env, &mistakes)
            .and_then(|(user, models)| read_config(&user, &models, &mistakes));
        mistakes.finish(config)
    }
}

/// The built-in defaults, with no model listed.
impl Default for Config {
    fn default() -> Self {
        Config::read("", "built in", &|_| None).expect("the built-in defaults are correct, as a test holds")
    }
}

/// JSON with sorted keys and no spaces.
fn canonical(value: &Json) -> String {
    match value {
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Json::Object(fields) => {
            let sorted: BTreeMap<&String, &Json> = fields.iter().collect();
            let fields: Vec<String> = sorted
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Json::from(key.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        scalar => scalar.to_string(),
    }
}

/// The user's file, and all `[[model]]` of it and of what it includes.
fn read_files(text: &str, name: &str, env: Env, mistakes: &Mistakes) -> Option<(Node, Vec<Node>)> {
    let mut user = tree::parse(text, name, Some(0), env, mistakes)?;
    let mut models = take_models(&mut user, mistakes);
    let Some(include) = user.take("include") else { return Some((user, models)) };
    let patterns = match values::list(values::some_text)(&include) {
        Ok(patterns) => patterns,
        Err(problems) => {
            for problem in problems {
                let place = problem.place.or_else(|| include.place.clone());
                mistakes.add(place.as_ref(), format!("`include` {}", problem.what), problem.hint);
            }
            return Some((user, models));
        }
    };
    let mut files = BTreeSet::new();
    for pattern in patterns {
        let place = include.place.as_ref();
        let path = place.map_or_else(|| pattern.clone().into(), |place| place.beside(&pattern));
        match include::files(&path) {
            Ok(found) => files.extend(found),
            Err(error) => mistakes.add(place, format!("`include` can't find {pattern:?}: {error}"), None),
        }
    }
    for (number, path) in files.iter().enumerate() {
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                mistakes.add(include.place.as_ref(), format!("`include` can't read {name}: {error}"), None);
                continue;
            }
        };
        let Some(mut included) = tree::parse(&text, &name, Some(number + 1), env, mistakes) else { continue };
        models.extend(take_models(&mut included, mistakes));
        for (key, entry) in included.table().into_iter().flatten() {
            let hint = "an included file holds [[model]] tables; the rest stands in the main file";
            let what = format!("`{key}` can't stand in an included file");
            mistakes.add(entry.key_place.as_ref(), what, Some(hint.into()));
        }
    }
    Some((user, models))
}

/// Takes the `[[model]]` tables out of a file.
fn take_models(file: &mut Node, mistakes: &Mistakes) -> Vec<Node> {
    match file.take("model") {
        Some(Node { value: Value::Array(models), .. }) => models,
        Some(other) => {
            let hint = "write [[model]], with two brackets".to_owned();
            mistakes.add(other.place.as_ref(), "models are a list of tables", Some(hint));
            Vec::new()
        }
        None => Vec::new(),
    }
}

fn read_config(user: &Node, written: &[Node], mistakes: &Mistakes) -> Option<Config> {
    let mut defaults = tree::parse(DEFAULT_TOML, "default.toml", None, &|_| None, mistakes)?;
    defaults.take("include");
    let example = match defaults.take("model").map(|node| node.value) {
        Some(Value::Array(mut models)) if models.len() == 1 => models.remove(0),
        _ => Node::built_in(Table::new()),
    };
    let tree = defaults.overlaid(user);
    let mut root = Section::new("", &tree, mistakes);
    let kafka = kafka::read_kafka(root.section("kafka"));
    let schema_registry = kafka::read_registry(root.section("schema_registry"));
    let window = service::read_window(root.section("window"));
    let input = input::read(root.section("input"), window.as_ref().map(|window| window.grid.slide_ms()));
    let output = service::read_output(root.section("output"));
    let topics = service::read_topics(root.section("topics"));
    let commit = service::read_commit(root.section("commit"));
    let references = service::read_references(root.section("references"));
    let bootstrap = service::read_bootstrap(root.section("bootstrap"));
    let http = service::read_http(root.section("http"));
    let policy = policy::read(root.section("policy"));
    let limits = service::read_limits(root.section("limits"));
    let metrics = service::read_metrics(root.section("metrics"));
    root.close();

    let base = model::Base::new(example, tree.get("policy").cloned()?);
    let models: Vec<Option<ModelSettings>> =
        written.iter().map(|node| model::read(node, &base, mistakes)).collect();
    check_names(written, mistakes);
    if let (Some(input), Some(output), Some(topics)) = (&input, &output, &topics) {
        check_topics(&tree, input, output, topics, mistakes);
        check_model_topics(written, input, mistakes);
    }
    if let (Some(None), Some(input), Some(output)) = (&schema_registry, &input, &output) {
        check_registry(&tree, input, output, mistakes);
    }
    let unlisted = model::read(&unlisted_model(), &base, mistakes);
    Some(Config {
        kafka: kafka?,
        schema_registry: schema_registry?,
        input: input?,
        output: output?,
        topics: topics?,
        window: window?,
        commit: commit?,
        references: references?,
        bootstrap: bootstrap?,
        http: http?,
        policy: policy?,
        limits: limits?,
        metrics: metrics?,
        models: models.into_iter().collect::<Option<_>>()?,
        unlisted: unlisted?,
    })
}

/// What a `[[model]]` with nothing but a name would be.
fn unlisted_model() -> Node {
    let name = Node { place: None, value: Value::Text { text: "*".into(), replaced: false } };
    Node::built_in(Table::from([("name".into(), tree::Entry { key_place: None, node: name })]))
}

/// Where the value at `path` stands, if the user wrote it.
fn place_of<'a>(tree: &'a Node, path: &[&str]) -> Option<&'a Place> {
    path.iter().try_fold(tree, |node, key| node.get(key))?.place.as_ref()
}

/// Model names are unique.
fn check_names(written: &[Node], mistakes: &Mistakes) {
    let mut seen: BTreeMap<&str, Option<&Place>> = BTreeMap::new();
    for node in written.iter().filter_map(|model| model.get("name")) {
        let Value::Text { text, .. } = &node.value else { continue };
        let place = node.place.as_ref();
        if let Some(first) = seen.get(text.as_str()) {
            let hint = first.map(|first| format!("the first is at {first}"));
            mistakes.add(place, format!("two models are called {text:?}"), hint);
        } else {
            seen.insert(text, place);
        }
    }
}

/// Each topic has one use.
fn check_topics(
    tree: &Node,
    input: &InputConfig,
    output: &OutputConfig,
    topics: &TopicsConfig,
    mistakes: &Mistakes,
) {
    let mut uses: BTreeMap<&str, &str> =
        input.topics.iter().map(|topic| (&**topic, "input.topics")).collect();
    let named = [
        ("output", "events", &output.events),
        ("output", "triggers", &output.triggers),
        ("output", "reports", &output.reports),
        ("output", "dead_letters", &output.dead_letters),
        ("topics", "references", &topics.references),
        ("topics", "deltas", &topics.deltas),
        ("topics", "panes", &topics.panes),
    ];
    let paths = named.map(|(section, key, _)| format!("{section}.{key}"));
    for ((section, key, topic), path) in named.iter().zip(&paths) {
        if let Some(other) = uses.insert(topic, path) {
            let (other_section, other_key) = other.split_once('.').unwrap_or_default();
            let place = place_of(tree, &[section, key]);
            let place = place.or_else(|| place_of(tree, &[other_section, other_key]));
            mistakes.add(place, format!("`{path}` and `{other}` are the same topic {topic:?}"), None);
        }
    }
}

/// A model's topics are among those that are read.
fn check_model_topics(written: &[Node], input: &InputConfig, mistakes: &Mistakes) {
    let known: Vec<&str> = input.topics.iter().map(String::as_str).collect();
    for topics in written.iter().filter_map(|model| model.get("topics")) {
        let Value::Array(items) = &topics.value else { continue };
        for item in items {
            if let Value::Text { text, .. } = &item.value
                && !known.contains(&text.as_str())
            {
                let what = format!("`model.topics` names {text:?}, which `input.topics` does not");
                mistakes.add(item.place.as_ref(), what, Some(section::nearest(text, &known)));
            }
        }
    }
}

/// Avro needs a registry, or for what is read the schemas themselves.
fn check_registry(tree: &Node, input: &InputConfig, output: &OutputConfig, mistakes: &Mistakes) {
    let complain = |section: &str, hint: &str| {
        let what = format!("`{section}.format` is \"avro\", and there is no schema registry");
        mistakes.add(place_of(tree, &[section, "format"]), what, Some(hint.to_owned()));
    };
    if input.format == Format::Avro && input.schemas.is_empty() {
        complain("input", "set `schema_registry.url`; or `input.schemas`, if records name a fingerprint");
    }
    if output.format == Format::Avro {
        complain("output", "set `schema_registry.url`");
    }
}
