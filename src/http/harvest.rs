//! How finished work becomes Python objects, in slices.

use std::time::Instant;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::error::to_python;
use super::response::into_python;
use crate::bridge::outcome::Harvest;
use shoal_http::attempts::FetchResult;
use shoal_http::batch::FetchBatchResult;

/// Objects made between two looks at the clock: 64 responses take about 20 µs.
const STRIDE: usize = 64;

/// A single request.
pub struct One(pub Option<FetchResult>);

impl Harvest for One {
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

/// A batch.
pub struct Many {
    slots: std::vec::IntoIter<Option<Box<FetchResult>>>,
    failure: Option<shoal_http::error::FetchError>,
    list: Option<Py<PyList>>,
}

impl Many {
    /// Of what a batch has gathered.
    pub fn new(gathered: FetchBatchResult) -> Self {
        Self { slots: gathered.slots.into_iter(), failure: gathered.failure, list: None }
    }
}

impl Harvest for Many {
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        let list = match &self.list {
            Some(list) => list.clone_ref(py).into_bound(py),
            None => {
                let list = PyList::empty(py);
                self.list = Some(list.clone().unbind());
                list
            }
        };
        loop {
            for _ in 0..STRIDE {
                let Some(slot) = self.slots.next() else { return self.end(list) };
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

impl Many {
    fn end(&mut self, list: Bound<'_, PyList>) -> PyResult<Option<Py<PyAny>>> {
        let py = list.py();
        let Some(failure) = self.failure.take() else { return Ok(Some(list.unbind().into_any())) };
        // The failed request's own place holds the exception that is raised, not None and not a twin of it.
        let details = failure.details();
        let at_its_place = details.request.is_some().then_some(details.index);
        let error = match at_its_place.map(|index| list.get_item(index)) {
            Some(Ok(exception)) if !exception.is_none() => PyErr::from_value(exception),
            _ => to_python(py, &failure),
        };
        if let Some(index) = at_its_place {
            list.set_item(index, py.None())?;
        }
        error.value(py).setattr(intern!(py, "results"), list)?;
        Err(error)
    }
}
