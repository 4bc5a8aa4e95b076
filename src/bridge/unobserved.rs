//! Reports of a dropped job: a warning if that stopped work which was never awaited, a log entry if its exception was
//! never retrieved.

use std::ffi::CString;
use std::sync::atomic::{AtomicU8, Ordering};

use pyo3::exceptions::PyRuntimeWarning;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use super::call_site::CallSite;
use shoal_runtime::FinalizeGuard;

/// The job was awaited, cancelled or given a callback.
const AWAITED: u8 = 1;
/// Its result, exception or cancellation was passed on.
const RETRIEVED: u8 = 2;

/// How far a job was observed.
#[derive(Default)]
pub struct Observed(AtomicU8);

impl Observed {
    /// The job is awaited, cancelled or given a callback.
    pub fn set_awaited(&self) {
        // Most jobs are awaited by one thread only, and the load saves a locked instruction of 5 ns.
        if !self.is_awaited() {
            self.0.fetch_or(AWAITED, Ordering::Relaxed);
        }
    }

    /// Its result, exception or cancellation is passed on.
    pub fn set_retrieved(&self) {
        self.0.store(AWAITED | RETRIEVED, Ordering::Relaxed);
    }

    /// See [`Observed::set_awaited`].
    pub fn is_awaited(&self) -> bool {
        self.0.load(Ordering::Relaxed) & AWAITED != 0
    }

    /// See [`Observed::set_retrieved`].
    pub fn is_retrieved(&self) -> bool {
        self.0.load(Ordering::Relaxed) & RETRIEVED != 0
    }
}

/// Runs `report`, which calls Python code, unless the interpreter exits.
fn reporting<T>(py: Python<'_>, report: impl FnOnce() -> PyResult<T>) {
    let guard = FinalizeGuard::acquire();
    if guard.is_none() {
        return;
    }
    if let Err(error) = report() {
        error.write_unraisable(py, None);
    }
}

/// Warns of a job that was dropped while its work was running and that was never awaited.
pub fn warn_of_drop(py: Python<'_>, name: &str, site: Option<&CallSite>) {
    /// The registries of `warnings.warn_explicit`, by file: one warning per line.
    static REGISTRIES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    reporting(py, || {
        let (file, line) = match site {
            Some(site) => (site.file(py)?, site.line(py)),
            None => ("<unknown>".to_owned(), 1),
        };
        let message = format!(
            "a Job of {name} was dropped before its end, which stopped its work: await it, call .result(), or .cancel() \
             it if that is what you want"
        );
        let registries = REGISTRIES.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
        let registry = match registries.get_item(&file)? {
            Some(registry) => registry,
            None => {
                let registry = PyDict::new(py).into_any();
                registries.set_item(&file, &registry)?;
                registry
            }
        };
        let category = py.get_type::<PyRuntimeWarning>();
        let (message, file) = (CString::new(message)?, CString::new(file)?);
        PyErr::warn_explicit(py, &category, &message, &file, line, None, Some(&registry))
    });
}

/// Logs the exception of a job that was dropped before it was retrieved.
pub fn log_failure(py: Python<'_>, name: &str, site: Option<&CallSite>, failure: PyErr) {
    reporting(py, || {
        let place = match site {
            Some(site) => format!(", called at {}:{}", site.file(py)?, site.line(py)),
            None => String::new(),
        };
        let logger = py.import(intern!(py, "logging"))?.call_method1(intern!(py, "getLogger"), ("shoal",))?;
        let keywords = PyDict::new(py);
        keywords.set_item(intern!(py, "exc_info"), failure.into_value(py))?;
        let message = format!("the exception of a Job was never retrieved: {name}{place}");
        logger.call_method(intern!(py, "error"), ("%s", message), Some(&keywords))
    });
}
