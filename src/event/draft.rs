//! An event while it is being read: what a decoder has found so far, in the envelope's terms.
//!
//! The rules that do not depend on the format stand here: which field makes a record bad, in which
//! order, what the columns are, and that the last of two like names wins.

use super::envelope::{Envelope, Members, NameFrom, Place, Slot, TimeFrom};
use super::scalar::{Scalar, TimeRead};
use super::{BadReason, BadRecord, Event, Value};
use crate::words::Time;
use std::borrow::Cow;
use xxhash_rust::xxh3::xxh3_64;

type Column<'a> = (Cow<'a, str>, Value<'a>);

/// The column of a scalar prediction, and the first part of the names of several.
pub(super) const PREDICTION: &str = "prediction";

/// Whether a column of this name is an output of the model.
pub fn is_prediction(name: &str) -> bool {
    name.strip_prefix(PREDICTION).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Columns reserved for: most events have fewer, and growing costs more than an empty seat.
const USUAL_COLUMNS: usize = 32;

/// Longest name of a model, version or segment: it goes into keys, ids and labels, of which a broker
/// and a metrics server take only so much.
pub(super) const NAME_BYTES: usize = 256;

pub(super) struct Draft<'a> {
    envelope: &'a Envelope,
    id: Option<Cow<'a, str>>,
    model: Option<Cow<'a, str>>,
    version: Option<Cow<'a, str>>,
    segment: Vec<Cow<'a, str>>,
    time: TimeRead,
    features: Vec<Column<'a>>,
    prediction: Vec<Column<'a>>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(envelope: &'a Envelope) -> Self {
        Draft {
            envelope,
            id: None,
            model: None,
            version: None,
            segment: vec![Cow::Borrowed(""); envelope.fields.segments.len()],
            time: TimeRead::Missing,
            features: Vec::with_capacity(USUAL_COLUMNS),
            prediction: Vec::new(),
        }
    }

    /// Takes the value of a place for what the place is for.
    pub(super) fn fill(&mut self, slots: &[Slot], scalar: &Scalar<'a>) {
        for slot in slots {
            let name = || scalar.clone().into_name();
            match slot {
                Slot::Id => self.id = name(),
                Slot::Model => self.model = name(),
                Slot::Version => self.version = name(),
                Slot::Time => self.time = scalar.time(),
                Slot::Segment(number) => self.segment[*number] = name().unwrap_or_default(),
            }
        }
    }

    /// Forgets what stood at and below `place`: it was written before, and the last one counts.
    pub(super) fn clear(&mut self, place: &Place) {
        self.fill(&place.slots, &Scalar::Null);
        match place.members {
            Members::Skipped => {}
            Members::Features => self.features.clear(),
            Members::Prediction => self.prediction.clear(),
        }
        let envelope = self.envelope;
        for child in &place.children {
            self.clear(&envelope.places[child.place]);
        }
    }

    /// A member of the features object.
    pub(super) fn feature(&mut self, name: Cow<'a, str>, value: Value<'a>) {
        if !matches!(value, Value::Other) || !self.envelope.is_flat() {
            self.features.push((name, value));
        }
    }

    /// A prediction that is one value.
    pub(super) fn scalar_prediction(&mut self, value: Value<'a>) {
        self.prediction.push((Cow::Borrowed(PREDICTION), value));
    }

    /// One of a prediction's several outputs.
    pub(super) fn output(&mut self, name: &str, value: Value<'a>) {
        self.prediction.push((Cow::Owned(output(name)), value));
    }

    /// The event, or what makes it a bad record: no model, then no time, then no features.
    pub(super) fn finish(mut self, record_time: Option<Time>) -> Result<Event<'a>, BadRecord> {
        let fields = &self.envelope.fields;
        let (model, at) = match &fields.model {
            NameFrom::Constant(name) => (Some(Cow::Borrowed(name.as_str())), ""),
            NameFrom::Pointer(at) => (self.model, at.as_str()),
        };
        let model = model
            .filter(|name| !name.is_empty())
            .ok_or_else(|| BadRecord::new(BadReason::NoModel, format!("no model at `{at}`")))?;
        let version = match &fields.version {
            NameFrom::Constant(name) => Cow::Borrowed(name.as_str()),
            NameFrom::Pointer(_) => self.version.unwrap_or_default(),
        };
        let time = match (&fields.time, self.time) {
            (TimeFrom::Record, _) => record_time.ok_or("the record has no timestamp".to_owned()),
            (TimeFrom::Pointer(_), TimeRead::At(time)) => Ok(time),
            (TimeFrom::Pointer(at), TimeRead::Missing) => Err(format!("no event time at `{at}`")),
            (TimeFrom::Pointer(at), TimeRead::Unreadable) => {
                Err(format!("the value at `{at}` is neither an RFC 3339 time nor a number since the epoch"))
            }
        }
        .map_err(|message| BadRecord::new(BadReason::NoTime, message))?;
        if self.features.is_empty() {
            let message = if self.envelope.is_flat() {
                "no member is a feature".to_owned()
            } else {
                format!("no features at `{}`", fields.features)
            };
            return Err(BadRecord::new(BadReason::NoFeatures, message));
        }
        short("model", &model)?;
        short("version", &version)?;
        fields.segments.iter().zip(&self.segment).try_for_each(|(at, value)| short(at, value))?;
        self.features.append(&mut self.prediction);
        keep_last(&mut self.features);
        Ok(Event { id: self.id, model, version, segment: self.segment, time, columns: self.features })
    }
}

/// The column of the output `name` of several.
pub(super) fn output(name: &str) -> String {
    format!("{PREDICTION}.{name}")
}

/// Refuses what is too long to name anything.
fn short(what: &str, name: &str) -> Result<(), BadRecord> {
    if name.len() <= NAME_BYTES {
        return Ok(());
    }
    let message = format!("the {what} has {} bytes; a name may have {NAME_BYTES}", name.len());
    Err(BadRecord::new(BadReason::LongName, message))
}

/// Of columns of the same name keeps the last.
///
/// Names are hardly ever written twice, so a small table of hashes first says whether it can be;
/// only then they are sorted. A record of a million names costs no more than sorting them.
fn keep_last(columns: &mut Vec<Column>) {
    const BITS: usize = 8192;
    let mut seen = [0u64; BITS / 64];
    let mut maybe_twice = false;
    for (name, _) in columns.iter() {
        let bit = xxh3_64(name.as_bytes()) as usize % BITS;
        maybe_twice |= seen[bit / 64] >> (bit % 64) & 1 == 1;
        seen[bit / 64] |= 1 << (bit % 64);
    }
    if !maybe_twice {
        return;
    }
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by(|a, b| columns[*a].0.cmp(&columns[*b].0).then(a.cmp(b)));
    let mut kept = vec![true; columns.len()];
    for pair in order.windows(2) {
        kept[pair[0]] = columns[pair[0]].0 != columns[pair[1]].0;
    }
    let mut kept = kept.into_iter();
    columns.retain(|_| kept.next().unwrap_or(true));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_columns_of_one_name_stays_whatever_their_number() {
        let mut columns: Vec<Column> = (0..20_000)
            .map(|i| (Cow::Owned(format!("f{}", i % 10_001)), Value::Number(f64::from(i))))
            .collect();
        keep_last(&mut columns);
        let expected: Vec<Column> = (9_999..20_000)
            .map(|i| (Cow::Owned(format!("f{}", i % 10_001)), Value::Number(f64::from(i))))
            .collect();
        assert_eq!(columns, expected);
    }
}
