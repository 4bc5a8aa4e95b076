//! What Python sees of the core, thin: conversions in and out, and the bridge.

mod error;
mod job;
mod port;
mod progress;
mod response;
mod server;

#[pyo3::pymodule(gil_used = false)]
mod _shoal {
    #[pymodule_export]
    use super::job::Job;
    #[pymodule_export]
    use super::response::PyResponse;
    #[pymodule_export]
    use super::server::PyServer;
}
