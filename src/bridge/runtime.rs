//! The reactor and other threads of the runtime, or the exception for why there are none.

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use tokio::runtime::Handle;

use super::lifecycle::exiting;
use shoal_runtime::RuntimeError;

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
