//! Lets Ctrl-C end a wait that blocks the event loop it runs in: see `shoal/_interrupt.py`.

use pyo3::intern;
use pyo3::prelude::*;

/// Waits, with Python's own SIGINT handler in place of that of the loop's runner.
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
