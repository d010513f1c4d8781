//! Logarithms as whole numbers: steps of 2^-20 nats, about a millionth.
//!
//! Sums of whole numbers are exact in any order. Only `ln`, `ln_1p` and `exp` of the standard library
//! are called on floats, which rests on the machine's mathematical library and may differ in the
//! last bit from one to another; rounded to a step the results are the same but once in billions.

/// Steps of a nat.
const PER_NAT: f64 = (1 << 20) as f64;
/// 15 nats, of which e^-15 is less than half a step.
const FAR: i64 = 15 << 20;
/// -45 nats, whose e^-45 is less than a thousandth of the last bit of 1.
const LOST: i64 = -45 << 20;
/// The logarithm of nothing: a wager of 2,048 nats under one is as good as none.
pub(super) const NOTHING: i32 = i32::MIN;

/// `nats` in steps.
pub(super) fn fixed(nats: f64) -> i64 {
    (nats * PER_NAT).round() as i64
}

/// The number whose logarithm is `steps`; 0 for what is lost beside 1.
pub(super) fn exp(steps: i64) -> f64 {
    if steps < LOST { 0.0 } else { (steps as f64 / PER_NAT).exp() }
}

/// The logarithm of the sum of two numbers, from theirs.
pub(super) fn ln_sum(a: i64, b: i64) -> i64 {
    let apart = (a - b).abs();
    // Far apart, the sum is the greater one: most bets have lost all but what they lay anew.
    a.max(b) + if apart > FAR { 0 } else { fixed(exp(-apart).ln_1p()) }
}

/// `steps` within what is kept: at least [`NOTHING`].
pub(super) fn kept(steps: i64) -> i32 {
    steps.clamp(i64::from(NOTHING), i64::from(i32::MAX)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_less_than_is_kept() {
        let sum = |a: i64, b: i64| {
            let (more, less) = (a.max(b) as f64 / PER_NAT, a.min(b) as f64 / PER_NAT);
            a.max(b) + fixed((less - more).exp().ln_1p())
        };
        for apart in (0..20 << 20).step_by(9973) {
            assert_eq!(ln_sum(-5, apart - 5), sum(-5, apart - 5), "{apart} steps apart");
        }
        let lost = (LOST as f64 / PER_NAT).exp();
        assert_eq!((1.0 + 1000.0 * lost, exp(LOST - 1)), (1.0, 0.0));
    }
}
