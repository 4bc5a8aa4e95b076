//! `Response`: a finished answer. Built by the thousand, so everything that can wait waits until it is asked for.

use pyo3::prelude::*;

use crate::core::response::Response;

/// The answer to one request, body included: nothing is left to await.
#[pyclass(frozen, name = "Response", module = "shoal")]
pub struct PyResponse {
    inner: Response,
}

/// Hands a response of the core over to Python.
pub fn into_python(py: Python<'_>, response: Response) -> PyResult<Py<PyResponse>> {
    Py::new(py, PyResponse { inner: response })
}

#[pymethods]
impl PyResponse {
    /// The status code (int), such as 200.
    #[getter]
    fn status_code(&self) -> u16 {
        self.inner.status.as_u16()
    }

    /// The place of the request in its batch (int, from 0).
    #[getter]
    fn index(&self) -> usize {
        self.inner.index
    }

    /// The body, decoded (bytes).
    #[getter]
    fn content(&self) -> &[u8] {
        &self.inner.body
    }
}
