//! A feature of the reference as what windows are compared with: its profile, and what of it is the same
//! for all of them.

use super::summary::Summary;
use super::wasserstein::tail_rules;
use super::z_score::Clipped;
use crate::reference::{FeatureProfile, Profile};

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
#[derive(Debug, Clone, Copy)]
pub struct Standard<'a> {
    /// What the reference has of it.
    pub profile: &'a FeatureProfile,
    pub(super) figures: &'a Figures,
}

impl<'a> Standard<'a> {
    /// `profile` with its own `figures`.
    pub fn new(profile: &'a FeatureProfile, figures: &'a Figures) -> Self {
        Standard { profile, figures }
    }

    /// All features of `profile`, with their `figures` in the same order.
    pub fn all(profile: &'a Profile, figures: &'a [Figures]) -> impl Iterator<Item = Standard<'a>> {
        let both = profile.features().iter().zip(figures);
        both.map(|(profile, figures)| Standard { profile, figures })
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
