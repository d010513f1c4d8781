//! A writer's schema, made flat: what stands in a record's bytes, by number.
//!
//! Names are resolved here once, so that the walk follows numbers. A schema may contain itself.

use crate::error::{Error, Result};
use apache_avro::Schema;
use apache_avro::rabin::Rabin;
use apache_avro::schema::{InnerDecimalSchema, NamespaceRef, UuidSchema};
use std::collections::HashMap;

/// A schema that records were written with, ready for decoding.
#[derive(Debug)]
pub struct WriterSchema {
    pub(crate) shapes: Vec<Shape>,
    pub(crate) root: usize,
    fingerprint: u64,
    /// That of a form that writes `{"type":"long"}` for a logical type where the specification wants
    /// `"long"`; Avro's Rust library names schemas by it.
    verbose_fingerprint: u64,
}

/// What the bytes of a value are. Numbers point into [`WriterSchema::shapes`].
#[derive(Debug)]
pub(crate) enum Shape {
    Null,
    Boolean,
    Integer,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Enum(Vec<String>),
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    Record {
        fields: Vec<(String, usize)>,
        no_bytes: bool,
    },
    /// Days since the epoch.
    Date,
    /// An instant or a time of day, in this many units to a millisecond.
    Instant {
        units: i64,
    },
    TimeOfDay {
        units: i64,
    },
    /// Big-endian two's complement, to be divided by ten to the scale.
    Decimal {
        size: Option<usize>,
        scale: usize,
    },
    BigDecimal,
    /// The sixteen bytes of a UUID, with a length before them or not.
    Uuid {
        size: Option<usize>,
    },
}

impl WriterSchema {
    /// Parses an Avro schema.
    pub fn parse(text: &str) -> Result<WriterSchema> {
        WriterSchema::parse_with_references(text, &[])
    }

    /// Parses an Avro schema that uses types which `references` define, in any order.
    pub fn parse_with_references(text: &str, references: &[&str]) -> Result<WriterSchema> {
        let unreadable = |error| Error::input(format!("not an Avro schema: {error}"));
        let (schema, others) = Schema::parse_str_with_list(text, references).map_err(unreadable)?;
        let whole = schema.independent_canonical_form(&others).map_err(unreadable)?;
        let print = |schema: &Schema| {
            let print = schema.fingerprint::<Rabin>();
            print.bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
        };
        let fingerprint = print(&Schema::parse_str(&whole).map_err(unreadable)?);
        let verbose_fingerprint = print(&schema);
        let mut compiler = Compiler { shapes: Vec::new(), named: HashMap::new(), others: &others };
        let root = compiler.compile(&schema, None)?;
        let mut shapes = compiler.shapes;
        mark_without_bytes(&mut shapes);
        Ok(WriterSchema { shapes, root, fingerprint, verbose_fingerprint })
    }

    /// The CRC-64-AVRO fingerprint of the schema's canonical form, by which single-object encoding
    /// names it.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Whether a record that names `fingerprint` was written with this schema.
    pub fn is_named_by(&self, fingerprint: u64) -> bool {
        [self.fingerprint, self.verbose_fingerprint].contains(&fingerprint)
    }

    /// Whether values of a shape take no bytes, so that any number of them stands in no space.
    pub(crate) fn has_no_bytes(&self, shape: usize) -> bool {
        no_bytes(&self.shapes, shape)
    }
}

struct Compiler<'s> {
    shapes: Vec<Shape>,
    named: HashMap<String, usize>,
    others: &'s [Schema],
}

impl<'s> Compiler<'s> {
    fn compile(&mut self, schema: &'s Schema, namespace: NamespaceRef<'s>) -> Result<usize> {
        let full_name = schema.name().map(|name| name.fullname(namespace));
        if let Some(name) = &full_name
            && let Some(at) = self.named.get(name)
        {
            return Ok(*at);
        }
        if let (Schema::Ref { .. }, Some(name)) = (schema, &full_name) {
            let others = self.others;
            let defined = others.iter().find(|other| other.name().is_some_and(|n| n.fullname(None) == *name));
            let defined = defined.ok_or_else(|| {
                Error::input(format!("the Avro schema uses `{name}`, which is not defined"))
            })?;
            return self.compile(defined, None);
        }
        // Taken before what is inside is compiled, so that a type can contain itself.
        let at = self.shapes.len();
        self.shapes.push(Shape::Null);
        if let Some(name) = full_name {
            self.named.insert(name, at);
        }
        self.shapes[at] = self.shape(schema, namespace)?;
        Ok(at)
    }

    fn shape(&mut self, schema: &'s Schema, namespace: NamespaceRef<'s>) -> Result<Shape> {
        Ok(match schema {
            Schema::Null | Schema::Ref { .. } => Shape::Null,
            Schema::Boolean => Shape::Boolean,
            Schema::Int | Schema::Long => Shape::Integer,
            Schema::Float => Shape::Float,
            Schema::Double => Shape::Double,
            Schema::Bytes => Shape::Bytes,
            Schema::String | Schema::Uuid(UuidSchema::String) => Shape::Text,
            Schema::Fixed(fixed) | Schema::Duration(fixed) => Shape::Fixed(fixed.size),
            Schema::Enum(names) => Shape::Enum(names.symbols.clone()),
            Schema::Array(array) => Shape::Array(self.compile(&array.items, namespace)?),
            Schema::Map(map) => Shape::Map(self.compile(&map.types, namespace)?),
            Schema::Union(union) => {
                let branches: Result<_> =
                    union.variants().iter().map(|branch| self.compile(branch, namespace)).collect();
                Shape::Union(branches?)
            }
            Schema::Record(record) => {
                let inner = record.name.namespace().or(namespace);
                let fields: Result<_> = record
                    .fields
                    .iter()
                    .map(|field| Ok((field.name.clone(), self.compile(&field.schema, inner)?)))
                    .collect();
                Shape::Record { fields: fields?, no_bytes: false }
            }
            Schema::Date => Shape::Date,
            Schema::TimeMillis => Shape::TimeOfDay { units: 1 },
            Schema::TimeMicros => Shape::TimeOfDay { units: 1000 },
            Schema::TimestampMillis | Schema::LocalTimestampMillis => Shape::Instant { units: 1 },
            Schema::TimestampMicros | Schema::LocalTimestampMicros => Shape::Instant { units: 1000 },
            Schema::TimestampNanos | Schema::LocalTimestampNanos => Shape::Instant { units: 1_000_000 },
            Schema::Decimal(decimal) => {
                let size = match &decimal.inner {
                    InnerDecimalSchema::Bytes => None,
                    InnerDecimalSchema::Fixed(fixed) => Some(fixed.size),
                };
                Shape::Decimal { size, scale: decimal.scale }
            }
            Schema::BigDecimal => Shape::BigDecimal,
            Schema::Uuid(UuidSchema::Bytes) => Shape::Uuid { size: None },
            Schema::Uuid(UuidSchema::Fixed(fixed)) => Shape::Uuid { size: Some(fixed.size) },
        })
    }
}

/// Finds the records of which no field takes a byte. Repeats until no more are found, since records
/// may contain records; each round but the last finds one.
fn mark_without_bytes(shapes: &mut [Shape]) {
    loop {
        let found: Vec<usize> = (0..shapes.len())
            .filter(|at| match &shapes[*at] {
                Shape::Record { fields, no_bytes: false } => {
                    fields.iter().all(|field| no_bytes(shapes, field.1))
                }
                _ => false,
            })
            .collect();
        if found.is_empty() {
            return;
        }
        for at in found {
            if let Shape::Record { no_bytes, .. } = &mut shapes[at] {
                *no_bytes = true;
            }
        }
    }
}

fn no_bytes(shapes: &[Shape], at: usize) -> bool {
    match &shapes[at] {
        Shape::Null | Shape::Fixed(0) => true,
        Shape::Record { no_bytes, .. } => *no_bytes,
        Shape::Decimal { size, .. } | Shape::Uuid { size } => *size == Some(0),
        _ => false,
    }
}
