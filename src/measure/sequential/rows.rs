//! The test over rows that have an order but no time: a look is so many rows.

use super::{Alarm, Plan, SequentialState, SequentialTest};
use crate::event::Value;
use crate::reference::FeatureProfile;
use crate::sketch::{Accumulator, Basis};
use crate::words::Kind;
use std::sync::Arc;

/// One feature's test, fed row by row.
#[derive(Debug, Clone)]
pub struct RowTest {
    test: SequentialTest,
    state: SequentialState,
    kind: Kind,
    basis: Arc<Basis>,
    look: Accumulator,
}

impl RowTest {
    /// `test` of `reference`, from which its plan was made.
    pub fn new(test: SequentialTest, reference: &FeatureProfile) -> Self {
        let (kind, basis) = (reference.kind, reference.basis.clone());
        let look = Accumulator::new(kind, basis.clone(), 0);
        RowTest { test, state: SequentialState::default(), kind, basis, look }
    }

    /// Takes a value of the present look.
    pub fn push(&mut self, value: &Value<'_>) {
        self.look.push(value);
    }

    /// What it tests.
    pub fn plan(&self) -> &Plan {
        self.test.plan()
    }

    /// Ends the present look.
    pub fn end_look(&mut self) -> Option<Alarm> {
        let next = Accumulator::new(self.kind, self.basis.clone(), 0);
        let counts = self.test.plan().cells().count(&std::mem::replace(&mut self.look, next).finish().tally);
        let look = self.state.look.map_or(0, |last| last + 1);
        self.test.step(&mut self.state, look, &counts)
    }
}
