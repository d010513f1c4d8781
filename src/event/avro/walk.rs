//! The walk of a record's bytes beside its schema and the envelope's tree.

use super::WriterSchema;
use super::input::{Input, Read};
use super::schema::Shape;
use super::undecodable;
use crate::event::draft::Draft;
use crate::event::envelope::{Envelope, Members, Place};
use crate::event::{BadRecord, Event};
use crate::words::Time;
use std::borrow::Cow;

/// Reads the event that stands in `payload` from `start` to its end.
pub(super) fn event<'a>(
    payload: &'a [u8],
    start: usize,
    schema: &'a WriterSchema,
    envelope: &'a Envelope,
    record_time: Option<Time>,
) -> Result<Event<'a>, BadRecord> {
    if !is_object(schema, schema.root) {
        return Err(undecodable("an event is an Avro record or map, and its schema is another type"));
    }
    let mut input = Input { bytes: payload, at: start, schema };
    let mut walk = Walk { envelope, draft: Draft::new(envelope) };
    walk.place(&mut input, schema.root, &envelope.places[0], 0)?;
    if input.at < payload.len() {
        return Err(input.wrong("the record ends before its bytes do"));
    }
    walk.draft.finish(record_time)
}

fn is_object(schema: &WriterSchema, shape: usize) -> bool {
    match &schema.shapes[shape] {
        Shape::Record { .. } | Shape::Map(_) => true,
        Shape::Union(branches) => branches
            .iter()
            .any(|branch| matches!(schema.shapes[*branch], Shape::Record { .. } | Shape::Map(_))),
        _ => false,
    }
}

struct Walk<'a> {
    envelope: &'a Envelope,
    draft: Draft<'a>,
}

impl<'a> Walk<'a> {
    /// Reads the value of a place of the envelope's tree.
    fn place(&mut self, input: &mut Input<'a>, shape: usize, place: &'a Place, depth: usize) -> Read<()> {
        input.check_depth(depth)?;
        if place.is_leaf() {
            let scalar = input.scalar(shape, depth)?;
            self.draft.fill(&place.slots, &scalar);
            return Ok(());
        }
        let schema = input.schema;
        match &schema.shapes[shape] {
            Shape::Union(branches) => {
                let branch = input.branch(branches)?;
                self.place(input, branch, place, depth + 1)
            }
            Shape::Record { fields, .. } => {
                self.draft.clear(place);
                for (name, field) in fields {
                    self.member(input, name, *field, place, depth + 1)?;
                }
                Ok(())
            }
            Shape::Map(values) => {
                self.draft.clear(place);
                input.blocks(false, |input, _| {
                    let name = input.text()?;
                    self.member(input, name, *values, place, depth + 1)
                })
            }
            Shape::Array(items) if place.members == Members::Skipped => {
                input.blocks(schema.has_no_bytes(*items), |input, index| match place.element(index) {
                    Some(child) => self.place(input, *items, &self.envelope.places[child.place], depth + 1),
                    None => input.skip(*items, depth + 1),
                })
            }
            _ if place.members == Members::Prediction => {
                self.draft.clear(place);
                let scalar = input.scalar(shape, depth)?;
                self.draft.fill(&place.slots, &scalar);
                self.draft.scalar_prediction(scalar.into_value());
                Ok(())
            }
            _ => input.skip(shape, depth),
        }
    }

    /// Reads a field of a record or a value of a map.
    fn member(
        &mut self,
        input: &mut Input<'a>,
        name: &'a str,
        shape: usize,
        place: &'a Place,
        depth: usize,
    ) -> Read<()> {
        match place.child(name) {
            Some(child) if child.column => {
                let scalar = input.scalar(shape, depth)?;
                self.draft.fill(&self.envelope.places[child.place].slots, &scalar);
                self.draft.feature(Cow::Borrowed(name), scalar.into_value());
            }
            Some(child) => self.place(input, shape, &self.envelope.places[child.place], depth)?,
            None => match place.members {
                Members::Skipped => input.skip(shape, depth)?,
                Members::Features => {
                    let value = input.scalar(shape, depth)?.into_value();
                    self.draft.feature(Cow::Borrowed(name), value);
                }
                Members::Prediction => {
                    let value = input.scalar(shape, depth)?.into_value();
                    self.draft.output(name, value);
                }
            },
        }
        Ok(())
    }
}
