//! What a census says is what an accumulator would have counted.

use super::*;
use crate::sketch::Accumulator;
use crate::words::Name;
use proptest::prelude::*;
use std::sync::Arc;

fn of(values: &[Value<'_>]) -> Census {
    let mut census = Census::default();
    values.iter().for_each(|value| census.add(value, None));
    census
}

fn counted(kind: Kind, basis: &Arc<Basis>, values: &[Value<'_>]) -> FeatureSketch {
    let mut accumulator = Accumulator::new(kind, basis.clone(), 100);
    values.iter().for_each(|value| accumulator.push(value));
    accumulator.finish()
}

/// Values as they come from JSON: of every type, in any mixture.
fn values() -> impl Strategy<Value = Vec<Value<'static>>> {
    let number = prop_oneof![
        (-40i32..40).prop_map(|number| f64::from(number) / 4.0),
        prop::sample::select(vec![-0.0, 0.0, 1.0, f64::NAN, f64::INFINITY, f64::MIN, f64::MAX, 5e-324]),
    ];
    let text = prop::sample::select(vec!["a", "b", "TRUE", " false ", "1", "7.5", "", "café"]);
    let one = prop_oneof![
        4 => number.prop_map(Value::Number),
        2 => text.prop_map(|text| Value::Text(text.into())),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::Missing),
        1 => Just(Value::Other),
    ];
    prop::collection::vec(one, 0..400)
}

fn bases() -> Vec<(Kind, Arc<Basis>)> {
    let cells = OrderedCells::new(vec![-3.0, 0.0_f64.next_down(), 0.0, 2.25], vec![0]).unwrap();
    let names = |names: &[&str], complete| {
        let names: Vec<Name> = names.iter().map(|name| Name::from(*name)).collect();
        Arc::new(Basis::Categories(Categories::new(names, vec![], complete).unwrap()))
    };
    vec![
        (Kind::Continuous, Arc::new(Basis::Ordered(cells))),
        (Kind::Categorical, names(&["a", "TRUE", "7.5", "-2", "true"], true)),
        (Kind::Categorical, names(&["b"], false)),
        (Kind::Boolean, names(&["false", "true"], true)),
    ]
}

proptest! {
    #[test]
    fn a_census_of_parts_in_any_order_counts_as_an_accumulator_does(
        values in values(), parts in 1usize..5, turn in 0usize..5,
    ) {
        let mut merged = Census::default();
        for at in 0..parts {
            let own: Vec<Value<'_>> =
                values.iter().skip((at + turn) % parts).step_by(parts).cloned().collect();
            merged.merge(&of(&own));
        }
        prop_assert_eq!(&merged, &of(&values));
        let record = CensusRecord::from(&merged);
        let text = serde_json::to_string(&record).unwrap();
        let back: CensusRecord = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&Census::try_from(&back).unwrap(), &merged);
        for (kind, basis) in bases() {
            let (expected, found) =
                (counted(kind, &basis, &values), merged.sketch(kind, &basis, values.len() as u64, 100).unwrap());
            prop_assert_eq!(&found.tally, &expected.tally, "{}", kind);
            prop_assert_eq!(&found.detail.unseen, &expected.detail.unseen, "{}", kind);
            let ends = |sketch: &FeatureSketch| (sketch.detail.digest.min(), sketch.detail.digest.max());
            prop_assert_eq!((found.detail.digest.count(), ends(&found)), (expected.detail.digest.count(), ends(&expected)));
        }
    }
}

#[test]
fn cells_that_a_census_is_too_coarse_for_are_not_counted() {
    let values: Vec<Value<'_>> = (0..20_000).map(|i| Value::Number(f64::from(i).sqrt())).collect();
    let census = of(&values);
    let sketch = |edge: f64| {
        let basis = Basis::Ordered(OrderedCells::new(vec![edge], vec![0]).unwrap());
        census.sketch(Kind::Continuous, &basis, 20_000, 0)
    };
    let wide = census.numbers.cells().find(|cell| cell.rows > 1).unwrap();
    assert_eq!(sketch(wide.last).unwrap().tally.rows(), 20_000);
    assert_eq!(sketch(wide.last.next_down()), None);
}

#[test]
fn more_names_than_are_kept_count_where_none_with_a_cell_is_lost() {
    let names: Vec<String> = (0..6000).map(|i| format!("n{i}")).collect();
    let values: Vec<Value<'_>> = names.iter().map(|name| Value::Text(name.as_str().into())).collect();
    let census = of(&values);
    assert_eq!((census.texts, census.unnamed()), (6000, 6000 - MOST_CELLS as u64));
    let kept: Vec<&Name> = census.names.iter().map(|(name, _)| name).take(2).collect();
    let lost = names.iter().find(|name| census.names.iter().all(|(kept, _)| **kept != ***name)).unwrap();
    let sketch = |names: &[&str], complete| {
        let names = names.iter().map(|name| Name::from(*name)).collect();
        let basis = Basis::Categories(Categories::new(names, vec![], complete).unwrap());
        census.sketch(Kind::Categorical, &basis, 6000, 0).map(|sketch| sketch.tally.cells)
    };
    assert_eq!(sketch(&[kept[0], kept[1]], false), Some(vec![1, 1, 5998]));
    assert_eq!(sketch(&[kept[0], kept[1]], true), None);
    assert_eq!(sketch(&[lost], false), None);
}

#[test]
fn numbers_in_a_table_are_names_as_they_are_written_where_they_are_categories() {
    let values: Vec<Value<'_>> =
        ["007", "007", "7", "A1"].iter().map(|text| Value::Literal((*text).into())).collect();
    let mut categories = of(&values).categories().unwrap();
    categories.sort();
    assert_eq!(categories, [("007".to_owned(), 2), ("7".to_owned(), 1), ("A1".to_owned(), 1)]);
    assert_eq!((of(&values).numbers.rows(), of(&values).texts), (3, 1));
}

#[test]
fn a_record_that_breaks_a_promise_is_refused() {
    let values = [Value::Number(2.5), Value::Number(3.0), Value::Text("a".into())];
    let sound = CensusRecord::from(&of(&values));
    let broken = [
        CensusRecord { counts: vec![1], ..sound.clone() },
        CensusRecord { counts: vec![1, 0], ..sound.clone() },
        CensusRecord { gaps: vec![5, 0], ..sound.clone() },
        CensusRecord { gaps: vec![-5, -3], ..sound.clone() },
        CensusRecord { shift: 64, ..sound.clone() },
        CensusRecord { shift: 63, ..sound.clone() },
        CensusRecord { least: None, ..sound.clone() },
        CensusRecord { greatest: Some(f64::INFINITY), ..sound.clone() },
        CensusRecord { literals: 3, ..sound.clone() },
        CensusRecord { texts: 0, ..sound.clone() },
    ];
    for record in broken {
        assert!(Census::try_from(&record).is_err(), "{record:?}");
    }
    assert!(Census::try_from(&sound).is_ok());
}
