//! What the escapes in strings stand for.

/// A table's entry for a byte that has no value: beyond all values, wherever it is shifted to.
const NONE: u32 = 0x10000;

/// The values of all bytes by a function of one.
macro_rules! table {
    ($value:expr) => {{
        let mut values = [NONE; 256];
        let mut rest: &mut [u32] = &mut values;
        let mut byte = 0u8;
        while let Some((place, others)) = rest.split_first_mut() {
            *place = $value(byte);
            byte = byte.wrapping_add(1);
            rest = others;
        }
        values
    }};
}

/// The character that a letter behind a backslash stands for; not `u`, which needs its digits.
#[inline(always)]
pub fn simple(letter: u8) -> Option<u8> {
    static SIMPLE: [u32; 256] = table!(stands_for);
    SIMPLE.get(usize::from(letter)).filter(|value| **value != NONE).map(|value| *value as u8)
}

const fn stands_for(letter: u8) -> u32 {
    match letter {
        b'"' | b'\\' | b'/' => letter as u32,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n' as u32,
        b'r' => b'\r' as u32,
        b't' => b'\t' as u32,
        _ => NONE,
    }
}

/// The value of four hexadecimal digits.
#[inline(always)]
pub fn hex([a, b, c, d]: [u8; 4]) -> Option<u32> {
    static DIGITS: [u32; 256] = table!(digit);
    let value = |digit: u8| DIGITS.get(usize::from(digit)).copied().unwrap_or(NONE);
    let value = value(a) << 12 | value(b) << 8 | value(c) << 4 | value(d);
    (value < NONE).then_some(value)
}

const fn digit(letter: u8) -> u32 {
    match letter {
        b'0'..=b'9' => (letter - b'0') as u32,
        b'a'..=b'f' => (letter - b'a' + 10) as u32,
        b'A'..=b'F' => (letter - b'A' + 10) as u32,
        _ => NONE,
    }
}

/// The character of two halves of a surrogate pair.
#[inline(always)]
pub fn pair(high: u32, low: u32) -> Option<u32> {
    let paired = (0xD800..0xDC00).contains(&high) && (0xDC00..0xE000).contains(&low);
    paired.then_some(0x10000 + ((high & 0x3FF) << 10 | low & 0x3FF))
}
