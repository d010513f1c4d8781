//! Commands and the records that leave driftline are written as they are; a report that is too large for its topic
//! is cut by feature.

use super::chunks::{Chunked, Encoded, cut};
use crate::error::Result;
use crate::policy::record::{
    Chunk, Command, DriftEvent, FeatureReport, RetrainingTrigger, SCHEMA_VERSION, WindowReport,
};
use crate::policy::report_id;
use crate::wire::{Encoding, Record, SchemaName, encode};
use crate::words::ModelKey;

/// `report` in chunks of at most `limit` bytes each in this `encoding`, each with an id of its own; what
/// is not of a feature stands in the first.
pub fn report_chunks(
    report: &WindowReport,
    limit: usize,
    encoding: Encoding,
) -> Result<Vec<Encoded<WindowReport>>> {
    cut(report.clone(), limit, encoding)
}

impl Chunked for WindowReport {
    type Item = FeatureReport;

    fn items(&mut self) -> &mut Vec<FeatureReport> {
        &mut self.features
    }

    fn bytes(&self, encoding: Encoding) -> Result<Vec<u8>> {
        encode(self, encoding)
    }

    fn number(&mut self, index: u32, total: u32) {
        let WindowReport { application_id, model, version, segment, decided_at, .. } = &*self;
        let key = ModelKey { model: model.clone(), version: version.clone(), segment: segment.clone() };
        self.id = report_id(application_id, &key, *decided_at, index);
        self.chunk = Chunk { index, total };
    }

    fn strip(&mut self) {
        self.triggers_withheld.clear();
        self.mutes.clear();
        self.unknown_features.clear();
    }
}

impl Record for DriftEvent {
    const SCHEMA: SchemaName = SchemaName::DriftEvent;
    const VERSION: u32 = SCHEMA_VERSION;

    fn schema_version(&self) -> u32 {
        self.schema_version
    }
}

impl Record for RetrainingTrigger {
    const SCHEMA: SchemaName = SchemaName::RetrainingTrigger;
    const VERSION: u32 = SCHEMA_VERSION;

    fn schema_version(&self) -> u32 {
        self.schema_version
    }
}

impl Record for Command {
    const SCHEMA: SchemaName = SchemaName::Command;
    const VERSION: u32 = SCHEMA_VERSION;

    fn schema_version(&self) -> u32 {
        self.schema_version
    }
}

impl Record for WindowReport {
    const SCHEMA: SchemaName = SchemaName::WindowReport;
    const VERSION: u32 = SCHEMA_VERSION;

    fn schema_version(&self) -> u32 {
        self.schema_version
    }
}
