//! What Python sees of the core, thin: conversions in and out, and the bridge.

mod job;
mod port;
mod progress;

#[pyo3::pymodule(gil_used = false)]
mod _shoal {
    #[pymodule_export]
    use super::job::Job;
}
