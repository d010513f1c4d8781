//! Schemas: those that records name, and the ids that ours have.

use crate::bus::{Registry, RegistryFailure, SchemaFormat};
use crate::error::Result;
use crate::event::{SchemaError, SchemaSource, WriterSchema};
use crate::service::StageTopics;
use crate::wire::{Encoding, SchemaName};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How the records of each topic are written.
#[derive(Debug, Clone, Copy)]
pub struct Encodings {
    /// Deltas.
    pub deltas: Encoding,
    /// The changelog.
    pub panes: Encoding,
    /// References.
    pub references: Encoding,
    /// Commands, and what became of them.
    pub control: Encoding,
    /// Drift events.
    pub events: Encoding,
    /// Retraining triggers.
    pub triggers: Encoding,
    /// Window reports.
    pub reports: Encoding,
}

impl Encodings {
    /// Internal topics in Avro behind its fingerprint, the others in JSON.
    pub fn without_registry() -> Self {
        Encodings {
            deltas: Encoding::SingleObject,
            panes: Encoding::SingleObject,
            references: Encoding::Json,
            control: Encoding::Json,
            events: Encoding::Json,
            triggers: Encoding::Json,
            reports: Encoding::Json,
        }
    }

    /// Registers the schemas under `<topic>-value`. Internal topics are then in Avro by the
    /// registry's ids, and with `avro_output` the others too.
    pub fn register(
        registry: &Registry,
        topics: &StageTopics,
        references: &str,
        avro_output: bool,
    ) -> Result<Self> {
        let register = |topic: &str, schema: SchemaName, is_avro: bool| -> Result<Encoding> {
            let id = registry.register(&format!("{topic}-value"), schema.text())?;
            Ok(if is_avro { Encoding::Registry(id) } else { Encoding::Json })
        };
        Ok(Encodings {
            deltas: register(&topics.deltas, SchemaName::Delta, true)?,
            panes: register(&topics.panes, SchemaName::Pane, true)?,
            references: register(references, SchemaName::Reference, avro_output)?,
            control: register(&topics.control, SchemaName::Command, avro_output)?,
            events: register(&topics.events, SchemaName::DriftEvent, avro_output)?,
            triggers: register(&topics.triggers, SchemaName::RetrainingTrigger, avro_output)?,
            reports: register(&topics.reports, SchemaName::WindowReport, avro_output)?,
        })
    }
}

/// How long an id that the registry does not know is not asked for again: every record that names
/// it would ask.
const UNKNOWN_FOR: Duration = Duration::from_secs(10);
/// Most ids of which an answer is kept.
const KEPT_MAX: usize = 10_000;

/// Schemas by their registry's ids, and given ones by their fingerprints.
pub struct RegistrySchemas {
    registry: Option<Arc<Registry>>,
    known: Vec<Arc<WriterSchema>>,
    answers: Mutex<HashMap<u32, Answer>>,
}

/// What became of an id, and when it was asked for.
type Answer = (Result<Arc<WriterSchema>, SchemaError>, Instant);

impl RegistrySchemas {
    /// The schemas of `registry`, and `known` ones for records that name a fingerprint.
    pub fn new(registry: Option<Arc<Registry>>, known: Vec<Arc<WriterSchema>>) -> Self {
        RegistrySchemas { registry, known, answers: Mutex::default() }
    }

    fn ask(&self, id: u32) -> Result<Arc<WriterSchema>, SchemaError> {
        let Some(registry) = &self.registry else { return Err(SchemaError::Unknown) };
        let schema = registry.schema(id).map_err(|failure| match failure {
            RegistryFailure::Unknown { .. } => SchemaError::Unknown,
            other => SchemaError::Unavailable(crate::error::Error::from(other).to_string()),
        })?;
        if schema.format != SchemaFormat::Avro {
            return Err(SchemaError::Unusable(format!("schema {id} is not Avro")));
        }
        let references: Vec<&str> = schema.references.iter().map(String::as_str).collect();
        let parsed = WriterSchema::parse_with_references(&schema.text, &references);
        parsed.map(Arc::new).map_err(|error| SchemaError::Unusable(error.to_string()))
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<u32, Answer>> {
        // Each change is one insertion, so a panic elsewhere leaves nothing half done.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SchemaSource for RegistrySchemas {
    fn by_id(&self, id: u32) -> Result<Arc<WriterSchema>, SchemaError> {
        if let Some((answer, at)) = self.answers().get(&id)
            && (answer.is_ok() || at.elapsed() < UNKNOWN_FOR)
        {
            return answer.clone();
        }
        let answer = self.ask(id);
        if !matches!(answer, Err(SchemaError::Unavailable(_))) {
            let mut answers = self.answers();
            if answers.len() >= KEPT_MAX {
                answers.retain(|_, (answer, _)| answer.is_ok());
            }
            answers.insert(id, (answer.clone(), Instant::now()));
        }
        answer
    }

    fn by_fingerprint(&self, fingerprint: u64) -> Result<Arc<WriterSchema>, SchemaError> {
        let known = self.known.iter().find(|schema| schema.is_named_by(fingerprint));
        known.cloned().ok_or(SchemaError::Unknown)
    }
}
