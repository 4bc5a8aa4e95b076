//! `Job.add_done_callback`: from the end of the work to a Python thread that calls the functions.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyBaseException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::job::Job;
use super::work::no_thread;
use crate::bridge::detach::attached;
use shoal_http::completion::Waiter;
use shoal_runtime::fork::PerProcess;
use shoal_runtime::{Notifier, notifier};

/// Jobs whose callbacks wait for their end, by number: the reactor tells the number, the notifier's thread hands them
/// to the thread that calls them (`shoal/_callbacks.py`).
static WAITING: PerProcess<Mutex<HashMap<u64, Py<Job>>>> = PerProcess::new();

static NUMBERS: AtomicU64 = AtomicU64::new(0);

struct Deliver(Notifier);

impl Waiter for Deliver {
    fn wake(self: Arc<Self>, token: u64) {
        self.0.notify(Box::new(move || {
            attached(|py| {
                let Some(job) = leave(token) else { return };
                let job = job.bind(py);
                if let Err(error) = hand_over(job, intern!(py, "deliver")) {
                    error.write_unraisable(py, Some(job.as_any()));
                }
            });
        }));
    }
}

fn waiting() -> MutexGuard<'static, HashMap<u64, Py<Job>>> {
    WAITING.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

fn leave(token: u64) -> Option<Py<Job>> {
    waiting().remove(&token)
}

/// The threads that callbacks need, which run.
pub struct Caller(Notifier);

impl Caller {
    /// Starts what does not run yet; an error if that can't be done, before anything is promised.
    pub fn ready(py: Python<'_>) -> PyResult<Self> {
        let notifier = notifier().map_err(|error| no_thread(&error))?;
        py.import(intern!(py, "shoal._callbacks"))?.call_method0(intern!(py, "ready"))?;
        Ok(Self(notifier))
    }

    /// Calls the callbacks of `job` when it has ended, from another thread; at once if it has already. Until then the job
    /// is kept alive.
    pub fn call_when_done(self, job: &Bound<'_, Job>) -> PyResult<()> {
        let token = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let kept = job.clone().unbind();
        waiting().insert(token, kept);
        if job.get().watch(Arc::new(Deliver(self.0)), token) {
            return Ok(());
        }
        drop(leave(token));
        call_now(job)
    }
}

/// Calls the callbacks of a job that has ended.
pub fn call_now(job: &Bound<'_, Job>) -> PyResult<()> {
    hand_over(job, intern!(job.py(), "call"))
}

fn hand_over(job: &Bound<'_, Job>, how: &Bound<'_, PyString>) -> PyResult<()> {
    let callbacks = job.get().take_callbacks();
    if callbacks.is_empty() {
        return Ok(());
    }
    let module = job.py().import(intern!(job.py(), "shoal._callbacks"))?;
    module.call_method1(how, (job, callbacks))?;
    Ok(())
}

/// Tells `sys.unraisablehook`. Internal.
#[pyfunction]
pub fn _unraisable(error: &Bound<'_, PyBaseException>, object: &Bound<'_, PyAny>) {
    PyErr::from_value(error.clone().into_any()).write_unraisable(error.py(), Some(object));
}
