//! A serde deserializer over the bytes of a record and the schema that they were written with.
//!
//! Text is borrowed from the bytes; a block's count is held against the bytes that are left, and
//! nesting against [`MAX_DEPTH`]. So no claim of a record costs more than its own size.

use super::Misfit;
use crate::event::{Shape, WriterSchema};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// Deepest nesting that is followed; ours is less than half of it.
const MAX_DEPTH: usize = 32;

/// The record that `bytes` hold, from the first to the last.
pub(in crate::wire) fn read<T: DeserializeOwned>(schema: &WriterSchema, bytes: &[u8]) -> Result<T, Misfit> {
    let mut reader = Reader { schema, bytes, at: 0 };
    let record = T::deserialize(Place { shape: schema.root, depth: 0, reader: &mut reader })
        .map_err(|misfit| Misfit(format!("{misfit} (byte {})", reader.at)))?;
    match bytes.len() - reader.at {
        0 => Ok(record),
        more => Err(Misfit(format!("{more} bytes after the record's end"))),
    }
}

struct Reader<'r, 'de> {
    schema: &'r WriterSchema,
    bytes: &'de [u8],
    at: usize,
}

impl<'r, 'de> Reader<'r, 'de> {
    fn take(&mut self, length: usize) -> Result<&'de [u8], Misfit> {
        let taken = self.bytes[self.at..].get(..length);
        let taken = taken.ok_or_else(|| Misfit("the bytes end inside a value".into()))?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Misfit> {
        let bytes = self.take(N)?;
        Ok(*bytes.first_chunk().expect("as many bytes were taken"))
    }

    fn long(&mut self) -> Result<i64, Misfit> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            if shift == 63 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()));
            }
        }
        Err(Misfit("an integer of more than 64 bits".into()))
    }

    /// The bytes of a value of fixed size, or with its length before it.
    fn sized(&mut self, size: Option<usize>) -> Result<&'de [u8], Misfit> {
        let length = match size {
            Some(size) => size,
            None => usize::try_from(self.long()?).map_err(|_| Misfit("a negative length".into()))?,
        };
        self.take(length)
    }

    fn text(&mut self) -> Result<&'de str, Misfit> {
        let bytes = self.sized(None)?;
        std::str::from_utf8(bytes).map_err(|_| Misfit("a string that is not UTF-8".into()))
    }

    fn boolean(&mut self) -> Result<bool, Misfit> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Misfit("a boolean that is neither 0 nor 1".into())),
        }
    }

    /// The branch of a union that was written.
    fn branch(&mut self, branches: &[usize]) -> Result<usize, Misfit> {
        let index = usize::try_from(self.long()?).ok();
        let branch = index.and_then(|index| branches.get(index)).copied();
        branch.ok_or_else(|| Misfit("a union's branch that its schema does not have".into()))
    }

    fn symbol(&mut self, symbols: &'r [String]) -> Result<&'r str, Misfit> {
        let index = usize::try_from(self.long()?).ok();
        let symbol = index.and_then(|index| symbols.get(index));
        symbol.map(String::as_str).ok_or_else(|| Misfit("a symbol that its schema does not have".into()))
    }

    /// The number of items of the next block of an array or map; 0 is the end. Items without bytes
    /// may be any number.
    fn block(&mut self, no_bytes: bool) -> Result<u64, Misfit> {
        let count = self.long()?;
        if count < 0 {
            self.long()?; // the block's length in bytes, for readers that jump over it
        }
        let count = count.unsigned_abs();
        if !no_bytes && count > (self.bytes.len() - self.at) as u64 {
            return Err(Misfit("a block of more items than there are bytes".into()));
        }
        Ok(count)
    }

    /// Passes over a value.
    fn skip(&mut self, shape: usize, depth: usize) -> Result<(), Misfit> {
        check(depth)?;
        let schema = self.schema;
        match &schema.shapes[shape] {
            Shape::Null => {}
            Shape::Boolean => drop(self.take(1)?),
            Shape::Float => drop(self.take(4)?),
            Shape::Double => drop(self.take(8)?),
            Shape::Integer
            | Shape::Enum(_)
            | Shape::Date
            | Shape::Instant { .. }
            | Shape::TimeOfDay { .. } => drop(self.long()?),
            Shape::Bytes | Shape::Text | Shape::BigDecimal => drop(self.sized(None)?),
            Shape::Fixed(size) => drop(self.take(*size)?),
            Shape::Decimal { size, .. } | Shape::Uuid { size } => drop(self.sized(*size)?),
            Shape::Union(branches) => {
                let branch = self.branch(branches)?;
                self.skip(branch, depth + 1)?;
            }
            Shape::Record { fields, .. } => {
                for (_, field) in fields {
                    self.skip(*field, depth + 1)?;
                }
            }
            Shape::Array(items) => self.skip_blocks(*items, false, depth)?,
            Shape::Map(values) => self.skip_blocks(*values, true, depth)?,
        }
        Ok(())
    }

    fn skip_blocks(&mut self, items: usize, keyed: bool, depth: usize) -> Result<(), Misfit> {
        let no_bytes = !keyed && self.schema.has_no_bytes(items);
        loop {
            match self.block(no_bytes)? {
                0 => return Ok(()),
                _ if no_bytes => {}
                count => {
                    for _ in 0..count {
                        if keyed {
                            self.sized(None)?;
                        }
                        self.skip(items, depth + 1)?;
                    }
                }
            }
        }
    }
}

fn check(depth: usize) -> Result<(), Misfit> {
    if depth > MAX_DEPTH { Err(Misfit(format!("more than {MAX_DEPTH} levels deep"))) } else { Ok(()) }
}

/// One value that is about to be read.
struct Place<'a, 'r, 'de> {
    shape: usize,
    depth: usize,
    reader: &'a mut Reader<'r, 'de>,
}

impl<'a, 'r, 'de> Place<'a, 'r, 'de> {
    fn shape(&self) -> &'r Shape {
        &self.reader.schema.shapes[self.shape]
    }

    /// The branch that was written, as the place to read.
    fn written(self, branches: &[usize]) -> Result<Self, Misfit> {
        check(self.depth)?;
        let shape = self.reader.branch(branches)?;
        Ok(Place { shape, depth: self.depth + 1, reader: self.reader })
    }
}

impl<'de> Deserializer<'de> for Place<'_, '_, 'de> {
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

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct identifier
    }
}

/// The items of an array or map, block by block.
struct Block<'a, 'r, 'de> {
    items: usize,
    left: u64,
    depth: usize,
    reader: &'a mut Reader<'r, 'de>,
}

impl<'r, 'de> Block<'_, 'r, 'de> {
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

impl<'de> SeqAccess<'de> for Block<'_, '_, 'de> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        if self.left == 0 { Ok(None) } else { self.item(seed).map(Some) }
    }

    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.left).ok()
    }
}

impl<'de> MapAccess<'de> for Block<'_, '_, 'de> {
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
struct Fields<'a, 'r, 'de> {
    left: std::slice::Iter<'r, (String, usize)>,
    next: Option<&'r (String, usize)>,
    depth: usize,
    reader: &'a mut Reader<'r, 'de>,
}

impl<'de> MapAccess<'de> for Fields<'_, '_, 'de> {
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
