//! The formats of tables, and which one a file's name stands for.

use crate::error::{Error, Result};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// How a table is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Fields divided by commas, with a header line.
    Csv,
    /// Fields divided by tabs, with a header line.
    Tsv,
    /// A JSON object on each line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The format that the file's name stands for: `.csv`, `.tsv`, `.jsonl`, `.ndjson` (each also
    /// with `.gz` behind it) or `.parquet`, in small letters or capitals.
    ///
    /// # Errors
    /// `Usage` where the name ends in none of these.
    pub fn of_path(path: &Path) -> Result<Format> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let plain = name.strip_suffix(".gz").unwrap_or(&name);
        match plain.rsplit_once('.').map(|(_, extension)| extension) {
            Some("csv") => Ok(Format::Csv),
            Some("tsv") => Ok(Format::Tsv),
            Some("jsonl" | "ndjson") => Ok(Format::JsonLines),
            Some("parquet") if plain == name => Ok(Format::Parquet),
            _ => Err(Error::usage("the name of the file does not tell its format").at(path.display()).hint(
                "name it .csv, .tsv, .jsonl or .ndjson (or one of these with .gz) or .parquet, \
                     or say it with --input-format",
            )),
        }
    }

    /// What divides the fields of a line, for formats that have such a thing.
    pub(super) fn delimiter(self) -> Option<u8> {
        match self {
            Format::Csv => Some(b','),
            Format::Tsv => Some(b'\t'),
            Format::JsonLines | Format::Parquet => None,
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "csv" => Ok(Format::Csv),
            "tsv" => Ok(Format::Tsv),
            "jsonl" | "ndjson" => Ok(Format::JsonLines),
            "parquet" => Ok(Format::Parquet),
            _ => Err(format!("not a format: {text:?} (csv, tsv, jsonl or parquet)")),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Csv => "csv",
            Format::Tsv => "tsv",
            Format::JsonLines => "jsonl",
            Format::Parquet => "parquet",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_tells_its_format() {
        for (name, format) in [
            ("a.csv", Format::Csv),
            ("dir.parquet/A.CSV.GZ", Format::Csv),
            ("a.tsv.gz", Format::Tsv),
            ("a.b.jsonl", Format::JsonLines),
            ("a.ndjson.gz", Format::JsonLines),
            ("a.parquet", Format::Parquet),
        ] {
            assert_eq!(Format::of_path(Path::new(name)).ok(), Some(format), "{name}");
        }
        for name in ["a", "a.txt", "csv", "a.gz", "a.parquet.gz", "a.csv/", ".."] {
            let format = Format::of_path(Path::new(name)).ok();
            assert_eq!(format, (name == "a.csv/").then_some(Format::Csv), "{name}");
        }
    }

    #[test]
    fn formats_read_as_they_print() {
        for format in [Format::Csv, Format::Tsv, Format::JsonLines, Format::Parquet] {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert!("xlsx".parse::<Format>().is_err());
    }
}
