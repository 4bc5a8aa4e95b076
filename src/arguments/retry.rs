//! `Retry`, and the number of attempts that stands for one.

use http::{Method, StatusCode};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFrozenSet, PyString, PyTuple};

use super::objects::{hash_of, reduce};
use super::scalars::{count, flag, not_negative, pause, text, wrong_type};
use shoal_http::retry::{Retry, RetryMethods};

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
        let mut retry = Retry::new(count("total", "an int", total)?);
        if let Some(given) = backoff_factor {
            retry.backoff_factor = not_negative("backoff_factor", given)?;
        }
        if let Some(given) = backoff_max {
            retry.backoff_max = pause("backoff_max", given)?;
        }
        if let Some(given) = backoff_jitter {
            retry.backoff_jitter = not_negative("backoff_jitter", given)?;
        }
        if let Some(given) = status_forcelist {
            retry.status_forcelist = statuses_from(given)?.into_iter().collect();
        }
        if let Some(given) = allowed_methods {
            retry.allowed_methods = RetryMethods::Listed(methods_from(given)?);
        }
        if let Some(given) = respect_retry_after {
            retry.respect_retry_after = flag("respect_retry_after", given)?;
        }
        if let Some(given) = retry_after_max {
            retry.retry_after_max = pause("retry_after_max", given)?;
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
        let (py, retry) = (slf.py(), slf.get());
        let keywords = PyDict::new(py);
        keywords.set_item("backoff_factor", retry.backoff_factor())?;
        keywords.set_item("backoff_max", retry.backoff_max())?;
        keywords.set_item("backoff_jitter", retry.backoff_jitter())?;
        keywords.set_item("status_forcelist", retry.status_forcelist(py)?)?;
        keywords.set_item("allowed_methods", retry.allowed_methods(py)?)?;
        keywords.set_item("respect_retry_after", retry.respect_retry_after())?;
        keywords.set_item("retry_after_max", retry.retry_after_max())?;
        reduce(slf.as_any(), &(retry.total(),).into_pyobject(py)?, &keywords)
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

fn statuses_from(statuses: &Bound<'_, PyAny>) -> PyResult<Vec<u16>> {
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
