//! The argument `docs`: borrowed where the memory cannot move or change. What somebody may change meanwhile (a `bytearray`,
//! a NumPy array, a mapped file, and read-only views of them) is held in its place and copied on the pool.

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::string::PyStringData;
use pyo3::types::{PyBytes, PyList, PyMapping, PyMemoryView, PyString};

use super::arrow::{Arrays, Unfit};
use super::borrowed_buffers::BorrowedBuffers;
use super::column::PyColumn;
use crate::arguments::scalars::{path, type_name};
use crate::http::body::BodyBytes;
use crate::http::response::PyResponse;
use shoal_kernels::content_type::charset;
use shoal_kernels::document::{Document, Source, Writable};

/// A batch of documents and what lends their memory.
#[derive(Default)]
pub struct Documents {
    /// In order.
    pub list: Vec<Document>,
    /// To be lent to the batch.
    pub held: BorrowedBuffers,
    urls: bool,
}

const WANTED: &str = "str, bytes, a bytes-like object, a path or a shoal.Response";

/// `docs`: an iterable of documents, or an Arrow or NumPy array of them. `urls`: whether those of responses are wanted.
pub fn documents_from(docs: &Bound<'_, PyAny>, urls: bool) -> PyResult<Documents> {
    let mut documents = Documents { urls, ..Documents::default() };
    if let Ok(list) = docs.cast::<PyList>() {
        documents.list.reserve(list.len());
        documents.held.objects.reserve(list.len());
        for item in list {
            documents.add(&item)?;
        }
        return Ok(documents);
    }
    if is_one(docs)? {
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

/// Whether it is a document itself, or a mapping, whose keys nobody means.
fn is_one(docs: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(docs.is_instance_of::<PyString>()
        || docs.is_instance_of::<PyBytes>()
        || docs.is_instance_of::<pyo3::types::PyByteArray>()
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
            self.held.objects.push(item.clone().unbind());
            // SAFETY: `bytes` never change or move, and the object is held as long as the document.
            Document::new(Source::Bytes(unsafe { forever(bytes.as_bytes()) }))
        } else if let Ok(response) = item.cast::<PyResponse>() {
            response.get().document(item.py(), self.urls, &mut self.held)
        } else {
            self.other(item)?
        };
        self.list.push(document);
        Ok(())
    }

    fn text(&mut self, text: &Bound<'_, PyString>) -> PyResult<Document> {
        self.held.objects.push(text.clone().unbind().into_any());
        // SAFETY: attached, and `text` is a `str`, whose head the bindings of this version of Python describe. Its bit fields
        // are C's to lay out: tested on the platforms that wheels are made for (tests/test_parallel_documents.py).
        let data = unsafe { text.data()? };
        // SAFETY: a `str` never changes or moves, and the object is held as long as the document.
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
        // A NumPy number has a buffer too, of no dimension.
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
            // SAFETY: exported for `length` contiguous bytes as long as the buffer is held, as long as the document. The
            // owner of the memory never changes it.
            Source::Bytes(unsafe { forever(std::slice::from_raw_parts(start, length)) })
        } else {
            // SAFETY: exported for `length` contiguous bytes as long as the buffer is held, as long as the document. Changes
            // are what `Writable` expects.
            Source::Writable(unsafe { Writable::new(start, length) })
        };
        self.held.buffers.push(buffer);
        Ok(Document::new(source))
    }

    fn add_arrow(&mut self, docs: &Bound<'_, PyAny>) -> PyResult<()> {
        let arrays = Arrays::import(docs)?;
        self.list = arrays.documents(docs.py()).map_err(|(index, unfit)| match unfit {
            Unfit::Null(_) => {
                PyTypeError::new_err(format!("docs[{index}] must be {WANTED}, not null; leave nulls out"))
            }
            invalid @ Unfit::Invalid(_) => PyValueError::new_err(format!("docs: {invalid}")),
        })?;
        self.held.arrays = arrays.chunks;
        Ok(())
    }
}

/// Whether items of this format are bytes or numbers: the memory of texts (`w`), objects (`O`), pointers and records is
/// nothing that a document can be made of.
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

/// Whether it is a view of memory that nobody can change: read-only says that of the view alone, and whoever has the
/// `bytearray`, the array or the file behind it may change that.
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
/// The memory must be there, unchanged, as long as the result is used.
unsafe fn forever<T>(borrowed: &[T]) -> &'static [T] {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(borrowed.as_ptr(), borrowed.len()) }
}

impl PyResponse {
    /// Its body, or the file it was saved to, as a document.
    fn document(&self, py: Python<'_>, url: bool, held: &mut BorrowedBuffers) -> Document {
        let handle = self.body.bytes(py);
        let encoding = charset(self.content_type());
        let source = match (&self.response.path, handle) {
            (Some(path), _) => Source::File(path.clone()),
            (None, BodyBytes::Rust(bytes)) => Source::Shared(bytes),
            (None, BodyBytes::Python(bytes)) => {
                // SAFETY: `bytes` never change or move, and the object is held as long as the document.
                let source = Source::Bytes(unsafe { forever(bytes.as_bytes(py)) });
                held.objects.push(bytes.into_any());
                source
            }
        };
        Document::from_response(source, encoding, url.then(|| self.response.url().clone()))
    }
}
