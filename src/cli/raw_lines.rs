//! The lines of a file or of standard input as bytes, unzipped: records that a decoder reads.

use crate::error::{Error, Result};
use crate::files::{MAX_RECORD_BYTES, Progress};
use flate2::bufread::MultiGzDecoder;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

/// Lines, one after the other, in memory that does not grow with the file.
pub(super) struct RawLines {
    name: String,
    bytes: Box<dyn BufRead>,
    bytes_read: Rc<Cell<u64>>,
    bytes_total: Option<u64>,
    line: Vec<u8>,
    /// Lines read, blank ones too.
    lines: u64,
}

impl RawLines {
    /// Opens the file at `path`; `-` is standard input. Gzip is recognised by its first bytes.
    ///
    /// # Errors
    /// `File`: it can't be read.
    pub fn open(path: &Path) -> Result<RawLines> {
        let stdin = path.as_os_str() == "-";
        let name = if stdin { "standard input".to_owned() } else { path.display().to_string() };
        let failed = |error: io::Error| Error::file(format!("cannot open the file: {error}")).at(&name);
        let (bytes, bytes_total): (Box<dyn Read>, _) = if stdin {
            (Box::new(io::stdin().lock()), None)
        } else {
            let file = File::open(path).map_err(failed)?;
            let length = file.metadata().map_err(failed)?.len();
            (Box::new(file), Some(length))
        };
        let bytes_read = Rc::new(Cell::new(0));
        let mut plain = BufReader::new(Counted { bytes, count: Rc::clone(&bytes_read) });
        let zipped = plain.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
        let bytes: Box<dyn BufRead> =
            if zipped { Box::new(BufReader::new(MultiGzDecoder::new(plain))) } else { Box::new(plain) };
        Ok(RawLines { name, bytes, bytes_read, bytes_total, line: Vec::new(), lines: 0 })
    }

    /// Goes to the next line that is not blank; `false` at the end.
    ///
    /// # Errors
    /// `File`: it can't be read on; `Input`: the line is too long.
    pub fn advance(&mut self) -> Result<bool> {
        loop {
            self.line.clear();
            let mut limited = (&mut *self.bytes).take(MAX_RECORD_BYTES);
            let read = limited.read_until(b'\n', &mut self.line).map_err(|error| {
                Error::file(format!("cannot read: {error}")).at(format!("{}:{}", self.name, self.lines + 1))
            })?;
            if read == 0 {
                return Ok(false);
            }
            self.lines += 1;
            if read as u64 == MAX_RECORD_BYTES {
                let what = format!("a line is longer than {} MiB", MAX_RECORD_BYTES >> 20);
                return Err(Error::input(what).at(self.place()));
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    /// The line.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// The file and the line's number.
    pub fn place(&self) -> String {
        format!("{}:{}", self.name, self.lines)
    }

    /// How far the file has been read.
    pub fn progress(&self) -> Progress {
        Progress { bytes_read: self.bytes_read.get(), bytes_total: self.bytes_total }
    }
}

/// Counts bytes as they leave the file.
struct Counted<R> {
    bytes: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}
