//! Tests against a real Kafka broker (`KAFKA_BROKERS`) and a real schema registry
//! (`SCHEMA_REGISTRY`); `make test` starts both. Every test makes its own topics and groups, so
//! that all run at once on one broker.

mod accept;
mod avro_input;
mod bad_input;
mod bootstrap;
mod book;
mod bus_consumer;
mod bus_embedded;
mod bus_log;
mod bus_rebalance;
mod bus_registry;
mod bus_support;
mod bus_topics;
mod bus_transactions;
mod commands;
mod control;
mod deployment;
mod exactly_once;
mod expiry;
mod lost;
mod main_job;
mod page;
#[path = "../support/mod.rs"]
mod support;
