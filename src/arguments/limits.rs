//! `Limits`, and the limits that a call gives by themselves.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::objects::{hash_of, reduce, repr_of};
use super::scalars::{at_least, text_or};
use shoal_http::limits::{Limits, Rate};

/// Requests in flight at once where no limit is given.
pub const DEFAULT_CONCURRENCY: usize = 100;

/// How many requests a client may have in flight.
///
/// Args:
///     concurrency: in flight at once; None means no limit.
///     per_host: in flight at once to one origin (scheme, host and port); None (the default) means no limit.
///     rate: requests to one origin per time, as "10/s", "100/min" or "1000/h", with a burst of 1; None (the default)
///         means no limit.
///
/// Raises:
///     ValueError: a number is below 1, or `rate` can't be read.
#[pyclass(frozen, module = "shoal", name = "Limits")]
pub struct PyLimits {
    /// The limits as the engine has them.
    pub limits: Limits,
    /// `rate` as it was given.
    rate: Option<String>,
}

impl PyLimits {
    /// The limits of a client that is given none.
    pub fn standard() -> Self {
        let limits = Limits { concurrency: Some(DEFAULT_CONCURRENCY), ..Limits::default() };
        Self { limits, rate: None }
    }
}

/// `concurrency`, of which None is a value and not the default.
#[derive(Clone, Copy)]
struct Concurrency(Option<usize>);

impl<'py> FromPyObject<'_, 'py> for Concurrency {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        concurrency_from(&given).map(Self)
    }
}

#[pymethods]
impl PyLimits {
    #[new]
    #[pyo3(
        signature = (concurrency=Concurrency(Some(DEFAULT_CONCURRENCY)), *, per_host=None, rate=None),
        text_signature = "(concurrency=100, *, per_host=None, rate=None)"
    )]
    fn new(
        concurrency: Concurrency,
        per_host: Option<&Bound<'_, PyAny>>,
        rate: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let per_host = per_host.map(|given| at_least(1, "per_host", given)).transpose()?;
        let limits = Limits { concurrency: concurrency.0, per_host, rate: rate.map(rate_from).transpose()? };
        Ok(Self { limits, rate: rate.map(|rate| rate.extract()).transpose()? })
    }

    /// In flight at once, or None.
    #[getter]
    fn concurrency(&self) -> Option<usize> {
        self.limits.concurrency
    }

    /// In flight at once to one origin, or None.
    #[getter]
    fn per_host(&self) -> Option<usize> {
        self.limits.per_host
    }

    /// As given, or None.
    #[getter]
    fn rate(&self) -> Option<&str> {
        self.rate.as_deref()
    }

    fn __eq__(&self, other: &Self) -> bool {
        (self.concurrency(), self.per_host(), &self.rate) == (other.concurrency(), other.per_host(), &other.rate)
    }

    fn __repr__(&self) -> String {
        let [concurrency, per_host] = [self.concurrency(), self.per_host()].map(repr_of);
        let rate = self.rate.as_ref().map_or_else(|| "None".to_owned(), |rate| format!("'{rate}'"));
        format!("Limits(concurrency={concurrency}, per_host={per_host}, rate={rate})")
    }

    fn __hash__(&self) -> u64 {
        hash_of(&self.__repr__())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let keywords = PyDict::new(slf.py());
        keywords.set_item("per_host", slf.get().per_host())?;
        keywords.set_item("rate", slf.get().rate())?;
        reduce(slf.as_any(), &(slf.get().concurrency(),).into_pyobject(slf.py())?, &keywords)
    }
}

/// `concurrency`: a number of requests, or None for no limit.
pub fn concurrency_from(value: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    if value.is_none() {
        return Ok(None);
    }
    at_least(1, "concurrency", value).map(Some)
}

/// `rate`: "10/s" and the like.
pub fn rate_from(value: &Bound<'_, PyAny>) -> PyResult<Rate> {
    Rate::parse(text_or("rate", "a str like \"10/s\" or None", value)?).map_err(PyValueError::new_err)
}
