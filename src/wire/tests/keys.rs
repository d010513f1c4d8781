//! Keys are compact JSON and come back.

use super::*;
use crate::words::{ModelKey, Name, Time};
use proptest::prelude::*;

fn key() -> ModelKey {
    ModelKey { model: "fraud".into(), version: "7".into(), segment: vec!["eu".into()] }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn keys_are_compact_json_arrays() {
    let at = Time::from_ms(1_772_622_000_000);
    let found = [
        text(DeltaKey::Delta { key: key(), chunk: None }.to_bytes()),
        text(DeltaKey::Delta { key: key(), chunk: Some(2) }.to_bytes()),
        text(DeltaKey::Watermark.to_bytes()),
        text(ReferenceKey::Profile { model: "fraud".into(), id: "ref_a".into(), chunk: 0 }.to_bytes()),
        text(
            ReferenceKey::Activation {
                model: "fraud".into(),
                version: "7".into(),
                effective_from: at,
                reference_id: "ref_a".into(),
            }
            .to_bytes(),
        ),
        text(StateKey::Pane { key: key(), pane_start: at, chunk: 1 }.to_bytes()),
        text(StateKey::Incident(key()).to_bytes()),
        text(StateKey::Model("fraud".into()).to_bytes()),
        text(StateKey::Watermark.to_bytes()),
        text(StateKey::Layout.to_bytes()),
    ];
    assert_eq!(
        found,
        [
            r#"["fraud","7",["eu"]]"#,
            r#"["fraud","7",["eu"],2]"#,
            r#"["watermark"]"#,
            r#"["profile","fraud","ref_a",0]"#,
            r#"["activation","fraud","7","2026-03-04T11:00:00.000Z","ref_a"]"#,
            r#"["pane","fraud","7",["eu"],"2026-03-04T11:00:00.000Z",1]"#,
            r#"["incident","fraud","7",["eu"]]"#,
            r#"["model","fraud"]"#,
            r#"["watermark"]"#,
            r#"["layout"]"#,
        ]
    );
}

#[test]
fn what_is_no_key_is_refused() {
    for bytes in [&b""[..], b"fraud", b"[]", b"{}", br#"["pane","m"]"#, br#"["m","7",[1]]"#, &[0xff, 0xfe]] {
        assert!(DeltaKey::parse(bytes).is_err(), "{bytes:?}");
        assert!(ReferenceKey::parse(bytes).is_err(), "{bytes:?}");
        assert!(StateKey::parse(bytes).is_err(), "{bytes:?}");
    }
}

fn name() -> impl Strategy<Value = Name> {
    prop_oneof![".*", Just("watermark".to_owned()), Just("profile".to_owned()), Just(String::new())]
        .prop_map(Name::from)
}

fn model_key() -> impl Strategy<Value = ModelKey> {
    (name(), name(), prop::collection::vec(name(), 0..3)).prop_map(|(model, version, segment)| ModelKey {
        model,
        version,
        segment,
    })
}

/// Times that RFC 3339 has, and others.
fn time() -> impl Strategy<Value = Time> {
    prop_oneof![any::<i64>(), -1_000_000_000_000..4_000_000_000_000i64].prop_map(Time::from_ms)
}

proptest! {
    #[test]
    fn every_key_comes_back_from_its_bytes(
        key in model_key(), name in name(), id in ".*", time in time(), chunk in any::<u32>(),
    ) {
        for delta in [
            DeltaKey::Delta { key: key.clone(), chunk: None },
            DeltaKey::Delta { key: key.clone(), chunk: Some(chunk) },
            DeltaKey::Watermark,
        ] {
            prop_assert_eq!(DeltaKey::parse(&delta.to_bytes()).unwrap(), delta);
        }
        let (version, reference_id) = (key.version.clone(), id.as_str().into());
        for reference in [
            ReferenceKey::Profile { model: name.clone(), id: id.as_str().into(), chunk },
            ReferenceKey::Activation { model: name.clone(), version, effective_from: time, reference_id },
        ] {
            prop_assert_eq!(ReferenceKey::parse(&reference.to_bytes()).unwrap(), reference);
        }
        for state in [
            StateKey::Pane { key: key.clone(), pane_start: time, chunk },
            StateKey::Incident(key),
            StateKey::Model(name),
            StateKey::Watermark,
            StateKey::Layout,
        ] {
            prop_assert_eq!(StateKey::parse(&state.to_bytes()).unwrap(), state);
        }
    }
}
