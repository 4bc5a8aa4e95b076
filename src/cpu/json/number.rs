//! Numbers: where they end, and what they are.

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
