//! A column of the reference: what its values show so far, in the order of their rows.

use super::build::BLOCK_ROWS;
use super::calibration::{PaneCounts, Pieces};
use super::{FeatureProfile, cells};
use crate::error::{Error, Result};
use crate::event::Value;
use crate::sketch::{
    Basis, Categories, CategoryCell, FeatureSketch, OrderedCells, Tally, category, category_name, number,
    sketch_numbers, truth,
};
use crate::words::{Kind, Name, Role};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A column of numbers only, and of more distinct texts than this, is numeric for good.
const UNDECIDED_TEXTS: usize = 4096;

/// What a column has shown so far.
#[derive(Debug, Default)]
pub(super) struct Column {
    kind: Option<Kind>,
    present: u64,
    invalid: u64,
    /// Valid values that cannot be numbers.
    texts: u64,
    /// Valid values that are the words true or false.
    words: u64,
    values: Values,
}

/// Valid values in the order of their rows: numbers, names, or both while the kind is open.
#[derive(Debug, Default)]
pub(super) struct Values {
    numbers: Vec<f64>,
    names: HashMap<Name, u32>,
    sequence: Vec<u32>,
    /// Where the rows of another pane, or of another slot of the season, begin.
    panes: Vec<Mark<(i64, u16)>>,
    /// Where those of another block of [`BLOCK_ROWS`] begin.
    blocks: Vec<Mark<u64>>,
}

/// What there was of a column before the first row of a pane or block.
#[derive(Debug)]
struct Mark<N> {
    number: N,
    numbers: usize,
    names: usize,
}

impl Column {
    pub fn new(kind: Option<Kind>) -> Self {
        Column { kind, ..Column::default() }
    }

    /// Takes the value of a row in a `pane` and slot, and in a `block` of rows.
    pub fn push(&mut self, pane: Option<(i64, u16)>, block: u64, value: &Value<'_>) {
        if matches!(value, Value::Missing) {
            return;
        }
        self.present += 1;
        self.values.mark(pane, block);
        match self.kind {
            Some(kind) if kind.is_numeric() => match number(value).filter(|number| number.is_finite()) {
                Some(number) => self.values.numbers.push(number + 0.0),
                None => self.invalid += 1,
            },
            Some(kind) => match category(kind, value) {
                Some(name) => self.values.push_name(&name),
                None => self.invalid += 1,
            },
            None => self.push_undecided(value),
        }
    }

    /// Keeps numbers and texts side by side until one of them is out of the question.
    fn push_undecided(&mut self, value: &Value<'_>) {
        let is_word = matches!(value, Value::Bool(_))
            || matches!(value, Value::Text(text) | Value::Literal(text)
                if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"));
        let name = match value {
            Value::Text(text) | Value::Literal(text) => Some(category_name(text)),
            other => category(Kind::Categorical, other),
        };
        let number = number(value).filter(|_| !is_word);
        let is_finite = number.is_none_or(f64::is_finite);
        let Some(name) = name.filter(|_| is_finite) else {
            self.invalid += 1;
            return;
        };
        match number {
            Some(number) => self.values.numbers.push(number + 0.0),
            None => self.texts += 1,
        }
        self.words += u64::from(is_word);
        self.values.push_name(&name);
        if self.texts == 0 && self.values.names.len() > UNDECIDED_TEXTS {
            self.kind = Some(Kind::Continuous);
            (self.values.names, self.values.sequence) = (HashMap::new(), Vec::new());
        } else if self.texts > self.words {
            self.kind = Some(Kind::Categorical);
            self.values.numbers = Vec::new();
        }
    }

    fn found_kind(&self, sorted: &[f64]) -> Kind {
        match self.texts {
            0 if cells::is_discrete(sorted) && !sorted.is_empty() => Kind::Discrete,
            0 => Kind::Continuous,
            texts if texts == self.words && sorted.is_empty() => Kind::Boolean,
            _ => Kind::Categorical,
        }
    }

    /// The feature's profile of `rows` rows, and its values.
    pub fn finish(self, name: Name, role: Role, rows: u64) -> Result<(FeatureProfile, Values)> {
        let mut sorted = self.values.numbers.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let kind = self.kind.unwrap_or_else(|| self.found_kind(&sorted));
        let (mut singletons, mut doubletons) = (0, 0);
        let (basis, mut sketch) = match kind {
            Kind::Continuous => numeric(cells::continuous(&sorted), &sorted),
            Kind::Discrete => {
                let cells = cells::discrete(&sorted).map_err(|why| {
                    Error::input(why).at(format!("column `{name}`")).hint("make it continuous")
                })?;
                numeric(cells, &sorted)
            }
            Kind::Boolean => {
                let truths = self.values.truths();
                counted(cells::boolean(), vec![truths[0], truths[1], 0])
            }
            Kind::Categorical => {
                let counts = self.values.counts();
                let seen = |times: u64| counts.values().filter(|count| **count == times).count() as u64;
                (singletons, doubletons) = (seen(1), seen(2));
                let (categories, counts) = cells::categories(&counts);
                counted(categories, counts)
            }
        };
        sketch.tally.invalid = self.invalid;
        sketch.tally.missing = rows - self.present;
        let (basis, calibration) = (Arc::new(basis), Vec::new());
        let profile = FeatureProfile {
            name,
            role,
            kind,
            basis,
            sketch,
            singletons,
            doubletons,
            calibration,
            season: None,
            early: None,
        };
        Ok((profile, self.values))
    }
}

impl Values {
    fn mark(&mut self, pane: Option<(i64, u16)>, block: u64) {
        let so_far = (self.numbers.len(), self.sequence.len());
        mark_in(&mut self.blocks, block, so_far);
        if let Some(pane) = pane {
            mark_in(&mut self.panes, pane, so_far);
        }
    }

    fn push_name(&mut self, name: &str) {
        let next = self.names.len() as u32;
        let id = match self.names.get(name) {
            Some(id) => *id,
            None => *self.names.entry(name.into()).or_insert(next),
        };
        self.sequence.push(id);
    }

    fn counts(&self) -> HashMap<Name, u64> {
        let mut counts = vec![0; self.names.len()];
        self.sequence.iter().for_each(|id| counts[*id as usize] += 1);
        self.names.iter().map(|(name, id)| (name.clone(), counts[*id as usize])).collect()
    }

    /// How many are false, and how many true.
    fn truths(&self) -> [u64; 2] {
        let mut truths = [0, 0];
        for (name, count) in self.counts() {
            if let Some(truth) = truth(&Value::Text((&*name).into())) {
                truths[usize::from(truth)] += count;
            }
        }
        truths
    }

    /// The counts of each of the `panes`, which say how many rows each has.
    pub fn by_pane(&self, basis: &Basis, panes: &BTreeMap<(i64, u16), u64>) -> Pieces {
        let of = |(pane, rows): (&(i64, u16), &u64)| {
            (*pane, PaneCounts { cells: vec![0; basis.cells()], rows: *rows, bad: *rows })
        };
        let mut counts: Pieces = panes.iter().map(of).collect();
        for (pane, cells) in self.by_mark(&self.panes, basis) {
            if let Some(counts) = counts.get_mut(&pane) {
                counts.bad -= cells.iter().sum::<u64>();
                counts.cells.iter_mut().zip(cells).for_each(|(mine, rows)| *mine += rows);
            }
        }
        counts
    }

    /// The tallies of all blocks of [`BLOCK_ROWS`] in `rows` rows, in their order.
    pub fn by_block<'a>(&'a self, basis: &'a Basis, rows: u64) -> impl Iterator<Item = Tally> + 'a {
        let mut marked = self.by_mark(&self.blocks, basis).peekable();
        (0..rows.div_ceil(BLOCK_ROWS)).map(move |block| {
            let own = marked.next_if(|(number, _)| *number == block);
            let cells = own.map_or_else(|| vec![0; basis.cells()], |(_, cells)| cells);
            let missing = BLOCK_ROWS.min(rows - block * BLOCK_ROWS).saturating_sub(cells.iter().sum());
            Tally { missing, cells, ..Tally::default() }
        })
    }

    /// The valid rows from each mark to the next, by cell.
    fn by_mark<'a, N: Copy>(
        &'a self,
        marks: &'a [Mark<N>],
        basis: &'a Basis,
    ) -> impl Iterator<Item = (N, Vec<u64>)> + 'a {
        let ends = marks.iter().skip(1).map(|mark| (mark.numbers, mark.names));
        let ends = ends.chain([(self.numbers.len(), self.sequence.len())]);
        let cell_of_name = self.cells_of_names(basis);
        marks.iter().zip(ends).map(move |(mark, (numbers, names))| {
            let mut counts = vec![0; basis.cells()];
            match basis {
                Basis::Ordered(cells) => {
                    let values = &self.numbers[mark.numbers..numbers];
                    values.iter().for_each(|value| counts[cells.locate(*value)] += 1);
                }
                Basis::Categories(_) => {
                    let ids = self.sequence[mark.names..names].iter();
                    ids.filter_map(|id| cell_of_name[*id as usize]).for_each(|cell| counts[cell] += 1);
                }
            }
            (mark.number, counts)
        })
    }

    /// The cell of each name, by its number; of a boolean column, that of the truth it says.
    fn cells_of_names(&self, basis: &Basis) -> Vec<Option<usize>> {
        let mut cells = vec![None; self.names.len()];
        let Basis::Categories(categories) = basis else { return cells };
        let is_boolean = *categories == cells::boolean();
        for (name, id) in &self.names {
            let word = truth(&Value::Text((&**name).into())).filter(|_| is_boolean);
            let name = word.map_or(&**name, |truth| if truth { "true" } else { "false" });
            if let CategoryCell::Cell(cell) = categories.locate(name) {
                cells[*id as usize] = Some(cell);
            }
        }
        cells
    }
}

fn mark_in<N: PartialEq>(marks: &mut Vec<Mark<N>>, number: N, (numbers, names): (usize, usize)) {
    if marks.last().is_none_or(|last| last.number != number) {
        marks.push(Mark { number, numbers, names });
    }
}

fn numeric(cells: OrderedCells, sorted: &[f64]) -> (Basis, FeatureSketch) {
    let sketch = sketch_numbers(&cells, sorted);
    (Basis::Ordered(cells), sketch)
}

fn counted(categories: Categories, counts: Vec<u64>) -> (Basis, FeatureSketch) {
    let mut sketch = FeatureSketch::default();
    sketch.tally.cells = counts;
    (Basis::Categories(categories), sketch)
}
