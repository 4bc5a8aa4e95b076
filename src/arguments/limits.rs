//! `Retry` and `Limits`, and the shorthands that stand for them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use http::{Method, StatusCode};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyString, PyTuple};

use super::input::{type_name, utf8};
use shoal_http::limits::{Limits, Rate};
use shoal_http::retry::{Retry, RetryMethods};

fn not_negative(argument: &str, value: f64) -> PyResult<f64> {
    if value >= 0.0 && value.is_finite() {
        // Without the sign of -0.0, so that what is equal has one repr.
        return Ok(value.abs());
    }
    Err(PyValueError::new_err(format!("{argument} must be finite and 0 or more, not {value}")))
}

/// The hash of what has a repr that tells all.
fn hash_of(repr: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    repr.hash(&mut hasher);
    hasher.finish()
}

/// What `__reduce__` returns for an object made by its constructor.
pub fn rebuilt<'py>(
    object: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
    keywords: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyTuple>> {
    let py = object.py();
    let make = py.import("copyreg")?.getattr("__newobj_ex__")?;
    (make, (object.get_type(), arguments, keywords)).into_pyobject(py)
}

/// When to try again, and how long to wait before. Names and meaning are urllib3's.
///
/// Args:
///     total: attempts after the first.
///     backoff_factor: the wait before retry n is `backoff_factor * 2 ** (n - 1)` seconds, and none before the first.
///     backoff_max: the longest such wait, in seconds.
///     backoff_jitter: up to so many seconds, at random, are added to each wait.
///     status_forcelist: the statuses worth another attempt.
///     allowed_methods: the methods that may be repeated after the server may have seen the request; None (the default)
///         means the idempotent ones, and any with an `Idempotency-Key` header. A request that never left, or that an
///         HTTP/2 server says it did not process, is repeated whatever its method.
///     respect_retry_after: wait as long as a `Retry-After` says (RFC 9110, 10.2.3), with the whole host.
///     retry_after_max: but at most so many seconds.
///
/// Raises:
///     ValueError: a number is negative, or a status or method is none.
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
        let mut retry = Retry::new(attempts("total", total)?);
        let waits = [
            ("backoff_max", backoff_max, &mut retry.backoff_max),
            ("retry_after_max", retry_after_max, &mut retry.retry_after_max),
        ];
        for (argument, given, wait) in waits {
            if let Some(given) = given {
                *wait = Duration::from_secs_f64(not_negative(argument, float(argument, given)?)?.min(3.2e9));
            }
        }
        let numbers = [
            ("backoff_factor", backoff_factor, &mut retry.backoff_factor),
            ("backoff_jitter", backoff_jitter, &mut retry.backoff_jitter),
        ];
        for (argument, given, number) in numbers {
            if let Some(given) = given {
                *number = not_negative(argument, float(argument, given)?)?;
            }
        }
        if let Some(given) = respect_retry_after {
            retry.respect_retry_after = super::options::flag("respect_retry_after", given)?;
        }
        if let Some(statuses) = status_forcelist {
            let mut listed = Vec::new();
            let wrong = |_| {
                let kind = type_name(statuses);
                PyTypeError::new_err(format!("status_forcelist must be a collection of int, not {kind}"))
            };
            for status in statuses.try_iter().map_err(wrong)? {
                let status = status?;
                let code = status.extract::<u16>().ok().filter(|code| StatusCode::from_u16(*code).is_ok());
                listed.push(code.ok_or_else(|| {
                    PyValueError::new_err(format!("status_forcelist: {status:?} is not a status (100 to 999)"))
                })?);
            }
            retry.status_forcelist = listed.into_iter().collect();
        }
        if let Some(methods) = allowed_methods {
            if methods.is_instance_of::<PyString>() {
                return Err(PyTypeError::new_err("allowed_methods must be a collection of methods, not one str"));
            }
            let mut listed = Vec::new();
            let wrong = |_| {
                let kind = type_name(methods);
                PyTypeError::new_err(format!("allowed_methods must be a collection of methods, not {kind}"))
            };
            for name in methods.try_iter().map_err(wrong)? {
                listed.push(method_from("allowed_methods", &name?)?);
            }
            // A set, so in one order: equality and repr depend on it.
            listed.sort_by(|a, b| a.as_str().cmp(b.as_str()));
            listed.dedup();
            retry.allowed_methods = RetryMethods::Listed(listed);
        }
        Ok(Self(retry))
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
    fn status_forcelist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyFrozenSet>> {
        pyo3::types::PyFrozenSet::new(py, self.0.status_forcelist.iter())
    }

    /// A frozenset of methods, or None for the idempotent ones.
    #[getter]
    fn allowed_methods<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, pyo3::types::PyFrozenSet>>> {
        match &self.0.allowed_methods {
            RetryMethods::Listed(listed) => {
                Ok(Some(pyo3::types::PyFrozenSet::new(py, listed.iter().map(|method| method.as_str()))?))
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
        let (py, retry) = (slf.py(), slf.get());
        let keywords = PyDict::new(py);
        keywords.set_item("backoff_factor", retry.backoff_factor())?;
        keywords.set_item("backoff_max", retry.backoff_max())?;
        keywords.set_item("backoff_jitter", retry.backoff_jitter())?;
        keywords.set_item("status_forcelist", retry.status_forcelist(py)?)?;
        keywords.set_item("allowed_methods", retry.allowed_methods(py)?)?;
        keywords.set_item("respect_retry_after", retry.respect_retry_after())?;
        keywords.set_item("retry_after_max", retry.retry_after_max())?;
        rebuilt(slf.as_any(), &(retry.total(),).into_pyobject(py)?, &keywords)
    }
}

fn attempts(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<u32> {
    if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(format!("{argument} must be an int, not {}", type_name(value))));
    }
    whole(argument, value)
}

/// An int from 0 to what 32 bits hold; which of the two bounds is missed is told.
pub fn whole(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<u32> {
    value.extract().or_else(|_| {
        let bound = if value.lt(0)? { "0 or more".to_owned() } else { format!("at most {}", u32::MAX) };
        let shown: String = value.repr()?.to_string_lossy().chars().take(40).collect();
        Err(PyValueError::new_err(format!("{argument} must be {bound}, not {shown}")))
    })
}

/// `retry`: the number of attempts after the first, a Retry, or None or False for none.
pub fn retry_from(value: &Bound<'_, PyAny>) -> PyResult<Retry> {
    if value.is_none() || value.cast::<PyBool>().is_ok_and(|truth| !truth.is_true()) {
        return Ok(Retry::none());
    }
    if let Ok(retry) = value.cast::<PyRetry>() {
        return Ok(retry.get().0.clone());
    }
    if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
        let kind = type_name(value);
        return Err(PyTypeError::new_err(format!("retry must be an int, a Retry or None, not {kind}")));
    }
    Ok(Retry::new(attempts("retry", value)?))
}

/// `method`: upper or lower case.
pub fn method_from(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<Method> {
    let Ok(text) = value.cast::<PyString>() else {
        return Err(PyTypeError::new_err(format!("{argument} must be str, not {}", type_name(value))));
    };
    let text = utf8(argument, text)?;
    if text == "GET" {
        return Ok(Method::GET);
    }
    Method::from_bytes(text.to_ascii_uppercase().as_bytes())
        .map_err(|_| PyValueError::new_err(format!("{argument}: {text:?} is not an HTTP method")))
}

/// Requests in flight at once by default.
pub const CONCURRENCY: usize = 100;

/// How many requests a client, or a batch, may have under way.
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
    /// Ready for the engine.
    pub limits: Limits,
    rate: Option<String>,
}

impl PyLimits {
    /// Those of a client that is told nothing.
    pub fn standard() -> Self {
        let limits = Limits { concurrency: Some(CONCURRENCY), ..Limits::default() };
        Self { limits, rate: None }
    }
}

/// `concurrency=` where None is not the default.
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
        signature = (concurrency=Concurrency(Some(CONCURRENCY)), *, per_host=None, rate=None),
        text_signature = "(concurrency=100, *, per_host=None, rate=None)"
    )]
    fn new(
        concurrency: Concurrency,
        per_host: Option<&Bound<'_, PyAny>>,
        rate: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let per_host = per_host.map(|given| at_least_one("per_host", integer("per_host", given)?)).transpose()?;
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
        let number = |number: Option<usize>| number.map_or_else(|| "None".to_owned(), |number| number.to_string());
        let rate = self.rate.as_ref().map_or_else(|| "None".to_owned(), |rate| format!("'{rate}'"));
        format!("Limits(concurrency={}, per_host={}, rate={rate})", number(self.concurrency()), number(self.per_host()))
    }

    fn __hash__(&self) -> u64 {
        hash_of(&self.__repr__())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let keywords = PyDict::new(slf.py());
        keywords.set_item("per_host", slf.get().per_host())?;
        keywords.set_item("rate", slf.get().rate())?;
        rebuilt(slf.as_any(), &(slf.get().concurrency(),).into_pyobject(slf.py())?, &keywords)
    }
}

/// `concurrency`: a number of requests, or None for no limit.
pub fn concurrency_from(value: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    if value.is_none() {
        return Ok(None);
    }
    at_least_one("concurrency", integer("concurrency", value)?).map(Some)
}

/// A number of requests: 1 or more.
pub fn at_least_one(argument: &str, number: i64) -> PyResult<usize> {
    usize::try_from(number)
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| PyValueError::new_err(format!("{argument} must be 1 or more, not {number}")))
}

/// `rate`: "10/s" and the like.
pub fn rate_from(value: &Bound<'_, PyAny>) -> PyResult<Rate> {
    let text = value.cast::<PyString>().map_err(|_| {
        PyTypeError::new_err(format!("rate must be a str like \"10/s\" or None, not {}", type_name(value)))
    })?;
    Rate::parse(utf8("rate", text)?).map_err(PyValueError::new_err)
}

/// An int, for messages that name it (PyO3's own do so in a note, which Python 3.10 has not).
pub fn integer(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<i64> {
    if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(format!("{argument} must be an int, not {}", type_name(value))));
    }
    value.extract().map_err(|_| PyValueError::new_err(format!("{argument} is too large: {value}")))
}

/// A number, likewise.
pub fn float(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<f64> {
    value.extract().map_err(|_| PyTypeError::new_err(format!("{argument} must be a number, not {}", type_name(value))))
}
