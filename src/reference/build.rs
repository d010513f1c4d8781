//! A profile from rows: kinds are found, or said by the caller.
//!
//! Quantiles and counts are exact: the numbers of a column are kept in memory, 8 bytes each.
//! Categories are kept once each, with their counts.

use super::{FeatureProfile, Profile, cells};
use crate::error::{Error, Result};
use crate::event::Value;
use crate::sketch::{Basis, FeatureSketch, category, category_name, number, sketch_numbers, truth};
use crate::words::{Kind, Name, Role};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A column of numbers only, and of more distinct texts than this, is numeric for good.
const UNDECIDED_TEXTS: usize = 4096;

/// What the caller knows of the columns.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// Kinds that are not to be found.
    pub kinds: BTreeMap<Name, Kind>,
    /// Roles other than `feature`.
    pub roles: BTreeMap<Name, Role>,
    /// Only these columns, where given.
    pub columns: Option<BTreeSet<Name>>,
    /// Not these.
    pub ignore: BTreeSet<Name>,
}

/// Gathers rows and makes a [`Profile`] of them.
#[derive(Debug)]
pub struct ProfileBuilder {
    options: BuildOptions,
    rows: u64,
    columns: BTreeMap<Name, Column>,
}

impl ProfileBuilder {
    /// An empty builder.
    pub fn new(options: BuildOptions) -> Self {
        ProfileBuilder { options, rows: 0, columns: BTreeMap::new() }
    }

    /// Takes one row. A column that a row leaves out is missing in it.
    pub fn push<'a, 'v: 'a, N: AsRef<str> + 'a>(
        &mut self,
        fields: impl IntoIterator<Item = (&'a N, &'a Value<'v>)>,
    ) {
        for (name, value) in fields {
            let name = name.as_ref();
            let wanted = self.options.columns.as_ref().is_none_or(|columns| columns.contains(name));
            if !wanted || self.options.ignore.contains(name) {
                continue;
            }
            if !self.columns.contains_key(name) {
                let kind = self.options.kinds.get(name).copied();
                self.columns.insert(name.into(), Column::new(kind));
            }
            if let Some(column) = self.columns.get_mut(name) {
                column.push(value);
            }
        }
        self.rows += 1;
    }

    /// Rows taken so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The profile. Errors: no rows, no columns, or a kind was said that the values do not fit.
    pub fn finish(self) -> Result<Profile> {
        if self.rows == 0 {
            return Err(Error::input("the reference has no rows").hint("check the input and `--rows`"));
        }
        let asked = self.options.kinds.keys().chain(self.options.columns.iter().flatten());
        if let Some(name) = asked.into_iter().find(|name| !self.columns.contains_key(*name)) {
            let known: Vec<&str> = self.columns.keys().map(|name| &**name).collect();
            return Err(Error::input(format!("the reference has no column `{name}`"))
                .hint(format!("its columns are {}", known.join(", "))));
        }
        if self.columns.is_empty() {
            return Err(Error::input("the reference has no columns to monitor"));
        }
        let rows = self.rows;
        let roles = self.options.roles;
        let features = self.columns.into_iter().map(|(name, column)| {
            let role = roles.get(&name).copied().unwrap_or(Role::Feature);
            column.finish(name, role, rows)
        });
        Ok(Profile::new(rows, features.collect::<Result<_>>()?))
    }
}

/// What a column has shown so far.
#[derive(Debug)]
struct Column {
    kind: Option<Kind>,
    present: u64,
    invalid: u64,
    numbers: Vec<f64>,
    categories: HashMap<Name, u64>,
    truths: [u64; 2],
    /// Valid values that cannot be numbers.
    texts: u64,
}

impl Column {
    fn new(kind: Option<Kind>) -> Self {
        let (numbers, categories) = (Vec::new(), HashMap::new());
        Column { kind, present: 0, invalid: 0, numbers, categories, truths: [0, 0], texts: 0 }
    }

    fn push(&mut self, value: &Value<'_>) {
        if matches!(value, Value::Missing) {
            return;
        }
        self.present += 1;
        match self.kind {
            Some(kind) if kind.is_numeric() => self.push_number(value),
            Some(Kind::Boolean) => match truth(value) {
                Some(truth) => self.truths[usize::from(truth)] += 1,
                None => self.invalid += 1,
            },
            Some(kind) => self.push_category(kind, value),
            None => self.push_undecided(value),
        }
    }

    fn push_number(&mut self, value: &Value<'_>) {
        match number(value).filter(|number| number.is_finite()) {
            Some(number) => self.numbers.push(number + 0.0),
            None => self.invalid += 1,
        }
    }

    fn push_category(&mut self, kind: Kind, value: &Value<'_>) {
        match category(kind, value) {
            Some(name) => *self.categories.entry(name.as_ref().into()).or_default() += 1,
            None => self.invalid += 1,
        }
    }

    /// Keeps numbers and texts side by side until one of them is out of the question.
    fn push_undecided(&mut self, value: &Value<'_>) {
        let word = matches!(value, Value::Bool(_))
            || matches!(value, Value::Text(text) | Value::Literal(text)
                if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"));
        if word && let Some(truth) = truth(value) {
            self.truths[usize::from(truth)] += 1;
        }
        match number(value).filter(|_| !word) {
            Some(number) if number.is_finite() => self.numbers.push(number + 0.0),
            Some(_) => {
                self.invalid += 1;
                return;
            }
            None => self.texts += 1,
        }
        let name = match value {
            Value::Text(text) | Value::Literal(text) => category_name(text),
            other => match category(Kind::Categorical, other) {
                Some(name) => name,
                None => {
                    self.texts -= 1;
                    self.invalid += 1;
                    return;
                }
            },
        };
        *self.categories.entry(name.as_ref().into()).or_default() += 1;
        let words = self.truths[0] + self.truths[1];
        if self.texts == 0 && self.categories.len() > UNDECIDED_TEXTS {
            self.kind = Some(Kind::Continuous);
            self.categories = HashMap::new();
        } else if self.texts > words {
            self.kind = Some(Kind::Categorical);
            self.numbers = Vec::new();
        }
    }

    fn found_kind(&self, sorted: &[f64]) -> Kind {
        let words = self.truths[0] + self.truths[1];
        match self.texts {
            0 if cells::is_discrete(sorted) && !sorted.is_empty() => Kind::Discrete,
            0 => Kind::Continuous,
            texts if texts == words && sorted.is_empty() => Kind::Boolean,
            _ => Kind::Categorical,
        }
    }

    fn finish(mut self, name: Name, role: Role, rows: u64) -> Result<FeatureProfile> {
        let mut sorted = std::mem::take(&mut self.numbers);
        sorted.sort_unstable_by(f64::total_cmp);
        let kind = self.kind.unwrap_or_else(|| self.found_kind(&sorted));
        let (basis, mut sketch) = match kind {
            Kind::Continuous => numeric(cells::continuous(&sorted), &sorted),
            Kind::Discrete => {
                let cells = cells::discrete(&sorted).map_err(|why| {
                    Error::input(why).at(format!("column `{name}`")).hint("make it continuous")
                })?;
                numeric(cells, &sorted)
            }
            Kind::Boolean => counted(cells::boolean(), vec![self.truths[0], self.truths[1], 0]),
            Kind::Categorical => {
                let (categories, counts) = cells::categories(&self.categories);
                counted(categories, counts)
            }
        };
        sketch.tally.invalid = self.invalid;
        sketch.tally.missing = rows - self.present;
        let singletons = match kind {
            Kind::Categorical => self.categories.values().filter(|count| **count == 1).count() as u64,
            _ => 0,
        };
        Ok(FeatureProfile { name, role, kind, basis: Arc::new(basis), sketch, singletons })
    }
}

fn numeric(cells: crate::sketch::OrderedCells, sorted: &[f64]) -> (Basis, FeatureSketch) {
    let sketch = sketch_numbers(&cells, sorted);
    (Basis::Ordered(cells), sketch)
}

fn counted(categories: crate::sketch::Categories, counts: Vec<u64>) -> (Basis, FeatureSketch) {
    let mut sketch = FeatureSketch::default();
    sketch.tally.cells = counts;
    (Basis::Categories(categories), sketch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(rows: &[Value<'_>], options: BuildOptions) -> FeatureProfile {
        let mut builder = ProfileBuilder::new(options);
        let name = Name::from("x");
        rows.iter().for_each(|value| builder.push([(&name, value)]));
        builder.finish().unwrap().features()[0].clone()
    }

    fn kind_of(rows: impl Iterator<Item = Value<'static>>) -> Kind {
        built(&rows.collect::<Vec<_>>(), BuildOptions::default()).kind
    }

    #[test]
    fn kinds_are_found() {
        let literal = |text: String| Value::Literal(text.into());
        assert_eq!(kind_of((0..100).map(|i| Value::Number(f64::from(i)))), Kind::Continuous);
        assert_eq!(kind_of((0..100).map(|i| literal(format!("{}", i % 3)))), Kind::Discrete);
        assert_eq!(kind_of((0..5000).map(|i| literal(format!("{i}.5")))), Kind::Continuous);
        assert_eq!(kind_of((0..100).map(|i| literal(format!("c{}", i % 3)))), Kind::Categorical);
        assert_eq!(
            kind_of((0..100).map(|i| literal(if i == 50 { "A1".into() } else { i.to_string() }))),
            Kind::Categorical
        );
        assert_eq!(kind_of((0..100).map(|i| Value::Bool(i % 2 == 0))), Kind::Boolean);
        assert_eq!(kind_of((0..100).map(|i| literal((i % 2 == 0).to_string()))), Kind::Boolean);
        assert_eq!(kind_of((0..10).map(|_| Value::Missing)), Kind::Continuous);
    }

    #[test]
    fn every_row_is_counted_and_a_late_column_was_missing_before() {
        let mut builder = ProfileBuilder::new(BuildOptions::default());
        let (a, b) = (Name::from("a"), Name::from("b"));
        builder.push([(&a, &Value::Number(1.0))]);
        builder.push([(&a, &Value::Number(f64::NAN)), (&b, &Value::Text("x".into()))]);
        let profile = builder.finish().unwrap();
        let tallies: Vec<_> =
            profile.features().iter().map(|f| (f.sketch.tally.missing, f.sketch.tally.invalid)).collect();
        assert_eq!(tallies, [(0, 1), (1, 0)]);
        assert!(profile.features().iter().all(|f| f.sketch.tally.rows() == 2));
        assert_eq!(profile.features()[1].singletons, 1);
    }

    #[test]
    fn the_id_is_of_the_content() {
        let rows: Vec<Value<'_>> = (0..100).map(|i| Value::Number(f64::from(i))).collect();
        let id = |rows: &[Value<'_>]| {
            let mut builder = ProfileBuilder::new(BuildOptions::default());
            rows.iter().for_each(|value| builder.push([(&Name::from("x"), value)]));
            builder.finish().unwrap().id().clone()
        };
        let mut reversed = rows.clone();
        reversed.reverse();
        assert_eq!(id(&rows), id(&reversed));
        assert_ne!(id(&rows), id(&rows[1..]));
        assert!(id(&rows).as_str().starts_with("ref_") && id(&rows).as_str().len() == 36);
    }

    #[test]
    fn a_kind_that_was_said_holds() {
        let options =
            BuildOptions { kinds: [("x".into(), Kind::Categorical)].into(), ..BuildOptions::default() };
        let rows: Vec<Value<'_>> = (0..100).map(|i| Value::Literal(format!("{}.0", i % 2).into())).collect();
        let profile = built(&rows, options);
        let Basis::Categories(categories) = &*profile.basis else { panic!("{profile:?}") };
        assert_eq!(categories.names().iter().map(|n| &**n).collect::<Vec<_>>(), ["0.0", "1.0"]);
    }

    #[test]
    fn a_reference_without_rows_or_with_an_unknown_column_is_refused() {
        assert!(ProfileBuilder::new(BuildOptions::default()).finish().is_err());
        let options =
            BuildOptions { kinds: [("y".into(), Kind::Discrete)].into(), ..BuildOptions::default() };
        let mut builder = ProfileBuilder::new(options);
        builder.push([(&Name::from("x"), &Value::Number(1.0))]);
        assert!(builder.finish().unwrap_err().to_string().contains("its columns are x"));
    }
}
