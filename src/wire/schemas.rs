//! The schemas of everything that is written, one a topic, and the forms that they had before.

use crate::event::WriterSchema;
use std::sync::OnceLock;

/// One of the schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaName {
    /// Drift events.
    DriftEvent,
    /// Retraining triggers.
    RetrainingTrigger,
    /// Window reports.
    WindowReport,
    /// Profiles and activations.
    Reference,
    /// Deltas and watermarks.
    Delta,
    /// The changelog.
    Pane,
    /// Commands.
    Command,
}

/// What of a schema's records may differ between a run and its replay, because estimates stand
/// there: paths of fields, `*` for every element or member. All other fields are equal to the bit.
pub const VOLATILE: [(SchemaName, &[&str]); 3] = [
    (
        SchemaName::DriftEvent,
        &[
            "tests.*.p_value",
            "measures.ks.value",
            "measures.wasserstein.value",
            "measures.z_score.value",
            "summary.*.mean",
            "summary.*.std",
            "summary.*.p05",
            "summary.*.p25",
            "summary.*.p50",
            "summary.*.p75",
            "summary.*.p95",
            "explanation",
        ],
    ),
    (SchemaName::RetrainingTrigger, &["explanation"]),
    (
        SchemaName::WindowReport,
        &[
            "features.*.tests.*.p_value",
            "features.*.measures.ks.value",
            "features.*.measures.wasserstein.value",
            "features.*.measures.z_score.value",
            "features.*.summary.*.mean",
            "features.*.summary.*.std",
            "features.*.summary.*.p05",
            "features.*.summary.*.p25",
            "features.*.summary.*.p50",
            "features.*.summary.*.p75",
            "features.*.summary.*.p95",
        ],
    ),
];

/// Names and texts of all schemas.
pub fn schemas() -> impl Iterator<Item = (&'static str, &'static str)> {
    SchemaName::ALL.into_iter().map(|schema| (schema.name(), schema.text()))
}

macro_rules! text {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/", $path))
    };
}

impl SchemaName {
    /// All of them.
    pub const ALL: [SchemaName; 7] = [
        SchemaName::DriftEvent,
        SchemaName::RetrainingTrigger,
        SchemaName::WindowReport,
        SchemaName::Reference,
        SchemaName::Delta,
        SchemaName::Pane,
        SchemaName::Command,
    ];

    /// Its name: that of its file without `.avsc`.
    pub fn name(self) -> &'static str {
        match self {
            SchemaName::DriftEvent => "drift-event",
            SchemaName::RetrainingTrigger => "retraining-trigger",
            SchemaName::WindowReport => "window-report",
            SchemaName::Reference => "reference",
            SchemaName::Delta => "delta",
            SchemaName::Pane => "pane",
            SchemaName::Command => "command",
        }
    }

    /// Its text: the JSON of an Avro schema, with a `doc` on every field.
    pub fn text(self) -> &'static str {
        match self {
            SchemaName::DriftEvent => text!("drift-event.avsc"),
            SchemaName::RetrainingTrigger => text!("retraining-trigger.avsc"),
            SchemaName::WindowReport => text!("window-report.avsc"),
            SchemaName::Reference => text!("reference.avsc"),
            SchemaName::Delta => text!("delta.avsc"),
            SchemaName::Pane => text!("pane.avsc"),
            SchemaName::Command => text!("command.avsc"),
        }
    }

    /// The forms that were ever released, the first one first: records that name one by its
    /// fingerprint stay readable. A new form of a schema is added here and in `schemas/history`.
    pub(super) fn history(self) -> &'static [&'static str] {
        match self {
            SchemaName::DriftEvent => {
                &[text!("history/1/drift-event.avsc"), text!("history/2/drift-event.avsc")]
            }
            SchemaName::RetrainingTrigger => &[text!("history/1/retraining-trigger.avsc")],
            SchemaName::WindowReport => {
                &[text!("history/1/window-report.avsc"), text!("history/2/window-report.avsc")]
            }
            SchemaName::Reference => &[text!("history/1/reference.avsc"), text!("history/2/reference.avsc")],
            SchemaName::Delta => &[text!("history/1/delta.avsc"), text!("history/2/delta.avsc")],
            SchemaName::Pane => &[text!("history/1/pane.avsc"), text!("history/2/pane.avsc")],
            SchemaName::Command => &[text!("history/2/command.avsc")],
        }
    }

    /// The form that records are written in.
    pub(super) fn form(self) -> &'static WriterSchema {
        &self.forms().current
    }

    /// The form of a fingerprint, if it is one of ours.
    pub(super) fn form_of(self, fingerprint: u64) -> Option<&'static WriterSchema> {
        let Forms { current, past } = self.forms();

        std::iter::once(current).chain(past).find(|form| form.fingerprint() == fingerprint)
    }

    fn forms(self) -> &'static Forms {
        static FORMS: [OnceLock<Forms>; SchemaName::ALL.len()] =
            [const { OnceLock::new() }; SchemaName::ALL.len()];
        FORMS[self as usize].get_or_init(|| {
            let parse = |text| WriterSchema::parse(text).expect("a test parses every schema");
            Forms {
                current: parse(self.text()),
                past: self.history().iter().map(|text| parse(text)).collect(),
            }
        })
    }
}

struct Forms {
    current: WriterSchema,
    past: Vec<WriterSchema>,
}
