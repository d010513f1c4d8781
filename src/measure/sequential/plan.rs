//! What a feature's test needs of the reference, made once and shared by all that are tested
//! against it.

use super::Pace;
use super::alternatives::{Alternative, Change, alternatives};
use super::test::is_on;
use crate::reference::CoarseCells;
use crate::reference::FeatureProfile;
use crate::sketch::Basis;
use crate::words::{Kind, Question};
use serde::{Deserialize, Serialize};

/// Cells and bets of one feature of a reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    kind: Kind,
    cells: CoarseCells,
    alternatives: Vec<Alternative>,
    dependence: f64,
}

/// The least changes that a reference has rows enough to see early; `None`: none of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Support {
    /// A movement up or down, in standard deviations of the normal score.
    pub shift: Option<f64>,
    /// A factor of the spread, under 1.
    pub narrower: Option<f64>,
    /// A factor of the spread, over 1.
    pub wider: Option<f64>,
    /// A share of the rows that turns into values of one cell, whichever that is: a category, a tail.
    pub surge: Option<f64>,
    /// A share of the rows that turns into novel values.
    pub novel: Option<f64>,
    /// A share of the rows that goes missing.
    pub missing: Option<f64>,
}

/// The largest variance factor that the reference was calibrated with; 1 where it was not.
pub fn worst_dependence(reference: &FeatureProfile) -> f64 {
    let factors = reference.calibration.iter().flat_map(|found| [found.shape, found.missing]);
    factors.flatten().fold(1.0, f64::max)
}

impl Plan {
    /// The plan for `reference`. `dependence` is the factor by which dependence between rows
    /// multiplies the variance of their location, at least 1: a row counts as so much less.
    pub fn new(reference: &FeatureProfile, dependence: f64) -> Self {
        let (cells, dependence) = (CoarseCells::of(reference), dependence.max(1.0));
        let ordered = matches!(&*reference.basis, Basis::Ordered(_));
        let alternatives = alternatives(&cells, ordered, dependence);
        Plan { kind: reference.kind, cells, alternatives, dependence }
    }

    /// The plan for `reference`, whose rows hang together as was found when the test was tried on them;
    /// else as its calibration says, by the worst factor of any length.
    pub fn of(reference: &FeatureProfile) -> Self {
        let tried = reference.early.as_ref().map(|early| early.dependence);
        Plan::new(reference, tried.unwrap_or_else(|| worst_dependence(reference)))
    }

    /// The cells that looks are counted in.
    pub fn cells(&self) -> &CoarseCells {
        &self.cells
    }

    /// The changes that are bet on, in the order of a state's wagers.
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        self.alternatives.iter().map(|bet| bet.change)
    }

    /// What a bet on `change` gains a row once it has come, in nats, if it is on at `pace`: the
    /// divergence of the changed shares from the reference's.
    pub fn gain(&self, change: Change, pace: Pace) -> Option<f64> {
        self.alternatives.iter().find(|bet| bet.change == change && is_on(bet, pace)).map(|bet| bet.gain)
    }

    /// From what change on the reference supports early sight at `pace`.
    pub fn support(&self, pace: Pace) -> Support {
        // Of changes of one size, all must be on.
        let least = |size: &dyn Fn(Change) -> Option<f64>| {
            let sized =
                self.alternatives.iter().filter_map(|bet| Some((size(bet.change)?, is_on(bet, pace))));
            let mut sized: Vec<(f64, bool)> = sized.collect();
            sized.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            sized.chunk_by(|a, b| a.0 == b.0).find(|same| same[0].1).map(|same| same[0].0)
        };
        let surge = |of: &dyn Fn(usize) -> bool| {
            least(&|change| match change {
                Change::Surge { cell, share } if of(cell) => Some(share),
                _ => None,
            })
        };
        let (novel, missing) = (self.cells.novel(), self.cells.missing());
        Support {
            shift: least(&|change| match change {
                Change::Shift(by) => Some(by.abs()),
                _ => None,
            }),
            narrower: least(&|change| match change {
                Change::Scale(by) if by < 1.0 => Some(-by),
                _ => None,
            })
            .map(|by| -by),
            wider: least(&|change| match change {
                Change::Scale(by) if by > 1.0 => Some(by),
                _ => None,
            }),
            surge: surge(&|cell| cell < novel),
            novel: surge(&|cell| cell == novel),
            missing: surge(&|cell| cell == missing),
        }
    }

    /// What `change` is a change of.
    pub fn question(&self, change: Change) -> Question {
        match change {
            Change::Fall(_) => Question::Missing,
            Change::Surge { cell, .. } if cell == self.cells.missing() => Question::Missing,
            Change::Surge { cell, .. } if cell == self.cells.novel() && !self.kind.is_numeric() => {
                Question::Unseen
            }
            Change::Surge { .. } | Change::Shift(_) | Change::Scale(_) => Question::Shape,
        }
    }

    /// `change` in words, for people; `basis` is the reference's.
    pub fn describe(&self, change: Change, basis: &Basis) -> String {
        let about = |share: f64| format!("about {:.0} % of the rows", share * 100.0);
        match change {
            Change::Shift(by) => {
                let direction = if by > 0.0 { "up" } else { "down" };
                format!("values moved {direction} by about {} standard deviations", by.abs())
            }
            Change::Scale(by) => format!("the spread is about {by} times what it was"),
            Change::Fall(left) => {
                format!("missing values fell to about {:.0} % of what they were", left * 100.0)
            }
            Change::Surge { cell, share } if cell == self.cells.missing() => {
                format!("{} more have no valid value", about(share))
            }
            Change::Surge { cell, share } => {
                format!("{} turned into {}", about(share), self.name(cell, basis))
            }
        }
    }

    /// The values of a cell, for people.
    fn name(&self, cell: usize, basis: &Basis) -> String {
        let Some((first, last)) = self.cells.fine_ends(cell).filter(|_| cell < self.cells.novel()) else {
            return "values that the reference never held".into();
        };
        match basis {
            Basis::Categories(categories) if first == last => match categories.names().get(first) {
                Some(name) => format!("`{name}`"),
                None => "rare categories".into(),
            },
            Basis::Categories(_) => "rare categories".into(),
            Basis::Ordered(cells) if cells.is_atom(first) && first == last => short(cells.upper(first)),
            Basis::Ordered(cells) if cell == 0 => format!("values up to {}", short(cells.upper(last))),
            Basis::Ordered(cells) => format!("values above {}", short(cells.lower(first))),
        }
    }

    pub(super) fn alternatives(&self) -> &[Alternative] {
        &self.alternatives
    }

    pub(super) fn dependence(&self) -> f64 {
        self.dependence
    }
}

/// Four significant digits.
fn short(value: f64) -> String {
    let rounded = format!("{value:.3e}").parse().unwrap_or(value);
    match rounded {
        0.0 => "0".into(),
        _ if (1e-5..1e16).contains(&f64::abs(rounded)) => rounded.to_string(),
        _ => format!("{rounded:e}"),
    }
}
