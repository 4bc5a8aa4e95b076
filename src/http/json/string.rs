//! Strings: where they end, and Python's own form of them.

use std::ops::Range;

use pyo3::ffi;
use pyo3::prelude::*;

/// Up to where a string is as it stands.
pub struct Scanned {
    /// Where the quote is that ends it, or the first backslash.
    pub end: usize,
    /// All before `end` is ASCII.
    pub ascii: bool,
    quote: bool,
}

impl Scanned {
    /// Whether there is no escape in it.
    #[inline(always)]
    pub fn plain(&self) -> bool {
        self.quote
    }
}

/// Looks for the end of the string, or of the part without escapes, that starts at `start`; `None` if there is none, or
/// a control character before it.
#[inline(always)]
pub fn scan(text: &[u8], start: usize) -> Option<Scanned> {
    let mut at = start;
    let mut high = 0;
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let (ends, beyond) = classify(block);
        if ends == 0 {
            high |= beyond;
            at += 16;
            continue;
        }
        let length = ends.trailing_zeros();
        high |= beyond & ((1 << length) - 1);
        return found(text, at + length as usize, high == 0);
    }
    scan_rest(text, at, high == 0)
}

#[inline(never)]
fn scan_rest(text: &[u8], start: usize, ascii: bool) -> Option<Scanned> {
    let rest = text.get(start..)?;
    let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    let ascii = ascii && rest.get(..length)?.is_ascii();
    found(text, start + length, ascii)
}

#[inline(always)]
fn found(text: &[u8], end: usize, ascii: bool) -> Option<Scanned> {
    match text.get(end)? {
        b'"' => Some(Scanned { end, ascii, quote: true }),
        b'\\' => Some(Scanned { end, ascii, quote: false }),
        _ => None,
    }
}

/// A bit for each byte of a block, the first byte the lowest: those that end a run (quote, backslash, control), and those
/// beyond ASCII.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn classify(block: &[u8; 16]) -> (u32, u32) {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_max_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };
    // SAFETY: every x86-64 has SSE2; the 16 bytes are there, and this load needs no alignment.
    unsafe {
        let bytes = _mm_loadu_si128(block.as_ptr().cast::<__m128i>());
        let last_control = _mm_set1_epi8(0x1f);
        let ends = _mm_or_si128(
            _mm_or_si128(
                _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"'.cast_signed())),
                _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\'.cast_signed())),
            ),
            _mm_cmpeq_epi8(_mm_max_epu8(bytes, last_control), last_control),
        );
        (_mm_movemask_epi8(ends).cast_unsigned(), _mm_movemask_epi8(bytes).cast_unsigned())
    }
}

/// The same on other processors, eight bytes at a time.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(super) fn classify(block: &[u8; 16]) -> (u32, u32) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = EACH << 7;
    let bits = |flags: u64| ((flags >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32;
    let (mut ends, mut beyond) = (0, 0);
    for (place, half) in block.as_chunks::<8>().0.iter().enumerate() {
        let word = u64::from_le_bytes(*half);
        // The highest bit of each byte that is 0; exact, as nothing carries beyond a byte.
        let zero = |word: u64| !(((word & !HIGH) + !HIGH) | word) & HIGH;
        let found = zero(word ^ (EACH * 0x22)) | zero(word ^ (EACH * 0x5c)) | zero(word & (EACH * 0xe0));
        ends |= bits(found) << (8 * place);
        beyond |= bits(word & HIGH) << (8 * place);
    }
    (ends, beyond)
}

/// How many blanks a block starts with.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn blanks(block: &[u8; 16]) -> usize {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8};
    // SAFETY: every x86-64 has SSE2; the block has the 16 bytes that are loaded, which needs no alignment.
    let blank = unsafe {
        let bytes = _mm_loadu_si128(block.as_ptr().cast::<__m128i>());
        let is = |byte: u8| _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()));
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(is(b' '), is(b'\n')), _mm_or_si128(is(b'\r'), is(b'\t'))))
    };
    (!blank).trailing_zeros() as usize
}

/// The same on other processors.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub fn blanks(block: &[u8; 16]) -> usize {
    block.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count()
}

/// The object for a part of `text`.
#[inline(always)]
pub fn object<'py>(py: Python<'py>, text: &str, part: Range<usize>, ascii: bool) -> Option<Bound<'py, PyAny>> {
    if ascii { self::ascii(py, text.as_bytes().get(part)?) } else { beyond_ascii(py, text.get(part)?) }
}

/// The object for a text in ASCII: `text` was scanned, and has nothing else.
#[inline(always)]
pub fn ascii<'py>(py: Python<'py>, text: &[u8]) -> Option<Bound<'py, PyAny>> {
    debug_assert!(text.is_ascii());
    if text.len() < 2 {
        return shared(py, text.first().copied().map(u32::from));
    }
    // SAFETY: the object is new, nobody else has it, and its characters, one byte each, stand behind its head: as many as
    // are copied. That they are ASCII is the caller's promise; others would make a wrong text, but stay in bounds.
    unsafe {
        let object = new(py, text.len(), 0x7f)?;
        copy(text, object.as_ptr().cast::<ffi::PyASCIIObject>().add(1).cast::<u8>());
        Some(object)
    }
}

/// Copies a text of two bytes or more: a short one in two halves that may overlap, as a call takes longer.
///
/// # Safety
/// There must be room for all of it.
#[inline(always)]
unsafe fn copy(text: &[u8], out: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        if text.len() > 16 {
            out.copy_from_nonoverlapping(text.as_ptr(), text.len());
        } else if !(halves::<8>(text, out) || halves::<4>(text, out)) {
            halves::<2>(text, out);
        }
    }
}

/// Copies a text of `N` to `2 * N` bytes; whether it is one.
///
/// # Safety
/// As for `copy`.
#[inline(always)]
unsafe fn halves<const N: usize>(text: &[u8], out: *mut u8) -> bool {
    let (Some(first), Some(last)) = (text.first_chunk::<N>(), text.last_chunk::<N>()) else { return false };
    // SAFETY: the caller's promise.
    unsafe {
        out.cast::<[u8; N]>().write_unaligned(*first);
        out.add(text.len() - N).cast::<[u8; N]>().write_unaligned(*last);
    }
    true
}

/// One of the objects that Python has only once: of no character, or of one below U+0100.
#[inline(never)]
pub(super) fn shared<'py>(py: Python<'py>, character: Option<u32>) -> Option<Bound<'py, PyAny>> {
    // SAFETY: attached, as `py` shows; neither call takes a pointer. The result is a new reference, or null with an exception.
    let object = unsafe {
        let made = match character {
            Some(code) => ffi::PyUnicode_FromOrdinal(code as i32),
            None => ffi::PyUnicode_New(0, 0),
        };
        Bound::from_owned_ptr_or_opt(py, made)
    };
    if object.is_none() {
        drop(PyErr::take(py));
    }
    object
}

#[inline(always)]
pub(super) fn new<'py>(py: Python<'py>, length: usize, largest: u32) -> Option<Bound<'py, PyAny>> {
    // SAFETY: attached. The result is a new reference, or null with an exception.
    let object = unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyUnicode_New(length as ffi::Py_ssize_t, largest)) };
    if object.is_none() {
        drop(PyErr::take(py));
    }
    object
}

/// Python's form has one, two or four bytes a character, whatever the largest takes.
fn beyond_ascii<'py>(py: Python<'py>, text: &str) -> Option<Bound<'py, PyAny>> {
    let (mut largest, mut length) = (0, 0);
    for chunk in text.as_bytes().chunks(255) {
        let mut characters = 0u8;
        for byte in chunk {
            largest = largest.max(*byte);
            characters += u8::from(byte.cast_signed() >= -0x40);
        }
        length += usize::from(characters);
    }
    // SAFETY: the object is new and has room for `length` characters of the size that its largest one asks for, which
    // the first byte of a sequence tells: from 0xC4 on it is beyond U+00FF, from 0xF0 on beyond U+FFFF.
    unsafe {
        match largest {
            0..0xC4 if length > 1 => {
                let object = new(py, length, 0xff)?;
                fill_latin(ffi::PyUnicode_DATA(object.as_ptr()).cast::<u8>(), text);
                Some(object)
            }
            0..0xC4 => shared(py, text.chars().next().map(u32::from)),
            0xC4..0xF0 => {
                let object = new(py, length, 0xffff)?;
                fill(ffi::PyUnicode_DATA(object.as_ptr()).cast::<u16>(), length, text, |code| code as u16);
                Some(object)
            }
            _ => {
                let object = new(py, length, 0x0010_ffff)?;
                fill(ffi::PyUnicode_DATA(object.as_ptr()).cast::<u32>(), length, text, |code| code);
                Some(object)
            }
        }
    }
}

/// Writes the characters of `text`, all below U+0100, one after the other.
///
/// # Safety
/// There must be room for all of them.
unsafe fn fill_latin(mut out: *mut u8, text: &str) {
    let (blocks, rest) = text.as_bytes().as_chunks::<16>();
    // Of the first byte of two, which is 0xC2 or 0xC3, only the last bit counts.
    let mut high = 0;
    let mut slowly = |bytes: &[u8], mut out: *mut u8| {
        for byte in bytes {
            // SAFETY: the place is that of the character which this byte begins or ends, for which the caller promises room.
            unsafe {
                out.write(byte.wrapping_add(high));
                out = out.add(usize::from(*byte < 0xC0));
            }
            high = u8::from(*byte == 0xC3) << 6;
        }
        out
    };
    for block in blocks {
        if block.is_ascii() {
            // SAFETY: the caller's promise.
            unsafe {
                out.copy_from_nonoverlapping(block.as_ptr(), block.len());
                out = out.add(block.len());
            }
        } else {
            out = slowly(block, out);
        }
    }
    slowly(rest, out);
}

/// Writes the `length` characters of `text` one after the other.
///
/// # Safety
/// There must be room for all of them.
#[inline(always)]
unsafe fn fill<T>(mut out: *mut T, length: usize, text: &str, unit: impl Fn(u32) -> T) {
    const EACH: u64 = 0x0001_0001_0001_0001;
    let mut left = length;
    let mut at = 0;
    // Those of one length are seldom alone: as many as there may be are written, and those kept that were. What is
    // written too much is within the room for all, and written over later.
    while left >= 8
        && let Some(block) = text.as_bytes().get(at..).and_then(|rest| rest.first_chunk::<16>())
    {
        let ([first, ..], Some(eight)) = (block, block.first_chunk::<8>()) else { break };
        let word = u64::from_le_bytes(*eight);
        // SAFETY: the caller promises room for `left` characters from `out` on, eight or more here; `place` is at most seven.
        let put = |place: usize, code: u32| unsafe { out.add(place).write(unit(code)) };
        let (characters, size) = match first {
            0..0x80 => {
                for (place, byte) in eight.iter().enumerate() {
                    put(place, u32::from(*byte));
                }
                ((word & (EACH * 0x8080)).trailing_zeros() as usize / 8, 1)
            }
            0x80..0xE0 => {
                let codes = (word & (EACH * 0x1F)) << 6 | word >> 8 & (EACH * 0x3F);
                for place in 0..4 {
                    put(place, (codes >> (16 * place)) as u32 & 0xFFFF);
                }
                let others = (word ^ (EACH * 0x80C0)) & (EACH * 0xC0E0);
                (others.trailing_zeros() as usize / 16, 2)
            }
            0xE0..0xF0 => {
                // Two characters of three bytes in each word.
                const TWO: u64 = 1 | 1 << 24;
                let Some(next) = block.get(6..).and_then(|rest| rest.first_chunk::<8>()) else { break };
                let words = [word, u64::from_le_bytes(*next)];
                let [codes, others] = [
                    words
                        .map(|word| (word & (TWO * 0xF)) << 12 | word >> 2 & (TWO * 0xFC0) | word >> 16 & (TWO * 0x3F)),
                    words.map(|word| (word ^ (TWO * 0xE0)) & (TWO * 0xF0)),
                ];
                for (place, codes) in codes.into_iter().enumerate() {
                    put(2 * place, codes as u32 & 0xFFFF);
                    put(2 * place + 1, (codes >> 24) as u32 & 0xFFFF);
                }
                // All four, most often; then the next ones are read before this is known.
                match others {
                    [0, 0] => (4, 3),
                    [0, last] => (2 + usize::from(last & 0xF0 == 0), 3),
                    _ => (1, 3),
                }
            }
            _ => {
                let [a, b, c, d, ..] = block.map(u32::from);
                put(0, (a & 7) << 18 | (b & 0x3F) << 12 | (c & 0x3F) << 6 | d & 0x3F);
                (1, 4)
            }
        };
        // SAFETY: of the `left` characters that there is room for, so many have been written.
        out = unsafe { out.add(characters) };
        left -= characters;
        at += characters * size;
    }
    for character in text.get(at..).unwrap_or_default().chars() {
        // SAFETY: the caller's promise.
        unsafe {
            out.write(unit(character as u32));
            out = out.add(1);
        }
    }
}
