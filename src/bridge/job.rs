//! `Job`: the handle for running work, and for its result.

use std::sync::Arc;
use std::time::Instant;

use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyWeakrefReference};

use super::callbacks::{CallbackThread, run_callbacks};
use super::detach::detached;
use super::event_loop::running_loop;
use super::job_result::{JobOutcome, JobResult, Work, WorkResult, cancelled_error, started_before_fork};
use super::job_state::JobState;
use super::lifecycle::calling_out;
use super::progress::Progress;
use super::repr::escape_html;
use super::stats::PyStats;
use super::unobserved::{CallSite, Observed};
use shoal_http::completion::Completion;
use shoal_runtime::Mutex;

const HINT: &str = "await it, or call .result(), for what it gives";

/// Work that has started, and its result.
///
/// A Job starts at once, like a `concurrent.futures.Future`, with or without a running event loop, from any thread.
///
/// - `await job` on any event loop (asyncio, uvloop), any number of times. It is a coroutine, so `asyncio.create_task`,
///   `gather`, `wait_for`, `timeout`, `shield` and `TaskGroup.create_task` take it.
/// - `job.result()` anywhere else: in a script, a thread, or a notebook cell while a loop runs.
///
/// Cancelling it, cancelling the task that awaits it, or dropping the last reference to it stops the work and releases
/// its sockets. A job that is dropped before its end without having been awaited, asked for its result, cancelled or given
/// a callback warns (RuntimeWarning). If it failed and the exception was never retrieved, the exception is logged (logger
/// "shoal"). All methods may be called from any thread.
#[pyclass(frozen, weakref, module = "shoal", generic)]
pub struct Job {
    state: JobState,
    callbacks: Mutex<Vec<Py<PyAny>>>,
}

impl Job {
    /// Creates the job for `work`, which already runs, settles `completion` at its end, and was started at `site`. If
    /// there is a `progress` reporter and an event loop runs in this thread, it starts to report.
    pub fn create(
        py: Python<'_>,
        completion: Arc<Completion<WorkResult>>,
        work: Arc<dyn Work>,
        progress: Option<Py<PyAny>>,
        site: Option<CallSite>,
    ) -> PyResult<Py<Self>> {
        let state = JobState {
            result: JobResult::new(completion),
            work,
            progress: progress.map(|reporter| Arc::new(Progress::new(reporter))),
            observed: Observed::default(),
            started: Instant::now(),
            site,
        };
        let job = Bound::new(py, Self { state, callbacks: Mutex::default() })?;
        let state = &job.get().state;
        if let Some(progress) = &state.progress
            && let Some(event_loop) = running_loop(py)?
        {
            // A weak reference: a job is cancelled when its last reference is dropped, so the timer must not hold one.
            let weak = PyWeakrefReference::new(job.as_any())?.unbind();
            let figures = move |py: Python<'_>| {
                let job = weak.bind(py).upgrade()?.cast_into::<Self>().ok()?;
                job.get().state.running_progress()
            };
            // After an error the caller never gets the job, so dropping it must not warn.
            Progress::follow(progress, &event_loop, figures).inspect_err(|_| state.observed.set_retrieved())?;
        }
        Ok(job.unbind())
    }

    fn take_callbacks(&self) -> Vec<Py<PyAny>> {
        std::mem::take(&mut *self.callbacks.lock())
    }

    fn outcome(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<JobOutcome> {
        let seconds = timeout.map(|timeout| {
            timeout.extract::<f64>().or_else(|_| {
                let name = timeout.get_type().name()?;
                Err(PyTypeError::new_err(format!("timeout must be a number, not {name}")))
            })
        });
        self.state.outcome(py, seconds.transpose()?)
    }
}

#[pymethods]
impl Job {
    /// Waits for the result and returns it.
    ///
    /// Blocks the calling thread with the GIL released. If an event loop runs in this thread it is blocked, too: await the
    /// job there instead where you can.
    ///
    /// Args:
    ///     timeout: seconds to wait at most; None (the default) for no limit. The job goes on when it passes.
    ///
    /// Raises:
    ///     TimeoutError: `timeout` passed.
    ///     concurrent.futures.CancelledError: the job was cancelled.
    ///     KeyboardInterrupt: Ctrl-C, answered within 200 ms; the job is cancelled, and the exception's `results` holds
    ///         what was finished (for a batch: a list with None in the other places).
    ///     FetchError: whatever the work raised.
    ///     SystemExit: in a daemon thread, when the interpreter exits: it ends the thread without a message.
    #[pyo3(signature = (timeout=None))]
    fn result(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        calling_out(|| match self.outcome(py, timeout)? {
            JobOutcome::Value(value) => Ok(value),
            JobOutcome::Raised(error) => Err(PyErr::from_value(error.into_bound(py).into_any())),
            JobOutcome::Cancelled(results) => Err(cancelled_error(py, "concurrent.futures", results)?),
        })
    }

    /// Waits for the end and returns the exception the work raised, or None.
    ///
    /// Takes `timeout` and raises like `result()`, but for the work's own exception.
    #[pyo3(signature = (timeout=None))]
    fn exception(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Py<PyAny>>> {
        calling_out(|| match self.outcome(py, timeout)? {
            JobOutcome::Value(_) => Ok(None),
            JobOutcome::Raised(error) => Ok(Some(error.into_any())),
            JobOutcome::Cancelled(results) => Err(cancelled_error(py, "concurrent.futures", results)?),
        })
    }

    /// Stops the work and releases its sockets. Returns False if it had ended already.
    fn cancel(&self, py: Python<'_>) -> bool {
        self.state.observed.set_retrieved();
        detached(py, || self.state.cancel())
    }

    /// Whether the work has ended: with a result, an exception or a cancellation.
    fn done(&self) -> bool {
        self.state.result.is_done()
    }

    /// Whether the job was cancelled.
    fn cancelled(&self) -> bool {
        self.state.result.is_cancelled()
    }

    /// Calls `fn(job)` when the work has ended, from a thread of Shoal's; at once, from this one, if it has already.
    ///
    /// What the function raises goes to `sys.unraisablehook`. A job with callbacks is kept alive until it ends.
    #[pyo3(signature = (r#fn, /))]
    fn add_done_callback(slf: &Bound<'_, Self>, r#fn: Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        if !r#fn.is_callable() {
            let message = format!("fn must be callable, not {}", r#fn.get_type().name()?);
            return Err(PyTypeError::new_err(message));
        }
        let (job, state) = (slf.get(), &slf.get().state);
        state.check_process()?;
        // Started here, so that the caller sees the error if the thread can't be started.
        let thread = if state.result.is_done() { None } else { Some(CallbackThread::start(py)?) };
        state.observed.set_awaited();
        let first = {
            let mut callbacks = job.callbacks.lock();
            callbacks.push(r#fn.unbind());
            callbacks.len() == 1
        };
        // The delivery that was registered for the first callback also calls the later ones.
        if !first && !state.result.is_done() {
            return Ok(());
        }
        if let Some(thread) = thread {
            let kept = slf.clone().unbind();
            let deliver = move |py: Python<'_>| {
                let job = kept.bind(py);
                let callbacks = job.get().take_callbacks();
                if let Err(error) = run_callbacks(job.as_any(), callbacks, intern!(py, "deliver")) {
                    error.write_unraisable(py, Some(job.as_any()));
                }
            };
            if thread.when_done(|waiter, token| state.result.watch(waiter, token), Box::new(deliver)) {
                return Ok(());
            }
        }
        run_callbacks(slf.as_any(), job.take_callbacks(), intern!(py, "call"))
    }

    /// What the work has done so far: counts, retries, bytes, times, and what limited it.
    #[getter]
    fn stats(&self) -> PyResult<PyStats> {
        let result = &self.state.result;
        if result.is_parents() && (!result.is_done() || result.is_cancelled()) {
            return Err(started_before_fork());
        }
        Ok(self.state.work.stats().into())
    }

    fn __getattr__(&self, name: &Bound<'_, PyString>) -> PyResult<()> {
        let name = name.to_string_lossy();
        // Names with underscores are probed by tools, which show no message.
        let hint = if name.starts_with('_') { String::new() } else { format!("; {HINT}") };
        Err(PyAttributeError::new_err(format!("'Job' object has no attribute '{name}'{hint}")))
    }

    fn __getitem__(&self, _key: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(PyTypeError::new_err(format!("a Job has no items; {HINT}")))
    }

    fn __len__(&self) -> PyResult<usize> {
        Err(PyTypeError::new_err(format!("a Job has no len(); {HINT}")))
    }

    fn __bool__(&self) -> bool {
        true
    }

    fn __await__(slf: Bound<'_, Self>) -> JobIterator {
        slf.get().state.observed.set_awaited();
        JobIterator(slf.unbind())
    }

    /// The coroutine protocol: called by event loops.
    fn send<'py>(&self, py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let _ = value;
        self.state.resume(py)
    }

    /// The coroutine protocol: cancels the work and raises the exception.
    #[pyo3(signature = (typ, val=None, tb=None))]
    fn throw(
        &self,
        py: Python<'_>,
        typ: &Bound<'_, PyAny>,
        val: Option<&Bound<'_, PyAny>>,
        tb: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = tb;
        Err(self.state.interrupt(py, typ, val))
    }

    /// Cancels the work if it has not ended. Part of the coroutine protocol.
    fn close(&self, py: Python<'_>) {
        self.cancel(py);
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.state.repr(py)
    }

    /// A notebook's view: what it does, and how far it is.
    fn _repr_html_(slf: &Bound<'_, Self>) -> PyResult<String> {
        let state = &slf.get().state;
        let text = escape_html(slf.repr()?.to_str()?);
        let (done, total) = if state.result.is_parents() { (0, None) } else { state.work.progress() };
        let total = total.unwrap_or(done).max(1);
        Ok(format!("<progress value=\"{done}\" max=\"{total}\"></progress> <code>{text}</code>"))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.state.result.traverse(&visit)?;
        if let Some(callbacks) = self.callbacks.try_lock() {
            for callback in &*callbacks {
                visit.call(callback)?;
            }
        }
        self.state.progress.as_ref().map_or(Ok(()), |progress| progress.traverse(&visit))
    }

    fn __clear__(&self) {
        self.state.result.clear();
        drop(self.take_callbacks());
    }
}

/// The iterator behind `await job`. Internal.
#[pyclass(frozen, module = "shoal._shoal")]
struct JobIterator(Py<Job>);

#[pymethods]
impl JobIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.0.get().state.resume(py)
    }

    fn send<'py>(&self, py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let _ = value;
        self.0.get().state.resume(py)
    }

    #[pyo3(signature = (typ, val=None, tb=None))]
    fn throw(
        &self,
        py: Python<'_>,
        typ: &Bound<'_, PyAny>,
        val: Option<&Bound<'_, PyAny>>,
        tb: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = tb;
        Err(self.0.get().state.interrupt(py, typ, val))
    }

    /// Ends this wait only: the job may be awaited again.
    fn close(&self) {}

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}
