//! Errors of kernels as Python exceptions.

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::bridge::exceptions::exception_class;
use shoal_kernels::batch::IndexedError;
use shoal_kernels::error::{ErrorKind, KernelError};

/// The exception for the failure that ended a batch.
pub fn python_error(py: Python<'_>, failure: Option<&IndexedError>) -> Option<PyErr> {
    let (index, error) = failure?;
    Some(item_error(py, *index, error).map_or_else(|error| error, PyErr::from_value))
}

/// The results of a finished batch, or the exception for the failure that ended it, with them as its `results`.
pub fn finished(results: Bound<'_, PyAny>, failure: Option<IndexedError>) -> PyResult<Option<Py<PyAny>>> {
    let py = results.py();
    let Some((index, error)) = failure else { return Ok(Some(results.unbind())) };
    let error = item_error(py, index, &error)?;
    error.setattr(intern!(py, "results"), results)?;
    Err(PyErr::from_value(error))
}

/// The `ItemError` for a document.
pub fn item_error<'py>(py: Python<'py>, index: usize, error: &KernelError) -> PyResult<Bound<'py, PyAny>> {
    exception_class(py, "ItemError")?.call1((index, exception(py, error)?))
}

/// The exception for a kernel's error.
pub fn exception<'py>(py: Python<'py>, error: &KernelError) -> PyResult<Bound<'py, PyAny>> {
    static JSON: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let message = error.message.as_str();
    let exception = match &error.kind {
        ErrorKind::Value | ErrorKind::Stopped => PyValueError::new_err(message.to_owned()),
        ErrorKind::File { number: Some(number), path } => {
            PyOSError::new_err((*number, message.to_owned(), path.clone()))
        }
        ErrorKind::File { number: None, .. } => PyOSError::new_err(message.to_owned()),
        ErrorKind::Json { position, document } => {
            let class = JSON.import(py, "json", "JSONDecodeError")?;
            return class.call1((message, &**document, *position));
        }
        ErrorKind::Internal => return exception_class(py, "InternalError")?.call1((message,)),
    };
    Ok(exception.into_value(py).into_bound(py).into_any())
}

/// The class name of [`exception`].
pub fn exception_name(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Value | ErrorKind::Stopped => "ValueError",
        ErrorKind::File { .. } => "OSError",
        ErrorKind::Json { .. } => "JSONDecodeError",
        ErrorKind::Internal => "InternalError",
    }
}
