//! Tails of the beta-binomial law: how many of `n` rows to expect of what the reference showed in
//! some of its `m`.
//!
//! With whole parameters Beta(a, b) is the law of the a-th of a+b-1 ordered uniforms, so X >= c says
//! that among the first c+a-1 of all n+a+b-1 points at most a-1 are the reference's: a
//! hypergeometric tail, whose width is bounded by the smaller sample. It is summed away from the
//! mode, from a first term in saddle-point form (C. Loader, "Fast and accurate computation of
//! binomial probabilities", 2000). Relative error below 1e-10 for n to 1e7, m to 1e8, p to 1e-300;
//! at most some 30,000 terms there.

use std::f64::consts::PI;

/// The p-value of `c` missing of `n` rows, where the reference missed `r` of `m` (`c <= n`,
/// `r <= m`) and `factor` rows count as one: the tail on the side of the change, doubled, since both
/// sides are asked.
pub fn missing_p(c: u64, n: u64, r: u64, m: u64, factor: f64) -> f64 {
    let (window, reference) = (u128::from(c) * u128::from(m), u128::from(r) * u128::from(n));
    let tail = match window.cmp(&reference) {
        std::cmp::Ordering::Greater => {
            let Rise { c, n, r, m } = Rise { c, n, r, m }.thinned(factor);
            beta_binomial_upper(c, n, r + 1, m - r + 1)
        }
        std::cmp::Ordering::Less => {
            // That fewer are missing is that more are there.
            let Rise { c, n, r, m } = Rise { c: n - c, n, r: m - r, m }.thinned(factor);
            beta_binomial_lower(n - c, n, m - r + 1, r + 1)
        }
        std::cmp::Ordering::Equal => return 1.0,
    };
    (2.0 * tail).min(1.0)
}

/// The p-value of `c` unseen of `n` rows (`c <= n`), where the reference's `m` rows saw `once`
/// categories a single time and `twice` two times, and `factor` rows count as one. `None` when every
/// row of the reference was the only one of its category, or it has none.
///
/// The chance of a category that `m` rows did not show is once/m (I. Good, "The population
/// frequencies of species and the estimation of population parameters", Biometrika 40, 1953), with a
/// variance of (once + 2·twice)/m² about the true one (H. Robbins, Ann. Math. Statist. 39, 1968;
/// W. Esty, Ann. Statist. 11, 1983), where independent rows would give once/m²: so that many of the
/// reference's rows count as one.
pub fn unseen_p(c: u64, n: u64, (once, twice): (u64, u64), m: u64, factor: f64) -> Option<f64> {
    m.checked_sub(once).filter(|rest| *rest > 0)?;
    let Rise { c, n, r, m } = Rise { c, n, r: once, m }.thinned(factor);
    let spread = 1.0 + 2.0 * twice as f64 / once.max(1) as f64;
    let Rise { r, m, .. } = Rise { c, n, r, m }.thinned(spread);
    Some(beta_binomial_upper(c, n, r + 1, (m - r).max(1)))
}

/// More of something: `c` of `n` rows, `r` of the reference's `m`.
struct Rise {
    c: u64,
    n: u64,
    r: u64,
    m: u64,
}

impl Rise {
    /// The same of rows of which `factor` count as one; rounded so that it is no larger a rise.
    fn thinned(self, factor: f64) -> Rise {
        if factor <= 1.0 {
            return self;
        }
        let down = |count: u64| (count as f64 / factor).floor() as u64;
        let up = |count: u64| (count as f64 / factor).ceil() as u64;
        let (n, m) = (up(self.n), down(self.m).max(1));
        Rise { c: down(self.c), n, r: up(self.r).min(m), m }
    }
}

/// P(X >= c) for X of BetaBinomial(n, a, b), with `a` and `b` at least 1.
pub fn beta_binomial_upper(c: u64, n: u64, a: u64, b: u64) -> f64 {
    match c {
        0 => 1.0,
        c if c > n => 0.0,
        c => Hypergeometric { marked: a + b - 1, plain: n, draws: c + a - 1 }.at_most(a - 1),
    }
}

/// P(X <= c) for X of BetaBinomial(n, a, b), with `a` and `b` at least 1.
pub fn beta_binomial_lower(c: u64, n: u64, a: u64, b: u64) -> f64 {
    if c >= n {
        return 1.0;
    }
    Hypergeometric { marked: a + b - 1, plain: n, draws: c + a }.at_least(a)
}

/// How many marked points are among the first `draws` of all, in random order.
#[derive(Debug, Clone, Copy)]
struct Hypergeometric {
    marked: u64,
    plain: u64,
    draws: u64,
}

impl Hypergeometric {
    fn at_most(self, k: u64) -> f64 {
        if k >= self.most() {
            1.0
        } else if k < self.least() {
            0.0
        } else if (k as f64) < self.mean() {
            self.sum_down(k)
        } else {
            (1.0 - self.sum_up(k + 1)).max(0.0)
        }
    }

    fn at_least(self, k: u64) -> f64 {
        if k <= self.least() {
            1.0
        } else if k > self.most() {
            0.0
        } else if (k as f64) > self.mean() {
            self.sum_up(k)
        } else {
            (1.0 - self.sum_down(k - 1)).max(0.0)
        }
    }

    fn least(self) -> u64 {
        self.draws.saturating_sub(self.plain)
    }

    fn most(self) -> u64 {
        self.draws.min(self.marked)
    }

    fn mean(self) -> f64 {
        self.draws as f64 * (self.marked as f64 / (self.marked + self.plain) as f64)
    }

    fn sum_down(self, k: u64) -> f64 {
        let ratios = (self.least() + 1..=k).rev().map(|k| 1.0 / self.ratio(k));
        (self.ln_probability(k) + sum_of_products(ratios).ln()).exp().min(1.0)
    }

    fn sum_up(self, k: u64) -> f64 {
        let ratios = (k + 1..=self.most()).map(|k| self.ratio(k));
        (self.ln_probability(k) + sum_of_products(ratios).ln()).exp().min(1.0)
    }

    /// P(k) / P(k-1), for `k` above the least.
    fn ratio(self, k: u64) -> f64 {
        let (up, down) = (self.marked - k + 1, self.draws - k + 1);
        (up as f64 / k as f64) * (down as f64 / (self.plain + k - self.draws) as f64)
    }

    fn ln_probability(self, k: u64) -> f64 {
        let (draws, all) = (self.draws, self.marked + self.plain);
        let binomial = |hits, trials| ln_binomial(hits, trials, draws, all);
        binomial(k, self.marked) + binomial(draws - k, self.plain) - binomial(draws, all)
    }
}

/// 1 + r1 + r1·r2 + … until the terms no longer count; they must shrink.
fn sum_of_products(ratios: impl Iterator<Item = f64>) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for ratio in ratios {
        term *= ratio;
        if term < sum * 1e-18 {
            break;
        }
        sum += term;
    }
    sum
}

/// Logarithm of the binomial probability of `hits` in `trials`, each hit having the chance
/// `draws / all`, strictly between 0 and 1 (Loader, eq. 5).
fn ln_binomial(hits: u64, trials: u64, draws: u64, all: u64) -> f64 {
    let chance = draws as f64 / all as f64;
    let rest = (all - draws) as f64 / all as f64;
    let (x, n) = (hits as f64, trials as f64);
    if hits == 0 {
        return n * (-chance).ln_1p();
    }
    if hits == trials {
        return n * (-rest).ln_1p();
    }
    let y = (trials - hits) as f64;
    stirling_error(n)
        - stirling_error(x)
        - stirling_error(y)
        - deviance(x, n * chance)
        - deviance(y, n * rest)
        + 0.5 * (n / (2.0 * PI * x * y)).ln()
}

/// ln n! less Stirling's formula for it, for a whole `n` of at least 1.
fn stirling_error(n: f64) -> f64 {
    if n < 16.0 {
        let factorial: f64 = (1..=n as u32).map(f64::from).product();
        return factorial.ln() - (n + 0.5) * n.ln() + n - 0.5 * (2.0 * PI).ln();
    }
    let square = n * n;
    (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square) / square) / square)
        / n
}

/// x·ln(x/mean) + mean - x, without the cancellation near the mean (Loader, section 3).
fn deviance(x: f64, mean: f64) -> f64 {
    let apart = x - mean;
    if apart.abs() >= 0.1 * (x + mean) {
        return x * (x / mean).ln() + mean - x;
    }
    let v = apart / (x + mean);
    let (mut power, mut sum, mut odd) = (v, 0.0, 3.0);
    loop {
        power *= v * v;
        let next = sum + power / odd;
        if next == sum {
            return apart * v + 2.0 * x * sum;
        }
        (sum, odd) = (next, odd + 2.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testdata::{Expected, assert_close};
    use proptest::prelude::*;

    #[test]
    fn tails_are_those_of_an_independent_computation() {
        for case in Expected::load().beta_binomial {
            let (upper, lower) = (
                beta_binomial_upper(case.c, case.n, case.a, case.b),
                beta_binomial_lower(case.c, case.n, case.a, case.b),
            );
            assert_close(upper, case.upper, 1e-10, &case);
            assert_close(lower, case.lower, 1e-10, &case);
        }
    }

    #[test]
    fn a_reference_without_missing_values_still_expects_a_few() {
        // One more row like the reference's 9 is missing with chance 1/11 after none in 9 were.
        assert!((beta_binomial_upper(1, 1, 1, 10) - 1.0 / 11.0).abs() < 1e-15);
        assert_eq!(missing_p(0, 1000, 0, 10_000, 1.0), 1.0);
        assert!(missing_p(1, 1000, 0, 10_000, 1.0) > 0.1);
        assert!(missing_p(10, 1000, 0, 10_000, 1.0) < 1e-8);
    }

    #[test]
    fn a_fall_is_as_surprising_as_the_rise_of_its_opposite() {
        for (c, r) in [(3, 100), (40, 100), (180, 700), (1000, 999)] {
            let (as_missing, as_present) =
                (missing_p(c, 1000, r, 1000, 1.0), missing_p(1000 - c, 1000, 1000 - r, 1000, 1.0));
            assert!((as_missing / as_present - 1.0).abs() < 1e-10, "{c} {r}: {as_missing} {as_present}");
        }
    }

    #[test]
    fn a_column_of_identifiers_has_no_unseen_test() {
        assert_eq!(unseen_p(500, 500, (1000, 0), 1000, 1.0), None);
        assert_eq!(unseen_p(0, 0, (0, 0), 0, 1.0), None);
        assert!(unseen_p(50, 500, (100, 0), 1000, 1.0).unwrap() > 0.3);
        assert!(unseen_p(50, 500, (10, 0), 1000, 1.0).unwrap() < 1e-9);
    }

    #[test]
    fn samples_of_a_hundred_million_rows_are_answered_at_once() {
        let n = 100_000_000;
        let p = missing_p(n / 2 + 30_000, n, n / 2, n, 1.0);
        assert!((1e-6..1e-3).contains(&p), "{p}");
        assert_eq!(missing_p(n, n, 0, n, 1.0), 0.0);
    }

    proptest! {
        #[test]
        fn the_more_rows_count_as_one_the_less_they_prove(
            c in 0u64..300, extra in 0u64..3000, r in 0u64..300, rest in 0u64..3000, factor in 1.0..50.0f64,
        ) {
            let (n, m) = (c + extra, r + rest);
            let (thinned, whole) = (missing_p(c, n, r, m, factor), missing_p(c, n, r, m, 1.0));
            prop_assert!((0.0..=1.0).contains(&thinned));
            // Rounding apart, also for a few rows; a two-sided p beyond every level may go either way.
            prop_assert!(thinned >= whole * 0.999 || whole > 0.1, "{} {}", thinned, whole);
        }

        #[test]
        fn the_two_tails_share_out_all_of_the_chance(c in 0u64..400, extra in 0u64..400, a in 1u64..3000, b in 1u64..3000) {
            let n = c + extra + 1;
            let whole = beta_binomial_lower(c, n, a, b) + beta_binomial_upper(c + 1, n, a, b);
            prop_assert!((whole - 1.0).abs() < 1e-11, "{}", whole);
            prop_assert!(beta_binomial_upper(c, n, a, b) >= beta_binomial_upper(c + 1, n, a, b));
        }

        #[test]
        fn small_tails_are_the_sums_of_all_their_terms(c in 0u64..30, extra in 0u64..30, a in 1u64..30, b in 1u64..30) {
            // P(X = k) = C(n, k) · Π (a+i) · Π (b+i) / Π (a+b+i), term by term.
            let n = c + extra;
            let rising = |from: u64, count: u64| (0..count).map(|i| (from + i) as f64).product::<f64>();
            let choose = |k: u64| rising(n - k + 1, k) / rising(1, k);
            let exact: f64 = (c..=n).map(|k| choose(k) * rising(a, k) * (rising(b, n - k) / rising(a + b, n))).sum();
            let found = beta_binomial_upper(c, n, a, b);
            prop_assert!((found / exact - 1.0).abs() < 1e-11, "{} {}", found, exact);
        }
    }
}
