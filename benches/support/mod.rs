//! Events that the benches read: 25 columns (20 numbers, 5 texts) in about 700 bytes of JSON, or 5
//! columns (4 and 1), each event with values of its own; and the reference that they are counted by.

#![allow(dead_code)] // each bench uses a part

pub mod stages;
pub mod windows;

use apache_avro::Schema;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use driftline::event::{SchemaError, SchemaSource, Value, WriterSchema};
use driftline::measure::sequential::tried;
use driftline::reference::{Activation, BuildOptions, Origin, Profile, ProfileBuilder, References};
use driftline::words::{Kind, Name, Time};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// Event time of the first event.
pub const START_MS: i64 = 1_772_618_400_000;

/// Columns of a kind of event: numbers, texts.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub numbers: usize,
    pub texts: usize,
}

pub const WIDE: Shape = Shape { numbers: 20, texts: 5 };
pub const NARROW: Shape = Shape { numbers: 4, texts: 1 };

/// Rows of the reference.
const REFERENCE_ROWS: usize = 20_000;

/// The name of a model by its number.
pub fn model(number: u64) -> String {
    if number == 0 { "fraud".to_owned() } else { format!("fraud-{number}") }
}

/// One event's values.
pub struct Values {
    pub number: u64,
    pub time_ms: i64,
    pub numbers: Vec<f64>,
    pub texts: Vec<String>,
    pub score: f64,
}

impl Shape {
    pub fn names(self) -> impl Iterator<Item = String> {
        let numbers = (0..self.numbers).map(|i| format!("number_{i:02}"));
        numbers.chain((0..self.texts).map(|i| format!("category_{i}")))
    }

    /// `count` events a millisecond apart.
    pub fn events(self, seed: u64, count: usize) -> impl Iterator<Item = Values> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..count as u64).map(move |number| {
            let value = |i: usize, rng: &mut ChaCha8Rng| {
                let unit: f64 = rng.random();
                match i % 4 {
                    // As a float is printed, an amount in cents, a count, a long tail.
                    0 => unit,
                    1 => (unit * 1e6).round() / 100.0,
                    2 => (unit * unit * 300.0).round(),
                    _ => (1e3 / (unit + 1e-3)).round() / 1e3 - 5.0,
                }
            };
            Values {
                number,
                time_ms: START_MS + number as i64,
                numbers: (0..self.numbers).map(|i| value(i, &mut rng)).collect(),
                texts: (0..self.texts).map(|_| format!("value-{}", rng.random_range(0..20))).collect(),
                score: rng.random(),
            }
        })
    }

    pub fn avro_schema(self) -> String {
        let numbers = (0..self.numbers).map(|i| format!(r#"{{"name":"number_{i:02}","type":"double"}}"#));
        let texts = (0..self.texts).map(|i| format!(r#"{{"name":"category_{i}","type":"string"}}"#));
        let features: Vec<String> = numbers.chain(texts).collect();
        format!(
            r#"{{"type":"record","name":"Event","fields":[{{"name":"id","type":"string"}},
            {{"name":"model","type":"string"}},{{"name":"version","type":"string"}},
            {{"name":"time","type":{{"type":"long","logicalType":"timestamp-millis"}}}},
            {{"name":"features","type":{{"type":"record","name":"Features","fields":[{}]}}}},
            {{"name":"prediction","type":"double"}}]}}"#,
            features.join(",")
        )
    }

    /// The events as Avro, behind a registry's schema id 0.
    pub fn avro(self, seed: u64, count: usize) -> Vec<Vec<u8>> {
        let schema = Schema::parse_str(&self.avro_schema()).expect("the schema is well-formed");
        let writer = GenericDatumWriter::builder(&schema).build().expect("the schema resolves");
        let datum = |values: Values| {
            let names = self.names();
            let numbers = values.numbers.iter().map(|number| Avro::Double(*number));
            let columns = numbers.chain(values.texts.into_iter().map(Avro::String));
            let value = Avro::Record(vec![
                ("id".into(), Avro::String(format!("{:016x}", values.number))),
                ("model".into(), Avro::String("fraud".into())),
                ("version".into(), Avro::String("7".into())),
                ("time".into(), Avro::TimestampMillis(values.time_ms)),
                ("features".into(), Avro::Record(names.zip(columns).collect())),
                ("prediction".into(), Avro::Double(values.score)),
            ]);
            let datum = writer.write_value_to_vec(value).expect("the value is of the schema");
            [&[0; 5][..], &datum].concat()
        };
        self.events(seed, count).map(datum).collect()
    }

    /// The events as JSON.
    pub fn json(self, seed: u64, count: usize) -> Vec<String> {
        self.events(seed, count).map(|values| values.json(self, 1)).collect()
    }

    /// The rows of the reference, as CSV.
    pub fn reference_csv(self) -> String {
        let heading: Vec<String> = self.names().chain(["prediction".to_owned()]).collect();
        let rows = self.events(1, REFERENCE_ROWS).map(|values| {
            let numbers = values.numbers.iter().map(|number| format!("{number:?}"));
            let cells: Vec<String> =
                numbers.chain(values.texts).chain([format!("{:?}", values.score)]).collect();
            cells.join(",")
        });
        [heading.join(",")].into_iter().chain(rows).map(|line| line + "\n").collect()
    }

    /// What events of another seed are like.
    pub fn reference(self) -> Arc<Profile> {
        let kinds = self.names().map(|name| {
            let kind = if name.starts_with("category") { Kind::Categorical } else { Kind::Continuous };
            (Name::from(name), kind)
        });
        let options = BuildOptions { kinds: kinds.collect(), ..BuildOptions::default() };
        let mut builder = ProfileBuilder::new(options);
        let names: Vec<Name> = self.names().chain(["prediction".to_owned()]).map(Name::from).collect();
        for values in self.events(1, REFERENCE_ROWS) {
            let numbers = values.numbers.iter().chain([&values.score]).map(|number| Value::Number(*number));
            let texts = values.texts.iter().map(|text| Value::Text(text.into()));
            let row: Vec<Value<'_>> = {
                let mut numbers: Vec<Value<'_>> = numbers.collect();
                let score = numbers.pop();
                numbers.into_iter().chain(texts).chain(score).collect()
            };
            builder.push(names.iter().zip(&row));
        }
        Arc::new(builder.finish_with(tried).expect("rows and columns are there"))
    }

    /// The reference, in force for the events' model.
    pub fn references(self) -> References {
        let profile = self.reference();
        let mut references = References::default();
        references.activate(activation("fraud".into(), "7", &profile));
        references.add_profile(profile);
        references
    }
}

/// `profile` in force from the beginning.
fn activation(model: Name, version: &str, profile: &Profile) -> Activation {
    Activation {
        schema_version: 1,
        r#type: "reference_activation".into(),
        model,
        version: version.into(),
        effective_from: Time::EPOCH,
        reference_id: profile.id().clone(),
        origin: Origin::Training,
        trigger_id: None,
        actor: "bench".into(),
        reason: None,
        published_at: Time::EPOCH,
    }
}

impl Values {
    /// The event as JSON, of one of so many models.
    pub fn json(&self, shape: Shape, models: u64) -> String {
        let numbers = self.numbers.iter().map(|number| format!("{number:?}"));
        let columns = numbers.chain(self.texts.iter().map(|text| format!("{text:?}")));
        let features: Vec<String> =
            shape.names().zip(columns).map(|(name, value)| format!("{name:?}:{value}")).collect();
        format!(
            r#"{{"id":"{:016x}","model":"{}","version":"7","time":"{}","features":{{{}}},"prediction":{:?}}}"#,
            self.number,
            model(self.number / 4 % models),
            Time::from_ms(self.time_ms),
            features.join(","),
            self.score
        )
    }
}

/// Knows one schema, whatever it is called.
pub struct OneSchema(pub Arc<WriterSchema>);

impl OneSchema {
    pub fn of(shape: Shape) -> Arc<Self> {
        let schema = WriterSchema::parse(&shape.avro_schema()).expect("the schema is well-formed");
        Arc::new(OneSchema(Arc::new(schema)))
    }
}

impl SchemaSource for OneSchema {
    fn by_id(&self, _: u32) -> Result<Arc<WriterSchema>, SchemaError> {
        Ok(self.0.clone())
    }

    fn by_fingerprint(&self, _: u64) -> Result<Arc<WriterSchema>, SchemaError> {
        Ok(self.0.clone())
    }
}
