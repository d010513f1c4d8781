//! A policy judged by history: what it would have told, when, and how often without cause; beside
//! other policies, and with thresholds that would keep to a wished rate of alarms.

mod marks;
mod score;
mod show;

use super::records::Mode;
use super::{ReplayArgs, Summary, feed, settings};
use crate::cli::{Outcome, Ran, Stop, output};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::measure::{MEASURES, Measure, Range};
use crate::policy::record::SCHEMA_VERSION;
use crate::policy::{Levels, Thresholds};
use crate::reference::References;
use crate::words::{Name, Time, parse_duration_ms};
use marks::Mark;
use score::Score;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;

/// Changes are tried to matter from a fourth to 32 times the size that they do, in steps of an eighth power of
/// two.
const STEPS: std::ops::RangeInclusive<i32> = -16..=40;
const STEPS_PER_DOUBLING: f64 = 8.0;

/// A wished rate of alarms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Wish {
    alarms: f64,
    per_ms: i64,
}

impl Wish {
    /// How many may come in `ms` of history.
    fn in_history(self, ms: i64) -> f64 {
        self.alarms * ms as f64 / self.per_ms as f64
    }
}

/// Reads `2/30d`.
pub(super) fn wish(text: &str) -> Result<Wish, String> {
    let read = || {
        let (alarms, per) = text.split_once('/')?;
        let alarms = alarms.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0)?;
        let per_ms = parse_duration_ms(per.trim()).ok().filter(|ms| *ms > 0)?;
        Some(Wish { alarms, per_ms })
    };
    read().ok_or_else(|| "write how many in which time, such as 2/30d".into())
}

/// The result of a backtest.
#[derive(Serialize)]
struct Backtest {
    r#type: &'static str,
    schema_version: u32,
    tool_version: &'static str,
    /// The end of the first window that was judged, and of the last.
    history: Option<(Time, Time)>,
    /// What is known to have happened; null: nobody said.
    incidents: Option<Vec<Mark>>,
    policies: Vec<Judged>,
    /// What would keep to the wished rate; null: none was wished.
    suggestion: Option<Suggestion>,
}

/// A policy, and how it did.
#[derive(Serialize)]
struct Judged {
    policy: String,
    #[serde(flatten)]
    score: Score,
}

/// Thresholds that keep to a wished rate of alarms.
#[derive(Serialize)]
struct Suggestion {
    wish: Wish,
    /// How many times as large a change must be as it has to be now; null: no factor that was tried keeps to it.
    factor: Option<f64>,
    /// Alarms with these thresholds; false ones, where it is known what happened.
    alarms: u64,
    /// Those of early sight, which follow the budget and not thresholds.
    early_alarms: u64,
    /// `[policy]`'s thresholds, by measure.
    thresholds: BTreeMap<String, Levels>,
    /// Those of models and features that have their own.
    own: Vec<Own>,
}

/// Thresholds that are not those of `[policy]`.
#[derive(Debug, PartialEq, Serialize)]
struct Own {
    /// Whose `[model.policy]` or `[model.features.*]` they are of.
    model: Name,
    /// The feature; null: all of the model that have none of their own.
    feature: Option<Name>,
    /// By measure.
    thresholds: BTreeMap<String, Levels>,
}

/// Whether the options ask for a backtest.
pub(super) fn is_asked(args: &ReplayArgs) -> bool {
    !args.compare.is_empty() || args.incidents.is_some() || args.alarms.is_some()
}

pub(super) fn run(args: &ReplayArgs, mode: Mode) -> Ran {
    if args.inputs.iter().any(|path| path.as_os_str() == "-") {
        let again = Error::usage("standard input can't be read once for each policy").hint("give a file");
        return Err(again.into());
    }
    let marks = args.incidents.as_deref().map(marks::load).transpose()?;
    let mut policies = Vec::new();
    let config = settings::config(args, mode, args.policy.as_deref())?;
    let references = settings::references(args, &config, mode)?;
    for policy in std::iter::once(args.policy.as_deref()).chain(args.compare.iter().map(|path| Some(&**path)))
    {
        let config = settings::config(args, mode, policy)?;
        let score = judged(args, mode, &config, &references, marks.as_deref())?;
        let policy = policy.map_or_else(|| "configured".to_owned(), |path| path.display().to_string());
        policies.push(Judged { policy, score });
    }
    let history = policies.first().and_then(|first| first.score.history());
    let suggestion = args
        .alarms
        .map(|wish| suggest(args, mode, &config, &references, marks.as_deref(), wish))
        .transpose()?;
    let backtest = Backtest {
        r#type: "backtest",
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        history,
        incidents: marks,
        policies,
        suggestion,
    };
    let mut out = output::stdout();
    match args.format {
        output::OutputFormat::Json => output::json_line(&mut out, &backtest)?,
        output::OutputFormat::Table => show::print(&mut out, &backtest)?,
    }
    out.flush()?;
    Ok(Outcome::Fine)
}

/// Replays the history by `config`.
fn judged(
    args: &ReplayArgs,
    mode: Mode,
    config: &Config,
    references: &References,
    marks: Option<&[Mark]>,
) -> Result<Score, Stop> {
    let mut score = Score::new(marks, config.window.grid.size_ms());
    let mut summary = Summary::default();
    let references = references.clone();
    let nothing_counted = feed(args, mode, config, references, &mut summary, &mut |output| {
        score.take(output);
        Ok(())
    })?;
    nothing_counted.map_or_else(|| Ok(score.finish()), |error| Err(error.into()))
}

/// The smallest factor for the size of changes that keeps to the wish, found by halving.
fn suggest(
    args: &ReplayArgs,
    mode: Mode,
    config: &Config,
    references: &References,
    marks: Option<&[Mark]>,
    wish: Wish,
) -> Result<Suggestion, Stop> {
    let factor = |step: i32| (f64::from(step) / STEPS_PER_DOUBLING).exp2();
    let tried = |step: i32| -> Result<(Score, Config), Stop> {
        let mut scaled = config.clone();
        scale(&mut scaled, factor(step));
        Ok((judged(args, mode, &scaled, references, marks)?, scaled))
    };
    let fits = |score: &Score| {
        let ms = score.history().map_or(0, |(start, end)| end.since_ms(start));
        score.unwanted() as f64 <= wish.in_history(ms)
    };
    let (mut low, mut high) = (*STEPS.start(), *STEPS.end());
    let (mut best, mut scaled) = tried(high)?;
    let mut found = fits(&best).then_some(high);
    while found.is_some() && low < high {
        let middle = low + (high - low) / 2;
        let (score, config) = tried(middle)?;
        if fits(&score) {
            (best, scaled, found, high) = (score, config, Some(middle), middle);
        } else {
            low = middle + 1;
        }
    }
    Ok(Suggestion {
        wish,
        factor: found.map(factor),
        alarms: best.unwanted(),
        early_alarms: best.unwanted_early(),
        thresholds: by_measure(&scaled.policy.thresholds),
        own: own(&scaled),
    })
}

/// What models and features have for themselves.
fn own(config: &Config) -> Vec<Own> {
    let mut own = Vec::new();
    for model in &config.models {
        let mut add = |feature: Option<&Name>, thresholds: &Thresholds, over: &Thresholds| {
            if thresholds != over {
                let (model, thresholds) = (model.name.clone(), by_measure(thresholds));
                own.push(Own { model, feature: feature.cloned(), thresholds });
            }
        };
        let of_model = &model.policy.thresholds;
        add(None, of_model, &config.policy.thresholds);
        model.features.iter().for_each(|(name, feature)| add(Some(name), &feature.thresholds, of_model));
    }
    own
}

/// Has changes matter from so many times the size on.
fn scale(config: &mut Config, factor: f64) {
    scale_thresholds(&mut config.policy.thresholds, factor);
    for model in &mut config.models {
        let of_features = model.features.values_mut().map(|feature| &mut feature.thresholds);
        of_features.chain([&mut model.policy.thresholds]).for_each(|all| scale_thresholds(all, factor));
    }
}

/// Multiplies thresholds so that all still speak of the same change; what ends at 1 stays there. For a shift
/// by d standard deviations, small, psi is d² and ks 0.4 d: what is made of squares grows with the square.
fn scale_thresholds(thresholds: &mut Thresholds, factor: f64) {
    for info in &MEASURES {
        if let Some(levels) = thresholds.measures.get_mut(info.measure) {
            let most = if info.range == Range::Fraction { 1.0 } else { f64::INFINITY };
            let is_of_squares = matches!(info.measure, Measure::Psi | Measure::ChiSquare);
            scale_levels(levels, if is_of_squares { factor * factor } else { factor }, most);
        }
    }
    scale_levels(&mut thresholds.share, factor, 1.0);
}

fn scale_levels(levels: &mut Levels, factor: f64, most: f64) {
    for level in [&mut levels.warning, &mut levels.drift, &mut levels.critical] {
        *level = rounded(*level * factor).min(most);
    }
}

/// Three digits: what a person would write.
fn rounded(number: f64) -> f64 {
    format!("{number:.2e}").parse().unwrap_or(number)
}

fn by_measure(thresholds: &Thresholds) -> BTreeMap<String, Levels> {
    let measures = MEASURES.iter().filter_map(|info| {
        let levels = (*thresholds.measures.get(info.measure))?;
        Some((info.name.to_owned(), levels))
    });
    measures.chain([("share".to_owned(), thresholds.share)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_of_all_measures_go_on_speaking_of_the_same_change() {
        // The shift of a normal at which a measure reaches its thresholds (statistics.md, section 4).
        let shift = |thresholds: &Thresholds| {
            let measures = thresholds.measures;
            let (psi, ks) = (measures.psi.expect("a default"), measures.ks.expect("a default"));
            [(psi.warning, ks.warning), (psi.drift, ks.drift), (psi.critical, ks.critical)]
                .map(|(psi, ks)| (psi.sqrt(), ks * std::f64::consts::TAU.sqrt()))
        };
        for factor in [0.5, 1.0, 2.0] {
            let mut config = Config::default();
            let before = shift(&config.policy.thresholds);
            scale(&mut config, factor);
            for ((psi, ks), (before, _)) in shift(&config.policy.thresholds).into_iter().zip(before) {
                assert!((psi - factor * before).abs() < 0.01 * psi, "psi at {psi}, not {factor} x {before}");
                assert!((ks - psi).abs() < 0.02 * psi, "ks at {ks}, psi at {psi}");
            }
        }
    }
}
