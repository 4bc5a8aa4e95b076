//! The keywords that all functions of `shoal.parallel` have: `on_error`, `workers`, `progress`.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::arguments::input::{type_name, utf8};
use crate::arguments::limits::{at_least_one, integer};
use crate::arguments::options::unknown;
use crate::bridge::progress::reporter;
use crate::bridge::runtime::runtime_error;
use shoal_runtime::pool;

/// What becomes of documents that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The first one ends the batch.
    Raise,
    /// An `ItemError` stands in the place.
    Return,
    /// They are left out.
    Skip,
}

/// The keywords, read.
pub struct Keywords {
    /// `on_error`.
    pub policy: Policy,
    /// `workers`, or one for each thread of the pool.
    pub workers: usize,
    /// `progress`.
    pub progress: Option<Py<PyAny>>,
}

const NAMES: [&str; 3] = ["on_error", "workers", "progress"];

/// The number of cores that this process may use: `SHOAL_THREADS`, or else those of its CPU affinity and cgroup quota.
#[pyfunction]
pub fn _usable_cores() -> PyResult<usize> {
    pool::thread_count().map_err(|error| runtime_error(&error))
}

impl Keywords {
    /// Of a call of `function`.
    pub fn read(function: &str, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let threads = _usable_cores()?;
        let mut read = Self { policy: Policy::Raise, workers: threads, progress: None };
        for (key, value) in keywords.into_iter().flatten() {
            let key = key.cast::<PyString>()?;
            match utf8("the name of an option", key)? {
                "on_error" => read.policy = policy_from(&value)?,
                "workers" if value.is_none() => {}
                "workers" => read.workers = at_least_one("workers", integer("workers", &value)?)?.min(threads),
                "progress" => read.progress = reporter(&value, "doc")?,
                other => return Err(unknown(function, other, NAMES)),
            }
        }
        Ok(read)
    }
}

fn policy_from(value: &Bound<'_, PyAny>) -> PyResult<Policy> {
    let wanted = "on_error must be \"raise\", \"return\" or \"skip\"";
    let text =
        value.cast::<PyString>().map_err(|_| PyTypeError::new_err(format!("{wanted}, not {}", type_name(value))))?;
    match utf8("on_error", text)? {
        "raise" => Ok(Policy::Raise),
        "return" => Ok(Policy::Return),
        "skip" => Ok(Policy::Skip),
        other => Err(PyValueError::new_err(format!("{wanted}, not {other:?}"))),
    }
}

/// Takes a keyword that only some functions have out of those that all have; also one that is None.
pub fn take<'py>(keywords: Option<&Bound<'py, PyDict>>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(keywords) = keywords else { return Ok(None) };
    let value = keywords.get_item(name)?;
    if value.is_some() {
        keywords.del_item(name)?;
    }
    Ok(value)
}
