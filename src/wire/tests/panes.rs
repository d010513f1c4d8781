//! Deltas, panes and profiles to records and back, in chunks.

use super::*;
use crate::engine::{
    self, Delta, Layout, ModelRecord, PaneState, PartitionRecord, Progress, StateChange, StateValue,
};
use crate::event::Value;
use crate::policy::BookRecord;
use crate::policy::record::{FeatureReport, ReferenceInfo};
use crate::reference::{BuildOptions, Origin, Profile, ProfileBuilder, ProfileRecord, References};
use crate::sketch::Accumulator;
use crate::window::{Flow, OffsetRange, PaneData, PartitionProgress};
use crate::words::{Grid, ModelKey, Name, Pane, Time};
use std::sync::Arc;

const FEATURES: u32 = 40;

fn grid() -> Grid {
    Grid::new(86_400_000, 3_600_000, 10_000).unwrap()
}

fn names() -> Vec<Name> {
    (0..FEATURES).map(|i| Name::from(format!("feature-{i:02}"))).collect()
}

/// Every fourth feature is a category.
fn value(feature: usize, row: u32) -> Value<'static> {
    match feature % 4 {
        0 => Value::Text(format!("c{}", row % 11).into()),
        _ => Value::Number(f64::from(row * 7919 % 997) / (1.0 + feature as f64)),
    }
}

fn profile() -> Profile {
    let mut builder = ProfileBuilder::new(BuildOptions::default());
    let names = names();
    for row in 0..500 {
        let values: Vec<_> = (0..names.len()).map(|feature| value(feature, row)).collect();
        builder.push(names.iter().zip(&values));
    }
    builder.finish().unwrap()
}

/// A delta of `rows` rows, in which feature 5 was not there and feature 6 always missing.
fn delta(profile: &Profile, rows: u32) -> Delta {
    let mut data = PaneData {
        flow: Flow { events: rows.into(), late: 3, idle_late: 0, conflict: 0, lost: 1 },
        ..PaneData::default()
    };
    data.offsets.insert(("in".into(), 0), OffsetRange { first: 10, next: 400 });
    data.offsets.insert(("in".into(), 4), OffsetRange { first: 0, next: 7 });
    data.unknown.add("shade", 12);
    for (position, feature) in profile.features().iter().enumerate() {
        let mut sketch = Accumulator::new(feature.kind, feature.basis.clone(), 1000);
        match position {
            5 => {}
            6 => sketch.push_missing(rows.into()),
            _ => (0..rows).for_each(|row| sketch.push(&value(position, row * 3 + 8))),
        }
        data.features.push(sketch.finish());
    }
    let key = ModelKey { model: "fraud".into(), version: "7".into(), segment: vec!["eu".into()] };
    Delta { key, pane: Pane(491_234), reference: Some(profile.id().clone()), data }
}

/// What `data` says, with a feature without rows as the empty sketch that stands for it.
fn normal(mut data: PaneData) -> PaneData {
    for sketch in data.features.iter_mut().filter(|sketch| sketch.tally.rows() == 0) {
        *sketch = Default::default();
    }
    data
}

fn sent<R: Record>(record: &R, encoding: Encoding, limit: usize) -> R {
    let bytes = encode(record, encoding).unwrap();
    assert!(bytes.len() <= limit, "{} bytes", bytes.len());
    decode(&bytes, &NoRegistry).unwrap()
}

/// The records of chunks.
fn records<R>(chunks: crate::error::Result<Vec<Encoded<R>>>) -> Vec<R> {
    chunks.unwrap().into_iter().map(|chunk| chunk.record).collect()
}

#[test]
fn a_delta_comes_back_from_chunks_that_stay_under_the_limit() {
    let (profile, grid) = (profile(), grid());
    for (rows, limit, encoding) in [
        (200, 1 << 20, Encoding::SingleObject),
        (200, 4000, Encoding::SingleObject),
        (5000, 9000, Encoding::SingleObject),
        (200, 9000, Encoding::Json),
    ] {
        let delta = delta(&profile, rows);
        let chunks = DeltaRecord::chunks(&delta, Some(&profile), &grid, limit, encoding).unwrap();
        assert_eq!(chunks.len() > 1, limit < 1 << 20);
        let mut whole: Option<Delta> = None;
        for (index, Encoded { record: chunk, payload }) in chunks.iter().enumerate() {
            assert_eq!(*payload, encode(&DeltaMessage::Delta(chunk.clone()), encoding).unwrap());
            assert_eq!((chunk.chunk_index as usize, chunk.chunk_total as usize), (index, chunks.len()));
            let message = sent(&DeltaMessage::Delta(chunk.clone()), encoding, limit);
            let number = (chunks.len() > 1).then_some(index as u32);
            assert_eq!(message.key(), DeltaKey::Delta { key: delta.key.clone(), chunk: number });
            let DeltaMessage::Delta(record) = message else { panic!("a delta") };
            let part = record.part(Some(&profile), &grid).unwrap();
            match &mut whole {
                Some(whole) => whole.data.merge(&part.data),
                None => whole = Some(part),
            }
        }
        let whole = whole.unwrap();
        assert_eq!((&whole.key, whole.pane, &whole.reference), (&delta.key, delta.pane, &delta.reference));
        assert_eq!(normal(whole.data), normal(delta.data));
    }
}

#[test]
fn chunks_are_filled_and_features_without_rows_are_not_sent() {
    let (profile, grid) = (profile(), grid());
    let delta = delta(&profile, 200);
    let encoding = Encoding::SingleObject;
    let whole = records(DeltaRecord::chunks(&delta, Some(&profile), &grid, usize::MAX, encoding));
    assert_eq!(whole[0].content.features.len(), FEATURES as usize - 1);
    let size = encode(&DeltaMessage::Delta(whole[0].clone()), encoding).unwrap().len();
    let chunks = records(DeltaRecord::chunks(&delta, Some(&profile), &grid, size / 2, encoding));
    assert!(chunks.len() <= 4, "{} chunks of half the size", chunks.len());
}

#[test]
fn a_feature_larger_than_the_limit_is_sent_alone_and_never_dropped() {
    let (profile, grid) = (profile(), grid());
    let delta = delta(&profile, 200);
    let chunks = records(DeltaRecord::chunks(&delta, Some(&profile), &grid, 1, Encoding::SingleObject));
    assert_eq!(chunks.len(), FEATURES as usize - 1);
    assert!(chunks.iter().all(|chunk| chunk.content.features.len() == 1));
    assert!(chunks[1..].iter().all(|chunk| chunk.content.flow == Flow::default()));
}

#[test]
fn rows_without_a_reference_are_one_record() {
    let grid = grid();
    let data =
        PaneData { flow: Flow { events: 5, ..Flow::default() }, features: Vec::new(), ..PaneData::default() };
    let delta = Delta { key: ModelKey::whole("m", ""), pane: Pane(-3), reference: None, data };
    let chunks = records(DeltaRecord::chunks(&delta, None, &grid, 100, Encoding::SingleObject));
    assert_eq!(chunks.len(), 1);
    assert_eq!(chunks[0].part(None, &grid).unwrap(), delta);
}

#[test]
fn gathered_values_come_back_from_chunks() {
    let grid = grid();
    let mut data = PaneData { flow: Flow { events: 900, ..Flow::default() }, ..PaneData::default() };
    for (at, name) in names().into_iter().enumerate() {
        let census = data.census.entry(name).or_default();
        (0..900).for_each(|row| census.add(&value(at, row), None));
    }
    let delta = Delta { key: ModelKey::whole("m", ""), pane: Pane(-3), reference: None, data };
    for encoding in [Encoding::SingleObject, Encoding::Json] {
        let chunks = records(DeltaRecord::chunks(&delta, None, &grid, 50_000, encoding));
        assert!(chunks.len() > 1);
        let mut back = PaneData::default();
        for chunk in &chunks {
            match sent(&DeltaMessage::Delta(chunk.clone()), encoding, 50_000) {
                DeltaMessage::Delta(record) => back.merge(&record.part(None, &grid).unwrap().data),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(back, delta.data);
    }
    let mut broken = records(DeltaRecord::chunks(&delta, None, &grid, usize::MAX, Encoding::Json)).remove(0);
    broken.content.features[0].census.as_mut().unwrap().texts = 0;
    let refused = broken.part(None, &grid).unwrap_err().to_string();
    assert!(refused.contains("feature-00"), "{refused}");
}

/// Bytes of a delta of `rows` rows of `value`, without what every delta has.
fn gathered_bytes(rows: u64, value: impl Fn(u64) -> Value<'static>) -> usize {
    let size = |columns: &[Name]| {
        let mut data = PaneData { flow: Flow { events: rows, ..Flow::default() }, ..PaneData::default() };
        for name in columns {
            let census = data.census.entry(name.clone()).or_default();
            (0..rows).for_each(|row| census.add(&value(row), None));
        }
        let delta = Delta { key: ModelKey::whole("m", ""), pane: Pane(0), reference: None, data };
        let chunks = records(DeltaRecord::chunks(&delta, None, &grid(), usize::MAX, Encoding::SingleObject));
        encode(&DeltaMessage::Delta(chunks[0].clone()), Encoding::SingleObject).unwrap().len()
    };
    size(&["feature-1".into()]) - size(&[])
}

/// `cargo test --lib gathered_values_take -- --nocapture` prints the sizes.
#[test]
fn gathered_values_take_about_as_many_bytes_as_the_cells_that_they_fill() {
    let number = |row: u64| Value::Number(((row * 7919 % 100_003) as f64 / 1e5 * 7.0).exp());
    let category = |row: u64| Value::Text(format!("category-{}", row * row % 41).into());
    for (rows, most_numbers, most_names) in
        [(1, 80, 60), (10, 170, 190), (100, 1060, 340), (10_000, 5750, 370)]
    {
        let (numbers, names) = (gathered_bytes(rows, number), gathered_bytes(rows, category));
        println!("{rows} rows: {numbers} bytes of numbers, {names} of categories");
        assert!(numbers < most_numbers && names < most_names, "{rows} rows: {numbers}, {names}");
    }
}

#[test]
fn what_the_reference_does_not_have_is_refused() {
    let (profile, grid) = (profile(), grid());
    let delta = delta(&profile, 20);
    let encoding = Encoding::SingleObject;
    let sound = records(DeltaRecord::chunks(&delta, Some(&profile), &grid, usize::MAX, encoding)).remove(0);
    let refusal = |change: fn(&mut DeltaRecord), profile: Option<&Profile>| {
        let mut record = sound.clone();
        change(&mut record);
        record.part(profile, &grid).unwrap_err().to_string()
    };
    let of = Some(&profile);
    assert!(refusal(|_| (), None).contains("which was not given"));
    assert!(refusal(|r| r.reference_id = Some("ref_b".into()), of).contains("which was not given"));
    assert!(refusal(|r| r.reference_id = None, of).contains("without a reference"));
    assert!(refusal(|r| r.content.features[0].feature = "x".into(), of).contains("does not have it"));
    assert!(refusal(|r| r.content.features[1].sketch.cells_total = u32::MAX, of).contains("cells"));
    assert!(refusal(|r| r.content.features[1].sketch.counts.clear(), of).contains("feature-01"));
    assert!(refusal(|r| r.content.features[1] = r.content.features[0].clone(), of).contains("twice"));
    assert!(refusal(|r| r.pane_start = Time::from_ms(1), of).contains("no pane of 3600000 ms"));
}

#[test]
fn a_pane_comes_back_from_its_chunks() {
    let (profile, grid) = (profile(), grid());
    let Delta { key, pane, reference, data } = delta(&profile, 300);
    let reference = reference.map(|id| ReferenceInfo {
        id,
        rows: profile.rows(),
        effective_from: Time::EPOCH,
        inherited: false,
        origin: Origin::Training,
    });
    let state = PaneState { reference, closed: true, included_offset: 99, data };
    let encoding = Encoding::SingleObject;
    let chunks = records(PaneRecord::chunks(&key, pane, &state, Some(&profile), &grid, 9000, encoding));
    assert!(chunks.len() > 1);
    let mut parts = chunks.iter().map(|chunk| {
        let StateMessage::Pane(record) = sent(&StateMessage::Pane(chunk.clone()), encoding, 9000) else {
            panic!()
        };
        record.part(Some(&profile), &grid).unwrap()
    });
    let (_, _, mut whole) = parts.next().unwrap();
    parts.for_each(|(_, _, part)| whole.data.merge(&part.data));
    whole.data = normal(whole.data);
    assert_eq!(whole, PaneState { data: normal(state.data.clone()), ..state.clone() });
}

/// Every kind of state goes to the changelog and comes back, and what is gone leaves a tombstone.
#[test]
fn state_comes_back_from_the_changelog() {
    let (profile, grid) = (Arc::new(profile()), grid());
    let Delta { key, pane, reference, data } = delta(&profile, 300);
    let reference = reference.map(|id| ReferenceInfo {
        id,
        rows: profile.rows(),
        effective_from: Time::EPOCH,
        inherited: false,
        origin: Origin::Training,
    });
    let mut references = References::default();
    references.add_profile(profile);
    let state = PaneState { reference, closed: true, included_offset: 99, data: normal(data) };
    let layout = Layout::of(&grid, 3, 60_000);
    let changes: Vec<StateChange> = vec![
        (engine::StateKey::Pane(key.clone(), pane), Some(StateValue::Pane(state))),
        (engine::StateKey::Incidents(key.clone()), Some(StateValue::Incidents(BookRecord::default()))),
        (engine::StateKey::Model(key.model.clone()), Some(StateValue::Model(ModelRecord::default()))),
        (engine::StateKey::Watermark, Some(StateValue::Watermark(PartitionRecord::default()))),
        (engine::StateKey::Layout, Some(StateValue::Layout(layout))),
    ];
    let write = |reader: &mut StateReader, changes: &[StateChange], before: u32| {
        for change in changes {
            let records =
                state_records(change, &references, &grid, 9000, Encoding::SingleObject, before).unwrap();
            for StateRecord { key, payload } in records {
                reader.read(&key, payload.as_deref(), &NoRegistry).unwrap();
            }
        }
    };
    let mut reader = StateReader::new();
    write(&mut reader, &changes, 0);
    let (mut back, chunks) = reader.finish(&references, &grid).unwrap();
    back.sort_by(|a, b| a.0.cmp(&b.0));
    for (_, value) in &mut back {
        if let Some(StateValue::Pane(state)) = value {
            state.data = normal(state.data.clone());
        }
    }
    assert_eq!(back, changes);
    let standing = chunks[&(key.clone(), pane)];
    assert!(standing > 1);

    let gone: Vec<StateChange> = changes.iter().map(|(key, _)| (key.clone(), None)).collect();
    let mut reader = StateReader::new();
    write(&mut reader, &changes, 0);
    write(&mut reader, &gone, standing);
    assert_eq!(reader.finish(&references, &grid).unwrap().0, []);
}

#[test]
fn a_profile_comes_back_from_its_chunks() {
    let profile = profile();
    for encoding in [Encoding::SingleObject, Encoding::Json] {
        let chunks = records(profile_chunks(&profile, 30_000, encoding));
        assert!(chunks.len() > 1);
        let back: Vec<ProfileRecord> = chunks
            .iter()
            .map(|chunk| match sent(&ReferenceMessage::Profile(chunk.clone()), encoding, 30_000) {
                ReferenceMessage::Profile(record) => record,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ProfileRecord::assemble(&back).unwrap(), profile);
    }
}

#[test]
fn progress_comes_back_from_its_record() {
    let partition =
        PartitionProgress { topic: "in".into(), partition: 1, watermark: None, next_offset: 4, idle: true };
    let progress = Progress { topics: vec![("in".into(), 2)], partitions: vec![partition] };
    let message = DeltaMessage::Watermark(ProgressRecord::from(&progress));
    match sent(&message, Encoding::SingleObject, 1000) {
        DeltaMessage::Watermark(record) => assert_eq!(Progress::from(record), progress),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_report_that_is_too_large_is_cut_by_feature_into_records_with_ids_of_their_own() {
    let whole: WindowReport = decode(&testdata("window-report", "json"), &NoRegistry).unwrap();
    let feature = whole.features[0].clone();
    let named = |n: usize| FeatureReport { feature: format!("f{n:03}").into(), ..feature.clone() };
    let large = WindowReport { features: (0..100).map(named).collect(), ..whole };
    let limit = encode(&large, Encoding::Json).unwrap().len() / 7;
    for encoding in [Encoding::Json, Encoding::SingleObject] {
        let chunks = records(report_chunks(&large, limit, encoding));
        assert!(chunks.len() > 2);
        assert!(chunks.iter().all(|chunk| encode(chunk, encoding).unwrap().len() <= limit));
        let features = chunks.iter().flat_map(|chunk| &chunk.features).cloned();
        assert_eq!(features.collect::<Vec<_>>(), large.features);
        let numbers = chunks.iter().map(|chunk| (chunk.chunk.index as usize, chunk.chunk.total as usize));
        assert_eq!(
            numbers.collect::<Vec<_>>(),
            (0..chunks.len()).map(|n| (n, chunks.len())).collect::<Vec<_>>()
        );
        let ids: std::collections::BTreeSet<_> = chunks.iter().map(|chunk| &chunk.id).collect();
        assert_eq!(ids.len(), chunks.len());
        assert!(!chunks[0].unknown_features.is_empty() && chunks[1].unknown_features.is_empty());
    }
    assert_eq!(records(report_chunks(&large, usize::MAX, Encoding::Json)).len(), 1);
}
