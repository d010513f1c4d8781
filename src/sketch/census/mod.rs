//! The values of a column before any reference says how they are counted: what a reference can be made
//! of, and what can be counted by one that is made later.
//!
//! A [`Census`] is the same in whatever order and grouping parts are merged. It says exactly how many
//! rows lie in the cells of a basis, where those are unions of its own cells; else it says nothing.

mod numbers;
mod record;

pub use numbers::{NumberCell, NumberCensus};
pub use record::CensusRecord;

use super::basis::{CategoryCell, hash_of};
use super::{
    Basis, Categories, Detail, Digest, FeatureSketch, Moments, OrderedCells, Tally, Unseen, category, number,
    truth,
};
use crate::event::Value;
use crate::words::Kind;

/// Most cells of numbers, and most names, while rows are gathered.
pub const MOST_CELLS: usize = 4096;
/// Most of both that a reference is made of: fewer, so that what is gathered later is as fine.
pub const MOST_REFERENCE_CELLS: usize = 1024;

/// Counts of the values of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct Census {
    /// Null.
    pub missing: u64,
    /// Neither a finite number nor a truth nor a text.
    pub invalid: u64,
    /// False, and true.
    pub truths: [u64; 2],
    /// Numbers.
    pub numbers: NumberCensus,
    /// Of the numbers those that were written as text, and count by that name where they are categories.
    pub literals: u64,
    /// Texts that are no numbers.
    pub texts: u64,
    /// Of these the words true and false.
    pub words: u64,
    /// Texts and literals by name: those of the smallest hashes.
    pub names: Unseen,
}

impl Default for Census {
    fn default() -> Self {
        Census {
            missing: 0,
            invalid: 0,
            truths: [0, 0],
            numbers: NumberCensus::default(),
            literals: 0,
            texts: 0,
            words: 0,
            names: Unseen::with_cap(MOST_CELLS),
        }
    }
}

impl Census {
    /// Counts a value of a column that is of `kind`, where that is known: numbers that are categories
    /// have names.
    pub fn add(&mut self, value: &Value<'_>, kind: Option<Kind>) {
        let is_named = kind.is_some_and(|kind| !kind.is_numeric());
        match value {
            Value::Missing => self.missing += 1,
            Value::Bool(truth) => self.truths[usize::from(*truth)] += 1,
            Value::Number(number) if number.is_finite() && !is_named => self.numbers.add(*number),
            Value::Number(_) | Value::Text(_) | Value::Literal(_) => self.add_name(value, is_named),
            Value::Other => self.invalid += 1,
        }
    }

    fn add_name(&mut self, value: &Value<'_>, is_named: bool) {
        let number = number(value).filter(|_| !is_named);
        let name = category(Kind::Categorical, value).filter(|_| number.is_none_or(f64::is_finite));
        let Some(name) = name else {
            self.invalid += 1;
            return;
        };
        match number {
            Some(number) => {
                self.numbers.add(number);
                self.literals += 1;
            }
            None => {
                self.texts += 1;
                let is_word = name.eq_ignore_ascii_case("true") || name.eq_ignore_ascii_case("false");
                self.words += u64::from(is_word);
            }
        }
        self.names.add(&name, 1);
    }

    /// Merges `other` into this.
    pub fn merge(&mut self, other: &Census) {
        self.missing += other.missing;
        self.invalid += other.invalid;
        self.truths = [self.truths[0] + other.truths[0], self.truths[1] + other.truths[1]];
        self.numbers.merge(&other.numbers);
        self.literals += other.literals;
        self.texts += other.texts;
        self.words += other.words;
        self.names.merge(&other.names);
    }

    /// Rows that have a value, whether it is good or not.
    pub fn present(&self) -> u64 {
        self.invalid + self.truths.iter().sum::<u64>() + self.numbers.rows() + self.texts
    }

    /// Rows that have the column, null or not.
    pub fn rows(&self) -> u64 {
        self.missing + self.present()
    }

    /// Texts and literals that are not kept by name.
    pub fn unnamed(&self) -> u64 {
        self.texts + self.literals - self.names.iter().map(|(_, rows)| rows).sum::<u64>()
    }

    /// The names of all categories that the values are, with their rows; of numbers only where each
    /// is known.
    pub fn categories(&self) -> Option<Vec<(String, u64)>> {
        let names = self.names.iter().map(|(name, rows)| (name.to_string(), rows));
        let truths = ["false", "true"].into_iter().zip(self.truths).filter(|(_, rows)| *rows > 0);
        let mut all: Vec<(String, u64)> =
            names.chain(truths.map(|(name, rows)| (name.to_owned(), rows))).collect();
        match (self.literals, self.numbers.rows()) {
            (0, _) => {
                let named = |cell: NumberCell| Some((cell.value()?.to_string(), cell.rows));
                all.extend(self.numbers.cells().map(named).collect::<Option<Vec<_>>>()?);
            }
            (literals, numbers) if literals == numbers => {}
            _ => return None,
        }
        Some(all)
    }

    /// The same values of `rows` rows as an accumulator would have counted them for a feature of `kind`
    /// in the cells of `basis`; `None` where a cell of the census lies in several of these.
    pub fn sketch(&self, kind: Kind, basis: &Basis, rows: u64, unseen_cap: usize) -> Option<FeatureSketch> {
        let mut sketch = FeatureSketch {
            tally: Tally { cells: vec![0; basis.cells()], invalid: self.invalid, ..Tally::default() },
            detail: Detail { unseen: Unseen::with_cap(unseen_cap), ..Detail::default() },
        };
        sketch.tally.missing = rows.saturating_sub(self.present());
        match basis {
            Basis::Ordered(cells) => self.count_numbers(cells, &mut sketch)?,
            Basis::Categories(categories) => self.count_categories(kind, categories, &mut sketch)?,
        }
        Some(sketch)
    }

    fn count_numbers(&self, cells: &OrderedCells, sketch: &mut FeatureSketch) -> Option<()> {
        sketch.tally.invalid += self.texts;
        let mut points = Vec::new();
        for cell in self.numbers.cells() {
            let at = cells.locate(cell.first);
            if at != cells.locate(cell.last) {
                return None;
            }
            sketch.tally.cells[at] += cell.rows;
            // Its middle stands for the cell where nothing is decided.
            let middle = cell.value().unwrap_or(cell.first / 2.0 + cell.last / 2.0);
            points.push((middle, cell.rows));
        }
        let (mut least, mut greatest) = self.numbers.extremes().unwrap_or((f64::INFINITY, f64::NEG_INFINITY));
        points.iter_mut().for_each(|(point, _)| *point = point.clamp(least, greatest));
        for (truth, rows) in [0.0, 1.0].into_iter().zip(self.truths).filter(|(_, rows)| *rows > 0) {
            sketch.tally.cells[cells.locate(truth)] += rows;
            points.push((truth, rows));
            (least, greatest) = (least.min(truth), greatest.max(truth));
        }
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (point, rows) in &points {
            sketch.detail.moments.merge(&Moments { count: *rows, mean: *point, squares: 0.0 });
        }
        sketch.detail.digest = Digest::of_points(&points, least, greatest);
        Some(())
    }

    fn count_categories(&self, kind: Kind, known: &Categories, sketch: &mut FeatureSketch) -> Option<()> {
        let categories = self.categories()?;
        let tally = &mut sketch.tally;
        let unnamed = self.unnamed();
        if kind == Kind::Boolean && unnamed > 0 {
            return None;
        }
        for (name, rows) in &categories {
            let name = match kind {
                Kind::Boolean => match truth(&Value::Text(name.into())) {
                    Some(truth) => ["false", "true"][usize::from(truth)],
                    None => {
                        tally.invalid += rows;
                        continue;
                    }
                },
                _ => name,
            };
            match known.locate(name) {
                CategoryCell::Cell(cell) => tally.cells[cell] += rows,
                CategoryCell::Unseen => {
                    tally.unseen += rows;
                    sketch.detail.unseen.add(name, *rows);
                }
            }
        }
        if unnamed > 0 {
            // What is not kept comes after what is, by hash: no category with a cell of its own may.
            let last = self.names.iter().last().map(|(name, _)| hash_of(name))?;
            if known.is_complete() || known.names().iter().any(|name| hash_of(name) > last) {
                return None;
            }
            tally.cells[known.names().len()] += unnamed;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
