//! A serde deserializer over the bytes of a record and the schema that they were written with.
//!
//! The bytes are read as those of events are ([`Input`]), which bounds what a record's claims cost by its
//! own size; nesting is held against [`MAX_DEPTH`].

use super::Misfit;
use crate::event::{BadRecord, Input, Shape, WriterSchema};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// Deepest nesting that is followed; ours is less than half of it.
const MAX_DEPTH: usize = 32;

/// The record that `bytes` hold, from the first to the last.
pub(in crate::wire) fn read<T: DeserializeOwned>(schema: &WriterSchema, bytes: &[u8]) -> Result<T, Misfit> {
    let mut reader = Input { schema, bytes, at: 0 };
    let record = T::deserialize(Place { shape: schema.root, depth: 0, reader: &mut reader })?;
    match bytes.len() - reader.at {
        0 => Ok(record),
        more => Err(Misfit(format!("{more} bytes after the record's end"))),
    }
}

impl From<BadRecord> for Misfit {
    fn from(bad: BadRecord) -> Self {
        Misfit(bad.message)
    }
}

fn check(depth: usize) -> Result<(), Misfit> {
    if depth > MAX_DEPTH { Err(Misfit(format!("more than {MAX_DEPTH} levels deep"))) } else { Ok(()) }
}

/// One value that is about to be read.
struct Place<'a, 'de> {
    shape: usize,
    depth: usize,
    reader: &'a mut Input<'de>,
}

impl<'de> Place<'_, 'de> {
    fn shape(&self) -> &'de Shape {
        &self.reader.schema.shapes[self.shape]
    }

    /// A number, of which lists have many.
    #[inline]
    fn number<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.shape() {
            Shape::Integer => visitor.visit_i64(self.reader.long()?),
            Shape::Double => visitor.visit_f64(f64::from_le_bytes(self.reader.array()?)),
            _ => self.deserialize_any(visitor),
        }
    }

    /// The branch that was written, as the place to read.
    fn written(self, branches: &[usize]) -> Result<Self, Misfit> {
        check(self.depth)?;
        let shape = self.reader.branch(branches)?;
        Ok(Place { shape, depth: self.depth + 1, reader: self.reader })
    }
}

impl<'de> Deserializer<'de> for Place<'_, 'de> {
    type Error = Misfit;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        check(self.depth)?;
        let (schema, depth, shape) = (self.reader.schema, self.depth + 1, self.shape());
        match shape {
            Shape::Null => visitor.visit_unit(),
            Shape::Boolean => visitor.visit_bool(self.reader.boolean()?),
            Shape::Integer | Shape::Date => visitor.visit_i64(self.reader.long()?),
            Shape::Instant { units } => visitor.visit_i64(self.reader.long()?.div_euclid(*units)),
            Shape::Float => visitor.visit_f64(f32::from_le_bytes(self.reader.array()?).into()),
            Shape::Double => visitor.visit_f64(f64::from_le_bytes(self.reader.array()?)),
            Shape::Text => visitor.visit_borrowed_str(self.reader.text()?),
            Shape::Enum(symbols) => visitor.visit_str(self.reader.symbol(symbols)?),
            Shape::Bytes => visitor.visit_borrowed_bytes(self.reader.sized(None)?),
            Shape::Union(branches) => self.written(branches)?.deserialize_any(visitor),
            Shape::Array(items) if schema.has_no_bytes(*items) => {
                Err(Misfit("an array of items without bytes".into()))
            }
            Shape::Array(items) => {
                let left = self.reader.block(false)?;
                visitor.visit_seq(Block { items: *items, left, depth, reader: self.reader })
            }
            Shape::Map(values) => {
                let left = self.reader.block(false)?;
                visitor.visit_map(Block { items: *values, left, depth, reader: self.reader })
            }
            Shape::Record { fields, .. } => {
                visitor.visit_map(Fields { left: fields.iter(), next: None, depth, reader: self.reader })
            }
            Shape::Fixed(_)
            | Shape::TimeOfDay { .. }
            | Shape::Decimal { .. }
            | Shape::BigDecimal
            | Shape::Uuid { .. } => Err(Misfit(format!("no field of ours is {shape:?}"))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.shape() {
            Shape::Null => visitor.visit_none(),
            Shape::Union(branches) => {
                let written = self.written(branches)?;
                match written.shape() {
                    Shape::Null => visitor.visit_none(),
                    _ => visitor.visit_some(written),
                }
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.shape() {
            Shape::Text => visitor.visit_enum(self.reader.text()?.into_deserializer()),
            Shape::Enum(symbols) => visitor.visit_enum(self.reader.symbol(symbols)?.into_deserializer()),
            Shape::Union(branches) => self.written(branches)?.deserialize_enum(name, variants, visitor),
            shape => Err(Misfit(format!("{shape:?} where a {name} is wanted"))),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.reader.skip(self.shape, self.depth)?;
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.number(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u128 f32 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct identifier
    }
}

/// The items of an array or map, block by block.
struct Block<'a, 'de> {
    items: usize,
    left: u64,
    depth: usize,
    reader: &'a mut Input<'de>,
}

impl<'de> Block<'_, 'de> {
    #[inline]
    fn item<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Misfit> {
        let item =
            seed.deserialize(Place { shape: self.items, depth: self.depth, reader: &mut *self.reader })?;
        self.left -= 1;
        if self.left == 0 {
            self.left = self.reader.block(false)?;
        }
        Ok(item)
    }
}

impl<'de> SeqAccess<'de> for Block<'_, 'de> {
    type Error = Misfit;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        if self.left == 0 { Ok(None) } else { self.item(seed).map(Some) }
    }

    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.left).ok()
    }
}

impl<'de> MapAccess<'de> for Block<'_, 'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        if self.left == 0 {
            return Ok(None);
        }
        let key = self.reader.text()?;
        seed.deserialize(serde::de::value::BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        self.item(seed)
    }
}

/// The fields of a record, in the order of the writer's schema.
struct Fields<'a, 'de> {
    left: std::slice::Iter<'de, (String, usize)>,
    next: Option<&'de (String, usize)>,
    depth: usize,
    reader: &'a mut Input<'de>,
}

impl<'de> MapAccess<'de> for Fields<'_, 'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        self.next = self.left.next();
        let name = |(name, _): &(String, usize)| seed.deserialize(name.as_str().into_deserializer());
        self.next.map(name).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let (name, shape) = self.next.take().ok_or_else(|| Misfit("a value without its name".into()))?;
        seed.deserialize(Place { shape: *shape, depth: self.depth, reader: &mut *self.reader })
            .map_err(|misfit| misfit.within(name))
    }
}
