//! Logarithms as whole numbers: steps of 2^-20 nats, about a millionth.
//!
//! Sums of whole numbers are exact in any order. Only `ln`, `ln_1p` and `exp` of the standard library
//! are called on floats, which rests on the machine's mathematical library and may differ in the
//! last bit from one to another; rounded to a step the results are the same but once in billions.

/// Steps of a nat.
const PER_NAT: f64 = (1 << 20) as f64;
/// The logarithm of nothing: a wager of 2,048 nats under one is as good as none.
pub(super) const NOTHING: i32 = i32::MIN;

/// `nats` in steps.
pub(super) fn fixed(nats: f64) -> i64 {
    (nats * PER_NAT).round() as i64
}

/// The number whose logarithm is `steps`.
pub(super) fn exp(steps: i64) -> f64 {
    (steps as f64 / PER_NAT).exp()
}

/// The logarithm of the sum of two numbers, from theirs.
pub(super) fn ln_sum(a: i64, b: i64) -> i64 {
    a.max(b) + fixed(exp(-(a - b).abs()).ln_1p())
}

/// `steps` within what is kept: at least [`NOTHING`].
pub(super) fn kept(steps: i64) -> i32 {
    steps.clamp(i64::from(NOTHING), i64::from(i32::MAX)) as i32
}
