//! Finished requests and batches as Python objects.

use std::time::Instant;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::error::to_python;
use super::response::into_python;
use crate::bridge::into_python::IntoPython;
use shoal_http::attempts::FetchResult;
use shoal_http::batch::FetchBatchResult;
use shoal_http::error::FetchError;

/// Objects created between two looks at the clock: 64 responses take about 20 µs.
const STRIDE: usize = 64;

/// The result of a single request.
pub struct SingleResult(pub Option<FetchResult>);

impl IntoPython for SingleResult {
    fn step(&mut self, py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        match self.0.take() {
            Some(Ok(response)) => Ok(Some(into_python(py, response)?.into_any())),
            Some(Err(error)) => Err(to_python(py, &error)),
            None => Ok(Some(py.None())),
        }
    }

    fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        let error = self.0.as_ref()?.as_ref().err()?;
        Some(to_python(py, error))
    }
}

/// The results of a batch.
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

    fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        self.failure.as_ref().map(|failure| to_python(py, failure))
    }
}

impl GatherResult {
    /// The list, or the exception that carries it as `results`.
    fn finish(&mut self, list: Bound<'_, PyList>) -> PyResult<Option<Py<PyAny>>> {
        let py = list.py();
        let Some(failure) = self.failure.take() else { return Ok(Some(list.unbind().into_any())) };
        // If a request failed its exception is in the list already: it is raised, and its place becomes None.
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
