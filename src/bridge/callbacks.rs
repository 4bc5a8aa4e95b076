//! `Job.add_done_callback`: from the end of the work to a Python thread that calls the functions.
//!
//! The reactor reports the end by number. The notifier's thread takes the GIL and hands the callbacks to the thread of
//! `shoal/_callbacks.py`, which calls them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard};

use pyo3::exceptions::PyBaseException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::detach::attached;
use super::lifecycle::thread_error;
use shoal_http::completion::Waiter;
use shoal_runtime::fork::PerProcess;
use shoal_runtime::{Mutex, Notifier, notifier};

/// Delivers the callbacks of one job. It owns Python objects, so it is called or dropped with the GIL.
type Deliver = Box<dyn FnOnce(Python<'_>) + Send>;

/// Deliveries that wait for the end of their job, by number.
static WAITING: PerProcess<Mutex<HashMap<u64, Deliver>>> = PerProcess::new();

static NUMBERS: AtomicU64 = AtomicU64::new(0);

fn waiting() -> MutexGuard<'static, HashMap<u64, Deliver>> {
    WAITING.get_or_init(Mutex::default).lock()
}

fn remove(number: u64) -> Option<Deliver> {
    waiting().remove(&number)
}

struct EndWaiter(Notifier);

impl Waiter for EndWaiter {
    fn wake(self: Arc<Self>, number: u64) {
        self.0.notify(Box::new(move || {
            attached(|py| {
                if let Some(deliver) = remove(number) {
                    deliver(py);
                }
            });
        }));
    }
}

/// The threads that deliver and call callbacks, running.
pub struct CallbackThread(Notifier);

impl CallbackThread {
    /// Starts the threads unless they run.
    pub fn start(py: Python<'_>) -> PyResult<Self> {
        let notifier = notifier().map_err(|error| thread_error(&error))?;
        py.import(intern!(py, "shoal._callbacks"))?.call_method0(intern!(py, "ready"))?;
        Ok(Self(notifier))
    }

    /// Calls `deliver` once `watch` reports the end; false, without a call, if the end has come already.
    pub fn when_done(self, watch: impl FnOnce(Arc<dyn Waiter>, u64) -> bool, deliver: Deliver) -> bool {
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        waiting().insert(number, deliver);
        let watching = watch(Arc::new(EndWaiter(self.0)), number);
        if !watching {
            drop(remove(number));
        }
        watching
    }
}

/// Passes the callbacks of a job that has ended to `deliver` or `call` of `shoal._callbacks`.
pub fn run_callbacks(job: &Bound<'_, PyAny>, callbacks: Vec<Py<PyAny>>, how: &Bound<'_, PyString>) -> PyResult<()> {
    if callbacks.is_empty() {
        return Ok(());
    }
    let module = job.py().import(intern!(job.py(), "shoal._callbacks"))?;
    module.call_method1(how, (job, callbacks))?;
    Ok(())
}

/// Calls `sys.unraisablehook`. Internal.
#[pyfunction]
pub fn _unraisable(error: &Bound<'_, PyBaseException>, object: &Bound<'_, PyAny>) {
    PyErr::from_value(error.clone().into_any()).write_unraisable(error.py(), Some(object));
}
