//! Measures through the library's doors: a profile from rows, a sketch from values, and what the two
//! say of each other.

mod merging;
mod nasty;

use driftline::event::Value;
use driftline::measure::{Comparison, MEASURES};
use driftline::reference::{BuildOptions, FeatureProfile, ProfileBuilder};
use driftline::sketch::{Accumulator, FeatureSketch};
use driftline::words::{Kind, Name, Question};

/// The reference that `values` make, of a kind that is found or said.
fn reference(values: &[Value<'_>], kind: Option<Kind>) -> FeatureProfile {
    let name = Name::from("x");
    let kinds = kind.into_iter().map(|kind| (name.clone(), kind)).collect();
    let mut builder = ProfileBuilder::new(BuildOptions { kinds, ..BuildOptions::default() });
    values.iter().for_each(|value| builder.push([(&name, value)]));
    builder.finish().expect("a reference with rows").features()[0].clone()
}

/// A sketch of `values` in the cells of `reference`, which keeps 1,000 unseen names.
fn sketch(reference: &FeatureProfile, values: &[Value<'_>]) -> FeatureSketch {
    let mut accumulator = Accumulator::new(reference.kind, reference.basis.clone(), 1000);
    values.iter().for_each(|value| accumulator.push(value));
    accumulator.finish()
}

fn numbers(values: impl IntoIterator<Item = f64>) -> Vec<Value<'static>> {
    values.into_iter().map(Value::Number).collect()
}

fn texts(values: impl IntoIterator<Item = String>) -> Vec<Value<'static>> {
    values.into_iter().map(|text| Value::Text(text.into())).collect()
}

/// Fails where a number is not finite or an interval is upside down.
#[track_caller]
fn assert_sound(case: &str, found: &Comparison) {
    for info in &MEASURES {
        let Some(measure) = found.measures.get(info.measure) else { continue };
        let (value, low, high, corrected) = (measure.value, measure.low, measure.high, measure.corrected);
        let finite = [value, low, high, corrected].iter().all(|number| number.is_finite());
        assert!(finite && low <= value && value <= high, "{case}: {} {measure:?}", info.name);
        assert!(corrected.abs() <= value.abs().max(low), "{case}: {} {measure:?}", info.name);
    }
    for tested in Question::ALL.iter().filter_map(|question| found.answer(*question).tested()) {
        let ordered = 0.0 <= tested.p_value && tested.p_value <= tested.p_certain && tested.p_certain <= 1.0;
        assert!(ordered, "{case}: {tested:?}");
    }
}
