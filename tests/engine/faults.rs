//! Crashes, rebalances and aborts at seeded random moments change nothing.
//!
//! The bus is a few vectors: input partitions, one deltas partition, a compacted changelog. A commit
//! puts everything of a transaction there at once; a crash forgets what was not committed.

use crate::world::{self, Row, comparable};
use driftline::engine::{
    Delta, Evaluator, EvaluatorSettings, Output, Pipeline, Position, Progress, Restore, Sketcher,
    SketcherSettings, SourceState, StateKey, StateValue,
};
use driftline::event::RowBuffer;
use driftline::policy::record::{Command, WindowInfo, WindowState};
use driftline::reference::References;
use driftline::words::{Name, Time};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

pub const PARTITIONS: usize = 5;

pub enum InDeltas {
    Delta(Delta),
    Progress(Progress),
}

pub struct Bus {
    /// How stage 1 and stage 2 are set up to work.
    sketcher: SketcherSettings,
    settings: Arc<EvaluatorSettings>,
    /// What is published; everyone reads it some time later.
    references: References,
    inputs: Vec<Vec<Row>>,
    positions: BTreeMap<i32, Position>,
    pub deltas: Vec<InDeltas>,
    changelog: BTreeMap<StateKey, StateValue>,
    delta_offset: i64,
    /// Commands, each with how many deltas there are before it.
    pub control: Vec<(usize, Command)>,
    control_offset: usize,
    pub outputs: Vec<Output>,
}

impl Bus {
    pub fn new(rows: &[Row], settings: &Arc<EvaluatorSettings>) -> Self {
        Bus::with(rows, world::sketcher_settings(), settings, world::references())
    }

    pub fn with(
        rows: &[Row],
        sketcher: SketcherSettings,
        settings: &Arc<EvaluatorSettings>,
        references: References,
    ) -> Self {
        Bus {
            sketcher,
            references,
            settings: settings.clone(),
            inputs: partitioned(rows),
            positions: BTreeMap::new(),
            deltas: Vec::new(),
            changelog: BTreeMap::new(),
            delta_offset: 0,
            control: Vec::new(),
            control_offset: 0,
            outputs: Vec::new(),
        }
    }
}

pub fn topics() -> Vec<(Name, i32)> {
    vec![("in".into(), PARTITIONS as i32)]
}

/// An instance of stage 1 that starts from what is committed.
fn stage_one(bus: &Bus, owned: &[i32]) -> Sketcher {
    let mut sketcher = Sketcher::new(bus.sketcher.clone());
    sketcher.set_topics(topics());
    for partition in owned {
        let fresh =
            || Position { source: ("in".into(), *partition), next_offset: 0, state: SourceState::default() };
        sketcher.assign(bus.positions.get(partition).cloned().unwrap_or_else(fresh));
    }
    sketcher
}

fn read_some(bus: &Bus, sketcher: &mut Sketcher, references: &References, rng: &mut ChaCha8Rng) {
    let mut buffer = RowBuffer::default();
    for Position { source, next_offset, .. } in sketcher.positions() {
        let rows = &bus.inputs[source.1 as usize];
        let end = (next_offset as usize + rng.random_range(0..200)).min(rows.len());
        for (row, offset) in rows[next_offset as usize..end].iter().zip(next_offset..) {
            let source = sketcher.source("in", source.1);
            sketcher.take(source, offset, None, Ok(buffer.of(&row.event())), references);
        }
    }
}

fn commit_one(bus: &mut Bus, sketcher: &mut Sketcher) {
    let drained = sketcher.drain();
    bus.deltas.extend(drained.deltas.into_iter().map(|delta| InDeltas::Delta(delta.into_delta())));
    bus.deltas.extend(drained.progress.map(InDeltas::Progress));
    for position in drained.positions {
        // The metadata goes through its text, as on the bus.
        let state = SourceState::from_metadata(&position.state.to_metadata());
        bus.positions.insert(position.source.1, Position { state, ..position });
    }
}

/// An instance of stage 2 that starts from what is committed.
fn stage_two(bus: &Bus, references: &References) -> Evaluator {
    let mut restore = Restore::default();
    for (key, value) in &bus.changelog {
        restore.apply((key.clone(), Some(value.clone())));
    }
    let restored = restore.finish(bus.settings.clone(), bus.delta_offset, references);
    let (mut evaluator, from) = restored.expect("state restores");
    for offset in from..bus.delta_offset {
        if let InDeltas::Delta(delta) = &bus.deltas[offset as usize] {
            evaluator.merge_again(offset, delta.clone(), references);
        }
    }
    evaluator
}

fn evaluate_some(bus: &Bus, evaluator: &mut Evaluator, references: &References, rng: &mut ChaCha8Rng) {
    let end = (evaluator.next_offset() as usize + rng.random_range(0..60)).min(bus.deltas.len());
    for offset in evaluator.next_offset() as usize..end {
        match &bus.deltas[offset] {
            InDeltas::Delta(delta) => evaluator.merge(offset as i64, Time::EPOCH, delta.clone(), references),
            InDeltas::Progress(progress) => {
                evaluator.hear(offset as i64, Time::EPOCH, progress, references);
            }
        }
    }
}

fn commit_two(bus: &mut Bus, evaluator: &mut Evaluator, snapshot: bool) {
    let outputs = evaluator.take_outputs();
    for output in &outputs {
        if let Output::Reference(made) = output {
            bus.references.add_profile(made.profile.clone());
            bus.references.activate(made.activation(Time::EPOCH));
        }
    }
    bus.outputs.extend(outputs);
    for (key, value) in evaluator.take_changes(snapshot) {
        match value {
            Some(value) => bus.changelog.insert(key, value),
            None => bus.changelog.remove(&key),
        };
    }
    bus.delta_offset = evaluator.next_offset();
}

/// Some of the commands that have come, from the `heard`th on; one to a trigger comes once that is told.
fn hear_some(bus: &Bus, evaluator: &mut Evaluator, heard: &mut usize, rng: &mut ChaCha8Rng) {
    let is_told = |id: &String| {
        bus.outputs.iter().any(|output| matches!(output, Output::Trigger(one) if one.id == *id))
    };
    for (after, command) in bus.control[*heard..].iter().take(rng.random_range(0..3)) {
        if *after > bus.deltas.len() || !command.target.as_ref().is_none_or(is_told) {
            return;
        }
        evaluator.command(command.clone(), command.at);
        *heard += 1;
    }
}

/// Two instances of stage 1 and one of stage 2, with trouble until everything is read.
pub fn with_faults(mut bus: Bus, seed: u64) -> Bus {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut known_one, mut known_two) = (bus.references.clone(), bus.references.clone());
    let (mut heard, mut turns) = (0, 0);
    let mut split = 2;
    let all: Vec<i32> = (0..PARTITIONS as i32).collect();
    let mut instances = [stage_one(&bus, &all[..split]), stage_one(&bus, &all[split..])];
    let mut evaluator = stage_two(&bus, &known_two);
    loop {
        turns += 1;
        assert!(turns < 100_000, "a command waits for what is never decided");
        for instance in &mut instances {
            read_some(&bus, instance, &known_one, &mut rng);
        }
        if rng.random_range(0..6) == 0 {
            known_one = bus.references.clone();
        }
        match rng.random_range(0..10) {
            0 => {
                // A rebalance: what was not committed is read again, by whoever owns it now.
                split = rng.random_range(0..=PARTITIONS);
                instances = [stage_one(&bus, &all[..split]), stage_one(&bus, &all[split..])];
            }
            1 => instances[0] = stage_one(&bus, &all[..split]),
            2 => {
                known_two = bus.references.clone();
                (evaluator, heard) = (stage_two(&bus, &known_two), bus.control_offset);
            }
            at => commit_one(&mut bus, &mut instances[at % 2]),
        }
        evaluate_some(&bus, &mut evaluator, &known_two, &mut rng);
        hear_some(&bus, &mut evaluator, &mut heard, &mut rng);
        if rng.random_range(0..4) == 0 {
            let snapshot = rng.random_range(0..3) == 0;
            commit_two(&mut bus, &mut evaluator, snapshot);
            bus.control_offset = heard;
        }
        // Whoever counts by a reference has read it, and so can whoever merges that.
        if rng.random_range(0..3) == 0 || known_one.generation() != known_two.generation() {
            known_two = bus.references.clone();
        }
        let is_read = (0..PARTITIONS as i32).all(|partition| {
            let position = bus.positions.get(&partition).map_or(0, |position| position.next_offset);
            position as usize == bus.inputs[partition as usize].len()
        });
        let is_decided = bus.delta_offset as usize == bus.deltas.len();
        if is_read && is_decided && bus.control_offset == bus.control.len() {
            return bus;
        }
    }
}

fn partitioned(rows: &[Row]) -> Vec<Vec<Row>> {
    let mut inputs = vec![Vec::new(); PARTITIONS];
    rows.iter().enumerate().for_each(|(i, row)| inputs[i % PARTITIONS].push(row.clone()));
    inputs
}

fn without_faults(rows: &[Row], settings: &Arc<EvaluatorSettings>) -> Vec<Output> {
    replayed(rows, settings, Vec::new())
}

/// The same rows without a bus, with commands that are done from these times on.
pub fn replayed(
    rows: &[Row],
    settings: &Arc<EvaluatorSettings>,
    commands: Vec<(Time, Command)>,
) -> Vec<Output> {
    let mut pipeline =
        Pipeline::new(world::sketcher_settings(), settings.clone(), world::references(), topics());
    commands.into_iter().for_each(|(from, command)| pipeline.command(command, from));
    for (i, row) in rows.iter().enumerate() {
        let (partition, offset) = (i % PARTITIONS, i / PARTITIONS);
        pipeline.take("in", partition as i32, offset as i64, None, Ok(row.event()));
    }
    pipeline.commit()
}

#[test]
fn crashes_and_rebalances_change_nothing() {
    for (seed, settings) in (0..12).map(|seed| (seed, world::evaluator_settings())) {
        is_the_same_under_faults(seed, &settings);
    }
}

#[test]
fn crashes_and_rebalances_change_nothing_of_windows_that_reach_back_for_rows() {
    for (seed, settings) in (20..26).map(|seed| (seed, world::reaching_back())) {
        let expected = is_the_same_under_faults(seed, &settings);
        let states: Vec<WindowState> = windows(&expected).into_values().map(|window| window.state).collect();
        for state in [WindowState::Complete, WindowState::Grown, WindowState::Insufficient] {
            assert!(states.contains(&state), "seed {seed}: {state:?}");
        }
    }
}

/// Compares what is decided of a stream with and without faults, and returns it.
fn is_the_same_under_faults(seed: u64, settings: &Arc<EvaluatorSettings>) -> Vec<Output> {
    // Late rows too: their own partition decides, so trouble does not change them.
    let rows = world::stream(seed, 12_000, 900);
    let outputs = without_faults(&rows, settings);
    let bus = Bus::new(&rows, settings);
    let (expected, found) = (comparable(&outputs), comparable(&with_faults(bus, seed).outputs));
    for (model, decided) in &expected {
        assert_eq!(decided.len(), found[model].len(), "seed {seed}, model {model}");
        for (expected, found) in decided.iter().zip(&found[model]) {
            assert_eq!(expected, found, "seed {seed}, model {model}");
        }
    }
    outputs
}

/// The windows that were judged, by model key and end.
fn windows(outputs: &[Output]) -> BTreeMap<(Name, Name, Vec<Name>, Time), WindowInfo> {
    let window = |output: &Output| match output {
        Output::Report(report) => {
            let key = (report.model.clone(), report.version.clone(), report.segment.clone());
            Some(((key.0, key.1, key.2, report.window.end), report.window))
        }
        _ => None,
    };
    outputs.iter().filter_map(window).collect()
}

#[test]
fn how_far_windows_reach_back_may_change_while_state_is_kept() {
    let rows = world::stream(41, 16_000, 200);
    let far = world::reaching_back();
    let near = Arc::new(EvaluatorSettings { grid: world::grid(), ..EvaluatorSettings::clone(&far) });
    for (before, after) in [(&near, &far), (&far, &near)] {
        let changed = with_restarts(&rows, 1000, true, |row| if row < 6_000 { before } else { after });
        let always = with_restarts(&rows, 1000, true, |_| after);
        assert!(changed.changelog.keys().eq(always.changelog.keys()), "what is out of reach is let go");
        // What was let go before does not come back: eight panes later nothing of it is wanted.
        let late = |outputs: &[Output]| {
            windows(outputs).into_iter().filter(|((.., end), _)| end.ms() > 14_000).collect::<Vec<_>>()
        };
        assert!(late(&always.outputs).len() > 5);
        assert_eq!(late(&changed.outputs), late(&always.outputs));
    }
}

#[test]
fn a_restored_stage_two_has_the_same_state() {
    let rows = world::stream(77, 12_000, 200);
    let bus = with_faults(Bus::new(&rows, &world::evaluator_settings()), 77);
    let references = world::references();
    let (mut one, mut two) = (stage_two(&bus, &references), stage_two(&bus, &references));
    assert_eq!(one.open_rows(), two.open_rows());
    assert_eq!(one.take_changes(true), two.take_changes(true));
}

/// One instance of each stage, a commit after `every` rows, after which stage 2 starts anew, as
/// `settings` says for that row; it saves open panes or not.
fn with_restarts<'a>(
    rows: &[Row],
    every: usize,
    saves_panes: bool,
    settings: impl Fn(usize) -> &'a Arc<EvaluatorSettings>,
) -> Bus {
    let references = world::references();
    let mut bus = Bus::new(rows, settings(0));
    let all: Vec<i32> = (0..PARTITIONS as i32).collect();
    let (mut sketcher, mut buffer) = (stage_one(&bus, &all), RowBuffer::default());
    for (i, row) in rows.iter().enumerate() {
        let (partition, offset) = (i % PARTITIONS, i / PARTITIONS);
        let source = sketcher.source("in", partition as i32);
        sketcher.take(source, offset as i64, None, Ok(buffer.of(&row.event())), &references);
        if i % every == every - 1 {
            commit_one(&mut bus, &mut sketcher);
            bus.settings = settings(i).clone();
            let mut evaluator = stage_two(&bus, &references);
            while (evaluator.next_offset() as usize) < bus.deltas.len() {
                let mut rng = ChaCha8Rng::seed_from_u64(i as u64);
                evaluate_some(&bus, &mut evaluator, &references, &mut rng);
            }
            commit_two(&mut bus, &mut evaluator, saves_panes);
        }
    }
    bus
}

#[test]
fn evidence_of_early_sight_outlives_a_restart_after_every_commit() {
    let mut rows = world::stream(31, 8_000, 200);
    // A shift so small that it takes some looks to tell.
    let shifted = |(i, row): &(usize, &mut Row)| *i > 4_000 && row.version == "1";
    rows.iter_mut().enumerate().filter(shifted).for_each(|(_, row)| row.x = row.x.map(|x| x - 0.2));
    let settings = world::evaluator_settings();
    let expected = comparable(&without_faults(&rows, &settings));
    assert!(expected["fraud"].iter().any(|record| record["early"] == true));
    for saves_panes in [false, true] {
        let found = comparable(&with_restarts(&rows, 100, saves_panes, |_| &settings).outputs);
        for (expected, found) in expected["fraud"].iter().zip(&found["fraud"]) {
            assert_eq!(expected, found, "panes saved: {saves_panes}");
        }
        assert_eq!(expected["fraud"].len(), found["fraud"].len(), "panes saved: {saves_panes}");
    }
}
