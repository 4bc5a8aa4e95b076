//! The keywords of all functions of `shoal.parallel`: `on_error`, `workers`, `progress`.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arguments::options::Options;
pub use crate::arguments::options::Policy;
use crate::arguments::table::Function;
use crate::bridge::progress::reporter;
use crate::bridge::runtime::runtime_error;
use shoal_runtime::pool;

/// The parsed keywords.
pub struct Keywords {
    /// `on_error`.
    pub policy: Policy,
    /// `workers`; all threads of the pool unless given.
    pub workers: usize,
    /// The reporter for `progress`.
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
