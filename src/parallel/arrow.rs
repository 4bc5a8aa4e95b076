//! Arrow arrays of strings or bytes from other libraries, by Arrow's C data interface, as documents.
//!
//! The interface has pointers and no sizes of buffers: a producer answers for those, and for nothing else. Whatever can
//! be checked is checked before it is used: which buffers there are, that offsets neither go backwards nor below zero,
//! that views stay within the buffers they name. What is no text in a column of strings is found where a document is
//! decoded. Nothing is copied; 10 million values take 0.6 s, most of it to make the documents, without the GIL.

use std::ffi::{CStr, c_char};
use std::ops::Range;
use std::ptr::NonNull;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_schema::DataType;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use crate::bridge::detach::detached;
use shoal_kernels::document::{Document, Source};

/// Arrays of one type.
pub struct Arrays {
    layout: Layout,
    /// In order; none is released as long as it is here.
    pub chunks: Vec<FFI_ArrowArray>,
}

/// How the values of a type lie in memory.
#[derive(Clone, Copy)]
enum Layout {
    /// One buffer, and where each value starts, in 32 bits.
    Offsets32,
    /// The same in 64 bits.
    Offsets64,
    /// Short values in the table of views, others in one of several buffers.
    Views,
}

/// Why an array can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// A null, at this place.
    #[error("null")]
    Null(usize),
    /// It is not what the interface says.
    #[error("not a valid Arrow array: {0}")]
    Invalid(&'static str),
}

/// The values of an inline view, at most so many bytes.
const INLINE: usize = 12;

impl Arrays {
    /// What `docs` exports, as one array or as a stream of them.
    pub fn import(docs: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = docs.py();
        // pyarrow knows the sizes of its buffers and, if asked, compares the offsets with them: no value is looked at.
        if docs.get_type().module()?.to_str()?.starts_with("pyarrow") && docs.hasattr(intern!(py, "validate"))? {
            docs.call_method0(intern!(py, "validate"))?;
        }
        if docs.hasattr(intern!(py, "__arrow_c_array__"))? {
            let exported = docs.call_method0(intern!(py, "__arrow_c_array__"))?;
            let (schema, array) = exported
                .cast::<PyTuple>()?
                .extract::<(Bound<'_, PyCapsule>, Bound<'_, PyCapsule>)>()
                .map_err(|_| PyTypeError::new_err("docs: __arrow_c_array__ must return two capsules"))?;
            // SAFETY: the names are those that the interface gives to capsules of these structures.
            let (schema, array) = unsafe { (content::<FFI_ArrowSchema>(&schema)?, content(&array)?) };
            // SAFETY: the capsule, which is alive, owns the schema, and nobody releases it meanwhile: this thread is
            // attached and calls no Python code.
            let layout = Layout::of(unsafe { schema.as_ref() })?;
            // SAFETY: the capsule owns the array, too. It is moved out, as the interface wants it: its capsule is left a released one.
            let array = unsafe { FFI_ArrowArray::from_raw(array.as_ptr()) };
            return Ok(Self { layout, chunks: vec![unreleased(array)?] });
        }
        let capsule = docs.call_method0(intern!(py, "__arrow_c_stream__"))?;
        let capsule = capsule.cast::<PyCapsule>()?;
        // SAFETY: the name is that of capsules of streams; this one is alive and attached code alone takes it out. It is moved
        // out, as the interface wants it: its capsule is left a released one.
        let stream = unsafe { FFI_ArrowArrayStream::from_raw(content(capsule)?.as_ptr()) };
        Self::read(stream)
    }

    /// A stream to its end.
    fn read(mut stream: FFI_ArrowArrayStream) -> PyResult<Self> {
        let used = || PyValueError::new_err("docs: the Arrow stream was read already");
        let (Some(get_schema), Some(get_next), Some(_)) = (stream.get_schema, stream.get_next, stream.release) else {
            return Err(used());
        };
        let mut schema = FFI_ArrowSchema::empty();
        // SAFETY: a stream that is not released, whose callbacks take it and a place for the result.
        let code = unsafe { get_schema(&raw mut stream, &raw mut schema) };
        if code != 0 {
            return Err(failed(&mut stream, code));
        }
        let mut arrays = Self { layout: Layout::of(&schema)?, chunks: Vec::new() };
        loop {
            let mut array = FFI_ArrowArray::empty();
            // SAFETY: the stream is not released, and `array` is a place for the result.
            let code = unsafe { get_next(&raw mut stream, &raw mut array) };
            if code != 0 {
                return Err(failed(&mut stream, code));
            }
            if array.is_released() {
                return Ok(arrays);
            }
            arrays.chunks.push(array);
        }
    }

    /// A document of each value, in order. Its memory is there for as long as the chunks are.
    pub fn documents(&self, py: Python<'_>) -> Result<Vec<Document>, (usize, Unfit)> {
        detached(py, || {
            let mut values = Vec::new();
            for array in &self.chunks {
                let before = values.len();
                Chunk::new(array).and_then(|chunk| chunk.values(self.layout, &mut values)).map_err(|unfit| {
                    let place = if let Unfit::Null(place) = unfit { before + place } else { before };
                    (place, unfit)
                })?;
            }
            Ok(values)
        })
    }
}

/// The structure in a capsule of Arrow's.
///
/// # Safety
/// `T` must be the structure that capsules of this name have in them.
unsafe fn content<T: Named>(capsule: &Bound<'_, PyCapsule>) -> PyResult<NonNull<T>> {
    let wrong = || PyTypeError::new_err(format!("docs: not a capsule of Arrow's C interface ({:?} wanted)", T::NAME));
    Ok(capsule.pointer_checked(Some(T::NAME)).map_err(|_| wrong())?.cast())
}

trait Named {
    const NAME: &'static CStr;
}

impl Named for FFI_ArrowSchema {
    const NAME: &'static CStr = c"arrow_schema";
}

impl Named for FFI_ArrowArray {
    const NAME: &'static CStr = c"arrow_array";
}

impl Named for FFI_ArrowArrayStream {
    const NAME: &'static CStr = c"arrow_array_stream";
}

fn unreleased(array: FFI_ArrowArray) -> PyResult<FFI_ArrowArray> {
    if array.is_released() {
        return Err(PyValueError::new_err("docs: the Arrow array was taken out of its capsule already"));
    }
    Ok(array)
}

/// What a stream says of its failure, or else the system's words for its code.
fn failed(stream: &mut FFI_ArrowArrayStream, code: i32) -> PyErr {
    // SAFETY: the stream is not released, and its last call has failed, which is when this one may be made.
    let said = stream.get_last_error.map_or(std::ptr::null(), |last_error| unsafe { last_error(stream) });
    // SAFETY: a string that is there until the next call.
    let said = unsafe { text(said) };
    let said = said.unwrap_or_else(|| std::io::Error::from_raw_os_error(code).to_string());
    PyValueError::new_err(format!("docs: the Arrow stream failed: {said}"))
}

/// # Safety
/// `start` must be null or a string that ends with a zero byte.
unsafe fn text(start: *const c_char) -> Option<String> {
    // SAFETY: the caller's promise.
    (!start.is_null()).then(|| unsafe { CStr::from_ptr(start) }.to_string_lossy().into_owned())
}

impl Layout {
    fn of(schema: &FFI_ArrowSchema) -> PyResult<Self> {
        if schema.release.is_none() || schema.format.is_null() {
            return Err(PyValueError::new_err("docs: the Arrow schema was released already"));
        }
        // SAFETY: of a schema that is not released, the format is a string.
        let format = unsafe { text(schema.format) }.unwrap_or_default();
        match format.as_str() {
            _ if !schema.dictionary.is_null() => {}
            "u" | "z" => return Ok(Self::Offsets32),
            "U" | "Z" => return Ok(Self::Offsets64),
            "vu" | "vz" => return Ok(Self::Views),
            _ => {}
        }
        let kind = DataType::try_from(schema).map_or(format, |kind| kind.to_string());
        Err(PyTypeError::new_err(format!("docs must be an array of strings or bytes, not of {kind}")))
    }
}

/// An array that is not released, and which of its values are meant.
struct Chunk<'a> {
    array: &'a FFI_ArrowArray,
    range: Range<usize>,
}

impl<'a> Chunk<'a> {
    fn new(array: &'a FFI_ArrowArray) -> Result<Self, Unfit> {
        let invalid = Unfit::Invalid("its length or offset is no number of values");
        let (Ok(start), Ok(length)) = (usize::try_from(array.offset), usize::try_from(array.length)) else {
            return Err(invalid);
        };
        // No array has more bytes than a pointer reaches, and a value takes four at least.
        let end = start.checked_add(length).filter(|end| *end < isize::MAX as usize / size_of::<u128>());
        Ok(Self { array, range: start..end.ok_or(invalid)? })
    }

    fn values(&self, layout: Layout, values: &mut Vec<Document>) -> Result<(), Unfit> {
        values.try_reserve(self.range.len()).map_err(|_| Unfit::Invalid("no memory for so many values"))?;
        if self.range.is_empty() {
            return Ok(());
        }
        self.no_nulls()?;
        match layout {
            Layout::Offsets32 => self.by_offsets::<i32>(values),
            Layout::Offsets64 => self.by_offsets::<i64>(values),
            Layout::Views => self.views(values),
        }
    }

    /// The start of a buffer, which there must be.
    fn buffer(&self, index: usize) -> Result<*const u8, Unfit> {
        let start = self.optional(index)?;
        if start.is_null() { Err(Unfit::Invalid("a buffer is missing")) } else { Ok(start) }
    }

    /// The start of a buffer, which may be null.
    fn optional(&self, index: usize) -> Result<*const u8, Unfit> {
        let count = usize::try_from(self.array.n_buffers).unwrap_or(0);
        if self.array.buffers.is_null() || index >= count {
            return Err(Unfit::Invalid("a buffer is missing"));
        }
        // SAFETY: `buffers` has `n_buffers` pointers, by the interface.
        Ok(unsafe { self.array.buffers.add(index).read_unaligned() }.cast())
    }

    fn no_nulls(&self) -> Result<(), Unfit> {
        let bits = self.optional(0)?;
        if self.array.null_count == 0 || bits.is_null() {
            return Ok(());
        }
        for place in self.range.clone() {
            // SAFETY: a bitmap has a bit for each value up to the end of the range, by the interface.
            let byte = unsafe { bits.add(place / 8).read() };
            if byte >> (place % 8) & 1 == 0 {
                return Err(Unfit::Null(place - self.range.start));
            }
        }
        Ok(())
    }

    fn by_offsets<O: Offset>(&self, values: &mut Vec<Document>) -> Result<(), Unfit> {
        let (offsets, data) = (self.buffer(1)?.cast::<O>(), self.optional(2)?);
        // SAFETY: there is an offset for each value up to the end of the range, and one more, by the interface.
        let at = |place: usize| unsafe { offsets.add(place).read_unaligned() }.place();
        let mut start = at(self.range.start)?;
        for place in self.range.clone() {
            let end = at(place + 1)?;
            if end < start {
                return Err(Unfit::Invalid("its offsets go backwards"));
            }
            values.push(borrow(data, start, end - start)?);
            start = end;
        }
        Ok(())
    }

    fn views(&self, values: &mut Vec<Document>) -> Result<(), Unfit> {
        let count = usize::try_from(self.array.n_buffers).unwrap_or(0);
        // Nulls and views before them, and their lengths behind.
        let data = count.checked_sub(3).ok_or(Unfit::Invalid("a buffer is missing"))?;
        let mut buffers = Vec::with_capacity(data.min(1024));
        for index in 0..data {
            // SAFETY: the last buffer has a length for each of the data, by the interface.
            let length = unsafe { self.buffer(count - 1)?.cast::<i64>().add(index).read_unaligned() };
            let length = usize::try_from(length).map_err(|_| Unfit::Invalid("a buffer has a length below zero"))?;
            buffers.push((self.optional(index + 2)?, length));
        }
        let views = self.buffer(1)?.cast::<[u8; 16]>();
        for place in self.range.clone() {
            // SAFETY: there is a view for each value up to the end of the range, by the interface.
            let (view, here) = unsafe { (views.add(place).read(), views.add(place).cast::<u8>()) };
            let [a, b, c, d, _, _, _, _, i, j, k, l, m, n, o, p] = view;
            let number = |bytes| usize::try_from(i32::from_ne_bytes(bytes)).map_err(|_| OUTSIDE);
            let length = number([a, b, c, d])?;
            if length <= INLINE {
                values.push(borrow(here, 4, length)?);
                continue;
            }
            let (start, size) = buffers.get(number([i, j, k, l])?).ok_or(OUTSIDE)?;
            let offset = number([m, n, o, p])?;
            if offset.saturating_add(length) > *size {
                return Err(OUTSIDE);
            }
            values.push(borrow(*start, offset, length)?);
        }
        Ok(())
    }
}

const OUTSIDE: Unfit = Unfit::Invalid("a view is outside of its buffer");

/// An offset as the place that it is.
trait Offset: Copy {
    fn place(self) -> Result<usize, Unfit>;
}

const BELOW_ZERO: Unfit = Unfit::Invalid("an offset is below zero");

impl Offset for i32 {
    fn place(self) -> Result<usize, Unfit> {
        usize::try_from(self).map_err(|_| BELOW_ZERO)
    }
}

impl Offset for i64 {
    fn place(self) -> Result<usize, Unfit> {
        usize::try_from(self).map_err(|_| BELOW_ZERO)
    }
}

/// A document of `length` bytes of a buffer.
fn borrow(data: *const u8, start: usize, length: usize) -> Result<Document, Unfit> {
    if length == 0 {
        return Ok(Document::new(Source::Bytes(&[])));
    }
    if data.is_null() {
        return Err(Unfit::Invalid("a buffer is missing"));
    }
    // SAFETY: the producer answers for a buffer that reaches to its last offset, or as far as its length says, and for
    // its contents: nobody changes an array that was given away. It is there until the array is released; whoever uses
    // the bytes holds the array until then (`documents.rs`).
    Ok(Document::new(Source::Bytes(unsafe { std::slice::from_raw_parts(data.add(start), length) })))
}
