//! What people call cells of numbers: `(60, 71]`, `(203.5, +inf)`, `= 0`.

use super::OrderedCells;
use std::ops::Range;
use std::sync::OnceLock;

/// Names of the bins of PSI, written when they are first asked for: every window of a feature shows
/// them, and numbers are slow to write. They follow from the cells, so cells are compared without them.
#[derive(Debug, Clone, Default)]
pub(super) struct BinLabels(OnceLock<Vec<String>>);

impl PartialEq for BinLabels {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl OrderedCells {
    /// What a person calls the cells of `range`, which are one at least.
    pub fn label(&self, range: &Range<usize>) -> String {
        match self.bins().position(|bin| bin == *range) {
            Some(bin) => {
                let labels =
                    self.labels.0.get_or_init(|| self.bins().map(|bin| interval(self, &bin)).collect());
                labels[bin].clone()
            }
            None => interval(self, range),
        }
    }
}

fn interval(cells: &OrderedCells, range: &Range<usize>) -> String {
    let (first, last) = (range.start, range.end - 1);
    if first == last && cells.is_atom(last) {
        return format!("= {}", short(cells.upper(last)));
    }
    let from = match cells.lower(first) {
        f64::NEG_INFINITY => "-inf".into(),
        lower => short(lower),
    };
    // Before a value with a cell of its own the edge is the number next to it: say the value.
    let to = match cells.upper(last) {
        f64::INFINITY => "+inf)".into(),
        _ if cells.is_atom(range.end) => format!("{})", short(cells.upper(range.end))),
        upper => format!("{}]", short(upper)),
    };
    format!("({from}, {to}")
}

/// `number` to 12 digits, so that an interpolated edge shows none of its arithmetic, with an exponent
/// where it would be long.
fn short(number: f64) -> String {
    // Whole numbers of 12 digits have no more than that.
    let is_short = number.fract() == 0.0 && number.abs() < 1e12;
    let number = if is_short { number } else { format!("{number:.11e}").parse().unwrap_or(number) };
    if number == 0.0 || (1e-5..1e16).contains(&number.abs()) {
        number.to_string()
    } else {
        format!("{number:e}")
    }
}
