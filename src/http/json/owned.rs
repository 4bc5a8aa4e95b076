//! References that functions of the interpreter return.

use pyo3::ffi;
use pyo3::prelude::*;

/// The object that a function of the interpreter returned, or `None` where it failed; the exception is dropped.
///
/// # Safety
/// `made` must be a new reference that the caller passes on, or null with an exception set.
#[inline(always)]
pub(super) unsafe fn owned(py: Python<'_>, made: *mut ffi::PyObject) -> Option<Bound<'_, PyAny>> {
    // SAFETY: the caller passes a new reference or null.
    let object = unsafe { Bound::from_owned_ptr_or_opt(py, made) };
    if object.is_none() {
        drop_exception(py);
    }
    object
}

#[cold]
#[inline(never)]
pub(super) fn drop_exception(py: Python<'_>) {
    drop(PyErr::take(py));
}
