//! `Timeout`, and the seconds that stand for it.

use std::time::Duration;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyTuple};

use super::input::type_name;
use super::limits::rebuilt;
use shoal_http::settings::Timeout;

/// A positive number of seconds.
pub fn seconds(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let number =
        (value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>()) && !value.is_instance_of::<PyBool>();
    if !number {
        let kind = type_name(value);
        return Err(PyTypeError::new_err(format!("{argument} must be a number of seconds or None, not {kind}")));
    }
    // An int that no float can hold is refused like infinity.
    let number: f64 = value.extract().unwrap_or(f64::INFINITY);
    if !(number > 0.0 && number.is_finite()) {
        let shown: String = value.repr()?.to_string_lossy().chars().take(40).collect();
        return Err(PyValueError::new_err(format!("{argument} must be finite and more than 0 seconds, not {shown}")));
    }
    // Longer than a century is for ever, and would overflow the clock.
    Ok(Duration::from_secs_f64(number.min(3.2e9)).max(Duration::from_nanos(1)))
}

fn seconds_or_none(argument: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    value.filter(|value| !value.is_none()).map(|value| seconds(argument, value)).transpose()
}

/// Limits on the time of one attempt, each in seconds; None (the default) means no limit.
///
/// Args:
///     total: from the attempt's turn to the last byte of its body, be it loaded or saved. (`timeout=10.0`, a number,
///         bounds the whole of a body that is loaded; of one that is saved, the head and each silence.)
///     connect: name resolution, TCP and TLS of a new connection.
///     read: the longest silence while waiting for the head or the next piece of the body.
///     pool: waiting for a turn (concurrency, per-host and rate limits).
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

    /// Seconds in the queue, or None.
    #[getter]
    fn pool(&self) -> Option<f64> {
        self.0.pool.as_ref().map(Duration::as_secs_f64)
    }

    fn __repr__(&self) -> String {
        let shown = |limit: Option<f64>| limit.map_or_else(|| "None".to_owned(), |seconds| format!("{seconds:?}"));
        format!(
            "Timeout(total={}, connect={}, read={}, pool={})",
            shown(self.total()),
            shown(self.connect()),
            shown(self.read()),
            shown(self.pool())
        )
    }

    fn __hash__(&self) -> u64 {
        let parts = [self.0.total, self.0.connect, self.0.read, self.0.pool];
        parts
            .iter()
            .fold(0, |hash, part| hash.wrapping_mul(31).wrapping_add(part.map_or(1, |limit| limit.as_nanos() as u64)))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let limits = slf.get();
        let keywords = PyDict::new(slf.py());
        keywords.set_item("connect", limits.connect())?;
        keywords.set_item("read", limits.read())?;
        keywords.set_item("pool", limits.pool())?;
        rebuilt(slf.as_any(), &(limits.total(),).into_pyobject(slf.py())?, &keywords)
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
    let total = seconds("timeout", value).map_err(|error| {
        if error.is_instance_of::<PyTypeError>(value.py()) {
            let kind = type_name(value);
            return PyTypeError::new_err(format!("timeout must be a number of seconds, a Timeout or None, not {kind}"));
        }
        error
    })?;
    Ok(Timeout::seconds(total))
}

/// What [`timeout_from`] reads as the same again.
pub fn timeout_to_python(py: Python<'_>, timeout: Timeout) -> PyResult<Bound<'_, PyAny>> {
    match timeout.total {
        Some(total) if timeout.plain => Ok(total.as_secs_f64().into_pyobject(py)?.into_any()),
        _ => Ok(PyTimeout(timeout).into_pyobject(py)?.into_any()),
    }
}
