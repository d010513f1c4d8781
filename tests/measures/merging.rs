//! Sketched whole, or in parts that are merged in any order and grouping: the same counts, hence the
//! same in all that decides, and estimates that agree within the digest's error.

use super::{assert_sound, reference, sketch};
use driftline::event::Value;
use driftline::measure::{Comparison, Dependence, MEASURES, Measure, compare};
use driftline::sketch::FeatureSketch;
use driftline::words::{Kind, Question};
use proptest::prelude::*;

/// What the two estimates of a share may differ by.
const DIGEST_ERROR: f64 = 0.02;

fn numbers() -> impl Strategy<Value = Vec<Value<'static>>> {
    let value = prop_oneof![
        4 => (-1000..1000i32).prop_map(|i| Value::Number(f64::from(i) / 100.0)),
        4 => (-10.0..10.0f64).prop_map(Value::Number),
        2 => Just(Value::Number(0.0)),
        1 => (1.0..1e6f64).prop_map(Value::Number),
        1 => Just(Value::Missing),
        1 => Just(Value::Number(f64::NAN)),
    ];
    prop::collection::vec(value, 1..3000)
}

fn names() -> impl Strategy<Value = Vec<Value<'static>>> {
    let value = prop_oneof![
        8 => (0..30u32).prop_map(|i| Value::Text(format!("c{}", i * i % 37).into())),
        1 => (0..2000u32).prop_map(|i| Value::Text(format!("new {i}").into())),
        1 => Just(Value::Missing),
    ];
    prop::collection::vec(value, 1..1500)
}

/// The parts of `whole` between `cuts`, merged in the order of `keys`, as a tree where `nested`.
fn merged(whole: &[FeatureSketch], keys: &[u32], nested: bool) -> FeatureSketch {
    let mut parts: Vec<(u32, FeatureSketch)> =
        keys.iter().copied().cycle().zip(whole.iter().cloned()).collect();
    parts.sort_by_key(|(key, _)| *key);
    let mut parts: Vec<FeatureSketch> = parts.into_iter().map(|(_, part)| part).collect();
    if !nested {
        let mut all = FeatureSketch::default();
        parts.iter().for_each(|part| all.merge(part));
        return all;
    }
    while parts.len() > 1 {
        let join = |pair: &[FeatureSketch]| {
            let mut first = pair[0].clone();
            pair[1..].iter().for_each(|second| first.merge(second));
            first
        };
        parts = parts.chunks(2).map(join).collect();
    }
    parts.remove(0)
}

/// Equal in all that is certain, near in what is estimated.
fn assert_same(one: &Comparison, other: &Comparison) {
    for info in &MEASURES {
        let (Some(a), Some(b)) = (one.measures.get(info.measure), other.measures.get(info.measure)) else {
            assert_eq!(one.measures.get(info.measure), other.measures.get(info.measure), "{}", info.name);
            continue;
        };
        assert_eq!((a.low, a.high, a.corrected), (b.low, b.high, b.corrected), "{}", info.name);
        match info.measure {
            Measure::Ks => assert!((a.value - b.value).abs() <= DIGEST_ERROR, "{a:?} {b:?}"),
            Measure::Wasserstein => {
                assert!((a.value - b.value).abs() <= DIGEST_ERROR.max(0.05 * a.value), "{a:?} {b:?}");
            }
            Measure::ZScore => {
                assert!((a.value - b.value).abs() <= DIGEST_ERROR * a.value.abs().max(1.0), "{a:?} {b:?}");
            }
            _ => assert_eq!(a.value, b.value, "{}", info.name),
        }
    }
    for question in Question::ALL {
        let certain = |found: &Comparison| found.answer(question).tested().map(|t| (t.p_certain, t.sizes));
        assert_eq!(certain(one), certain(other), "{question}");
    }
}

fn check(
    kind: Option<Kind>,
    before: &[Value<'static>],
    after: &[Value<'static>],
    cuts: &[usize],
    keys: &[u32],
    nested: bool,
) {
    let reference = reference(before, kind);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (after.len() + 1)).collect();
    cuts.extend([0, after.len()]);
    cuts.sort_unstable();
    let parts: Vec<FeatureSketch> =
        cuts.windows(2).map(|cut| sketch(&reference, &after[cut[0]..cut[1]])).collect();
    let (whole, merged) = (sketch(&reference, after), merged(&parts, keys, nested));
    assert_eq!(merged.tally, whole.tally);
    assert_eq!(merged.detail.unseen, whole.detail.unseen);
    let (of_whole, of_merged) =
        (compare(&reference, &whole, Dependence::NONE), compare(&reference, &merged, Dependence::NONE));
    assert_sound("whole", &of_whole);
    assert_same(&of_whole, &of_merged);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn numbers_measure_the_same_in_any_split_order_and_grouping(
        before in numbers(), after in numbers(),
        cuts in prop::collection::vec(0usize..3000, 0..12), keys in prop::collection::vec(any::<u32>(), 1..13),
        nested in any::<bool>(),
    ) {
        check(Some(Kind::Continuous), &before, &after, &cuts, &keys, nested);
    }

    #[test]
    fn categories_measure_the_same_in_any_split_order_and_grouping(
        before in names(), after in names(),
        cuts in prop::collection::vec(0usize..1500, 0..12), keys in prop::collection::vec(any::<u32>(), 1..13),
        nested in any::<bool>(),
    ) {
        check(Some(Kind::Categorical), &before, &after, &cuts, &keys, nested);
    }
}
