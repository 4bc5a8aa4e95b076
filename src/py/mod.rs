//! What Python sees of the core, thin: conversions in and out, and the bridge.

mod interrupt;
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

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "Python's name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
    /// `shoal/__init__.py` warns of a build that is many times slower.
    #[pymodule_export]
    const DEBUG_BUILD: bool = cfg!(debug_assertions);
}
