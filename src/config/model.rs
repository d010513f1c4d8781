//! `[[model]]` and `[model.features.*]`, with the policy resolved for each.

use super::errors::Mistakes;
use super::policy::{self, PolicyConfig, Thresholds};
use super::section::Section;
use super::tree::{Entry, Node, Table};
use super::values::{self, Read, choice, list, number};
use crate::words::{Kind, Name, Role};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// `[[model]]`, complete.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelConfig {
    /// Its name in the events; not empty.
    pub name: Name,
    /// Its input topics, some of `input.topics`; empty: all.
    pub topics: Vec<String>,
    /// What it is compared with.
    pub reference: ReferenceSource,
    /// What a version without a reference does.
    pub on_missing_reference: OnMissingReference,
    /// JSON Pointers of the values that cut its traffic into segments.
    pub segments: Vec<String>,
    /// Who is responsible.
    pub owner: Option<String>,
    /// What to do about its alarms.
    pub runbook_url: Option<String>,
    /// Free text by name.
    pub labels: BTreeMap<String, String>,
    /// `[policy]` with `[model.policy]` over it.
    pub policy: PolicyConfig,
    /// The features that have settings of their own; for any, [`ModelConfig::feature`].
    pub features: BTreeMap<Name, FeatureConfig>,
}

impl ModelConfig {
    /// The settings of a feature, listed or not.
    pub fn feature(&self, name: &str) -> FeatureConfig {
        let default =
            || FeatureConfig { role: None, kind: None, importance: 1.0, thresholds: self.policy.thresholds };
        self.features.get(name).copied().unwrap_or_else(default)
    }
}

/// `model.reference`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceSource {
    /// What was published to the references topic.
    Topic,
    /// A file.
    File {
        /// As the configuration names it.
        written: String,
        /// Where it is: beside the configuration, unless absolute. Not part of a `config_id`, which
        /// is the same wherever the files lie.
        #[serde(skip)]
        path: PathBuf,
    },
}

/// `model.on_missing_reference`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMissingReference {
    /// Count, and judge nothing.
    Wait,
    /// Use the model's own, mark it, and never trigger.
    Inherit,
}

/// `[model.features.*]`, complete.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FeatureConfig {
    /// What it is to the model; `None`: by where the event has it.
    pub role: Option<Role>,
    /// How its values compare; `None`: as the reference has it.
    pub kind: Option<Kind>,
    /// Its weight in the drift share, 0 or more.
    pub importance: f64,
    /// The model's, with the feature's own over them.
    pub thresholds: Thresholds,
}

/// What models are laid over: the built-in `[[model]]` without its examples, a feature's defaults, and
/// `[policy]`.
pub(super) struct Base {
    pub model: Node,
    pub feature: Node,
    pub policy: Node,
}

impl Base {
    /// Takes the example model of the defaults apart.
    pub fn new(mut example: Node, policy: Node) -> Base {
        example.take("name");
        let features = example.take("features");
        let feature = features.as_ref().and_then(Node::table).and_then(|table| table.values().next());
        let feature = feature.map_or_else(|| Node::built_in(Table::new()), |entry| entry.node.clone());
        Base { model: example, feature, policy }
    }

    /// The policy of the model at `node`.
    fn policy_of(&self, node: &Node) -> Node {
        node.get("policy").map_or_else(|| self.policy.clone(), |over| self.policy.overlaid(over))
    }
}

/// Reads a `[[model]]` as the user wrote it.
pub(super) fn read(written: &Node, base: &Base, mistakes: &Mistakes) -> Option<ModelConfig> {
    let node = base.model.overlaid(written);
    let mut section = Section::new("model", &node, mistakes);
    let name = section.read("name", values::some_text);
    let topics = section.read("topics", list(values::topic));
    let reference = section.read("reference", reference);
    let on_missing_reference = section.read(
        "on_missing_reference",
        choice(
            &[("wait", OnMissingReference::Wait), ("inherit", OnMissingReference::Inherit)],
            &["bootstrap"],
        ),
    );
    let segments = section.read("segments", list(values::pointer));
    let owner = section.read("owner", values::optional_text);
    let runbook_url = section.read("runbook_url", values::optional_text);
    let labels = read_labels(section.section("labels"), section.optional("labels"));
    section.optional("policy");
    let policy_node = base.policy_of(&node);
    let policy = policy::read(Section::new("policy", &policy_node, mistakes));
    let features = match section.optional("features") {
        Some(features) => read_features(features, base, &policy_node, mistakes),
        None => Some(BTreeMap::new()),
    };
    section.close();
    Some(ModelConfig {
        name: name?.into(),
        topics: topics?,
        reference: reference?,
        on_missing_reference: on_missing_reference?,
        segments: segments?,
        owner: owner?,
        runbook_url: runbook_url?,
        labels: labels?,
        policy: policy?,
        features: features?,
    })
}

fn reference(node: &Node) -> Read<ReferenceSource> {
    let written = values::some_text(node)?;
    if written == "topic" {
        return Ok(ReferenceSource::Topic);
    }
    let path = node.place.as_ref().map_or_else(|| PathBuf::from(&written), |place| place.beside(&written));
    Ok(ReferenceSource::File { written, path })
}

/// Labels have any names: `section` is there to complain when they are no table.
fn read_labels(section: Section, node: Option<&Node>) -> Option<BTreeMap<String, String>> {
    let mut labels = Some(BTreeMap::new());
    for (name, entry) in node?.table()? {
        match values::text(&entry.node) {
            Ok(text) => {
                labels.as_mut().map(|labels| labels.insert(name.clone(), text));
            }
            Err(problems) => {
                for problem in problems {
                    let what = format!("`model.labels.{name}` {}", problem.what);
                    section.mistakes().add(entry.node.place.as_ref(), what, problem.hint);
                }
                labels = None;
            }
        }
    }
    labels
}

fn read_features(
    features: &Node,
    base: &Base,
    policy: &Node,
    mistakes: &Mistakes,
) -> Option<BTreeMap<Name, FeatureConfig>> {
    let thresholds = policy.get("thresholds");
    let Some(table) = features.table() else {
        Section::new("model.features", features, mistakes).close();
        return None;
    };
    let mut read = BTreeMap::new();
    let mut all = true;
    for (name, entry) in table {
        let mut node = base.feature.overlaid(&entry.node);
        if let (Some(below), super::tree::Value::Table(table)) = (thresholds, &mut node.value) {
            let own = table.remove("thresholds");
            let key_place = own.as_ref().and_then(|entry| entry.key_place.clone());
            let node = own.map_or_else(|| below.clone(), |entry| below.overlaid(&entry.node));
            table.insert("thresholds".into(), Entry { key_place, node });
        }
        match read_feature(name, &node, mistakes) {
            Some(feature) => {
                read.insert(name.as_str().into(), feature);
            }
            None => all = false,
        }
    }
    all.then_some(read)
}

fn read_feature(name: &str, node: &Node, mistakes: &Mistakes) -> Option<FeatureConfig> {
    let path = format!("model.features.{name}");
    let mut section = Section::new(&path, node, mistakes).known_as("model.features.*");
    let role = section.read(
        "role",
        choice(
            &[
                ("", None),
                ("feature", Some(Role::Feature)),
                ("prediction", Some(Role::Prediction)),
                ("label", Some(Role::Label)),
                ("quality", Some(Role::Quality)),
            ],
            &[],
        ),
    );
    let kind = section.read(
        "kind",
        choice(
            &[
                ("", None),
                ("continuous", Some(Kind::Continuous)),
                ("discrete", Some(Kind::Discrete)),
                ("categorical", Some(Kind::Categorical)),
                ("boolean", Some(Kind::Boolean)),
            ],
            &[],
        ),
    );
    let importance = section.read("importance", number("of 0 or more", |n| n >= 0.0));
    let thresholds = policy::read_thresholds(section.section_called("thresholds", "thresholds"));
    section.close();
    Some(FeatureConfig { role: role?, kind: kind?, importance: importance?, thresholds: thresholds? })
}
