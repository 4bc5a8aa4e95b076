//! Waiting for the work of a job, converting its result, cancelling it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyTimeoutError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::coroutine::{returned, thrown_error};
use super::detach::detached;
use super::event_loop::{interruptible, mention_results, require_loop};
use super::job_result::{Advance, JobOutcome, JobResult, Work, cancelled_error, started_before_fork};
use super::lifecycle::{awaiting, exiting};
use super::loop_waker::LoopWaker;
use super::progress::Progress;
use super::unobserved::{CallSite, Observed, report};
use shoal_runtime::is_exiting;

/// How long a conversion blocks an event loop at a time: some 3,000 responses. Another task waits for at most three such
/// slices.
const SLICE: Duration = Duration::from_millis(1);

/// How often a blocked thread checks for signals; a quarter of the 200 ms within which Ctrl-C must be answered.
pub const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

pub struct JobState {
    pub(super) result: JobResult,
    pub(super) work: Arc<dyn Work>,
    pub(super) progress: Option<Arc<Progress>>,
    pub(super) observed: Observed,
    pub(super) started: Instant,
    /// For the report of a dropped job.
    pub(super) site: Option<CallSite>,
}

impl JobState {
    /// The progress to report; `None` once the work has ended.
    pub fn running_progress(&self) -> Option<(usize, Option<usize>)> {
        if self.result.is_done() || self.result.is_parents() { None } else { Some(self.work.progress()) }
    }

    /// Raises in a forked child, unless the work ended before the fork.
    pub fn check_process(&self) -> PyResult<()> {
        if self.result.is_parents() && !self.result.is_done() { Err(started_before_fork()) } else { Ok(()) }
    }

    /// Cancels the work; false if it has ended.
    pub fn cancel(&self) -> bool {
        if self.result.is_done() || self.result.is_parents() {
            return false;
        }
        // Cancelling and settling are one step: work that is cancelled ends, too, and must not settle first.
        self.result.completion.settle_with(|| self.work.cancel())
    }

    fn advance(&self, py: Python<'_>, deadline: Option<Instant>) -> Advance {
        if self.result.is_done()
            && let Some(progress) = &self.progress
            && !self.result.is_parents()
        {
            progress.close(py, self.work.progress());
        }
        self.result.advance(py, deadline)
    }

    /// Converts the result of work that has ended; `None` if it is still running.
    fn convert(&self, py: Python<'_>) -> PyResult<Option<JobOutcome>> {
        loop {
            match self.advance(py, None) {
                Advance::Pending => return Ok(None),
                Advance::Done(outcome) => return Ok(Some(outcome)),
                Advance::More if self.result.is_busy() => {
                    detached(py, || std::thread::sleep(Duration::from_millis(1)));
                    py.check_signals()?;
                }
                Advance::More => {}
            }
        }
    }

    /// Sets `.results` on the exception that ends a wait.
    fn attach_results(&self, py: Python<'_>, error: &PyErr) {
        if let Ok(Some(JobOutcome::Cancelled(Some(results)) | JobOutcome::Value(results))) = self.convert(py)
            && results.bind(py).is_instance_of::<PyList>()
        {
            let (done, total) = self.work.progress();
            mention_results(py, error, done, total.unwrap_or(done));
            // An exception whose class has __slots__ takes no attribute, and is raised without the results.
            let _ = error.value(py).setattr(intern!(py, "results"), results);
        }
    }

    /// Waits for the work and converts its result. The exception of a signal cancels the work and carries `.results`.
    pub fn outcome(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<JobOutcome> {
        self.observed.set_awaited();
        self.check_process()?;
        let outcome = if self.wait(py, timeout)? { self.convert(py)? } else { None };
        let Some(outcome) = outcome else {
            let (name, seconds) = (self.work.name(), timeout.unwrap_or_default());
            let done = progress_text(self.work.progress());
            return Err(PyTimeoutError::new_err(format!("{name} is not done after {seconds} s ({done}); it goes on")));
        };
        self.observed.set_retrieved();
        Ok(outcome)
    }

    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        if self.result.is_done() {
            return Ok(true);
        }
        if timeout.is_some_and(f64::is_nan) {
            return Err(PyValueError::new_err("timeout must be a number of seconds or None, not nan"));
        }
        // More than a century is no limit: the deadline would overflow.
        let limit = timeout
            .and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok())
            .filter(|limit| limit.as_secs() < 1 << 32);
        let deadline = limit.map(|limit| Instant::now() + limit);
        let waited = interruptible(py, || self.wait_until(py, deadline));
        if let Err(error) = &waited
            && !is_exiting()
        {
            self.cancel();
            self.attach_results(py, error);
        }
        waited
    }

    fn wait_until(&self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<bool> {
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let slice = left.map_or(SIGNAL_INTERVAL, |left| left.min(SIGNAL_INTERVAL));
            if detached(py, || self.result.completion.wait(slice)) {
                return Ok(true);
            }
            if is_exiting() {
                return Err(exiting());
            }
            py.check_signals()?;
            if let Some(progress) = &self.progress {
                progress.report(py, self.work.progress())?;
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(false);
            }
        }
    }

    /// One step of the coroutine: a future to wait for, `None` to yield to other tasks, or an exception that ends it.
    pub fn resume<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.observed.set_awaited();
        awaiting(py, || {
            loop {
                match self.advance(py, Some(Instant::now() + SLICE)) {
                    Advance::Done(outcome) => {
                        self.observed.set_retrieved();
                        return Err(match outcome {
                            JobOutcome::Value(value) => returned(py, value),
                            JobOutcome::Raised(error) => PyErr::from_value(error.into_bound(py).into_any()),
                            JobOutcome::Cancelled(results) => cancelled_error(py, "asyncio", results)?,
                        });
                    }
                    Advance::More => return Ok(py.None().into_bound(py)),
                    Advance::Pending => {
                        self.check_process()?;
                        let event_loop = require_loop(py)?;
                        let waker = LoopWaker::of(py, &event_loop)?;
                        let watch = |waiter, token| self.result.watch(waiter, token);
                        if let Some(future) = LoopWaker::future(&waker, &event_loop, watch)? {
                            return Ok(future);
                        }
                    }
                }
            }
        })
    }

    /// Cancels the work for an exception that is thrown into the coroutine, and returns that exception.
    pub fn interrupt(&self, py: Python<'_>, thrown: &Bound<'_, PyAny>, value: Option<&Bound<'_, PyAny>>) -> PyErr {
        self.observed.set_retrieved();
        self.cancel();
        let error = thrown_error(thrown, value);
        self.attach_results(py, &error);
        error
    }

    pub fn repr(&self, py: Python<'_>) -> PyResult<String> {
        let name = self.work.name();
        if self.result.is_parents() && !self.result.is_done() {
            return Ok(format!("<Job {name}: started before fork(), goes on in the parent process only>"));
        }
        // Not `convert`, which waits for another thread: the garbage collector may call this on the converting thread.
        let outcome = loop {
            match self.advance(py, None) {
                Advance::More if !self.result.is_busy() => {}
                Advance::More => break None,
                Advance::Done(outcome) => break Some(outcome),
                Advance::Pending => {
                    let done = progress_text(self.work.progress());
                    let seconds = self.started.elapsed().as_secs_f64();
                    return Ok(format!("<Job {name}: {done} done after {seconds:.1} s; await it, or call .result()>"));
                }
            }
        };
        Ok(match outcome {
            Some(JobOutcome::Raised(error)) => {
                format!("<Job {name}: raised {}; await it, or call .result()>", error.bind(py).get_type().name()?)
            }
            Some(JobOutcome::Cancelled(_)) => format!("<Job {name}: cancelled>"),
            _ => format!("<Job {name}: done; await it, or call .result()>"),
        })
    }
}

impl Drop for JobState {
    fn drop(&mut self) {
        let stopped = self.cancel();
        if self.observed.is_retrieved() || self.result.is_parents() || is_exiting() {
            return;
        }
        // CPython deallocates objects on attached threads, so this does not wait for the GIL.
        Python::attach(|py| {
            // The reports run Python code, which must not see the exception of a function that is being left.
            let unwinding = PyErr::take(py);
            if !stopped {
                if let Some(failure) = self.result.failure(py) {
                    report(py, self.work.name(), self.site.as_ref(), Some(failure));
                }
            } else if unwinding.is_none() && !self.observed.is_awaited() {
                report(py, self.work.name(), self.site.as_ref(), None);
            }
            if let Some(error) = unwinding {
                error.restore(py);
            }
        });
    }
}

/// `3 of 10`, or `3` if the total is unknown.
fn progress_text((done, total): (usize, Option<usize>)) -> String {
    total.map_or_else(|| done.to_string(), |total| format!("{done} of {total}"))
}
