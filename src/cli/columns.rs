//! Which columns of a table are monitored, and as what: the options that several commands share.

use crate::event::{Value, is_prediction};
use crate::files::{Format, Row, Table, TimeColumn};
use crate::policy::ModelSettings;
use crate::reference::BuildOptions;
use crate::words::{Kind, Name, Role};
use clap::Args;
use std::borrow::Cow;
use std::str::FromStr;

/// The name under which the decoders hand on a prediction; its outputs follow behind a dot.
const PREDICTION: &str = "prediction";

/// Columns of tables, by options.
#[derive(Args, Debug, Clone, Default)]
pub(super) struct ColumnArgs {
    /// Kind of a column, not to be found: continuous, discrete, categorical or boolean (repeated)
    #[arg(long = "kind", value_name = "COLUMN=KIND", value_parser = named::<Kind>)]
    pub kinds: Vec<(Name, Kind)>,
    /// Role of a column: feature, prediction, label or quality (repeated); `prediction` has its own
    #[arg(long = "role", value_name = "COLUMN=ROLE", value_parser = named::<Role>)]
    pub roles: Vec<(Name, Role)>,
    /// Monitor only these columns
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Set these columns aside
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// The column that holds the event time, or `row`: rows are seconds. It is not monitored
    #[arg(long, value_name = "COLUMN|row")]
    pub time: Option<TimeColumn>,
    /// Format of the data: csv, tsv, jsonl or parquet; else by the name of each file
    #[arg(long, value_name = "FORMAT")]
    pub input_format: Option<Format>,
}

impl ColumnArgs {
    /// Whether the column `name` is monitored.
    pub(super) fn wants(&self, name: &str) -> bool {
        let is_time = matches!(&self.time, Some(TimeColumn::Field(field)) if **field == *name);
        !is_time && self.selects(name)
    }

    /// Whether `--columns` and `--ignore` leave the feature `name` in.
    pub(super) fn selects(&self, name: &str) -> bool {
        (self.columns.is_empty() || self.columns.iter().any(|column| column == name))
            && !self.ignore.iter().any(|column| column == name)
    }

    /// How to build a profile of `table`, with what the configuration says of the model's features.
    pub(super) fn options(&self, table: &Table, model: Option<&ModelSettings>) -> BuildOptions {
        let mut ignore: Vec<Name> = self.ignore.iter().map(|name| Name::from(name.as_str())).collect();
        if let Some(TimeColumn::Field(field)) = &self.time {
            ignore.push(field.clone());
        }
        let mut options = BuildOptions {
            columns: (!self.columns.is_empty())
                .then(|| self.columns.iter().map(|name| Name::from(name.as_str())).collect()),
            ignore: ignore.into_iter().collect(),
            ..BuildOptions::default()
        };
        let known = table.columns().into_iter().flatten().cloned().chain([PREDICTION.into()]);
        options.roles.extend(known.filter(|name| is_prediction(name)).map(|name| (name, Role::Prediction)));
        for (name, feature) in model.into_iter().flat_map(|model| &model.features) {
            options.kinds.extend(feature.kind.filter(|_| self.wants(name)).map(|kind| (name.clone(), kind)));
            options.roles.extend(feature.role.map(|role| (name.clone(), role)));
        }
        options.kinds.extend(self.kinds.iter().cloned());
        options.roles.extend(self.roles.iter().cloned());
        options
    }
}

/// A row's monitored columns, borrowed.
pub(super) fn of_row<'a>(
    row: &'a Row,
    wants: impl Fn(&str) -> bool,
) -> impl Iterator<Item = (&'a Name, Value<'a>)> {
    row.fields.iter().filter(move |(name, _)| wants(name)).map(|(name, value)| (name, borrowed(value)))
}

fn borrowed<'a>(value: &'a Value<'static>) -> Value<'a> {
    match value {
        Value::Missing => Value::Missing,
        Value::Number(number) => Value::Number(*number),
        Value::Bool(truth) => Value::Bool(*truth),
        Value::Text(text) => Value::Text(Cow::Borrowed(text)),
        Value::Literal(text) => Value::Literal(Cow::Borrowed(text)),
        Value::Other => Value::Other,
    }
}

/// Reads `NAME=VALUE`; a name may hold `=` itself.
fn named<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<(Name, T), String> {
    let (name, value) = text.rsplit_once('=').ok_or("write NAME=VALUE")?;
    if name.is_empty() {
        return Err("the name before `=` is empty".into());
    }
    Ok((name.into(), value.parse().map_err(|error: T::Err| error.to_string())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_an_equals_sign_and_values_are_checked() {
        assert_eq!(named::<Kind>("a=b=discrete"), Ok(("a=b".into(), Kind::Discrete)));
        assert!(named::<Kind>("a=number").unwrap_err().contains("continuous"));
        assert!(named::<Kind>("=discrete").is_err() && named::<Kind>("discrete").is_err());
    }

    #[test]
    fn the_time_column_is_never_monitored_and_ignore_beats_columns() {
        let args = ColumnArgs {
            columns: vec!["a".into(), "b".into(), "ts".into()],
            ignore: vec!["b".into()],
            time: Some(TimeColumn::Field("ts".into())),
            ..ColumnArgs::default()
        };
        let wanted: Vec<&str> = ["a", "b", "c", "ts"].into_iter().filter(|name| args.wants(name)).collect();
        assert_eq!(wanted, ["a"]);
    }

    #[test]
    fn outputs_of_a_prediction_are_predictions() {
        assert!(is_prediction("prediction") && is_prediction("prediction.score"));
        assert!(!is_prediction("predictions") && !is_prediction("y.prediction"));
    }
}
