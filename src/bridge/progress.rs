//! `progress=`: calls a reporter of `shoal._progress`, on the thread or event loop that waits for the job, never on the
//! reactor.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCFunction, PyDict, PyTuple};

use super::lifecycle::calling_out;
use shoal_runtime::{Mutex, is_exiting};

/// Minimum time between two reports.
const INTERVAL: Duration = Duration::from_millis(100);

/// The number of finished items, and the total if it is known.
type Figures = (usize, Option<usize>);

/// A reporter and when it was last called.
pub struct Progress {
    reporter: Py<PyAny>,
    last: Mutex<Option<Instant>>,
    closed: AtomicBool,
}

/// The reporter for the argument `progress`, if it asks for one. `unit` names the items in a progress bar.
pub fn reporter(progress: &Bound<'_, PyAny>, unit: &str) -> PyResult<Option<Py<PyAny>>> {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let reporter = MAKE.import(progress.py(), "shoal._progress", "reporter")?.call1((progress, unit))?;
    Ok(if reporter.is_none() { None } else { Some(reporter.unbind()) })
}

impl Progress {
    /// Wraps a reporter, an object with `update(done, total)` and `close(done, total)`.
    pub fn new(reporter: Py<PyAny>) -> Self {
        Self { reporter, last: Mutex::new(None), closed: AtomicBool::new(false) }
    }

    /// Reports, unless the last report is less than 100 ms old.
    pub fn report(&self, py: Python<'_>, (done, total): Figures) -> PyResult<()> {
        {
            let mut last = self.last.lock();
            if self.closed.load(Ordering::Relaxed) || last.is_some_and(|last| last.elapsed() < INTERVAL) {
                return Ok(());
            }
            *last = Some(Instant::now());
        }
        calling_out(|| self.reporter.call_method1(py, intern!(py, "update"), (done, total)))?;
        Ok(())
    }

    /// Reports the end, once. An exception goes to `sys.unraisablehook`, so that the job keeps its result.
    pub fn close(&self, py: Python<'_>, (done, total): Figures) {
        if self.closed.swap(true, Ordering::Relaxed) {
            return;
        }
        let closed = calling_out(|| self.reporter.call_method1(py, intern!(py, "close"), (done, total)));
        if let Err(error) = closed
            && !is_exiting()
        {
            error.write_unraisable(py, Some(self.reporter.bind(py)));
        }
    }

    /// Reports from `event_loop` every 100 ms until `figures` returns `None`.
    pub fn follow(
        progress: &Arc<Self>,
        event_loop: &Bound<'_, PyAny>,
        figures: impl Fn(Python<'_>) -> Option<Figures> + Send + Sync + 'static,
    ) -> PyResult<()> {
        let (py, progress) = (event_loop.py(), progress.clone());
        let report = move |arguments: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| -> PyResult<bool> {
            let py = arguments.py();
            let Some(figures) = figures(py) else { return Ok(false) };
            progress.report(py, figures).map(|()| true)
        };
        let report = PyCFunction::new_closure(py, None, None, report)?;
        py.import(intern!(py, "shoal._progress"))?.call_method1(intern!(py, "follow"), (event_loop, report))?;
        Ok(())
    }

    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.reporter)
    }
}
