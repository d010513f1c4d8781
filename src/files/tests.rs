//! What text tables read as, from files that the tests write themselves.

use super::*;
use crate::error::ErrorKind;
use crate::event::Value;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;

/// A file in a folder that goes with it.
pub(super) struct Fixture {
    _folder: TempDir,
    pub(super) path: PathBuf,
}

pub(super) fn file(name: &str, bytes: impl AsRef<[u8]>) -> Fixture {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    Fixture { _folder: folder, path }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn rows_of(mut table: Table) -> Result<Vec<Row>> {
    let mut row = Row::new();
    let mut rows = Vec::new();
    while table.next_row(&mut row)? {
        rows.push(row.clone());
    }
    Ok(rows)
}

fn read(name: &str, bytes: impl AsRef<[u8]>) -> Result<Vec<Row>> {
    let file = file(name, bytes);
    rows_of(open(&file.path, None)?)
}

/// The error of reading a file, without the folder that it is in.
fn error_of(name: &str, bytes: impl AsRef<[u8]>) -> (ErrorKind, String) {
    let file = file(name, bytes);
    let error = open(&file.path, None).and_then(rows_of).expect_err("this must not be readable");
    (error.kind(), error.to_string().replace(file.path.to_str().unwrap(), name))
}

fn values(row: &Row) -> Vec<Value<'_>> {
    row.fields.iter().map(|(_, value)| value.clone()).collect()
}

fn literal(text: &str) -> Value<'_> {
    Value::Literal(text.into())
}

#[test]
fn csv_fields_are_literals_and_empty_ones_are_missing() {
    let rows = read("a.csv", "x,y,z\n1,,b\n\"\",\" 2.50 \",\"a \"\"b\"\",\n c\"\n").unwrap();
    assert_eq!(rows[0].fields[0], ("x".into(), literal("1")));
    assert_eq!(values(&rows[0]), [literal("1"), Value::Missing, literal("b")]);
    assert_eq!(values(&rows[1]), [Value::Missing, literal(" 2.50 "), literal("a \"b\",\n c")]);
    assert_eq!((rows[0].number, rows[1].number, rows.len()), (0, 1, 2));
    assert_eq!(rows[0].get("z"), Some(&literal("b")));
    assert_eq!(rows[0].get("w"), None);
}

#[test]
fn csv_may_have_a_byte_order_mark_windows_line_ends_and_no_last_line_end() {
    let rows = read("a.csv", "\u{feff}\"x\",y\r\n1,2\r\n\r\n3,é").unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].get("x"), Some(&literal("1")));
    assert_eq!(values(&rows[1]), [literal("3"), literal("é")]);
    assert_eq!(values(&read("a.tsv", "x\ty\n1,5\t2\n").unwrap()[0]), [literal("1,5"), literal("2")]);
}

#[test]
fn a_header_names_each_column_once() {
    let (kind, text) = error_of("a.csv", "x,y,x\n");
    assert_eq!(kind, ErrorKind::Input);
    assert_eq!(text, "two columns are named `x` (a.csv:1); rename one of them");
    assert!(error_of("a.csv", "x,,y\n").1.starts_with("column 2 has no name (a.csv:1)"));
    assert!(error_of("a.csv", "").1.starts_with("the file is empty (a.csv:1)"));
    assert_eq!(read("a.csv", "x,y\n").unwrap(), []);
}

#[test]
fn a_csv_row_with_too_few_or_too_many_fields_is_an_error_that_names_the_line() {
    let (kind, text) = error_of("a.csv", "x,y\n1,2\n\"3\n\",4\n5\n");
    assert_eq!(kind, ErrorKind::Input);
    assert!(text.starts_with("1 field where the header names 2 columns (a.csv:5); a field that"), "{text}");
    for (text, line) in [
        ("x,y\r\n\r\n1,2,3\r\n", 3),
        ("x,y\r\n1,2\r\n1,2,3", 3),
        ("x,y\n\n\n1,2,3", 4),
        ("x,y\n1,2\n1,\"2\n\n\",3\n", 3),
    ] {
        let place = format!("3 fields where the header names 2 columns (a.csv:{line})");
        let (_, error) = error_of("a.csv", text);
        assert!(error.contains(&place), "{text:?} gave {error}");
    }
}

#[test]
fn csv_text_that_is_not_utf_8_is_an_error_that_names_line_and_column() {
    let (kind, text) = error_of("a.csv", b"x,city\n1,Bonn\n2,K\xf6ln\n");
    assert_eq!(kind, ErrorKind::Input);
    assert!(text.starts_with("the text of column `city` is not UTF-8 (a.csv:3)"), "{text}");
}

#[test]
fn a_quote_that_is_never_closed_does_not_draw_the_whole_file_into_memory() {
    let file = file("a.csv", "x,y\n1,\"2\n");
    let long = std::fs::OpenOptions::new().append(true).open(&file.path).unwrap();
    long.set_len(2 * MAX_RECORD_BYTES).unwrap();
    let error = open(&file.path, None).and_then(rows_of).unwrap_err();
    assert!(error.to_string().starts_with("a record is longer than 64 MiB"), "{error}");
    assert!(error.to_string().contains("a.csv:2"), "{error}");
}

#[test]
fn a_quote_that_is_never_closed_is_an_error_where_the_file_ends_too() {
    let (kind, error) = error_of("a.csv", "x,y\n1,2\n3,\"4\n5,6\n7,8\n");
    assert_eq!(kind, ErrorKind::Input);
    assert!(
        error.starts_with("a quote is never closed: all lines from here on are one field (a.csv:3)"),
        "{error}"
    );
    assert_eq!(read("a.csv", "x,y\n1,2\n3,4\" pipe\n").unwrap().len(), 2);
    assert_eq!(read("a.csv", "x,y\n1,2\n3,\"4\n5\"\n").unwrap().len(), 2);
}

#[test]
fn json_lines_keep_their_types_and_blank_lines_do_not_count() {
    let text = "\u{feff}{\"a\":1.5,\"b\":\"x\",\"c\":true,\"d\":null,\"e\":[1,{}],\"f\":{\"g\":1}}\n\n  \r\n\
                {\"b\":\"q\\\"\\u00e9\",\"a\":1e999,\"n\\n\":-0.0}";
    let rows = read("a.jsonl", text).unwrap();
    let expected = [
        Value::Number(1.5),
        Value::Text("x".into()),
        Value::Bool(true),
        Value::Missing,
        Value::Other,
        Value::Other,
    ];
    assert_eq!(values(&rows[0]), expected);
    assert_eq!(
        values(&rows[1]),
        [Value::Text("q\"é".into()), Value::Number(f64::INFINITY), Value::Number(-0.0)]
    );
    assert_eq!((&*rows[1].fields[2].0, rows[1].number, rows.len()), ("n\n", 1, 2));
    assert_eq!(read("a.ndjson", "").unwrap(), []);
}

#[test]
fn a_line_that_is_not_a_json_object_is_an_error_with_line_and_column() {
    for (text, place, what) in [
        ("{\"a\":1}\n\n{\"a\":}\n", "a.jsonl:3:6", "expected value"),
        ("[1,2]\n", "a.jsonl:1:", "invalid type: sequence, expected a JSON object"),
        ("{\"a\":1} x\n", "a.jsonl:1:9", "trailing characters"),
        ("{\"a\":1", "a.jsonl:1:6", "EOF"),
        ("{\"a\":1}\n{\"a\":1,\"b\":2,\"a\":3}\n", "a.jsonl:2:", "the name `a` comes twice"),
        ("{\"a\":\"\\ud800\"}\n", "a.jsonl:1:", "hex escape"),
    ] {
        let (kind, error) = error_of("a.jsonl", text);
        assert_eq!(kind, ErrorKind::Input);
        assert!(error.contains(&format!("({place}")) && error.contains(what), "{text} gave {error}");
    }
    assert!(error_of("a.jsonl", b"{\"a\":\"\xff\"}\n").1.contains("(a.jsonl:1:"));
}

#[test]
fn gzip_is_read_by_name_or_by_its_first_bytes_and_in_several_members() {
    let mut members = gzip(b"x\n1\n");
    members.extend(gzip(b"2\n"));
    assert_eq!(read("a.csv.gz", &members).unwrap().len(), 2);
    assert_eq!(read("a.csv", &members).unwrap().len(), 2);
    assert_eq!(read("a.jsonl.gz", gzip(b"{\"x\":1}\n")).unwrap().len(), 1);
}

#[test]
fn gzip_that_is_cut_off_or_damaged_is_a_file_error() {
    let text: String = (0..5000).map(|row| format!("{row},{}\n", row * 7919 % 1000)).collect();
    let whole = gzip(format!("x,y\n{text}").as_bytes());
    let (kind, error) = error_of("a.csv.gz", &whole[..whole.len() / 2]);
    assert_eq!(kind, ErrorKind::File);
    assert!(error.starts_with("the gzip data end in the middle (a.csv.gz:"), "{error}");
    let mut damaged = whole.clone();
    let trailer = damaged.len() - 6;
    damaged[trailer] ^= 0xff;
    assert!(error_of("a.csv.gz", &damaged).1.starts_with("the gzip data are damaged"));
    assert_eq!(error_of("a.csv.gz", "x\n1\n").0, ErrorKind::File);
}

#[test]
fn a_range_of_rows_keeps_the_numbers_of_the_file() {
    let text = "x\n0\n1\n2\n3\n";
    let file = file("a.csv", text);
    let numbers = |range: std::ops::Range<u64>| {
        let rows = rows_of(open(&file.path, None).unwrap().take(range));
        rows.map(|rows| rows.iter().map(|row| row.number).collect::<Vec<_>>())
    };
    assert_eq!(numbers(1..3), Ok(vec![1, 2]));
    assert_eq!(numbers(2..u64::MAX), Ok(vec![2, 3]));
    assert_eq!(numbers(4..9), Ok(vec![]));
    assert!(
        numbers(5..9).unwrap_err().to_string().starts_with("rows from 5 are wanted but there are only 4")
    );
    let lines = read("a.jsonl", "{\"x\":0}\n{\"x\":1}\n").unwrap();
    assert_eq!(lines[1].number, 1);
}

#[test]
fn one_row_can_be_read_into_by_tables_of_other_columns() {
    let mut row = Row::new();
    for (name, text, fields) in
        [("a.csv", "x,y\n1,2\n", "xy"), ("b.jsonl", "{\"z\":1}\n", "z"), ("c.csv", "u,y,v\n1,2,3\n", "uyv")]
    {
        let file = file(name, text);
        assert!(open(&file.path, None).unwrap().next_row(&mut row).unwrap());
        assert_eq!(row.fields.iter().map(|(name, _)| &**name).collect::<String>(), fields);
    }
    assert_eq!(values(&row), [literal("1"), literal("2"), literal("3")]);
}

#[test]
fn the_time_of_a_row_comes_from_a_column_or_from_its_place_in_the_range() {
    let file = file("a.csv", "t,x\n2026-03-04 10:00,1\n1772618460,2\nsoon,3\n");
    let mut table = open(&file.path, None).unwrap().take(1..3);
    let column = "t".parse().unwrap();
    let mut row = Row::new();
    assert!(table.next_row(&mut row).unwrap());
    assert_eq!(table.time_of(&row, &column), Ok(Time::parse("2026-03-04T10:01:00Z").unwrap()));
    assert_eq!(table.time_of(&row, &TimeColumn::RowNumber), Ok(Time::EPOCH));
    assert!(table.next_row(&mut row).unwrap());
    assert_eq!(table.time_of(&row, &"row".parse().unwrap()), Ok(Time::from_ms(1000)));
    let error = table.time_of(&row, &column).unwrap_err().to_string();
    assert!(error.starts_with("row 2: column `t` is not a time: \"soon\" ("), "{error}");
    assert!(error.contains("a.csv:4)"), "{error}");
    let error = table.time_of(&row, &"T".parse().unwrap()).unwrap_err().to_string();
    assert!(error.contains("no column `T`") && error.contains("did you mean `t`?"), "{error}");
}

#[test]
fn columns_are_known_ahead_where_the_file_says_them() {
    let csv = file("a.csv", "x,y\n");
    let columns = open(&csv.path, None).unwrap().columns().map(|columns| columns.join(" "));
    assert_eq!(columns.as_deref(), Some("x y"));
    let json = file("a.txt", "{\"x\":1}\n");
    assert_eq!(open(&json.path, Some(Format::JsonLines)).unwrap().columns(), None);
}

#[test]
fn progress_ends_at_the_bytes_of_the_file_as_they_are_stored() {
    let text: String = (0..100_000).map(|row| format!("{row}\n")).collect();
    let bytes = gzip(format!("x\n{text}").as_bytes());
    let file = file("a.csv.gz", &bytes);
    let mut table = open(&file.path, None).unwrap();
    let total = bytes.len() as u64;
    let mut row = Row::new();
    assert!(table.next_row(&mut row).unwrap());
    let start = table.progress();
    assert_eq!(start.bytes_total, Some(total));
    assert!(start.bytes_read > 0 && start.bytes_read < total, "{start:?}");
    while table.next_row(&mut row).unwrap() {}
    assert_eq!(table.progress(), Progress { bytes_read: total, bytes_total: Some(total) });
}

#[test]
fn what_can_not_be_opened_says_why() {
    let kind = |path: &str, format| open(path, format).err().map(|error| error.kind());
    assert_eq!(kind("nowhere/a.csv", None), Some(ErrorKind::File));
    assert_eq!(kind("src", Some(Format::Csv)), Some(ErrorKind::File));
    assert_eq!(kind("a.xlsx", None), Some(ErrorKind::Usage));
    assert_eq!(kind("-", None), Some(ErrorKind::Usage));
    assert_eq!(kind("-", Some(Format::Parquet)), Some(ErrorKind::Usage));
}
