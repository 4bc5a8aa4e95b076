//! `await job`: the iterator that a task drives.

use pyo3::exceptions::{PyBaseException, PyStopIteration};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::job::Job;

/// The iterator behind `await job`. Internal.
#[pyclass(frozen, module = "shoal._shoal")]
pub struct Awaiting(pub Py<Job>);

#[pymethods]
impl Awaiting {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Job::resume(self.0.bind(py))
    }

    fn send<'py>(&self, py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let _ = value;
        Job::resume(self.0.bind(py))
    }

    #[pyo3(signature = (typ, val=None, tb=None))]
    fn throw(
        &self,
        py: Python<'_>,
        typ: &Bound<'_, PyAny>,
        val: Option<&Bound<'_, PyAny>>,
        tb: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = tb;
        Err(self.0.get().interrupt(py, typ, val))
    }

    /// Only stops waiting: the job belongs to whoever holds it.
    fn close(&self) {}

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}

/// `throw(type)`, `throw(value)` and the old `throw(type, value, traceback)`.
pub fn thrown_error(thrown: &Bound<'_, PyAny>, value: Option<&Bound<'_, PyAny>>) -> PyErr {
    match value.filter(|value| !value.is_none()) {
        Some(value) if value.is_instance_of::<PyBaseException>() => PyErr::from_value(value.clone()),
        Some(value) => match thrown.call1((value,)) {
            Ok(instance) => PyErr::from_value(instance),
            Err(error) => error,
        },
        None => PyErr::from_value(thrown.clone()),
    }
}

/// What ends an iterator with a value. As a rule no exception object is made of it: Python looks for the bare value, and
/// takes only a tuple or an exception for something else.
pub fn returned(py: Python<'_>, value: Py<PyAny>) -> PyErr {
    let bare = value.bind(py);
    if bare.is_instance_of::<PyTuple>() || bare.is_instance_of::<PyBaseException>() {
        return PyStopIteration::new_err((value,));
    }
    PyStopIteration::new_err(value)
}
