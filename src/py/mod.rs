//! What Python sees of the core, thin: conversions in and out, and the bridge.

#[pyo3::pymodule(gil_used = false)]
mod _shoal {}
