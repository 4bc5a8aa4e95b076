//! Strings: where they end, what their escapes mean, and Python's own form of them.

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
fn classify(block: &[u8; 16]) -> (u32, u32) {
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
fn classify(block: &[u8; 16]) -> (u32, u32) {
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

/// Puts the string that starts at `start` into `out`, with its escapes resolved; where what follows it starts, and whether
/// it is ASCII. `None` if it is broken, or has half of a surrogate pair, which UTF-8 can't carry.
pub fn unescape(text: &[u8], start: usize, out: &mut Vec<u8>) -> Option<(usize, bool)> {
    out.clear();
    let mut at = start;
    let mut ascii = true;
    loop {
        at = plain(text, at, out, &mut ascii)?;
        if text.get(at) == Some(&b'"') {
            return Some((at + 1, ascii));
        }
        // Escapes come in rows: words of other scripts from a server that sends ASCII only.
        loop {
            if let Some(code) = unit(text, at).filter(|code| code & 0xF800 != 0xD800) {
                at += 6;
                ascii &= code < 0x80;
                encode(code, out);
                continue;
            }
            let (code, length) = match text.get(at..).and_then(|rest| rest.first_chunk::<2>()) {
                Some([b'\\', b'u']) => (pair(unit(text, at)?, unit(text, at + 6)?)?, 12),
                Some([b'\\', letter]) => match SIMPLE.get(usize::from(*letter)) {
                    Some(byte) if *byte != NONE => (u32::from(*byte), 2),
                    _ => return None,
                },
                _ => break,
            };
            at += length;
            ascii &= code < 0x80;
            encode(code, out);
        }
        if text.get(at) == Some(&b'\\') {
            // The last byte of the text.
            return None;
        }
    }
}

/// The character of a surrogate pair.
fn pair(high: u32, low: u32) -> Option<u32> {
    let paired = (0xD800..0xDC00).contains(&high) && (0xDC00..0xE000).contains(&low);
    paired.then_some(0x10000 + ((high & 0x3FF) << 10 | low & 0x3FF))
}

/// The unit of an escape with four digits, if one is here.
#[inline(always)]
fn unit(text: &[u8], at: usize) -> Option<u32> {
    match text.get(at..)?.first_chunk::<6>()? {
        [b'\\', b'u', digits @ ..] => hex(*digits),
        _ => None,
    }
}

/// Appends what comes before the next quote or backslash; where that is.
#[inline(always)]
fn plain(text: &[u8], start: usize, out: &mut Vec<u8>, ascii: &mut bool) -> Option<usize> {
    let mut at = start;
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let (ends, beyond) = classify(block);
        let length = (ends | 1 << 16).trailing_zeros() as usize;
        // Whole blocks are copied faster than parts of them.
        out.extend_from_slice(block);
        out.truncate(out.len() - (block.len() - length));
        *ascii &= beyond & ((1 << length) - 1) == 0;
        at += length;
        if length < block.len() {
            return text.get(at).filter(|byte| **byte >= b' ').map(|_| at);
        }
    }
    let found = scan_rest(text, at, true)?;
    out.extend_from_slice(text.get(at..found.end)?);
    *ascii &= found.ascii;
    Some(found.end)
}

/// Appends a character, which is no half of a surrogate pair, in UTF-8.
#[inline(always)]
fn encode(code: u32, out: &mut Vec<u8>) {
    let next = |shift: u32| 0x80 | (code >> shift & 0x3F) as u8;
    let (bytes, length) = match code {
        0..0x80 => ([code as u8, 0, 0, 0], 1),
        0x80..0x800 => ([0xC0 | (code >> 6) as u8, next(0), 0, 0], 2),
        0x800..0x10000 => ([0xE0 | (code >> 12) as u8, next(6), next(0), 0], 3),
        _ => ([0xF0 | (code >> 18) as u8, next(12), next(6), next(0)], 4),
    };
    // Four bytes at once, of which some are taken back.
    out.extend_from_slice(&bytes);
    out.truncate(out.len() - (bytes.len() - length));
}

/// Not a value: a table's entry for a byte that has none.
const NONE: u8 = 0xFF;

/// The values of all bytes by a function of one.
macro_rules! table {
    ($value:ident) => {{
        let mut values = [NONE; 256];
        let mut rest: &mut [u8] = &mut values;
        let mut byte = 0u8;
        while let Some((place, others)) = rest.split_first_mut() {
            *place = $value(byte);
            byte = byte.wrapping_add(1);
            rest = others;
        }
        values
    }};
}

/// What the letter behind a backslash stands for.
const SIMPLE: [u8; 256] = table!(stands_for);

const fn stands_for(letter: u8) -> u8 {
    match letter {
        b'"' | b'\\' | b'/' => letter,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        _ => NONE,
    }
}

/// The value of each hexadecimal digit.
const HEX: [u8; 256] = table!(digit);

const fn digit(letter: u8) -> u8 {
    match letter {
        b'0'..=b'9' => letter - b'0',
        b'a'..=b'f' => letter - b'a' + 10,
        b'A'..=b'F' => letter - b'A' + 10,
        _ => NONE,
    }
}

/// Four hexadecimal digits.
#[inline(always)]
fn hex(digits: [u8; 4]) -> Option<u32> {
    let [a, b, c, d] = digits.map(|digit| HEX.get(digit as usize).copied().unwrap_or(NONE));
    let value = u32::from(a) << 12 | u32::from(b) << 8 | u32::from(c) << 4 | u32::from(d);
    ((a | b | c | d) != NONE).then_some(value)
}

/// How many blanks a block starts with.
#[inline(always)]
pub fn blanks(block: &[u8; 16]) -> usize {
    let others = block.iter().enumerate().fold(0u32, |others, (place, byte)| {
        let blank = (*byte == b' ') | (*byte == b'\n') | (*byte == b'\r') | (*byte == b'\t');
        others | u32::from(!blank) << place
    });
    (others | 1 << 16).trailing_zeros() as usize
}

/// The object for `text`.
#[inline(always)]
pub fn object<'py>(py: Python<'py>, text: &str, ascii: bool) -> Option<Bound<'py, PyAny>> {
    if !ascii {
        return beyond_ascii(py, text);
    }
    if text.len() < 2 {
        return shared(py, text);
    }
    // SAFETY: the object is new, in its shortest form, and has as many bytes as are copied.
    unsafe {
        let object = new(py, text.len(), 0x7f)?;
        let data = ffi::PyUnicode_DATA(object.as_ptr()).cast::<u8>();
        data.copy_from_nonoverlapping(text.as_ptr(), text.len());
        Some(object)
    }
}

/// One of the objects that Python has only once: of no or one character.
#[inline(never)]
fn shared<'py>(py: Python<'py>, text: &str) -> Option<Bound<'py, PyAny>> {
    Some(pyo3::types::PyString::new(py, text).into_any())
}

#[inline(always)]
fn new<'py>(py: Python<'py>, length: usize, largest: u32) -> Option<Bound<'py, PyAny>> {
    // SAFETY: attached. The result is a new reference, or null with an exception.
    let object = unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyUnicode_New(length as ffi::Py_ssize_t, largest)) };
    if object.is_none() {
        drop(PyErr::take(py));
    }
    object
}

/// Python's form has one, two or four bytes a character, whatever the largest takes.
fn beyond_ascii<'py>(py: Python<'py>, text: &str) -> Option<Bound<'py, PyAny>> {
    let largest = text.bytes().fold(0, u8::max);
    let length = text.chars().count();
    // SAFETY: the object is new and has room for `length` characters of the size that its largest one asks for, which
    // the first byte of a sequence tells: from 0xC4 on it is beyond U+00FF, from 0xF0 on beyond U+FFFF.
    unsafe {
        match largest {
            0..0xC4 if length > 1 => {
                let object = new(py, length, 0xff)?;
                fill(ffi::PyUnicode_DATA(object.as_ptr()).cast::<u8>(), text, |code| code as u8);
                Some(object)
            }
            0..0xC4 => shared(py, text),
            0xC4..0xF0 => {
                let object = new(py, length, 0xffff)?;
                fill(ffi::PyUnicode_DATA(object.as_ptr()).cast::<u16>(), text, |code| code as u16);
                Some(object)
            }
            _ => {
                let object = new(py, length, 0x0010_ffff)?;
                fill(ffi::PyUnicode_DATA(object.as_ptr()).cast::<u32>(), text, |code| code);
                Some(object)
            }
        }
    }
}

/// Writes the characters of `text` one after the other.
///
/// # Safety
/// There must be room for all of them.
#[inline(always)]
unsafe fn fill<T>(mut out: *mut T, text: &str, unit: impl Fn(u32) -> T) {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        // SAFETY: the caller's promise.
        unsafe {
            out.write(unit(character as u32));
            out = out.add(1);
        }
        if !character.is_ascii() {
            continue;
        }
        // One is seldom alone.
        let rest = characters.as_str();
        let mut done = 0;
        while let Some(block) = rest.as_bytes().get(done..).and_then(|rest| rest.first_chunk::<8>()) {
            if u64::from_le_bytes(*block) & 0x8080_8080_8080_8080 != 0 {
                break;
            }
            for byte in block {
                // SAFETY: as above.
                unsafe {
                    out.write(unit(u32::from(*byte)));
                    out = out.add(1);
                }
            }
            done += block.len();
        }
        characters = rest.get(done..).unwrap_or_default().chars();
    }
}
