//! `_Promise`: the producing end of a [`Job`] whose work is done by Python code (`shoal._map`).
//!
//! A cancellation happens under the completion's lock, so it must not take the GIL or call Python code. It sets a flag,
//! wakes the coordinating thread through a file descriptor, and returns a result that asks Python for the finished items
//! when it is converted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use super::call_site::CallSite;
use super::exceptions::os_error;
use super::into_python::IntoPython;
use super::job::Job;
use super::job_result::WorkResult;
use super::wake_fd::WakeFd;
use super::work::Work;
use shoal_http::completion::Completion;
use shoal_http::stats::{LimitedBy, Stats};

/// The state that a promise and its job share.
struct Shared {
    name: String,
    started: Instant,
    cancelled: AtomicBool,
    /// Wakes the coordinating thread. Closed when that thread ends: an exception of the caller's function keeps the
    /// thread's frames alive, and would keep the descriptor open.
    wake: Mutex<Option<WakeFd>>,
    counts: Mutex<Counts>,
    /// Returns the results so far, with `None` in the other places. Taken when the job ends.
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
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_collect(&self) -> Option<Py<PyAny>> {
        self.collect.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn wake_fd(&self) -> MutexGuard<'_, Option<WakeFd>> {
        self.wake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        if let Some(descriptor) = &*self.wake_fd() {
            descriptor.wake();
        }
    }

    /// Stops the clock.
    fn finish(&self) {
        let wall_time = self.started.elapsed();
        self.counts().wall_time.get_or_insert(wall_time);
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
        let results = self.take_collect().map(|collect| Box::new(Collect(collect)) as Box<dyn IntoPython>);
        Some(WorkResult::Cancelled(results))
    }

    fn progress(&self) -> (usize, Option<usize>) {
        let counts = self.counts();
        (usize::try_from(counts.ok + counts.failed()).unwrap_or(usize::MAX), counts.total)
    }

    fn stats(&self) -> Stats {
        let counts = self.counts();
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

/// A value or an exception that is a Python object already.
struct Settled(Option<Result<Py<PyAny>, Py<PyBaseException>>>);

impl IntoPython for Settled {
    fn step(&mut self, py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        match self.0.take() {
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(error)) => Err(PyErr::from_value(error.into_bound(py).into_any())),
            None => Ok(Some(py.None())),
        }
    }

    fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        let error = self.0.as_ref()?.as_ref().err()?;
        Some(PyErr::from_value(error.clone_ref(py).into_bound(py).into_any()))
    }
}

/// The finished items of a cancelled job.
struct Collect(Py<PyAny>);

impl IntoPython for Collect {
    fn step(&mut self, py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        self.0.call0(py).map(Some)
    }

    fn failure(&self, _py: Python<'_>) -> Option<PyErr> {
        None
    }
}

/// The producing end of a Job. Internal.
#[pyclass(frozen, module = "shoal._shoal", name = "_Promise")]
pub struct PyPromise {
    shared: Arc<Shared>,
    completion: Arc<Completion<WorkResult>>,
}

impl PyPromise {
    fn settle(&self, result: Result<Py<PyAny>, Py<PyBaseException>>) -> bool {
        self.shared.finish();
        let settled = self.completion.settle(WorkResult::Done(Box::new(Settled(Some(result))))).is_ok();
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
        self.shared.wake_fd().as_ref().map(WakeFd::descriptor).ok_or_else(|| PyValueError::new_err("closed"))
    }

    /// Makes `fileno` readable.
    fn wake(&self) {
        self.shared.wake();
    }

    /// Makes `fileno` no longer readable.
    fn drain(&self) {
        if let Some(descriptor) = &*self.shared.wake_fd() {
            descriptor.clear();
        }
    }

    /// Closes `fileno`; later calls of `wake` do nothing.
    fn close(&self) {
        *self.shared.wake_fd() = None;
    }

    /// Whether the job was cancelled.
    fn cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Acquire)
    }

    /// Sets the total number of items.
    fn expect(&self, total: usize) {
        self.shared.counts().total = Some(total);
    }

    /// Counts items that have a result.
    fn advance(&self, count: u64) {
        self.shared.counts().ok += count;
    }

    /// Counts an item that failed with an exception of the class of this name.
    fn failed(&self, name: String) {
        *self.shared.counts().by_error.entry(name).or_default() += 1;
    }

    /// Sets the result; `False` if the job had ended already.
    fn resolve(&self, value: Py<PyAny>) -> bool {
        self.settle(Ok(value))
    }

    /// Sets the exception; `False` if the job had ended already.
    fn reject(&self, error: Py<PyBaseException>) -> bool {
        self.settle(Err(error))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(collect) = self.shared.collect.try_lock()
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
