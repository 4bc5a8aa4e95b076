//! Finished requests and batches as Python objects; errors of the engine as exceptions of `shoal.exceptions`.
//!
//! The class of an exception has the name of the error's kind; the other fields of the error become attributes.

use std::time::Instant;

use pyo3::exceptions::{PyMemoryError, PyOSError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::request::{attributes, from_core};
use super::response::into_python;
use crate::bridge::exceptions::exception_class;
use crate::bridge::job_result::IntoPython;
use shoal_http::attempts::FetchResult;
use shoal_http::batch::FetchBatchResult;
use shoal_http::error::{Details, ErrorKind, FetchError};

/// Objects created between two reads of the clock: 64 responses take about 20 µs.
const STRIDE: usize = 64;

/// The response of a single request, or its exception.
pub fn single_result(py: Python<'_>, outcome: FetchResult) -> PyResult<Py<PyAny>> {
    match outcome {
        Ok(response) => Ok(into_python(py, response)?.into_any()),
        Err(error) => Err(to_python(py, &error)),
    }
}

/// The results of a batch, which become a list in steps.
pub struct GatherResult {
    slots: std::vec::IntoIter<Option<Box<FetchResult>>>,
    failure: Option<FetchError>,
    list: Option<Py<PyList>>,
}

impl From<FetchBatchResult> for GatherResult {
    fn from(gathered: FetchBatchResult) -> Self {
        Self { slots: gathered.slots.into_iter(), failure: gathered.failure, list: None }
    }
}

impl IntoPython for GatherResult {
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        let list = self.list.get_or_insert_with(|| PyList::empty(py).unbind()).clone_ref(py).into_bound(py);
        loop {
            for _ in 0..STRIDE {
                let Some(slot) = self.slots.next() else { return self.finish(list) };
                match slot.map(|slot| *slot) {
                    None => list.append(py.None())?,
                    Some(Ok(response)) => list.append(into_python(py, response)?)?,
                    Some(Err(error)) => list.append(to_python(py, &error).into_value(py))?,
                }
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
        }
    }

    fn failure(&mut self, py: Python<'_>) -> Option<PyErr> {
        self.failure.as_ref().map(|failure| to_python(py, failure))
    }
}

impl GatherResult {
    /// The list, or the exception that carries it as `results`.
    fn finish(&mut self, list: Bound<'_, PyList>) -> PyResult<Option<Py<PyAny>>> {
        let py = list.py();
        let Some(failure) = self.failure.take() else { return Ok(Some(list.unbind().into_any())) };
        // If a request failed, its exception is already in the list: raise this object, and put `None` in its place.
        let details = failure.details();
        let index = details.request.is_some().then_some(details.index);
        let error = match index.map(|index| list.get_item(index)) {
            Some(Ok(exception)) if !exception.is_none() => PyErr::from_value(exception),
            _ => to_python(py, &failure),
        };
        if let Some(index) = index {
            list.set_item(index, py.None())?;
        }
        error.value(py).setattr(intern!(py, "results"), list)?;
        Err(error)
    }
}

/// The exception for an error.
pub fn to_python(py: Python<'_>, error: &FetchError) -> PyErr {
    let exception = match create(py, error) {
        Ok(exception) => PyErr::from_value(exception),
        // The exception cannot be created: out of memory, or the interpreter is being finalised.
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
