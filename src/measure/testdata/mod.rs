//! Answers computed independently of this crate (`make.py` says how), how they are compared, and
//! small references to compare windows with.

use crate::event::Value;
use crate::reference::FeatureProfile;
use crate::sketch::{Accumulator, Basis, Categories, FeatureSketch, OrderedCells, hash_of};
use crate::words::{Kind, Role};
use serde::Deserialize;
use std::fmt::Debug;
use std::sync::Arc;

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
    pub jensen_shannon: f64,
    pub hellinger: f64,
    /// In standard deviations of the reference; none where it has none.
    pub wasserstein: Option<f64>,
    /// Welch's z of the clipped values.
    pub z_clipped: Option<f64>,
}

impl SampleCase {
    /// Its reference and its window, sketched.
    pub fn sketched(&self) -> (FeatureProfile, FeatureSketch) {
        let reference = ordered(Kind::Continuous, self.edges.clone(), self.bin_ends.clone(), &self.reference);
        let window = sketch(Kind::Continuous, &reference.basis, numbers(&self.window));
        (reference, window)
    }
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

/// Sketches `values` in the cells of `basis`.
pub(super) fn sketch<'a>(
    kind: Kind,
    basis: &Arc<Basis>,
    values: impl IntoIterator<Item = Value<'a>>,
) -> FeatureSketch {
    let mut accumulator = Accumulator::new(kind, basis.clone(), 3);
    values.into_iter().for_each(|value| accumulator.push(&value));
    accumulator.finish()
}

/// Numbers as values.
pub(super) fn numbers(values: &[f64]) -> impl Iterator<Item = Value<'static>> {
    values.iter().map(|number| Value::Number(*number))
}

/// Each text as often as its count says.
pub(super) fn texts<'a>(counts: &'a [(&'a str, usize)]) -> impl Iterator<Item = Value<'a>> {
    counts.iter().flat_map(|(text, count)| std::iter::repeat_n(Value::Text((*text).into()), *count))
}

/// A reference of `values` in cells between `edges`.
pub(super) fn ordered(kind: Kind, edges: Vec<f64>, bin_ends: Vec<u32>, values: &[f64]) -> FeatureProfile {
    let basis = Arc::new(Basis::Ordered(OrderedCells::new(edges, bin_ends).unwrap()));
    profile(kind, basis, numbers(values), 0)
}

/// A discrete reference of `values`: a cell for each of its values and for each gap.
pub(super) fn discrete(values: &[f64]) -> FeatureProfile {
    let mut edges: Vec<f64> =
        values.iter().flat_map(|v| [v.next_down(), *v]).filter(|v| v.is_finite()).collect();
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    ordered(Kind::Discrete, edges, vec![], values)
}

/// A categorical reference, which counts `others` without their names.
pub(super) fn categories(counts: &[(&str, usize)], others: &[(&str, usize)]) -> FeatureProfile {
    let names = counts.iter().map(|(name, _)| (*name).into()).collect();
    let mut hashes: Vec<u64> = others.iter().map(|(name, _)| hash_of(name)).collect();
    hashes.sort_unstable();
    let basis = Arc::new(Basis::Categories(Categories::new(names, hashes, true).unwrap()));
    let singletons = counts.iter().chain(others).filter(|(_, count)| *count == 1).count();
    profile(Kind::Categorical, basis, texts(counts).chain(texts(others)), singletons as u64)
}

fn profile<'a>(
    kind: Kind,
    basis: Arc<Basis>,
    values: impl Iterator<Item = Value<'a>>,
    singletons: u64,
) -> FeatureProfile {
    let sketch = sketch(kind, &basis, values);
    FeatureProfile {
        name: "x".into(),
        role: Role::Feature,
        kind,
        basis,
        sketch,
        singletons,
        doubletons: 0,
        calibration: vec![],
        season: None,
        early: None,
    }
}
