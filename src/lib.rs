//! Shoal: fetch many things, work on them on all cores, and save them, off the GIL.
//!
//! The map, from the outside in; dependencies point downwards only:
//!
//! - `py`: every `#[pyclass]` and `#[pyfunction]`, thin (feature `python`).
//! - [`core`]: HTTP in pure Rust. [`cpu`]: kernels over batches of documents, pure Rust.
//!   [`server`]: the embedded test server, pure Rust.
//! - [`runtime`]: the only owner of threads.

pub mod core;
pub mod cpu;
#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(feature = "python")]
mod py;
pub mod runtime;
pub mod server;
