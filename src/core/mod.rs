//! HTTP without Python: what a request is, how it is sent, retried, governed and collected.
//!
//! Nothing here knows pyo3 (a test enforces it).

pub mod cookies;
pub mod decode;
pub mod error;
pub mod governor;
pub mod redact;
pub mod request;
pub mod response;
pub mod retry;
pub mod save;
pub mod settings;
pub mod stats;
