//! `[[model]]` and `[model.features.*]`, with the policy resolved for each.

use super::errors::Mistakes;
use super::policy;
use super::section::Section;
use super::tree::{Entry, Node, Table};
use super::values::{self, Read, choice, list, number};
use crate::policy::{FeatureSettings, ModelSettings, OnMissingReference, ReferenceSource};
use crate::words::{Kind, Name, Role};
use std::collections::BTreeMap;
use std::path::PathBuf;

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
pub(super) fn read(written: &Node, base: &Base, mistakes: &Mistakes) -> Option<ModelSettings> {
    let node = base.model.overlaid(written);
    let mut section = Section::new("model", &node, mistakes);
    let name = section.read("name", values::some_text);
    let topics = section.read("topics", list(values::topic));
    let reference = section.read("reference", reference);
    let on_missing_reference = section.read(
        "on_missing_reference",
        choice(
            &[
                ("wait", OnMissingReference::Wait),
                ("inherit", OnMissingReference::Inherit),
                ("bootstrap", OnMissingReference::Bootstrap),
            ],
            &[],
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
    Some(ModelSettings {
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
) -> Option<BTreeMap<Name, FeatureSettings>> {
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

fn read_feature(name: &str, node: &Node, mistakes: &Mistakes) -> Option<FeatureSettings> {
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
    Some(FeatureSettings { role: role?, kind: kind?, importance: importance?, thresholds: thresholds? })
}
