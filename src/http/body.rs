//! The body of a response: Rust bytes until Python asks for `content`, a Python `bytes` object from then on.
//!
//! Both exist only while one is copied to the other, so that reading `content` of 20,000 responses, or of a large one,
//! does not double the memory. A `memoryview` or a decoder holds its own reference to the bytes that it reads, so the
//! copy does not affect it.

use std::mem::{self, MaybeUninit};
use std::ptr;

use bytes::Bytes;
use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use shoal_http::prefault::populate;
use shoal_runtime::Mutex;

/// Bodies from this size on are moved to Python in pieces of [`PIECE`] bytes: 100 MiB then take 101 MiB at the peak,
/// not 200, and the new memory of a piece is still in the cache when it is filled.
const MIN_MOVED: usize = 256 << 10;
const PIECE: usize = 1 << 20;

/// A reference to the bytes of a body.
pub enum BodyBytes {
    Rust(Bytes),
    /// The object that `Response.content` returned.
    Python(Py<PyBytes>),
}

impl BodyBytes {
    pub fn as_slice<'a>(&'a self, py: Python<'a>) -> &'a [u8] {
        match self {
            Self::Rust(bytes) => bytes,
            Self::Python(bytes) => bytes.as_bytes(py),
        }
    }

    fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Rust(bytes) => Self::Rust(bytes.clone()),
            Self::Python(bytes) => Self::Python(bytes.clone_ref(py)),
        }
    }
}

fn py_size(length: usize) -> PyResult<ffi::Py_ssize_t> {
    length.try_into().map_err(|_| PyMemoryError::new_err("body too large"))
}

/// Copies `bytes` into a Python object. If memory runs out, it raises `MemoryError`, where `PyBytes::new` would panic.
fn copied<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let size = py_size(bytes.len())?;
    // SAFETY: `py` shows that this thread is attached. CPython reads `size` bytes, which is the length of the slice, and
    // returns a new object, or null with an exception set.
    let object =
        unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyBytes_FromStringAndSize(bytes.as_ptr().cast(), size)) };
    Ok(object?.cast_into()?)
}

/// The body of a response.
pub struct Body(Mutex<BodyBytes>);

impl Body {
    pub fn new(bytes: BodyBytes) -> Self {
        Self(Mutex::new(bytes))
    }

    pub fn bytes(&self, py: Python<'_>) -> BodyBytes {
        self.0.lock().clone_ref(py)
    }

    pub fn len(&self, py: Python<'_>) -> usize {
        self.0.lock().as_slice(py).len()
    }

    /// The `bytes` object, always the same. The first call creates it and drops the Rust bytes.
    pub fn content(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        if let Some(moved) = self.moved(py)? {
            return Ok(moved);
        }
        let bytes = match self.bytes(py) {
            BodyBytes::Python(bytes) => return Ok(bytes),
            BodyBytes::Rust(bytes) => bytes,
        };
        let created = copied(py, &bytes)?.unbind();
        let mut stored = self.0.lock();
        if let BodyBytes::Python(earlier) = &*stored {
            // Another thread was faster: all calls return its object.
            return Ok(earlier.clone_ref(py));
        }
        *stored = BodyBytes::Python(created.clone_ref(py));
        Ok(created)
    }

    /// Like [`Body::content`], for a large body. Copies pieces from the end on, and frees the memory of each at once.
    /// `None` if the body is small, or if something else holds a reference to its bytes. Other threads wait for the
    /// lock meanwhile.
    fn moved(&self, py: Python<'_>) -> PyResult<Option<Py<PyBytes>>> {
        let mut stored = self.0.lock();
        let BodyBytes::Rust(bytes) = &mut *stored else { return Ok(None) };
        if bytes.len() < MIN_MOVED || !bytes.is_unique() {
            return Ok(None);
        }
        let size = py_size(bytes.len())?;
        // SAFETY: `py` shows that this thread is attached. Without a source CPython returns a new object of `size` bytes, or
        // null with an exception set. `PyBytes_AsString` points to these bytes, and only this function has the object.
        // They may be uninitialised, as the type of `room` says; the loop below initialises all of them.
        let (object, mut room) = unsafe {
            let object = Bound::from_owned_ptr_or_err(py, ffi::PyBytes_FromStringAndSize(ptr::null(), size))?;
            let start = ffi::PyBytes_AsString(object.as_ptr()).cast::<MaybeUninit<u8>>();
            (object, std::slice::from_raw_parts_mut(start, bytes.len()))
        };
        let mut rest = Vec::from(mem::take(bytes));
        while !rest.is_empty() {
            let start = rest.len().saturating_sub(PIECE);
            let (before, piece) = room.split_at_mut(start);
            populate(piece);
            for (place, byte) in piece.iter_mut().zip(rest.get(start..).unwrap_or_default()) {
                place.write(*byte);
            }
            rest.truncate(start);
            rest.shrink_to_fit();
            room = before;
        }
        let created = object.cast_into::<PyBytes>()?.unbind();
        *stored = BodyBytes::Python(created.clone_ref(py));
        Ok(Some(created))
    }
}
