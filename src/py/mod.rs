//! What Python sees of the core, thin: conversions in and out, and the bridge.

mod body;
mod charset;
mod error;
mod headers;
mod input;
mod job;
mod json;
mod limits;
mod links;
mod options;
mod params;
mod port;
mod progress;
mod request;
mod response;
mod restore;
mod server;
mod shown;

#[pyo3::pymodule(gil_used = false)]
mod _shoal {
    #[pymodule_export]
    use super::headers::PyHeaders;
    #[pymodule_export]
    use super::job::Job;
    #[pymodule_export]
    use super::request::PyRequest;
    #[pymodule_export]
    use super::response::PyResponse;
    #[pymodule_export]
    use super::restore::restore_response;
    #[pymodule_export]
    use super::server::PyServer;

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        super::headers::register(module.py())
    }
}
