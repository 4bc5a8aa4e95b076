//! Numbers: where they end, and their values.

use super::block;

/// The value of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number<'a> {
    /// An integer that fits an `i64`.
    Int(i64),
    /// An integer above `i64::MAX` that fits a `u64`.
    Uint(u64),
    /// Any other integer, as its text.
    Big(&'a str),
    /// A number with a fraction or an exponent, rounded to the nearest float; infinite if it is out of range.
    Float(f64),
}

impl<'a> Number<'a> {
    /// The number that a text starts with.
    #[inline]
    pub fn parse(text: &'a str) -> Option<Self> {
        read(text, 0).map(|(number, _)| number)
    }
}

/// The number at `start`, and where it ends.
#[inline(always)]
pub(crate) fn read(text: &str, start: usize) -> Option<(Number<'_>, usize)> {
    match Short::at(text.as_bytes(), start) {
        Some(short) => Some((short.value(), start + short.length())),
        None => read_long(text, start),
    }
}

/// Where the number at `start` ends.
#[inline(always)]
pub(crate) fn end(text: &[u8], start: usize) -> Option<usize> {
    match Short::at(text, start) {
        Some(short) => Some(start + short.length()),
        None => long_end(text, start),
    }
}

#[inline(never)]
fn read_long(text: &str, start: usize) -> Option<(Number<'_>, usize)> {
    let bytes = text.as_bytes();
    let end = whole_end(bytes, start)?;
    let digits_follow = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    match bytes.get(end) {
        Some(b'.') if !digits_follow(end + 1) => return None,
        Some(b'.' | b'e' | b'E') => {
            let (value, length) = fast_float2::parse_partial(bytes.get(start..)?).ok()?;
            let end = start + length;
            // `parse_partial` stops in front of an exponent without digits. JSON does not allow one.
            return (!matches!(bytes.get(end), Some(b'e' | b'E'))).then_some((Number::Float(value), end));
        }
        _ => {}
    }
    let number = text.get(start..end)?;
    let value = match number.parse() {
        Ok(value) => Number::Int(value),
        Err(_) => number.parse().map_or(Number::Big(number), Number::Uint),
    };
    Some((value, end))
}

/// Where the integer part of a number ends. `None` if it has no digit, or a leading zero.
#[inline(always)]
fn whole_end(text: &[u8], start: usize) -> Option<usize> {
    let first = start + usize::from(text.get(start) == Some(&b'-'));
    let end = digits_end(text, first)?;
    (end == first + 1 || text.get(first) != Some(&b'0')).then_some(end)
}

/// Where a number of any length ends.
#[inline(never)]
fn long_end(text: &[u8], start: usize) -> Option<usize> {
    let byte = |place: usize| text.get(place).copied().unwrap_or_default();
    let mut at = whole_end(text, start)?;
    if byte(at) == b'.' {
        at = digits_end(text, at + 1)?;
    }
    if let b'e' | b'E' = byte(at) {
        let sign = usize::from(matches!(byte(at + 1), b'+' | b'-'));
        at = digits_end(text, at + 1 + sign)?;
    }
    Some(at)
}

/// Where the run of digits at `start` ends. `None` if there is no digit.
#[inline(always)]
fn digits_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while let Some(block) = text.get(at..)?.first_chunk::<16>() {
        let count = block::digits(block).trailing_ones() as usize;
        at += count;
        if count < block.len() {
            return (at > start).then_some(at);
        }
    }
    at += text.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (at > start).then_some(at)
}

/// XOR with these bytes turns ASCII digits into their values.
const ZEROS: u128 = u128::from_le_bytes([b'0'; 16]);

/// A number without exponent and of at most 15 characters after its sign, as most numbers are. It is read as one block
/// of 16 bytes, so the document must have that many left.
struct Short {
    /// The block after the sign, with digits replaced by their values ([`ZEROS`]).
    bytes: u128,
    /// Digits before the point.
    whole: usize,
    /// Digits after the point.
    fraction: usize,
    negative: bool,
}

impl Short {
    /// The number at `start`, if it has this form.
    ///
    /// There is no loop over the characters: where lengths vary, as in a table of figures, the end of a loop is
    /// mispredicted once per number. Without this type, `Response.json()` of such a table takes 73 µs instead of 52,
    /// and a [`Reader`](crate::Reader) that skips the table 22 instead of 15.
    #[inline(always)]
    fn at(text: &[u8], start: usize) -> Option<Self> {
        let negative = text.get(start) == Some(&b'-');
        let block = text.get(start + usize::from(negative)..)?.first_chunk::<16>()?;
        // The bytes that are no digits, as bits, and one more bit after the block: the end of the digits.
        let others = block::digits(block) ^ 0x1_FFFF;
        let whole = others.trailing_zeros() as usize;
        if whole.wrapping_sub(1) >= 15 || (whole > 1) & (block.first() == Some(&b'0')) {
            return None;
        }
        let bytes = u128::from_le_bytes(*block) ^ ZEROS;
        match block.get(whole)? {
            b'.' => {}
            b'e' | b'E' => return None,
            _ => return Some(Self { bytes, whole, fraction: 0, negative }),
        }
        let end = (others & (others - 1)).trailing_zeros() as usize;
        let fraction = end - whole - 1;
        let valid = (fraction > 0) & (block.get(end)? | 0x20 != b'e');
        valid.then_some(Self { bytes, whole, fraction, negative })
    }

    /// The length in characters, with sign and point.
    #[inline(always)]
    fn length(&self) -> usize {
        usize::from(self.negative) + self.whole + self.fraction + usize::from(self.fraction > 0)
    }

    #[inline(always)]
    fn value(&self) -> Number<'static> {
        const POWERS: [f64; 15] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14];
        if self.fraction == 0 {
            let value = join(self.bytes, self.whole).cast_signed();
            return Number::Int(if self.negative { -value } else { value });
        }
        // The digits after the point move down by one byte, over the point.
        let before = (1 << (8 * self.whole)) - 1;
        let value = join(self.bytes & before | self.bytes >> 8 & !before, self.whole + self.fraction);
        // Both operands are exact (below 2^53), so the quotient is the nearest float.
        let value = value as f64 / POWERS.get(self.fraction).copied().unwrap_or(f64::NAN);
        // No branch on the sign: where signs vary, it is mispredicted.
        Number::Float(f64::from_bits(value.to_bits() | u64::from(self.negative) << 63))
    }
}

/// The value of the first `count` digits, 1 to 16. The first digit is in the lowest byte.
#[inline(always)]
fn join(digits: u128, count: usize) -> u64 {
    let unused = 128 - 8 * count as u32;
    if count <= 8 {
        return join_eight((digits as u64) << (unused - 64));
    }
    let digits = digits << unused;
    join_eight(digits as u64) * 100_000_000 + join_eight((digits >> 64) as u64)
}

/// The value of eight digits.
#[inline(always)]
fn join_eight(digits: u64) -> u64 {
    // Digits become pairs, pairs become fours, and the fours are added.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(100 + (1_000_000 << 32));
    let high = (pairs >> 16 & 0x0000_00FF_0000_00FF).wrapping_mul(1 + (10_000 << 32));
    low.wrapping_add(high) >> 32
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a failed test may panic")]
mod tests;
