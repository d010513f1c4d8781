//! The two stages over an in-memory bus: the promises of determinism and exactly-once, with crashes,
//! rebalances and commits at seeded random moments. No Kafka; the real broker's turn is in `kafka/`.

mod accept;
mod bootstrap;
mod commands;
mod early;
mod faults;
mod limits;
mod new_columns;
mod loss;
mod season;
mod windows;
mod world;
