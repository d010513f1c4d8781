//! Numbers as bytes that this process wrote itself: what is read was checked before it was written.

/// Writes `number` seven bits a byte, the lowest first (LEB128).
pub(super) fn write_number(number: u64, bytes: &mut Vec<u8>) {
    let mut rest = number;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// Writes all bits of `number`.
pub(super) fn write_float(number: f64, bytes: &mut Vec<u8>) {
    bytes.extend(number.to_le_bytes());
}

/// Reads what was written, from the front.
pub(super) struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Reader(bytes)
    }

    /// A number of [`write_number`].
    pub fn number(&mut self) -> u64 {
        // Most are a byte or two.
        match self.0 {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.0 = rest;
                u64::from(*byte)
            }
            [low, high, rest @ ..] if *high < 0x80 => {
                self.0 = rest;
                u64::from(low & 0x7f) | u64::from(*high) << 7
            }
            _ => self.long_number(),
        }
    }

    #[cold]
    fn long_number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let [byte] = self.array();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
            shift += 7;
        }
    }

    /// A number of [`write_float`].
    pub fn float(&mut self) -> f64 {
        f64::from_le_bytes(self.array())
    }

    /// The next bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let (array, rest) = self.0.split_first_chunk().expect("what was written whole is read whole");
        self.0 = rest;
        *array
    }

    /// As many of the next bytes.
    pub fn take(&mut self, count: usize) -> &'b [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }
}
