//! Where the log goes and how it looks: standard error, as text or as a JSON object a line.

use crate::error::{Error, Result};
use serde::Deserialize;
use std::io::{self, IsTerminal};
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, the fact's fields at its top level.
    Json,
}

/// Sends the log of this process to standard error. Once a process.
///
/// `filter` is a level (`info`) or directives (`info,librdkafka=warn`); the environment variable
/// `RUST_LOG`, when not empty, stands above it. Colours appear only on a terminal, and not when
/// `NO_COLOR` is set.
///
/// # Errors
/// When the filter cannot be read, or the log was set up before.
pub fn init(format: LogFormat, filter: &str) -> Result<()> {
    let environment = std::env::var("RUST_LOG").ok();
    let filter = choose_filter(filter, environment.as_deref())?;
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    subscriber(format, filter, colours, io::stderr)
        .try_init()
        .map_err(|error| Error::usage(format!("the log cannot be set up: {error}")))
}

fn choose_filter(given: &str, environment: Option<&str>) -> Result<EnvFilter> {
    let (text, place) = match environment.filter(|text| !text.is_empty()) {
        Some(text) => (text, "environment variable RUST_LOG"),
        None => (given, "log filter"),
    };
    EnvFilter::builder().parse(text).map_err(|error| {
        Error::usage(format!("the log filter {text:?} cannot be read: {error}"))
            .at(place)
            .hint("write a level, `info`, or levels by part, `info,librdkafka=warn`")
    })
}

fn subscriber<W>(
    format: LogFormat,
    filter: EnvFilter,
    colours: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match format {
        LogFormat::Text => Box::new(lines.with_ansi(colours).finish()),
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_current_span(false).with_span_list(false);
            Box::new(lines.finish())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What the log says of one warning and one note below the filter's level.
    fn said(format: LogFormat) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = subscriber(format, choose_filter("warn", None).unwrap(), false, move || writer.clone());
        tracing::subscriber::with_default(log, || {
            // Other tests may have met these two places first, without a log.
            tracing::callsite::rebuild_interest_cache();
            tracing::warn!(topic = "events", partition = 3, "record lost");
            tracing::info!("not to be said");
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_is_one_object_with_the_fields_on_top() {
        let text = said(LogFormat::Json);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "record lost");
        assert_eq!(line["topic"], "events");
        assert_eq!(line["partition"], 3);
        assert!(line["timestamp"].is_string());
    }

    #[test]
    fn a_text_line_has_level_message_and_fields_and_no_colours() {
        let text = said(LogFormat::Text);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains(" WARN "), "{text}");
        assert!(text.ends_with("record lost topic=\"events\" partition=3\n"), "{text}");
        assert!(!text.contains('\x1b'), "{text}");
    }

    #[test]
    fn the_environment_stands_above_the_given_filter_unless_empty() {
        assert_eq!(choose_filter("warn", Some("debug")).unwrap().to_string(), "debug");
        assert_eq!(choose_filter("warn", Some("")).unwrap().to_string(), "warn");
        assert_eq!(choose_filter("warn", None).unwrap().to_string(), "warn");
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused_with_its_place_and_an_example() {
        let error = choose_filter("warn", Some("driftline=loud")).unwrap_err().to_string();
        assert!(error.contains("driftline=loud"), "{error}");
        assert!(error.contains("(environment variable RUST_LOG)"), "{error}");
        assert!(error.contains("`info`"), "{error}");
    }
}
