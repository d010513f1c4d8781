//! The three questions, answered by the counts of both sides.

use super::Measures;
use super::answer::{Dependence, Sizes, Tested, Untestable, enough};
use super::cumulative::Cumulative;
use super::significance::{
    PooledTest, kolmogorov_p, missing_p, most_frequent_p, pooled_categories, pooled_ordered, unseen_p,
};
use crate::reference::FeatureProfile;
use crate::sketch::{Basis, Tally};
use crate::words::{Kind, Question};

/// The certain p-value of each question, in the order of [`Question::ALL`], from counts alone; `None`
/// where it can't be judged. The same as [`compare`](super::compare) gives, and much cheaper.
pub fn p_certain(reference: &FeatureProfile, window: &Tally, dependence: Dependence) -> [Option<f64>; 3] {
    BothCounts::of(reference, &Counted::of(reference), window).p_certain(dependence)
}

/// Sums of the counts that the reference has of a feature.
#[derive(Debug)]
pub(super) struct Counted {
    /// Valid rows.
    pub rows: u64,
    /// Numbers by the ends of their cells.
    pub passed: Option<Cumulative>,
}

impl Counted {
    pub fn of(profile: &FeatureProfile) -> Self {
        let tally = &profile.sketch.tally;
        let is_ordered = matches!(&*profile.basis, Basis::Ordered(_));
        let passed = if is_ordered { Cumulative::of(&tally.cells) } else { None };
        Counted { rows: tally.valid(), passed }
    }
}

/// A feature of the reference and the counts of a window in its cells.
pub(super) struct BothCounts<'a> {
    profile: &'a FeatureProfile,
    counted: &'a Counted,
    window: &'a Tally,
    /// Valid rows of the window.
    pub rows: u64,
}

impl<'a> BothCounts<'a> {
    /// `profile`, which `counted` is of, and a window.
    pub fn of(profile: &'a FeatureProfile, counted: &'a Counted, window: &'a Tally) -> Self {
        BothCounts { profile, counted, window, rows: window.valid() }
    }

    /// Missing and invalid values of the reference and of the window.
    pub fn bad(&self) -> (u64, u64) {
        let bad = |tally: &Tally| tally.missing + tally.invalid;
        (bad(&self.profile.sketch.tally), bad(self.window))
    }

    /// The certain p-value of each question, in the order of [`Question::ALL`].
    pub fn p_certain(&self, dependence: Dependence) -> [Option<f64>; 3] {
        let missing = self.missing(&Measures::default(), dependence).ok();
        let unseen = self.unseen(dependence).ok();
        [self.shape_p(dependence), missing.map(|test| test.p_certain), unseen.map(|test| test.p_certain)]
    }

    /// The test of pooled cells; `None` for continuous features, and where too few cells remain.
    pub fn pooled(&self, dependence: Dependence) -> Option<PooledTest> {
        let (counts, others) = self.cells();
        let profile = self.profile;
        match &*profile.basis {
            _ if profile.kind == Kind::Continuous => None,
            Basis::Ordered(_) => pooled_ordered(counts, dependence.shape),
            Basis::Categories(_) => pooled_categories(counts, others, dependence.shape),
        }
    }

    /// Whether the values have the reference's distribution, as `measures` and the `pooled` test say.
    pub fn shape(
        &self,
        measures: &Measures,
        pooled: Option<PooledTest>,
        dependence: Dependence,
    ) -> Result<Tested, Untestable> {
        let factor = dependence.shape;
        let (n, m) = enough(self.rows, self.counted.rows, factor)?;
        let sizes = Sizes::of(measures, Question::Shape);
        if let (Kind::Continuous, Some(ks)) = (self.profile.kind, measures.ks) {
            let p = |distance| kolmogorov_p(distance, n, m, factor);
            return Ok(Tested { p_value: p(ks.value), p_certain: p(ks.low), sizes });
        }
        let p = self.counted_p(pooled, dependence).ok_or(Untestable::TooFewCells)?;
        Ok(Tested { p_value: p, p_certain: p, sizes })
    }

    /// The certain p-value of the shape.
    fn shape_p(&self, dependence: Dependence) -> Option<f64> {
        let (n, m) = enough(self.rows, self.counted.rows, dependence.shape).ok()?;
        match &self.counted.passed {
            Some(passed) if self.profile.kind == Kind::Continuous => {
                let low = passed.distance(&Cumulative::of(&self.window.cells)?);
                Some(kolmogorov_p(low, n, m, dependence.shape))
            }
            _ => self.counted_p(self.pooled(dependence), dependence),
        }
    }

    /// The p-value of the pooled cells, or where too few remain, of the most frequent one.
    fn counted_p(&self, pooled: Option<PooledTest>, dependence: Dependence) -> Option<f64> {
        let of_one = || {
            let (counts, others) = self.cells();
            most_frequent_p(counts, others, dependence.shape)
        };
        pooled.map(|test| test.p_value).or_else(of_one)
    }

    /// Counts of the reference and of the window by cell, and those of categories without one of their own.
    fn cells(&self) -> (impl Iterator<Item = (u64, u64)> + Clone + use<'a>, (u64, u64)) {
        let profile = self.profile;
        let named = match &*profile.basis {
            Basis::Ordered(cells) => cells.len(),
            Basis::Categories(categories) => categories.names().len(),
        };
        let (before, now) = (&profile.sketch.tally.cells, &self.window.cells);
        let other = |cells: &[u64]| cells.get(named).copied().unwrap_or_default();
        let counts = before.iter().copied().zip(now.iter().copied()).take(named);
        (counts, (other(before), other(now) + self.window.unseen))
    }

    /// Whether missing and invalid values are as frequent as in the reference.
    pub fn missing(&self, measures: &Measures, dependence: Dependence) -> Result<Tested, Untestable> {
        let (r, c) = self.bad();
        let (n, m) = enough(self.rows + c, self.counted.rows + r, dependence.missing)?;
        let p = missing_p(c, n, r, m, dependence.missing);
        let change = c as f64 / n as f64 - r as f64 / m as f64;
        let sizes = Sizes { share: Some(change), ..Sizes::of(measures, Question::Missing) };
        Ok(Tested { p_value: p, p_certain: p, sizes })
    }

    /// Whether categories that the reference never saw are as rare as they should be.
    pub fn unseen(&self, dependence: Dependence) -> Result<Tested, Untestable> {
        let reference = self.profile;
        if matches!(&*reference.basis, Basis::Ordered(_)) {
            return Err(Untestable::NotApplicable("numbers are not categories"));
        }
        if reference.kind == Kind::Boolean {
            return Err(Untestable::NotApplicable("a boolean has no unseen categories"));
        }
        if !reference.tells_unseen() {
            return Err(Untestable::NotApplicable(
                "too many categories in the reference to tell unseen ones",
            ));
        }
        let (n, m) = enough(self.rows, self.counted.rows, dependence.shape)?;
        let unseen = self.window.unseen;
        let p = unseen_p(unseen, n, (reference.singletons, reference.doubletons), m, dependence.shape)
            .ok_or(Untestable::NotApplicable("identifier-like column"))?;
        let excess = unseen as f64 / n as f64 - reference.singletons as f64 / m as f64;
        let sizes = Sizes { share: Some(excess.max(0.0)), ..Sizes::default() };
        Ok(Tested { p_value: p, p_certain: p, sizes })
    }
}
