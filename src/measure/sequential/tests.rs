//! The test held to answers computed without it, and its promises.

use super::*;
use crate::event::Value;
use crate::measure::testdata::{categories, discrete, numbers, ordered, sketch, texts};
use crate::reference::{CoarseCells, FeatureProfile};
use crate::words::{Kind, Question};
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

const PER_NAT: f64 = (1 << 20) as f64;

#[derive(Deserialize)]
struct Case {
    ordered: bool,
    counts: Vec<usize>,
    novel: u64,
    missing: u64,
    bets: BTreeMap<String, ExpectedBet>,
    patience: f64,
    looks: Vec<Vec<u64>>,
    logs: BTreeMap<String, Option<f64>>,
}

#[derive(Deserialize)]
struct ExpectedBet {
    scores: Vec<f64>,
    gain: f64,
    error: f64,
}

fn cases() -> Vec<Case> {
    #[derive(Deserialize)]
    struct Cases {
        cases: Vec<Case>,
    }
    serde_json::from_str::<Cases>(include_str!("testdata/expected.json")).unwrap().cases
}

impl Case {
    fn reference(&self) -> FeatureProfile {
        let mut reference = if self.ordered { self.numbers() } else { self.names() };
        reference.sketch.tally.missing = self.missing;
        reference
    }

    /// Cell `i` of the case holds the numbers `i`.
    fn numbers(&self) -> FeatureProfile {
        let rows = self.counts.iter().enumerate();
        let values: Vec<f64> = rows.flat_map(|(cell, rows)| vec![cell as f64; *rows]).collect();
        ordered(
            Kind::Continuous,
            (0..self.counts.len() - 1).map(|edge| edge as f64).collect(),
            vec![],
            &values,
        )
    }

    /// All but the last cell are categories; the last holds those of two rows, beside those of one.
    fn names(&self) -> FeatureProfile {
        let (rare, named) = self.counts.split_last().unwrap();
        let mut rows: Vec<(String, usize)> =
            named.iter().enumerate().map(|(cell, rows)| (format!("n{cell}"), *rows)).collect();
        rows.extend((0..rare / 2).map(|i| (format!("two{i}"), 2)));
        rows.extend((0..self.novel).map(|i| (format!("one{i}"), 1)));
        let rows: Vec<(&str, usize)> = rows.iter().map(|(name, rows)| (name.as_str(), *rows)).collect();
        categories(&rows, &[])
    }
}

/// The name of a bet in the expected answers.
fn name(change: Change) -> String {
    match change {
        Change::Shift(by) => format!("shift {by:?}"),
        Change::Scale(by) => format!("scale {by:?}"),
        Change::Surge { cell, share } => format!("surge {cell} {share}"),
        Change::Fall(left) => format!("fall {left}"),
    }
}

fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance, "{what}: found {found}, expected {expected}");
}

#[test]
fn bets_pay_gain_and_cost_what_an_independent_computation_says() {
    for case in cases() {
        let plan = Plan::new(&case.reference(), 1.0);
        assert_eq!(plan.alternatives().len(), case.bets.len());
        for bet in plan.alternatives() {
            let (what, cells) = (name(bet.change), plan.cells());
            let expected = &case.bets[&what];
            close(bet.gain, expected.gain, 1e-9 * expected.gain, &what);
            close(bet.error, expected.error, 1e-8 * expected.error, &what);
            let score = |cell: usize| {
                let mut counts = vec![0; cells.len()];
                counts[cell] = 1;
                bet.score(&counts, 1) as f64 / PER_NAT
            };
            match bet.change {
                Change::Shift(_) | Change::Scale(_) => {
                    for (cell, expected) in expected.scores.iter().enumerate() {
                        close(score(cell), *expected, 1e-6, &what);
                    }
                    assert_eq!([score(cells.novel()), score(cells.missing())], [0.0, 0.0]);
                }
                Change::Surge { .. } | Change::Fall(_) => {
                    let cell =
                        if let Change::Surge { cell, .. } = bet.change { cell } else { cells.missing() };
                    close(score(cell), expected.scores[0], 1e-6, &what);
                    close(score((cell + 1) % cells.len()), expected.scores[1], 1e-6, &what);
                }
            }
        }
    }
}

#[test]
fn wagers_grow_as_in_an_independent_computation() {
    for case in cases() {
        let plan = Arc::new(Plan::new(&case.reference(), 1.0));
        let test = SequentialTest::new(plan.clone(), Pace::looks(case.patience));
        let mut state = SequentialState::default();
        for (look, counts) in case.looks.iter().enumerate() {
            assert_eq!(test.step(&mut state, look as i64, counts), None);
        }
        for (change, wager) in plan.changes().zip(&state.wagers) {
            match case.logs[&name(change)] {
                Some(log) => close(f64::from(*wager) / PER_NAT, log, 1e-4, &name(change)),
                None => assert_eq!(*wager, i32::MIN, "{change:?} is off"),
            }
        }
    }
}

/// A reference of 20,000 standard normal scores, as quantiles.
fn normal() -> FeatureProfile {
    let values: Vec<f64> = (0..20_000).map(|i| normal::quantile((f64::from(i) + 0.5) / 20_000.0)).collect();
    let edges: Vec<f64> = (1..250).map(|j| normal::quantile(f64::from(j) / 250.0)).collect();
    ordered(Kind::Continuous, edges, vec![], &values)
}

/// Rows to an alarm when every value is turned into another, in looks of 50 rows.
fn alarm_after(
    reference: &FeatureProfile,
    changed: impl Fn(f64) -> Value<'static>,
) -> Option<(u64, Alarm, Plan)> {
    let plan = Plan::new(reference, 1.0);
    let test = SequentialTest::new(Arc::new(plan.clone()), Pace::looks(1e6));
    let mut rows = RowTest::new(test, reference);
    // Multiples of the golden ratio are spread evenly over the reference's shares.
    let score = |row: u64| normal::quantile((row as f64 * 0.618_033_988_749_894_9).fract().max(1e-6));
    for row in 0..20_000_u64 {
        let score = score(row);
        rows.push(&if row < 10_000 { Value::Number(score) } else { changed(score) });
        if row % 50 == 49
            && let Some(alarm) = rows.end_look()
        {
            assert!(row >= 10_000, "a false alarm at {row}: {alarm:?}");
            return Some((row - 10_000, alarm, plan));
        }
    }
    None
}

#[test]
fn each_change_is_found_named_and_dated() {
    let reference = normal();
    type Changed = dyn Fn(f64) -> Value<'static>;
    let cases: [(&Changed, Change, Question, &str); 5] = [
        (&|z| Value::Number(z + 0.5), Change::Shift(0.5), Question::Shape, "values moved up by about 0.5"),
        (&|z| Value::Number(z - 1.0), Change::Shift(-1.0), Question::Shape, "values moved down by about 1"),
        (&|z| Value::Number(1.5 * z), Change::Scale(1.5), Question::Shape, "the spread is about 1.5 times"),
        (
            &|z| if z > 0.842 { Value::Missing } else { Value::Number(z) },
            Change::Surge { cell: 32, share: 0.12 },
            Question::Missing,
            "about 12 % of the rows more have no valid value",
        ),
        (
            &|z| Value::Number(if z.abs() < 0.2 { 9.0 } else { z }),
            Change::Surge { cell: 30, share: 0.12 },
            Question::Shape,
            "about 12 % of the rows turned into values above 1.75",
        ),
    ];
    for (changed, change, question, words) in cases {
        let (rows, alarm, plan) = alarm_after(&reference, changed).unwrap();
        assert!(rows < 300, "{change:?} after {rows} rows");
        assert_eq!((alarm.change, alarm.question), (change, question));
        assert!((alarm.onset - 200).abs() <= 3, "{change:?} began in look 200, not {}", alarm.onset);
        let said = plan.describe(alarm.change, &reference.basis);
        assert!(said.starts_with(words), "{said}");
    }
}

#[test]
fn a_trifle_is_never_an_alarm() {
    assert!(alarm_after(&normal(), |z| Value::Number(z + 0.1)).is_none());
}

#[test]
fn a_constant_that_begins_to_vary_is_found_at_once() {
    let edges = vec![7.0_f64.next_down(), 7.0];
    let (rows, alarm, plan) = {
        let reference = ordered(Kind::Continuous, edges, vec![], &[7.0; 5_000]);
        let plan = Plan::new(&reference, 1.0);
        let mut test =
            RowTest::new(SequentialTest::new(Arc::new(plan.clone()), Pace::looks(1e6)), &reference);
        (0..50).for_each(|_| test.push(&Value::Number(7.0)));
        assert_eq!(test.end_look(), None);
        (0..10).for_each(|i| test.push(&Value::Number(f64::from(i))));
        (10, test.end_look().unwrap(), plan)
    };
    assert_eq!((rows, alarm.question, alarm.onset), (10, Question::Shape, 1));
    assert!(matches!(alarm.change, Change::Surge { cell, .. } if cell == plan.cells().novel()));
}

#[test]
fn a_reference_says_from_what_change_on_it_supports_early_sight() {
    let pace = Pace::looks(2e5);
    let support = Plan::new(&normal(), 1.0).support(pace);
    assert_eq!((support.shift, support.missing), (Some(0.25), Some(0.05)));
    assert_eq!((support.narrower, support.wider), (Some(0.67), Some(1.5)));
    // With rows worth a fortieth, as in a reference of 500, the smallest are beyond it.
    let support = Plan::new(&normal(), 40.0).support(pace);
    assert_eq!((support.shift, support.missing), (Some(0.5), Some(0.12)));
    // One pulse of novel values is told from chance sooner than one of a large category.
    let reference = categories(&[("a", 5_000), ("b", 4_000), ("c", 1_000)], &[]);
    let support = Plan::new(&reference, 1.0).support(pace);
    assert_eq!((support.shift, support.surge, support.novel), (None, Some(0.12), Some(0.05)));
    let boolean = FeatureProfile { kind: Kind::Boolean, ..categories(&[("false", 50), ("true", 50)], &[]) };
    let support = Plan::new(&boolean, 1.0).support(pace);
    assert_eq!((support.surge, support.novel, support.missing), (None, None, Some(0.3)));
}

#[test]
fn dependent_rows_count_as_fewer() {
    let plan = |rows: [usize; 3], missing, dependence| {
        let mut reference = categories(&[("a", rows[0]), ("b", rows[1]), ("c", rows[2])], &[]);
        reference.sketch.tally.missing = missing;
        Plan::new(&reference, dependence)
    };
    let (many, few) = (plan([50_000, 30_000, 200], 1_000, 10.0), plan([5_000, 3_000, 20], 100, 1.0));
    for (of_many, of_few) in many.alternatives().iter().zip(few.alternatives()) {
        close(of_many.gain, of_few.gain, 1e-12, "gain");
        close(of_many.error, of_few.error, 1e-12, "error");
    }
}

#[test]
fn neighbours_share_a_coarse_cell_and_heavy_values_stay_alone() {
    // 250 even cells, the value 3.5 as an atom of a third of the rows, and nothing above 250.
    let mut edges: Vec<f64> = (1..=250).map(f64::from).chain([3.5_f64.next_down(), 3.5]).collect();
    edges.sort_by(f64::total_cmp);
    let mut values: Vec<f64> = (0..10_000).map(|i| f64::from(i % 250) + 0.25).collect();
    values.extend([3.5; 5_000]);
    let reference = ordered(Kind::Continuous, edges, vec![], &values);
    let cells = CoarseCells::of(&reference);
    assert_eq!(cells.rows()[..4], [160, 5_000, 480, 480]);
    assert!(
        cells.rows()[2..cells.novel()].iter().all(|rows| (469..938).contains(rows)),
        "{:?}",
        cells.rows()
    );
    assert_eq!(cells.of_fine(252), cells.novel(), "what the reference never held is novel");
    assert_eq!(cells.rows().iter().sum::<u64>(), reference.sketch.tally.rows());
}

#[test]
fn cells_of_equal_share_are_few_where_rows_are() {
    let values: Vec<f64> = (0..200).map(f64::from).collect();
    let reference = ordered(Kind::Continuous, (1..100).map(|e| f64::from(2 * e)).collect(), vec![], &values);
    let cells = CoarseCells::of(&reference);
    assert_eq!(cells.rows()[..cells.novel()], [31, 30, 30, 30, 30, 49]);
}

#[test]
fn gaps_between_discrete_values_are_novel() {
    let values: Vec<f64> = [1.0, 2.0, 4.0].into_iter().flat_map(|v| [v; 100]).chain([9.0]).collect();
    let reference = discrete(&values);
    let cells = CoarseCells::of(&reference);
    assert_eq!(cells.rows(), [100, 100, 100, 1, 1, 0]);
    let window = sketch(Kind::Discrete, &reference.basis, numbers(&[1.0, 3.0, -5.0, 9.0, f64::NAN]));
    assert_eq!(cells.count(&window.tally), [1, 0, 0, 1, 2, 1]);
}

#[test]
fn rare_categories_share_a_cell_without_what_new_ones_will_take_from_it() {
    let names: Vec<String> = (0..60).map(|i| format!("c{i}")).collect();
    let counts: Vec<(&str, usize)> =
        names.iter().enumerate().map(|(i, name)| (name.as_str(), if i < 40 { 100 - i } else { 1 })).collect();
    let reference = categories(&counts, &[("x", 1), ("y", 5)]);
    let cells = CoarseCells::of(&reference);
    // 31 by name; of the rest 9 named ones with 65 rows each on average, 20 of one row, and x, y.
    assert_eq!((cells.len(), cells.novel()), (34, 32));
    assert_eq!(cells.rows()[29..], [71, 70, (61..70).sum::<u64>() + 5, 21, 0]);
    let window =
        sketch(Kind::Categorical, &reference.basis, texts(&[("c0", 1), ("c50", 2), ("y", 3), ("new", 4)]));
    let counted = cells.count(&window.tally);
    assert_eq!((counted[0], &counted[31..]), (1, &[5, 4, 0][..]));
}

proptest! {
    #[test]
    fn a_row_pays_nothing_on_average_while_nothing_has_changed(
        counts in prop::collection::vec(30usize..400, 2..40), missing in 0u64..500,
    ) {
        let case = |ordered| Case {
            ordered, counts: counts.clone(), missing, novel: 3,
            bets: BTreeMap::new(), patience: 1.0, looks: vec![], logs: BTreeMap::new(),
        };
        for reference in [case(true).reference(), case(false).reference()] {
            let plan = Plan::new(&reference, 1.0);
            let cells = plan.cells();
            for bet in plan.alternatives() {
                let factor = |cell: usize| {
                    let mut row = vec![0; cells.len()];
                    row[cell] = 1;
                    (bet.score(&row, 1) as f64 / PER_NAT).exp()
                };
                let mean = match bet.change {
                    Change::Shift(_) | Change::Scale(_) => {
                        let rows: Vec<f64> = cells.rows()[..cells.novel()].iter().map(|r| *r as f64 + 0.5).collect();
                        rows.iter().enumerate().map(|(cell, r)| r * factor(cell)).sum::<f64>() / rows.iter().sum::<f64>()
                    }
                    Change::Surge { .. } | Change::Fall(_) => {
                        let cell = if let Change::Surge { cell, .. } = bet.change { cell } else { cells.missing() };
                        let rows = cells.rows()[cell];
                        let spare = if rows < 30 { 3.0 } else { 0.5 };
                        let p = (rows as f64 + spare) / (cells.total() as f64 + 2.0 * spare);
                        p * factor(cell) + (1.0 - p) * factor((cell + 1) % cells.len())
                    }
                };
                prop_assert!((mean - 1.0).abs() < 1e-5, "{:?}: {mean}", bet.change);
            }
        }
    }

    #[test]
    fn restored_from_its_record_a_state_goes_on_bit_for_bit_and_empty_looks_change_nothing(
        looks in prop::collection::vec(prop::collection::vec(0u64..20, 33), 1..40), cut in 0usize..40,
    ) {
        let test = SequentialTest::new(Arc::new(Plan::new(&normal(), 1.0)), Pace::looks(1e5));
        let (mut whole, mut parts) = (SequentialState::default(), SequentialState::default());
        for (at, counts) in looks.iter().enumerate() {
            if at == cut {
                parts = serde_json::from_str(&serde_json::to_string(&parts).unwrap()).unwrap();
            }
            // Every other look is empty, and one of the two is told of it.
            let look = 2 * at as i64;
            let alarms = [test.step(&mut whole, look, counts), test.step(&mut parts, look, counts)];
            prop_assert_eq!(alarms[0], alarms[1]);
            test.step(&mut parts, look + 1, &[0; 33]);
        }
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn no_counts_and_no_pause_break_it(
        counts in prop::collection::vec(0u64..1 << 30, 33), from in any::<i32>(), pause in 1i64..1 << 40, looks in 0.0..1e300f64,
    ) {
        let test = SequentialTest::new(Arc::new(Plan::new(&normal(), 1.0)), Pace::looks(looks));
        let mut state = SequentialState::default();
        for step in 0..3 {
            if let Some(alarm) = test.step(&mut state, i64::from(from) + step * pause, &counts) {
                prop_assert!((0.0..=1.0).contains(&alarm.weight));
            }
        }
    }
}

#[test]
fn the_budget_is_shared_by_all_tests_of_a_model() {
    let month = 30 * 24 * 3_600_000;
    // One event a month, half of it here, 25 tests: one alarm in 50 months each, in looks of 10 s.
    let pace = Pace::shared(0.5, month, 10_000, 25);
    assert_eq!(pace, Pace::looks(50.0 * 259_200.0));
    assert!((pace.evidence() - (50.0_f64 * 259_200.0).ln()).abs() < 1e-12);
    assert_eq!((Pace::looks(2.0).evidence(), Pace::looks(1e30).evidence()), (10.0, 30.0));
}
