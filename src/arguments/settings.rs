//! `Limits`, `Retry` and `Timeout`, and the numbers that stand for them.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use http::{Method, StatusCode};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFrozenSet, PyString, PyTuple};

use super::scalars::{at_least, count, flag, not_negative, pause, seconds, text, text_or, wrong_type};
use shoal_http::limits::{Limits, Rate};
use shoal_http::retry::{Retry, RetryMethods};
use shoal_http::settings::Timeout;

/// Requests in flight at once where no limit is given.
pub const DEFAULT_CONCURRENCY: usize = 100;

/// The value of `__reduce__` for an object that its constructor makes again.
pub fn reduce<'py>(
    object: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
    keywords: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyTuple>> {
    let py = object.py();
    let make = py.import("copyreg")?.getattr("__newobj_ex__")?;
    (make, (object.get_type(), arguments, keywords)).into_pyobject(py)
}

/// [`reduce`] for an object whose constructor takes its attribute `first` by place and `others` by name.
fn reduce_attributes<'py>(object: &Bound<'py, PyAny>, first: &str, others: &[&str]) -> PyResult<Bound<'py, PyTuple>> {
    let keywords = PyDict::new(object.py());
    for name in others {
        keywords.set_item(name, object.getattr(*name)?)?;
    }
    reduce(object, &(object.getattr(first)?,).into_pyobject(object.py())?, &keywords)
}

/// The hash of an object whose repr shows all that equality compares.
fn hash_of(repr: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    repr.hash(&mut hasher);
    hasher.finish()
}

/// The value of an argument, or the usual one.
fn given_or<T>(
    usual: T,
    given: Option<&Bound<'_, PyAny>>,
    read: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>,
) -> PyResult<T> {
    given.map_or(Ok(usual), read)
}

/// The repr of a number or None.
fn repr_of(value: Option<impl Debug>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| format!("{value:?}"))
}

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
#[pyclass(frozen, eq, module = "shoal", name = "Limits")]
#[derive(PartialEq)]
pub struct PyLimits {
    /// In flight at once, or None.
    #[pyo3(get)]
    concurrency: Option<usize>,
    /// In flight at once to one origin, or None.
    #[pyo3(get)]
    per_host: Option<usize>,
    /// As given, or None.
    #[pyo3(get)]
    rate: Option<String>,
    parsed: Option<Rate>,
}

impl PyLimits {
    /// The limits of a client that is given none.
    pub fn standard() -> Self {
        Self { concurrency: Some(DEFAULT_CONCURRENCY), per_host: None, rate: None, parsed: None }
    }

    pub fn limits(&self) -> Limits {
        Limits { concurrency: self.concurrency, per_host: self.per_host, rate: self.parsed }
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
        Ok(Self {
            concurrency: concurrency.0,
            per_host: per_host.map(|given| at_least(1, "per_host", given)).transpose()?,
            parsed: rate.map(rate_from).transpose()?,
            rate: rate.map(|rate| rate.extract()).transpose()?,
        })
    }

    fn __repr__(&self) -> String {
        let [concurrency, per_host] = [self.concurrency, self.per_host].map(repr_of);
        let rate = self.rate.as_ref().map_or_else(|| "None".to_owned(), |rate| format!("'{rate}'"));
        format!("Limits(concurrency={concurrency}, per_host={per_host}, rate={rate})")
    }

    fn __hash__(&self) -> u64 {
        hash_of(&self.__repr__())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        reduce_attributes(slf.as_any(), "concurrency", &["per_host", "rate"])
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

/// When to try again, and how long to wait before. Names and meaning are urllib3's.
///
/// Args:
///     total: attempts after the first.
///     backoff_factor: the wait before retry n is `backoff_factor * 2 ** (n - 1)` seconds, and none before the first.
///     backoff_max: the longest such wait, in seconds.
///     backoff_jitter: the most seconds, at random, that are added to each wait.
///     status_forcelist: the statuses worth another attempt.
///     allowed_methods: the methods that may be repeated after the server may have seen the request; None (the default)
///         means the idempotent ones, and any with an `Idempotency-Key` header. A request that was never sent, or that
///         an HTTP/2 server says it did not process, is repeated whatever its method.
///     respect_retry_after: pause requests to the host as long as a `Retry-After` says (RFC 9110, 10.2.3).
///     retry_after_max: the longest such pause, in seconds.
///
/// Raises:
///     ValueError: a number is negative, or a status or method is not valid.
#[pyclass(frozen, eq, module = "shoal", name = "Retry")]
#[derive(Clone, PartialEq)]
pub struct PyRetry(pub Retry);

#[pymethods]
impl PyRetry {
    #[new]
    #[pyo3(
        signature = (
            total, *, backoff_factor=None, backoff_max=None, backoff_jitter=None, status_forcelist=None,
            allowed_methods=None, respect_retry_after=None, retry_after_max=None
        ),
        text_signature = "(total, *, backoff_factor=0.2, backoff_max=30.0, backoff_jitter=1.0, status_forcelist=(408, 425, 429, 500, 502, 503, 504), allowed_methods=None, respect_retry_after=True, retry_after_max=120.0)"
    )]
    #[allow(clippy::too_many_arguments, reason = "urllib3's")]
    fn new(
        total: &Bound<'_, PyAny>,
        backoff_factor: Option<&Bound<'_, PyAny>>,
        backoff_max: Option<&Bound<'_, PyAny>>,
        backoff_jitter: Option<&Bound<'_, PyAny>>,
        status_forcelist: Option<&Bound<'_, PyAny>>,
        allowed_methods: Option<&Bound<'_, PyAny>>,
        respect_retry_after: Option<&Bound<'_, PyAny>>,
        retry_after_max: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let usual = Retry::new(count("total", "an int", total)?);
        Ok(Self(Retry {
            total: usual.total,
            backoff_factor: given_or(usual.backoff_factor, backoff_factor, |v| not_negative("backoff_factor", v))?,
            backoff_max: given_or(usual.backoff_max, backoff_max, |v| pause("backoff_max", v))?,
            backoff_jitter: given_or(usual.backoff_jitter, backoff_jitter, |v| not_negative("backoff_jitter", v))?,
            status_forcelist: given_or(usual.status_forcelist, status_forcelist, statuses_from)?,
            allowed_methods: given_or(usual.allowed_methods, allowed_methods, |v| {
                methods_from(v).map(RetryMethods::Listed)
            })?,
            respect_retry_after: given_or(true, respect_retry_after, |v| flag("respect_retry_after", v))?,
            retry_after_max: given_or(usual.retry_after_max, retry_after_max, |v| pause("retry_after_max", v))?,
        }))
    }

    /// Attempts after the first.
    #[getter]
    fn total(&self) -> u32 {
        self.0.total
    }

    /// Seconds.
    #[getter]
    fn backoff_factor(&self) -> f64 {
        self.0.backoff_factor
    }

    /// Seconds.
    #[getter]
    fn backoff_max(&self) -> f64 {
        self.0.backoff_max.as_secs_f64()
    }

    /// Seconds.
    #[getter]
    fn backoff_jitter(&self) -> f64 {
        self.0.backoff_jitter
    }

    /// A frozenset of statuses.
    #[getter]
    fn status_forcelist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyFrozenSet>> {
        PyFrozenSet::new(py, self.0.status_forcelist.iter())
    }

    /// A frozenset of methods, or None for the idempotent ones.
    #[getter]
    fn allowed_methods<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyFrozenSet>>> {
        match &self.0.allowed_methods {
            RetryMethods::Listed(listed) => {
                Ok(Some(PyFrozenSet::new(py, listed.iter().map(|method| method.as_str()))?))
            }
            _ => Ok(None),
        }
    }

    /// Whether `Retry-After` is followed.
    #[getter]
    fn respect_retry_after(&self) -> bool {
        self.0.respect_retry_after
    }

    /// Seconds.
    #[getter]
    fn retry_after_max(&self) -> f64 {
        self.0.retry_after_max.as_secs_f64()
    }

    fn __repr__(&self) -> String {
        let retry = &self.0;
        let statuses: Vec<String> = retry.status_forcelist.iter().map(|status| status.to_string()).collect();
        let methods = match &retry.allowed_methods {
            RetryMethods::Listed(listed) => {
                let names: Vec<String> = listed.iter().map(|method| format!("'{method}'")).collect();
                format!("{{{}}}", names.join(", "))
            }
            _ => "None".to_owned(),
        };
        format!(
            "Retry({}, backoff_factor={:?}, backoff_max={:?}, backoff_jitter={:?}, status_forcelist={{{}}}, \
             allowed_methods={methods}, respect_retry_after={}, retry_after_max={:?})",
            retry.total,
            retry.backoff_factor,
            self.backoff_max(),
            retry.backoff_jitter,
            statuses.join(", "),
            if retry.respect_retry_after { "True" } else { "False" },
            self.retry_after_max(),
        )
    }

    fn __hash__(&self) -> u64 {
        hash_of(&self.__repr__())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let others = [
            "backoff_factor",
            "backoff_max",
            "backoff_jitter",
            "status_forcelist",
            "allowed_methods",
            "respect_retry_after",
            "retry_after_max",
        ];
        reduce_attributes(slf.as_any(), "total", &others)
    }
}

/// `retry`: the number of attempts after the first, a Retry, or None or False for none.
pub fn retry_from(value: &Bound<'_, PyAny>) -> PyResult<Retry> {
    if value.is_none() || value.cast::<PyBool>().is_ok_and(|truth| !truth.is_true()) {
        return Ok(Retry::none());
    }
    if let Ok(retry) = value.cast::<PyRetry>() {
        return Ok(retry.get().0.clone());
    }
    count("retry", "an int, a Retry or None", value).map(Retry::new)
}

/// `method`: upper or lower case.
pub fn method_from(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<Method> {
    let text = text(argument, value)?;
    Method::from_bytes(text.to_ascii_uppercase().as_bytes())
        .map_err(|_| PyValueError::new_err(format!("{argument}: {text:?} is not an HTTP method")))
}

fn statuses_from(statuses: &Bound<'_, PyAny>) -> PyResult<BTreeSet<u16>> {
    let read = |status: PyResult<Bound<'_, PyAny>>| {
        let status = status?;
        let code = status.extract::<u16>().ok().filter(|code| StatusCode::from_u16(*code).is_ok());
        code.ok_or_else(|| PyValueError::new_err(format!("status_forcelist: {status:?} is not a status (100 to 999)")))
    };
    let wrong = |_| wrong_type("status_forcelist", "a collection of int", statuses);
    statuses.try_iter().map_err(wrong)?.map(read).collect()
}

/// Sorted and without repetitions: equality and repr compare the list.
fn methods_from(methods: &Bound<'_, PyAny>) -> PyResult<Vec<Method>> {
    if methods.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err("allowed_methods must be a collection of methods, not one str"));
    }
    let wrong = |_| wrong_type("allowed_methods", "a collection of methods", methods);
    let names = methods.try_iter().map_err(wrong)?;
    let mut listed = names.map(|name| method_from("allowed_methods", &name?)).collect::<PyResult<Vec<_>>>()?;
    listed.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    listed.dedup();
    Ok(listed)
}

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
        reduce_attributes(slf.as_any(), "total", &["connect", "read", "pool"])
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
