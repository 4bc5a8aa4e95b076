//! The coroutine protocol, as `await` and event loops use it.

use pyo3::exceptions::{PyBaseException, PyStopIteration};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// The exception of an exhausted iterator that returns `value` to `await`.
///
/// Python accepts a bare value instead of a `StopIteration` object, which saves creating one. A tuple or an exception
/// would be taken for the arguments or for the exception itself.
pub fn returned(py: Python<'_>, value: Py<PyAny>) -> PyErr {
    let bare = value.bind(py);
    if bare.is_instance_of::<PyTuple>() || bare.is_instance_of::<PyBaseException>() {
        return PyStopIteration::new_err((value,));
    }
    PyStopIteration::new_err(value)
}

/// The exception for `throw(type)`, `throw(value)` or the older `throw(type, value, traceback)`.
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

/// An awaitable that returns a value at once. Internal.
#[pyclass(frozen, module = "shoal._shoal")]
pub struct Ready(pub Py<PyAny>);

impl Ready {
    pub fn none(py: Python<'_>) -> Self {
        Self(py.None())
    }
}

#[pymethods]
impl Ready {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<()> {
        Err(returned(py, self.0.clone_ref(py)))
    }
}
