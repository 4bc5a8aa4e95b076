//! Arrow arrays of strings or bytes as documents, through Arrow's C data interface.
//!
//! The interface passes pointers to buffers without their sizes. The producer answers for the sizes that the interface
//! prescribes; every offset, view and null is checked against those before it is used. Text is checked where a document
//! is decoded. Nothing is copied: 10 million values take 0.6 s, most of it to make the documents.

use std::ffi::{CStr, c_char};
use std::ops::Range;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_schema::DataType;

use crate::document::{Document, Source};

/// The longest value that lies in its view.
const INLINE: usize = 12;

/// Arrays of one type.
pub struct ArrowArrays {
    layout: Layout,
    chunks: Vec<FFI_ArrowArray>,
}

/// Why Arrow data cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArrowError {
    /// Values of this type are neither strings nor bytes.
    #[error("an array of {0}")]
    Type(String),
    /// The value at this index is null.
    #[error("a null at {0}")]
    Null(usize),
    /// The data is not what the interface prescribes.
    #[error("{0}")]
    Invalid(String),
}

fn invalid(what: &str) -> ArrowError {
    ArrowError::Invalid(format!("not a valid Arrow array: {what}"))
}

const MISSING: &str = "a buffer is missing";
const BELOW_ZERO: &str = "an offset is below zero";
const OUTSIDE: &str = "a view is outside of its buffer";

impl ArrowArrays {
    /// One array of the type that `schema` describes.
    ///
    /// # Safety
    /// Both must be as the C data interface prescribes: the format a C string, `buffers` as many pointers as `n_buffers`
    /// says, each null or valid for the prescribed size. The same holds for arrays that a producer has released.
    pub unsafe fn from_array(schema: &FFI_ArrowSchema, array: FFI_ArrowArray) -> Result<Self, ArrowError> {
        // SAFETY: the schema is as prescribed.
        let layout = unsafe { Layout::new(schema) }?;
        if array.is_released() {
            return Err(ArrowError::Invalid("the Arrow array was taken out of its capsule already".into()));
        }
        Ok(Self { layout, chunks: vec![array] })
    }

    /// All arrays of a stream.
    ///
    /// # Safety
    /// The stream, and what it returns, must be as the C stream and data interfaces prescribe.
    pub unsafe fn from_stream(mut stream: FFI_ArrowArrayStream) -> Result<Self, ArrowError> {
        let (Some(get_schema), Some(get_next), Some(_)) = (stream.get_schema, stream.get_next, stream.release) else {
            return Err(ArrowError::Invalid("the Arrow stream was read already".into()));
        };
        let mut schema = FFI_ArrowSchema::empty();
        // SAFETY: a stream that is not released takes itself and a place for the result.
        let code = unsafe { get_schema(&raw mut stream, &raw mut schema) };
        check_stream(&mut stream, code)?;
        // SAFETY: the stream made the schema.
        let layout = unsafe { Layout::new(&schema) }?;
        let mut chunks = Vec::new();
        loop {
            let mut array = FFI_ArrowArray::empty();
            // SAFETY: a stream that is not released takes itself and a place for the result.
            let code = unsafe { get_next(&raw mut stream, &raw mut array) };
            check_stream(&mut stream, code)?;
            if array.is_released() {
                return Ok(Self { layout, chunks });
            }
            chunks.push(array);
        }
    }

    /// A document for each value, in order.
    ///
    /// # Safety
    /// The documents must not be used after `self` is dropped, which owns their memory.
    pub unsafe fn documents(&self) -> Result<Vec<Document>, ArrowError> {
        let mut documents = Vec::new();
        for array in &self.chunks {
            let range = range(array)?;
            documents.try_reserve(range.len()).map_err(|_| invalid("no memory for its values"))?;
            if range.is_empty() {
                continue;
            }
            // SAFETY: `array` came from `from_array` or `from_stream`, and outlives the documents.
            let buffers = unsafe { Buffers::new(array, self.layout, range.end) }?;
            buffers.read(self.layout, range, &mut documents)?;
        }
        Ok(documents)
    }
}

/// An error if the code of the last call is not 0: the stream's own message, or else the system's for the code.
fn check_stream(stream: &mut FFI_ArrowArrayStream, code: i32) -> Result<(), ArrowError> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: the stream is not released, and its last call has failed: then it may be asked for a message, a C string
    // that is valid until the next call.
    let message = unsafe { stream.get_last_error.and_then(|last_error| text(last_error(stream))) };
    let message = message.unwrap_or_else(|| std::io::Error::from_raw_os_error(code).to_string());
    Err(ArrowError::Invalid(format!("the Arrow stream failed: {message}")))
}

/// # Safety
/// `start` must be null or a C string.
unsafe fn text(start: *const c_char) -> Option<String> {
    // SAFETY: the caller's promise.
    (!start.is_null()).then(|| unsafe { CStr::from_ptr(start) }.to_string_lossy().into_owned())
}

/// How the values of a type lie in memory.
#[derive(Clone, Copy)]
enum Layout {
    /// One buffer of bytes, and the offset of each value, an integer of this many bytes.
    Offsets(usize),
    /// Short values in a table of views, others in one of several buffers.
    Views,
}

impl Layout {
    /// # Safety
    /// The format must be null or a C string, unless the schema is released.
    unsafe fn new(schema: &FFI_ArrowSchema) -> Result<Self, ArrowError> {
        let released = || ArrowError::Invalid("the Arrow schema was released already".into());
        schema.release.ok_or_else(released)?;
        // SAFETY: the schema is not released; the rest is the caller's promise.
        let format = unsafe { text(schema.format) }.ok_or_else(released)?;
        match format.as_str() {
            _ if !schema.dictionary.is_null() => {}
            "u" | "z" => return Ok(Self::Offsets(size_of::<i32>())),
            "U" | "Z" => return Ok(Self::Offsets(size_of::<i64>())),
            "vu" | "vz" => return Ok(Self::Views),
            _ => {}
        }
        // arrow-schema panics at a format that is not UTF-8.
        let known = (!format.contains(char::REPLACEMENT_CHARACTER)).then(|| DataType::try_from(schema).ok()).flatten();
        Err(ArrowError::Type(known.map_or(format, |kind| kind.to_string())))
    }
}

/// The values of an array, of all that its buffers have.
fn range(array: &FFI_ArrowArray) -> Result<Range<usize>, ArrowError> {
    let invalid = || invalid("its length or offset is no number of values");
    let (Ok(start), Ok(length)) = (usize::try_from(array.offset), usize::try_from(array.length)) else {
        return Err(invalid());
    };
    // A value takes four bytes at least, and no buffer has more than `isize::MAX`.
    let end = start.checked_add(length).filter(|end| *end < isize::MAX as usize / size_of::<u128>());
    Ok(start..end.ok_or_else(invalid)?)
}

/// The buffers of an array, each as long as the interface prescribes.
struct Buffers {
    /// A bit for each value; 0 is a null. `None` if there are no nulls.
    validity: Option<&'static [u8]>,
    /// The offsets or views.
    table: &'static [u8],
    data: Vec<&'static [u8]>,
}

impl Buffers {
    /// The buffers of an array with `end` values, 1 or more, those before its offset included.
    ///
    /// # Safety
    /// `array` must be as the C data interface prescribes, and must not be dropped before the last use of the buffers.
    unsafe fn new(array: &FFI_ArrowArray, layout: Layout, end: usize) -> Result<Self, ArrowError> {
        let count = usize::try_from(array.n_buffers).unwrap_or(0);
        let optional = |index: usize, length: usize| {
            if array.buffers.is_null() || index >= count || isize::try_from(length).is_err() {
                return Err(invalid(MISSING));
            }
            // SAFETY: `buffers` has `count` pointers, each null or valid for the size that the interface prescribes, which
            // every call below passes: a bit for each value; an offset for each value and one more, or a view for each;
            // as many bytes as the last offset says; a length for each buffer of the views; that length.
            unsafe {
                let start = array.buffers.add(index).read_unaligned().cast::<u8>();
                Ok((!start.is_null()).then(|| std::slice::from_raw_parts(start, length)))
            }
        };
        let required = |index: usize, length: usize| match optional(index, length)? {
            None if length > 0 => Err(invalid(MISSING)),
            buffer => Ok(buffer.unwrap_or_default()),
        };
        let validity = if array.null_count == 0 { None } else { optional(0, end.div_ceil(8))? };
        let (table, data) = match layout {
            Layout::Offsets(size) => {
                let table = required(1, (end + 1) * size)?;
                let last = table.get(end * size..).and_then(offset).ok_or_else(|| invalid(BELOW_ZERO))?;
                (table, vec![required(2, last)?])
            }
            Layout::Views => {
                // Two buffers before those of the data, and their lengths behind them.
                let missing = || invalid(MISSING);
                let lengths = count.checked_sub(1).ok_or_else(missing)?;
                let table = required(lengths, lengths.checked_sub(2).ok_or_else(missing)? * size_of::<i64>())?;
                let length = |bytes| offset(bytes).ok_or_else(|| invalid("a buffer has a length below zero"));
                let data = table.chunks_exact(size_of::<i64>()).enumerate();
                let data = data.map(|(index, bytes)| required(index + 2, length(bytes)?)).collect::<Result<_, _>>()?;
                (required(1, end * size_of::<u128>())?, data)
            }
        };
        Ok(Self { validity, table, data })
    }

    /// Appends a document for each value in the range.
    fn read(&self, layout: Layout, range: Range<usize>, documents: &mut Vec<Document>) -> Result<(), ArrowError> {
        if let Some(validity) = self.validity {
            let is_null = |at: &usize| validity.get(at / 8).is_none_or(|byte| byte >> (at % 8) & 1 == 0);
            if let Some(at) = range.clone().find(is_null) {
                return Err(ArrowError::Null(documents.len() + at - range.start));
            }
        }
        match layout {
            Layout::Offsets(size) => self.by_offsets(range, size, documents),
            Layout::Views => self.by_views(range, documents),
        }
    }

    fn by_offsets(&self, range: Range<usize>, size: usize, documents: &mut Vec<Document>) -> Result<(), ArrowError> {
        let data = self.data.first().copied().unwrap_or_default();
        let offsets = self.table.chunks_exact(size).skip(range.start).take(range.len() + 1);
        let mut offsets = offsets.map(|bytes| offset(bytes).ok_or_else(|| invalid(BELOW_ZERO)));
        let mut start = offsets.next().transpose()?.unwrap_or(0);
        for end in offsets {
            let end = end?;
            let value = data.get(start..end).ok_or_else(|| invalid("its offsets go backwards"))?;
            documents.push(Document::new(Source::Bytes(value)));
            start = end;
        }
        Ok(())
    }

    fn by_views(&self, range: Range<usize>, documents: &mut Vec<Document>) -> Result<(), ArrowError> {
        for view in self.table.as_chunks::<16>().0.get(range).unwrap_or_default() {
            let number = |at: usize| view.get(at..at + size_of::<i32>()).and_then(offset);
            let value = match number(0) {
                Some(length @ ..=INLINE) => view.get(4..4 + length),
                Some(length) => {
                    let data = number(8).and_then(|buffer| self.data.get(buffer)).zip(number(12));
                    data.and_then(|(data, start)| data.get(start..start.checked_add(length)?))
                }
                None => None,
            };
            documents.push(Document::new(Source::Bytes(value.ok_or_else(|| invalid(OUTSIDE))?)));
        }
        Ok(())
    }
}

/// A number of 32 or 64 bits; `None` if it is below zero.
fn offset(bytes: &[u8]) -> Option<usize> {
    match bytes.first_chunk() {
        Some(eight) => usize::try_from(i64::from_ne_bytes(*eight)).ok(),
        None => usize::try_from(i32::from_ne_bytes(*bytes.first_chunk()?)).ok(),
    }
}

const _: () = assert!(INLINE == size_of::<u128>() - size_of::<i32>());

#[cfg(test)]
mod tests;
