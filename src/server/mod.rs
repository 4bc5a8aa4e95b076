//! The embedded HTTP server for tests, demos and benchmarks, pure Rust.
