//! What happens when the interpreter comes and goes.

use std::time::Duration;

use pyo3::exceptions::{PyImportError, PyRuntimeError, PySystemExit};
use pyo3::ffi;
use pyo3::prelude::*;
use shoal_runtime::{FinalizeGuard, RuntimeError, is_exit_thread, is_exiting};

use crate::bridge::detach::detached;

/// The most an exit waits for the reactor to let go of its sockets; it takes well under 1 ms unless the machine is busy.
const PATIENCE: Duration = Duration::from_millis(500);

/// What work raises when the interpreter is exiting: in a daemon thread `SystemExit`, which ends it without a
/// word; in the thread that runs the `atexit` handlers an error that says so.
pub fn exiting() -> PyErr {
    let message = RuntimeError::Exiting.to_string();
    if is_exit_thread() { PyRuntimeError::new_err(message) } else { PySystemExit::new_err(message) }
}

/// Runs what calls Python code that is not ours: at exit it is waited for (for a bounded time), and once the exit has
/// begun only the `atexit` handlers themselves get here.
pub fn calling_out<T>(work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    let guard = FinalizeGuard::acquire();
    if guard.is_none() && !is_exit_thread() {
        return Err(exiting());
    }
    work()
}

/// The same for one step of what a loop's task awaits. There the task goes on waiting, with a loop that can still be
/// stopped: a loop that is torn down by an exception has much to say.
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
        ended => ended,
    }
}

/// Whether work can have been lost to an exit that has begun, in a thread that is not the one that exits.
pub fn is_lost() -> bool {
    is_exiting() && !is_exit_thread()
}

/// Stops everything: called at exit.
#[pyfunction]
fn _shutdown(py: Python<'_>) {
    detached(py, || shoal_runtime::shutdown(PATIENCE));
}

/// Threads, the exit and the classes are those of the process: a subinterpreter that ends would take them along.
pub fn refuse_subinterpreter() -> PyResult<()> {
    // SAFETY: attached, as this is called by an import; neither call takes anything or fails.
    let is_main = unsafe { ffi::PyInterpreterState_Get() == ffi::PyInterpreterState_Main() };
    if is_main {
        return Ok(());
    }
    Err(PyImportError::new_err("shoal can't be imported in a subinterpreter, only in the main interpreter"))
}

/// Registers [`_shutdown`] with `atexit`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    // Notices forks from here on; a thread that was in the middle of that for the first time would hold it up in a child.
    shoal_runtime::fork::generation();
    let shutdown = wrap_pyfunction!(_shutdown, module)?;
    py.import("atexit")?.call_method1("register", (shutdown,))?;
    Ok(())
}
