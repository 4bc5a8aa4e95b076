//! Conversion of owned Rust data into Python objects.

use std::time::Instant;

use pyo3::prelude::*;

/// Owned data that becomes a Python object, in slices so that an event loop is not blocked.
pub trait IntoPython: Send {
    /// Converts until `deadline`; `None` if there is more to convert. An error is the exception of the job.
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>>;

    /// The exception that [`IntoPython::step`] will return, without the results that it carries; `None` if there is none.
    fn failure(&self, py: Python<'_>) -> Option<PyErr>;
}
