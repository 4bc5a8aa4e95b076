//! The extension module: the classes and functions that Python sees, over the crates of the workspace.
//!
//! `bridge` runs work as jobs and streams. `http` (with `arguments`), `parallel` and `testing` are the API; each converts
//! its arguments, starts work through `bridge`, and converts the results. They use the layers below and not each other,
//! except that `parallel` takes responses of `http` as documents.

#[macro_use]
mod arguments;
mod bridge;
mod http;
mod parallel;
mod testing;

use pyo3::prelude::*;

/// The entry points of the fuzz targets (`fuzz/`).
#[cfg(fuzzing)]
pub mod fuzzing {
    /// The value that the parser of `Response.json()` reads; `None` if it leaves the text to `json.loads`.
    pub use crate::http::json::parse_fast as json_objects;
}

/// The extension module. Everything is added by hand and after the check of the interpreter: a class created in a
/// subinterpreter would be destroyed with it.
#[pymodule(gil_used = false)]
fn _shoal(module: &Bound<'_, PyModule>) -> PyResult<()> {
    bridge::lifecycle::refuse_subinterpreter()?;
    module.add_class::<http::client::PyClient>()?;
    module.add_class::<http::headers::PyHeaders>()?;
    module.add_class::<bridge::job::Job>()?;
    module.add_class::<arguments::settings::PyLimits>()?;
    module.add_class::<arguments::settings::PyRetry>()?;
    module.add_class::<parallel::column::PyColumn>()?;
    module.add_class::<parallel::table::PyTable>()?;
    module.add_class::<bridge::promise::PyPromise>()?;
    module.add_class::<http::request::PyRequest>()?;
    module.add_class::<http::response::PyResponse>()?;
    module.add_class::<testing::PyServer>()?;
    module.add_class::<bridge::stats::PyStats>()?;
    module.add_class::<bridge::stream::Stream>()?;
    module.add_class::<arguments::settings::PyTimeout>()?;
    module.add_function(wrap_pyfunction!(http::client::gather_fetch, module)?)?;
    module.add_function(wrap_pyfunction!(http::client::stream_fetch, module)?)?;
    module.add_function(wrap_pyfunction!(bridge::callbacks::_unraisable, module)?)?;
    module.add_function(wrap_pyfunction!(bridge::promise::_end_with_parent, module)?)?;
    module.add_function(wrap_pyfunction!(arguments::table::_keyword_types, module)?)?;
    module.add_function(wrap_pyfunction!(arguments::request::_safe_name, module)?)?;
    module.add_function(wrap_pyfunction!(http::response::restore_response, module)?)?;
    for function in ["gather_fetch", "stream_fetch"] {
        // The public name. Classes have theirs in `#[pyclass(module)]`.
        module.getattr(function)?.setattr("__module__", "shoal")?;
    }
    parallel::register(module)?;
    module.add("DEBUG_BUILD", cfg!(debug_assertions))?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    http::headers::register(module.py())?;
    bridge::lifecycle::register(module)
}
