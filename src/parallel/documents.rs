//! The argument `docs` as documents. Memory that can neither move nor change is borrowed. Memory that may change meanwhile
//! (a `bytearray`, a NumPy array, a mapped file, and read-only views of them) is kept in place and copied on the pool.

use std::ffi::CStr;
use std::ptr::NonNull;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::string::PyStringData;
use pyo3::types::{PyByteArray, PyBytes, PyCapsule, PyList, PyMapping, PyMemoryView, PyString, PyTuple};

use super::arguments::WANTED;
use super::borrowed_buffers::BorrowedBuffers;
use super::column::PyColumn;
use crate::arguments::scalars::{path, type_name};
use crate::bridge::detach::detached;
use crate::http::body::BodyBytes;
use crate::http::response::PyResponse;
use shoal_kernels::arrow::{ArrowArrays, ArrowError};
use shoal_kernels::content_type::charset;
use shoal_kernels::document::{Document, Source, Writable};

/// A batch of documents and the owners of their memory.
#[derive(Default)]
pub struct Documents {
    pub list: Vec<Document>,
    /// The owners of the documents' memory, to be kept until the batch ends.
    pub buffers: BorrowedBuffers,
    with_urls: bool,
}

/// Reads `docs`: an iterable of documents, or an Arrow or NumPy array of them. `with_urls`: whether the kernel needs the
/// URLs of responses.
pub fn documents_from(docs: &Bound<'_, PyAny>, with_urls: bool) -> PyResult<Documents> {
    let mut documents = Documents { with_urls, ..Documents::default() };
    if let Ok(list) = docs.cast::<PyList>() {
        documents.list.reserve(list.len());
        documents.buffers.objects.reserve(list.len());
        for item in list {
            documents.add(&item)?;
        }
        return Ok(documents);
    }
    if is_document(docs)? {
        let kind = type_name(docs);
        return Err(PyTypeError::new_err(format!("docs must be an iterable of documents, not a single {kind}")));
    }
    let py = docs.py();
    if docs.hasattr(intern!(py, "__arrow_c_array__"))? || docs.hasattr(intern!(py, "__arrow_c_stream__"))? {
        documents.add_arrow(docs)?;
        return Ok(documents);
    }
    let wrong = |error: PyErr| {
        if docs.hasattr("__aiter__").unwrap_or(false) {
            return PyTypeError::new_err("docs is an async iterable: collect it first");
        }
        let renamed = PyTypeError::new_err(format!("docs must be an iterable of documents, not {}", type_name(docs)));
        renamed.set_cause(py, Some(error));
        renamed
    };
    for item in docs.try_iter().map_err(wrong)? {
        documents.add(&item?)?;
    }
    Ok(documents)
}

/// Whether it is a single document, or a mapping, whose keys are hardly meant.
fn is_document(docs: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(docs.is_instance_of::<PyString>()
        || docs.is_instance_of::<PyBytes>()
        || docs.is_instance_of::<PyByteArray>()
        || docs.is_instance_of::<PyResponse>()
        || docs.cast::<PyMapping>().is_ok()
        || docs.is_instance_of::<PyMemoryView>()
        || docs.hasattr(intern!(docs.py(), "__fspath__"))?)
}

impl Documents {
    fn add(&mut self, item: &Bound<'_, PyAny>) -> PyResult<()> {
        let document = if let Ok(text) = item.cast::<PyString>() {
            self.text(text)?
        } else if let Ok(bytes) = item.cast::<PyBytes>() {
            self.buffers.objects.push(item.clone().unbind());
            // SAFETY: `bytes` never change or move, and `buffers` keeps the object as long as the document.
            Document::new(Source::Bytes(unsafe { forever(bytes.as_bytes()) }))
        } else if let Ok(response) = item.cast::<PyResponse>() {
            response.get().document(item.py(), self.with_urls, &mut self.buffers)
        } else {
            self.other(item)?
        };
        self.list.push(document);
        Ok(())
    }

    fn text(&mut self, text: &Bound<'_, PyString>) -> PyResult<Document> {
        self.buffers.objects.push(text.clone().unbind().into_any());
        // SAFETY: attached, and `text` is a `str`, whose layout the bindings of this version of Python describe. The layout of
        // its bit fields is the C compiler's: tested on each platform with wheels (tests/test_parallel_documents.py).
        let data = unsafe { text.data()? };
        // SAFETY: a `str` never changes or moves, and `buffers` keeps the object as long as the document.
        let source = unsafe {
            match data {
                PyStringData::Ucs1(units) => Source::Latin1(forever(units)),
                PyStringData::Ucs2(units) => Source::Ucs2(forever(units)),
                PyStringData::Ucs4(units) => Source::Ucs4(forever(units)),
            }
        };
        Ok(Document::new(source))
    }

    fn other(&mut self, item: &Bound<'_, PyAny>) -> PyResult<Document> {
        let index = self.list.len();
        if item.hasattr(intern!(item.py(), "__fspath__"))? {
            let path = path(&format!("docs[{index}]"), "be a path", item)?;
            return Ok(Document::new(Source::File(path)));
        }
        // A NumPy scalar has a buffer too, of no dimension.
        let buffer = PyUntypedBuffer::get(item).ok().filter(|buffer| buffer.dimensions() > 0);
        let Some(buffer) = buffer else {
            return Err(PyTypeError::new_err(format!("docs[{index}] must be {WANTED}, not {}", type_name(item))));
        };
        let format = buffer.format().to_bytes();
        if !is_plain(format) {
            let (kind, format) = (type_name(item), String::from_utf8_lossy(format));
            let message = format!("docs[{index}] must be {WANTED}, not {kind} with items of format {format:?}");
            return Err(PyTypeError::new_err(message));
        }
        if !buffer.is_c_contiguous() {
            let message = format!("docs[{index}] must be contiguous in memory: {} is not", type_name(item));
            return Err(PyValueError::new_err(message));
        }
        let (start, length) = (buffer.buf_ptr().cast::<u8>().cast_const(), buffer.len_bytes());
        let source = if length == 0 {
            Source::Bytes(&[])
        } else if is_view_of_constant(item)? {
            // SAFETY: the export is `length` contiguous bytes, valid until it is released; `buffers` keeps it as long as the
            // document. The owner never changes the memory.
            Source::Bytes(unsafe { forever(std::slice::from_raw_parts(start, length)) })
        } else {
            // SAFETY: the export is `length` contiguous bytes, valid until it is released; `buffers` keeps it as long as the
            // document.
            Source::Writable(unsafe { Writable::new(start, length) })
        };
        self.buffers.buffers.push(buffer);
        Ok(Document::new(source))
    }

    fn add_arrow(&mut self, docs: &Bound<'_, PyAny>) -> PyResult<()> {
        let arrays = arrow_arrays(docs)?;
        // SAFETY: `buffers` keeps the arrays as long as the batch uses the documents.
        let documents = detached(docs.py(), || unsafe { arrays.documents() });
        self.list = documents.map_err(arrow_error)?;
        self.buffers.arrays = Some(arrays);
        Ok(())
    }
}

/// Whether items of this format are bytes or numbers. Text (`w`), objects (`O`), pointers and records are not documents.
fn is_plain(format: &[u8]) -> bool {
    let item = match format {
        [b'@' | b'=' | b'<' | b'>' | b'!' | b'|' | b'Z', item @ ..] => item,
        item => item,
    };
    matches!(
        item,
        [] | [b'?' | b'c' | b'b' | b'B' | b'h' | b'H' | b'i' | b'I' | b'l' | b'L' | b'q' | b'Q']
            | [b'n' | b'N' | b'e' | b'f' | b'd' | b'g']
    )
}

/// Whether it is a view of memory that never changes. A read-only view does not tell: the `bytearray`, array or file
/// behind it may change.
fn is_view_of_constant(item: &Bound<'_, PyAny>) -> PyResult<bool> {
    if item.is_instance_of::<PyColumn>() {
        return Ok(true);
    }
    if !item.is_exact_instance_of::<PyMemoryView>() {
        return Ok(false);
    }
    let owner = item.getattr(intern!(item.py(), "obj"))?;
    Ok(owner.is_exact_instance_of::<PyBytes>()
        || owner.is_instance_of::<PyResponse>()
        || owner.is_instance_of::<PyColumn>())
}

/// # Safety
/// The memory must stay valid and unchanged as long as the result is used.
unsafe fn forever<T>(borrowed: &[T]) -> &'static [T] {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(borrowed.as_ptr(), borrowed.len()) }
}

impl PyResponse {
    /// The body, or the file it was saved to, as a document.
    fn document(&self, py: Python<'_>, with_url: bool, buffers: &mut BorrowedBuffers) -> Document {
        let source = match (&self.response.path, self.body.bytes(py)) {
            (Some(path), _) => Source::File(path.clone()),
            (None, BodyBytes::Rust(bytes)) => Source::Shared(bytes),
            (None, BodyBytes::Python(bytes)) => {
                // SAFETY: `bytes` never change or move, and `buffers` keeps the object as long as the document.
                let source = Source::Bytes(unsafe { forever(bytes.as_bytes(py)) });
                buffers.objects.push(bytes.into_any());
                source
            }
        };
        let url = with_url.then(|| self.response.url().clone());
        Document::from_response(source, charset(self.content_type()), url)
    }
}

/// The arrays that `docs` exports, as one array or as a stream.
fn arrow_arrays(docs: &Bound<'_, PyAny>) -> PyResult<ArrowArrays> {
    let py = docs.py();
    // pyarrow knows the sizes of its buffers and compares the offsets with them when asked; it reads no value.
    if docs.get_type().module()?.to_str()?.starts_with("pyarrow") && docs.hasattr(intern!(py, "validate"))? {
        docs.call_method0(intern!(py, "validate"))?;
    }
    let arrays = if docs.hasattr(intern!(py, "__arrow_c_array__"))? {
        let exported = docs.call_method0(intern!(py, "__arrow_c_array__"))?;
        let (schema, array) = exported
            .cast::<PyTuple>()?
            .extract::<(Bound<'_, PyCapsule>, Bound<'_, PyCapsule>)>()
            .map_err(|_| PyTypeError::new_err("docs: __arrow_c_array__ must return two capsules"))?;
        let (schema, array) = (content::<FFI_ArrowSchema>(&schema, c"arrow_schema")?, content(&array, c"arrow_array")?);
        // SAFETY: both capsules are alive and have the names of these structures. This thread is attached and calls no Python
        // code, so no other thread uses them meanwhile. The array is moved out, as the interface prescribes: the capsule
        // keeps a released one. What the structures point to, their producer answers for.
        unsafe { ArrowArrays::from_array(schema.as_ref(), FFI_ArrowArray::from_raw(array.as_ptr())) }
    } else {
        let capsule = docs.call_method0(intern!(py, "__arrow_c_stream__"))?;
        let stream = content::<FFI_ArrowArrayStream>(capsule.cast::<PyCapsule>()?, c"arrow_array_stream")?;
        // SAFETY: the capsule is alive and has the name of this structure, and only this attached thread uses it. The stream
        // is moved out, as the interface prescribes: the capsule keeps a released one. Its producer answers for it.
        unsafe { ArrowArrays::from_stream(FFI_ArrowArrayStream::from_raw(stream.as_ptr())) }
    };
    arrays.map_err(arrow_error)
}

/// A pointer to the structure in a capsule of this name.
fn content<T>(capsule: &Bound<'_, PyCapsule>, name: &CStr) -> PyResult<NonNull<T>> {
    let wrong = || PyTypeError::new_err(format!("docs: not a capsule of Arrow's C interface ({name:?} wanted)"));
    Ok(capsule.pointer_checked(Some(name)).map_err(|_| wrong())?.cast())
}

/// The exception for an array that cannot be read.
fn arrow_error(error: ArrowError) -> PyErr {
    match error {
        ArrowError::Type(kind) => {
            PyTypeError::new_err(format!("docs must be an array of strings or bytes, not of {kind}"))
        }
        ArrowError::Null(index) => {
            PyTypeError::new_err(format!("docs[{index}] must be {WANTED}, not null; leave nulls out"))
        }
        ArrowError::Invalid(message) => PyValueError::new_err(format!("docs: {message}")),
    }
}
