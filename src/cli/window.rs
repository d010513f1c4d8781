//! How windows are cut: the options that several commands share.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::words::{Grid, parse_duration_ms};
use clap::Args;
use std::time::Duration;

/// Windows, by options.
#[derive(Args, Debug, Clone, Copy)]
pub(super) struct WindowArgs {
    /// Length of a window; default 24h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub window: Option<i64>,
    /// How often a window is judged; default the whole window, or 1h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub slide: Option<i64>,
}

impl WindowArgs {
    /// The grid of these windows, or of those of `config` as far as nothing is said.
    pub fn grid(&self, config: &Config) -> Result<Grid> {
        let set = config.window.grid;
        let (size, slide) = match (self.window, self.slide) {
            (None, None) => return Ok(set),
            (Some(size), slide) => (size, slide.unwrap_or(size)),
            (None, Some(slide)) => (set.size_ms(), slide),
        };
        Grid::new(size, slide, slide).map_err(|why| Error::usage(why).at("--window, --slide"))
    }
}

/// A duration as the configuration writes it.
pub(super) fn span(ms: i64) -> String {
    humantime::format_duration(Duration::from_millis(ms.unsigned_abs())).to_string()
}

/// Reads a duration that is longer than nothing, as milliseconds.
pub(super) fn duration(text: &str) -> Result<i64, String> {
    parse_duration_ms(text)
        .and_then(|ms| if ms > 0 { Ok(ms) } else { Err("longer than nothing, please".into()) })
}
