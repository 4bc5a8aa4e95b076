//! Strings: where they end, and the text without its escapes.

use super::block;
use super::error::JsonError;

/// The text of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// Nothing but ASCII.
    Ascii(&'a [u8]),
    /// A string without escapes, with at least one character beyond ASCII.
    Unicode(&'a str),
    /// The characters of a string with escapes, most likely for characters beyond ASCII.
    Characters(&'a [u32]),
}

/// Memory for strings with escapes, kept from one to the next.
#[derive(Default)]
pub struct Scratch {
    bytes: Vec<u8>,
    characters: Vec<u32>,
}

/// Bytes of a string in which escapes are looked for at a time.
const WINDOW: usize = 64;

/// Bytes copied at a time, which is faster than a copy of varying length.
const COPY: usize = 32;

/// Places that a window may fill: its own, those of an escape that goes beyond it, and the rest of a copy.
const ROOM: usize = WINDOW + 16 + COPY;

/// The string whose first character, behind the quote, is at `start`; and where its closing quote is. `None` if it is
/// broken or has half of a surrogate pair, and if memory runs out.
#[inline(always)]
pub(crate) fn read<'a>(text: &'a str, start: usize, scratch: &'a mut Scratch) -> Option<(Text<'a>, usize)> {
    let bytes = text.as_bytes();
    let mut at = start;
    let mut beyond_ascii = 0;
    loop {
        let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<16>()) else {
            let end = plain_end(bytes, at);
            beyond_ascii |= u32::from(!bytes.get(at..end)?.is_ascii());
            at = end;
            break;
        };
        let (stops, beyond) = block::string_stops(block);
        if stops != 0 {
            let length = stops.trailing_zeros();
            beyond_ascii |= beyond & ((1 << length) - 1);
            at += length as usize;
            break;
        }
        beyond_ascii |= beyond;
        at += 16;
    }
    match bytes.get(at) {
        Some(b'"') if beyond_ascii == 0 => Some((Text::Ascii(bytes.get(start..at)?), at)),
        Some(b'"') => Some((Text::Unicode(text.get(start..at)?), at)),
        Some(b'\\') => scratch.read(text, start, at),
        _ => None,
    }
}

impl Scratch {
    /// What stands between the quotes of a string whose escapes have been checked, without them.
    #[inline]
    pub fn unescaped<'a>(&'a mut self, inner: &'a str) -> Option<&'a str> {
        if !inner.as_bytes().contains(&b'\\') {
            return Some(inner);
        }
        let (length, _) = self.unescape::<false>(inner.as_bytes(), 0, 0)?;
        simdutf8::basic::from_utf8(self.bytes.get(..length)?).ok()
    }

    /// The string from `start` on, whose first escape is at `escape`; and where its closing quote is.
    #[inline(never)]
    fn read<'a>(&'a mut self, text: &str, start: usize, escape: usize) -> Option<(Text<'a>, usize)> {
        let plain = text.as_bytes().get(start..escape)?;
        if !plain.is_ascii() || text.as_bytes().get(escape + 1) == Some(&b'u') {
            return self.read_characters(text, start, 0);
        }
        room(&mut self.bytes, plain.len())?.get_mut(..plain.len())?.copy_from_slice(plain);
        let (length, end) = self.unescape::<true>(text.as_bytes(), escape, plain.len())?;
        match text.as_bytes().get(end)? {
            b'"' => Some((Text::Ascii(self.bytes.get(..length)?), end)),
            b'\\' | 0x80.. => self.read_characters(text, end, length),
            _ => None,
        }
    }

    /// Writes the text from `at` on, without its escapes, to `bytes`, behind the first `length`. Returns how many there
    /// are then, and where it stopped: at a quote, a control character or the end of the text; if `ASCII`, also at what
    /// means a character beyond it.
    #[inline(always)]
    fn unescape<const ASCII: bool>(&mut self, text: &[u8], mut at: usize, mut length: usize) -> Option<(usize, usize)> {
        loop {
            let mut padded = [0; WINDOW + COPY];
            let rest = text.get(at..)?;
            let window = match rest.first_chunk::<{ WINDOW + COPY }>() {
                Some(window) => window,
                None => {
                    // Zeros are control characters, which end the string.
                    padded.get_mut(..rest.len())?.copy_from_slice(rest);
                    &padded
                }
            };
            // The ends of all runs in a window are found at once. A search behind each escape has to wait for the
            // escape before: lines of code as a string then take 2.4 times as long.
            let blocks = window.as_chunks::<16>().0.iter().take(WINDOW / 16).zip((0..).step_by(16));
            let mut stops = blocks.fold(0, |all, (block, place)| {
                let (stops, beyond) = block::string_stops(block);
                all | u64::from(if ASCII { stops | beyond } else { stops }) << place
            });
            let out = room(&mut self.bytes, length)?;
            let mut from = 0;
            while from < WINDOW {
                let stop = stops.trailing_zeros() as usize;
                let run = stop.saturating_sub(from);
                put::<COPY>(out, length, window.get(from..)?.first_chunk()?)?;
                if run > COPY {
                    put::<COPY>(out, length + COPY, window.get(from + COPY..)?.first_chunk()?)?;
                }
                length += run;
                from = stop;
                if stop == WINDOW {
                    break;
                }
                if window.get(stop) != Some(&b'\\') {
                    return Some((length, at + stop));
                }
                if let Some(byte) = simple(*window.get(stop + 1)?) {
                    put(out, length, &[byte])?;
                    length += 1;
                    from += 2;
                } else {
                    let (character, escape) = unicode(text, at + stop)?;
                    if ASCII && !character.is_ascii() {
                        return Some((length, at + stop));
                    }
                    let mut utf8 = [0; 4];
                    let size = character.encode_utf8(&mut utf8).len();
                    put(out, length, &utf8)?;
                    length += size;
                    from += escape;
                }
                stops &= u64::MAX.checked_shl(from as u32).unwrap_or(0);
            }
            at += from;
        }
    }

    /// The string of the first `length` bytes, which are ASCII, and what follows `at`; and where its closing quote is.
    ///
    /// In Unicode by characters, as Python's strings are: over UTF-8, a document of escapes for another script takes
    /// twice as long in `Response.json()`.
    #[inline(never)]
    fn read_characters<'a>(&'a mut self, text: &str, mut at: usize, length: usize) -> Option<(Text<'a>, usize)> {
        let bytes = text.as_bytes();
        let characters = &mut self.characters;
        characters.clear();
        characters.try_reserve(length).ok()?;
        characters.extend(self.bytes.get(..length)?.iter().map(|byte| u32::from(*byte)));
        loop {
            characters.try_reserve(16).ok()?;
            match *bytes.get(at)? {
                b'"' => return Some((Text::Characters(characters), at)),
                b'\\' => {
                    let (code, length) = match unicode(bytes, at) {
                        Some((character, length)) => (u32::from(character), length),
                        None => (u32::from(simple(*bytes.get(at + 1)?)?), 2),
                    };
                    characters.push(code);
                    at += length;
                }
                0..0x20 => return None,
                0x20..0x80 => match bytes.get(at..)?.first_chunk::<16>() {
                    Some(block) => {
                        let (stops, beyond) = block::string_stops(block);
                        let run = (stops | beyond | 1 << 16).trailing_zeros() as usize;
                        // A whole block is copied faster than its part.
                        let length = characters.len() + run;
                        characters.extend_from_slice(&block.map(u32::from));
                        characters.truncate(length);
                        at += run;
                    }
                    None => {
                        characters.push(u32::from(*bytes.get(at)?));
                        at += 1;
                    }
                },
                0x80.. => {
                    let character = text.get(at..)?.chars().next()?;
                    at += character.len_utf8();
                    characters.push(character as u32);
                }
            }
        }
    }
}

/// The memory, with room for a window behind the first `length` bytes.
#[inline(always)]
fn room(memory: &mut Vec<u8>, length: usize) -> Option<&mut [u8]> {
    if memory.len() < length + ROOM {
        grow(memory, length)?;
    }
    Some(memory)
}

#[inline(always)]
fn put<const N: usize>(out: &mut [u8], at: usize, block: &[u8; N]) -> Option<()> {
    *out.get_mut(at..)?.first_chunk_mut()? = *block;
    Some(())
}

#[cold]
#[inline(never)]
fn grow(memory: &mut Vec<u8>, length: usize) -> Option<()> {
    let size = (2 * length + ROOM).max(1024);
    memory.try_reserve_exact(size - memory.len()).ok()?;
    memory.resize(size, 0);
    Some(())
}

/// Where the string whose first character is at `start` ends, behind its closing quote.
#[inline(always)]
pub(crate) fn end(json: &[u8], start: usize) -> Result<usize, JsonError> {
    let mut at = start;
    loop {
        at = plain_end(json, at);
        match json.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at += escape_length(json, at).map_err(|message| JsonError::syntax(message, at))?,
            Some(_) => return Err(JsonError::syntax("Invalid control character at", at)),
            None => return Err(JsonError::syntax("Unterminated string starting at", start - 1)),
        }
    }
}

/// The place of the first quote, backslash or control character from `at` on, or of the end.
#[inline(always)]
fn plain_end(text: &[u8], mut at: usize) -> usize {
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let (stops, _) = block::string_stops(block);
        if stops != 0 {
            return at + stops.trailing_zeros() as usize;
        }
        at += 16;
    }
    at + text.iter().skip(at).take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count()
}

/// The length of the escape at `at`, or what is wrong with it.
#[inline]
fn escape_length(json: &[u8], at: usize) -> Result<usize, &'static str> {
    match json.get(at + 1) {
        Some(b'u') => match unicode(json, at) {
            Some((_, length)) => Ok(length),
            None if unit(json, at).is_none() => Err("Invalid \\uXXXX escape"),
            None => Err("Half of a surrogate pair"),
        },
        Some(letter) if simple(*letter).is_some() => Ok(2),
        _ => Err("Invalid \\escape"),
    }
}

/// The character that a letter behind a backslash means; not `u`, which needs its digits.
#[inline(always)]
fn simple(letter: u8) -> Option<u8> {
    match letter {
        b'"' | b'\\' | b'/' => Some(letter),
        b'b' => Some(8),
        b'f' => Some(12),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        _ => None,
    }
}

/// The character of the `\uXXXX` at `at`, or of the two that make a surrogate pair, and their length.
#[inline(always)]
fn unicode(text: &[u8], at: usize) -> Option<(char, usize)> {
    let first = unit(text, at)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    let pair = [first as u16, unit(text, at + 6)? as u16];
    Some((char::decode_utf16(pair).next()?.ok()?, 12))
}

/// No digit, also when shifted: larger than any UTF-16 code unit.
const NONE: u32 = 0x10000;

/// The values of hexadecimal digits. A look-up takes no branch, which letters and figures would have mispredicted.
static DIGITS: [u32; 256] = {
    let mut values = [NONE; 256];
    let mut rest: &mut [u32] = &mut values;
    let mut byte = 0u8;
    while let Some((slot, others)) = rest.split_first_mut() {
        if let Some(digit) = (byte as char).to_digit(16) {
            *slot = digit;
        }
        rest = others;
        byte = byte.wrapping_add(1);
    }
    values
};

/// The UTF-16 code unit of the `\uXXXX` at `at`, if there is one.
#[inline(always)]
fn unit(text: &[u8], at: usize) -> Option<u32> {
    let [b'\\', b'u', digits @ ..] = text.get(at..)?.first_chunk::<6>()? else { return None };
    let [a, b, c, d] = digits.map(|digit| DIGITS.get(usize::from(digit)).copied().unwrap_or(NONE));
    let unit = a << 12 | b << 8 | c << 4 | d;
    (unit < NONE).then_some(unit)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a failed test may panic")]
mod tests;
