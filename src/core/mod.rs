//! HTTP without Python: what a request is, how it is sent, retried, governed and collected.
//!
//! Nothing here knows pyo3 (a test enforces it).

<<<<<<< HEAD
pub mod completion;
pub mod error;
pub mod http;
=======
pub mod cookies;
pub mod decode;
pub mod error;
pub mod governor;
>>>>>>> pieces
pub mod redact;
pub mod request;
pub mod response;
pub mod retry;
pub mod save;
pub mod settings;
<<<<<<< HEAD
pub mod tls;
pub mod transport;
=======
pub mod stats;
>>>>>>> pieces
