//! What is answered to a question: that it was tested and how surprising and how large the change is,
//! or why it can't be judged.

use super::{MEASURES, Measures, PerMeasure};
use crate::reference::Calibration;
use crate::words::Question;
use std::fmt;

/// Fewer rows than this on either side answer no question.
pub const MIN_ROWS: u64 = 50;
/// And fewer than this, after dependence is taken off.
const MIN_EFFECTIVE_ROWS: f64 = 30.0;

/// The answer to a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    /// It was tested.
    Tested(Tested),
    /// It can't be judged.
    Untestable(Untestable),
}

impl Answer {
    /// The test, where there is one.
    pub fn tested(&self) -> Option<&Tested> {
        match self {
            Answer::Tested(tested) => Some(tested),
            Answer::Untestable(_) => None,
        }
    }
}

/// A test of one question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tested {
    /// The p-value at the measure's best estimate; shown.
    pub p_value: f64,
    /// The p-value at what is certain; decides. At least `p_value`, and free of any digest.
    pub p_certain: f64,
    /// How large the change is.
    pub sizes: Sizes,
}

/// Sizes of a change, on the side that is certain; each is judged by the threshold of its name, and
/// `None` is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sizes {
    /// `corrected` of the measures that size the question; of a negative one the magnitude is judged.
    pub measures: PerMeasure<Option<f64>>,
    /// Change of a share of rows, from -1 to 1, negative when it fell; its magnitude is judged. Of
    /// the unseen only the excess over what was to be expected.
    pub share: Option<f64>,
}

/// Why a question can't be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untestable {
    /// Fewer than [`MIN_ROWS`] rows in the window or the reference.
    TooFewRows,
    /// Rows that hang together so much that they are worth fewer than 30.
    TooFewIndependent,
    /// No cell has as many rows as a test of the shape needs.
    TooFewCells,
    /// The question makes no sense for this feature, for the reason given.
    NotApplicable(&'static str),
}

impl fmt::Display for Untestable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Untestable::TooFewRows => write!(f, "fewer than {MIN_ROWS} rows"),
            Untestable::TooFewIndependent => {
                write!(f, "rows worth fewer than {MIN_EFFECTIVE_ROWS} independent ones")
            }
            Untestable::TooFewCells => f.write_str("no cell has rows enough"),
            Untestable::NotApplicable(reason) => f.write_str(reason),
        }
    }
}

impl Sizes {
    /// Those that `measures` give to `question`.
    pub(super) fn of(measures: &Measures, question: Question) -> Sizes {
        let mut sizes = Sizes::default();
        for info in MEASURES.iter().filter(|info| info.question == question) {
            *sizes.measures.get_mut(info.measure) =
                measures.get(info.measure).map(|measure| measure.corrected);
        }
        sizes
    }
}

/// How many rows are worth one independent row, by what is asked of them: variance factors, at least 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dependence {
    /// Of the values.
    pub shape: f64,
    /// Of whether there is a value.
    pub missing: f64,
}

impl Dependence {
    /// Every row counts.
    pub const NONE: Dependence = Dependence { shape: 1.0, missing: 1.0 };

    /// What a calibration found; every row counts where it found nothing.
    pub fn of(calibration: Option<&Calibration>) -> Self {
        let factor = |of: fn(&Calibration) -> Option<f64>| calibration.and_then(of).unwrap_or(1.0);
        Dependence { shape: factor(|c| c.shape), missing: factor(|c| c.missing) }
    }
}

/// Rows of the window and the reference, where both have enough, and enough of them are independent.
pub(super) fn enough(n: u64, m: u64, factor: f64) -> Result<(u64, u64), Untestable> {
    match n.min(m) {
        least if least < MIN_ROWS => Err(Untestable::TooFewRows),
        least if (least as f64) < MIN_EFFECTIVE_ROWS * factor => Err(Untestable::TooFewIndependent),
        _ => Ok((n, m)),
    }
}
