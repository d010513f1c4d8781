//! A stream of scored card payments, as a fraud model would publish them, with drifts that set in
//! when a schedule says so.
//!
//! Everything follows from a `Scenario` and a seed: the same two give the same events, byte for
//! byte. No clock and no bus is known here; event time is counted, not read. The drifts change the
//! features and nothing else; the prediction is computed from the features as they came, so it
//! moves where its inputs do.

mod catalogue;
mod dice;
mod drift;
mod event;
mod scenario;
mod simulator;

pub use drift::{Change, Drift};
pub use event::SimulatedEvent;
pub use scenario::{Injected, Scenario, Version};
pub use simulator::Simulator;

/// The name under which the prediction is monitored beside the features.
pub const PREDICTION: &str = "prediction";

/// The names of the features that every event has, in their order.
pub fn feature_names() -> impl Iterator<Item = &'static str> {
    catalogue::FEATURES.iter().map(|feature| feature.name)
}

#[cfg(test)]
mod tests;
