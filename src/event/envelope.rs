//! Where things stand in an event: JSON Pointers (RFC 6901), compiled once into a tree.
//!
//! A decoder walks the tree beside the record and so visits only the branches that a pointer names;
//! JSON objects and Avro records, maps and unions are the same to it. The tree's invariant: a place
//! that holds a value has no places below it, but for features and prediction, whose members are
//! columns. It knows no format and no values.

use crate::error::{Error, Result};

/// Deepest pointer that is taken; no serving system's envelope comes near.
const MAX_DEPTH: usize = 32;

/// Where a name comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameFrom {
    /// A field of the event, by JSON Pointer.
    Pointer(String),
    /// The same for every event.
    Constant(String),
}

/// Where event time comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFrom {
    /// A field of the event, by JSON Pointer: RFC 3339, or a number since the epoch in seconds,
    /// milliseconds, microseconds or nanoseconds by its size (also as text), or an Avro timestamp.
    Pointer(String),
    /// The record's own timestamp.
    Record,
}

/// The fields of an envelope, by JSON Pointer; what [`Envelope::new`] compiles. The default is the
/// preset `driftline`: `{"id","model","version","time","features":{…},"prediction":…,"segment":{…}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// The event's or prediction's id; optional in an event.
    pub id: Option<String>,
    /// The model; an event without is bad.
    pub model: NameFrom,
    /// The model's version; `""` where an event has none.
    pub version: NameFrom,
    /// Event time; an event without is bad.
    pub time: TimeFrom,
    /// An object whose members are the columns. `""` is the whole event (flat records): all its
    /// scalar members are columns but those that the other fields name (segments stay columns).
    pub features: String,
    /// A scalar, which becomes the column `prediction`, or an object of outputs, whose members
    /// become columns `prediction.<name>`. A prediction goes before a feature of the same name.
    pub prediction: Option<String>,
    /// The values that cut traffic into segments, in order.
    pub segments: Vec<String>,
}

impl Default for Fields {
    fn default() -> Self {
        Fields {
            id: Some("/id".into()),
            model: NameFrom::Pointer("/model".into()),
            version: NameFrom::Pointer("/version".into()),
            time: TimeFrom::Pointer("/time".into()),
            features: "/features".into(),
            prediction: Some("/prediction".into()),
            segments: Vec::new(),
        }
    }
}

/// A compiled envelope.
#[derive(Debug, Clone)]
pub struct Envelope {
    pub(super) fields: Fields,
    /// The tree; the root is the first.
    pub(super) places: Vec<Place>,
}

/// What a value found at a place is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Id,
    Model,
    Version,
    Time,
    /// The segment value of this number.
    Segment(usize),
}

/// What becomes of an object's members that no pointer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Members {
    Skipped,
    Features,
    Prediction,
}

/// A place in the tree of pointers.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) slots: Vec<Slot>,
    pub(super) members: Members,
    pub(super) children: Vec<Child>,
}

/// A way down in the tree.
#[derive(Debug, Clone)]
pub(super) struct Child {
    pub(super) key: String,
    /// The key as a position in an array, where it is one.
    pub(super) index: Option<usize>,
    /// Which place.
    pub(super) place: usize,
    /// A segment among the features: a column all the same.
    pub(super) column: bool,
}

impl Place {
    /// Where the member `key` leads, if a pointer names it.
    pub(super) fn child(&self, key: &str) -> Option<&Child> {
        self.children.iter().find(|child| child.key == key)
    }

    /// Where the array element `index` leads, if a pointer names it.
    pub(super) fn element(&self, index: usize) -> Option<&Child> {
        self.children.iter().find(|child| child.index == Some(index))
    }

    /// Whether this place holds one value and nothing else.
    pub(super) fn is_leaf(&self) -> bool {
        self.children.is_empty() && self.members == Members::Skipped
    }
}

/// A pointer with what it is for, as written in the configuration.
struct Pointer<'f> {
    field: &'static str,
    text: &'f str,
    tokens: Vec<String>,
    use_as: Use,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Slot(Slot),
    Members(Members),
}

impl Envelope {
    /// Compiles `fields`. Fails on a text that is no JSON Pointer, an empty constant model, and
    /// pointers that can't both hold, such as `/a` (a value) and `/a/b`.
    pub fn new(fields: Fields) -> Result<Envelope> {
        let mut pointers = Vec::new();
        let mut add = |field, text, use_as| -> Result<()> {
            pointers.push(Pointer { field, text, tokens: tokens(field, text)?, use_as });
            Ok(())
        };
        add("features", &fields.features, Use::Members(Members::Features))?;
        if let Some(text) = &fields.prediction {
            add("prediction", text, Use::Members(Members::Prediction))?;
        }
        if let Some(text) = &fields.id {
            add("id", text, Use::Slot(Slot::Id))?;
        }
        if let NameFrom::Pointer(text) = &fields.model {
            add("model", text, Use::Slot(Slot::Model))?;
        }
        if let NameFrom::Pointer(text) = &fields.version {
            add("version", text, Use::Slot(Slot::Version))?;
        }
        if let TimeFrom::Pointer(text) = &fields.time {
            add("time", text, Use::Slot(Slot::Time))?;
        }
        for (number, text) in fields.segments.iter().enumerate() {
            add("segments", text, Use::Slot(Slot::Segment(number)))?;
        }
        if fields.model == NameFrom::Constant(String::new()) {
            return Err(Error::config("the constant model of the input's fields is empty"));
        }
        check_conflicts(&pointers)?;
        let mut envelope = Envelope { places: vec![Place::empty()], fields: Fields::default() };
        for pointer in &pointers {
            envelope.insert(pointer);
        }
        envelope.mark_segment_columns();
        envelope.fields = fields;
        Ok(envelope)
    }

    /// The preset `driftline` (see [`Fields`]).
    pub fn driftline() -> Envelope {
        Envelope::new(Fields::default()).expect("the preset's pointers are distinct and well-formed")
    }

    /// Whether the whole event is the features object.
    pub(super) fn is_flat(&self) -> bool {
        self.fields.features.is_empty()
    }

    fn insert(&mut self, pointer: &Pointer) {
        let mut at = 0;
        for token in &pointer.tokens {
            at = match self.places[at].child(token) {
                Some(child) => child.place,
                None => {
                    let place = self.places.len();
                    let index = array_index(token);
                    self.places.push(Place::empty());
                    self.places[at].children.push(Child { key: token.clone(), index, place, column: false });
                    place
                }
            };
        }
        match pointer.use_as {
            Use::Slot(slot) => self.places[at].slots.push(slot),
            Use::Members(members) => self.places[at].members = members,
        }
    }

    fn mark_segment_columns(&mut self) {
        for parent in 0..self.places.len() {
            if self.places[parent].members != Members::Features {
                continue;
            }
            for child in 0..self.places[parent].children.len() {
                let place = &self.places[self.places[parent].children[child].place];
                let segments_only =
                    place.is_leaf() && place.slots.iter().all(|slot| matches!(slot, Slot::Segment(_)));
                self.places[parent].children[child].column = segments_only;
            }
        }
    }
}

impl Place {
    fn empty() -> Place {
        Place { slots: Vec::new(), members: Members::Skipped, children: Vec::new() }
    }
}

/// The reference tokens of an RFC 6901 pointer, unescaped.
fn tokens(field: &str, text: &str) -> Result<Vec<String>> {
    let wrong = |what: &str, hint: &str| {
        Err(Error::config(format!("`{text}` {what}")).at(format!("[input.fields] {field}")).hint(hint))
    };
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let Some(rest) = text.strip_prefix('/') else {
        return wrong("is not a JSON Pointer", &format!("write `/{}`", text.replace('.', "/")));
    };
    let tokens: Vec<&str> = rest.split('/').collect();
    if tokens.len() > MAX_DEPTH {
        return wrong("goes too deep", &format!("at most {MAX_DEPTH} levels"));
    }
    if tokens.iter().any(|token| token.replace("~0", "").replace("~1", "").contains('~')) {
        return wrong("has a `~` that escapes nothing", "write `~0` for `~` and `~1` for `/`");
    }
    Ok(tokens.iter().map(|token| token.replace("~1", "/").replace("~0", "~")).collect())
}

/// A token as a position in an array: decimal digits without a leading zero.
fn array_index(token: &str) -> Option<usize> {
    let canonical = token == "0" || (!token.starts_with('0') && token.bytes().all(|b| b.is_ascii_digit()));
    canonical.then(|| token.parse().ok()).flatten()
}

/// Refuses pairs of pointers of which one could never hold.
fn check_conflicts(pointers: &[Pointer]) -> Result<()> {
    for upper in pointers {
        for lower in pointers {
            if std::ptr::eq(upper, lower) || !lower.tokens.starts_with(&upper.tokens) {
                continue;
            }
            let same = upper.tokens.len() == lower.tokens.len();
            let fits = match (upper.use_as, lower.use_as) {
                // One value may serve twice; a value has no members.
                (Use::Slot(_), Use::Slot(_)) => same,
                // A segment may be cut by the prediction itself, but an object of features is no value.
                (Use::Slot(_), Use::Members(members)) => same && members == Members::Prediction,
                (Use::Members(Members::Features), _) => !same,
                (Use::Members(_), lower) => lower != Use::Members(Members::Features),
            };
            if !fits {
                return Err(Error::config(format!(
                    "`{}` ({}) and `{}` ({}) can't both hold: one is the other or inside it",
                    upper.text, upper.field, lower.text, lower.field
                ))
                .at("[input.fields]"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_unescaped_as_rfc_6901_says() {
        assert_eq!(tokens("id", "").unwrap(), Vec::<String>::new());
        assert_eq!(tokens("id", "/").unwrap(), vec![""]);
        assert_eq!(tokens("id", "/a~1b/m~0n/~01").unwrap(), vec!["a/b", "m~n", "~1"]);
    }

    #[test]
    fn what_is_no_pointer_is_refused_with_the_field_and_a_hint() {
        let fields = Fields { time: TimeFrom::Pointer("meta.ts".into()), ..Fields::default() };
        let error = Envelope::new(fields).unwrap_err().to_string();
        assert_eq!(error, "`meta.ts` is not a JSON Pointer ([input.fields] time); write `/meta/ts`");
        for text in ["/a~", "/a~2b", &"/a".repeat(MAX_DEPTH + 1)] {
            assert!(tokens("id", text).is_err(), "{text}");
        }
    }

    #[test]
    fn pointers_that_cannot_both_hold_are_refused() {
        let with = |id: &str, features: &str, prediction: &str| {
            Envelope::new(Fields {
                id: Some(id.into()),
                features: features.into(),
                prediction: Some(prediction.into()),
                ..Fields::default()
            })
        };
        assert!(with("/id", "", "/score").is_ok());
        assert!(with("/prediction", "/features", "/prediction").is_ok());
        assert!(with("/features/id", "/features", "/features/score").is_ok());
        assert!(with("/model/id", "/features", "/prediction").is_err());
        assert!(with("/features", "/features", "/prediction").is_err());
        assert!(with("/id", "/x", "/x").is_err());
        assert!(with("/id", "/x/y", "/x").is_err());
    }

    #[test]
    fn a_constant_model_must_have_a_name() {
        let fields = Fields { model: NameFrom::Constant(String::new()), ..Fields::default() };
        assert!(Envelope::new(fields).is_err());
    }

    #[test]
    fn only_canonical_digits_are_array_positions() {
        assert_eq!(array_index("0"), Some(0));
        assert_eq!(array_index("12"), Some(12));
        for token in ["01", "", "-", "+1", "1a"] {
            assert_eq!(array_index(token), None, "{token}");
        }
    }
}
