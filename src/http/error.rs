//! Errors of the engine as exceptions of `shoal.exceptions`: the one place where they are mapped.
//!
//! The class has the name of the error's kind; the rest of what the error knows becomes attributes.

use pyo3::exceptions::{PyMemoryError, PyOSError};
use pyo3::intern;
use pyo3::prelude::*;

use super::attributes::attributes;
use super::request::from_core;
use super::response::into_python;
use crate::bridge::exceptions::exception_class;
use shoal_http::error::{Details, ErrorKind, FetchError};

/// The exception for an error.
pub fn to_python(py: Python<'_>, error: &FetchError) -> PyErr {
    let exception = match create(py, error) {
        Ok(exception) => PyErr::from_value(exception),
        // Out of memory, or the interpreter is being finalised.
        Err(failed) => return failed,
    };
    if let Some(cause) = cause(py, error.details()) {
        exception.set_cause(py, Some(cause));
    }
    exception
}

fn create<'py>(py: Python<'py>, error: &FetchError) -> PyResult<Bound<'py, PyAny>> {
    let details = error.details();
    // A deadline or a panic is about the whole batch, unless it names a request.
    let whole = details.request.is_none() && matches!(details.kind, ErrorKind::DeadlineExceeded | ErrorKind::Internal);
    let request = match &details.request {
        Some(request) => Some((request.as_ref(), from_core(py, request)?)),
        None => None,
    };
    let keywords = attributes(py, request, (!whole).then_some(details.index), details.attempts, details.elapsed)?;
    keywords.set_item(intern!(py, "phase"), details.phase.as_str())?;
    if let Some(response) = &details.response {
        keywords.set_item(intern!(py, "response"), into_python(py, (**response).clone())?)?;
    }
    exception_class(py, details.kind.class_name())?.call((error.to_string(),), Some(&keywords))
}

/// Python's own exception for the error, which becomes the `__cause__`.
fn cause(py: Python<'_>, details: &Details) -> Option<PyErr> {
    if details.kind == ErrorKind::Memory {
        return Some(PyMemoryError::new_err(()));
    }
    let number = details.os_error?;
    let text = std::io::Error::from_raw_os_error(number).to_string();
    // Rust appends " (os error 2)", and the exception's own text has the number already.
    let text = text.rsplit_once(" (os error").map_or(text.as_str(), |(text, _)| text).to_owned();
    let error = match details.request.as_ref().and_then(|request| request.save_to.clone()) {
        Some(file) => PyOSError::new_err((number, text, file)),
        None => PyOSError::new_err((number, text)),
    };
    // The object is created here because its class (FileNotFoundError and so on) depends on the number.
    Some(PyErr::from_value(error.into_value(py).into_bound(py).into_any()))
}
