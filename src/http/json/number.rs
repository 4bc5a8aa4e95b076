//! Numbers, as `int` and `float` of their text would have them.

use pyo3::ffi;
use pyo3::prelude::*;

use shoal_kernels::json::decimal::{exact, joined, scaled};

/// The most digits that always fit into 64 bits.
const DIGITS: usize = 19;

/// The number that starts at `start`, and where it ends.
///
/// Most have less than 16 characters, which are taken at once: where their count varies, as in a table of figures, a loop
/// over them is mispredicted once a number.
#[inline(always)]
pub fn parse<'py>(py: Python<'py>, text: &[u8], start: usize) -> Option<(Bound<'py, PyAny>, usize)> {
    const EACH: u128 = 0x0101_0101_0101_0101_0101_0101_0101_0101;
    let negative = text.get(start) == Some(&b'-');
    let first = start + usize::from(negative);
    let Some(block) = text.get(first..).and_then(|rest| rest.first_chunk::<16>()) else {
        return slowly(py, text, start, first, negative);
    };
    let plain = u128::from_le_bytes(*block) ^ (EACH * 0x30);
    let others = others(block);
    let whole = others.trailing_zeros() as usize;
    let bits = 8 * whole as u32;
    if whole.wrapping_sub(1) >= 15 || (whole > 1) & (block.first() == Some(&b'0')) {
        return slowly(py, text, start, first, negative);
    }
    let end = first + whole;
    match text.get(end) {
        Some(b'.') => {}
        Some(b'e' | b'E') => return long_float(py, text, first, end, leading(plain, bits), negative),
        _ => return Some((int(py, leading(plain, bits).cast_signed(), negative)?, end)),
    }
    // The next one that is no digit ends it.
    let after = 8 * (others & (others - 1)).trailing_zeros();
    let fraction = (after - bits) as usize / 8 - 1;
    let point = end;
    let end = point + 1 + fraction;
    if after >= 128 || fraction == 0 || matches!(text.get(end), Some(b'e' | b'E')) {
        return long_float(py, text, first, point, leading(plain, bits), negative);
    }
    // What is before the point, moved up to what is behind it.
    let value = if after <= 64 {
        let (plain, point) = ((plain as u64) << (64 - after), 64 - after + bits);
        let behind = plain >> point >> 8 << 8 << point;
        joined(behind | (plain & ((1 << point) - 1)) << 8)
    } else {
        let (plain, point) = (plain << (128 - after), 128 - after + bits);
        let behind = plain >> point >> 8 << 8 << point;
        sixteen(behind | (plain & ((1 << point) - 1)) << 8)
    };
    Some((float(py, exact(value, fraction), negative)?, end))
}

/// A bit for each byte that is not 0 to 9, the first byte the lowest; and one behind them.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn others(block: &[u8; 16]) -> u32 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_set1_epi8, _mm_sub_epi8,
    };
    // SAFETY: every x86-64 has SSE2; the 16 bytes are there, and this load needs no alignment.
    let digits = unsafe {
        let bytes = _mm_loadu_si128(block.as_ptr().cast::<__m128i>());
        let plain = _mm_sub_epi8(bytes, _mm_set1_epi8(b'0'.cast_signed()));
        _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(plain, _mm_set1_epi8(9)), plain)).cast_unsigned()
    };
    digits ^ 0x1_FFFF
}

/// The same on other processors, eight bytes at a time.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn others(block: &[u8; 16]) -> u32 {
    block.as_chunks::<8>().0.iter().rev().fold(1, |found, half| {
        let (_, flags) = plain(half);
        found << 8 | ((flags >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
    })
}

/// Eight digits as their values, and the highest bit of each byte that is none.
#[inline(always)]
fn plain(bytes: &[u8; 8]) -> (u64, u64) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let plain = u64::from_le_bytes(*bytes) ^ (EACH * 0x30);
    (plain, (((plain & (EACH * 0x7f)) + EACH * 0x76) | plain) & (EACH * 0x80))
}

/// The number of the digits that fill the lowest `bits`.
#[inline(always)]
fn leading(digits: u128, bits: u32) -> u64 {
    if bits <= 64 { joined((digits as u64) << (64 - bits)) } else { sixteen(digits << (128 - bits)) }
}

/// The number of sixteen digits, the first in the lowest byte.
#[inline(always)]
fn sixteen(digits: u128) -> u64 {
    joined(digits as u64) * 100_000_000 + joined((digits >> 64) as u64)
}

#[inline(always)]
fn int<'py>(py: Python<'py>, value: i64, negative: bool) -> Option<Bound<'py, PyAny>> {
    let value = if negative { -value } else { value };
    // SAFETY: attached, as `py` shows. The result is a new reference, or null with an exception.
    unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyLong_FromLongLong(value)) }
}

#[inline(always)]
fn float<'py>(py: Python<'py>, value: f64, negative: bool) -> Option<Bound<'py, PyAny>> {
    // No branch: where signs vary, it is mispredicted.
    let value = f64::from_bits(value.to_bits() | u64::from(negative) << 63);
    // SAFETY: attached, as `py` shows. The result is a new reference, or null with an exception.
    unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyFloat_FromDouble(value)) }
}

/// The value of the digit at `at`, if there is one.
#[inline(always)]
fn digit(text: &[u8], at: usize) -> Option<u8> {
    text.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit <= 9)
}

/// Goes over digits and puts them behind those of `value`, which overflows when they are too many.
#[inline(always)]
fn digits(text: &[u8], at: &mut usize, value: &mut u64) {
    while let Some(eight) = text.get(*at..).and_then(|rest| rest.first_chunk::<8>()) {
        let count = up_to_eight(eight, value);
        *at += count;
        if count < 8 {
            return;
        }
    }
    while let Some(digit) = digit(text, *at) {
        *value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        *at += 1;
    }
}

/// The same where there are many, as in the fraction of a float in full: without a loop for up to 23.
#[inline(always)]
fn many_digits(text: &[u8], at: &mut usize, value: &mut u64) {
    if let Some(window) = text.get(*at..).and_then(|rest| rest.first_chunk::<24>()) {
        for eight in window.as_chunks::<8>().0 {
            let count = up_to_eight(eight, value);
            *at += count;
            if count < 8 {
                return;
            }
        }
    }
    digits(text, at, value);
}

/// Puts the digits that these bytes start with behind those of `value`; how many.
#[inline(always)]
fn up_to_eight(bytes: &[u8; 8], value: &mut u64) -> usize {
    const TENS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    let (plain, others) = plain(bytes);
    if others == 0 {
        *value = value.wrapping_mul(100_000_000).wrapping_add(joined(plain));
        return 8;
    }
    // None is as likely as some: no branch for it.
    let bits = others.trailing_zeros() & !7;
    let ten = TENS.get(bits as usize / 8).copied().unwrap_or_default();
    *value = value.wrapping_mul(ten).wrapping_add(joined(plain << (56 - bits) << 8));
    bits as usize / 8
}

/// Any number.
#[inline(never)]
fn slowly<'py>(
    py: Python<'py>,
    text: &[u8],
    start: usize,
    first: usize,
    negative: bool,
) -> Option<(Bound<'py, PyAny>, usize)> {
    let (mut at, mut value) = (first, 0);
    digits(text, &mut at, &mut value);
    let whole = at - first;
    if whole == 0 || (whole > 1 && text.get(first) == Some(&b'0')) {
        return infinite(py, text, first, negative);
    }
    if let Some(b'.' | b'e' | b'E') = text.get(at) {
        return long_float(py, text, first, at, value, negative);
    }
    if whole > 18 {
        return Some((big(py, text.get(start..at)?)?, at));
    }
    Some((int(py, value.cast_signed(), negative)?, at))
}

/// A number that has digits from `first` to `end`, together `value`, and a fraction or an exponent behind them.
#[inline(never)]
fn long_float<'py>(
    py: Python<'py>,
    text: &[u8],
    first: usize,
    end: usize,
    mut value: u64,
    negative: bool,
) -> Option<(Bound<'py, PyAny>, usize)> {
    let (mut at, mut count) = (end, end - first);
    let mut exponent = 0i64;
    if text.get(at) == Some(&b'.') {
        at += 1;
        let start = at;
        many_digits(text, &mut at, &mut value);
        let fraction = at - start;
        if fraction == 0 {
            return None;
        }
        count += fraction;
        exponent = -(fraction.cast_signed() as i64);
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
    let size = if count <= DIGITS { scaled(value, exponent) } else { None };
    let size = match size {
        Some(size) => size,
        None => rare(text.get(first..at)?, count, value, exponent)?,
    };
    Some((float(py, size, negative)?, at))
}

/// The number of this text, which may have too many digits for `value`, or be in the middle between two floats.
#[cold]
#[inline(never)]
fn rare(text: &[u8], count: usize, value: u64, exponent: i64) -> Option<f64> {
    // Zeros in front take no room.
    let zeros = text.iter().take_while(|byte| matches!(byte, b'0' | b'.')).count();
    let fits = count - zeros.saturating_sub(1) <= DIGITS;
    let size = if fits { scaled(value, exponent) } else { None };
    size.or_else(|| std::str::from_utf8(text).ok()?.parse().ok())
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
