//! Bytes that are no record: an error, at no more cost than their size.

use super::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

struct CutAnywhere;

impl EachSample for CutAnywhere {
    fn sample<R: Record + PartialEq + std::fmt::Debug>(&mut self, name: &str, json: &[u8]) {
        let record: R = decode(json, &NoRegistry).unwrap();
        for encoding in [Encoding::Json, Encoding::SingleObject, Encoding::Registry(7)] {
            let bytes = encode(&record, encoding).unwrap();
            let registry = Registry::of(R::SCHEMA.text());
            for end in 0..bytes.len() {
                assert!(decode::<R>(&bytes[..end], &registry).is_err(), "{name} {encoding:?} cut at {end}");
            }
            let longer = [&bytes[..], &[0]].concat();
            assert!(decode::<R>(&longer, &registry).is_err(), "{name} {encoding:?} with a byte too many");
        }
    }
}

#[test]
fn a_record_that_is_cut_or_too_long_is_refused() {
    each_sample(&mut CutAnywhere);
}

struct Mutated(ChaCha8Rng);

impl EachSample for Mutated {
    fn sample<R: Record + PartialEq + std::fmt::Debug>(&mut self, name: &str, json: &[u8]) {
        const EACH: usize = 4000;
        let rng = &mut self.0;
        let record: R = decode(json, &NoRegistry).unwrap();
        let registry = Registry::of(R::SCHEMA.text());
        for encoding in [Encoding::Json, Encoding::SingleObject] {
            let bytes = encode(&record, encoding).unwrap();
            let mut read = 0;
            for _ in 0..EACH {
                let mut bytes = bytes.clone();
                for _ in 0..rng.random_range(1..4) {
                    let at = rng.random_range(0..bytes.len());
                    match rng.random_range(0..4) {
                        0 => bytes[at] = rng.random(),
                        1 => bytes[at] ^= 1 << rng.random_range(0..8),
                        2 => bytes.insert(at, if rng.random() { 0xff } else { rng.random() }),
                        _ => drop(bytes.remove(at)),
                    }
                }
                // What can be read can be written, unless a count of JSON is too large for Avro.
                if let Ok(other) = decode::<R>(&bytes, &registry)
                    && let Ok(once) = encode(&other, Encoding::SingleObject)
                {
                    let twice = encode(&decode::<R>(&once, &registry).unwrap(), Encoding::SingleObject);
                    assert!(twice.unwrap() == once, "{name} {encoding:?}");
                    read += 1;
                }
            }
            assert!(read > 0, "{name} {encoding:?}: no mutation was harmless");
        }
    }
}

#[test]
fn mutated_records_are_refused_or_read_and_never_panic() {
    each_sample(&mut Mutated(ChaCha8Rng::seed_from_u64(1)));
}

/// `number` as Avro writes it.
fn long(number: i64) -> Vec<u8> {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

#[test]
fn claims_of_length_cost_nothing() {
    let print = SchemaName::Delta.form().fingerprint().to_le_bytes();
    // A delta's version of the form, its `type` of the claimed length, and little more.
    for claim in [1 << 20, 1 << 33, 1 << 50, i64::MAX, i64::MIN, -1] {
        let bytes = [&[0xC3, 0x01], &print[..], &long(1), &long(claim), b"delta"].concat();
        assert!(decode::<DeltaMessage>(&bytes, &NoRegistry).is_err(), "{claim}");
    }
    // A watermark of so many topics.
    let head = [&[0xC3, 0x01], &print[..], &long(1), &long(9), b"watermark", &long(0), &long(1)].concat();
    for claim in [1 << 20, 1 << 33, 1 << 50, i64::MAX, i64::MIN, -(1 << 40)] {
        let bytes = [&head[..], &long(claim), &long(1), b"aaaaaaaa"].concat();
        assert!(decode::<DeltaMessage>(&bytes, &NoRegistry).is_err(), "{claim}");
    }
}

#[test]
fn a_writers_schema_without_end_or_without_bytes_is_no_trap() {
    let endless = r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#;
    let deep = [&[0, 0, 0, 0, 7][..], &[2; 100_000]].concat();
    assert!(decode::<DriftEvent>(&deep, &Registry::of(endless)).is_err());
    let free = r#"{"type":"record","name":"F","fields":[
        {"name":"schema_version","type":{"type":"array","items":"null"}},
        {"name":"more","type":{"type":"array","items":"null"}}]}"#;
    let many = [&[0, 0, 0, 0, 7][..], &long(i64::MAX), &long(0), &long(i64::MAX), &long(0)].concat();
    assert!(decode::<DriftEvent>(&many, &Registry::of(free)).is_err());
}

#[test]
fn what_is_no_record_at_all_is_refused() {
    for bytes in [&b""[..], b"[]", b"null", &[0], &[0, 0, 0, 0], &[0xC3], &[0xC3, 1, 2], &[1; 40]] {
        assert!(decode::<DriftEvent>(bytes, &NoRegistry).is_err(), "{bytes:?}");
    }
}
