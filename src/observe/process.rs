//! Facts about the process and what it leans on.

use super::{Fact, Metrics, Stage, transactions};
use std::net::SocketAddr;
use std::time::Duration;
use tracing::{info, warn};

/// The service starts.
#[derive(Debug, Clone, Copy)]
pub struct Started<'a> {
    /// `kafka.application_id`.
    pub application_id: &'a str,
    /// The stages that this instance runs.
    pub stages: &'a [Stage],
}

impl Fact for Started<'_> {
    fn emit(self, metrics: &Metrics) {
        let stages: Vec<_> = self.stages.iter().map(|stage| stage.as_str()).collect();
        for stage in self.stages {
            transactions::show_zeros(*stage, metrics);
            metrics.families.rebalances.with_label_values(&[stage.as_str()]);
        }
        let version = metrics.version();
        info!(version, application_id = self.application_id, stages = stages.join(","), "driftline started");
    }
}

/// The service was asked to stop and finishes what it has begun.
#[derive(Debug, Clone, Copy)]
pub struct Stopping<'a> {
    /// What asked for it, e.g. the signal's name.
    pub why: &'a str,
}

impl Fact for Stopping<'_> {
    fn emit(self, _: &Metrics) {
        info!(why = self.why, "driftline is stopping");
    }
}

/// The service has stopped.
#[derive(Debug, Clone, Copy)]
pub struct Stopped {
    /// From [`Stopping`] to now.
    pub took: Duration,
}

impl Fact for Stopped {
    fn emit(self, _: &Metrics) {
        info!(took = ?self.took, "driftline stopped");
    }
}

/// An HTTP listener is open.
#[derive(Debug, Clone, Copy)]
pub struct ListenerOpened {
    /// Where, with the port that was really taken.
    pub address: SocketAddr,
    /// The setting that it comes from.
    pub setting: &'static str,
}

impl Fact for ListenerOpened {
    fn emit(self, _: &Metrics) {
        info!(address = %self.address, setting = self.setting, "listening for HTTP");
    }
}

/// The schema registry did not answer; what needs it waits. A few lines a minute are logged.
#[derive(Debug, Clone, Copy)]
pub struct RegistryUnavailable<'a> {
    /// What went wrong.
    pub why: &'a str,
}

impl Fact for RegistryUnavailable<'_> {
    fn emit(self, metrics: &Metrics) {
        metrics.families.registry_unavailable.inc();
        if let Some(left_out) = metrics.restraint.line("registry unavailable", "") {
            warn!(why = self.why, left_out, "schema registry unavailable, the partition waits");
        }
    }
}

/// The broker refused or failed in a way that may pass. A few lines a minute are logged.
#[derive(Debug, Clone, Copy)]
pub struct BrokerTroubled<'a> {
    /// The stage that met it.
    pub stage: Stage,
    /// What went wrong.
    pub why: &'a str,
}

impl Fact for BrokerTroubled<'_> {
    fn emit(self, metrics: &Metrics) {
        let BrokerTroubled { stage, why } = self;
        metrics.families.broker_errors.with_label_values(&[stage.as_str()]).inc();
        if let Some(left_out) = metrics.restraint.line("broker trouble", stage.as_str()) {
            warn!(%stage, why, left_out, "trouble with the broker, trying again");
        }
    }
}
