//! Arguments of the functions of `shoal.parallel`. Every error names the argument.

use std::fmt::Display;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arguments::options::Options;
pub use crate::arguments::options::Policy;
use crate::arguments::scalars::at_least;
pub use crate::arguments::scalars::text;
use crate::arguments::table::Function;
use crate::bridge::lifecycle::runtime_error;
use crate::bridge::progress::reporter;
use shoal_runtime::pool;

/// What a document may be, for messages.
pub const WANTED: &str = "str, bytes, a bytes-like object, a path or a shoal.Response";

pub fn optional_text(argument: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<String>> {
    let given = value.filter(|value| !value.is_none());
    given.map(|value| text(argument, value).map(str::to_owned)).transpose()
}

/// An integer of 0 or more; `default` if the argument is absent.
pub fn number(argument: &str, value: Option<&Bound<'_, PyAny>>, default: usize) -> PyResult<usize> {
    value.map_or(Ok(default), |value| at_least(0, argument, value))
}

/// Turns a kernel's error about an argument into a `ValueError` that names it.
pub fn invalid<E: Display>(argument: &str) -> impl Fn(E) -> PyErr {
    move |error| PyValueError::new_err(format!("{argument}: {error}"))
}

/// The keywords of all functions.
pub struct Keywords {
    pub policy: Policy,
    /// `workers`; all threads of the pool unless given.
    pub workers: usize,
    pub progress: Option<Py<PyAny>>,
}

/// The number of cores that this process may use: `SHOAL_THREADS`, or else those of its CPU affinity and cgroup quota.
#[pyfunction]
pub fn _usable_cores() -> PyResult<usize> {
    pool::thread_count().map_err(|error| runtime_error(&error))
}

impl Keywords {
    /// Parses the keywords of a call of `function`.
    pub fn read(function: &str, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let threads = _usable_cores()?;
        let Options { on_error, workers, progress, .. } =
            Options::read(Function::Kernel, function, keywords.into_iter().flatten())?;
        let progress = match (progress, keywords) {
            (Some(progress), Some(keywords)) => reporter(progress.bind(keywords.py()), "doc")?,
            _ => None,
        };
        Ok(Self { policy: on_error, workers: workers.unwrap_or(threads).min(threads), progress })
    }
}

/// Removes a keyword that only some functions have, and returns its value, which may be None.
pub fn take<'py>(keywords: Option<&Bound<'py, PyDict>>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(keywords) = keywords else { return Ok(None) };
    let value = keywords.get_item(name)?;
    if value.is_some() {
        keywords.del_item(name)?;
    }
    Ok(value)
}
