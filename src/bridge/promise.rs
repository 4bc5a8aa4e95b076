//! `_Promise`: the producing end of a [`Job`] whose work is done by Python code (`shoal._map`).
//!
//! A cancellation happens under the completion's lock, so it must not take the GIL or call Python code. It sets a flag,
//! wakes the coordinating thread through a file descriptor, and returns a result that asks Python for the finished
//! items when it is converted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use super::exceptions::os_error;
use super::job::Job;
use super::job_result::{Work, WorkResult, once};
use super::unobserved::CallSite;
use super::wake_fd::WakeFd;
use shoal_http::completion::Completion;
use shoal_http::stats::{LimitedBy, Stats};
use shoal_runtime::Mutex;

/// The state that a promise and its job share.
struct Shared {
    name: String,
    started: Instant,
    cancelled: AtomicBool,
    /// Wakes the coordinating thread. The thread closes it at its end, and does not leave that to the drop: the
    /// traceback of an exception keeps the thread's frames, and so this promise, alive.
    wake: Mutex<Option<WakeFd>>,
    counts: Mutex<Counts>,
    /// A Python function that returns the results so far, with `None` for the unfinished items. Taken when the job
    /// ends.
    collect: Mutex<Option<Py<PyAny>>>,
}

#[derive(Default)]
struct Counts {
    total: Option<usize>,
    ok: u64,
    by_error: BTreeMap<String, u64>,
    wall_time: Option<Duration>,
}

impl Counts {
    fn failed(&self) -> u64 {
        self.by_error.values().sum()
    }
}

impl Shared {
    fn take_collect(&self) -> Option<Py<PyAny>> {
        self.collect.lock().take()
    }

    fn wake(&self) {
        if let Some(descriptor) = &*self.wake.lock() {
            descriptor.wake();
        }
    }

    /// Records the wall time at the end of the work.
    fn finish(&self) {
        let wall_time = self.started.elapsed();
        self.counts.lock().wall_time.get_or_insert(wall_time);
    }
}

impl Work for Shared {
    fn name(&self) -> &str {
        &self.name
    }

    fn cancel(&self) -> Option<WorkResult> {
        self.finish();
        self.cancelled.store(true, Ordering::Release);
        self.wake();
        Some(WorkResult::Cancelled(self.take_collect().map(|collect| once(move |py| collect.call0(py)))))
    }

    fn progress(&self) -> (usize, Option<usize>) {
        let counts = self.counts.lock();
        (usize::try_from(counts.ok + counts.failed()).unwrap_or(usize::MAX), counts.total)
    }

    fn stats(&self) -> Stats {
        let counts = self.counts.lock();
        let failed = counts.failed();
        Stats {
            total: counts.ok + failed,
            ok: counts.ok,
            failed,
            by_error: counts.by_error.iter().map(|(name, count)| (name.clone().into(), *count)).collect(),
            wall: counts.wall_time.unwrap_or_else(|| self.started.elapsed()),
            limited_by: LimitedBy::Cpu,
            ..Stats::default()
        }
    }
}

/// The producing end of a Job. Internal.
#[pyclass(frozen, module = "shoal._shoal", name = "_Promise")]
pub struct PyPromise {
    shared: Arc<Shared>,
    completion: Arc<Completion<WorkResult>>,
}

impl PyPromise {
    fn settle(&self, result: PyResult<Py<PyAny>>) -> bool {
        self.shared.finish();
        let settled = self.completion.settle(WorkResult::Done(once(|_| result))).is_ok();
        drop(self.shared.take_collect());
        settled
    }
}

#[pymethods]
impl PyPromise {
    #[new]
    #[pyo3(signature = (name, collect, total=None))]
    fn new(name: String, collect: Py<PyAny>, total: Option<usize>) -> PyResult<Self> {
        let wake_fd = WakeFd::new().map_err(|error| os_error(&error, error.to_string()))?;
        let shared = Shared {
            name,
            started: Instant::now(),
            cancelled: AtomicBool::new(false),
            wake: Mutex::new(Some(wake_fd)),
            counts: Mutex::new(Counts { total, ..Counts::default() }),
            collect: Mutex::new(Some(collect)),
        };
        Ok(Self { shared: Arc::new(shared), completion: Arc::default() })
    }

    /// The job. There is one, and dropping it cancels the work.
    #[pyo3(signature = (progress=None))]
    fn job(&self, py: Python<'_>, progress: Option<Py<PyAny>>) -> PyResult<Py<Job>> {
        if Arc::strong_count(&self.completion) > 1 || self.completion.is_done() {
            return Err(PyRuntimeError::new_err("a promise has one Job"));
        }
        let site = CallSite::here(py, true);
        Job::create(py, self.completion.clone(), self.shared.clone(), progress, site)
    }

    /// A descriptor that is readable after `wake` and after a cancellation.
    fn fileno(&self) -> PyResult<i32> {
        self.shared.wake.lock().as_ref().map(WakeFd::descriptor).ok_or_else(|| PyValueError::new_err("closed"))
    }

    /// Makes `fileno` readable.
    fn wake(&self) {
        self.shared.wake();
    }

    /// Makes `fileno` no longer readable.
    fn drain(&self) {
        if let Some(descriptor) = &*self.shared.wake.lock() {
            descriptor.clear();
        }
    }

    /// Closes `fileno`; later calls of `wake` do nothing.
    fn close(&self) {
        *self.shared.wake.lock() = None;
    }

    /// Whether the job was cancelled.
    fn cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Acquire)
    }

    /// Sets the total number of items.
    fn expect(&self, total: usize) {
        self.shared.counts.lock().total = Some(total);
    }

    /// Counts items that have a result.
    fn advance(&self, count: u64) {
        self.shared.counts.lock().ok += count;
    }

    /// Counts an item that failed with an exception of the class of this name.
    fn failed(&self, name: String) {
        *self.shared.counts.lock().by_error.entry(name).or_default() += 1;
    }

    /// Sets the result; `False` if the job had ended already.
    fn resolve(&self, value: Py<PyAny>) -> bool {
        self.settle(Ok(value))
    }

    /// Sets the exception; `False` if the job had ended already.
    fn reject(&self, error: Bound<'_, PyBaseException>) -> bool {
        self.settle(Err(PyErr::from_value(error.into_any())))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(collect) = self.shared.collect.try_lock()
            && let Some(collect) = &*collect
        {
            visit.call(collect)?;
        }
        Ok(())
    }
}

/// Makes the kernel kill this process when the thread that started it ends; `False` if the system can't. For worker
/// processes. Internal.
#[pyfunction]
pub fn _end_with_parent() -> bool {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: with PR_SET_PDEATHSIG `prctl` reads one integer argument, sets an attribute of this process, and
        // accesses no memory.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == 0 }
    }
    #[cfg(not(target_os = "linux"))]
    false
}
