//! Columns that break measures elsewhere, each with the answer that is given here.

use super::{assert_sound, numbers, reference, sketch, texts};
use driftline::event::Value;
use driftline::measure::{Answer, Bins, Comparison, Dependence, MEASURES, compare, new_categories};
use driftline::words::{Kind, Question};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Zipf};

/// Two columns, and what is to be said of them: `name value` of each measure that there is (0, + or -),
/// then of each question whether it was `changed`, the `same`, or not asked and why.
struct Case {
    name: &'static str,
    kind: Option<Kind>,
    reference: Vec<Value<'static>>,
    window: Vec<Value<'static>>,
    answer: &'static str,
}

const FEW: &str = "fewer than 50 rows";

fn said(found: &Comparison) -> String {
    let mut parts: Vec<String> = Vec::new();
    for info in &MEASURES {
        let Some(measure) = found.measures.get(info.measure) else { continue };
        let sign = match measure.value {
            value if value.abs() < 1e-12 => "0",
            value if value > 0.0 => "+",
            _ => "-",
        };
        parts.push(format!("{} {sign}", info.name));
    }
    for question in Question::ALL {
        let answer = match found.answer(question) {
            Answer::Tested(tested) if tested.p_certain < 1e-6 => "changed".to_owned(),
            Answer::Tested(tested) if tested.p_certain > 1e-3 => "same".to_owned(),
            Answer::Tested(tested) => format!("p {}", tested.p_certain),
            Answer::Untestable(why) if why.to_string() == FEW => "few".to_owned(),
            Answer::Untestable(why) => why.to_string(),
        };
        parts.push(format!("{question}: {answer}"));
    }
    parts.join(", ")
}

fn missing(rows: usize) -> Vec<Value<'static>> {
    vec![Value::Missing; rows]
}

/// As many evenly spread numbers from 0 to 1, in no order.
fn even(rows: u32) -> Vec<f64> {
    (0..rows).map(|i| f64::from(i * 7919 % rows) / f64::from(rows)).collect()
}

fn named(from: usize, to: usize) -> Vec<Value<'static>> {
    texts((from..to).map(|i| format!("name {i}")))
}

/// Rows of 20,000 categories, the k-th a k-th as frequent as the first.
fn zipf(seed: u64, rows: usize) -> Vec<Value<'static>> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let law = Zipf::new(20_000.0, 1.0).expect("a law");
    texts((0..rows).map(|_| format!("name {}", law.sample(&mut dice))))
}

fn repeated(values: Vec<Value<'static>>, times: usize) -> Vec<Value<'static>> {
    values.iter().cycle().take(values.len() * times).cloned().collect()
}

fn numeric_cases() -> Vec<Case> {
    let ties =
        |zeros: u32| even(1000).into_iter().map(move |v| if v * 100.0 < f64::from(zeros) { 0.0 } else { v });
    let tails = |scale: f64| {
        even(1999).into_iter().skip(1).map(move |v| ((v - 0.5) * std::f64::consts::PI).tan() * scale)
    };
    vec![
        Case {
            name: "all equal, and they stay",
            kind: None,
            reference: numbers([0.1; 1000]),
            window: numbers([0.1; 100]),
            answer: "psi 0, ks 0, jensen_shannon 0, hellinger 0, \
                     shape: same, missing: same, unseen: numbers are not categories",
        },
        Case {
            name: "all equal, and they leave",
            kind: None,
            reference: numbers([0.1; 1000]),
            window: numbers([0.2; 100]),
            answer: "psi +, ks +, jensen_shannon +, hellinger +, chi_square +, \
                     shape: changed, missing: same, unseen: numbers are not categories",
        },
        Case {
            name: "all equal and continuous, and they leave",
            kind: Some(Kind::Continuous),
            reference: numbers([0.1; 1000]),
            window: numbers([0.2; 100]),
            answer: "psi +, ks +, jensen_shannon +, hellinger +, \
                     shape: changed, missing: same, unseen: numbers are not categories",
        },
        Case {
            name: "all missing in the window",
            kind: None,
            reference: numbers(even(1000)),
            window: missing(100),
            answer: "shape: few, missing: changed, unseen: numbers are not categories",
        },
        Case {
            name: "all missing in the reference",
            kind: None,
            reference: missing(1000),
            window: numbers(even(100)),
            answer: "shape: few, missing: changed, unseen: numbers are not categories",
        },
        Case {
            name: "all missing on both sides",
            kind: None,
            reference: missing(1000),
            window: missing(100),
            answer: "shape: few, missing: same, unseen: numbers are not categories",
        },
        Case {
            name: "not a number but for a few",
            kind: None,
            reference: numbers(even(1000)),
            window: numbers([f64::NAN; 90].into_iter().chain([f64::INFINITY; 9]).chain([0.5])),
            answer: "psi +, ks +, jensen_shannon +, hellinger +, wasserstein +, z_score +, missing_z_score +, \
                     shape: few, missing: changed, unseen: numbers are not categories",
        },
        Case {
            name: "never a number in the reference",
            kind: Some(Kind::Continuous),
            reference: numbers([f64::NAN; 200]),
            window: numbers(even(100)),
            answer: "shape: few, missing: changed, unseen: numbers are not categories",
        },
        Case {
            name: "two values, swapped",
            kind: None,
            reference: numbers([0.0, 0.0, 0.0, 1.0].repeat(250)),
            window: numbers([1.0, 1.0, 1.0, 0.0].repeat(25)),
            answer: "psi +, ks +, jensen_shannon +, hellinger +, wasserstein +, chi_square +, z_score +, \
                     shape: changed, missing: same, unseen: numbers are not categories",
        },
        Case {
            name: "heavy ties, the same",
            kind: None,
            reference: numbers(ties(60)),
            window: numbers(ties(60)),
            answer: "psi 0, ks 0, jensen_shannon 0, hellinger 0, wasserstein 0, z_score 0, \
                     shape: same, missing: same, unseen: numbers are not categories",
        },
        Case {
            name: "heavy ties, fewer",
            kind: None,
            reference: numbers(ties(60)),
            window: numbers(ties(40)),
            answer: "psi +, ks +, jensen_shannon +, hellinger +, wasserstein +, z_score +, \
                     shape: changed, missing: same, unseen: numbers are not categories",
        },
        Case {
            name: "heavy tails, wider",
            kind: None,
            reference: numbers(tails(1.0)),
            window: numbers(tails(3.0)),
            answer: "psi +, ks +, jensen_shannon +, hellinger +, wasserstein +, z_score 0, \
                     shape: changed, missing: same, unseen: numbers are not categories",
        },
        Case {
            name: "as large as numbers get",
            kind: Some(Kind::Continuous),
            reference: numbers([f64::MIN, -1e308, 0.0, 1e308, f64::MAX].repeat(40)),
            window: numbers([1e308, f64::MAX].repeat(50)),
            answer: "psi +, ks +, jensen_shannon +, hellinger +, z_score +, \
                     shape: changed, missing: same, unseen: numbers are not categories",
        },
        Case {
            name: "one as large as numbers get",
            kind: None,
            reference: numbers(even(1000)),
            window: numbers(even(100).into_iter().chain([f64::MAX])),
            answer: "psi +, ks +, jensen_shannon +, hellinger +, z_score +, \
                     shape: same, missing: same, unseen: numbers are not categories",
        },
        Case {
            name: "as small as numbers get",
            kind: Some(Kind::Continuous),
            reference: numbers([-5e-324, 0.0, 5e-324, 1e-323].repeat(50)),
            window: numbers([5e-324, 1e-323].repeat(50)),
            answer: "psi +, ks +, jensen_shannon +, hellinger +, z_score +, \
                     shape: changed, missing: same, unseen: numbers are not categories",
        },
        Case {
            // All of the window is below that row, and in its bin: (-inf, 1].
            name: "one row in the reference",
            kind: None,
            reference: numbers([1.0]),
            window: numbers(even(100)),
            answer: "psi 0, ks +, jensen_shannon 0, hellinger 0, shape: few, missing: few, \
                     unseen: numbers are not categories",
        },
        Case {
            name: "no rows in the window",
            kind: None,
            reference: numbers(even(1000)),
            window: vec![],
            answer: "shape: few, missing: few, unseen: numbers are not categories",
        },
    ]
}

fn named_cases() -> Vec<Case> {
    vec![
        Case {
            name: "100,000 categories, all of them again",
            kind: Some(Kind::Categorical),
            reference: named(0, 100_000),
            window: named(0, 100_000),
            answer: "psi 0, jensen_shannon 0, hellinger 0, \
                     shape: no cell has rows enough, missing: same, unseen: identifier-like column",
        },
        Case {
            // A quarter of any window is new, and what the reference counts together holds less.
            name: "20,000 categories, most of them rare, unchanged",
            kind: None,
            reference: zipf(1, 10_000),
            window: zipf(2, 5000),
            answer: "psi +, jensen_shannon +, hellinger +, chi_square +, shape: same, missing: same, unseen: same",
        },
        Case {
            name: "more categories than are known",
            kind: Some(Kind::Categorical),
            reference: repeated(named(0, 100_001), 2),
            window: named(100_000, 101_000),
            answer: "psi +, jensen_shannon +, hellinger +, shape: no cell has rows enough, missing: same, \
                     unseen: too many categories in the reference to tell unseen ones",
        },
        Case {
            name: "identifiers, each once",
            kind: None,
            reference: named(0, 2000),
            window: named(5000, 6000),
            answer: "psi +, jensen_shannon +, hellinger +, \
                     shape: no cell has rows enough, missing: same, unseen: identifier-like column",
        },
        Case {
            name: "one category, and a new one",
            kind: None,
            reference: repeated(named(0, 1), 1000),
            window: [repeated(named(0, 1), 120), repeated(named(1, 2), 80)].concat(),
            answer: "psi +, jensen_shannon +, hellinger +, chi_square +, \
                     shape: changed, missing: same, unseen: changed",
        },
        Case {
            name: "categories that are all missing",
            kind: Some(Kind::Categorical),
            reference: repeated(named(0, 3), 100),
            window: missing(100),
            answer: "shape: few, missing: changed, unseen: few",
        },
        Case {
            name: "a boolean that never was true",
            kind: Some(Kind::Boolean),
            reference: vec![Value::Bool(false); 1000],
            window: [vec![Value::Bool(false); 50], vec![Value::Bool(true); 50]].concat(),
            answer: "psi +, jensen_shannon +, hellinger +, z_score +, \
                     shape: changed, missing: same, unseen: a boolean has no unseen categories",
        },
        Case {
            name: "no category in the window",
            kind: None,
            reference: repeated(named(0, 3), 100),
            window: vec![],
            answer: "shape: few, missing: few, unseen: few",
        },
    ]
}

#[test]
fn every_nasty_column_has_its_answer() {
    for case in numeric_cases().into_iter().chain(named_cases()) {
        let reference = reference(&case.reference, case.kind);
        let window = sketch(&reference, &case.window);
        let found = compare(&reference, &window, Dependence::NONE);
        assert_sound(case.name, &found);
        assert_eq!(said(&found), case.answer, "{}", case.name);
        for bin in Bins::of(&reference, &window).map(|bins| bins.top()).unwrap_or_default() {
            let shares = [bin.reference_share, bin.current_share, bin.contribution];
            assert!(!bin.label.is_empty() && shares.iter().all(|share| *share >= 0.0), "{}", case.name);
        }
        assert!(new_categories(&window).iter().all(|new| new.rows > 0), "{}", case.name);
        let text = serde_json::to_string(&found.measures).expect("it is JSON");
        assert!(!text.contains("e308"), "{}: a number stands for an infinite one: {text}", case.name);
    }
}

#[test]
fn a_measure_is_there_for_every_kind_that_the_list_gives_it_and_for_no_other() {
    let columns = [
        (Kind::Continuous, numbers(even(1000)), numbers(even(500))),
        (Kind::Discrete, numbers([1.0, 2.0, 3.0].repeat(100)), numbers([1.0, 2.0].repeat(50))),
        (Kind::Categorical, repeated(named(0, 3), 100), repeated(named(0, 2), 50)),
        (
            Kind::Boolean,
            repeated(vec![Value::Bool(true), Value::Bool(false)], 100),
            vec![Value::Bool(true); 100],
        ),
    ];
    for (kind, before, mut after) in columns {
        after.push(Value::Missing);
        let reference = reference(&before, Some(kind));
        let found = compare(&reference, &sketch(&reference, &after), Dependence::NONE);
        for info in &MEASURES {
            let is_there = found.measures.get(info.measure).is_some();
            assert_eq!(is_there, info.kinds.contains(&kind), "{} of a {kind} feature", info.name);
        }
    }
}
