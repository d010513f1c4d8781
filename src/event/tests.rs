//! What a decoder promises of JSON events and of events whatever their format.

use super::reader::tests::assert_reads_as_it_decodes;
use super::*;
use proptest::prelude::*;
use serde_json::json;

fn json_decoder(fields: Fields) -> Decoder {
    Decoder::new(Format::Json, Envelope::new(fields).unwrap())
}

fn flat() -> Fields {
    Fields { features: String::new(), ..Fields::default() }
}

#[track_caller]
fn read(fields: Fields, payload: &str) -> Event<'static> {
    assert_read_quickly_too(&fields, payload.as_bytes());
    json_decoder(fields).decode(Some(payload.as_bytes()), None, None).unwrap().into_owned()
}

#[track_caller]
fn bad(fields: Fields, payload: &[u8]) -> BadRecord {
    assert_read_quickly_too(&fields, payload);
    match json_decoder(fields).decode(Some(payload), None, None) {
        Err(DecodeError::Bad(bad)) => bad,
        other => panic!("a bad record, not {other:?}"),
    }
}

/// A reader says the same, to which the event is new and which knows it.
#[track_caller]
fn assert_read_quickly_too(fields: &Fields, payload: &[u8]) {
    let mut reader = Reader::new(json_decoder(fields.clone()));
    let is_quick = assert_reads_as_it_decodes(&mut reader, payload);
    assert_eq!(assert_reads_as_it_decodes(&mut reader, payload), is_quick);
}

fn columns(event: &Event) -> String {
    let column = |(name, value): &(Cow<str>, Value)| match value {
        Value::Missing => format!("{name}:missing"),
        Value::Number(number) => format!("{name}:{number}"),
        Value::Bool(truth) => format!("{name}:{truth}"),
        Value::Text(text) | Value::Literal(text) => format!("{name}:{text:?}"),
        Value::Other => format!("{name}:other"),
    };
    event.columns.iter().map(column).collect::<Vec<_>>().join(" ")
}

/// An event with these features, as JSON text.
fn with_features(features: &str) -> String {
    format!(r#"{{"model":"m","time":0,"features":{features}}}"#)
}

#[test]
fn the_preset_reads_every_field_of_an_event() {
    let fields =
        Fields { segments: vec!["/segment/country".into(), "/segment/tier".into()], ..Fields::default() };
    let event = read(
        fields,
        r#" {"id":"e-1","model":"fraud","version":"7","time":"2026-03-04T10:00:00.250Z","other":[{"x":[1]}],
            "features":{"amount":12.5,"count":3,"new":true,"country":"de","gone":null,"list":[1],"map":{}},
            "prediction":0.25,"segment":{"country":"de"}} "#,
    );
    assert_eq!(event.id.as_deref(), Some("e-1"));
    assert_eq!((&*event.model, &*event.version), ("fraud", "7"));
    assert_eq!(event.segment, ["de", ""]);
    assert_eq!(event.time.to_string(), "2026-03-04T10:00:00.250Z");
    assert_eq!(
        columns(&event),
        r#"amount:12.5 count:3 new:true country:"de" gone:missing list:other map:other prediction:0.25"#
    );
}

#[test]
fn names_and_texts_are_borrowed_unless_they_were_escaped() {
    let decoder = json_decoder(Fields::default());
    let payload = with_features(r#"{"plain":"text","\u00fcber":"a\"b"}"#);
    let event = decoder.decode(Some(payload.as_bytes()), None, None).unwrap();
    let borrowed = |text: &Cow<str>| matches!(text, Cow::Borrowed(_));
    assert!(borrowed(&event.columns[0].0));
    assert!(matches!(&event.columns[0].1, Value::Text(Cow::Borrowed("text"))));
    assert_eq!(event.columns[1], ("über".into(), Value::Text("a\"b".into())));
}

#[test]
fn pointers_fit_any_envelope_escaped_keys_and_arrays_included() {
    let event = read(
        Fields {
            id: Some("/meta/ids/1".into()),
            model: NameFrom::Pointer("/a~1b/m~0n".into()),
            version: NameFrom::Constant("v9".into()),
            time: TimeFrom::Pointer("/meta/ts".into()),
            features: "/rows/0".into(),
            prediction: Some("/out".into()),
            segments: vec!["/rows/0/country".into(), "/out".into()],
        },
        r#"{"meta":{"ids":["a","b"],"ts":"1700000000"},"a/b":{"m~n":"m"},"out":"yes",
            "rows":[{"x":1,"country":"de"},{"x":2}]}"#,
    );
    assert_eq!(event.id.as_deref(), Some("b"));
    assert_eq!((&*event.model, &*event.version), ("m", "v9"));
    assert_eq!(event.segment, ["de", "yes"]);
    assert_eq!(event.time, Time::from_ms(1_700_000_000_000));
    assert_eq!(columns(&event), r#"x:1 country:"de" prediction:"yes""#);
}

#[test]
fn a_flat_record_has_all_scalars_as_columns_but_the_envelopes_own() {
    let fields = Fields { segments: vec!["/country".into()], prediction: Some("/score".into()), ..flat() };
    let event = read(
        fields,
        r#"{"id":1,"model":"m","version":2,"time":3,"score":4,"country":"de","x":5,"gone":null,"list":[],"map":{}}"#,
    );
    assert_eq!(columns(&event), r#"country:"de" x:5 gone:missing prediction:4"#);
    assert_eq!(event.segment, ["de"]);
}

#[test]
fn several_outputs_become_columns_of_their_own() {
    let event = read(
        Fields::default(),
        r#"{"model":"m","time":0,"prediction":{"score":0.5,"class":"a","all":[1]},"features":{"x":1}}"#,
    );
    assert_eq!(columns(&event), r#"x:1 prediction.score:0.5 prediction.class:"a" prediction.all:other"#);
}

#[test]
fn numbers_used_as_names_become_their_shortest_decimal_text() {
    let fields = Fields { segments: vec!["/segment".into()], ..Fields::default() };
    let event = read(
        fields,
        r#"{"id":18446744073709551615,"model":7,"version":1.0,"segment":3e0,"time":0,"features":{"x":1}}"#,
    );
    assert_eq!(event.id.as_deref(), Some("18446744073709551615"));
    assert_eq!((&*event.model, &*event.version, &*event.segment[0]), ("7", "1", "3"));
}

#[test]
fn a_missing_version_is_the_empty_one() {
    for version in ["", r#""version":null,"#, r#""version":{},"#] {
        let event =
            read(Fields::default(), &format!(r#"{{"model":"m",{version}"time":0,"features":{{"x":1}}}}"#));
        assert_eq!(event.version, "");
    }
}

#[test]
fn an_overflowing_literal_is_an_infinite_number_and_not_a_bad_record() {
    let event = read(Fields::default(), &with_features(r#"{"a":1e400,"b":-1e400,"c":1e-400,"d":0.1}"#));
    assert_eq!(columns(&event), "a:inf b:-inf c:0 d:0.1");
    let event = read(Fields::default(), r#"{"model":"m","time":0,"features":{"x":1},"prediction":1e400}"#);
    assert_eq!(columns(&event), "x:1 prediction:inf");
}

#[test]
fn of_like_names_the_last_wins_on_every_level() {
    let event = read(
        Fields {
            time: TimeFrom::Pointer("/meta/time".into()),
            id: Some("/meta/id".into()),
            ..Fields::default()
        },
        r#"{"model":"a","features":{"old":1},"features":{"x":1,"y":2,"x":3},"model":"b",
            "prediction":{"p":1},"prediction":2,"meta":{"id":"i","time":1},"meta":{"time":2}}"#,
    );
    assert_eq!((&*event.model, event.id.as_deref(), event.time.ms()), ("b", None, 2000));
    assert_eq!(columns(&event), "y:2 x:3 prediction:2");
    let event =
        read(Fields::default(), r#"{"model":"m","time":0,"prediction":2,"features":{"prediction":1,"x":1}}"#);
    assert_eq!(columns(&event), "x:1 prediction:2");
}

#[test]
fn half_a_surrogate_pair_is_no_text_but_not_a_bad_record() {
    let event = read(Fields::default(), &with_features(r#"{"a":"\ud800","b":"\ud83d\ude00"}"#));
    assert_eq!(columns(&event), "a:other b:\"😀\"");
}

#[test]
fn nothing_at_all_is_empty() {
    let decoder = json_decoder(Fields::default());
    for payload in [None, Some(&b""[..])] {
        let Err(DecodeError::Bad(bad)) = decoder.decode(payload, None, None) else { panic!("bad") };
        assert_eq!((bad.reason, bad.message.as_str()), (BadReason::Empty, "the record has no value"));
    }
}

#[test]
fn what_is_not_json_is_undecodable_with_line_and_column() {
    for (payload, place) in [
        (&b"{\n\"model\": NaN}"[..], "line 2 column 10"),
        (b"{\"features\":{\"x\":Infinity}}", "line 1 column 18"),
        (b"{\"features\":{\"x\":-NaN}}", "line 1 column 19"),
        (b"{\"features\":{\"x\":01}}", "line 1 column 19"),
        (b"{\"model\":\"m\"", "line 1 column 12"),
        (b"{} {}", "line 1 column 4"),
        (b"{\"skipped\":tru}", "line 1 column 15"),
        (b"   ", "line 1 column 3"),
        (b"{\n\"skipped\":\"\xff\"}", "line 2 column 12"),
        (b"\"secret\"", "another value"),
        (b"[1]", "another value"),
        (b"1e400", "number out of range"),
    ] {
        let bad = bad(Fields::default(), payload);
        assert_eq!(bad.reason, BadReason::Undecodable);
        assert!(bad.message.contains(place), "{place}: {}", bad.message);
    }
}

#[test]
fn a_message_never_quotes_the_payload() {
    for payload in [
        r#""secret""#,
        r#"{"secret":"secret"}"#,
        r#"{"model":"m","time":"secret"}"#,
        r#"{"model":"m","time":1,"features":"secret"}"#,
        r#"{"secret":secret}"#,
        r#"{"prediction":{"secret\ud800":1}}"#,
    ] {
        let bad = bad(Fields::default(), payload.as_bytes());
        assert!(!bad.message.contains("secret"), "{}", bad.message);
    }
}

#[test]
fn nesting_of_any_depth_neither_overflows_the_stack_nor_hides_the_event() {
    let deep = "[".repeat(500_000);
    let closed = deep.clone() + &"]".repeat(500_000);
    for open in
        [format!(r#"{{"model":{deep}"#), with_features(&deep), with_features(&format!(r#"{{"x":{deep}"#))]
    {
        assert_eq!(bad(Fields::default(), open.as_bytes()).reason, BadReason::Undecodable);
    }
    let event = read(Fields::default(), &with_features(&format!(r#"{{"x":{closed},"y":1}}"#)));
    assert_eq!(columns(&event), "x:other y:1");
}

#[test]
fn an_event_without_model_time_or_features_is_bad_for_the_first_that_it_lacks() {
    let reason = |payload: &str| bad(Fields::default(), payload.as_bytes());
    for model in ["{}", r#"{"model":""}"#, r#"{"model":null}"#, r#"{"model":[]}"#] {
        assert_eq!(reason(model), BadRecord::new(BadReason::NoModel, "no model at `/model`"));
    }
    for time in [r#"{"model":"m"}"#, r#"{"model":"m","time":null}"#] {
        assert_eq!(reason(time), BadRecord::new(BadReason::NoTime, "no event time at `/time`"));
    }
    for time in [r#""soon""#, "true", "[]", "1e30", r#""""#] {
        let bad = reason(&format!(r#"{{"model":"m","time":{time},"features":{{"x":1}}}}"#));
        assert_eq!(bad.reason, BadReason::NoTime);
        assert!(bad.message.starts_with("the value at `/time` is neither"), "{}", bad.message);
    }
    for features in ["null", "{}", "[]", "3", r#""x""#] {
        let bad = reason(&with_features(features));
        assert_eq!(bad, BadRecord::new(BadReason::NoFeatures, "no features at `/features`"));
    }
    assert_eq!(bad(flat(), br#"{"model":"m","time":0,"x":[]}"#).reason, BadReason::NoFeatures);
}

#[test]
fn times_of_all_forms_are_read() {
    for (time, ms) in [
        (r#""0001-01-01T00:00:00Z""#, -62_135_596_800_000),
        (r#""9999-12-31T23:59:59.999Z""#, 253_402_300_799_999),
        ("1700000000", 1_700_000_000_000),
        ("1700000000.5", 1_700_000_000_500),
        ("1700000000123", 1_700_000_000_123),
        ("1700000000123456", 1_700_000_000_123),
        ("1700000000123456789", 1_700_000_000_123),
        (r#""1700000000123""#, 1_700_000_000_123),
        ("-1", -1000),
    ] {
        let event =
            read(Fields::default(), &format!(r#"{{"model":"m","time":{time},"features":{{"x":1}}}}"#));
        assert_eq!(event.time.ms(), ms, "{time}");
    }
}

#[test]
fn event_time_may_be_the_records_own_timestamp() {
    let decoder = json_decoder(Fields { time: TimeFrom::Record, ..Fields::default() });
    let payload = with_features(r#"{"x":1}"#);
    let event = decoder.decode(Some(payload.as_bytes()), None, Some(Time::from_ms(5))).unwrap();
    assert_eq!(event.time, Time::from_ms(5));
    let Err(DecodeError::Bad(bad)) = decoder.decode(Some(payload.as_bytes()), None, None) else {
        panic!("bad")
    };
    assert_eq!(bad, BadRecord::new(BadReason::NoTime, "the record has no timestamp"));
}

#[test]
fn reasons_have_names_in_snake_case() {
    for reason in BadReason::ALL {
        let mut words = String::new();
        for letter in format!("{reason:?}").chars() {
            if letter.is_uppercase() && !words.is_empty() {
                words.push('_');
            }
            words.push(letter.to_ascii_lowercase());
        }
        assert_eq!(reason.as_str(), words);
    }
}

/// A pointer whose last token is the field's own, below tokens that fields share.
fn pointer(field: &'static str) -> impl Strategy<Value = String> {
    let shared = prop::sample::select(vec!["meta", "a~1b", "~0", "", "é \"q"]);
    prop::collection::vec(shared, 0..4)
        .prop_map(move |path| path.iter().map(|token| format!("/{token}")).collect::<String>() + "/" + field)
}

fn fields() -> impl Strategy<Value = Fields> {
    let features = prop_oneof![3 => pointer("features"), 1 => Just(String::new())];
    let places =
        (pointer("id"), pointer("model"), pointer("version"), pointer("time"), pointer("prediction"));
    let segments = (pointer("s0"), pointer("s1")).prop_map(|(a, b)| vec![a, b]);
    (places, features, segments).prop_map(|((id, model, version, time, prediction), features, segments)| {
        Fields {
            id: Some(id),
            model: NameFrom::Pointer(model),
            version: NameFrom::Pointer(version),
            time: TimeFrom::Pointer(time),
            features,
            prediction: Some(prediction),
            segments,
        }
    })
}

#[test]
fn a_name_that_no_key_could_hold_makes_the_record_bad_and_is_not_quoted() {
    let fields = || Fields { segments: vec!["/segment/country".into()], ..Fields::default() };
    let decoder = Decoder::new(Format::Json, Envelope::new(fields()).unwrap());
    let long = "x".repeat(257);
    for (at, what) in [("model", "model"), ("version", "version"), ("country", "/segment/country")] {
        let name = |field| if field == at { long.as_str() } else { &long[..256] };
        let event = json!({"model": name("model"), "version": name("version"), "time": 1,
            "segment": {"country": name("country")}, "features": {"a": 1}})
        .to_string();
        let refused = decoder.decode(Some(event.as_bytes()), None, None).unwrap_err();
        let message = format!("long_name: the {what} has 257 bytes; a name may have 256");
        assert_eq!(refused.to_string(), message);
    }
}

fn put(document: &mut serde_json::Value, pointer: &str, value: serde_json::Value) {
    let mut at = document;
    for token in pointer.split('/').skip(1) {
        at = &mut at[token.replace("~1", "/").replace("~0", "~")];
    }
    *at = value;
}

fn column_value() -> impl Strategy<Value = (serde_json::Value, Value<'static>)> {
    prop_oneof![
        Just((json!(null), Value::Missing)),
        any::<bool>().prop_map(|truth| (json!(truth), Value::Bool(truth))),
        prop::num::f64::NORMAL.prop_map(|number| (json!(number), Value::Number(number))),
        any::<i64>().prop_map(|number| (json!(number), Value::Number(number as f64))),
        any::<String>().prop_map(|text| (json!(text), Value::Text(text.into()))),
    ]
}

proptest! {
    #[test]
    fn an_event_written_by_any_envelope_is_read_back(
        fields in fields(),
        names in (any::<String>(), "[a-z]{1,5}", any::<String>(), any::<String>()),
        ms in -62_135_596_800_000i64..253_402_000_000_000,
        features in prop::collection::btree_map("f[a-z\"/~]{0,8}", column_value(), 1..20),
        prediction in column_value(),
    ) {
        let (id, model, version, segment) = names;
        let mut document = json!({});
        let NameFrom::Pointer(model_at) = &fields.model else { unreachable!() };
        let NameFrom::Pointer(version_at) = &fields.version else { unreachable!() };
        let TimeFrom::Pointer(time_at) = &fields.time else { unreachable!() };
        put(&mut document, fields.id.as_deref().unwrap(), json!(id));
        put(&mut document, model_at, json!(model));
        put(&mut document, version_at, json!(version));
        put(&mut document, time_at, json!(Time::from_ms(ms)));
        put(&mut document, fields.prediction.as_deref().unwrap(), prediction.0);
        put(&mut document, &fields.segments[1], json!(segment));
        for (name, (value, _)) in &features {
            let token = name.replace('~', "~0").replace('/', "~1");
            put(&mut document, &format!("{}/{token}", fields.features), value.clone());
        }
        // Segments of a flat record are columns too, if not deeper.
        let segment_column = (fields.features.is_empty() && fields.segments[1] == "/s1")
            .then(|| ("s1".into(), Value::Text(segment.clone().into())));
        let expected = Event {
            id: Some(id.into()),
            model: model.into(),
            version: version.into(),
            segment: vec!["".into(), segment.into()],
            time: Time::from_ms(ms),
            columns: features.into_iter().map(|(name, (_, value))| (name.into(), value))
                .chain(segment_column).chain([("prediction".into(), prediction.1)]).collect(),
        };
        prop_assert_eq!(read(fields, &document.to_string()), expected);
    }
}
