//! A feature of the reference as what windows are compared with: its profile, and what of it is the same
//! for all of them.

use super::answer::Dependence;
use super::questions::{BothCounts, Counted};
use super::summary::Summary;
use super::wasserstein::tail_rules;
use super::z_score::Clipped;
use crate::reference::{FeatureProfile, Profile};
use crate::sketch::Tally;
use std::cell::OnceCell;

/// Figures of a feature of the reference that no window changes, worked out once.
#[derive(Debug)]
pub struct Figures {
    pub(super) clipped: Option<Clipped>,
    summary: Summary,
    has_heavy_tail: bool,
}

impl Figures {
    /// Those of `profile`.
    pub fn of(profile: &FeatureProfile) -> Figures {
        Figures {
            clipped: Clipped::of(profile),
            summary: Summary::of(&profile.sketch, &profile.basis),
            has_heavy_tail: tail_rules(profile),
        }
    }
}

/// A feature of the reference, with its [`Figures`].
#[derive(Debug)]
pub struct Standard<'a> {
    /// What the reference has of it.
    pub profile: &'a FeatureProfile,
    pub(super) figures: &'a Figures,
    /// Summed up when it is first compared with something.
    counted: OnceCell<Counted>,
}

impl<'a> Standard<'a> {
    /// `profile` with its own `figures`.
    pub fn new(profile: &'a FeatureProfile, figures: &'a Figures) -> Self {
        Standard { profile, figures, counted: OnceCell::new() }
    }

    /// All features of `profile`, with their `figures` in the same order.
    pub fn all(profile: &'a Profile, figures: &'a [Figures]) -> impl Iterator<Item = Standard<'a>> {
        let both = profile.features().iter().zip(figures);
        both.map(|(profile, figures)| Standard::new(profile, figures))
    }

    /// The certain p-values of a window by its counts, as [`p_certain`](super::p_certain) has them.
    pub fn p_certain(&self, window: &Tally, dependence: Dependence) -> [Option<f64>; 3] {
        self.sides(window).p_certain(dependence)
    }

    /// This and the counts of a window in its cells.
    pub(super) fn sides<'s>(&'s self, window: &'s Tally) -> BothCounts<'s> {
        BothCounts::of(self.profile, self.counted(), window)
    }

    pub(super) fn counted(&self) -> &Counted {
        self.counted.get_or_init(|| Counted::of(self.profile))
    }

    /// What people read of it.
    pub fn summary(&self) -> Summary {
        self.figures.summary
    }

    /// Whether a tail makes its standard deviation, so that changes look small by it: that is over five times
    /// what the middle half of the values would have it.
    pub fn has_heavy_tail(&self) -> bool {
        self.figures.has_heavy_tail
    }
}
