//! driftline watches the inference events that models publish on Kafka and says when they drift.
//!
//! The modules stand in the order in which the data flows, floor by floor; a module imports only
//! from modules above it in this list (a test holds it to that). Everything down to [`engine`] is
//! values in, values out: no Kafka, clock, file, thread or log.

// Floor 8: Kafka: consume, restore, one transaction a commit, topics, registry.
pub mod bus;
// Floor 11: the command line.
pub mod cli;
// Floor 10: TOML to checked settings.
pub mod config;
// Floor 6: the two stages as pure state machines.
pub mod engine;
// Floor 0: what went wrong, where, and what to do.
pub mod error;
// Floor 1: bytes of an inference event to named values, or the reason why not.
pub mod event;
// Floor 8: rows from CSV, JSON lines and Parquet files.
pub mod files;
// Floor 4: numbers that compare a window with a reference, and how surprising they are.
pub mod measure;
// Floor 7: facts worth telling, each to the log and to a metric together.
pub mod observe;
// Floor 5: from verdicts to incidents, drift events and retraining triggers.
pub mod policy;
// Floor 8: the page, and the report: the page as one file.
pub mod report;
// Floor 3: what a model was trained or last accepted on.
pub mod reference;
// Floor 9: the two stages on Kafka.
pub mod service;
// Floor 9: health, readiness and metrics over HTTP.
pub mod serve;
// Floor 8: a seeded scoring stream with scheduled drifts.
pub mod simulate;
// Floor 2: mergeable summaries of one feature.
pub mod sketch;
// Floor 7: what people look at: records gathered into a bounded history.
pub mod view;
// Floor 3: panes of event time and the windows made of them.
pub mod window;
// Floor 7: records to and from bytes.
pub mod wire;
// Floor 0: the words that everything else is said in.
pub mod words;
