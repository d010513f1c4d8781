//! Mean and spread, mergeable without cancellation.
//!
//! Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
//! variances" (1979), eq. 2.1. Sums of floats depend on their order, so moments inform only.

/// Count, mean and sum of squared deviations of finite numbers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    /// How many numbers.
    pub count: u64,
    /// Their mean; 0 when there are none.
    pub mean: f64,
    /// Sum of squared deviations from the mean.
    pub squares: f64,
}

impl Moments {
    /// The moments of `values`, in two passes.
    pub fn of(values: &[f64]) -> Moments {
        if values.is_empty() {
            return Moments::default();
        }
        let mean = sum(values, |value| value) / values.len() as f64;
        let squares = sum(values, |value| (value - mean) * (value - mean));
        Moments { count: values.len() as u64, mean, squares }
    }

    /// Merges `other` into this.
    pub fn merge(&mut self, other: &Moments) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        let (n, m) = (self.count as f64, other.count as f64);
        let apart = other.mean - self.mean;
        self.mean += apart * (m / (n + m));
        self.squares += other.squares + apart * apart * (n * m / (n + m));
        self.count += other.count;
    }

    /// The mean, where there is one and it did not overflow.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0 && self.mean.is_finite()).then_some(self.mean)
    }

    /// Standard deviation of the numbers themselves (divisor n), where it did not overflow.
    pub fn std(&self) -> Option<f64> {
        let std = (self.squares / self.count as f64).sqrt();
        (self.count > 0 && std.is_finite()).then_some(std)
    }
}

/// The sum of `of` every value, in lanes that do not wait for each other.
fn sum(values: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += of(*value));
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|value| of(*value)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_moments_are_those_of_all_values() {
        let values: Vec<f64> = (0..100).map(|i| 1e9 + f64::from(i * i)).collect();
        let mut merged = Moments::of(&values[..30]);
        merged.merge(&Moments::of(&values[30..]));
        merged.merge(&Moments::default());
        let whole = Moments::of(&values);
        assert_eq!(merged.count, 100);
        assert!((merged.mean - whole.mean).abs() < 1e-3);
        assert!((merged.squares / whole.squares - 1.0).abs() < 1e-9);
    }

    #[test]
    fn overflow_gives_no_number() {
        let moments = Moments::of(&[1e308, 1.5e308, -1e308]);
        assert_eq!(moments.std(), None);
        assert_eq!(Moments::default().mean(), None);
    }
}
