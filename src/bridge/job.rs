//! `Job`: one handle for everything that takes time.
//!
//! The work runs on the reactor and ends in a [`Completion`] of owned Rust data. Whoever asks first, an event loop or a
//! blocked thread, turns that data into Python objects (`outcome.rs`), in slices where a loop must not be held up; the
//! objects are kept for everybody after.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyAttributeError, PyRuntimeError, PyTimeoutError, PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use super::awaiting::{Awaiting, returned, thrown_error};
use super::callbacks::{Caller, call_now};
use super::interrupt::{interruptible, say_where};
use super::lifecycle::{awaiting, calling_out, exiting};
use super::outcome::{End, Ended, Harvest, Step, cancelled_error, started_before_fork};
use super::port::{Port, require_loop, running_loop};
use super::progress::Progress;
use super::unwatched::{CallSite, Notice, log_failure, warn_of_drop};
use crate::arguments::limits::float;
use crate::bridge::detach::detached;
use crate::http::shown::escape;
use shoal_http::completion::{Completion, Waiter};
use shoal_runtime::is_exiting;

/// How long an event loop is held at a time while results become Python objects (some 3,000 responses): a task
/// that falls due meanwhile has its turn after three of these at most.
const SLICE: Duration = Duration::from_millis(1);

/// How often a blocked thread looks for signals; a quarter of the 200 ms within which Ctrl-C must answer.
const SIGNALS: Duration = Duration::from_millis(50);

/// The running work behind a job.
pub trait Work: Send + Sync {
    /// What it does, in a word or two.
    fn name(&self) -> &str;
    /// Stops it, releases its sockets, and gives what is finished (nothing for a single request); `None` if it has just
    /// ended by itself.
    fn cancel(&self) -> Option<Option<Box<dyn Harvest>>>;
    /// How much is done, of how much.
    fn progress(&self) -> (usize, usize);
    /// The same for progress reports; the total is `None` as long as it is not known.
    fn figures(&self) -> (usize, Option<usize>) {
        let (done, total) = self.progress();
        (done, Some(total))
    }
    /// The value of `Job.stats`.
    fn stats(&self, py: Python<'_>) -> PyResult<Py<PyAny>>;
}

/// Work that has started, and its result.
///
/// A Job starts at once, like a `concurrent.futures.Future`, with or without a running event loop, from any thread.
///
/// - `await job` on any event loop (asyncio, uvloop), any number of times. It is a coroutine, so `asyncio.create_task`,
///   `gather`, `wait_for`, `timeout`, `shield` and `TaskGroup.create_task` take it.
/// - `job.result()` anywhere else: in a script, a thread, or a notebook cell while a loop runs.
///
/// Cancelling it, cancelling the task that awaits it, or dropping the last reference to it stops the work and releases
/// its sockets. A job that is dropped unfinished, and that nobody has awaited, asked for its result, cancelled or given a
/// callback, warns (RuntimeWarning); one that failed without anybody being told is logged (logger "shoal"). All methods
/// may be called from any thread.
#[pyclass(frozen, weakref, module = "shoal", generic)]
pub struct Job {
    end: End,
    work: Arc<dyn Work>,
    progress: Option<Arc<Progress>>,
    callbacks: Mutex<Vec<Py<PyAny>>>,
    started: Instant,
    notice: Notice,
    /// Where it was made, for what is told of it when it is dropped.
    site: Option<CallSite>,
}

impl Job {
    /// A job for work that runs already, called for at `site`. With a progress reporter and a running loop, reports start
    /// here.
    pub fn create(
        py: Python<'_>,
        completion: Arc<Completion<Ended>>,
        work: Arc<dyn Work>,
        progress: Option<Py<PyAny>>,
        site: Option<CallSite>,
    ) -> PyResult<Py<Self>> {
        let job = Self {
            end: End::new(completion),
            work,
            progress: progress.map(|reporter| Arc::new(Progress::new(reporter))),
            callbacks: Mutex::default(),
            started: Instant::now(),
            notice: Notice::default(),
            site,
        };
        let job = Bound::new(py, job)?;
        if let Some(progress) = &job.get().progress
            && let Some(event_loop) = running_loop(py)?
        {
            // The call raises: its caller never had a job.
            Progress::follow(progress, &event_loop, job.as_any()).inspect_err(|_| job.get().notice.told())?;
        }
        Ok(job.unbind())
    }

    /// Done and total, for [`Progress`]; `None` when there is nothing more to report.
    pub fn progress_now(&self) -> Option<(usize, Option<usize>)> {
        if self.end.is_done() || self.end.is_parents() { None } else { Some(self.work.figures()) }
    }

    /// Registers a waiter for the end; `false` if it has come already.
    pub fn watch(&self, waiter: Arc<dyn Waiter>, token: u64) -> bool {
        !self.end.is_parents() && self.end.completion().watch(waiter, token)
    }

    /// The functions to call at the end, each once.
    pub fn take_callbacks(&self) -> Vec<Py<PyAny>> {
        std::mem::take(&mut *self.callbacks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn check_process(&self) -> PyResult<()> {
        if self.end.is_parents() && !self.end.is_done() { Err(started_before_fork()) } else { Ok(()) }
    }

    fn stop(&self) -> bool {
        if self.end.is_done() || self.end.is_parents() {
            return false;
        }
        // As one step: the work that was stopped ends too, and must not be taken for one that ended by itself.
        self.end.completion().settle_with(|| self.work.cancel().map(Ended::Cancelled))
    }

    /// Brings the result nearer to being a Python object.
    fn advance(&self, py: Python<'_>, deadline: Option<Instant>) -> Step {
        if self.end.is_done() {
            self.report_end(py);
        }
        self.end.advance(py, deadline)
    }

    /// Like [`Job::advance`], to the end.
    fn settle(&self, py: Python<'_>) -> PyResult<Step> {
        loop {
            match self.advance(py, None) {
                Step::More => {
                    if self.end.is_busy() {
                        // Another thread converts.
                        detached(py, || std::thread::sleep(Duration::from_millis(1)));
                        py.check_signals()?;
                    }
                }
                step => return Ok(step),
            }
        }
    }

    /// Hangs what is finished on an exception that ends the wait for it.
    fn attach_results(&self, py: Python<'_>, error: &PyErr) {
        if let Ok(Step::Cancelled(Some(results)) | Step::Value(results)) = self.settle(py)
            && results.bind(py).is_instance_of::<PyList>()
        {
            say_where(py, error, self.work.progress());
            // Some exceptions take no attributes; then there is nowhere to put them.
            let _ = error.value(py).setattr(intern!(py, "results"), results);
        }
    }

    /// Waits with the GIL released until the work has ended; a signal's exception ends the work and carries `.results`.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        self.check_process()?;
        if self.end.is_done() {
            return Ok(true);
        }
        let limit = match timeout {
            None => None,
            Some(seconds) if seconds.is_nan() => {
                return Err(PyValueError::new_err("timeout must be a number of seconds or None, not nan"));
            }
            // Beyond a century is for ever, and would overflow.
            Some(seconds) => {
                Duration::try_from_secs_f64(seconds.max(0.0)).ok().filter(|limit| limit.as_secs() < 1 << 32)
            }
        };
        let until = limit.map(|limit| Instant::now() + limit);
        let waited = interruptible(py, || self.wait_until(py, until));
        if let Err(error) = &waited
            && !is_exiting()
        {
            self.stop();
            self.attach_results(py, error);
        }
        waited
    }

    fn ended(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Step> {
        let timeout = timeout.map(|timeout| float("timeout", timeout)).transpose()?;
        self.notice.asked();
        if !self.wait(py, timeout)? {
            return Err(timeout_error(self, timeout));
        }
        let step = self.settle(py)?;
        self.notice.told();
        Ok(step)
    }

    fn wait_until(&self, py: Python<'_>, until: Option<Instant>) -> PyResult<bool> {
        loop {
            let slice = until.map_or(SIGNALS, |until| until.saturating_duration_since(Instant::now()).min(SIGNALS));
            if detached(py, || self.end.completion().wait(slice)) {
                return Ok(true);
            }
            if is_exiting() {
                return Err(exiting());
            }
            py.check_signals()?;
            if let Some(progress) = &self.progress {
                progress.report(py, self.work.figures())?;
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                return Ok(false);
            }
        }
    }

    fn report_end(&self, py: Python<'_>) {
        if let Some(progress) = &self.progress
            && !self.end.is_parents()
        {
            progress.close(py, self.work.figures());
        }
    }

    /// One step of whatever awaits: a future to wait for, `None` to be called again soon, or the end.
    pub fn resume<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let job = slf.get();
        job.notice.asked();
        awaiting(py, || {
            loop {
                let step = job.advance(py, Some(Instant::now() + SLICE));
                if !matches!(step, Step::More | Step::Pending) {
                    job.notice.told();
                }
                match step {
                    Step::Value(value) => return Err(returned(py, value)),
                    Step::Raised(error) => return Err(PyErr::from_value(error.into_bound(py).into_any())),
                    Step::Cancelled(results) => return Err(cancelled_error(py, "asyncio", results)?),
                    Step::More => return Ok(py.None().into_bound(py)),
                    Step::Pending => {
                        job.check_process()?;
                        let event_loop = require_loop(py)?;
                        let port = Port::of(py, &event_loop)?;
                        let waiting = Port::future(&port, &event_loop, |waiter, token| job.watch(waiter, token))?;
                        if let Some(future) = waiting {
                            return Ok(future);
                        }
                    }
                }
            }
        })
    }

    /// What a coroutine does with an exception thrown into it: the work is cancelled, the exception goes on.
    pub fn interrupt(&self, py: Python<'_>, thrown: &Bound<'_, PyAny>, value: Option<&Bound<'_, PyAny>>) -> PyErr {
        self.notice.told();
        self.stop();
        let error = thrown_error(thrown, value);
        self.attach_results(py, &error);
        error
    }
}

#[pymethods]
impl Job {
    /// Waits for the result and returns it.
    ///
    /// Blocks the calling thread with the GIL released, also while an event loop runs in it: that loop stands still
    /// meanwhile, so await the job there instead where you can.
    ///
    /// Args:
    ///     timeout: seconds to wait at most; None (the default) waits for ever. The job goes on when it passes.
    ///
    /// Raises:
    ///     TimeoutError: `timeout` passed.
    ///     concurrent.futures.CancelledError: the job was cancelled.
    ///     KeyboardInterrupt: Ctrl-C, answered within 200 ms; the job is cancelled, and the exception's `results` holds
    ///         what was finished (for a batch: a list with None in the other places).
    ///     FetchError: whatever the work raised.
    ///     SystemExit: in a daemon thread, when the interpreter exits: it ends the thread without a word.
    #[pyo3(signature = (timeout=None))]
    fn result(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        calling_out(|| match self.ended(py, timeout)? {
            Step::Value(value) => Ok(value),
            Step::Raised(error) => Err(PyErr::from_value(error.into_bound(py).into_any())),
            Step::Cancelled(results) => Err(cancelled_error(py, "concurrent.futures", results)?),
            Step::Pending | Step::More => Err(PyRuntimeError::new_err("the job has no result")),
        })
    }

    /// Waits for the end and returns the exception the work raised, or None.
    ///
    /// Takes `timeout` and raises like `result()`, but for the work's own exception.
    #[pyo3(signature = (timeout=None))]
    fn exception(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Py<PyAny>>> {
        calling_out(|| match self.ended(py, timeout)? {
            Step::Raised(error) => Ok(Some(error.into_any())),
            Step::Cancelled(results) => Err(cancelled_error(py, "concurrent.futures", results)?),
            Step::Value(_) | Step::Pending | Step::More => Ok(None),
        })
    }

    /// Stops the work and releases its sockets. Returns False if it had ended already.
    fn cancel(&self, py: Python<'_>) -> bool {
        self.notice.told();
        detached(py, || self.stop())
    }

    /// Whether the work has ended: with a result, an exception or a cancellation.
    fn done(&self) -> bool {
        self.end.is_done()
    }

    /// Whether the job was cancelled.
    fn cancelled(&self) -> bool {
        self.end.is_cancelled()
    }

    /// Calls `fn(job)` when the work has ended, from a thread of Shoal's; at once, from this one, if it has already.
    ///
    /// What the function raises goes to `sys.unraisablehook`. A job with callbacks is kept alive until it ends.
    #[pyo3(signature = (r#fn, /))]
    fn add_done_callback(slf: &Bound<'_, Self>, r#fn: Bound<'_, PyAny>) -> PyResult<()> {
        if !r#fn.is_callable() {
            let message = format!("fn must be callable, not {}", r#fn.get_type().name()?);
            return Err(PyTypeError::new_err(message));
        }
        let job = slf.get();
        job.check_process()?;
        let caller = if job.end.is_done() { None } else { Some(Caller::ready(slf.py())?) };
        job.notice.asked();
        let first = {
            let mut callbacks = job.callbacks.lock().unwrap_or_else(PoisonError::into_inner);
            callbacks.push(r#fn.unbind());
            callbacks.len() == 1
        };
        if !first && !job.end.is_done() {
            return Ok(());
        }
        caller.map_or_else(|| call_now(slf), |caller| caller.call_when_done(slf))
    }

    /// What the work has done so far: counts, retries, bytes, times, and what limited it.
    #[getter]
    fn stats(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if self.end.is_parents() && (!self.end.is_done() || self.end.is_cancelled()) {
            return Err(started_before_fork());
        }
        self.work.stats(py)
    }

    fn __getattr__(&self, name: &Bound<'_, PyString>) -> PyResult<()> {
        let name = name.to_string_lossy();
        // Tools look for names with underscores to learn what something can do.
        let hint = if name.starts_with('_') { String::new() } else { format!("; {WAIT}") };
        Err(PyAttributeError::new_err(format!("'Job' object has no attribute '{name}'{hint}")))
    }

    fn __getitem__(&self, _key: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(PyTypeError::new_err(format!("a Job has no items; {WAIT}")))
    }

    fn __len__(&self) -> PyResult<usize> {
        Err(PyTypeError::new_err(format!("a Job has no len(); {WAIT}")))
    }

    fn __bool__(&self) -> bool {
        true
    }

    fn __await__(slf: Bound<'_, Self>) -> Awaiting {
        slf.get().notice.asked();
        Awaiting(slf.unbind())
    }

    /// The coroutine protocol: called by event loops.
    fn send<'py>(slf: &Bound<'py, Self>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let _ = value;
        Self::resume(slf)
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
        Err(self.interrupt(py, typ, val))
    }

    /// Cancels the work if it has not ended. Part of the coroutine protocol.
    fn close(&self, py: Python<'_>) {
        self.notice.told();
        detached(py, || self.stop());
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let name = self.work.name();
        if !self.end.is_done() {
            if self.end.is_parents() {
                return Ok(format!("<Job {name}: started before fork(), goes on in the parent process only>"));
            }
            let done = done_text(self.work.figures());
            let seconds = self.started.elapsed().as_secs_f64();
            return Ok(format!("<Job {name}: {done} done after {seconds:.1} s; await it, or call .result()>"));
        }
        // Not `settle`: this may be asked from the very thread that converts, by whatever the collector runs.
        let step = loop {
            match self.advance(py, None) {
                Step::More if !self.end.is_busy() => {}
                step => break step,
            }
        };
        Ok(match step {
            Step::Raised(error) => {
                format!("<Job {name}: raised {}; await it, or call .result()>", error.bind(py).get_type().name()?)
            }
            Step::Cancelled(_) => format!("<Job {name}: cancelled>"),
            _ => format!("<Job {name}: done; await it, or call .result()>"),
        })
    }

    /// A notebook's view: what it does, and how far it is.
    fn _repr_html_(slf: &Bound<'_, Self>) -> PyResult<String> {
        let job = slf.get();
        let text = slf.repr()?;
        let escaped = escape(text.to_str()?);
        let (done, total) = if job.end.is_parents() { (0, 1) } else { job.work.progress() };
        Ok(format!("<progress value=\"{done}\" max=\"{}\"></progress> <code>{escaped}</code>", total.max(1)))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.end.traverse(&visit)?;
        if let Ok(callbacks) = self.callbacks.try_lock() {
            for callback in &*callbacks {
                visit.call(callback)?;
            }
        }
        self.progress.as_ref().map_or(Ok(()), |progress| progress.traverse(&visit))
    }

    fn __clear__(&self) {
        self.end.clear();
        drop(self.take_callbacks());
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let stopped = self.stop();
        if !self.notice.is_untold() || self.end.is_parents() || is_exiting() {
            return;
        }
        // Python drops its objects attached.
        Python::attach(|py| {
            // Whatever is on its way up stays so, and no Python code runs while it is set.
            let unwinding = PyErr::take(py);
            if !stopped {
                if let Some(failure) = self.end.failure(py) {
                    log_failure(py, self.work.name(), self.site.as_ref(), failure);
                }
            } else if unwinding.is_none() && self.notice.is_unasked() {
                warn_of_drop(py, self.work.name(), self.site.as_ref());
            }
            if let Some(error) = unwinding {
                error.restore(py);
            }
        });
    }
}

/// What those are told who take a job for its result.
const WAIT: &str = "await it, or call .result(), for what it gives";

fn timeout_error(job: &Job, timeout: Option<f64>) -> PyErr {
    let done = done_text(job.work.figures());
    let seconds = timeout.unwrap_or_default();
    PyTimeoutError::new_err(format!("{} is not done after {seconds} s ({done}); it goes on", job.work.name()))
}

/// `3 of 10`, or `3` when nobody knows of how many.
fn done_text((done, total): (usize, Option<usize>)) -> String {
    total.map_or_else(|| done.to_string(), |total| format!("{done} of {total}"))
}
