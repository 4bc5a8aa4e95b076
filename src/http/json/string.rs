//! Makes Python `str` objects of JSON strings.

use pyo3::ffi;
use pyo3::prelude::*;

use shoal_json::Text;

/// The `str` for a JSON string.
#[inline(always)]
pub(super) fn object<'py>(py: Python<'py>, text: Text<'_>) -> Option<Bound<'py, PyAny>> {
    match text {
        Text::Ascii(text) => ascii(py, text),
        Text::Unicode(text) => beyond_ascii(py, text),
        Text::Characters(characters) => from_characters(py, characters),
    }
}

/// The `str` for an ASCII text.
#[inline(always)]
pub(super) fn ascii<'py>(py: Python<'py>, text: &[u8]) -> Option<Bound<'py, PyAny>> {
    debug_assert!(text.is_ascii());
    if text.len() < 2 {
        return shared(py, text.first().copied().map(u32::from));
    }
    // SAFETY: the object is new, so no other reference to it exists; with a largest character below 0x80 its
    // `text.len()` bytes stand behind its head. Bytes beyond ASCII would make a wrong text, but stay in bounds.
    unsafe {
        let object = new(py, text.len(), 0x7f)?;
        let out = object.as_ptr().cast::<ffi::PyASCIIObject>().add(1).cast::<u8>();
        out.copy_from_nonoverlapping(text.as_ptr(), text.len());
        Some(object)
    }
}

/// The empty `str`, or that of one character below U+0100. The interpreter shares these objects.
#[inline(never)]
fn shared(py: Python<'_>, character: Option<u32>) -> Option<Bound<'_, PyAny>> {
    // SAFETY: attached, as `py` shows; neither function takes a pointer. The result is a new reference, or null with an
    // exception.
    unsafe {
        owned(
            py,
            match character {
                Some(code) => ffi::PyUnicode_FromOrdinal(code as i32),
                None => ffi::PyUnicode_New(0, 0),
            },
        )
    }
}

/// A new `str` whose characters are not written yet.
#[inline(always)]
fn new(py: Python<'_>, length: usize, largest: u32) -> Option<Bound<'_, PyAny>> {
    // SAFETY: attached, as `py` shows. The result is a new reference, or null with an exception.
    unsafe { owned(py, ffi::PyUnicode_New(length as ffi::Py_ssize_t, largest)) }
}

/// The `str` for a text with characters beyond ASCII. CPython stores all characters of a `str` in one, two or four
/// bytes each, as the largest one needs.
fn beyond_ascii<'py>(py: Python<'py>, text: &str) -> Option<Bound<'py, PyAny>> {
    let (mut largest, mut length) = (0, 0);
    // A chunk has at most 255 bytes, so that a `u8` can count its characters.
    for chunk in text.as_bytes().chunks(255) {
        let mut characters = 0u8;
        for byte in chunk {
            largest = largest.max(*byte);
            characters += u8::from(byte.cast_signed() >= -0x40);
        }
        length += usize::from(characters);
    }
    // SAFETY: each object is new and has `length` characters, as many as `text`, of the size that its largest one
    // needs. That shows in the largest byte of UTF-8: from 0xC4 on it is beyond U+00FF, from 0xF0 on beyond U+FFFF.
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

/// The `str` for characters.
fn from_characters<'py>(py: Python<'py>, characters: &[u32]) -> Option<Bound<'py, PyAny>> {
    let (data, length) = (characters.as_ptr().cast(), characters.len() as ffi::Py_ssize_t);
    // SAFETY: attached, as `py` shows. `data` has `length` characters of four bytes, each at most U+10FFFF. The result is
    // a new reference, or null with an exception.
    unsafe { owned(py, ffi::PyUnicode_FromKindAndData(ffi::PyUnicode_4BYTE_KIND as i32, data, length)) }
}

/// Writes the characters of `text`, all below U+0100.
///
/// # Safety
/// `out` must be valid for writes of as many bytes as `text` has characters.
unsafe fn fill_latin(mut out: *mut u8, text: &str) {
    let (blocks, rest) = text.as_bytes().as_chunks::<16>();
    // The first byte of a character of two bytes is 0xC2 or 0xC3. The second byte is the character's code, to which
    // 0x40 is added after 0xC3.
    let mut high = 0;
    let mut by_byte = |bytes: &[u8], mut out: *mut u8| {
        for byte in bytes {
            // SAFETY: the byte begins or ends a character, whose place is `out`; the caller has room for each
            // character.
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
            // SAFETY: the block is 16 characters of `text`, and the caller has room for each.
            unsafe {
                out.copy_from_nonoverlapping(block.as_ptr(), block.len());
                out = out.add(block.len());
            }
        } else {
            out = by_byte(block, out);
        }
    }
    by_byte(rest, out);
}

/// Writes the `length` characters of `text`.
///
/// # Safety
/// `out` must be valid for writes of `length` values, and `text` must not have more characters.
#[inline(always)]
unsafe fn fill<T>(mut out: *mut T, length: usize, text: &str, unit: impl Fn(u32) -> T) {
    // Multiplied by a mask of 16 bits, this repeats the mask four times.
    const EACH: u64 = 0x0001_0001_0001_0001;
    let mut left = length;
    let mut at = 0;
    // Characters of the same length in UTF-8 come in runs. So a step decodes a block as if all its characters had the
    // length of the first one, writes them, and counts how many had. The others stay within the room for `left`
    // characters and are overwritten later.
    while left >= 8
        && let Some(block) = text.as_bytes().get(at..).and_then(|rest| rest.first_chunk::<16>())
    {
        let ([first, ..], Some(eight)) = (block, block.first_chunk::<8>()) else { break };
        let word = u64::from_le_bytes(*eight);
        // SAFETY: `out` has room for `left` more characters (the caller's `length` less those written), which is at
        // least eight here; `place` is at most seven.
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
                // Mostly all four. As this is a branch, the CPU predicts it and reads the next block meanwhile.
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
        // SAFETY: `characters` is at most eight, and there is room for `left`, which is at least eight.
        out = unsafe { out.add(characters) };
        left -= characters;
        at += characters * size;
    }
    for character in text.get(at..).unwrap_or_default().chars() {
        // SAFETY: `text` has at most `length` characters in all, and this is one of those that are not written yet.
        unsafe {
            out.write(unit(character as u32));
            out = out.add(1);
        }
    }
}

/// The object that a function of the C API returned. `None` if the function failed; its exception is dropped.
///
/// # Safety
/// `made` must be a new reference that the caller passes on, or null with an exception set.
#[inline(always)]
pub(super) unsafe fn owned(py: Python<'_>, made: *mut ffi::PyObject) -> Option<Bound<'_, PyAny>> {
    // SAFETY: the caller passes a new reference or null.
    let object = unsafe { Bound::from_owned_ptr_or_opt(py, made) };
    if object.is_none() {
        drop_exception(py);
    }
    object
}

#[cold]
#[inline(never)]
pub(super) fn drop_exception(py: Python<'_>) {
    drop(PyErr::take(py));
}
