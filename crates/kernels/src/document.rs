//! One document of a batch: borrowed memory, the body of a response, or a file; and its forms for kernels.
//!
//! Reading files, decoding and checking UTF-8 happen here, on a thread of the pool, not on the caller's. A Python `str` is
//! borrowed in the representation that the interpreter has.

use std::borrow::Cow;
use std::hint::black_box;
use std::path::PathBuf;

use bytes::Bytes;
use encoding_rs::Encoding;
use url::Url;

use crate::charset;
use crate::error::KernelError;

/// Keeps the memory of borrowed documents valid; dropped, on any thread, after the last use of one.
pub type BufferGuard = Box<dyn Send + Sync>;

/// Where a document is.
#[derive(Debug)]
pub enum Source {
    /// Bytes that do not change.
    Bytes(&'static [u8]),
    /// Bytes that may change meanwhile, such as those of a `bytearray`.
    Writable(Writable),
    /// Text of one byte per character: Latin-1, mostly ASCII.
    Latin1(&'static [u8]),
    /// Text of two bytes per character.
    Ucs2(&'static [u16]),
    /// Text of four bytes per character.
    Ucs4(&'static [u32]),
    /// The body of a response.
    Shared(Bytes),
    /// The contents of a file.
    File(PathBuf),
}

/// Memory that may be written to while it is read: never a slice, only ever copied.
#[derive(Debug)]
pub struct Writable {
    start: *const u8,
    length: usize,
}

// SAFETY: the pointer is only read through, in `copy`, and the caller of `Writable::new` promises that all threads may.
unsafe impl Send for Writable {}
// SAFETY: `copy` is the only access, and two threads that copy at once both only read.
unsafe impl Sync for Writable {}

impl Writable {
    /// # Safety
    /// `start` must be readable for `length` bytes from all threads, as long as the document's [`BufferGuard`] lives.
    pub unsafe fn new(start: *const u8, length: usize) -> Self {
        Self { start, length }
    }

    /// The bytes as they are now. One that is written at this moment is old or new.
    fn copy(&self) -> Result<Vec<u8>, KernelError> {
        let mut copy = Vec::new();
        copy.try_reserve_exact(self.length).map_err(|_| KernelError::memory(self.length))?;
        // SAFETY: readable by the promise of `new`; `copy` has room for `length` bytes, and all of them are set. No reference
        // to the memory is made, as another thread may write to it.
        unsafe {
            std::ptr::copy_nonoverlapping(self.start, copy.as_mut_ptr(), self.length);
            copy.set_len(self.length);
        }
        Ok(copy)
    }
}

/// A document.
#[derive(Debug)]
pub struct Document {
    source: Source,
    /// The encoding that headers name for the bytes.
    encoding: Option<&'static Encoding>,
    /// The URL of a response, if the kernel needs it.
    url: Option<Box<Url>>,
}

impl Document {
    /// A document without an encoding or a URL.
    pub fn new(source: Source) -> Self {
        Self { source, encoding: None, url: None }
    }

    /// A response's body or file, with the encoding that its headers name, and its URL if the kernel needs it.
    pub fn from_response(source: Source, encoding: Option<&'static Encoding>, url: Option<Url>) -> Self {
        Self { source, encoding, url: url.map(Box::new) }
    }

    /// The URL of a response.
    pub fn url(&self) -> Option<&Url> {
        self.url.as_deref()
    }

    /// The size in memory; 0 for a file, which is read with its own check for memory.
    fn size(&self) -> usize {
        match &self.source {
            Source::Bytes(bytes) | Source::Latin1(bytes) => bytes.len(),
            Source::Writable(writable) => writable.length,
            Source::Ucs2(units) => size_of_val(*units),
            Source::Ucs4(units) => size_of_val(*units),
            Source::Shared(bytes) => bytes.len(),
            Source::File(_) => 0,
        }
    }

    fn is_str(&self) -> bool {
        matches!(self.source, Source::Latin1(_) | Source::Ucs2(_) | Source::Ucs4(_))
    }

    /// The bytes; of text, its UTF-8.
    pub fn bytes(&self) -> Result<Cow<'_, [u8]>, KernelError> {
        Ok(match &self.source {
            Source::Bytes(bytes) => Cow::Borrowed(*bytes),
            Source::Shared(bytes) => Cow::Borrowed(bytes),
            Source::Writable(writable) => Cow::Owned(writable.copy()?),
            Source::File(path) => Cow::Owned(std::fs::read(path).map_err(|error| KernelError::file(path, &error))?),
            Source::Latin1(_) | Source::Ucs2(_) | Source::Ucs4(_) => match self.text()? {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            },
        })
    }

    /// The text, as `Response.text` has it: bytes that are invalid in the encoding become U+FFFD, a byte order mark is
    /// removed.
    pub fn text(&self) -> Result<Cow<'_, str>, KernelError> {
        check_room(self.size(), 4)?;
        self.decoded(charset::resolve)
    }

    /// The text of an HTML page, which may name its encoding itself.
    pub fn html(&self) -> Result<Cow<'_, str>, KernelError> {
        check_room(self.size(), 8)?;
        self.decoded(charset::html_encoding)
    }

    /// The UTF-8 of a JSON document, as `Response.json` reads it. Bytes that are in UTF-8 are not checked: the JSON kernels
    /// do that.
    pub fn json(&self) -> Result<Cow<'_, [u8]>, KernelError> {
        check_room(self.size(), 8)?;
        let bytes = self.bytes()?;
        if self.is_str() {
            return Ok(bytes);
        }
        Ok(match bytes {
            Cow::Borrowed(bytes) => charset::json_text(self.encoding, bytes),
            Cow::Owned(mut bytes) => {
                let length = match charset::json_text(self.encoding, &bytes) {
                    // All but a byte order mark.
                    Cow::Borrowed(text) => text.len(),
                    Cow::Owned(text) => return Ok(Cow::Owned(text)),
                };
                bytes.drain(..bytes.len() - length);
                Cow::Owned(bytes)
            }
        })
    }

    fn decoded(
        &self,
        encoding_of: fn(Option<&'static Encoding>, &[u8]) -> &'static Encoding,
    ) -> Result<Cow<'_, str>, KernelError> {
        Ok(match &self.source {
            Source::Latin1(bytes) => encoding_rs::mem::decode_latin1(bytes),
            Source::Ucs2(units) => Cow::Owned(from_ucs2(units)?),
            Source::Ucs4(units) => Cow::Owned(from_ucs4(units)?),
            _ => {
                let bytes = self.bytes()?;
                let encoding = encoding_of(self.encoding, &bytes);
                match bytes {
                    Cow::Borrowed(bytes) => encoding.decode_with_bom_removal(bytes).0,
                    Cow::Owned(bytes) => match encoding.decode_with_bom_removal(&bytes).0 {
                        // Valid UTF-8 without a mark.
                        Cow::Borrowed(text) if text.len() == bytes.len() => {
                            Cow::Owned(String::from_utf8(bytes).unwrap_or_default())
                        }
                        text => Cow::Owned(text.into_owned()),
                    },
                }
            }
        })
    }
}

/// The least memory that is checked.
const SMALL: usize = 8 << 20;

/// An error if there is no memory for `factor` times `bytes`. Most libraries abort the process when an allocation fails. What
/// a kernel needs grows with the document, so that much is allocated and freed before it begins: 5 µs, for large documents
/// only. Other threads may take the memory meanwhile, so this is no guarantee; it turns the usual case, a document too large
/// for a limit, into an error of that document.
pub(crate) fn check_room(bytes: usize, factor: usize) -> Result<(), KernelError> {
    let needed = bytes.saturating_mul(factor);
    if needed < SMALL {
        return Ok(());
    }
    let mut room: Vec<u8> = Vec::new();
    room.try_reserve_exact(needed).map_err(|_| KernelError::memory(needed))?;
    // The compiler may remove an allocation that is not used.
    black_box(&room);
    Ok(())
}

/// Characters that are checked together.
const RUN: usize = 64;

/// Characters that are converted together.
const PIECE: usize = 1024;

/// Converts with encoding_rs, a piece at a time through a small buffer: room for the longest text would be three times
/// what most texts need, and the result is known to be UTF-8.
fn from_ucs2(units: &[u16]) -> Result<String, KernelError> {
    let mut text = String::with_capacity(units.len().saturating_add(units.len() / 8));
    let mut buffer = "\0".repeat(3 * PIECE.min(units.len()));
    for piece in units.chunks(PIECE) {
        // In a `str` the halves of a surrogate pair are two characters that UTF-8 cannot represent. A loop without an early
        // exit becomes SIMD.
        if piece.iter().fold(false, |any, unit| any | (unit & 0xf800 == 0xd800)) {
            return Err(lone_surrogate());
        }
        let length = encoding_rs::mem::convert_utf16_to_str(piece, &mut buffer);
        text.push_str(buffer.get(..length).unwrap_or_default());
    }
    Ok(text)
}

/// Copies runs of ASCII together: texts of ASCII and one emoji are frequent.
fn from_ucs4(units: &[u32]) -> Result<String, KernelError> {
    let mut text = Vec::with_capacity(units.len().saturating_add(units.len() / 4));
    for run in units.chunks(RUN) {
        if run.iter().fold(0, |all, unit| all | unit) < 0x80 {
            text.extend(run.iter().map(|unit| *unit as u8));
            continue;
        }
        for unit in run {
            let character = char::from_u32(*unit).ok_or_else(lone_surrogate)?;
            text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    String::from_utf8(text).map_err(|error| KernelError::internal(error.to_string()))
}

fn lone_surrogate() -> KernelError {
    KernelError::value("the str has a lone surrogate, which UTF-8 cannot carry")
}

#[cfg(test)]
mod tests;
