//! One feature of a window against its reference: every measure, and one answer to each question.
//!
//! What decides (`p_certain` and the sizes) rests on counts only. Levels, thresholds, suffixes and
//! verdicts are not here.

use super::Measures;
use super::answer::{Answer, Dependence, Tested, Untestable};
use super::bins::Bins;
use super::chi_square::chi_square;
use super::cumulative::Cumulative;
use super::curve::Curves;
use super::hellinger::hellinger;
use super::jensen_shannon::jensen_shannon;
use super::ks::ks;
use super::psi::psi;
use super::questions::BothCounts;
use super::significance::PooledTest;
use super::standard::{Figures, Standard};
use super::wasserstein::wasserstein;
use super::z_score::{missing_z_score, z_score};
use crate::reference::FeatureProfile;
use crate::sketch::{Basis, FeatureSketch};
use crate::words::Question;

/// A feature of a window against its reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The window's rows with a valid value.
    pub rows: u64,
    /// The reference's rows with a valid value.
    pub reference_rows: u64,
    /// Effect sizes of the whole comparison.
    pub measures: Measures,
    /// Whether the values have the reference's distribution.
    pub shape: Answer,
    /// Whether missing and invalid values are as frequent as in the reference.
    pub missing: Answer,
    /// Whether categories that the reference never saw are as rare as they should be.
    pub unseen: Answer,
}

impl Comparison {
    /// The answer to `question`.
    pub fn answer(&self, question: Question) -> &Answer {
        match question {
            Question::Shape => &self.shape,
            Question::Missing => &self.missing,
            Question::Unseen => &self.unseen,
        }
    }
}

/// Compares `window` with `reference`; both must be counted in the reference's cells.
pub fn compare(reference: &FeatureProfile, window: &FeatureSketch, dependence: Dependence) -> Comparison {
    Standard::new(reference, &Figures::of(reference)).compare(window, dependence)
}

impl Standard<'_> {
    /// Compares `window` with this, in whose cells it must be counted.
    pub fn compare(&self, window: &FeatureSketch, dependence: Dependence) -> Comparison {
        let sides = self.sides(&window.tally);
        let pooled = sides.pooled(dependence);
        let measures = measures(self, window, &sides, pooled.as_ref());
        let answer =
            |outcome: Result<Tested, Untestable>| outcome.map_or_else(Answer::Untestable, Answer::Tested);
        Comparison {
            rows: sides.rows,
            reference_rows: self.counted().rows,
            shape: answer(sides.shape(&measures, pooled, dependence)),
            missing: answer(sides.missing(&measures, dependence)),
            unseen: answer(sides.unseen(dependence)),
            measures,
        }
    }
}

fn measures(
    standard: &Standard<'_>,
    window: &FeatureSketch,
    sides: &BothCounts<'_>,
    pooled: Option<&PooledTest>,
) -> Measures {
    let (reference, sketch) = (standard.profile, &standard.profile.sketch);
    let bins = Bins::of(reference, window);
    let counted = standard.counted();
    let passed = match &counted.passed {
        Some(before) => Cumulative::of(&window.tally.cells).map(|now| (before, now)),
        None => None,
    };
    let curves = match (&*reference.basis, &passed) {
        (Basis::Ordered(cells), Some((before, now))) => {
            Some(Curves::of(cells, (before, &sketch.detail.digest), (now, &window.detail.digest)))
        }
        _ => None,
    };
    let (reference_bad, bad) = sides.bad();
    Measures {
        psi: bins.as_ref().map(psi),
        ks: curves.as_ref().map(ks),
        jensen_shannon: bins.as_ref().map(jensen_shannon),
        hellinger: bins.as_ref().map(hellinger),
        wasserstein: curves.as_ref().and_then(|curves| wasserstein(curves, sketch, window)),
        chi_square: pooled.map(chi_square),
        z_score: z_score(standard, window),
        missing_z_score: missing_z_score((reference_bad, counted.rows), (bad, sides.rows)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::measure::p_certain;
    use crate::measure::significance::kolmogorov_q;
    use crate::measure::testdata::{categories, discrete, numbers, ordered, sketch, texts};
    use crate::sketch::Categories;
    use crate::words::Kind;
    use std::sync::Arc;

    fn uniform(rows: usize, from: f64) -> Vec<f64> {
        (0..rows).map(|i| from + (i * 7919 % rows) as f64 / rows as f64).collect()
    }

    fn continuous() -> FeatureProfile {
        let edges = (1..100).map(|j| f64::from(j) / 100.0).collect();
        ordered(Kind::Continuous, edges, (9..99).step_by(10).collect(), &uniform(5000, 0.0))
    }

    fn compared(reference: &FeatureProfile, values: &[f64]) -> Comparison {
        compare(reference, &sketch(reference.kind, &reference.basis, numbers(values)), Dependence::NONE)
    }

    fn named(reference: &FeatureProfile, counts: &[(&str, usize)]) -> Comparison {
        compare(reference, &sketch(reference.kind, &reference.basis, texts(counts)), Dependence::NONE)
    }

    #[test]
    fn a_continuous_shape_is_tested_by_its_certain_distance() {
        let found = compared(&continuous(), &uniform(1000, 0.1));
        let (ks, shape) = (found.measures.ks.unwrap(), found.shape.tested().unwrap());
        assert_eq!((found.rows, found.reference_rows), (1000, 5000));
        assert_eq!(shape.p_certain, kolmogorov_q((5000.0 / 6.0_f64).sqrt() * ks.low));
        assert!(shape.p_value <= shape.p_certain && shape.p_certain < 1e-6, "{shape:?}");
        assert_eq!(
            (shape.sizes.measures.ks, shape.sizes.measures.psi),
            (Some(ks.low), Some(found.measures.psi.unwrap().corrected))
        );
    }

    #[test]
    fn the_certain_p_from_counts_alone_is_that_of_the_whole_comparison() {
        let reference = continuous();
        let named = categories(&[("a", 700), ("b", 299), ("c", 1)], &[]);
        let constant = discrete(&[7.0; 200]);
        let windows = [
            (&reference, sketch(reference.kind, &reference.basis, numbers(&uniform(1000, 0.05)))),
            (&named, sketch(named.kind, &named.basis, texts(&[("a", 71), ("b", 20), ("x", 9)]))),
            (&constant, sketch(constant.kind, &constant.basis, numbers(&[8.0; 100]))),
            (&constant, sketch(constant.kind, &constant.basis, numbers(&[]))),
        ];
        for (reference, window) in &windows {
            for dependence in [Dependence::NONE, Dependence { shape: 1.7, missing: 2.5 }] {
                let whole = compare(reference, window, dependence);
                let expected =
                    Question::ALL.map(|question| whole.answer(question).tested().map(|test| test.p_certain));
                assert_eq!(p_certain(reference, &window.tally, dependence), expected);
            }
        }
    }

    #[test]
    fn an_unchanged_feature_surprises_nobody() {
        let found = compared(&continuous(), &uniform(1000, 0.0));
        assert!(found.shape.tested().unwrap().p_value > 0.99);
        let reference = categories(&[("a", 700), ("b", 299), ("c", 1)], &[]);
        let found = named(&reference, &[("a", 71), ("b", 29)]);
        for question in [Question::Shape, Question::Missing, Question::Unseen] {
            assert!(found.answer(question).tested().unwrap().p_certain > 0.5, "{question} {found:?}");
        }
    }

    #[test]
    fn categories_have_no_distance_and_a_pooled_test() {
        let found = named(&categories(&[("a", 700), ("b", 300)], &[]), &[("a", 40), ("b", 60)]);
        let shape = found.shape.tested().unwrap();
        assert_eq!((found.measures.ks, shape.sizes.measures.ks), (None, None));
        assert!(shape.p_value == shape.p_certain && shape.p_value < 1e-8, "{shape:?}");
        assert!(shape.sizes.measures.psi.unwrap() > 0.3);
    }

    #[test]
    fn missing_and_invalid_values_are_one_question_with_a_direction() {
        let mut reference = continuous();
        reference.sketch.tally.missing = 5000;
        let mut window = sketch(Kind::Continuous, &reference.basis, numbers(&uniform(900, 0.0)));
        window.tally.invalid = 100;
        let fall = compare(&reference, &window, Dependence::NONE).missing;
        let fall = fall.tested().unwrap();
        assert!((fall.sizes.share.unwrap() + 0.4).abs() < 1e-12 && fall.p_certain < 1e-12, "{fall:?}");
        reference.sketch.tally.missing = 0;
        let rise = compare(&reference, &window, Dependence::NONE).missing;
        let rise = rise.tested().unwrap();
        assert!((rise.sizes.share.unwrap() - 0.1).abs() < 1e-12 && rise.p_certain < 1e-12, "{rise:?}");
    }

    #[test]
    fn a_window_of_nothing_but_missing_values_answers_one_question() {
        let reference = continuous();
        let found = compare(
            &reference,
            &sketch(Kind::Continuous, &reference.basis, vec![Value::Missing; 500]),
            Dependence::NONE,
        );
        assert_eq!(found.shape, Answer::Untestable(Untestable::TooFewRows));
        assert_eq!(found.measures, Measures::default());
        let missing = found.missing.tested().unwrap();
        assert!(missing.sizes.share == Some(1.0) && missing.p_certain == 0.0, "{missing:?}");
    }

    #[test]
    fn unseen_categories_count_by_what_exceeds_the_references_own_rarities() {
        let reference = categories(&[("a", 980), ("b", 1)], &[("c", 1), ("d", 18)]);
        let found = named(&reference, &[("a", 180), ("x", 15), ("y", 5)]).unseen;
        let tested = found.tested().unwrap();
        assert!(
            (tested.sizes.share.unwrap() - (0.1 - 0.002)).abs() < 1e-12 && tested.p_certain < 1e-8,
            "{tested:?}"
        );
        let found = named(&reference, &[("a", 200)]).unseen;
        let tested = found.tested().unwrap();
        assert_eq!((tested.sizes.share, tested.p_certain), (Some(0.0), 1.0));
    }

    #[test]
    fn a_question_that_makes_no_sense_says_why() {
        let reason = |answer: Answer| match answer {
            Answer::Untestable(why) => why.to_string(),
            Answer::Tested(tested) => panic!("{tested:?}"),
        };
        assert_eq!(reason(compared(&continuous(), &[]).unseen), "numbers are not categories");
        let names: Vec<String> = (0..100).map(|i| i.to_string()).collect();
        let once: Vec<(&str, usize)> = names.iter().map(|name| (&**name, 1)).collect();
        let identifiers = categories(&[], &once);
        assert_eq!(reason(named(&identifiers, &[("x", 100)]).unseen), "identifier-like column");
        let mut incomplete = categories(&[("a", 100)], &[]);
        incomplete.basis =
            Arc::new(Basis::Categories(Categories::new(vec!["a".into()], vec![], false).unwrap()));
        let found = named(&incomplete, &[("a", 50), ("z", 50)]);
        assert!(reason(found.unseen).starts_with("too many categories"), "{found:?}");
        assert_eq!(reason(named(&identifiers, &[("x", 100)]).shape), "no cell has rows enough");
        assert_eq!(reason(named(&categories(&[("a", 49)], &[]), &[("a", 50)]).missing), "fewer than 50 rows");
        let boolean =
            FeatureProfile { kind: Kind::Boolean, ..categories(&[("false", 50), ("true", 50)], &[]) };
        assert!(reason(named(&boolean, &[("true", 50)]).unseen).starts_with("a boolean"));
    }

    #[test]
    fn a_constant_that_stays_is_no_change_and_one_that_leaves_is() {
        for reference in [
            discrete(&[7.0; 200]),
            ordered(Kind::Continuous, vec![7.0_f64.next_down(), 7.0], vec![1], &[7.0; 200]),
        ] {
            let stays = compared(&reference, &[7.0; 100]);
            assert_eq!((stays.measures.psi.unwrap().value, stays.measures.ks.unwrap().high), (0.0, 0.0));
            let leaves = compared(&reference, &[7.0_f64.next_up(); 100]);
            assert_eq!(
                (leaves.measures.ks.unwrap().low, leaves.shape.tested().unwrap().sizes.measures.ks),
                (1.0, Some(1.0))
            );
            assert!(leaves.shape.tested().unwrap().p_certain < 1e-12, "{leaves:?}");
        }
    }

    #[test]
    fn a_constant_that_a_small_window_leaves_for_good_is_a_change_of_shape() {
        let references = [
            discrete(&vec![7.0; 100_000]),
            categories(&[("7", 100_000)], &[]),
            FeatureProfile { kind: Kind::Boolean, ..categories(&[("7", 100_000), ("8", 0)], &[]) },
        ];
        for reference in references {
            let window = |value: &str| -> Vec<Value<'_>> {
                let text = |_| Value::Text(value.to_owned().into());
                let number = |_| Value::Number(value.parse().unwrap());
                match reference.kind {
                    Kind::Discrete => (0..100).map(number).collect(),
                    _ => (0..100).map(text).collect(),
                }
            };
            let p = |value: &str| {
                let kind = if reference.kind == Kind::Boolean { Kind::Categorical } else { reference.kind };
                let found =
                    compare(&reference, &sketch(kind, &reference.basis, window(value)), Dependence::NONE);
                found.shape.tested().unwrap().p_certain
            };
            assert!(p("8") < 1e-100 && p("7") == 1.0, "{}", reference.kind);
        }
    }

    #[test]
    fn every_number_is_finite_whatever_the_sides_are() {
        let wild = [f64::MIN, -5e-324, 0.0, 5e-324, f64::MAX].repeat(60);
        let references = [
            continuous(),
            discrete(&wild),
            discrete(&[]),
            ordered(Kind::Continuous, vec![-1e308, 1e308], vec![], &wild),
            ordered(Kind::Continuous, vec![], vec![], &[]),
        ];
        for reference in &references {
            for values in [&[][..], &[1.0][..], &[5e-324; 300][..], &wild[..], &uniform(3000, 1e306)[..]] {
                let mut window = sketch(reference.kind, &reference.basis, numbers(values));
                for scale in [1, 1_000_000] {
                    window.tally.cells.iter_mut().for_each(|count| *count *= scale);
                    let found = compare(reference, &window, Dependence::NONE);
                    for measure in [found.measures.psi, found.measures.ks].into_iter().flatten() {
                        let ordered = measure.low <= measure.value && measure.value <= measure.high;
                        assert!(
                            ordered && measure.high.is_finite() && measure.corrected >= 0.0,
                            "{measure:?}"
                        );
                    }
                    for tested in Question::ALL.iter().filter_map(|question| found.answer(*question).tested())
                    {
                        assert!(
                            0.0 <= tested.p_value
                                && tested.p_value <= tested.p_certain
                                && tested.p_certain <= 1.0
                        );
                    }
                }
            }
        }
    }
}
