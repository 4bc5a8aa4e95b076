//! `_Promise`: how Python code of ours (`shoal._map`) stands behind a [`Job`].
//!
//! The work runs in threads and processes that Python started; this is their end of the job. Cancelling takes no GIL and
//! calls no Python code, because it happens under the completion's lock: it sets a flag, writes to a descriptor that the
//! coordinating thread watches, and leaves a harvest behind that asks Python for the finished results when somebody
//! looks at them.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyBaseException, PyOSError, PyRuntimeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use super::job::{Job, Work};
use super::outcome::{Ended, Harvest};
use super::unwatched::CallSite;
use crate::http::stats::PyStats;
use shoal_http::completion::Completion;
use shoal_http::stats::{LimitedBy, Stats};

/// What the two ends have in common.
struct Shared {
    name: String,
    started: Instant,
    cancelled: AtomicBool,
    /// Written to wake the coordinating thread, which watches the other end. Closed when that thread is done: exceptions
    /// of the caller's function keep its frames alive, and would keep the descriptors.
    wire: Mutex<Option<Wire>>,
    figures: Mutex<Figures>,
    /// Gives the results so far, `None` in the other places. Gone once the job has ended.
    collect: Mutex<Option<Py<PyAny>>>,
}

struct Wire {
    waker: UnixStream,
    woken: UnixStream,
}

#[derive(Default)]
struct Figures {
    total: Option<usize>,
    ok: u64,
    by_error: BTreeMap<String, u64>,
    wall: Option<Duration>,
}

impl Figures {
    fn failed(&self) -> u64 {
        self.by_error.values().sum()
    }

    fn done(&self) -> usize {
        usize::try_from(self.ok + self.failed()).unwrap_or(usize::MAX)
    }
}

impl Shared {
    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_collect(&self) -> Option<Py<PyAny>> {
        self.collect.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn wire(&self) -> MutexGuard<'_, Option<Wire>> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        if let Some(wire) = &*self.wire() {
            // Full means that it is awake already.
            let _ = (&wire.waker).write(&[1]);
        }
    }

    /// The job has ended: the clock stops.
    fn finish(&self) {
        let wall = self.started.elapsed();
        self.figures().wall.get_or_insert(wall);
    }
}

/// The job's end.
struct Kept(Arc<Shared>);

impl Work for Kept {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn cancel(&self) -> Option<Option<Box<dyn Harvest>>> {
        self.0.finish();
        self.0.cancelled.store(true, Ordering::Release);
        self.0.wake();
        Some(self.0.take_collect().map(|collect| Box::new(Collect(collect)) as Box<dyn Harvest>))
    }

    fn progress(&self) -> (usize, usize) {
        let figures = self.0.figures();
        (figures.done(), figures.total.unwrap_or_else(|| figures.done()))
    }

    fn figures(&self) -> (usize, Option<usize>) {
        let figures = self.0.figures();
        (figures.done(), figures.total)
    }

    fn stats(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let stats = {
            let figures = self.0.figures();
            let failed = figures.failed();
            Stats {
                total: figures.ok + failed,
                ok: figures.ok,
                failed,
                by_error: figures.by_error.iter().map(|(name, count)| (name.clone().into(), *count)).collect(),
                wall: figures.wall.unwrap_or_else(|| self.0.started.elapsed()),
                limited_by: LimitedBy::Cpu,
                ..Stats::default()
            }
        };
        Ok(Py::new(py, PyStats(stats))?.into_any())
    }
}

/// A value or an exception that is a Python object already.
struct Ready(Option<Result<Py<PyAny>, Py<PyBaseException>>>);

impl Harvest for Ready {
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

/// What was finished when the job was cancelled.
struct Collect(Py<PyAny>);

impl Harvest for Collect {
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
    completion: Arc<Completion<Ended>>,
}

impl PyPromise {
    fn settle(&self, ready: Result<Py<PyAny>, Py<PyBaseException>>) -> bool {
        self.shared.finish();
        let settled = self.completion.settle(Ended::Done(Box::new(Ready(Some(ready))))).is_ok();
        drop(self.shared.take_collect());
        settled
    }
}

fn pair() -> io::Result<(UnixStream, UnixStream)> {
    let (waker, woken) = UnixStream::pair()?;
    waker.set_nonblocking(true)?;
    woken.set_nonblocking(true)?;
    Ok((waker, woken))
}

#[pymethods]
impl PyPromise {
    #[new]
    #[pyo3(signature = (name, collect, total=None))]
    fn new(name: String, collect: Py<PyAny>, total: Option<usize>) -> PyResult<Self> {
        let (waker, woken) = pair().map_err(|error| match error.raw_os_error() {
            Some(code) => PyOSError::new_err((code, error.to_string())),
            None => error.into(),
        })?;
        let shared = Shared {
            name,
            started: Instant::now(),
            cancelled: AtomicBool::new(false),
            wire: Mutex::new(Some(Wire { waker, woken })),
            figures: Mutex::new(Figures { total, ..Figures::default() }),
            collect: Mutex::new(Some(collect)),
        };
        Ok(Self { shared: Arc::new(shared), completion: Arc::default() })
    }

    /// The job. Only one: dropping it cancels.
    #[pyo3(signature = (progress=None))]
    fn job(&self, py: Python<'_>, progress: Option<Py<PyAny>>) -> PyResult<Py<Job>> {
        if Arc::strong_count(&self.completion) > 1 || self.completion.is_done() {
            return Err(PyRuntimeError::new_err("there is one Job for a promise"));
        }
        let site = CallSite::here(py, true);
        Job::create(py, self.completion.clone(), Arc::new(Kept(self.shared.clone())), progress, site)
    }

    /// Readable when somebody called `wake`, or cancelled the job.
    fn fileno(&self) -> PyResult<i32> {
        match &*self.shared.wire() {
            Some(wire) => Ok(wire.woken.as_raw_fd()),
            None => Err(PyValueError::new_err("closed")),
        }
    }

    /// Makes `fileno` readable.
    fn wake(&self) {
        self.shared.wake();
    }

    /// Makes `fileno` no longer readable.
    fn drain(&self) {
        if let Some(wire) = &*self.shared.wire() {
            let mut bytes = [0; 64];
            while (&wire.woken).read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
        }
    }

    /// Gives `fileno` back; nobody can wake any more.
    fn close(&self) {
        *self.shared.wire() = None;
    }

    /// Whether nobody wants the result any more.
    fn cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Acquire)
    }

    /// How many items there are, now that it is known.
    fn expect(&self, total: usize) {
        self.shared.figures().total = Some(total);
    }

    /// So many items more have a result.
    fn advance(&self, count: u64) {
        self.shared.figures().ok += count;
    }

    /// One item more has failed, with an exception of the class of this name.
    fn failed(&self, name: String) {
        *self.shared.figures().by_error.entry(name).or_default() += 1;
    }

    /// The result; `False` if the job had ended already.
    fn resolve(&self, value: Py<PyAny>) -> bool {
        self.settle(Ok(value))
    }

    /// The exception that the job raises; `False` if it had ended already.
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

/// Ends this process as soon as the thread that started it does, which is to say its parent; `False` if the system can't
/// do that. Internal, for worker processes.
#[pyfunction]
pub fn _end_with_parent() -> bool {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: sets an attribute of this process; takes no pointer.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == 0 }
    }
    #[cfg(not(target_os = "linux"))]
    false
}
