//! The results of a batch as a list, made in slices; and failures as exceptions.

use std::time::Instant;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;

use super::keywords::Policy;
use super::rows::Row;
use crate::bridge::exceptions::exception_class;
use crate::bridge::into_python::IntoPython;
use shoal_kernels::batch::{Block, Gathered, Outcome};
use shoal_kernels::error::{ErrorKind, KernelError};

/// A list under way.
pub struct ListResult<T> {
    outcomes: std::iter::Flatten<std::vec::IntoIter<Numbered<T>>>,
    policy: Policy,
    total: usize,
    failure: Option<(usize, KernelError)>,
    list: Option<Py<PyList>>,
    /// The document that is next in the list.
    place: usize,
    current: Option<(usize, Outcome<T>)>,
}

struct Numbered<T>(Block<T>);

impl<T> IntoIterator for Numbered<T> {
    type Item = (usize, Outcome<T>);
    type IntoIter = std::iter::Zip<std::ops::RangeFrom<usize>, std::vec::IntoIter<Outcome<T>>>;

    fn into_iter(self) -> Self::IntoIter {
        (self.0.start..).zip(self.0.outcomes)
    }
}

impl<T: Row> ListResult<T> {
    /// Of what a batch has gathered.
    pub fn new(gathered: Gathered<T>, policy: Policy) -> Self {
        let Gathered { blocks, total, failure } = gathered;
        let outcomes = blocks.into_iter().map(Numbered).collect::<Vec<_>>().into_iter().flatten();
        Self { outcomes, policy, total, failure, list: None, place: 0, current: None }
    }
}

impl<T: Row> IntoPython for ListResult<T> {
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        let list = self.list.get_or_insert_with(|| PyList::empty(py).unbind()).clone_ref(py).into_bound(py);
        loop {
            let next = self.current.take().or_else(|| self.outcomes.next());
            // Places of documents that were not finished.
            let until = next.as_ref().map_or(self.total, |(index, _)| *index);
            while self.place < until {
                list.append(py.None())?;
                self.place += 1;
            }
            let Some((index, mut outcome)) = next else { return ended(list.into_any(), self.failure.take()) };
            match &mut outcome {
                Ok(piece) => match piece.step(py, deadline)? {
                    Some(object) => list.append(object)?,
                    None => {
                        self.current = Some((index, outcome));
                        return Ok(None);
                    }
                },
                Err(failure) => match self.policy {
                    Policy::Raise => list.append(py.None())?,
                    Policy::Return => list.append(item_error(py, index, failure)?)?,
                    Policy::Skip => {}
                },
            }
            self.place = index + 1;
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
        }
    }

    fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        failure_of(py, self.failure.as_ref())
    }
}

/// The exception for the failure that ended a batch.
pub fn failure_of(py: Python<'_>, failure: Option<&(usize, KernelError)>) -> Option<PyErr> {
    let (index, failure) = failure?;
    Some(item_error(py, *index, failure).map_or_else(|error| error, PyErr::from_value))
}

/// The results of a batch that has ended, or the exception for the failure that ended it, with them as its `results`.
pub fn ended(results: Bound<'_, PyAny>, failure: Option<(usize, KernelError)>) -> PyResult<Option<Py<PyAny>>> {
    let py = results.py();
    let Some((index, failure)) = failure else { return Ok(Some(results.unbind())) };
    let error = item_error(py, index, &failure)?;
    error.setattr(intern!(py, "results"), results)?;
    Err(PyErr::from_value(error))
}

/// The `ItemError` for a document.
pub fn item_error<'py>(py: Python<'py>, index: usize, failure: &KernelError) -> PyResult<Bound<'py, PyAny>> {
    exception_class(py, "ItemError")?.call1((index, exception(py, failure)?))
}

/// The exception for what went wrong.
pub fn exception<'py>(py: Python<'py>, failure: &KernelError) -> PyResult<Bound<'py, PyAny>> {
    static JSON: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let message = failure.message.as_str();
    let error = match &failure.kind {
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
    Ok(error.into_value(py).into_bound(py).into_any())
}

/// The class of [`exception`].
pub fn exception_name(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Value | ErrorKind::Stopped => "ValueError",
        ErrorKind::File { .. } => "OSError",
        ErrorKind::Json { .. } => "JSONDecodeError",
        ErrorKind::Internal => "InternalError",
    }
}
