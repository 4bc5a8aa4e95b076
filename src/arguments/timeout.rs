//! `Timeout`, and the number of seconds that stands for one.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::objects::{hash_of, reduce, repr_of};
use super::scalars::seconds;
use shoal_http::settings::Timeout;

fn seconds_or_none(argument: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    value.map(|value| seconds(argument, "a number of seconds or None", value)).transpose()
}

/// Limits on the time of one attempt, each in seconds; None (the default) means no limit.
///
/// Args:
///     total: from the start of the attempt to the last byte of its body, loaded or saved. (`timeout=10.0`, a number,
///         bounds the whole of a body that is loaded; of one that is saved, the head and each silence.)
///     connect: name resolution, TCP and TLS of a new connection.
///     read: the longest silence while waiting for the head or the next piece of the body.
///     pool: waiting for a permit (concurrency, per-host and rate limits).
///
/// Raises:
///     ValueError: a limit is not more than 0.
#[pyclass(frozen, eq, module = "shoal", name = "Timeout")]
#[derive(Clone, PartialEq)]
pub struct PyTimeout(pub Timeout);

#[pymethods]
impl PyTimeout {
    #[new]
    #[pyo3(signature = (total=None, *, connect=None, read=None, pool=None))]
    fn new(
        total: Option<&Bound<'_, PyAny>>,
        connect: Option<&Bound<'_, PyAny>>,
        read: Option<&Bound<'_, PyAny>>,
        pool: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        Ok(Self(Timeout {
            total: seconds_or_none("total", total)?,
            plain: false,
            connect: seconds_or_none("connect", connect)?,
            read: seconds_or_none("read", read)?,
            pool: seconds_or_none("pool", pool)?,
        }))
    }

    /// Seconds for the whole attempt, or None.
    #[getter]
    fn total(&self) -> Option<f64> {
        self.0.total.as_ref().map(Duration::as_secs_f64)
    }

    /// Seconds for a new connection, or None.
    #[getter]
    fn connect(&self) -> Option<f64> {
        self.0.connect.as_ref().map(Duration::as_secs_f64)
    }

    /// Seconds between two pieces, or None.
    #[getter]
    fn read(&self) -> Option<f64> {
        self.0.read.as_ref().map(Duration::as_secs_f64)
    }

    /// Seconds of waiting for a permit, or None.
    #[getter]
    fn pool(&self) -> Option<f64> {
        self.0.pool.as_ref().map(Duration::as_secs_f64)
    }

    fn __repr__(&self) -> String {
        let [total, connect, read, pool] = [self.total(), self.connect(), self.read(), self.pool()].map(repr_of);
        format!("Timeout(total={total}, connect={connect}, read={read}, pool={pool})")
    }

    fn __hash__(&self) -> u64 {
        hash_of(&self.__repr__())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let limits = slf.get();
        let keywords = PyDict::new(slf.py());
        keywords.set_item("connect", limits.connect())?;
        keywords.set_item("read", limits.read())?;
        keywords.set_item("pool", limits.pool())?;
        reduce(slf.as_any(), &(limits.total(),).into_pyobject(slf.py())?, &keywords)
    }
}

/// `timeout`: seconds for the whole attempt, a Timeout, or None.
pub fn timeout_from(value: &Bound<'_, PyAny>) -> PyResult<Timeout> {
    if value.is_none() {
        return Ok(Timeout::NONE);
    }
    if let Ok(timeout) = value.cast::<PyTimeout>() {
        return Ok(timeout.get().0);
    }
    seconds("timeout", "a number of seconds, a Timeout or None", value).map(Timeout::seconds)
}

/// The inverse of [`timeout_from`].
pub fn timeout_to_python(py: Python<'_>, timeout: Timeout) -> PyResult<Bound<'_, PyAny>> {
    match timeout.total {
        Some(total) if timeout.plain => Ok(total.as_secs_f64().into_pyobject(py)?.into_any()),
        _ => Ok(PyTimeout(timeout).into_pyobject(py)?.into_any()),
    }
}
