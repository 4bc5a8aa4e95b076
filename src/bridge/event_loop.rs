//! The asyncio event loop of the calling thread, and Ctrl-C while the thread blocks.

use pyo3::exceptions::asyncio::CancelledError;
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The loop that runs in this thread, if there is one.
pub fn running_loop(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    static GET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let running = GET.import(py, "asyncio", "_get_running_loop")?.call0()?;
    Ok(if running.is_none() { None } else { Some(running) })
}

/// The running loop. If there is none, an error that names `.result()` as the alternative.
pub fn require_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    running_loop(py)?.ok_or_else(|| {
        PyRuntimeError::new_err("no event loop is running in this thread: call .result() instead of awaiting")
    })
}

/// Whether this is the main thread, the only one in which signal handlers run.
pub fn in_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import(intern!(py, "threading"))?;
    let main = threading.call_method0(intern!(py, "main_thread"))?.getattr(intern!(py, "ident"))?;
    threading.call_method0(intern!(py, "get_ident"))?.eq(main)
}

/// Whether the loop is closed; true if its `is_closed()` fails.
pub fn is_closed(event_loop: &Bound<'_, PyAny>) -> bool {
    let closed = event_loop.call_method0(intern!(event_loop.py(), "is_closed"));
    closed.and_then(|closed| closed.is_truthy()).unwrap_or(true)
}

/// Runs `wait`, which blocks this thread, with Python's default SIGINT handler in place of the event loop runner's (see
/// `shoal/_interrupt.py`).
pub fn interruptible<T>(py: Python<'_>, wait: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    let module = py.import(intern!(py, "shoal._interrupt"))?;
    let handler = module.call_method0(intern!(py, "allow"))?;
    let result = wait();
    if handler.is_none() {
        return result;
    }
    let restored = module.call_method1(intern!(py, "restore"), (handler,));
    result.and_then(|value| restored.map(|_| value))
}

/// Sets a message that names `.results` on a `KeyboardInterrupt` or `CancelledError` that has none. Other exceptions
/// stay as they are.
pub fn mention_results(py: Python<'_>, error: &PyErr, done: usize, total: usize) {
    if !(error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<CancelledError>(py)) {
        return;
    }
    let (error, args) = (error.value(py), intern!(py, "args"));
    if error.getattr(args).and_then(|args| args.is_truthy()).is_ok_and(|given| !given) {
        let message = format!("{done} of {total} are finished, in .results of this exception (sys.last_value.results)");
        // The message is a convenience: if it cannot be set, the exception is raised without it.
        let _ = error.setattr(args, (message,));
    }
}
