//! Import of the module and exit of the interpreter; the reactor, and the exceptions for a runtime that cannot start.

use std::time::Duration;

use pyo3::exceptions::{PyImportError, PyRuntimeError, PySystemExit, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use tokio::runtime::Handle;

use super::detach::detached;
use shoal_runtime::{FinalizeGuard, RuntimeError, is_exit_thread, is_exiting};

/// How long an exit waits for the reactor to close its sockets. It takes well under 1 ms unless the machine is busy.
const EXIT_TIMEOUT: Duration = Duration::from_millis(500);

/// The exception for a call during an exit: `SystemExit` in a daemon thread, so that the thread ends without a message;
/// `RuntimeError` in the thread that runs the `atexit` handlers.
pub fn exiting() -> PyErr {
    let message = RuntimeError::Exiting.to_string();
    if is_exit_thread() { PyRuntimeError::new_err(message) } else { PySystemExit::new_err(message) }
}

/// The reactor, started at first use.
pub fn reactor() -> PyResult<&'static Handle> {
    shoal_runtime::reactor_handle().map_err(|error| runtime_error(&error))
}

/// The exception for a thread that could not be started.
pub fn thread_error(error: &std::io::Error) -> PyErr {
    PyRuntimeError::new_err(format!("a thread could not be started: {error}"))
}

/// The exception for a runtime that could not be started.
pub fn runtime_error(error: &RuntimeError) -> PyErr {
    match error {
        RuntimeError::Exiting => exiting(),
        RuntimeError::Thread(_) => PyRuntimeError::new_err(error.to_string()),
        RuntimeError::ThreadCount(_) => PyValueError::new_err(error.to_string()),
    }
}

/// Runs `work`, which may call any Python code. An exit that begins meanwhile waits for it, for a bounded time. Once an
/// exit has begun, this is an error ([`exiting`]) in all threads but the one that runs the `atexit` handlers.
pub fn calling_out<T>(work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    let guard = FinalizeGuard::acquire();
    if guard.is_none() && !is_exit_thread() {
        return Err(exiting());
    }
    work()
}

/// Like [`calling_out`], for one step of an asyncio task. During an exit the task keeps waiting instead of getting an
/// exception, so that its loop can be stopped: after an exception asyncio would log tracebacks.
pub fn awaiting<'py>(
    py: Python<'py>,
    work: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let guard = FinalizeGuard::acquire();
    if guard.is_none() && !is_exit_thread() {
        return Ok(py.None().into_bound(py));
    }
    match work() {
        Err(error) if error.is_instance_of::<PySystemExit>(py) && is_lost() => Ok(py.None().into_bound(py)),
        result => result,
    }
}

/// Whether an exit that runs in another thread may have ended the work.
pub fn is_lost() -> bool {
    is_exiting() && !is_exit_thread()
}

/// Stops the runtime; the `atexit` handler.
#[pyfunction]
fn _shutdown(py: Python<'_>) {
    detached(py, || shoal_runtime::shutdown(EXIT_TIMEOUT));
}

/// Raises `ImportError` in a subinterpreter. Threads, exit hook and classes belong to the process, but those made in a
/// subinterpreter would not outlive it.
pub fn refuse_subinterpreter() -> PyResult<()> {
    // SAFETY: PyO3 calls this from the module's initialisation, so the thread is attached, which is all that
    // `PyInterpreterState_Get` requires. The two pointers are compared and not dereferenced.
    let is_main = unsafe { ffi::PyInterpreterState_Get() == ffi::PyInterpreterState_Main() };
    if is_main {
        return Ok(());
    }
    Err(PyImportError::new_err("shoal can't be imported in a subinterpreter, only in the main interpreter"))
}

/// Registers [`_shutdown`] with `atexit`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    // Installs the fork hook now: a fork during its installation would leave a lock held in the child.
    shoal_runtime::fork::generation();
    let shutdown = wrap_pyfunction!(_shutdown, module)?;
    py.import("atexit")?.call_method1("register", (shutdown,))?;
    Ok(())
}
