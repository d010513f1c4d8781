//! What the wire promises, on samples: one a kind of record with everything set, and others with
//! everything null that may be. `UPDATE=1` writes the Avro samples anew.

mod compatible;
mod golden;
mod hostile;
mod keys;
mod panes;
mod schema;

use super::*;
use crate::event::{SchemaError, SchemaSource, WriterSchema};
use crate::policy::record::{Command, DriftEvent, RetrainingTrigger, WindowReport};
use std::path::PathBuf;
use std::sync::Arc;

/// A registry that has one schema, under the id 7.
struct Registry(Arc<WriterSchema>);

impl Registry {
    fn of(text: &str) -> Registry {
        Registry(Arc::new(WriterSchema::parse(text).unwrap()))
    }
}

impl SchemaSource for Registry {
    fn by_id(&self, id: u32) -> Result<Arc<WriterSchema>, SchemaError> {
        if id == 7 { Ok(self.0.clone()) } else { Err(SchemaError::Unknown) }
    }

    fn by_fingerprint(&self, fingerprint: u64) -> Result<Arc<WriterSchema>, SchemaError> {
        if fingerprint == self.0.fingerprint() { Ok(self.0.clone()) } else { Err(SchemaError::Unknown) }
    }
}

/// What is done with every sample, whatever its type.
trait EachSample {
    fn sample<R: Record + PartialEq + std::fmt::Debug>(&mut self, name: &str, json: &[u8]);
}

fn each_sample(visitor: &mut impl EachSample) {
    for name in ["drift-event", "drift-event-nulls", "drift-event-inner-nulls"] {
        visitor.sample::<DriftEvent>(name, &testdata(name, "json"));
    }
    for name in ["retraining-trigger", "retraining-trigger-nulls"] {
        visitor.sample::<RetrainingTrigger>(name, &testdata(name, "json"));
    }
    for name in ["window-report", "window-report-nulls"] {
        visitor.sample::<WindowReport>(name, &testdata(name, "json"));
    }
    for name in ["command", "command-nulls", "command-all-traffic"] {
        visitor.sample::<Command>(name, &testdata(name, "json"));
    }
    for name in ["reference-profile", "reference-activation", "reference-activation-nulls"] {
        visitor.sample::<ReferenceMessage>(name, &testdata(name, "json"));
    }
    for name in ["delta", "delta-nulls", "delta-gathered", "delta-watermark"] {
        visitor.sample::<DeltaMessage>(name, &testdata(name, "json"));
    }
    let kinds = ["incident", "incident-nulls", "incident-empty", "model", "model-nulls", "model-empty"];
    for kind in
        kinds.into_iter().chain(["sequential", "sequential-nulls", "watermark", "watermark-empty", "layout"])
    {
        let name = format!("pane-{kind}");
        visitor.sample::<StateMessage>(&name, &testdata(&name, "json"));
    }
    for name in ["pane", "pane-nulls"] {
        visitor.sample::<StateMessage>(name, &testdata(name, "json"));
    }
}

fn path(name: &str, form: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/wire/testdata").join(format!("{name}.{form}"))
}

fn testdata(name: &str, form: &str) -> Vec<u8> {
    std::fs::read(path(name, form)).unwrap_or_else(|error| panic!("{name}.{form}: {error}"))
}

fn event() -> DriftEvent {
    decode(&testdata("drift-event", "json"), &NoRegistry).unwrap()
}
