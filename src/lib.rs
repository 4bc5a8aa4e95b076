//! What Python sees of the core, thin: conversions in and out, and the bridge.

mod awaiting;
mod batch;
mod body;
mod callbacks;
mod charset;
mod client;
mod detach;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod harvest;
mod headers;
mod input;
mod interrupt;
mod job;
mod json;
mod lend;
mod lifecycle;
mod limits;
mod options;
mod outcome;
mod parallel;
mod params;
mod plan;
mod port;
mod progress;
mod promise;
mod request;
mod response;
mod restore;
mod server;
mod shown;
mod single;
mod source;
mod stats;
mod stream;
mod timeout;
mod unwatched;
mod work;

#[cfg(fuzzing)]
use json::fast as json_fast;

use pyo3::prelude::*;

/// The extension module. Everything is added by hand, after the look at the interpreter: a class that another interpreter
/// had made first would be gone with it.
#[pymodule(gil_used = false)]
fn _shoal(module: &Bound<'_, PyModule>) -> PyResult<()> {
    lifecycle::refuse_subinterpreter()?;
    module.add_class::<client::PyClient>()?;
    module.add_class::<headers::PyHeaders>()?;
    module.add_class::<job::Job>()?;
    module.add_class::<limits::PyLimits>()?;
    module.add_class::<limits::PyRetry>()?;
    module.add_class::<parallel::column::PyColumn>()?;
    module.add_class::<parallel::table::PyTable>()?;
    module.add_class::<promise::PyPromise>()?;
    module.add_class::<request::PyRequest>()?;
    module.add_class::<response::PyResponse>()?;
    module.add_class::<server::PyServer>()?;
    module.add_class::<stats::PyStats>()?;
    module.add_class::<stream::Stream>()?;
    module.add_class::<timeout::PyTimeout>()?;
    module.add_function(wrap_pyfunction!(batch::gather_fetch, module)?)?;
    module.add_function(wrap_pyfunction!(batch::stream_fetch, module)?)?;
    module.add_function(wrap_pyfunction!(callbacks::_unraisable, module)?)?;
    module.add_function(wrap_pyfunction!(promise::_end_with_parent, module)?)?;
    module.add_function(wrap_pyfunction!(restore::restore_response, module)?)?;
    for function in ["gather_fetch", "stream_fetch"] {
        // Where users find them; the classes say so by their `module`.
        module.getattr(function)?.setattr("__module__", "shoal")?;
    }
    parallel::register(module)?;
    module.add("DEBUG_BUILD", cfg!(debug_assertions))?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    headers::register(module.py())?;
    lifecycle::register(module)
}
