//! Numbers as bytes that this process wrote itself: what is read was checked before it was written.

/// The bits of eight bytes that say that a number goes on.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Writes `number` seven bits a byte, the lowest first (LEB128).
pub(super) fn write_number(number: u64, bytes: &mut Vec<u8>) {
    let mut rest = number;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// Writes `numbers`, one after another.
pub(super) fn write_numbers(numbers: &[u64], bytes: &mut Vec<u8>) {
    let (chunks, rest) = numbers.as_chunks::<8>();
    for chunk in chunks {
        // Most counts are below 128, a byte each.
        match chunk.iter().fold(0, |all, number| all | number) {
            0..0x80 => bytes.extend(chunk.map(|number| number as u8)),
            _ => chunk.iter().for_each(|number| write_number(*number, bytes)),
        }
    }
    rest.iter().for_each(|number| write_number(*number, bytes));
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

    /// Applies as many numbers as `places` has to them, each to its own.
    pub fn numbers(&mut self, places: &mut [u64], apply: impl Fn(&mut u64, u64)) {
        let mut at = 0;
        while at < places.len() {
            // Eight that are a byte each go at once.
            match (self.0.split_first_chunk::<8>(), places[at..].first_chunk_mut::<8>()) {
                (Some((small, rest)), Some(places)) if u64::from_le_bytes(*small) & HIGH_BITS == 0 => {
                    places.iter_mut().zip(small).for_each(|(place, byte)| apply(place, u64::from(*byte)));
                    self.0 = rest;
                    at += 8;
                }
                _ => {
                    apply(&mut places[at], self.number());
                    at += 1;
                }
            }
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
