//! One feature of a window against its reference: every measure, and one answer to each question.
//!
//! What decides (`p_certain` and the sizes) rests on counts only. Levels, thresholds, suffixes and
//! verdicts are not here.

use super::significance::{kolmogorov_p, missing_p, pooled_categories, pooled_ordered, unseen_p};
use super::{Measures, ks, psi};
use crate::reference::FeatureProfile;
use crate::sketch::{Basis, FeatureSketch, Tally};
use crate::words::{Kind, Question};
use std::fmt;

/// Fewer rows than this on either side answer no question.
pub const MIN_ROWS: u64 = 50;

/// A feature of a window against its reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The window's rows with a valid value.
    pub rows: u64,
    /// The reference's rows with a valid value.
    pub reference_rows: u64,
    /// Effect sizes of the whole comparison.
    pub measures: Measures,
    /// Whether the values have the reference's distribution.
    pub shape: Answer,
    /// Whether missing and invalid values are as frequent as in the reference.
    pub missing: Answer,
    /// Whether categories that the reference never saw are as rare as they should be.
    pub unseen: Answer,
}

impl Comparison {
    /// The answer to `question`.
    pub fn answer(&self, question: Question) -> &Answer {
        match question {
            Question::Shape => &self.shape,
            Question::Missing => &self.missing,
            Question::Unseen => &self.unseen,
        }
    }
}

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
    /// `corrected` of psi.
    pub psi: Option<f64>,
    /// `low` of ks.
    pub ks: Option<f64>,
    /// Change of a share of rows, from -1 to 1, negative when it fell; its magnitude is judged. Of
    /// the unseen only the excess over what was to be expected.
    pub share: Option<f64>,
}

/// Why a question can't be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untestable {
    /// Fewer than [`MIN_ROWS`] rows in the window or the reference.
    TooFewRows,
    /// Fewer than two cells remain after pooling.
    TooFewCells,
    /// The question makes no sense for this feature, for the reason given.
    NotApplicable(&'static str),
}

impl fmt::Display for Untestable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Untestable::TooFewRows => write!(f, "fewer than {MIN_ROWS} rows"),
            Untestable::TooFewCells => f.write_str("fewer than two cells with rows enough"),
            Untestable::NotApplicable(reason) => f.write_str(reason),
        }
    }
}

/// Compares `window` with `reference`; both must be counted in the reference's cells.
pub fn compare(reference: &FeatureProfile, window: &FeatureSketch) -> Comparison {
    let ks = match &*reference.basis {
        Basis::Ordered(cells) => ks::ks(cells, &reference.sketch, window),
        Basis::Categories(_) => None,
    };
    let measures = Measures { psi: psi::psi(reference, window), ks, ..Measures::default() };
    let answer =
        |outcome: Result<Tested, Untestable>| outcome.map_or_else(Answer::Untestable, Answer::Tested);
    Comparison {
        rows: window.tally.valid(),
        reference_rows: reference.valid(),
        shape: answer(shape(reference, &window.tally, &measures)),
        missing: answer(missing(&reference.sketch.tally, &window.tally)),
        unseen: answer(unseen(reference, &window.tally)),
        measures,
    }
}

fn shape(reference: &FeatureProfile, window: &Tally, measures: &Measures) -> Result<Tested, Untestable> {
    let (n, m) = enough(window.valid(), reference.valid())?;
    let psi = measures.psi.map(|psi| psi.corrected);
    let sizes = Sizes { psi, ks: measures.ks.map(|ks| ks.low), share: None };
    if let (Kind::Continuous, Some(ks)) = (reference.kind, measures.ks) {
        let (p_value, p_certain) = (kolmogorov_p(ks.value, n, m), kolmogorov_p(ks.low, n, m));
        return Ok(Tested { p_value, p_certain, sizes });
    }
    let counts = reference.sketch.tally.cells.iter().copied().zip(window.cells.iter().copied());
    let pooled = match &*reference.basis {
        Basis::Ordered(_) => pooled_ordered(counts),
        Basis::Categories(_) => pooled_categories(counts, window.unseen),
    };
    let p = pooled.ok_or(Untestable::TooFewCells)?.p_value;
    Ok(Tested { p_value: p, p_certain: p, sizes })
}

fn missing(reference: &Tally, window: &Tally) -> Result<Tested, Untestable> {
    let (n, m) = enough(window.rows(), reference.rows())?;
    let (c, r) = (window.missing + window.invalid, reference.missing + reference.invalid);
    let p = missing_p(c, n, r, m);
    let change = c as f64 / n as f64 - r as f64 / m as f64;
    Ok(Tested { p_value: p, p_certain: p, sizes: Sizes { share: Some(change), ..Sizes::default() } })
}

fn unseen(reference: &FeatureProfile, window: &Tally) -> Result<Tested, Untestable> {
    if matches!(&*reference.basis, Basis::Ordered(_)) {
        return Err(Untestable::NotApplicable("numbers are not categories"));
    }
    if !reference.tells_unseen() {
        return Err(Untestable::NotApplicable("too many categories in the reference to tell unseen ones"));
    }
    let (n, m) = enough(window.valid(), reference.valid())?;
    let p = unseen_p(window.unseen, n, reference.singletons, m)
        .ok_or(Untestable::NotApplicable("identifier-like column"))?;
    let excess = window.unseen as f64 / n as f64 - reference.singletons as f64 / m as f64;
    Ok(Tested { p_value: p, p_certain: p, sizes: Sizes { share: Some(excess.max(0.0)), ..Sizes::default() } })
}

/// Rows of the window and the reference, where both have enough.
fn enough(n: u64, m: u64) -> Result<(u64, u64), Untestable> {
    if n.min(m) < MIN_ROWS { Err(Untestable::TooFewRows) } else { Ok((n, m)) }
}
