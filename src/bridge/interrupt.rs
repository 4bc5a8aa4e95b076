//! Lets Ctrl-C end a wait that blocks the event loop it runs in (see `shoal/_interrupt.py`), and says where the results
//! are.

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::exceptions::asyncio::CancelledError;
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

/// Gives an exception that ends a wait the words that tell where the finished results are. Ctrl-C and a cancelled task
/// come without any; all other exceptions say what they have to.
pub fn say_where(py: Python<'_>, error: &PyErr, (done, total): (usize, usize)) {
    if !(error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<CancelledError>(py)) {
        return;
    }
    let (error, args) = (error.value(py), intern!(py, "args"));
    if error.getattr(args).and_then(|args| args.is_truthy()).is_ok_and(|said| !said) {
        let said = format!("{done} of {total} are finished, in .results of this exception (sys.last_value.results)");
        // Without its words it is the same exception.
        let _ = error.setattr(args, (said,));
    }
}
