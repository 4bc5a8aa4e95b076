//! The asyncio event loop of the calling thread.

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The loop that runs in this thread, if there is one.
pub fn running_loop(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    static GET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let running = GET.import(py, "asyncio", "_get_running_loop")?.call0()?;
    Ok(if running.is_none() { None } else { Some(running) })
}

/// The running loop; an error that names the alternative if there is none.
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

/// Whether the loop is closed; true if it can't tell.
pub fn is_closed(event_loop: &Bound<'_, PyAny>) -> bool {
    let closed = event_loop.call_method0(intern!(event_loop.py(), "is_closed"));
    closed.and_then(|closed| closed.is_truthy()).unwrap_or(true)
}
