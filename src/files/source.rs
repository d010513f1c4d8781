//! The bytes under a table: from a file or standard input, unzipped, counted, and with a limit on
//! the length of a record.

use super::Progress;
use crate::error::{Error, Result};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest record (a line of JSON, a record of CSV) that is read; a longer one is an error, so
/// that a quote that is never closed does not draw the whole file into memory.
pub const MAX_RECORD_BYTES: u64 = 64 << 20;

const BUFFER_BYTES: usize = 64 << 10;

/// The bytes of a table, the last line always with a line end. The reader above it says with [`Source::start_record`] where records start.
pub(super) struct Source {
    name: String,
    bytes: Box<dyn Read + Send>,
    zipped: bool,
    left_in_record: u64,
    /// What ends the last line, where it has no end of its own.
    line_end: u8,
    last_byte: u8,
    quotes: u64,
    bytes_read: Arc<AtomicU64>,
    bytes_total: Option<u64>,
}

impl Source {
    /// The bytes of the file at `path`; `name` is what errors call it.
    pub(super) fn file(path: &Path, name: &str) -> Result<Source> {
        let (file, bytes_total) = open_file(path, name)?;
        let named_gz = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        Source::new(file, bytes_total, name, named_gz)
    }

    /// The bytes of standard input.
    pub(super) fn stdin(name: &str) -> Result<Source> {
        Source::new(io::stdin(), None, name, false)
    }

    fn new(
        bytes: impl Read + Send + 'static,
        bytes_total: Option<u64>,
        name: &str,
        named_gz: bool,
    ) -> Result<Source> {
        let bytes_read = Arc::new(AtomicU64::new(0));
        let counted = Counted { bytes, bytes_read: Arc::clone(&bytes_read) };
        let mut buffered = BufReader::with_capacity(BUFFER_BYTES, counted);
        let start = buffered.fill_buf().map_err(|error| cannot_read(&error).at(name))?;
        let zipped = named_gz || start.starts_with(&[0x1f, 0x8b]);
        let bytes: Box<dyn Read + Send> =
            if zipped { Box::new(MultiGzDecoder::new(buffered)) } else { Box::new(buffered) };
        Ok(Source {
            name: name.to_owned(),
            bytes,
            zipped,
            left_in_record: MAX_RECORD_BYTES,
            line_end: b'\n',
            last_byte: b'\n',
            quotes: 0,
            bytes_read,
            bytes_total,
        })
    }

    /// What errors call the file.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Says that a record starts about here: readers look ahead by a buffer, no more.
    pub(super) fn start_record(&mut self) {
        self.left_in_record = MAX_RECORD_BYTES;
    }

    /// Says that the lines of this file end with a carriage return first.
    pub(super) fn ends_lines_with_return(&mut self) {
        self.line_end = b'\r';
    }

    /// How many double quotes there were.
    pub(super) fn quotes(&self) -> u64 {
        self.quotes
    }

    /// How much has been read.
    pub(super) fn progress(&self) -> Progress {
        Progress { bytes_read: self.bytes_read.load(Ordering::Relaxed), bytes_total: self.bytes_total }
    }

    /// What a failed read means to a person; `place` is the file with the line.
    pub(super) fn explain(&self, error: &io::Error, place: String) -> Error {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match error.kind() {
            io::ErrorKind::FileTooLarge => {
                Error::input(format!("a record is longer than {} MiB", MAX_RECORD_BYTES >> 20))
                    .at(place)
                    .hint("is there a quote that is never closed, or is this another format?")
            }
            UnexpectedEof if self.zipped => Error::file("the gzip data end in the middle")
                .at(place)
                .hint("the file is cut off: copy or write it again"),
            InvalidData | InvalidInput if self.zipped => {
                Error::file(format!("the gzip data are damaged ({error})"))
                    .at(place)
                    .hint("if the file is not gzip, take .gz from its name; else copy or write it again")
            }
            _ => cannot_read(error).at(place),
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left_in_record == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let wanted = usize::try_from(self.left_in_record).map_or(buffer.len(), |left| left.min(buffer.len()));
        let mut read = self.bytes.read(&mut buffer[..wanted])?;
        if read == 0 && wanted > 0 && !matches!(self.last_byte, b'\n' | b'\r') {
            buffer[0] = self.line_end;
            read = 1;
        }
        if let Some(last) = buffer[..read].last() {
            self.last_byte = *last;
        }
        self.quotes += buffer[..read].iter().filter(|byte| **byte == b'"').count() as u64;
        self.left_in_record -= read as u64;
        Ok(read)
    }
}

/// Opens a file and says how long it is, where that is known.
pub(super) fn open_file(path: &Path, name: &str) -> Result<(File, Option<u64>)> {
    let cannot_open = |error: io::Error| Error::file(format!("cannot open the file: {error}")).at(name);
    let file = File::open(path).map_err(cannot_open)?;
    let metadata = file.metadata().map_err(cannot_open)?;
    if metadata.is_dir() {
        return Err(Error::file("this is a folder, not a file").at(name));
    }
    Ok((file, metadata.is_file().then_some(metadata.len())))
}

fn cannot_read(error: &io::Error) -> Error {
    Error::file(format!("cannot read: {error}"))
}

/// Counts the bytes as they leave the file.
struct Counted<R> {
    bytes: R,
    bytes_read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.bytes_read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
