//! Random numbers from a seed, the same on every machine.
//!
//! Each purpose has a stream of its own, so that one draw more in one place moves nothing elsewhere.
//! The last bits of `exp` and its like may differ between machines; what is published is rounded
//! far above them.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream number `stream` of `seed`.
    pub(super) fn new(seed: u64, stream: u64) -> Dice {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Dice(rng)
    }

    /// Uniform in `[0, 1)`.
    pub(super) fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    /// True in the share `share` of all draws.
    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.uniform() < share
    }

    /// Standard normal.
    pub(super) fn normal(&mut self) -> f64 {
        self.0.sample(StandardNormal)
    }

    /// Exponential with the mean `mean`.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.uniform()).ln()
    }

    /// Poisson with a small mean, by inversion: one draw, at most 200 steps.
    pub(super) fn poisson(&mut self, mean: f64) -> f64 {
        let mut left = self.uniform();
        let mut share = (-mean).exp();
        let mut count = 0.0;
        while left >= share && count < 200.0 {
            left -= share;
            count += 1.0;
            share *= mean / count;
        }
        count
    }

    /// The whole number below or above `number`, so that the mean is kept.
    pub(super) fn round(&mut self, number: f64) -> f64 {
        (number + self.uniform()).floor()
    }
}

/// Weights as shares, summed up one after the other; the last is 1.
pub(super) fn cumulated(weights: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    let mut sum = 0.0;
    let mut cumulated: Vec<f64> = Vec::with_capacity(weights.len());
    for weight in weights {
        sum += weight / total;
        cumulated.push(sum);
    }
    if let Some(last) = cumulated.last_mut() {
        *last = 1.0;
    }
    cumulated
}

/// The place in `cumulated` that a number in `[0, 1)` picks.
pub(super) fn pick(cumulated: &[f64], place: f64) -> usize {
    cumulated.partition_point(|share| *share <= place).min(cumulated.len().saturating_sub(1))
}

/// The number with so many decimals.
pub(super) fn rounded(number: f64, decimals: i32) -> f64 {
    let unit = 10f64.powi(decimals);
    (number * unit).round() / unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stream_of_each_seed_has_numbers_of_its_own() {
        let first = |seed, stream| Dice::new(seed, stream).uniform();
        assert_eq!(first(1, 0), first(1, 0));
        assert_ne!(first(1, 0), first(1, 1));
        assert_ne!(first(1, 0), first(2, 0));
    }

    #[test]
    fn counts_have_the_mean_that_was_asked_for() {
        let mut dice = Dice::new(1, 0);
        let mean = |draw: &mut dyn FnMut() -> f64| (0..20_000).map(|_| draw()).sum::<f64>() / 20_000.0;
        assert!((mean(&mut || dice.poisson(2.5)) - 2.5).abs() < 0.05);
        assert!((mean(&mut || dice.exponential(18.0)) - 18.0).abs() < 0.5);
        assert!((mean(&mut || dice.round(0.3)) - 0.3).abs() < 0.02);
    }

    #[test]
    fn shares_pick_places_in_proportion_and_never_one_too_many() {
        let cumulated = cumulated(&[2.0, 1.0, 1.0]);
        assert_eq!(cumulated, [0.5, 0.75, 1.0]);
        assert_eq!([0.0, 0.49, 0.5, 0.75, 1.0].map(|place| pick(&cumulated, place)), [0, 0, 1, 2, 2]);
    }
}
