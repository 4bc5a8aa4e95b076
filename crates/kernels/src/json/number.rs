//! Numbers: where they end, and what they are.

use super::decimal::joined;

/// A number's text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Without fraction and exponent, in 64 bits.
    Int(i64),
    /// The same, too large for the sign but not for the bits.
    Uint(u64),
    /// The same, larger still.
    Big,
    /// Anything else; infinite where it is out of range.
    Float(f64),
}

/// Where the number ends that starts at `start`; `None` if it is not one.
#[inline(always)]
pub fn end(json: &[u8], start: usize) -> Option<usize> {
    let byte = |place: usize| json.get(place).copied().unwrap_or(b' ');
    let digit = |place: usize| byte(place).wrapping_sub(b'0') < 10;
    let mut place = start + usize::from(byte(start) == b'-');
    let zero = byte(place) == b'0';
    if !digit(place) {
        return None;
    }
    place += 1;
    if zero {
        if digit(place) {
            return None;
        }
    } else {
        while digit(place) {
            place += 1;
        }
    }
    if byte(place) == b'.' {
        place += 1;
        if !digit(place) {
            return None;
        }
        while digit(place) {
            place += 1;
        }
    }
    if byte(place) | 0x20 == b'e' {
        place += 1;
        place += usize::from(matches!(byte(place), b'+' | b'-'));
        if !digit(place) {
            return None;
        }
        while digit(place) {
            place += 1;
        }
    }
    Some(place)
}

/// A number of at most eight characters behind its sign, as most are, without exponent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Short {
    /// All digits as one number.
    digits: u64,
    /// How many of them stand behind the point.
    fraction: u32,
    negative: bool,
}

/// The number from `start` to before `end`, if it is a short one: valid, without a look at one character after the
/// other. Where their count varies, as in a table of figures, a loop over them is mispredicted once a number, which
/// took a fifth of all time.
#[inline(always)]
pub fn short(json: &[u8], start: usize, end: usize) -> Option<Short> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let negative = json.get(start) == Some(&b'-');
    let start = start + usize::from(negative);
    let length = end.wrapping_sub(start);
    let text = json.get(start..)?.first_chunk::<8>()?;
    if length.wrapping_sub(1) >= 8 {
        return None;
    }
    // The first character in the highest byte, zeros for what is behind the last: they count as digits below.
    let unused = 64 - 8 * length as u32;
    let plain = (u64::from_le_bytes(*text) << unused) ^ ((EACH * 0x30) << unused);
    // The highest bit of each byte that is not 0 to 9.
    let others = (((plain & (EACH * 0x7f)) + EACH * 0x76) | plain) & (EACH * 0x80);
    let leading_zero = text.first() == Some(&b'0');
    if others == 0 {
        let valid = !leading_zero || length == 1;
        return valid.then(|| Short { digits: joined(plain), fraction: 0, negative });
    }
    // One other character: a point with digits on both sides.
    let point = others.trailing_zeros() & !7;
    let first = unused;
    let fraction = (56 - point) / 8;
    let is_point = plain >> point & 0xff == u64::from(b'.' ^ b'0');
    let valid = others & (others - 1) == 0
        && is_point
        && point > first
        && fraction > 0
        && (!leading_zero || point == first + 8);
    // What is before the point, moved up to what is behind it.
    let below = plain & ((1 << point) - 1);
    let above = plain & !(0xff << point) & !((1 << point) - 1);
    valid.then(|| Short { digits: joined(above | below << 8), fraction, negative })
}

impl Short {
    /// Its value.
    #[inline(always)]
    pub fn number(self) -> Number {
        const POWERS: [f64; 8] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7];
        let digits = self.digits.cast_signed();
        if self.fraction == 0 {
            return Number::Int(if self.negative { -digits } else { digits });
        }
        // Both are exact, so the quotient is the nearest number.
        let value = digits as f64 / POWERS.get(self.fraction as usize).copied().unwrap_or(1.0);
        Number::Float(if self.negative { -value } else { value })
    }
}

/// What a number is whose text has been checked.
pub fn parse(text: &str) -> Number {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    if digits.len() <= 20 {
        let mut value = 0u64;
        let mut fits = true;
        let mut whole = true;
        for byte in digits.bytes() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                whole = false;
                break;
            }
            let (times, over) = value.overflowing_mul(10);
            let (sum, beyond) = times.overflowing_add(u64::from(digit));
            fits &= !(over | beyond);
            value = sum;
        }
        if whole && fits {
            return match (negative, i64::try_from(value)) {
                (false, Ok(value)) => Number::Int(value),
                (true, Ok(value)) => Number::Int(-value),
                (true, Err(_)) if value == 1 << 63 => Number::Int(i64::MIN),
                (false, Err(_)) => Number::Uint(value),
                (true, Err(_)) => Number::Big,
            };
        }
        if whole {
            return Number::Big;
        }
    } else if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Number::Big;
    }
    text.parse().map_or(Number::Big, Number::Float)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn ends() {
        for (text, expected) in [
            ("0", Some(1)),
            ("-0,", Some(2)),
            ("12]", Some(2)),
            ("1.5e+10 ", Some(7)),
            ("1E5", Some(3)),
            ("01", None),
            ("-", None),
            ("1.", None),
            ("1.e5", None),
            ("1e", None),
            ("1e+", None),
            (".5", None),
            ("+1", None),
            ("-a", None),
            ("1x", Some(1)),
        ] {
            assert_eq!(end(text.as_bytes(), 0), expected, "{text}");
        }
    }

    #[test]
    fn short_ones() {
        let mut texts: Vec<String> = (0..3000).map(|number: u32| number.to_string()).collect();
        texts.extend((0..3000).map(|number| format!("{}.{:03}", number / 7 * 11, number % 1000)));
        texts.extend(["12345678", "99999999", "0.0", "0.000001", "1.5", "10.25", "1234.567"].map(String::from));
        for text in texts.iter().flat_map(|text| [text.clone(), format!("-{text}")]) {
            let padded = format!("{text},\"some more\"");
            let number = short(padded.as_bytes(), 0, text.len()).map(Short::number);
            assert_eq!(number, Some(parse(&text)), "{text}");
            assert_eq!(end(text.as_bytes(), 0), Some(text.len()));
        }
        // Each text of these letters that is a number by `end` alone, and no other.
        let letters = b"-0.1e:";
        for code in 0..letters.len().pow(6) {
            let text: Vec<u8> =
                (0..6).filter_map(|place: u32| letters.get(code / 6usize.pow(place) % 6).copied()).collect();
            for length in 1..=6 {
                let padded = [&text[..length], b",        "].concat();
                if let Some(number) = short(&padded, 0, length) {
                    assert_eq!(end(&text[..length], 0), Some(length), "{text:?}");
                    assert_eq!(number.number(), parse(std::str::from_utf8(&text[..length]).unwrap_or_default()));
                }
            }
        }
    }

    #[test]
    fn values() {
        for (text, expected) in [
            ("0", Number::Int(0)),
            ("-0", Number::Int(0)),
            ("-12", Number::Int(-12)),
            ("9223372036854775807", Number::Int(i64::MAX)),
            ("-9223372036854775808", Number::Int(i64::MIN)),
            ("-9223372036854775809", Number::Big),
            ("9223372036854775808", Number::Uint(1 << 63)),
            ("18446744073709551615", Number::Uint(u64::MAX)),
            ("18446744073709551616", Number::Big),
            ("99999999999999999999", Number::Big),
            ("123456789012345678901234567890", Number::Big),
            ("1.0", Number::Float(1.0)),
            ("-0.0", Number::Float(-0.0)),
            ("1e2", Number::Float(100.0)),
            ("0.1234567890123456789012345", Number::Float(0.123_456_789_012_345_68)),
            ("1e999", Number::Float(f64::INFINITY)),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
