//! From the options of a replay to a configuration, and to the two stages.
//!
//! There is always a whole configuration, checked like any other: the file's, or one made of the
//! options. `--policy` and `--set` are laid over its tables before it is read.

use super::records::Mode;
use super::{ReplayArgs, TOPIC, topics};
use crate::cli::assembly::Connection;
use crate::cli::check::{names, no_model};
use crate::cli::profiles;
use crate::config::{Config, ConfigErrors};
use crate::engine::Pipeline;
use crate::error::{Error, Result};
use crate::event::{Decoder, Format};
use crate::policy::ReferenceSource;
use crate::reference::References;
use std::path::Path;
use std::sync::Arc;
use toml::{Table, Value};

/// The model of rows where nobody names one.
const MODEL: &str = "model";
/// What messages call settings that stand in no file.
const OPTIONS: &str = "command line";

/// The configuration of a replay, with the models that are replayed and `file` as its policy.
pub(super) fn config(args: &ReplayArgs, mode: Mode, file: Option<&Path>) -> Result<Config> {
    let mut table = match &args.config {
        Some(path) => {
            // By itself first: its mistakes have lines then.
            Config::load(path)?;
            table(&read(path)?, &path.display().to_string())?
        }
        None => without_file(args, mode)?,
    };
    overlay(&mut table, windows(args));
    if let Some(path) = file {
        overlay(&mut table, policy(path)?);
    }
    for set in &args.set {
        overlay(&mut table, setting(set)?);
    }
    if args.config.is_none() {
        follow_min_rows(&mut table);
    }
    let name = args.config.as_ref().map_or_else(|| OPTIONS.to_owned(), |path| path.display().to_string());
    let text = toml::to_string(&table).map_err(|error| Error::config(format!("{error}")).at(&name))?;
    let mut config = Config::from_toml(&text, &name).map_err(without_lines)?;
    choose(&mut config, args, mode)?;
    Ok(config)
}

/// What the models are compared with.
pub(super) fn references(args: &ReplayArgs, config: &Config, mode: Mode) -> Result<References> {
    if mode == Mode::Topics && args.reference.is_none() {
        return topics::references(config);
    }
    let mut references = References::default();
    for model in &config.models {
        let (path, rows) = match (&args.reference, &model.reference) {
            (Some(path), _) => (path, args.reference_rows.clone()),
            (None, ReferenceSource::File { path, .. }) => (path, None),
            (None, ReferenceSource::Topic) if model.bootstraps() => continue,
            (None, ReferenceSource::Topic) => {
                return Err(Error::usage(format!(
                    "there is no reference to compare model `{}` with",
                    model.name
                ))
                .hint(
                    "give --reference FILE, or name a file as the model's `reference` in the configuration, \
                     or make one of its first rows with `on_missing_reference = \"bootstrap\"`",
                ));
            }
        };
        let profile = profiles::load(path, rows, &args.columns, Some(model), Some(&config.window))?;
        references.set_default(model.name.clone(), Arc::new(profile));
    }
    Ok(references)
}

/// Both stages, and the decoder of events.
pub(super) fn pipeline(
    args: &ReplayArgs,
    config: &Config,
    references: References,
    mode: Mode,
) -> Result<(Pipeline, Decoder)> {
    let mut sketcher = config.sketcher();
    let mut evaluator = config.evaluator(1);
    let inputs = match mode {
        Mode::Topics => topics::inputs(config)?,
        Mode::Rows | Mode::Events => {
            // The files are the only topic here.
            evaluator.models.values_mut().for_each(|(settings, _)| settings.topics.clear());
            vec![(
                TOPIC.into(),
                i32::try_from(args.inputs.len()).expect("fewer files than fit a command line"),
            )]
        }
    };
    if mode == Mode::Rows {
        // Rows have no envelope that segments could be found in.
        sketcher.models.values_mut().for_each(|model| model.segments.clear());
    }
    let decoder = match mode {
        Mode::Topics => config.decoder(Some(Connection::new(config)?.schemas))?,
        Mode::Rows | Mode::Events => Decoder::new(Format::Json, config.envelope()?),
    };
    Ok((Pipeline::new(sketcher, Arc::new(evaluator), references, inputs), decoder))
}

/// Leaves the models that are replayed: those of events, or the one that rows belong to.
fn choose(config: &mut Config, args: &ReplayArgs, mode: Mode) -> Result<()> {
    if let Some(name) = &args.model {
        if config.model(name).is_none() {
            return Err(no_model(name, config));
        }
        config.models.retain(|model| *model.name == **name);
    }
    let several = config.models.len() > 1;
    if several && (mode == Mode::Rows || args.reference.is_some()) {
        return Err(Error::usage("the configuration has several models")
            .hint(format!("say which with --model: {}", names(config))));
    }
    if config.models.is_empty() {
        return Err(Error::usage("the configuration lists no model"));
    }
    Ok(())
}

/// What a replay without a configuration starts from: nothing waits for anything.
fn without_file(args: &ReplayArgs, mode: Mode) -> Result<Table> {
    let model = match (&args.model, mode) {
        (Some(model), _) => model,
        (None, Mode::Rows) => MODEL,
        (None, Mode::Events | Mode::Topics) => {
            return Err(
                Error::usage("which model are the events of?").hint("say --model NAME, or give --config")
            );
        }
    };
    let mut table = parsed(
        "window.allowed_lateness = '0s'\n\
         [policy]\nwarmup = '0s'\nevent_cooldown = '0s'\nretrain = { settle = '0s', cooldown = '0s' }\n",
    );
    let model = Table::from_iter([("name".to_owned(), Value::from(model))]);
    table.insert("model".into(), Value::Array(vec![Value::Table(model)]));
    if args.cut.window.is_none() && args.cut.slide.is_none() {
        let window = Config::default().window.grid;
        overlay(&mut table, grid(window.size_ms(), window.slide_ms(), args.look));
    }
    Ok(table)
}

/// A drift has lasted long enough for a trigger when it has lasted for a window that is judged.
fn follow_min_rows(table: &mut Table) {
    let Some(policy) = table.get_mut("policy").and_then(Value::as_table_mut) else { return };
    let default = || Value::from(i64::try_from(Config::default().policy.min_rows).unwrap_or(i64::MAX));
    let min_rows = policy.get("min_rows").cloned().unwrap_or_else(default);
    let retrain = policy.entry("retrain").or_insert_with(|| Value::Table(Table::new()));
    if let Some(retrain) = retrain.as_table_mut() {
        retrain.entry("min_rows_since_onset").or_insert(min_rows);
    }
}

/// `[window]` as the options have it: the slide is the window's size, the look a tenth of the slide.
fn windows(args: &ReplayArgs) -> Table {
    let look = args.look;
    let mut table = match (args.cut.window, args.cut.slide) {
        (Some(size), slide) => grid(size, slide.unwrap_or(size), look),
        (None, Some(slide)) => {
            let mut table = grid(slide, slide, look);
            if let Some(window) = table.get_mut("window").and_then(Value::as_table_mut) {
                window.remove("size");
            }
            table
        }
        (None, None) => {
            let look = look.map(|ms| format!("window.look = '{ms}ms'\n"));
            parsed(&look.unwrap_or_default())
        }
    };
    let season = args.cut.season.map(|season| ("season", season.name().to_owned()));
    let said = season.into_iter().chain(args.cut.time_zone.clone().map(|zone| ("time_zone", zone)));
    let said = Table::from_iter(said.map(|(key, value)| (key.to_owned(), Value::from(value))));
    overlay(&mut table, Table::from_iter([("window".to_owned(), Value::Table(said))]));
    table
}

fn grid(size_ms: i64, slide_ms: i64, look_ms: Option<i64>) -> Table {
    let look_ms = look_ms.unwrap_or_else(|| tenth(slide_ms));
    parsed(&format!("[window]\nsize = '{size_ms}ms'\nslide = '{slide_ms}ms'\nlook = '{look_ms}ms'\n"))
}

/// The longest look of at most a tenth of the slide that divides it.
fn tenth(slide_ms: i64) -> i64 {
    (1..=slide_ms / 10).rev().find(|look| slide_ms % look == 0).unwrap_or(1)
}

/// The `[policy]` of the file at `path`, checked by itself.
fn policy(path: &Path) -> Result<Table> {
    let (text, name) = (read(path)?, path.display().to_string());
    let table = table(&text, &name)?;
    if let Some(other) = table.keys().find(|key| *key != "policy") {
        return Err(Error::config(format!("`{other}` is no part of a policy"))
            .at(name)
            .hint("the file holds [policy] and nothing else"));
    }
    Config::from_toml(&text, &name)?;
    Ok(table)
}

/// Reads `policy.min_rows=100`; a value that is not TOML is a text.
fn setting(set: &str) -> Result<Table> {
    let wrong =
        |hint: &str| Error::usage(format!("not a setting: {set:?}")).at("--set").hint(hint.to_owned());
    let (key, value) = set.split_once('=').ok_or_else(|| wrong("write KEY=VALUE"))?;
    let text = [format!("{key} = {value}"), format!("{key} = {}", Value::from(value.trim()))];
    let table = text.iter().find_map(|text| text.parse::<Table>().ok());
    let table = table.ok_or_else(|| wrong("write a key such as policy.min_rows before the ="))?;
    // By itself first, so that a message names the option.
    let text = toml::to_string(&table).map_err(|error| wrong(&error.to_string()))?;
    Config::from_toml(&text, &format!("--set {set}")).map_err(without_lines)?;
    Ok(table)
}

/// Lays `over` over `table`, key by key.
fn overlay(table: &mut Table, over: Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => overlay(below, above),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

/// The mistakes of a configuration that was put together: lines of it would mislead.
fn without_lines(errors: ConfigErrors) -> Error {
    let text: Vec<String> = errors
        .errors()
        .iter()
        .map(|error| {
            let text = format!("{error:#}");
            let lines = text.lines().filter(|line| !line.starts_with("  --> "));
            lines.collect::<Vec<_>>().join("\n")
        })
        .collect();
    Error::config(text.join("\n"))
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::config(format!("can't read the file: {error}")).at(path.display()))
}

fn table(text: &str, name: &str) -> Result<Table> {
    text.parse().map_err(|error: toml::de::Error| Error::config(error.message().to_owned()).at(name))
}

fn parsed(text: &str) -> Table {
    text.parse().expect("it is written here, and TOML")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_the_longest_divisor_of_at_most_a_tenth() {
        assert_eq!([tenth(1_000_000), tenth(7), tenth(1001), tenth(10)], [100_000, 1, 91, 1]);
    }

    #[test]
    fn a_setting_is_toml_or_else_a_text() {
        let min_rows = |set: &str| setting(set).unwrap()["policy"]["min_rows"].clone();
        assert_eq!(min_rows("policy.min_rows=100"), Value::from(100));
        let table = setting("policy.retrain.cooldown = 2h").unwrap();
        assert_eq!(table["policy"]["retrain"]["cooldown"], Value::from("2h"));
        let error = setting("policy.min_row=100").unwrap_err().to_string();
        assert!(error.contains("min_rows"), "{error}");
        assert!(setting("policy").is_err() && setting("=1").is_err());
    }

    #[test]
    fn what_lies_over_replaces_values_and_keeps_their_neighbours() {
        let mut table = parsed("a.b = 1\na.c = 2\nd = [1]");
        overlay(&mut table, parsed("a.b = 3\nd = [2]"));
        assert_eq!(table, parsed("a.b = 3\na.c = 2\nd = [2]"));
    }
}
