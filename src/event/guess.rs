//! Where the parts of an event seem to be, from a few events: a proposal for a person to look at.
//!
//! Names that serving systems and people use decide, held against the values: a time must read as
//! one in every event, features must be an object. Where no name fits, the shape does.

use super::{Fields, NameFrom, TimeFrom};
use crate::words::Time;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// How deep an envelope is looked into.
const DEPTH: usize = 4;

const IDS: &[&str] = &["id", "eventid", "requestid", "predictionid", "inferenceid", "uuid", "traceid"];
const MODELS: &[&str] = &["model", "modelname", "modelid", "servedmodel", "endpoint", "deployment"];
const VERSIONS: &[&str] = &["modelversion", "version", "modelversionid"];
const TIMES: &[&str] = &[
    "time",
    "timestamp",
    "eventtime",
    "ts",
    "datetime",
    "requesttime",
    "createdat",
    "occurredat",
    "date",
    "eventtimestamp",
    "timestampms",
];
const FEATURES: &[&str] = &["features", "inputs", "input", "data", "payload", "instance", "attributes"];
const PREDICTIONS: &[&str] =
    &["prediction", "predictions", "score", "output", "outputs", "result", "ypred", "yhat", "probability"];

/// A place in an event: what was found there.
#[derive(Default)]
struct Found<'a> {
    depth: usize,
    /// How many events have it.
    events: usize,
    values: Vec<&'a Json>,
}

/// Proposes where the parts of `events` are. `model` is what a model is called that they do not name.
pub fn guess(events: &[Json], model: &str) -> Fields {
    let mut places: BTreeMap<String, Found<'_>> = BTreeMap::new();
    for event in events {
        visit(event, String::new(), 0, &mut places);
    }
    let all = |found: &Found<'_>, fits: fn(&Json) -> bool| {
        found.events == events.len() && found.values.iter().all(|value| fits(value))
    };
    // The names in their order, then the shallower place.
    let named = |names: &[&str], fits: fn(&Json) -> bool| {
        let rank =
            |pointer: &str| names.iter().position(|name| spellings(pointer).contains(&(*name).to_owned()));
        let fitting = places.iter().filter(|(_, found)| all(found, fits));
        let ranked = fitting.filter_map(|(pointer, found)| Some((found.depth, rank(pointer)?, pointer)));
        ranked.min().map(|(_, _, pointer)| pointer.clone())
    };
    let features = named(FEATURES, has_scalars).or_else(|| widest(&places, events.len()));
    let features = features.unwrap_or_default();
    let outside = |pointer: &String| features.is_empty() || !pointer.starts_with(&format!("{features}/"));
    let time = named(TIMES, is_time).or_else(|| {
        let mut fitting = places.iter().filter(|(_, found)| all(found, is_date));
        fitting.find(|(pointer, _)| outside(pointer)).map(|(pointer, _)| pointer.clone())
    });
    let model_at = named(MODELS, is_name).filter(outside);
    Fields {
        id: named(IDS, is_name).filter(outside),
        model: model_at.map_or_else(|| NameFrom::Constant(model.to_owned()), NameFrom::Pointer),
        version: named(VERSIONS, is_name)
            .filter(outside)
            .map_or_else(|| NameFrom::Constant(String::new()), NameFrom::Pointer),
        time: time.map_or(TimeFrom::Record, TimeFrom::Pointer),
        prediction: named(PREDICTIONS, |value| is_name(value) || has_scalars(value))
            .filter(|pointer| *pointer != features),
        features,
        segments: Vec::new(),
    }
}

fn visit<'a>(value: &'a Json, pointer: String, depth: usize, places: &mut BTreeMap<String, Found<'a>>) {
    if let (Json::Object(members), true) = (value, depth < DEPTH) {
        for (key, member) in members {
            let token = key.replace('~', "~0").replace('/', "~1");
            visit(member, format!("{pointer}/{token}"), depth + 1, places);
        }
    }
    if depth > 0 {
        let found = places.entry(pointer).or_default();
        found.depth = depth;
        found.events += 1;
        found.values.push(value);
    }
}

/// The nested object of most scalar members, where there are two or more and more than beside it.
fn widest(places: &BTreeMap<String, Found<'_>>, events: usize) -> Option<String> {
    let scalars = |value: &Json| {
        value.as_object().map_or(0, |members| members.values().filter(|v| is_scalar(v)).count())
    };
    let objects = places.iter().filter(|(_, found)| found.events == events);
    let (width, pointer) = objects
        .map(|(pointer, found)| (found.values.iter().map(|value| scalars(value)).max().unwrap_or(0), pointer))
        .max()?;
    let flat =
        places.values().filter(|found| found.depth == 1 && found.values.iter().all(|v| is_scalar(v))).count();
    (width >= 2 && width > flat).then(|| pointer.clone())
}

/// The last name of a pointer, and with the one above it, without what spellings differ in.
fn spellings(pointer: &str) -> [String; 2] {
    let plain = |text: &str| {
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
    };
    let mut tokens = pointer.rsplit('/').map(plain);
    let last = tokens.next().unwrap_or_default();
    let above = tokens.next().unwrap_or_default();
    [format!("{above}{last}"), last]
}

fn is_scalar(value: &Json) -> bool {
    !value.is_object() && !value.is_array()
}

fn is_name(value: &Json) -> bool {
    value.is_string() || value.is_number()
}

fn has_scalars(value: &Json) -> bool {
    value.as_object().is_some_and(|members| members.values().any(is_scalar))
}

fn is_date(value: &Json) -> bool {
    value.as_str().is_some_and(|text| Time::parse(text).is_some())
}

fn is_time(value: &Json) -> bool {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    is_date(value) || number.and_then(Time::from_epoch_number).is_some_and(is_recent)
}

/// Whether a count since the epoch can be meant: from 2000 to 2100.
fn is_recent(time: Time) -> bool {
    (946_684_800_000..4_102_444_800_000).contains(&time.ms())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pointers(events: &[Json]) -> [String; 6] {
        let Fields { id, model, version, time, features, prediction, .. } = guess(events, "fraud");
        let name = |name| match name {
            NameFrom::Pointer(pointer) => pointer,
            NameFrom::Constant(text) => format!("={text}"),
        };
        let time = match time {
            TimeFrom::Pointer(pointer) => pointer,
            TimeFrom::Record => "record".into(),
        };
        [id.unwrap_or_default(), name(model), name(version), time, features, prediction.unwrap_or_default()]
    }

    #[test]
    fn the_own_envelope_is_recognised() {
        let event = json!({"id": "a", "model": "m", "version": "7", "time": "2026-03-04T10:00:00Z",
                           "features": {"amount": 1.5, "country": "eu"}, "prediction": 0.5});
        assert_eq!(pointers(&[event]), ["/id", "/model", "/version", "/time", "/features", "/prediction"]);
    }

    #[test]
    fn nested_envelopes_and_other_spellings_are_recognised() {
        let event = json!({"meta": {"requestId": 1, "model": {"name": "m", "version": 2}, "createdAt": 1_772_600_000},
                           "request": {"inputs": {"a": 1, "b": null}}, "response": {"outputs": {"p": 0.1}}});
        assert_eq!(
            pointers(&[event]),
            [
                "/meta/requestId",
                "/meta/model/name",
                "/meta/model/version",
                "/meta/createdAt",
                "/request/inputs",
                "/response/outputs"
            ]
        );
    }

    #[test]
    fn flat_events_have_their_features_at_the_top() {
        let event = json!({"ts": 1_772_600_000_000_i64, "amount": 1.0, "age": 30, "score": 0.2});
        assert_eq!(pointers(&[event]), ["", "=fraud", "=", "/ts", "", "/score"]);
    }

    #[test]
    fn a_name_that_is_not_in_every_event_or_holds_no_time_is_not_taken() {
        let with = |time: Json| json!({"time": time, "when": "2026-03-04T10:00:00Z", "features": {"a": 1}});
        assert_eq!(pointers(&[with(json!(3)), with(json!("noon"))])[3], "/when");
        let events = [json!({"id": 1, "features": {"a": 1}}), json!({"features": {"a": 1}})];
        assert_eq!(pointers(&events)[0], "");
        assert_eq!(pointers(&events)[3], "record");
    }

    #[test]
    fn an_unnamed_object_of_many_scalars_holds_the_features() {
        let event = json!({"time": "2026-03-04T10:00:00Z", "row": {"a": 1, "b": 2, "c": 3}, "x": {"y": 1}});
        assert_eq!(pointers(&[event])[4], "/row");
    }
}
