//! HTTP without Python: what a request is, how it is sent, retried, governed and collected.
//!
//! Nothing here knows pyo3 (a test enforces it).

pub mod completion;
pub mod error;
pub mod http;
pub mod redact;
pub mod request;
pub mod response;
pub mod retry;
pub mod settings;
pub mod tls;
pub mod transport;
