//! Ctrl-C during a wait that blocks an event loop's thread (see `shoal/_interrupt.py`).

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::exceptions::asyncio::CancelledError;
use pyo3::intern;
use pyo3::prelude::*;

/// Runs `wait` with Python's default SIGINT handler in place of the event loop runner's.
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

/// Gives a `KeyboardInterrupt` or `CancelledError` without a message one that names `.results`. Other exceptions keep
/// theirs.
pub fn mention_results(py: Python<'_>, error: &PyErr, done: usize, total: usize) {
    if !(error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<CancelledError>(py)) {
        return;
    }
    let (error, args) = (error.value(py), intern!(py, "args"));
    if error.getattr(args).and_then(|args| args.is_truthy()).is_ok_and(|given| !given) {
        let message = format!("{done} of {total} are finished, in .results of this exception (sys.last_value.results)");
        // The message is a convenience: the exception is raised without it, too.
        let _ = error.setattr(args, (message,));
    }
}
