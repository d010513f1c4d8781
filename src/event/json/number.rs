//! The nearest double of a JSON number, straight from its digits.
//!
//! Eight bytes are looked at together and eight digits become an integer with three multiplications
//! (D. Lemire, "Number parsing at a gigabyte per second", 2021, section 3); the integer is scaled by a
//! power of ten of which the first 64 bits are known. Where these bits leave open how to round, about
//! one number in 500, and for numbers of more than 19 digits or with an exponent, the standard library
//! reads the text.

/// Most digits that fit an integer of 64 bits.
const DIGITS_MAX: usize = 19;
/// Powers of five up to this one have 63 bits at most.
const FIVES_MAX: usize = 27;

/// Reciprocals of 5^f: `floor(2^(63 + b) / 5^f)` with b the bits of 5^f, so that each has 64 bits;
/// and the exponent that goes with it in [`scaled`].
static FIFTHS: [(u64, u32); FIVES_MAX + 1] = {
    let mut fifths = [(0, 0); FIVES_MAX + 1];
    let mut f = 1;
    while f <= FIVES_MAX {
        let five = 5u128.pow(f as u32);
        let bits = u128::BITS - five.leading_zeros();
        fifths[f] = (((1u128 << (63 + bits)) / five) as u64, 1086 - bits - f as u32);
        f += 1;
    }
    fifths
};

/// Reads the JSON number that starts at `start`: its nearest double, infinite beyond the range, and
/// where it ends. `None` where no JSON number starts.
#[inline(always)]
pub(super) fn number(bytes: &[u8], start: usize) -> Option<(f64, usize)> {
    quick(bytes, start).or_else(|| careful(bytes, start))
}

/// Reads the JSON number that starts at `start` where it is an integer of at most 18 digits.
#[inline]
pub(super) fn integer(bytes: &[u8], start: usize) -> Option<(i64, usize)> {
    let is_negative = bytes.get(start) == Some(&b'-');
    let first = start + usize::from(is_negative);
    let (digits, end) = digits(bytes, first, 0)?;
    let is_sound = end == first + 1 || (end > first && bytes[first] != b'0');
    if !is_sound || end - first >= DIGITS_MAX || matches!(bytes.get(end), Some(b'.' | b'e' | b'E')) {
        return None;
    }
    Some((if is_negative { -(digits as i64) } else { digits as i64 }, end))
}

/// Reads the usual number.
#[inline(always)]
fn quick(bytes: &[u8], start: usize) -> Option<(f64, usize)> {
    let is_negative = bytes.get(start) == Some(&b'-');
    let first = start + usize::from(is_negative);
    let window = Window::at(bytes, first)?;
    let whole = window.digits();
    let (number, places, end);
    if let Some(places_within) = window.places(whole) {
        number = window.without_point(whole, places_within);
        (places, end) = (places_within, first + whole + 1 + places_within);
    } else {
        let (integer, point) = digits(bytes, first, 0)?;
        if bytes.get(point) == Some(&b'.') {
            (number, end) = digits(bytes, point + 1, integer)?;
            places = end - point - 1;
        } else {
            (number, end, places) = (integer, point, 0);
        }
        if end == point + 1 || end - first - usize::from(places > 0) > DIGITS_MAX {
            return None;
        }
    }
    let has_leading_zero = window.first() == 0 && whole != 1;
    if whole == 0 || has_leading_zero || matches!(bytes.get(end), Some(b'e' | b'E')) {
        return None;
    }
    let bits = match places {
        _ if number == 0 => 0,
        0 => (number as f64).to_bits(),
        1..=FIVES_MAX => scaled(number, places)?,
        _ => return None,
    };
    Some((f64::from_bits(bits | u64::from(is_negative) << 63), end))
}

/// Appends the digits from `at` on to `number` (wrapping), and says where they end.
#[inline(always)]
fn digits(bytes: &[u8], mut at: usize, mut number: u64) -> Option<(u64, usize)> {
    const TENS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    loop {
        let window = Window::at(bytes, at)?;
        let count = window.digits();
        if count < 8 {
            return Some((number.wrapping_mul(TENS[count]).wrapping_add(window.number(count)), at + count));
        }
        number = number.wrapping_mul(100_000_000).wrapping_add(eight(window.values));
        at += 8;
    }
}

/// Eight bytes, the first in the lowest place, of which digits are their values.
#[derive(Clone, Copy)]
struct Window {
    values: u64,
    /// The highest bit of each byte that is no digit. Beyond the first such byte a carry may lie.
    others: u64,
}

impl Window {
    #[inline(always)]
    fn at(bytes: &[u8], at: usize) -> Option<Window> {
        let rest = bytes.get(at..)?;
        let chunk = rest.first_chunk().copied().unwrap_or_else(|| padded(rest));
        let values = u64::from_le_bytes(chunk) ^ 0x3030_3030_3030_3030;
        let others = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
        Some(Window { values, others })
    }

    fn first(self) -> u8 {
        self.values as u8
    }

    /// How many digits it starts with.
    #[inline(always)]
    fn digits(self) -> usize {
        self.others.trailing_zeros() as usize / 8
    }

    /// How many digits follow a point that follows `whole` digits, where something else follows them.
    #[inline(always)]
    fn places(self, whole: usize) -> Option<usize> {
        let rest = self.others & self.others.wrapping_sub(1);
        let end = rest.trailing_zeros() as usize / 8;
        let is_point = whole < 8 && (self.values >> (8 * whole)) as u8 == b'.' ^ b'0';
        (is_point && end < 8 && end > whole + 1).then(|| end - whole - 1)
    }

    /// The number of its first `count` digits, fewer than eight.
    #[inline(always)]
    fn number(self, count: usize) -> u64 {
        // In two steps, since none may be of 64 bits.
        eight((self.values << 8) << (56 - 8 * count))
    }

    /// The number of `whole` digits and `places` after them, with a point in between.
    #[inline(always)]
    fn without_point(self, whole: usize, places: usize) -> u64 {
        let before = self.values & ((1 << (8 * whole)) - 1);
        let after = (self.values >> (8 * whole) >> 8) << (8 * whole);
        eight((before | after) << (64 - 8 * (whole + places)))
    }
}

/// Fewer than eight bytes, and zeros, which are no digits.
#[cold]
fn padded(rest: &[u8]) -> [u8; 8] {
    let mut padded = [0; 8];
    padded[..rest.len()].copy_from_slice(rest);
    padded
}

/// The number of eight digit values, the first in the lowest byte: pairs, then fours, then all.
#[inline(always)]
fn eight(values: u64) -> u64 {
    const FIRST_OF_FOUR: u64 = 0x0000_00ff_0000_00ff;
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    let high = (pairs & FIRST_OF_FOUR).wrapping_mul(100 + (1_000_000 << 32));
    let low = (pairs >> 16 & FIRST_OF_FOUR).wrapping_mul(1 + (10_000 << 32));
    high.wrapping_add(low) >> 32
}

/// The double nearest to `number / 10^places`, in bits, where it is told quickly.
///
/// The product with the reciprocal, cut to 64 bits, is less than the true value by under two units.
/// Shifted to the left so that its first bit is set, by under four; so its last eleven bits tell how
/// to round, unless they are just below the half.
#[inline(always)]
fn scaled(number: u64, places: usize) -> Option<u64> {
    const HALF: u64 = 1 << 10;
    let (fifth, exponent) = FIFTHS[places];
    let shift = number.leading_zeros();
    let product = ((u128::from(number << shift) * u128::from(fifth)) >> 64) as u64;
    let again = product.leading_zeros();
    let product = product << again;
    let rest = product % (2 * HALF);
    if (HALF - 4..HALF).contains(&rest) {
        return None;
    }
    // The first bit of the mantissa adds one to the exponent's field, and so does a carry.
    Some((u64::from(exponent - shift - again) << 52) + (product >> 11) + rest / HALF)
}

/// Reads any number.
#[cold]
fn careful(bytes: &[u8], start: usize) -> Option<(f64, usize)> {
    let count = |at: usize| bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let first = start + usize::from(bytes.get(start) == Some(&b'-'));
    let mut end = first + count(first);
    if end == first || (bytes[first] == b'0' && end > first + 1) {
        return None;
    }
    if bytes.get(end) == Some(&b'.') {
        let places = count(end + 1);
        end += 1 + places;
        (places > 0).then_some(())?;
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        end += 1 + usize::from(matches!(bytes.get(end + 1), Some(b'-' | b'+')));
        let places = count(end);
        end += places;
        (places > 0).then_some(())?;
    }
    let text = std::str::from_utf8(&bytes[start..end]).ok()?;
    Some((text.parse().ok()?, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str) {
        let found = number(format!("[{text}]").as_bytes(), 1);
        let wanted: f64 = text.parse().unwrap();
        assert_eq!(
            found.map(|(number, end)| (number.to_bits(), end)),
            Some((wanted.to_bits(), 1 + text.len())),
            "{text}"
        );
        let long = format!("{text},12345678");
        assert_eq!(
            number(long.as_bytes(), 0).map(|(number, _)| number.to_bits()),
            Some(wanted.to_bits()),
            "{text}"
        );
    }

    #[test]
    fn halves_and_ends_of_the_range_are_rounded_as_the_standard_library_does() {
        for text in [
            "0",
            "-0",
            "-0.0",
            "0.5",
            "1.5",
            "0.1",
            "0.30000000000000004",
            "9007199254740993",
            "9007199254740993.0",
            "9007199254740992.5",
            "4503599627370497.5",
            "4503599627370496.5",
            "9999999999999999999",
            "99999999999999999999",
            "18446744073709551616",
            "1e22",
            "1e23",
            "8.5e22",
            "1e308",
            "1e309",
            "-1e400",
            "5e-324",
            "2e-324",
            "2.2250738585072011e-308",
            "1e-27",
            "1e-28",
            "0.0000000000000000000000000001",
            "123456789012345678901234567890.5",
            "1E+2",
            "1e-2",
            "1.0e5",
            "100000000.00000001",
        ] {
            check(text);
        }
    }

    #[test]
    fn what_is_no_json_number_is_none() {
        for text in
            ["", "-", "+1", ".5", "1.", "1.e5", "01", "-01", "1e", "1e+", "Infinity", "NaN", "-x", "0x10"]
        {
            let read = number(format!("{text},").as_bytes(), 0);
            assert!(read.is_none_or(|(_, end)| end < text.len()), "{text}: {read:?}");
        }
        assert_eq!(integer(b"-12,       ", 0), Some((-12, 3)));
        assert_eq!(integer(b"1700000000123,    ", 0), Some((1_700_000_000_123, 13)));
        for text in ["1.5", "1e5", "01", "1234567890123456789", "x", "-"] {
            assert_eq!(integer(format!("{text},        ").as_bytes(), 0), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_number_is_the_one_that_the_standard_library_reads(
            bits in any::<u64>(), digits in any::<u64>(), shift in 0u32..64, places in 0usize..30, tens in -40i32..40,
        ) {
            let digits = digits >> shift;
            let double = f64::from_bits(bits);
            if double.is_finite() {
                check(&format!("{double:?}"));
                check(&format!("{double}"));
            }
            check(&format!("{digits}"));
            check(&format!("-{}.{digits:0places$}", digits % 1000));
            check(&format!("{}.{digits:0places$}e{tens}", digits % 10));
            check(&format!("{:?}", digits as f64 / 1e6));
        }
    }
}
