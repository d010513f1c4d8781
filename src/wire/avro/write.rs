//! A serde serializer that writes what a schema says, and refuses what it does not.

use super::Misfit;
use crate::event::{Shape, WriterSchema};
use serde::ser::{Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

type Written = Result<(), Misfit>;

/// Writes `value` behind what `out` holds. On an error `out` holds a part of it.
pub(in crate::wire) fn write<T: Serialize + ?Sized>(
    schema: &WriterSchema,
    value: &T,
    out: &mut Vec<u8>,
) -> Written {
    value.serialize(Writer { schema, shape: &schema.shapes[schema.root], out })
}

/// Writes one value of one shape.
struct Writer<'a> {
    schema: &'a WriterSchema,
    shape: &'a Shape,
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    fn refuse<T>(&self, value: &str) -> Result<T, Misfit> {
        Err(Misfit(format!("{value} where the schema has {:?}", self.shape)))
    }

    #[inline]
    fn integer(self, number: i64) -> Written {
        match self.shape {
            Shape::Integer | Shape::Instant { units: 1 } => {
                long(self.out, number);
                Ok(())
            }
            _ => self.refuse("an integer"),
        }
    }

    fn text(self, text: &str) -> Written {
        match self.shape {
            Shape::Text => {
                long(self.out, text.len() as i64);
                self.out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            _ => self.refuse("text"),
        }
    }

    /// The positions of null and of the other branch in a union of these two.
    fn optional(&self) -> Result<(usize, usize, &'a Shape), Misfit> {
        if let Shape::Union(branches) = self.shape
            && let [first, second] = branches[..]
        {
            match (&self.schema.shapes[first], &self.schema.shapes[second]) {
                (Shape::Null, Shape::Null) => {}
                (Shape::Null, other) => return Ok((0, 1, other)),
                (other, Shape::Null) => return Ok((1, 0, other)),
                _ => {}
            }
        }
        self.refuse("what may be null")
    }

    fn block(self, len: Option<usize>, items: usize) -> Result<Block<'a>, Misfit> {
        let Some(len) = len else { return self.refuse("a list of unknown length") };
        if len > 0 {
            long(self.out, len as i64);
        }
        Ok(Block { schema: self.schema, items: &self.schema.shapes[items], left: len, out: self.out })
    }
}

/// A zig-zag variable-length integer.
#[inline]
fn long(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    // Most are small.
    if rest < 0x80 {
        return out.push(rest as u8);
    }
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Misfit;
    type SerializeSeq = Block<'a>;
    type SerializeMap = Block<'a>;
    type SerializeStruct = Fields<'a>;
    type SerializeTuple = Impossible<(), Misfit>;
    type SerializeTupleStruct = Impossible<(), Misfit>;
    type SerializeTupleVariant = Impossible<(), Misfit>;
    type SerializeStructVariant = Impossible<(), Misfit>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, v: bool) -> Written {
        match self.shape {
            Shape::Boolean => {
                self.out.push(u8::from(v));
                Ok(())
            }
            _ => self.refuse("a boolean"),
        }
    }

    fn serialize_i8(self, v: i8) -> Written {
        self.integer(v.into())
    }

    fn serialize_i16(self, v: i16) -> Written {
        self.integer(v.into())
    }

    fn serialize_i32(self, v: i32) -> Written {
        self.integer(v.into())
    }

    fn serialize_i64(self, v: i64) -> Written {
        self.integer(v)
    }

    fn serialize_u8(self, v: u8) -> Written {
        self.integer(v.into())
    }

    fn serialize_u16(self, v: u16) -> Written {
        self.integer(v.into())
    }

    /// The schemas have `int` for these, which holds 31 bits of them.
    #[inline]
    fn serialize_u32(self, v: u32) -> Written {
        match i32::try_from(v) {
            Ok(number) => self.integer(number.into()),
            Err(_) => self.refuse("a number of more than 31 bits"),
        }
    }

    #[inline]
    fn serialize_u64(self, v: u64) -> Written {
        match i64::try_from(v) {
            Ok(number) => self.integer(number),
            Err(_) => self.refuse("a number of more than 63 bits"),
        }
    }

    fn serialize_f32(self, v: f32) -> Written {
        self.serialize_f64(v.into())
    }

    #[inline]
    fn serialize_f64(self, v: f64) -> Written {
        match self.shape {
            Shape::Double => {
                self.out.extend_from_slice(&v.to_le_bytes());
                Ok(())
            }
            _ => self.refuse("a number"),
        }
    }

    fn serialize_char(self, v: char) -> Written {
        self.text(v.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, v: &str) -> Written {
        self.text(v)
    }

    fn serialize_bytes(self, _: &[u8]) -> Written {
        self.refuse("bytes")
    }

    fn serialize_none(self) -> Written {
        let (null, _, _) = self.optional()?;
        long(self.out, null as i64);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        let (_, branch, shape) = self.optional()?;
        long(self.out, branch as i64);
        value.serialize(Writer { shape, ..self })
    }

    fn serialize_unit(self) -> Written {
        self.refuse("nothing")
    }

    fn serialize_unit_struct(self, name: &'static str) -> Written {
        self.refuse(name)
    }

    /// Enums are open: they are written as strings.
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Written {
        self.refuse(name)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Block<'a>, Misfit> {
        match self.shape {
            Shape::Array(items) => self.block(len, *items),
            _ => self.refuse("a list"),
        }
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Block<'a>, Misfit> {
        match self.shape {
            Shape::Map(values) => self.block(len, *values),
            _ => self.refuse("a map"),
        }
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields<'a>, Misfit> {
        match self.shape {
            Shape::Record { fields, .. } => {
                Ok(Fields { schema: self.schema, left: fields.iter(), out: self.out })
            }
            _ => self.refuse(name),
        }
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Misfit> {
        self.refuse("a tuple")
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Misfit> {
        self.refuse(name)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Misfit> {
        self.refuse(name)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Misfit> {
        self.refuse(name)
    }
}

/// The one block of an array or map, closed by an empty one.
struct Block<'a> {
    schema: &'a WriterSchema,
    items: &'a Shape,
    left: usize,
    out: &'a mut Vec<u8>,
}

impl Block<'_> {
    #[inline]
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        let left = self.left.checked_sub(1);
        self.left = left.ok_or_else(|| Misfit("more items than were announced".into()))?;
        value.serialize(Writer { schema: self.schema, shape: self.items, out: self.out })
    }

    fn close(self) -> Written {
        if self.left > 0 {
            return Err(Misfit("fewer items than were announced".into()));
        }
        long(self.out, 0);
        Ok(())
    }
}

impl SerializeSeq for Block<'_> {
    type Ok = ();
    type Error = Misfit;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.item(value)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl SerializeMap for Block<'_> {
    type Ok = ();
    type Error = Misfit;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        key.serialize(Writer { schema: self.schema, shape: &Shape::Text, out: self.out })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.item(value)
    }

    fn end(self) -> Written {
        self.close()
    }
}

/// The fields of a record, in the order of its schema.
struct Fields<'a> {
    schema: &'a WriterSchema,
    left: std::slice::Iter<'a, (String, usize)>,
    out: &'a mut Vec<u8>,
}

impl SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = Misfit;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Written {
        match self.left.next() {
            Some((name, shape)) if name == key => {
                let shape = &self.schema.shapes[*shape];
                let writer = Writer { schema: self.schema, shape, out: self.out };
                value.serialize(writer).map_err(|misfit| misfit.within(key))
            }
            Some((name, _)) => Err(Misfit(format!("`{key}` where the schema has `{name}`"))),
            None => Err(Misfit(format!("`{key}` after the schema's last field"))),
        }
    }

    fn end(mut self) -> Written {
        match self.left.next() {
            Some((name, _)) => Err(Misfit(format!("without `{name}`, which the schema has"))),
            None => Ok(()),
        }
    }
}
