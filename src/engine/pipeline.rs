//! Both stages in one piece, without a bus between them: for files, tests and benches.

use super::{Evaluator, EvaluatorSettings, Output, Position, Sketcher, SketcherSettings, SourceState, Taken};
use crate::event::{BadRecord, Event, RowBuffer};
use crate::policy::record::Command;
use crate::reference::References;
use crate::words::{Name, Time};
use std::sync::Arc;

/// Stage 1 and stage 2, joined. Deltas pass as values, in the order in which a deltas partition would
/// hold them, so that the results are those of the service.
#[derive(Debug)]
pub struct Pipeline {
    rows: RowBuffer,
    sketcher: Sketcher,
    evaluator: Evaluator,
    references: References,
}

impl Pipeline {
    /// Both stages over these input topics with their numbers of partitions, read from the start.
    pub fn new(
        sketcher: SketcherSettings,
        evaluator: Arc<EvaluatorSettings>,
        references: References,
        topics: Vec<(Name, i32)>,
    ) -> Self {
        let mut sketcher = Sketcher::new(sketcher);
        for (topic, partitions) in &topics {
            for partition in 0..*partitions {
                let source = (topic.clone(), partition);
                sketcher.assign(Position { source, next_offset: 0, state: SourceState::default() });
            }
        }
        sketcher.set_topics(topics);
        Pipeline { rows: RowBuffer::default(), sketcher, evaluator: Evaluator::new(evaluator), references }
    }

    /// The references; they may change between records.
    pub fn references_mut(&mut self) -> &mut References {
        &mut self.references
    }

    /// Takes a command, to be done at the first window's end that is not before `from`.
    pub fn command(&mut self, command: Command, from: Time) {
        self.evaluator.schedule(command, from);
    }

    /// Takes one record.
    pub fn take(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
        record_time: Option<Time>,
        decoded: Result<Event<'_>, BadRecord>,
    ) -> Taken {
        let row = decoded.map(|event| self.rows.of(&event));
        let source = self.sketcher.source(topic, partition);
        self.sketcher.take(source, offset, record_time, row, &self.references)
    }

    /// Passes on what stage 1 has gathered, as a commit does, and returns what stage 2 decided.
    pub fn commit(&mut self) -> Vec<Output> {
        let drained = self.sketcher.drain();
        for delta in drained.deltas {
            let offset = self.evaluator.next_offset();
            self.evaluator.merge(offset, Time::EPOCH, delta.into_delta(), &self.references);
        }
        if let Some(progress) = drained.progress {
            let offset = self.evaluator.next_offset();
            self.evaluator.hear(offset, Time::EPOCH, &progress, &self.references);
        }
        self.take_outputs()
    }

    /// Commits, then closes what is still open, whatever the watermark.
    pub fn close(&mut self) -> Vec<Output> {
        let mut outputs = self.commit();
        self.evaluator.close_all(&self.references);
        outputs.extend(self.take_outputs());
        outputs
    }

    /// What stage 2 decided; a reference that it made is published by that.
    fn take_outputs(&mut self) -> Vec<Output> {
        self.evaluator.forget_changes();
        let outputs = self.evaluator.take_outputs();
        for output in &outputs {
            if let Output::Reference(made) = output {
                self.references.add_profile(made.profile.clone());
                self.references.activate(made.activation(made.decided_at));
            }
        }
        outputs
    }

    /// Stage 2, to look at.
    pub fn evaluator(&self) -> &Evaluator {
        &self.evaluator
    }
}
