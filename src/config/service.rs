//! The settings of the service itself: topics, window, commit, HTTP, limits, metrics.

use super::input::{FORMATS, Format};
use super::secret::{self, Secret};
use super::section::Section;
use super::values::{self, choice, count, optional_duration, refuse_with, size, small_count, some_duration};
use crate::policy::BootstrapSettings;
use crate::words::{Grid, Season, SeasonClock};
use serde::Serialize;
use std::net::SocketAddr;

/// Fewer characters of a token can be guessed.
const TOKEN_LENGTH: usize = 16;

/// `[output]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputConfig {
    /// How records are written.
    pub format: Format,
    /// Topic of drift events.
    pub events: String,
    /// Topic of retraining triggers.
    pub triggers: String,
    /// Topic of window reports.
    pub reports: String,
    /// Topic of input records that could not be read.
    pub dead_letters: String,
}

/// `[topics]`: the internal ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicsConfig {
    /// Profiles and activations.
    pub references: String,
    /// Deltas of panes.
    pub deltas: String,
    /// The changelog of panes, incidents and triggers.
    pub panes: String,
    /// Commands, and what became of them.
    pub control: String,
    /// Partitions of deltas, panes and control.
    pub partitions: u32,
}

/// `[window]`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WindowConfig {
    /// Size, slide and look, and how far a thin window may reach back.
    pub grid: Grid,
    /// How long an event may come after a later one and still count.
    pub allowed_lateness_ms: i64,
    /// A partition silent for this long no longer holds the watermark back.
    pub idle_timeout_ms: i64,
    /// The season that references are built with.
    pub season: Option<SeasonClock>,
}

/// `[commit]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitConfig {
    /// Shortest time between two commits.
    pub interval_ms: i64,
    /// Deltas of an instance, in bytes a second.
    pub max_delta_rate_bytes: u64,
    /// How often an open pane is written whole.
    pub snapshot_interval_ms: i64,
}

/// `[references]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferencesConfig {
    /// How far ahead of the stream a published reference takes effect.
    pub lead_ms: i64,
}

/// `[http]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// Where page and API are served; a loopback address unless there is a token or `allow_anonymous`.
    pub listen: SocketAddr,
    /// A second address, for probes and metrics alone.
    pub probe_listen: Option<SocketAddr>,
    /// What `token_file` holds: with it one may act, and read at any address.
    pub token: Option<Secret>,
    /// Whether anyone who reaches `listen` may read it.
    pub allow_anonymous: bool,
}

/// `[limits]`. What passes one is counted and reported by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Models.
    pub models: usize,
    /// Versions of a model that are live at once.
    pub live_versions: usize,
    /// Segments of a version.
    pub segments: usize,
    /// Features of a model.
    pub features: usize,
    /// Unseen categories of a feature that are kept by name.
    pub categories: usize,
}

/// `[metrics]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Which features have metrics of their own.
    pub features: FeatureMetrics,
}

/// `metrics.features`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureMetrics {
    /// None.
    None,
}

pub(super) fn read_output(mut section: Section) -> Option<OutputConfig> {
    let format = section.read("format", choice(FORMATS, &[]));
    let events = section.read("events", values::topic);
    let triggers = section.read("triggers", values::topic);
    let reports = section.read("reports", values::topic);
    let dead_letters = section.read("dead_letters", values::topic);
    section.close();
    Some(OutputConfig {
        format: format?,
        events: events?,
        triggers: triggers?,
        reports: reports?,
        dead_letters: dead_letters?,
    })
}

pub(super) fn read_topics(mut section: Section) -> Option<TopicsConfig> {
    let references = section.read("references", values::topic);
    let deltas = section.read("deltas", values::topic);
    let panes = section.read("panes", values::topic);
    let control = section.read("control", values::topic);
    let partitions = section.read("partitions", small_count(1..=10_000));
    section.close();
    Some(TopicsConfig {
        references: references?,
        deltas: deltas?,
        panes: panes?,
        control: control?,
        partitions: partitions?,
    })
}

pub(super) fn read_window(mut section: Section) -> Option<WindowConfig> {
    let size = section.read("size", some_duration);
    let slide = section.read("slide", some_duration);
    let look = section.read("look", some_duration);
    let grow_to = section.read("grow_to", optional_duration);
    let allowed_lateness_ms = section.read("allowed_lateness", values::duration);
    let idle_timeout_ms = section.read("idle_timeout", some_duration);
    let grid = match (size, slide, look) {
        (Some(size), Some(slide), Some(look)) => match Grid::new(size, slide, look) {
            Ok(grid) => Some(grid),
            Err(why) => {
                let keys =
                    if size % slide == 0 { ["look", "slide", "size"] } else { ["size", "slide", "look"] };
                let hint = "`window.slide` divides `window.size`, `window.look` divides `window.slide`";
                section.complain(&keys, why, Some(hint.into()));
                None
            }
        },
        _ => None,
    };
    let grid = match (grid, grow_to) {
        (Some(grid), Some(Some(grow_to))) => {
            let hint = "`window.slide` divides `window.grow_to`, which is `window.size` or longer";
            let complain = |why| section.complain(&["grow_to"], why, Some(hint.into()));
            grid.growing_to(grow_to).map_err(complain).ok()
        }
        (grid, grow_to) => grid.filter(|_| grow_to.is_some()),
    };
    let season = read_season(&mut section);
    section.close();
    Some(WindowConfig {
        grid: grid?,
        allowed_lateness_ms: allowed_lateness_ms?,
        idle_timeout_ms: idle_timeout_ms?,
        season: season?,
    })
}

fn read_season(section: &mut Section) -> Option<Option<SeasonClock>> {
    let options = &[("none", None), ("day", Some(Season::Day)), ("week", Some(Season::Week))];
    let season = section.read("season", choice(options, &[]));
    let time_zone = section.read("time_zone", |node| {
        let name = values::text(node)?;
        SeasonClock::new(Season::Day, &name).map(|_| name).or_else(values::refuse)
    });
    let (season, time_zone) = (season?, time_zone?);
    Some(season.and_then(|season| SeasonClock::new(season, &time_zone).ok()))
}

pub(super) fn read_commit(mut section: Section) -> Option<CommitConfig> {
    let interval_ms = section.read("interval", some_duration);
    let max_delta_rate_bytes = section.read("max_delta_rate", size);
    let snapshot_interval_ms = section.read("snapshot_interval", some_duration);
    section.close();
    Some(CommitConfig {
        interval_ms: interval_ms?,
        max_delta_rate_bytes: max_delta_rate_bytes?,
        snapshot_interval_ms: snapshot_interval_ms?,
    })
}

pub(super) fn read_references(mut section: Section) -> Option<ReferencesConfig> {
    let lead_ms = section.read("lead", values::duration);
    section.close();
    Some(ReferencesConfig { lead_ms: lead_ms? })
}

pub(super) fn read_bootstrap(mut section: Section) -> Option<BootstrapSettings> {
    let min_rows = section.read("min_rows", count(1..=1_000_000_000));
    let min_duration_ms = section.read("min_duration", some_duration);
    let max_duration_ms = section.read("max_duration", some_duration);
    let trust_bootstrap = section.read("trust_bootstrap", values::flag);
    if let (Some(min), Some(max)) = (min_duration_ms, max_duration_ms)
        && max < min
    {
        let what = "`bootstrap.max_duration` is shorter than `bootstrap.min_duration`".to_owned();
        section.complain(&["max_duration", "min_duration"], what, None);
    }
    section.close();
    Some(BootstrapSettings {
        min_rows: min_rows?,
        min_duration_ms: min_duration_ms?,
        max_duration_ms: max_duration_ms?,
        trust_bootstrap: trust_bootstrap?,
    })
}

pub(super) fn read_http(mut section: Section) -> Option<HttpConfig> {
    let address = |text: String| {
        text.parse::<SocketAddr>().or_else(|_| {
            refuse_with(
                format!("must be an address and a port, not {text:?}"),
                "write \"127.0.0.1:9600\" or \"[::1]:9600\"",
            )
        })
    };
    let listen = section.read("listen", |node| address(values::text(node)?));
    let probe_listen =
        section.read("probe_listen", |node| values::optional_text(node)?.map(address).transpose());
    let token = section.read("token_file", |node| match values::optional_text(node)? {
        Some(path) => secret::of_file(&path, node.place.as_ref()).map(Some).or_else(values::refuse),
        None => Ok(None),
    });
    if let Some(Some(token)) = &token
        && token.len() < TOKEN_LENGTH
    {
        let what = format!("`http.token_file` holds {} characters, which can be guessed", token.len());
        section.complain(&["token_file"], what, Some(format!("write {TOKEN_LENGTH} or more random ones")));
    }
    let allow_anonymous = section.read("allow_anonymous", values::flag);
    if let (Some(listen), Some(None), Some(false)) = (listen, &token, allow_anonymous)
        && !listen.ip().is_loopback()
    {
        let hint = "name a file with a token as `http.token_file`, say `http.allow_anonymous = true`, or listen on 127.0.0.1";
        let what = format!("`http.listen` is {listen}, which others reach, and nothing asks who they are");
        section.complain(&["listen"], what, Some(hint.into()));
    }
    section.close();
    Some(HttpConfig {
        listen: listen?,
        probe_listen: probe_listen?,
        token: token?.map(Secret::new),
        allow_anonymous: allow_anonymous?,
    })
}

pub(super) fn read_limits(mut section: Section) -> Option<LimitsConfig> {
    let mut limit = |key| {
        let number = section.read(key, count(1..=1_000_000))?;
        usize::try_from(number).ok()
    };
    let models = limit("models");
    let live_versions = limit("live_versions");
    let segments = limit("segments");
    let features = limit("features");
    let categories = limit("categories");
    section.close();
    Some(LimitsConfig {
        models: models?,
        live_versions: live_versions?,
        segments: segments?,
        features: features?,
        categories: categories?,
    })
}

pub(super) fn read_metrics(mut section: Section) -> Option<MetricsConfig> {
    let features = section.read("features", choice(&[("none", FeatureMetrics::None)], &["incident", "all"]));
    section.close();
    Some(MetricsConfig { features: features? })
}
