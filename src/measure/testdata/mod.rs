//! Answers computed independently of this crate (`make.py` says how), and how they are compared.

use serde::Deserialize;
use std::fmt::Debug;

#[derive(Debug, Deserialize)]
pub(super) struct Expected {
    pub kolmogorov: Vec<KolmogorovCase>,
    pub chi_square: Vec<ChiSquareCase>,
    pub beta_binomial: Vec<BetaBinomialCase>,
    pub adjust: Vec<AdjustCase>,
    pub samples: Vec<SampleCase>,
}

#[derive(Debug, Deserialize)]
pub(super) struct KolmogorovCase {
    pub z: f64,
    pub q: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct ChiSquareCase {
    pub ordered: bool,
    pub reference: Vec<u64>,
    pub window: Vec<u64>,
    pub unseen: u64,
    /// 0 where there is no test.
    pub degrees: u64,
    pub statistic: f64,
    pub p_value: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct BetaBinomialCase {
    pub c: u64,
    pub n: u64,
    pub a: u64,
    pub b: u64,
    pub upper: f64,
    pub lower: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct AdjustCase {
    pub p: Vec<f64>,
    pub benjamini_hochberg: Vec<f64>,
    pub holm: Vec<f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SampleCase {
    pub name: String,
    pub reference: Vec<f64>,
    pub window: Vec<f64>,
    pub edges: Vec<f64>,
    pub bin_ends: Vec<u32>,
    pub psi: f64,
    pub ks: f64,
}

impl Expected {
    pub fn load() -> Expected {
        serde_json::from_str(include_str!("expected.json")).unwrap()
    }
}

/// Holds `found` to `expected`: relative error up to `tolerance`, both zero, or both too small for a
/// double to be precise.
pub(super) fn assert_close(found: f64, expected: f64, tolerance: f64, case: &dyn Debug) {
    let close = (found - expected).abs() <= tolerance * expected.abs() || found.max(expected) < 1e-305;
    assert!(close, "found {found:e}, expected {expected:e}: {case:?}");
}
