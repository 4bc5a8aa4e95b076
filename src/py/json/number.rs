//! Numbers, as `int` and `float` of their text would have them.

use pyo3::ffi;
use pyo3::prelude::*;

/// The powers of ten that are exact as `f64`.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The most digits that always fit into 64 bits.
const DIGITS: usize = 19;

/// The number that starts at `start`, and where it ends.
#[inline(always)]
pub fn parse<'py>(py: Python<'py>, text: &[u8], start: usize) -> Option<(Bound<'py, PyAny>, usize)> {
    let negative = text.get(start) == Some(&b'-');
    let first = start + usize::from(negative);
    let mut at = first;
    let mut value = 0;
    digits(text, &mut at, &mut value);
    let whole = at - first;
    if whole == 0 || (whole > 1 && text.get(first) == Some(&b'0')) {
        return infinite(py, text, first, negative);
    }
    if let Some(b'.' | b'e' | b'E') = text.get(at) {
        return float(py, text, start, first, at, value, negative);
    }
    if whole > 18 {
        return Some((big(py, text.get(start..at)?)?, at));
    }
    let value = value.cast_signed();
    let value = if negative { -value } else { value };
    // SAFETY: attached. The result is a new reference, or null with an exception.
    let object = unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyLong_FromLongLong(value)) };
    Some((object?, at))
}

/// Goes over digits and puts them behind those of `value`, which overflows when they are too many.
#[inline(always)]
fn digits(text: &[u8], at: &mut usize, value: &mut u64) {
    while let Some(byte) = text.get(*at) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return;
        }
        *value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        *at += 1;
    }
}

/// The same for many digits.
#[inline(always)]
fn many_digits(text: &[u8], at: &mut usize, value: &mut u64) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    while let Some(eight) = text.get(*at..).and_then(|rest| rest.first_chunk::<8>()) {
        let plain = u64::from_le_bytes(*eight) ^ (EACH * 0x30);
        if (plain.wrapping_add(EACH * 0x76) | plain) & (EACH * 0x80) != 0 {
            break;
        }
        // Pairs, then fours, then all.
        let pairs = plain.wrapping_mul(10).wrapping_add(plain >> 8);
        let low = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(100 + (1_000_000 << 32));
        let high = (pairs >> 16 & 0x0000_00FF_0000_00FF).wrapping_mul(1 + (10_000 << 32));
        *value = value.wrapping_mul(100_000_000).wrapping_add(low.wrapping_add(high) >> 32);
        *at += 8;
    }
    digits(text, at, value);
}

#[inline(never)]
fn float<'py>(
    py: Python<'py>,
    text: &[u8],
    start: usize,
    first: usize,
    point: usize,
    mut value: u64,
    negative: bool,
) -> Option<(Bound<'py, PyAny>, usize)> {
    let mut at = point;
    let mut exponent = 0i64;
    let mut count = point - first;
    if text.get(at) == Some(&b'.') {
        at += 1;
        let start = at;
        many_digits(text, &mut at, &mut value);
        let fraction = at - start;
        if fraction == 0 {
            return None;
        }
        count += fraction;
        exponent = -i64::try_from(fraction).ok()?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1;
        let down = text.get(at) == Some(&b'-');
        at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
        let start = at;
        let mut given = 0;
        digits(text, &mut at, &mut given);
        if at == start {
            return None;
        }
        // Too many digits may have wrapped around.
        let given = if at - start > 9 { i64::MAX / 2 } else { given.cast_signed() };
        exponent += if down { -given } else { given };
    }
    let power = POWERS.get(usize::try_from(exponent.unsigned_abs()).ok()?);
    let number = match power {
        // Both are exact, so the result is the nearest number.
        Some(power) if count <= DIGITS && value < 1 << 53 => {
            let size = if exponent < 0 { value as f64 / power } else { value as f64 * power };
            if negative { -size } else { size }
        }
        _ => match nearest(value, exponent).filter(|_| count <= DIGITS) {
            Some(size) => {
                if negative {
                    -size
                } else {
                    size
                }
            }
            None => std::str::from_utf8(text.get(start..at)?).ok()?.parse().ok()?,
        },
    };
    Some((number.into_pyobject(py).ok()?.into_any(), at))
}

/// The `f64` nearest to `value * 10^exponent`, where that is a matter of one multiplication or division: in 128 bits, and
/// so without loss.
#[inline(always)]
fn nearest(value: u64, exponent: i64) -> Option<f64> {
    const TENS: [u64; 20] = {
        let mut tens = [1; 20];
        let mut rest: &mut [u64] = &mut tens;
        let mut power = 1u64;
        while let Some((place, others)) = rest.split_first_mut() {
            *place = power;
            power = power.wrapping_mul(10);
            rest = others;
        }
        tens
    };
    let power = *TENS.get(usize::try_from(exponent.unsigned_abs()).ok()?)?;
    if exponent >= 0 {
        return Some((u128::from(value) * u128::from(power)) as f64);
    }
    if value == 0 {
        return None;
    }
    // Both with their highest bit set: the quotient has 63 or 64 bits, of which a float keeps 53. What is left over makes
    // it odd, so that it is rounded as the endless quotient would be.
    let (up, down) = (value.leading_zeros(), power.leading_zeros());
    let (over, under) = (u128::from(value << up) << 63, u128::from(power << down));
    let quotient = over / under;
    let quotient = quotient as u64 | u64::from(quotient * under != over);
    let scale = 1023 + u64::from(down) - u64::from(up) - 63;
    Some(quotient as f64 * f64::from_bits(scale << 52))
}

#[inline(never)]
fn infinite<'py>(py: Python<'py>, text: &[u8], at: usize, negative: bool) -> Option<(Bound<'py, PyAny>, usize)> {
    const WORD: &[u8] = b"Infinity";
    (negative && text.get(at..)?.starts_with(WORD))
        .then(|| f64::NEG_INFINITY.into_pyobject(py).ok().map(|value| (value.into_any(), at + WORD.len())))?
}

/// An integer that may not fit into 64 bits.
#[inline(never)]
fn big<'py>(py: Python<'py>, text: &[u8]) -> Option<Bound<'py, PyAny>> {
    let text = std::ffi::CString::new(text).ok()?;
    // SAFETY: attached; the text is one, and ends in a zero. The result is a new reference, or null with an exception
    // (about too many digits).
    let object =
        unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyLong_FromString(text.as_ptr(), std::ptr::null_mut(), 10)) };
    if object.is_none() {
        drop(PyErr::take(py));
    }
    object
}
