//! The records that leave driftline are written as they are.

use crate::policy::record::{DriftEvent, RetrainingTrigger, SCHEMA_VERSION, WindowReport};
use crate::wire::{Record, SchemaName};

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

impl Record for WindowReport {
    const SCHEMA: SchemaName = SchemaName::WindowReport;
    const VERSION: u32 = SCHEMA_VERSION;

    fn schema_version(&self) -> u32 {
        self.schema_version
    }
}
