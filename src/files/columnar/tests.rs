//! What Parquet columns read as, from files that the tests write themselves.

use crate::error::ErrorKind;
use crate::event::Value;
use crate::files::tests::{Fixture, file, rows_of};
use crate::files::{Progress, Row, TimeColumn, open};
use crate::words::Time;
use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    FloatType, Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::sync::Arc;

type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

/// A Parquet file of `groups` row groups, each written by `write`.
fn parquet(schema: &str, groups: usize, write: impl Fn(usize, &mut Group<'_>)) -> Fixture {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for number in 0..groups {
        let mut group = writer.next_row_group().unwrap();
        write(number, &mut group);
        group.close().unwrap();
    }
    file("a.parquet", writer.into_inner().unwrap())
}

fn column<T: DataType>(
    group: &mut Group<'_>,
    values: &[T::T],
    levels: Option<&[i16]>,
    repeats: Option<&[i16]>,
) {
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(values, levels, repeats).unwrap();
    column.close().unwrap();
}

fn text(text: &str) -> ByteArray {
    ByteArray::from(text)
}

fn numbers(row: &Row) -> Vec<f64> {
    let number = |value: &Value<'_>| match value {
        Value::Number(number) => *number,
        other => panic!("not a number: {other:?}"),
    };
    row.fields.iter().map(|(_, value)| number(value)).collect()
}

#[test]
fn parquet_values_keep_their_types_and_nulls_are_missing() {
    let schema = "message m { required boolean b; optional int32 i; required int64 l; optional float f;
        required double d; optional byte_array s (UTF8); required byte_array e (ENUM); required byte_array raw; }";
    let file = parquet(schema, 1, |_, group| {
        column::<BoolType>(group, &[true, false], None, None);
        column::<Int32Type>(group, &[-7], Some(&[0, 1]), None);
        column::<Int64Type>(group, &[1 << 40, -1], None, None);
        column::<FloatType>(group, &[0.5], Some(&[1, 0]), None);
        column::<DoubleType>(group, &[f64::NAN, 0.1], None, None);
        column::<ByteArrayType>(group, &[text("héllo")], Some(&[1, 0]), None);
        column::<ByteArrayType>(group, &[text("A"), text("B")], None, None);
        column::<ByteArrayType>(group, &[text("x"), text("y")], None, None);
    });
    let table = open(&file.path, None).unwrap();
    assert_eq!(table.columns().unwrap().join(" "), "b i l f d s e raw");
    let rows = rows_of(table).unwrap();
    let row = &rows[0];
    assert_eq!(row.get("b"), Some(&Value::Bool(true)));
    assert_eq!(row.get("i"), Some(&Value::Missing));
    assert_eq!(row.get("l"), Some(&Value::Number((1u64 << 40) as f64)));
    assert_eq!(row.get("f"), Some(&Value::Number(0.5)));
    assert!(matches!(row.get("d"), Some(Value::Number(number)) if number.is_nan()));
    assert_eq!(row.get("s"), Some(&Value::Text("héllo".into())));
    assert_eq!(row.get("e"), Some(&Value::Text("A".into())));
    assert_eq!(row.get("raw"), Some(&Value::Other));
    let row = &rows[1];
    assert_eq!(row.get("i"), Some(&Value::Number(-7.0)));
    assert_eq!((row.get("f"), row.get("s")), (Some(&Value::Missing), Some(&Value::Missing)));
    assert_eq!((row.number, rows.len()), (1, 2));
}

#[test]
fn unsigned_and_decimal_columns_are_the_numbers_they_mean() {
    let schema = "message m { required int32 u (INTEGER(32,false)); required int64 v (UINT_64);
        required int32 a (DECIMAL(9,2)); required int64 b (DECIMAL(18,4));
        required byte_array c (DECIMAL(20,2)); required fixed_len_byte_array(2) d (DECIMAL(4,1)); }";
    let file = parquet(schema, 1, |_, group| {
        column::<Int32Type>(group, &[-1], None, None);
        column::<Int64Type>(group, &[-1], None, None);
        column::<Int32Type>(group, &[-12345], None, None);
        column::<Int64Type>(group, &[1], None, None);
        column::<ByteArrayType>(group, &[ByteArray::from(vec![0xfb, 0x2e])], None, None);
        let bytes = FixedLenByteArray::from(vec![0x04, 0xd2]);
        column::<FixedLenByteArrayType>(group, &[bytes], None, None);
    });
    let rows = rows_of(open(&file.path, None).unwrap()).unwrap();
    assert_eq!(numbers(&rows[0]), [4_294_967_295.0, u64::MAX as f64, -123.45, 0.0001, -12.34, 123.4]);
}

#[test]
fn points_in_time_of_every_unit_are_epoch_milliseconds_and_times() {
    let schema =
        "message m { required int64 ms (TIMESTAMP(MILLIS,true)); required int64 us (TIMESTAMP_MICROS);
        required int64 ns (TIMESTAMP(NANOS,false)); required int96 old; required int32 day (DATE);
        required int64 seconds; }";
    // 1971-01-01T00:00:01.500Z: early enough that its milliseconds look like seconds.
    let ms = 365 * 86_400_000 + 1500;
    let file = parquet(schema, 1, |_, group| {
        column::<Int64Type>(group, &[ms], None, None);
        column::<Int64Type>(group, &[ms * 1000], None, None);
        column::<Int64Type>(group, &[ms * 1_000_000], None, None);
        let mut old = Int96::new();
        old.set_data(1_500_000_000, 0, 2_440_588 + 365);
        column::<Int96Type>(group, &[old], None, None);
        column::<Int32Type>(group, &[365], None, None);
        column::<Int64Type>(group, &[ms / 1000], None, None);
    });
    let mut table = open(&file.path, None).unwrap();
    let mut row = Row::new();
    assert!(table.next_row(&mut row).unwrap());
    assert_eq!(numbers(&row)[..4], [ms as f64; 4]);
    for (name, expected) in
        [("ms", ms), ("us", ms), ("ns", ms), ("old", ms), ("day", ms - 1500), ("seconds", ms - 500)]
    {
        let column = TimeColumn::Field(name.into());
        assert_eq!(table.time_of(&row, &column), Ok(Time::from_ms(expected)), "{name}");
    }
}

#[test]
fn nested_columns_are_there_but_no_feature_can_be_made_of_them() {
    let schema = "message m { optional group g { required int32 a; required int32 b; } required int32 x;
        optional group l (LIST) { repeated group list { optional int32 element; } } repeated int32 r; }";
    let file = parquet(schema, 1, |_, group| {
        column::<Int32Type>(group, &[1, 2], Some(&[1, 1]), None);
        column::<Int32Type>(group, &[1, 2], Some(&[1, 1]), None);
        column::<Int32Type>(group, &[10, 20], None, None);
        column::<Int32Type>(group, &[1, 2, 3], Some(&[3, 3, 3]), Some(&[0, 1, 0]));
        column::<Int32Type>(group, &[1, 2, 3], Some(&[1, 1, 1]), Some(&[0, 1, 0]));
    });
    let rows = rows_of(open(&file.path, None).unwrap()).unwrap();
    assert_eq!(rows.len(), 2);
    for (row, x) in rows.iter().zip([10.0, 20.0]) {
        let names: Vec<&str> = row.fields.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["g", "x", "l", "r"]);
        assert_eq!(row.get("x"), Some(&Value::Number(x)));
        assert!(["g", "l", "r"].iter().all(|name| row.get(name) == Some(&Value::Other)));
    }
}

/// 3 row groups of 2,500 rows, none a whole number of batches; `n` counts on, `s` is its text, and
/// every third is null.
fn counting() -> Fixture {
    parquet("message m { required int64 n; optional byte_array s (UTF8); }", 3, |group_number, group| {
        let rows = group_number as i64 * 2500..(group_number as i64 + 1) * 2500;
        column::<Int64Type>(group, &rows.clone().collect::<Vec<_>>(), None, None);
        let levels: Vec<i16> = rows.clone().map(|row| i16::from(row % 3 != 0)).collect();
        let texts: Vec<_> = rows.filter(|row| row % 3 != 0).map(|row| text(&row.to_string())).collect();
        column::<ByteArrayType>(group, &texts, Some(&levels), None);
    })
}

#[test]
fn rows_come_in_order_over_batches_and_row_groups_and_ranges_pass_over_them() {
    let file = counting();
    for range in [0..u64::MAX, 0..1, 1000..1050, 2499..2501, 2500..5001, 7499..9999, 7500..9999] {
        let rows = rows_of(open(&file.path, None).unwrap().take(range.clone())).unwrap();
        let expected: Vec<u64> = (range.start..range.end.min(7500)).collect();
        assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), expected, "{range:?}");
        for row in &rows {
            let text = match row.number % 3 {
                0 => Value::Missing,
                _ => Value::Text(row.number.to_string().into()),
            };
            assert_eq!((&row.fields[0].1, &row.fields[1].1), (&Value::Number(row.number as f64), &text));
        }
    }
    let error = rows_of(open(&file.path, None).unwrap().take(7501..u64::MAX)).unwrap_err();
    assert!(error.to_string().contains("there are only 7500"), "{error}");
}

#[test]
fn progress_through_parquet_is_in_proportion_to_the_rows() {
    let file = counting();
    let bytes = std::fs::metadata(&file.path).unwrap().len();
    let mut table = open(&file.path, None).unwrap();
    assert_eq!(table.progress(), Progress { bytes_read: 0, bytes_total: Some(bytes) });
    let mut row = Row::new();
    for _ in 0..3750 {
        assert!(table.next_row(&mut row).unwrap());
    }
    assert_eq!(table.progress().bytes_read, bytes / 2);
    while table.next_row(&mut row).unwrap() {}
    assert_eq!(table.progress().bytes_read, bytes);
}

#[test]
fn a_file_that_is_cut_off_or_not_parquet_is_refused() {
    let whole = std::fs::read(&counting().path).unwrap();
    for bytes in [&whole[..whole.len() / 2], b"x,y\n1,2\n", b""] {
        let file = file("a.parquet", bytes);
        let error = open(&file.path, None).err().expect("this must not open");
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains("is it a Parquet file, and all of it?"), "{error}");
    }
}

#[test]
fn a_damaged_page_is_an_error_that_names_the_column() {
    let file = counting();
    let mut bytes = std::fs::read(&file.path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle - 400..middle].fill(0xff);
    std::fs::write(&file.path, bytes).unwrap();
    let error = open(&file.path, None).and_then(rows_of).unwrap_err().to_string();
    assert!(error.contains("a.parquet: row ") && error.contains("column `"), "{error}");
}
