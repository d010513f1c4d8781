//! Early sight: a sequential test that may look at all times.
//!
//! [`Plan`] (the coarse cells and the bets that a reference allows) is made once per feature and
//! reference; [`SequentialTest`] is a plan at a [`Pace`], the rate of false alarms; a
//! [`SequentialState`] is what one stream has shown so far. Pure functions: looks come as counts by
//! coarse cell, and the same counts give the same alarms whatever order rows came in, and after a
//! restart.
//!
//! How it was tried and what it reaches: `docs/early-sight.md`.

mod alternatives;
mod nats;
mod normal;
mod plan;
mod rows;
mod test;
#[cfg(test)]
mod tests;
mod trial;

pub use alternatives::Change;
pub use plan::{Plan, Support, worst_dependence};
pub use rows::RowTest;
pub use test::{Alarm, Pace, SequentialState, SequentialTest};
pub use trial::tried;
