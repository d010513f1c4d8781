//! Both stages with the wire between them: many models that share the traffic, so that a delta has few
//! events.

use super::{Shape, activation, model};
use driftline::config::Config;
use driftline::engine::{
    Evaluator, EvaluatorSettings, Layout, Position, Progress, Sketcher, SourceState, Taken,
};
use driftline::event::{Decoder, Envelope, Format, Reader};
use driftline::reference::{Profile, References};
use driftline::wire::{DeltaMessage, DeltaRecord, Encoding, NoRegistry, ProgressRecord, decode, encode};
use driftline::words::{Grid, Name, Time};
use std::sync::Arc;

/// Event time between two events, in milliseconds.
const STEP_MS: i64 = 10;
/// Events between two commits: as many as two looks have.
const COMMIT: u64 = 2_000;
/// Commits until early sight is on, in windows that have closed.
const FIRST_COMMITS: u64 = 7;
/// The most that a record of the broker may have, in bytes.
const LIMIT: usize = 1_000_000;

/// Stage 1 and stage 2 of some models, and the events that they are yet to take.
pub struct Stages {
    payloads: Vec<String>,
    reader: Reader,
    sketcher: Sketcher,
    evaluator: Evaluator,
    references: References,
    profile: Arc<Profile>,
    grid: Grid,
    taken: u64,
    offset: i64,
}

impl Stages {
    /// Stages that have taken enough events of `models` models for early sight, with `commits` commits to come.
    pub fn new(shape: Shape, models: u64, commits: u64) -> Stages {
        let events = shape.events(2, ((FIRST_COMMITS + commits) * COMMIT) as usize);
        let payload = |mut values: super::Values| {
            values.time_ms += values.number as i64 * (STEP_MS - 1);
            // Each event is of another model than the one before.
            values.number *= 4;
            values.json(shape, models)
        };
        let grid = Grid::new(600_000, 60_000, 10_000).expect("a grid");
        let mut config = Config::default().sketcher();
        config.grid = grid;
        let mut evaluator: EvaluatorSettings = Config::default().evaluator(1);
        evaluator.grid = grid;
        evaluator.layout = Layout::of(&grid, 1, config.allowed_lateness_ms);
        let profile = shape.reference();
        let mut references = References::default();
        for number in 0..models {
            let name = Name::from(model(number));
            config.models.insert(name.clone(), Config::default().unlisted_model(&name));
            references.activate(activation(name, "7", &profile));
        }
        references.add_profile(profile.clone());
        let mut sketcher = Sketcher::new(config);
        let source = ("in".into(), 0);
        sketcher.assign(Position { source, next_offset: 0, state: SourceState::default() });
        sketcher.set_topics(vec![("in".into(), 1)]);
        let mut stages = Stages {
            payloads: events.map(payload).collect(),
            reader: Reader::new(Decoder::new(Format::Json, Envelope::driftline())),
            sketcher,
            evaluator: Evaluator::new(Arc::new(evaluator)),
            references,
            profile,
            grid,
            taken: 0,
            offset: 0,
        };
        for _ in 0..FIRST_COMMITS {
            stages.take();
            stages.commit();
        }
        stages
    }

    /// Reads and sketches the events of a commit; how many.
    pub fn take(&mut self) -> u64 {
        let source = self.sketcher.source("in", 0);
        for number in self.taken..self.taken + COMMIT {
            let payload = self.payloads[number as usize].as_bytes();
            let row = self.reader.read(Some(payload), None, None).expect("the event is good");
            let taken = self.sketcher.take(source, number as i64, None, Ok(row), &self.references);
            assert_eq!(taken, Taken::Counted);
        }
        self.taken += COMMIT;
        COMMIT
    }

    /// Passes on what stage 1 has gathered, as commits do. How many features of deltas came through.
    pub fn commit(&mut self) -> u64 {
        let drained = self.sketcher.drain();
        let mut features = 0;
        for gathered in drained.deltas {
            let profile = gathered.profile().cloned();
            let (delta, encoding) = (gathered.into_delta(), Encoding::SingleObject);
            let chunks = DeltaRecord::chunks(&delta, profile.as_deref(), &self.grid, LIMIT, encoding);
            for chunk in chunks.expect("it fits its schema") {
                features += self.hear(&chunk.payload);
            }
        }
        if let Some(progress) = drained.progress {
            let message = DeltaMessage::Watermark(ProgressRecord::from(&progress));
            let bytes = encode(&message, Encoding::SingleObject).expect("it fits its schema");
            self.hear(&bytes);
        }
        drop((self.evaluator.take_outputs(), self.evaluator.take_changes(false)));
        features
    }

    fn hear(&mut self, bytes: &[u8]) -> u64 {
        self.offset += 1;
        let (offset, time) = (self.offset, Time::EPOCH);
        match decode::<DeltaMessage>(bytes, &NoRegistry).expect("it is a message") {
            DeltaMessage::Delta(record) => {
                let delta = record.part(Some(&self.profile), &self.grid).expect("it is of the reference");
                let features = delta.data.features.len() as u64;
                self.evaluator.merge(offset, time, delta, &self.references);
                features
            }
            DeltaMessage::Watermark(progress) => {
                self.evaluator.hear(offset, time, &Progress::from(progress), &self.references);
                0
            }
        }
    }
}
