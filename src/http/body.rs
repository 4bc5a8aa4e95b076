//! The body of a response: bytes of the core until Python asks for them, a Python `bytes` from then on.
//!
//! Never both for longer than the copy takes, so that reading `content` of 20,000 responses doubles nothing, nor does
//! that of a large one. Whoever
//! looks at the bytes (a `memoryview`, a decoder) holds a [`Handle`] of its own and is not touched by the change.

use std::ffi::{c_int, c_void};
use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use pyo3::exceptions::{PyBufferError, PyMemoryError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use shoal_http::pages::populate;

/// A body from this size on is moved to Python in pieces of at most [`PIECE`]: 100 MiB then take 101 at their peak, not
/// 200, and what was just made for a piece is in the cache when it is filled.
const MOVED: usize = 256 << 10;
const PIECE: usize = 1 << 20;

/// A share in the bytes; cheap, and good for as long as it is held.
pub enum Handle {
    /// As the core made them.
    Core(Bytes),
    /// As `Response.content` gave them out.
    Python(Py<PyBytes>),
}

impl Handle {
    /// The bytes.
    pub fn as_slice<'a>(&'a self, py: Python<'a>) -> &'a [u8] {
        match self {
            Self::Core(bytes) => bytes,
            Self::Python(bytes) => bytes.as_bytes(py),
        }
    }

    fn share(&self, py: Python<'_>) -> Self {
        match self {
            Self::Core(bytes) => Self::Core(bytes.clone()),
            Self::Python(bytes) => Self::Python(bytes.clone_ref(py)),
        }
    }
}

/// `bytes` as a Python object. Unlike `PyBytes::new` it raises MemoryError where there is no memory, and does not panic.
fn bytes_of<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let length = ffi::Py_ssize_t::try_from(bytes.len()).map_err(|_| PyMemoryError::new_err("body too large"))?;
    // SAFETY: CPython copies `length` bytes from where they lie, and returns a new object, or NULL with an exception set.
    let made =
        unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyBytes_FromStringAndSize(bytes.as_ptr().cast(), length)) }?;
    Ok(made.cast_into()?)
}

/// The same for text.
pub fn text_of<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyString>> {
    let length = ffi::Py_ssize_t::try_from(text.len()).map_err(|_| PyMemoryError::new_err("body too large"))?;
    // SAFETY: CPython reads `length` bytes from where they lie, and returns a new object, or NULL with an exception set.
    let made =
        unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), length)) }?;
    Ok(made.cast_into()?)
}

/// The body of a response.
pub struct Body(Mutex<Handle>);

impl Body {
    /// Of bytes in either place.
    pub fn new(bytes: Handle) -> Self {
        Self(Mutex::new(bytes))
    }

    fn lock(&self) -> MutexGuard<'_, Handle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A share in the bytes.
    pub fn handle(&self, py: Python<'_>) -> Handle {
        self.lock().share(py)
    }

    /// How many bytes.
    pub fn len(&self, py: Python<'_>) -> usize {
        match &*self.lock() {
            Handle::Core(bytes) => bytes.len(),
            Handle::Python(bytes) => bytes.as_bytes(py).len(),
        }
    }

    /// The one `bytes` object; the first call makes it and lets go of the core's copy.
    pub fn content(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        if let Some(moved) = self.moved(py)? {
            return Ok(moved);
        }
        let bytes = match self.handle(py) {
            Handle::Python(bytes) => return Ok(bytes),
            Handle::Core(bytes) => bytes,
        };
        let made = bytes_of(py, &bytes)?.unbind();
        let mut stored = self.lock();
        if let Handle::Python(earlier) = &*stored {
            // Another thread was quicker: everybody gets the same object.
            return Ok(earlier.clone_ref(py));
        }
        *stored = Handle::Python(made.clone_ref(py));
        Ok(made)
    }

    /// The same for a body of which there is no room for two: it is moved from the end, in pieces whose memory is given
    /// back as it goes. Whoever else asks has to wait. `None` if it is small, or somebody looks at it.
    fn moved(&self, py: Python<'_>) -> PyResult<Option<Py<PyBytes>>> {
        let mut stored = self.lock();
        let Handle::Core(bytes) = &mut *stored else { return Ok(None) };
        if bytes.len() < MOVED || !bytes.is_unique() {
            return Ok(None);
        }
        let length = ffi::Py_ssize_t::try_from(bytes.len()).map_err(|_| PyMemoryError::new_err("body too large"))?;
        // SAFETY: without a source CPython leaves the bytes to be filled by whoever made the object.
        let made = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyBytes_FromStringAndSize(ptr::null(), length)) }?;
        let made = made.cast_into::<PyBytes>()?;
        // SAFETY: nobody else has the new object yet; this is all of its bytes.
        let mut room: &mut [MaybeUninit<u8>] =
            unsafe { std::slice::from_raw_parts_mut(ffi::PyBytes_AsString(made.as_ptr()).cast(), bytes.len()) };
        let mut rest = Vec::from(mem::take(bytes));
        while !rest.is_empty() {
            let at = rest.len().saturating_sub(PIECE);
            let (before, place) = room.split_at_mut(at);
            populate(place);
            for (place, byte) in place.iter_mut().zip(rest.get(at..).unwrap_or_default()) {
                place.write(*byte);
            }
            rest.truncate(at);
            rest.shrink_to_fit();
            room = before;
        }
        let made = made.unbind();
        *stored = Handle::Python(made.clone_ref(py));
        Ok(Some(made))
    }

    /// Fills `view` with the bytes, read-only; `owner` is the object that is viewed.
    ///
    /// # Safety
    /// `view` must be what CPython passes to `bf_getbuffer`, and go to [`Body::release`] if this succeeds.
    pub unsafe fn export(&self, owner: &Bound<'_, PyAny>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let py = owner.py();
        let handle = Box::new(self.handle(py));
        let slice = handle.as_slice(py);
        let length = ffi::Py_ssize_t::try_from(slice.len()).map_err(|_| PyBufferError::new_err("body too large"))?;
        let start = slice.as_ptr().cast_mut().cast::<c_void>();
        // SAFETY: `view` is valid for writing (the caller's promise). `start` is valid for `length` bytes for as long
        // as `handle` lives, which `view.internal` keeps until `release`; marked read-only, nobody writes there.
        let failed = unsafe { ffi::PyBuffer_FillInfo(view, owner.as_ptr(), start, length, 1, flags) } != 0;
        if failed {
            return Err(PyErr::fetch(py));
        }
        // SAFETY: filled above; `internal` is the exporter's to use.
        unsafe { (*view).internal = Box::into_raw(handle).cast() };
        Ok(())
    }

    /// Ends what [`Body::export`] began.
    ///
    /// # Safety
    /// `view` must have been filled by [`Body::export`] and not been released yet.
    pub unsafe fn release(view: *mut ffi::Py_buffer) {
        // SAFETY: `internal` is the box that `export` put there; taken out, so that it is dropped once.
        unsafe {
            let handle = mem::replace(&mut (*view).internal, ptr::null_mut()).cast::<Handle>();
            if !handle.is_null() {
                drop(Box::from_raw(handle));
            }
        }
    }
}
