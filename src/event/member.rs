//! What becomes of a member of an object of the envelope, worked out once for each name.

use super::draft::{PREDICTION, output};
use super::envelope::{Envelope, Members};
use super::row::Columns;

/// What becomes of a member's value. Places are those of the envelope.
#[derive(Debug, Clone, Copy)]
pub(super) enum Then {
    /// It is passed over.
    Skip,
    /// It is what the slots of this place are for.
    Fill(usize),
    /// A feature of this column, and perhaps a segment of this place.
    Feature(u32, Option<usize>),
    /// One of several outputs, a column.
    Output(u32),
    /// An object at this place, of which some members are wanted.
    Enter(usize),
    /// At this place one output, of this column, or an object of several.
    Prediction(usize, u32),
}

impl Then {
    /// What becomes of the member `name` of the object at `place`; its column gets a number.
    pub(super) fn of(envelope: &Envelope, place: usize, name: &str, columns: &mut Columns) -> Then {
        let object = &envelope.places[place];
        let Some(child) = object.child(name) else {
            return match object.members {
                Members::Skipped => Then::Skip,
                Members::Features => Then::Feature(columns.number(name), None),
                Members::Prediction => Then::Output(columns.number(&output(name))),
            };
        };
        let inner = &envelope.places[child.place];
        if child.column {
            Then::Feature(columns.number(name), Some(child.place))
        } else if inner.is_leaf() {
            Then::Fill(child.place)
        } else if inner.members == Members::Prediction {
            Then::Prediction(child.place, columns.number(PREDICTION))
        } else {
            Then::Enter(child.place)
        }
    }
}
