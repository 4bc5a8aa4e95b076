//! What Python sees of the core, thin: conversions in and out, and the bridge.

mod arguments;
mod bridge;
#[cfg(fuzzing)]
pub mod fuzzing;
mod http;
mod parallel;
mod testing;

#[cfg(fuzzing)]
use http::json::parse_fast as json_fast;

use pyo3::prelude::*;

/// The extension module. Everything is added by hand, after the look at the interpreter: a class that another interpreter
/// had made first would be gone with it.
#[pymodule(gil_used = false)]
fn _shoal(module: &Bound<'_, PyModule>) -> PyResult<()> {
    bridge::lifecycle::refuse_subinterpreter()?;
    module.add_class::<http::client::PyClient>()?;
    module.add_class::<http::headers::PyHeaders>()?;
    module.add_class::<bridge::job::Job>()?;
    module.add_class::<arguments::limits::PyLimits>()?;
    module.add_class::<arguments::limits::PyRetry>()?;
    module.add_class::<parallel::column::PyColumn>()?;
    module.add_class::<parallel::table::PyTable>()?;
    module.add_class::<bridge::promise::PyPromise>()?;
    module.add_class::<http::request::PyRequest>()?;
    module.add_class::<http::response::PyResponse>()?;
    module.add_class::<testing::server::PyServer>()?;
    module.add_class::<http::stats::PyStats>()?;
    module.add_class::<http::stream::Stream>()?;
    module.add_class::<arguments::timeout::PyTimeout>()?;
    module.add_function(wrap_pyfunction!(http::batch::gather_fetch, module)?)?;
    module.add_function(wrap_pyfunction!(http::batch::stream_fetch, module)?)?;
    module.add_function(wrap_pyfunction!(bridge::callbacks::_unraisable, module)?)?;
    module.add_function(wrap_pyfunction!(bridge::promise::_end_with_parent, module)?)?;
    module.add_function(wrap_pyfunction!(http::restore::restore_response, module)?)?;
    for function in ["gather_fetch", "stream_fetch"] {
        // Where users find them; the classes say so by their `module`.
        module.getattr(function)?.setattr("__module__", "shoal")?;
    }
    parallel::register(module)?;
    module.add("DEBUG_BUILD", cfg!(debug_assertions))?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    http::headers::register(module.py())?;
    bridge::lifecycle::register(module)
}
