//! Strings with escapes.

use pyo3::ffi;
use pyo3::prelude::*;

use super::string::{ascii as ascii_object, classify, new, shared};
use shoal_kernels::json::escape;

/// A bit for each of the first 64 bytes that is not like any other in ASCII.
#[inline(always)]
fn stops(window: &[u8; 96]) -> u64 {
    window.as_chunks::<16>().0.iter().take(4).enumerate().fold(0, |stops, (place, block)| {
        let (ends, beyond) = classify(block);
        stops | u64::from(ends | beyond) << (16 * place)
    })
}

/// Where strings with escapes are put together.
#[derive(Default)]
pub struct Scratch {
    /// As long as there is nothing but ASCII.
    bytes: Vec<u8>,
    /// Otherwise.
    characters: Vec<u32>,
}

/// The string that starts at `start` and has an escape at `at`, where what is before is `ascii`; and where what follows it
/// starts. `None` if it is broken, or has half of a surrogate pair.
pub fn unescape<'py>(
    py: Python<'py>,
    text: &str,
    start: usize,
    mut at: usize,
    ascii: bool,
    scratch: &mut Scratch,
) -> Option<(Bound<'py, PyAny>, usize)> {
    let bytes = text.as_bytes();
    scratch.bytes.clear();
    if !ascii {
        return characters(py, text, start, scratch);
    }
    scratch.bytes.extend_from_slice(bytes.get(start..at)?);
    if bytes.get(at + 1) == Some(&b'u') {
        return characters(py, text, at, scratch);
    }
    let mut out = Tail::of(&mut scratch.bytes);
    loop {
        let mut padded = [0; 96];
        let rest = bytes.get(at..)?;
        let window = match rest.first_chunk::<96>() {
            Some(window) => window,
            None => {
                padded.get_mut(..rest.len())?.copy_from_slice(rest);
                &padded
            }
        };
        // Where runs end is known for 64 bytes at a time: to look after each escape, and wait for it, takes twice as long.
        let mut stops = stops(window);
        let mut from = 0;
        // No more than 64 stay, and a block of 32 is written behind them.
        out.make_room(96);
        while from < 64 {
            let stop = stops.trailing_zeros() as usize;
            // Whole blocks are copied faster than parts of them.
            let length = stop - from;
            // SAFETY: `make_room(96)` above: 64 bytes at most stay of a window, and a block of 32 is written behind them.
            unsafe {
                out.put_here(window.get(from..)?.first_chunk::<32>()?, length);
                if length > 32 {
                    out.put_here(window.get(from + 32..)?.first_chunk::<32>()?, length - 32);
                }
            }
            from = stop;
            if stop == 64 {
                break;
            }
            let byte = match (window.get(stop)?, window.get(stop + 1)?) {
                (b'\\', letter) => match escape::simple(*letter) {
                    Some(byte) => {
                        from += 2;
                        byte
                    }
                    None => match unit(bytes, at + stop)? {
                        code @ 0..0x80 => {
                            from += 6;
                            code as u8
                        }
                        _ => {
                            drop(out);
                            return characters(py, text, at + stop, scratch);
                        }
                    },
                },
                (b'"', _) => {
                    drop(out);
                    return Some((ascii_object(py, &scratch.bytes)?, at + stop + 1));
                }
                (0..0x20, _) => return None,
                _ => {
                    drop(out);
                    return characters(py, text, at + stop, scratch);
                }
            };
            // SAFETY: `make_room(96)` above; with this one no more than 64 bytes of the window stay.
            unsafe { out.put_here(&[byte], 1) };
            stops &= u64::MAX.checked_shl(from as u32).unwrap_or(0);
        }
        at += from;
    }
}

/// Appends to a vector, whose parts it keeps at hand: in memory they would be what all waits for.
struct Tail<'a, T> {
    vector: &'a mut Vec<T>,
    start: *mut T,
    capacity: usize,
    length: usize,
}

impl<'a, T: Copy> Tail<'a, T> {
    fn of(vector: &'a mut Vec<T>) -> Self {
        let (start, capacity, length) = (vector.as_mut_ptr(), vector.capacity(), vector.len());
        Self { vector, start, capacity, length }
    }

    #[inline(always)]
    fn make_room(&mut self, count: usize) {
        if self.capacity - self.length < count {
            self.grow(count);
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, count: usize) {
        // SAFETY: `length` elements are written, one after the other, and never more than `capacity`, the vector's own.
        unsafe { self.vector.set_len(self.length) };
        self.vector.reserve(count);
        (self.start, self.capacity) = (self.vector.as_mut_ptr(), self.vector.capacity());
    }

    /// Appends the block, of which the first `kept` elements stay.
    #[inline(always)]
    fn put<const N: usize>(&mut self, block: &[T; N], kept: usize) {
        self.make_room(N);
        // SAFETY: `make_room` has made room for the block.
        unsafe { self.put_here(block, kept) };
    }

    /// The same.
    ///
    /// # Safety
    /// There must be room for the block.
    #[inline(always)]
    unsafe fn put_here<const N: usize>(&mut self, block: &[T; N], kept: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.start.add(self.length).cast::<[T; N]>().write(*block) };
        self.length += kept.min(N);
    }
}

impl<T> Drop for Tail<'_, T> {
    fn drop(&mut self) {
        // SAFETY: `length` elements are written, one after the other, and never more than `capacity`, the vector's own.
        unsafe { self.vector.set_len(self.length) };
    }
}

/// The same from `at` on, behind what is in `scratch.bytes`, with characters of any size.
#[inline(never)]
fn characters<'py>(
    py: Python<'py>,
    text: &str,
    mut at: usize,
    scratch: &mut Scratch,
) -> Option<(Bound<'py, PyAny>, usize)> {
    let bytes = text.as_bytes();
    scratch.characters.clear();
    scratch.characters.extend(scratch.bytes.iter().map(|byte| u32::from(*byte)));
    let mut out = Tail::of(&mut scratch.characters);
    // Each bit that one of them has tells as much as the largest.
    let mut all = 0;
    loop {
        // Escapes come in rows: words of other scripts from a server that sends ASCII only.
        while let Some([b'\\', b'u', digits @ ..]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<6>()) {
            let mut code = escape::hex(*digits)?;
            at += 6;
            if code & 0xF800 == 0xD800 {
                code = escape::pair(code, unit(bytes, at)?)?;
                at += 6;
            }
            all |= code;
            out.put(&[code], 1);
        }
        match *bytes.get(at)? {
            b'"' => break,
            b'\\' => {
                out.put(&[u32::from(escape::simple(*bytes.get(at + 1)?)?)], 1);
                at += 2;
            }
            0..0x20 => return None,
            0x20..0x80 => match bytes.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
                Some(block) => {
                    let (ends, beyond) = classify(block);
                    let length = (ends | beyond | 1 << 16).trailing_zeros() as usize;
                    out.put(&block.map(u32::from), length);
                    at += length;
                }
                None => {
                    out.put(&[u32::from(*bytes.get(at)?)], 1);
                    at += 1;
                }
            },
            _ => {
                let character = text.get(at..)?.chars().next()?;
                at += character.len_utf8();
                all |= character as u32;
                out.put(&[character as u32], 1);
            }
        }
    }
    drop(out);
    let out = scratch.characters.as_slice();
    // SAFETY: the object is new and has room for all characters, each of the size that the largest asks for.
    let object = unsafe {
        match (all, out) {
            (_, []) => shared(py, None)?,
            (0..0x100, [one]) => shared(py, Some(*one))?,
            (0..0x100, _) => {
                let object = new(py, out.len(), all | 0x7f)?;
                narrow(out, ffi::PyUnicode_DATA(object.as_ptr()).cast::<u8>(), |code| code as u8);
                object
            }
            (0x100..0x10000, _) => {
                let object = new(py, out.len(), 0xffff)?;
                narrow(out, ffi::PyUnicode_DATA(object.as_ptr()).cast::<u16>(), |code| code as u16);
                object
            }
            _ => {
                let object = new(py, out.len(), 0x0010_ffff)?;
                narrow(out, ffi::PyUnicode_DATA(object.as_ptr()).cast::<u32>(), |code| code);
                object
            }
        }
    };
    Some((object, at + 1))
}

/// Writes the characters one after the other.
///
/// # Safety
/// There must be room for all of them.
#[inline(always)]
unsafe fn narrow<T>(characters: &[u32], out: *mut T, unit: impl Fn(u32) -> T) {
    for (place, code) in characters.iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe { out.add(place).write(unit(*code)) };
    }
}

/// The unit of an escape with four digits, if one is here.
#[inline(always)]
fn unit(text: &[u8], at: usize) -> Option<u32> {
    match text.get(at..)?.first_chunk::<6>()? {
        [b'\\', b'u', digits @ ..] => escape::hex(*digits),
        _ => None,
    }
}
