//! `Job.add_done_callback`: from the end of the work to a Python thread that calls the functions.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyBaseException;
use pyo3::intern;
use pyo3::prelude::*;

use super::job::Job;
use crate::core::completion::Waiter;
use crate::runtime::detach::attached;
use crate::runtime::notify;

/// Jobs whose callbacks wait for their end, by number: the reactor tells the number, the notifier's thread hands them
/// to the thread that calls them (`shoal/_callbacks.py`).
static WAITING: Mutex<Option<HashMap<u64, Py<Job>>>> = Mutex::new(None);

static NUMBERS: AtomicU64 = AtomicU64::new(0);

struct Deliver;

impl Waiter for Deliver {
    fn wake(self: Arc<Self>, token: u64) {
        notify(Box::new(move || {
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

fn leave(token: u64) -> Option<Py<Job>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).as_mut()?.remove(&token)
}

/// Calls the callbacks of `job` when it has ended, from another thread; at once if it has already. Until then the job
/// is kept alive.
pub fn call_when_done(job: &Bound<'_, Job>) -> PyResult<()> {
    let token = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let kept = job.clone().unbind();
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(token, kept);
    if job.get().watch(Arc::new(Deliver), token) {
        return Ok(());
    }
    drop(leave(token));
    hand_over(job, intern!(job.py(), "call"))
}

fn hand_over(job: &Bound<'_, Job>, how: &Bound<'_, pyo3::types::PyString>) -> PyResult<()> {
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
