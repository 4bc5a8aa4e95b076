//! Errors of the core as exceptions of `shoal.exceptions`: the one place where they are mapped.
//!
//! The class is found by the name its kind has; all else an error knows becomes an attribute.

use pyo3::exceptions::{PyMemoryError, PyOSError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule};
use url::Url;

use super::request::from_core;
use super::response::into_python;
use shoal_http::error::{Details, ErrorKind, FetchError};

/// The exception for an error, ready to be raised or put into a list.
pub fn to_python(py: Python<'_>, error: &FetchError) -> PyErr {
    match build(py, error) {
        Ok(exception) => {
            let raised = PyErr::from_value(exception);
            if let Some(cause) = cause(py, error.details()) {
                raised.set_cause(py, Some(cause));
            }
            raised
        }
        // Out of memory, or an interpreter on its way out: that, then, is the error.
        Err(failed) => failed,
    }
}

/// A class of `shoal.exceptions`.
pub fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = MODULE.get_or_try_init(py, || py.import("shoal.exceptions").map(Bound::unbind))?;
    module.bind(py).getattr(name)
}

/// `url` without user name and password; the query stays.
pub fn url_text(url: &Url) -> String {
    if url.username().is_empty() && url.password().is_none() {
        return url.to_string();
    }
    let mut bare = url.clone();
    // Both fail only for URLs that cannot have them.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.into()
}

fn build<'py>(py: Python<'py>, error: &FetchError) -> PyResult<Bound<'py, PyAny>> {
    let details = error.details();
    let known = PyDict::new(py);
    if let Some(request) = &details.request {
        known.set_item(intern!(py, "request"), from_core(py, request)?)?;
        known.set_item(intern!(py, "url"), url_text(&request.url))?;
        known.set_item(intern!(py, "method"), request.method.as_str())?;
    }
    // A deadline and a panic of the engine are about the whole batch, unless they hit one request of it.
    let whole = details.request.is_none() && matches!(details.kind, ErrorKind::DeadlineExceeded | ErrorKind::Internal);
    known.set_item(intern!(py, "index"), (!whole).then_some(details.index))?;
    known.set_item(intern!(py, "attempts"), details.attempts)?;
    known.set_item(intern!(py, "elapsed"), details.elapsed.as_secs_f64())?;
    known.set_item(intern!(py, "phase"), details.phase.as_str())?;
    if let Some(response) = &details.response {
        known.set_item(intern!(py, "response"), into_python(py, (**response).clone())?)?;
    }
    class(py, details.kind.class_name())?.call((error.to_string(),), Some(&known))
}

/// What Python has an exception of its own for.
fn cause(py: Python<'_>, details: &Details) -> Option<PyErr> {
    match details.kind {
        ErrorKind::Memory => Some(PyMemoryError::new_err(())),
        _ => os_error(py, details),
    }
}

/// What the operating system said about a file.
fn os_error(py: Python<'_>, details: &Details) -> Option<PyErr> {
    let number = details.os_error?;
    let words = std::io::Error::from_raw_os_error(number).to_string();
    // Rust appends " (os error 2)", which the exception's own text has already.
    let words = words.rsplit_once(" (os error").map_or(words.as_str(), |(words, _)| words).to_owned();
    let file = details.request.as_ref().and_then(|request| request.save_to.clone());
    let error = match file {
        Some(file) => PyOSError::new_err((number, words, file)),
        None => PyOSError::new_err((number, words)),
    };
    // Made whole here: the class depends on the number (FileNotFoundError and so on).
    Some(PyErr::from_value(error.into_value(py).into_bound(py).into_any()))
}
