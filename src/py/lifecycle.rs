//! What happens when the interpreter comes and goes.

use std::time::Duration;

use pyo3::prelude::*;

use crate::runtime;
use crate::runtime::detach::detached;

/// The most an exit waits for the reactor to let go of its sockets; it takes well under 1 ms unless the machine is busy.
const PATIENCE: Duration = Duration::from_millis(500);

/// Stops everything: called at exit.
#[pyfunction]
fn _shutdown(py: Python<'_>) {
    detached(py, || runtime::shutdown(PATIENCE));
}

/// Registers [`_shutdown`] with `atexit`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let shutdown = wrap_pyfunction!(_shutdown, module)?;
    py.import("atexit")?.call_method1("register", (shutdown,))?;
    Ok(())
}
