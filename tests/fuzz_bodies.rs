//! The fuzz targets' bodies over seeded mutations of good events: what fuzzing finds by the billion,
//! each build tries some ten thousand of.

#[path = "../fuzz/bodies.rs"]
mod bodies;

use apache_avro::Schema;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Bytes that mean something to one of the decoders.
const TELLING: &[u8] = b"{}[]\",:\\/-+.eE019tfn u\x00\x01\x02\x7f\x80\xff";

/// Overwrites, inserts, removes, repeats or cuts, one to four times.
fn mutated(seed: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..=bytes.len());
        let end = (at + rng.random_range(0..12)).min(bytes.len());
        let byte = if rng.random() { TELLING[rng.random_range(0..TELLING.len())] } else { rng.random() };
        match rng.random_range(0..5) {
            0 if at < bytes.len() => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            _ if rng.random_ratio(1, 8) => bytes.truncate(at),
            _ => {}
        }
    }
    bytes
}

#[test]
fn mutated_json_decodes_to_what_survives_a_round_trip_or_is_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for seed in bodies::SEEDS {
        bodies::json_event(seed.as_bytes());
        for _ in 0..3000 {
            bodies::json_event(&mutated(seed.as_bytes(), &mut rng));
        }
    }
}

#[test]
fn mutated_avro_decodes_to_what_the_library_reads_or_is_refused() {
    let some = |branch, value| Avro::Union(branch, Box::new(value));
    let tree = Avro::Record(vec![("next".into(), some(0, Avro::Null))]);
    let rows =
        [("a".to_owned(), some(2, Avro::Double(1.0))), ("b".to_owned(), some(1, Avro::Bytes(vec![0, 1])))];
    let features = [
        ("x".to_owned(), some(1, Avro::Double(0.5))),
        ("y".to_owned(), some(3, Avro::String("text".into()))),
        ("z".to_owned(), some(0, Avro::Null)),
        ("prediction".to_owned(), some(2, Avro::Boolean(true))),
    ];
    let value = Avro::Record(vec![
        ("id".into(), some(1, Avro::String("i".into()))),
        ("model".into(), Avro::String("m".into())),
        ("version".into(), some(1, Avro::Long(-3))),
        ("rows".into(), Avro::Array(vec![Avro::Map(rows.into_iter().collect())])),
        ("tree".into(), some(1, tree)),
        ("time".into(), Avro::TimestampMillis(1_700_000_000_000)),
        ("features".into(), Avro::Map(features.into_iter().collect())),
        ("prediction".into(), some(1, Avro::Float(0.25))),
    ]);
    let schema = Schema::parse_str(bodies::SCHEMA).unwrap();
    let seed = GenericDatumWriter::builder(&schema).build().unwrap().write_value_to_vec(value).unwrap();
    bodies::avro_event(&seed);
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..20_000 {
        bodies::avro_event(&mutated(&seed, &mut rng));
    }
}
