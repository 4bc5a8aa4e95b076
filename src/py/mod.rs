//! What Python sees of the core, thin: conversions in and out, and the bridge.

mod interrupt;
mod batch;
mod client;
mod error;
mod harvest;
mod headers;
mod input;
mod job;
mod lifecycle;
mod limits;
mod options;
mod params;
mod plan;
mod body;
mod charset;
mod error;
mod headers;
mod job;
mod json;
mod links;
mod port;
mod progress;
mod request;
mod response;
mod restore;
mod server;
mod source;
mod stats;
mod stream;
mod work;
mod shown;

#[pyo3::pymodule(gil_used = false)]
mod _shoal {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::batch::{gather_fetch, stream_fetch};
    #[pymodule_export]
    use super::client::PyClient;
    #[pymodule_export]
    use super::headers::PyHeaders;
    #[pymodule_export]
    use super::job::Job;
    #[pymodule_export]
    use super::limits::{PyLimits, PyRetry, PyTimeout};
    #[pymodule_export]
    use super::request::PyRequest;
    #[pymodule_export]
    use super::response::PyResponse;
    #[pymodule_export]
    use super::restore::restore_response;
    #[pymodule_export]
    use super::server::PyServer;

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "Python's name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
    /// `shoal/__init__.py` warns of a build that is many times slower.
    #[pymodule_export]
    const DEBUG_BUILD: bool = cfg!(debug_assertions);
    #[pymodule_export]
    use super::stats::PyStats;
    #[pymodule_export]
    use super::stream::Stream;

    #[pymodule_export]
    const DEBUG_BUILD: bool = cfg!(debug_assertions);

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        super::lifecycle::register(module)
    }
}
