//! Exceptions: the classes of `shoal.exceptions`, which are defined in Python, and `OSError`.

use std::io;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyModule;

pub fn exception_class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = MODULE.get_or_try_init(py, || py.import("shoal.exceptions").map(Bound::unbind))?;
    module.bind(py).getattr(name)
}

/// An `OSError` with the error number, from which Python chooses the subclass.
pub fn os_error(error: &io::Error, message: String) -> PyErr {
    match error.raw_os_error() {
        Some(number) => PyOSError::new_err((number, message)),
        None => PyOSError::new_err(message),
    }
}
