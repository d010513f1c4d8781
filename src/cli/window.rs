//! How windows are cut: the options that several commands share.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::words::{Grid, Season, SeasonClock, parse_duration_ms};
use clap::{Args, ValueEnum};
use std::time::Duration;

/// Windows, by options.
#[derive(Args, Debug, Clone)]
pub(super) struct WindowArgs {
    /// Length of a window; default 24h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub window: Option<i64>,
    /// How often a window is judged; default the whole window, or 1h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub slide: Option<i64>,
    /// A cycle of the stream: hours are compared with the same hours
    #[arg(long, value_enum, value_name = "CYCLE")]
    pub season: Option<SeasonArg>,
    /// Whose clock hours go by: an IANA name, such as Europe/Berlin; default UTC
    #[arg(long, value_name = "NAME")]
    pub time_zone: Option<String>,
}

/// `--season`.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeasonArg {
    /// No cycle
    None,
    /// A day: by hour
    Day,
    /// A week: by hour of the week
    Week,
}

impl SeasonArg {
    /// As the configuration calls it.
    pub fn name(self) -> &'static str {
        match self {
            SeasonArg::None => "none",
            SeasonArg::Day => "day",
            SeasonArg::Week => "week",
        }
    }
}

impl WindowArgs {
    /// The season that is said, or that of `config`.
    pub fn season(&self, config: &Config) -> Result<Option<SeasonClock>> {
        let set = config.window.season.as_ref();
        let season = match self.season {
            Some(SeasonArg::None) => None,
            Some(SeasonArg::Day) => Some(Season::Day),
            Some(SeasonArg::Week) => Some(Season::Week),
            None => set.map(SeasonClock::season),
        };
        let zone = self.time_zone.as_deref().or_else(|| set.map(|clock| &**clock.time_zone()));
        let clock = season.map(|season| SeasonClock::new(season, zone.unwrap_or("UTC"))).transpose();
        clock.map_err(|why| Error::usage(why).at("--time-zone"))
    }

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
