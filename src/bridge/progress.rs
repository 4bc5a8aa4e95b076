//! Drives a progress reporter (`shoal._progress`) from the thread or the loop that waits, never from the reactor.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyWeakrefReference;

use super::job::Job;
use super::lifecycle::calling_out;
use shoal_runtime::is_exiting;

/// Between two reports.
const EVERY: Duration = Duration::from_millis(100);

/// A reporter and when it was last used.
pub struct Progress {
    reporter: Py<PyAny>,
    last: Mutex<Option<Instant>>,
    closed: AtomicBool,
}

/// The reporter for `progress=`, from `shoal._progress`; `unit` is what a bar counts.
pub fn reporter(progress: &Bound<'_, PyAny>, unit: &str) -> PyResult<Option<Py<PyAny>>> {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let reporter = MAKE.import(progress.py(), "shoal._progress", "reporter")?.call1((progress, unit))?;
    Ok(if reporter.is_none() { None } else { Some(reporter.unbind()) })
}

impl Progress {
    /// For a reporter with `update(done, total)` and `close(done, total)`.
    pub fn new(reporter: Py<PyAny>) -> Self {
        Self { reporter, last: Mutex::new(None), closed: AtomicBool::new(false) }
    }

    /// Reports, unless it did a moment ago.
    pub fn report(&self, py: Python<'_>, (done, total): (usize, Option<usize>)) -> PyResult<()> {
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if self.closed.load(Ordering::Relaxed) || last.is_some_and(|last| last.elapsed() < EVERY) {
                return Ok(());
            }
            *last = Some(Instant::now());
        }
        calling_out(|| self.reporter.call_method1(py, intern!(py, "update"), (done, total)))?;
        Ok(())
    }

    /// Reports the end, once; what goes wrong here must not cost the result.
    pub fn close(&self, py: Python<'_>, (done, total): (usize, Option<usize>)) {
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

    /// Reports from `event_loop` every 100 ms as long as the job is alive and not done.
    pub fn follow(progress: &Arc<Self>, event_loop: &Bound<'_, PyAny>, job: &Bound<'_, PyAny>) -> PyResult<()> {
        let tick = Tick {
            progress: progress.clone(),
            event_loop: event_loop.clone().unbind(),
            job: PyWeakrefReference::new(job)?.unbind(),
        };
        Tick::schedule(&Bound::new(event_loop.py(), tick)?)
    }

    /// For the garbage collector.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.reporter)
    }
}

/// A timer's callback. Internal.
#[pyclass(frozen, module = "shoal._shoal")]
struct Tick {
    progress: Arc<Progress>,
    event_loop: Py<PyAny>,
    /// Weak: dropping the last reference to a job cancels it, and a timer must not stand in the way.
    job: Py<PyWeakrefReference>,
}

impl Tick {
    fn schedule(slf: &Bound<'_, Self>) -> PyResult<()> {
        let event_loop = slf.get().event_loop.bind(slf.py());
        event_loop.call_method1(intern!(slf.py(), "call_later"), (EVERY.as_secs_f64(), slf))?;
        Ok(())
    }
}

#[pymethods]
impl Tick {
    fn __call__(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let tick = slf.get();
        let Some(job) = tick.job.bind(py).upgrade() else { return Ok(()) };
        let Some(now) = job.cast::<Job>()?.get().progress_now() else { return Ok(()) };
        tick.progress.report(py, now)?;
        Self::schedule(slf)
    }
}
